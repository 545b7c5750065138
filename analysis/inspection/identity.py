"""Events that are there twice: the same file under two names, or the same events in two files.

Observed events are known by run, luminosity block and event number. Those of simulation begin
again at 1 in every sample, and are known by the largest transverse momentum of their photons, too;
without photons they are not compared. Kept is one hash of 64 bits per event: among 36 million
events two different ones have the same with a probability of 4e-5.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from tools.digests import digest_file

if TYPE_CHECKING:
    import awkward as ak

Identities = npt.NDArray[np.uint64]
_MIX = (np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB))
"""of splitmix64 (Steele, Lea, Flood, doi:10.1145/2660193.2660195)"""


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


def identities(
    numbers: Sequence[npt.NDArray[np.generic]], pt: "ak.Array | None" = None
) -> Identities:
    """Return a number for each event by which it is known; 0 where it has none.

    Parameters
    ----------
    numbers : sequence of ndarray, shape (events,)
        Run, luminosity block, event number; none, if events are not to be known.
    pt : array, optional
        Transverse momenta of each event's photons, of simulation.
    """
    if not numbers:
        return np.empty(0, np.uint64)
    mixed = np.zeros(len(numbers[0]), np.uint64)
    for each in numbers:
        mixed = _mixed(mixed ^ _mixed(each.astype(np.uint64)))
    if pt is None:
        return mixed
    import awkward as ak

    largest = ak.to_numpy(ak.fill_none(ak.max(pt, axis=1), 0.0)).astype(np.float32)
    mixed = _mixed(mixed ^ largest.view(np.uint32).astype(np.uint64))
    return np.where(largest > 0, mixed, np.uint64(0))


def _mixed(values: Identities) -> Identities:
    """Return hashes, of different numbers different ones."""
    values = values + np.uint64(0x9E3779B97F4A7C15)
    for shift, factor in zip((30, 27), _MIX, strict=True):
        values = (values ^ (values >> np.uint64(shift))) * factor
    mixed: Identities = values ^ (values >> np.uint64(31))
    return mixed


def shared(files: Sequence[Identities]) -> list[Shared]:
    """Return which files have events in common."""
    found = []
    for (i, one), (j, other) in combinations(enumerate(files), 2):
        common, first, second = np.intersect1d(one, other, return_indices=True)
        known = common != 0
        if known.any():
            at = np.flatnonzero(known)[np.argmin(second[known])]
            found.append(Shared(i, j, int(known.sum()), int(first[at]), int(second[at])))
    return found


def equal_files(files: Sequence[Path]) -> dict[int, int]:
    """Return the files that have the same bytes as one before, with the first of these.

    Only files of one size are read.
    """
    sizes = [path.stat().st_size if path.is_file() else 0 for path in files]
    twins = [n for n, size in enumerate(sizes) if size and sizes.count(size) > 1]
    first: dict[str, int] = {}
    found = {n: first.setdefault(digest_file(files[n]), n) for n in twins}
    return {n: other for n, other in found.items() if n != other}
