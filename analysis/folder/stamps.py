"""After unblinding: what every result says once something was changed, and what was changed.

Figures and the page take their stamp when they are drawn. Result files carry two keys more:
``after_unblinding``, the reason, and ``changed_after_unblinding``, the names of what was changed.
Results that such a change does not make out of date (a selection, a ledger) are given them too.
"""

from analysis.folder.blinding import is_unblinded
from analysis.folder.folder import CUTFLOW, FREE, LEDGER, SELECTION, Folder
from analysis.folder.program import program_changes
from analysis.results.codec import to_json
from analysis.results.freeze import Freeze, Stamp, Unblinding
from tools.json_file import write_sealed
from tools.names import listed

STAMPED = (SELECTION, CUTFLOW, LEDGER)
"""results that are not made again with every change"""
_MAX_NAMES = 3


def stamp(folder: Folder) -> Stamp | None:
    """Return what every result holds because something was changed after unblinding, if it was."""
    if not is_unblinded(folder):
        return None
    opened = folder.load(Unblinding, made_by="unblind")
    reasons = [change.reason for change in opened.changes]
    names = [name for change in opened.changes for name in change.changed]
    if opened.programs:  # the program that made the results may not be the one that was frozen
        frozen = folder.load(Freeze, made_by="freeze").program
        if parts := program_changes(frozen, opened.programs[-1]):
            reasons.append(f"the program changed ({', '.join(parts)})")
            names += [f"program.{part}" for part in parts]
    if not reasons:
        return None
    return Stamp(
        after_unblinding="; ".join(dict.fromkeys(reasons)),
        changed_after_unblinding=tuple(dict.fromkeys(names)),
    )


def after_unblinding(folder: Folder) -> str | None:
    """Return why something was changed after unblinding; None if nothing was."""
    found = stamp(folder)
    return None if found is None else found.after_unblinding


def stamp_products(folder: Folder) -> None:
    """Put the stamp on results that a change does not make out of date."""
    changed = stamp(folder)
    if changed is None:
        return
    wanted = to_json(changed)
    for name in STAMPED:
        document = folder.read_if_there(name)
        written = {**(document or {}), **wanted}
        if document is not None and written != document:
            write_sealed(folder.path / name, written, free=FREE.get(name, ()))


def told(changed: Stamp) -> str:
    """Return the stamp of a figure: the reason, and what was changed.

    >>> names = ("a", "b", "c", "d", "e")
    >>> told(Stamp(after_unblinding="a bug", changed_after_unblinding=names))
    'a bug (a, b, c and 2 more)'
    >>> told(Stamp(after_unblinding="a bug", changed_after_unblinding=()))
    'a bug'
    """
    names = listed(changed.changed_after_unblinding, _MAX_NAMES)
    return changed.after_unblinding + (f" ({names})" if names else "")
