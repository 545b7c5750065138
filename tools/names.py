"""Names in messages: the right one for a wrong one, and lists of them that are never long."""

from collections.abc import Iterable
from difflib import SequenceMatcher
from pathlib import Path

from tools.shown import shortened

MOST_NAMES = 10
"""in a list in a message"""
_LONGEST = 80
"""characters of one name: those of the user's files may be of any length"""
_NEAR = 0.7
"""ratio of `difflib` from which on two names look alike"""
_COMPARED = 200
"""characters of a name that is compared with others"""


def listed(names: Iterable[object], most: int = MOST_NAMES) -> str:
    """Return the first names, with commas, and how many more there are; only paths are never cut.

    >>> listed(range(3)), listed(range(30), most=2), listed([])
    ('0, 1, 2', '0, 1 and 28 more', '')
    """
    names = list(names)
    more = len(names) - most
    first = (str(n) if isinstance(n, Path) else shortened(str(n), _LONGEST) for n in names[:most])
    return ", ".join(first) + (f" and {more:,} more" if more > 0 else "")


def counted(number: int, what: str) -> str:
    """Return how many there are of something.

    >>> counted(1, "chunk"), counted(2000, "chunk")
    ('1 chunk', '2,000 chunks')
    """
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"


def nearest(wrong: object, right: Iterable[str]) -> str:
    """Return the question whether the nearest of the right names is meant; empty if none is near.

    >>> nearest("n_jest", ["n_jets", "n_leptons"]), nearest("N_JETS", ["n_jets"])
    (" (is it 'n_jets'?)", " (is it 'n_jets'?)")
    >>> nearest("weight", ["n_jets", "n_leptons"])
    ''
    """
    if not isinstance(wrong, str) or len(wrong) > _COMPARED:
        return ""

    def likeness(name: str) -> float:
        return SequenceMatcher(None, wrong.casefold(), name.casefold()).ratio()

    name = max(right, key=likeness, default="")  # of equals, the first
    return f" (is it {name!r}?)" if likeness(name) >= _NEAR else ""


def span(low: float, high: float) -> str:
    """Return a range as text, or the one number that it is.

    >>> span(500.0, 612.3), span(1000.0, 1000.0)
    ('500 to 612', '1000')
    """
    return f"{low:.0f}" if low == high else f"{low:.0f} to {high:.0f}"
