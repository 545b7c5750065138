"""The rules of a model selection: what is read, what is tried, and what passes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np

from analysis.settings.search import PeakFit, Search, Window
from analysis.statistics.background.entries import Entry, Flags, Indices
from analysis.statistics.background.families import Function, functions
from analysis.statistics.background.smooth_spectra import KINDS
from analysis.statistics.spectra.bins import between, bin_edges, outside
from analysis.statistics.spectra.signal_model import SignalModel
from tools.arrays import FloatArray

NEIGHBOURHOOD = 2.0
"""resolutions within which the largest spurious signal counts"""
STEP_GeV = 20.0
"""at most, between the masses at which spurious signals are computed: they change slowly"""


@dataclass(frozen=True, slots=True, eq=False)
class Rules:
    """The rules of one channel's model selection."""

    extrapolates: ClassVar[bool] = True
    """whether test spectra are taken far from where they were fitted: they have to fall there"""
    limits_orders: ClassVar[bool] = False
    """whether functions with more parameters than needed, or a rising tail, are refused"""
    low_GeV: FloatArray
    """lower edges of the bins of the full range, from its lowest beginning"""
    high_GeV: FloatArray
    window: Window
    """whose bins are not read; of an open spectrum empty, as its masks are in its place"""
    lows_GeV: tuple[float, ...]
    """beginnings of the range, in the order in which they are tried"""
    settings: PeakFit
    gof_pvalue: float
    min_parameters: int
    """fewest parameters of a function that has to hold in the full range"""
    sqrt_s_GeV: float
    signal: SignalModel
    masses_GeV: FloatArray
    ranges: tuple[str, ...] = ("full", "window")
    """ranges in which candidates are tried; where nothing passes, the best of the last is taken"""
    named: Function | None = None
    """the only candidate, where somebody named it"""

    @classmethod
    def of(cls, search: Search, signal: SignalModel, sqrt_s_GeV: float) -> Self:
        """Return the rules of a search."""
        fit, scanned = search.fit, search.signal
        edges = bin_edges(fit.low_GeV, fit.high_GeV, fit.bin_GeV)
        steps = max(1, int(np.ceil((scanned.high_GeV - scanned.low_GeV) / STEP_GeV)))
        return cls(
            low_GeV=edges[:-1],
            high_GeV=edges[1:],
            window=search.window,
            lows_GeV=fit.lows_GeV,
            settings=search.peak,
            gof_pvalue=fit.gof_pvalue,
            min_parameters=fit.min_parameters,
            sqrt_s_GeV=sqrt_s_GeV,
            signal=signal,
            masses_GeV=np.linspace(scanned.low_GeV, scanned.high_GeV, steps + 1),
        )

    def test_functions(self) -> tuple[Function, ...]:
        """Return the functions that serve as test spectra, too: the simplest candidates."""
        largest, tried = self.min_parameters + 1, self.functions(self.min_parameters)
        return tuple(f for f in tried if len(f.parameters) <= largest and not f.additive)

    def cost(self, entry: Entry) -> FloatArray:
        """Return what is smallest for the best of functions that do not pass, shape (T,)."""
        return entry.worst

    def counting(self, _names: Sequence[str], valid: Flags, _deviances: FloatArray) -> Flags:
        """Return which of the test spectra that fit count, shape (K, T)."""
        return valid

    def tests(self, _function: Function, names: Sequence[str], valid: Flags) -> Flags:
        """Tell for which spectra the test spectra are a test of a function in the full range."""
        return np.asarray(valid[[name in KINDS for name in names]].any(axis=0))

    @property
    def unread(self) -> tuple[Window, ...]:
        """Intervals whose bins are not read."""
        return (self.window,)

    def reads(self, low_GeV: FloatArray, high_GeV: FloatArray) -> Flags:
        """Tell which bins, given by their edges, are read."""
        found = np.ones(len(low_GeV), dtype=bool)
        for window in self.unread:
            found &= outside(low_GeV, high_GeV, window)
        return found

    def inside(self, first_GeV: float, last_GeV: float) -> Flags:
        """Tell which bins lie between two masses."""
        return between(self.low_GeV, self.high_GeV, first_GeV, last_GeV)

    @property
    def neighbours(self) -> Indices:
        """How many masses of the grid lie within `NEIGHBOURHOOD` of each, on either side."""
        masses = self.masses_GeV
        step = float(np.diff(masses).min()) if len(masses) > 1 else 1.0
        return np.ceil(NEIGHBOURHOOD * self.signal.width_GeV(masses) / step).astype(int)

    def candidates(self, min_parameters: int) -> tuple[Function, ...]:
        """Return the functions that are tried, simplest first."""
        return self.functions(min_parameters) if self.named is None else (self.named,)

    def functions(self, min_parameters: int, families: Sequence[str] = ()) -> tuple[Function, ...]:
        """Return the functions of the settings, or of other families, simplest first."""
        return functions(
            families or self.settings.families,
            min_parameters=min_parameters,
            max_parameters=self.settings.max_parameters,
            sqrt_s_GeV=self.sqrt_s_GeV,
            own=self.settings.own,
        )
