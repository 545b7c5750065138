"""Toys without a resonance: what the whole procedure says of them.

Every toy is decided on its own sidebands and fitted with what it chose. Kept are the local
significances at three fixed masses, the largest of the scan, and what was chosen with which
spurious signal: global significance and expected error follow from that (`frozen`).
"""

from dataclasses import dataclass

import numpy as np

from analysis.calibration.frozen import Held, Setting
from analysis.statistics.entries import Flags, Indices
from analysis.statistics.spectra import FloatArray
from analysis.statistics.toys import experiment

FIXED_GeV = (500.0, 750.0, 1000.0)
_TOYS = 100
"""decided together"""


@dataclass(frozen=True, slots=True, eq=False)
class Empty:
    """What T toys showed."""

    fixed_z: FloatArray
    """signed, at the masses `FIXED_GeV`, shape (T, 3)"""
    largest_z: FloatArray
    """of the scan, shape (T,); NaN where it was not looked for"""
    held: tuple[Held, ...]
    """what was chosen"""
    choice: Indices
    """index into `held`, shape (T,)"""
    spurious: FloatArray
    """at each mass of the scan, shape (T, M)"""
    passes: Flags
    """whether the choice is good enough"""

    def __add__(self, other: "Empty") -> "Empty":
        """Return all toys of both."""
        held = tuple(dict.fromkeys((*self.held, *other.held)))
        index = np.array([held.index(each) for each in other.held], dtype=np.intp)
        own = np.array([held.index(each) for each in self.held], dtype=np.intp)
        return Empty(
            np.concatenate([self.fixed_z, other.fixed_z]),
            np.concatenate([self.largest_z, other.largest_z]),
            held,
            np.concatenate([own[self.choice], index[other.choice]]),
            np.concatenate([self.spurious, other.spurious]),
            np.concatenate([self.passes, other.passes]),
        )


def empty_toys(setting: Setting, *, seed: int, numbers: range, scans: int) -> Empty:
    """Return what some toys show.

    Parameters
    ----------
    setting : Setting
    seed : int
    numbers : range
        Which toys of the seed.
    scans : int
        Toys below this number are scanned, the others are fitted at the fixed masses only.
    """
    toys = experiment(setting.search, setting.signal, [setting.expected], setting.sqrt_s_GeV)
    masses = toys.masses_GeV
    where = np.array([int(np.argmin(np.abs(masses - mass))) for mass in FIXED_GeV])
    size = len(numbers)
    found = Empty(
        np.empty((size, len(FIXED_GeV))),
        np.full(size, np.nan),
        (),
        np.empty(size, dtype=np.intp),
        np.empty((size, len(masses))),
        np.zeros(size, dtype=bool),
    )
    held: list[Held] = []
    for first in range(0, size, _TOYS):
        last = min(first + _TOYS, size)
        for group in toys.groups(toys.draw(seed, numbers[first:last])):
            rows, own = first + group.toys, len(group.toys)
            z, _, _ = group.fit(np.tile(where, own), np.repeat(np.arange(own), len(where)))
            found.fixed_z[rows] = z.reshape(own, len(where))
            if numbers[first] < scans:
                found.largest_z[rows] = group.largest()[0]
            here = Held.by(group)
            if here not in held:
                held.append(here)
            found.choice[rows] = held.index(here)
            found.spurious[rows], found.passes[rows] = group.spurious[..., 0], group.passes
    return Empty(
        found.fixed_z, found.largest_z, tuple(held), found.choice, found.spurious, found.passes
    )
