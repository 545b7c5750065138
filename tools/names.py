"""The right name for a wrong one: what a message suggests where a name is not known."""

from collections.abc import Iterable
from difflib import SequenceMatcher

_NEAR = 0.7
"""ratio of `difflib` from which on two names look alike"""


def nearest(wrong: object, right: Iterable[str]) -> str:
    """Return the question whether the nearest of the right names is meant; empty if none is near.

    >>> nearest("n_jest", ["n_jets", "n_leptons"]), nearest("N_JETS", ["n_jets"])
    (" (is it 'n_jets'?)", " (is it 'n_jets'?)")
    >>> nearest("weight", ["n_jets", "n_leptons"])
    ''
    """

    def likeness(name: str) -> float:
        return SequenceMatcher(None, str(wrong).casefold(), name.casefold()).ratio()

    name = max(right, key=likeness, default="")  # of equals, the first
    return f" (is it {name!r}?)" if likeness(name) >= _NEAR else ""
