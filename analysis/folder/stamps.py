"""After unblinding: what every result says once something was changed, and what was changed.

Figures and the page take their stamp when they are drawn. Result files carry two keys more:
``after_unblinding``, the reason, and ``changed_after_unblinding``, the names of what was changed.
Results that such a change does not make out of date (a selection, a ledger) are given them too.
"""

from analysis.folder.blinding import is_unblinded
from analysis.folder.folder import CUTFLOW, FREE, LEDGER, SELECTION, Folder
from analysis.folder.program import program_changes
from analysis.results.codec import to_json
from analysis.results.freeze import Freeze
from analysis.results.unblinding import Change, Stamp, Unblinding
from tools.json_file import write_sealed
from tools.names import listed

STAMPED = (SELECTION, CUTFLOW, LEDGER)
"""results that are not made again with every change"""
_MOST_NAMES = 3


def after_unblinding(folder: Folder) -> str | None:
    """Return what stands on every result because something was changed after unblinding."""
    reasons = [change.reason for change in _changes(folder)]
    if parts := _program_changed(folder):
        reasons.append(f"the program changed ({', '.join(parts)})")
    return "; ".join(dict.fromkeys(reasons)) or None


def changed_since(folder: Folder) -> list[str]:
    """Return the names of everything that was changed after unblinding."""
    names = [name for change in _changes(folder) for name in change.changed]
    return list(dict.fromkeys([*names, *(f"program.{part}" for part in _program_changed(folder))]))


def _changes(folder: Folder) -> tuple[Change, ...]:
    opened = folder.load_if_there(Unblinding) if is_unblinded(folder) else None
    return () if opened is None else opened.changes


def _program_changed(folder: Folder) -> list[str]:
    """Return the parts of the program that made the results and are not those that were frozen."""
    if not is_unblinded(folder):
        return []
    frozen = folder.load(Freeze, made_by="freeze")
    used = folder.load(Unblinding, made_by="unblind").programs
    return program_changes(frozen.program, used[-1]) if used else []


def stamp(folder: Folder) -> Stamp | None:
    """Return what every result file holds after a change; None without one."""
    why = after_unblinding(folder)
    if why is None:
        return None
    return Stamp(after_unblinding=why, changed_after_unblinding=tuple(changed_since(folder)))


def stamp_products(folder: Folder) -> None:
    """Put the stamp on results that a change does not make out of date."""
    changed = stamp(folder)
    wanted = {} if changed is None else to_json(changed)
    for name in STAMPED if wanted else ():
        document = folder.read_if_there(name)
        written = {**(document or {}), **wanted}
        if document is not None and written != document:
            write_sealed(folder.path / name, written, free=FREE.get(name, ()))


def told(why: str, names: list[str]) -> str:
    """Return the stamp of a figure: the reason, and what was changed.

    >>> told("the referee asked", ["search.limits.confidence_level"])
    'the referee asked (search.limits.confidence_level)'
    >>> told("a bug", ["a", "b", "c", "d", "e"])
    'a bug (a, b, c and 2 more)'
    >>> told("a bug", [])
    'a bug'
    """
    if not names:
        return why
    return f"{why} ({listed(names, _MOST_NAMES)})"
