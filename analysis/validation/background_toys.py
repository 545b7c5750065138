"""Toys without a resonance: what the whole procedure says of them.

Every toy is decided on its own sidebands and fitted with what it chose. Kept are the local
significances at three fixed masses, the largest of the scan, and what was chosen with which
spurious signal: global significance and expected error follow from that (`fixed_model`).

As no tournament reads the window, several windows can be drawn to the sidebands of a toy: each is a
toy of the whole procedure, and what is decided is decided once. They are not independent quite (the
functions are the same, and those of the full range are fitted to the same sidebands): `toy_checks`
takes the errors from the spread between toys.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from analysis.statistics.background.entries import Flags, Indices
from analysis.statistics.resonance.toys import ToyGroup
from analysis.statistics.spectra.streams import window_toy_stream
from analysis.validation.columns import Columns
from analysis.validation.fits import some
from analysis.validation.fixed_model import FixedModel, Setting
from analysis.validation.rates import FIXED_GeV
from tools.arrays import FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class BackgroundToys(Columns):
    """What T spectra showed; those with the same sidebands follow each other."""

    number: Indices
    """of the toy; those decided alike stand together, shape (T,)"""
    fixed_z: FloatArray
    """signed, at the masses `FIXED_GeV`, shape (T, 3)"""
    largest_z: FloatArray
    """of the scan, shape (T,); NaN where it was not looked for"""
    functions: npt.NDArray[np.str_]
    """what was chosen, shape (T, C)"""
    spurious: FloatArray
    """at each mass of the scan, shape (T, M, C)"""
    passes: Flags
    """whether the choice is good enough"""

    def choices(self) -> dict[tuple[str, ...], Flags]:
        """Return what was chosen, the first first, and which toys chose it."""
        rows = [tuple(map(str, names)) for names in self.functions]
        return {
            names: np.array([row == names for row in rows], dtype=bool)
            for names in dict.fromkeys(rows)
        }


def background_toys(
    setting: Setting, *, seed: int, numbers: range, scans: int, windows: int = 1
) -> BackgroundToys:
    """Return what some toys show.

    Parameters
    ----------
    setting : Setting
    seed : int
    numbers : range
        Which toys of the seed.
    scans : int
        If the first of them is below this number they are scanned; else they are fitted at the
        fixed masses only.
    windows : int
        Drawn to the sidebands of each toy.
    """
    toys = setting.experiment
    where = np.array([int(np.argmin(np.abs(toys.masses_GeV - mass))) for mass in FIXED_GeV])
    parts = []
    for decided in toys.groups(toys.draw(seed, numbers)):
        group = _redrawn(setting, decided, windows, seed, [numbers[t] for t in decided.toys])
        own = len(group.toys)
        z = group.fit(np.tile(where, own), np.repeat(np.arange(own), len(where)))
        scanned = numbers[0] < scans
        chosen = FixedModel.by(group).names
        parts.append(
            BackgroundToys(
                number=numbers[0] + group.toys,
                fixed_z=z.reshape(own, len(where)),
                largest_z=group.largest()[0] if scanned else np.full(own, np.nan),
                functions=np.tile(np.array(chosen, "U80"), (own, 1)),
                spurious=group.spurious,
                passes=group.passes.astype(bool),
            )
        )
    return BackgroundToys.joined(parts)


def _redrawn(
    setting: Setting, group: ToyGroup, windows: int, seed: int, numbers: list[int]
) -> ToyGroup:
    """Return each toy followed by others with its sidebands."""
    inside = setting.inside(group.peak)
    expected = setting.without_spurious(FixedModel.by(group)).counts[inside]
    redrawn = some(group, np.repeat(np.arange(len(group.toys)), windows))
    for row, number in enumerate(numbers):
        rng = window_toy_stream(seed, number)
        others = slice(row * windows + 1, (row + 1) * windows)
        redrawn.counts[others, inside] = rng.poisson(expected, (windows - 1, len(expected)))
    return redrawn
