"""Toys without a resonance: what the whole procedure says of them.

Every toy is decided on its own sidebands and fitted with what it chose. Kept are the local
significances at three fixed masses, the largest of the scan, and what was chosen with which
spurious signal: global significance and expected error follow from that (`frozen`).

As no tournament reads the window, several windows can be drawn to the sidebands of a toy: each is a
toy of the whole procedure, and what is decided is decided once. They are not independent quite (the
functions are the same, and those of the full range are fitted to the same sidebands): `checks`
takes the errors from the spread between toys.
"""

from dataclasses import dataclass, replace

import numpy as np

from analysis.statistics.background.entries import Flags, Indices
from analysis.statistics.resonance.toys import Group
from analysis.statistics.spectra.bins import FloatArray
from analysis.validation.fixed_model import Held, Setting

FIXED_GeV = (500.0, 750.0, 1000.0)
_TOYS = 100
"""decided together"""


@dataclass(frozen=True, slots=True, eq=False)
class Empty:
    """What T spectra showed; those with the same sidebands follow each other."""

    fixed_z: FloatArray
    """signed, at the masses `FIXED_GeV`, shape (T, 3)"""
    largest_z: FloatArray
    """of the scan, shape (T,); NaN where it was not looked for"""
    held: tuple[Held, ...]
    """what was chosen"""
    choice: Indices
    """index into `held`, shape (T,)"""
    spurious: FloatArray
    """at each mass of the scan, shape (T, M, C)"""
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


def empty_toys(
    setting: Setting, *, seed: int, numbers: range, scans: int, windows: int = 1
) -> Empty:
    """Return what some toys show.

    Parameters
    ----------
    setting : Setting
    seed : int
    numbers : range
        Which toys of the seed.
    scans : int
        Toys below this number are scanned, the others are fitted at the fixed masses only.
    windows : int
        Drawn to the sidebands of each toy.
    """
    toys = setting.experiment
    masses = toys.masses_GeV
    where = np.array([int(np.argmin(np.abs(masses - mass))) for mass in FIXED_GeV])
    size = len(numbers) * windows
    found = Empty(
        np.empty((size, len(FIXED_GeV))),
        np.full(size, np.nan),
        (),
        np.empty(size, dtype=np.intp),
        np.empty((size, len(masses), len(setting.expected))),
        np.zeros(size, dtype=bool),
    )
    held: list[Held] = []
    for first in range(0, len(numbers), _TOYS):
        batch = numbers[first : first + _TOYS]
        for decided in toys.groups(toys.draw(seed, batch)):
            group = _redrawn(setting, decided, windows, seed, [batch[t] for t in decided.toys])
            rows = windows * (first + decided.toys)[:, None] + np.arange(windows)
            rows, own = rows.ravel(), len(group.toys)
            z, _, _ = group.fit(np.tile(where, own), np.repeat(np.arange(own), len(where)))
            found.fixed_z[rows] = z.reshape(own, len(where))
            if numbers[first] < scans:
                found.largest_z[rows] = group.largest()[0]
            here = Held.by(group)
            if here not in held:
                held.append(here)
            found.choice[rows] = held.index(here)
            found.spurious[rows], found.passes[rows] = group.spurious, group.passes
    return Empty(
        found.fixed_z, found.largest_z, tuple(held), found.choice, found.spurious, found.passes
    )


def _redrawn(setting: Setting, group: Group, windows: int, seed: int, numbers: list[int]) -> Group:
    """Return each toy followed by others with its sidebands."""
    inside = setting.inside(group.peak)
    expected = setting.spectra(Held.by(group), np.zeros(group.spurious.shape[1:])).counts[inside]
    counts = np.repeat(group.counts, windows, axis=0)
    for row, number in enumerate(numbers):
        rng = np.random.default_rng([seed, number, 2])
        others = slice(row * windows + 1, (row + 1) * windows)
        counts[others, inside] = rng.poisson(expected, (windows - 1, len(expected)))
    return replace(
        group,
        toys=np.repeat(group.toys, windows),
        counts=counts,
        spurious=np.repeat(group.spurious, windows, axis=0),
        passes=np.repeat(group.passes, windows),
    )
