"""Events that are there twice: the same file under two names, or the same events in two files.

Observed events are known by run, luminosity block and event number. Those of simulation begin
again at 1 in every sample, and are known by the largest transverse momentum of their photons, too;
without photons they are not compared. Kept is one hash of 64 bits per event: among 36 million
events two different ones have the same with a probability of 4e-5.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import awkward as ak

Identities = npt.NDArray[np.uint64]
_MIX = (np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB))
"""of splitmix64 (Steele, Lea, Flood, doi:10.1145/2660193.2660195)"""

KNOWN_BY = ("run", "lumi", "event", "channel")
"""what an event is known by, as far as a file tells it"""
_EXACT = 2.0**53
"""whole numbers below are floats exactly"""


@dataclass(frozen=True, slots=True)
class Shared:
    """Events that two files have in common."""

    first: int
    second: int
    """which files"""
    events: int
    entry_first: int
    entry_second: int
    """of the first such event, in both"""


def identities(numbers: Sequence["ak.Array"], pt: "ak.Array | None" = None) -> Identities:
    """Return a number for each event by which it is known; 0 where it has none.

    Parameters
    ----------
    numbers : sequence of array
        Run, luminosity block, event number, channel, as far as they are there; none, if events are
        not to be known. EDM4hep has lists of one.
    pt : array, optional
        Transverse momenta of each event's photons, of simulation.
    """
    if not numbers:
        return np.empty(0, np.uint64)
    mixed, known = np.zeros(len(numbers[0]), np.uint64), np.ones(len(numbers[0]), bool)
    for array in numbers:
        each, there = _flat(array)
        known = known & there
        if each.dtype.kind == "f":  # of a text file, or of a table that was made with pandas
            exact = np.abs(each) < _EXACT
            each, known = np.where(exact, each, 0.0).astype(np.int64), known & exact
        mixed = _mixed(mixed ^ _mixed(each.astype(np.uint64)))
    if pt is not None:
        import awkward as ak

        largest = ak.to_numpy(ak.fill_none(ak.max(pt, axis=1), 0.0)).astype(np.float32)
        mixed = _mixed(mixed ^ largest.view(np.uint32).astype(np.uint64))
        known &= largest > 0
    return np.where(known, mixed, np.uint64(0))


def _flat(array: "ak.Array") -> tuple[npt.NDArray[Any], npt.NDArray[np.bool_]]:
    """Return one number per event, and whether there is one."""
    import awkward as ak

    if array.ndim > 1:
        array = ak.firsts(array)
    there = ~ak.to_numpy(ak.is_none(array))
    # A zero, and no NaN: that would make floats of event numbers, which are not exact.
    return ak.to_numpy(ak.fill_none(array, 0)), there


def _mixed(values: Identities) -> Identities:
    """Return hashes, of different numbers different ones."""
    values = values + np.uint64(0x9E3779B97F4A7C15)
    for shift, factor in zip((30, 27), _MIX, strict=True):
        values = (values ^ (values >> np.uint64(shift))) * factor
    mixed: Identities = values ^ (values >> np.uint64(31))
    return mixed


def shared(files: Sequence[Identities]) -> list[Shared]:
    """Return which files have events of others before them; each event counts with its first."""
    events = np.concatenate(files)
    starts = np.cumsum([0, *(len(each) for each in files)])
    order = np.argsort(events, kind="stable")  # equal events in the order of the files
    ordered = events[order]
    begins = np.ones(len(ordered), bool)
    begins[1:] = ordered[1:] != ordered[:-1]
    first_of = np.maximum.accumulate(np.where(begins, np.arange(len(ordered)), 0))
    again = np.flatnonzero(~begins & (ordered != 0))
    one, other = order[first_of[again]], order[again]
    i, j = (np.searchsorted(starts, each, side="right") - 1 for each in (one, other))
    found = []
    for first, second in sorted(set(zip(i.tolist(), j.tolist(), strict=True))):
        if first == second:
            continue
        pairs = np.flatnonzero((i == first) & (j == second))
        at = pairs[np.argmin(other[pairs])]
        entries = int(one[at] - starts[first]), int(other[at] - starts[second])
        found.append(Shared(first, second, len(pairs), *entries))
    return found


def equal_files(digests: Sequence[str | None]) -> dict[int, int]:
    """Return the files that have the same bytes as one before, with the first of these.

    >>> equal_files(["a", None, "b", "a", None])
    {3: 0}
    """
    first: dict[str, int] = {}
    found = {n: first.setdefault(each, n) for n, each in enumerate(digests) if each}
    return {n: other for n, other in found.items() if n != other}
