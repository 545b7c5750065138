"""The rules of a tournament of background functions: what is read, what is tried, what passes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from analysis.settings.search import PeakFit, Search, Signal, Window
from analysis.statistics.background.entries import Entry, Flags, Indices
from analysis.statistics.background.families import Function, functions
from analysis.statistics.background.truths import KINDS
from analysis.statistics.spectra.bins import bin_edges
from analysis.statistics.spectra.signal_model import SignalModel
from tools.arrays import FloatArray

NEIGHBOURHOOD = 2.0
"""resolutions within which the largest spurious signal counts"""
STEP_GeV = 20.0
"""of the masses at which spurious signals are computed"""


@dataclass(frozen=True, slots=True, eq=False)
class Rules:
    """The rules of one channel's tournament."""

    low_GeV: FloatArray
    """lower edges of the bins of the full range, from its lowest beginning"""
    high_GeV: FloatArray
    window: Window
    """whose bins are not read"""
    lows_GeV: tuple[float, ...]
    """beginnings of the range, in the order in which they are tried"""
    settings: PeakFit
    gof_pvalue: float
    least_parameters: int
    """of a function that has to hold in the full range"""
    sqrt_s_GeV: float
    signal: SignalModel
    masses_GeV: FloatArray
    ranges: tuple[str, ...] = ("full", "window")
    """in which candidates are tried; where nothing passes, the best of the last is taken"""

    @classmethod
    def of(cls, search: Search, signal: SignalModel, sqrt_s_GeV: float) -> Self:
        """Return the rules of a search."""
        fit = search.fit
        edges = bin_edges(fit.low_GeV, fit.high_GeV, fit.bin_GeV)
        return cls(
            low_GeV=edges[:-1],
            high_GeV=edges[1:],
            window=search.window,
            lows_GeV=fit.lows_GeV,
            settings=search.peak,
            gof_pvalue=fit.gof_pvalue,
            least_parameters=fit.min_parameters,
            sqrt_s_GeV=sqrt_s_GeV,
            signal=signal,
            masses_GeV=_coarse(search.signal),
        )

    @property
    def extrapolates(self) -> bool:
        """Whether truths are taken far from where they were fitted: they have to fall there."""
        return True

    def truth_functions(self) -> tuple[Function, ...]:
        """Return the functions that are truths, too: the simplest of the tournament."""
        least = self.least_parameters
        return tuple(
            function
            for function in self.functions(least)
            if len(function.parameters) <= least + 1 and not function.additive
        )

    def cost(self, entry: Entry) -> FloatArray:
        """Return by what the least bad of functions that do not pass is chosen, shape (T,)."""
        return entry.worst

    def counting(self, _names: Sequence[str], valid: Flags, _misfit: FloatArray) -> Flags:
        """Return which of the truths that fit count, shape (K, T)."""
        return valid

    def tests(self, _function: Function, names: Sequence[str], valid: Flags) -> Flags:
        """Tell for which spectra the truths are a test of a function in the full range."""
        return np.asarray(valid[[name in KINDS for name in names]].any(axis=0))

    @property
    def reach(self) -> Indices:
        """How many masses of the grid lie within `NEIGHBOURHOOD` of each, on either side."""
        masses = self.masses_GeV
        step = float(np.diff(masses).min()) if len(masses) > 1 else 1.0
        return np.ceil(NEIGHBOURHOOD * self.signal.width_GeV(masses) / step).astype(int)

    def functions(self, least: int) -> tuple[Function, ...]:
        """Return the functions to try, with at least so many parameters."""
        return functions(
            self.settings.families,
            min_parameters=least,
            max_parameters=self.settings.max_parameters,
            sqrt_s_GeV=self.sqrt_s_GeV,
            own=self.settings.own,
        )


def _coarse(signal: Signal) -> FloatArray:
    """Return masses of at most `STEP_GeV` distance: spurious signals change slowly."""
    steps = max(1, int(np.ceil((signal.high_GeV - signal.low_GeV) / STEP_GeV)))
    return np.linspace(signal.low_GeV, signal.high_GeV, steps + 1)
