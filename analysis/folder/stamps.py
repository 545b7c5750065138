"""After unblinding: what every result says once something was changed, and what was changed.

Figures and the page take their stamp when they are drawn. Result files carry two keys more:
``after_unblinding``, the reason, and ``changed_after_unblinding``, the names of what was changed.
Results that such a change does not make out of date (a selection, a ledger) are given them too.
"""

from analysis.folder.decisions import after_unblinding, changed_since
from analysis.folder.folder import CUTFLOW, FREE, LEDGER, SELECTION, Folder
from analysis.results.codec import to_json
from analysis.results.unblinding import Stamp
from tools.json_file import write_sealed
from tools.names import listed

STAMPED = (SELECTION, CUTFLOW, LEDGER)
"""results that are not made again with every change"""
_MOST_NAMES = 3


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
        if document is not None and {key: document.get(key) for key in wanted} != wanted:
            written = {**document, **wanted}
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
