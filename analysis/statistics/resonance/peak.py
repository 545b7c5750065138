"""Fits of a resonance on the backgrounds of some channels, for many rows at once.

The likelihood is that of `peak_curve.py`; a row is a spectrum, or a mass hypothesis on it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from analysis.statistics.background.poisson import scoring_fit
from analysis.statistics.minimiser.scoring import Minima, Settings, minimise
from analysis.statistics.resonance.peak_curve import PeakCurve, PeakParameters
from tools.arrays import Columns, FloatArray

_MASS_BOUND_GeV = 200.0
"""how far the mass may move from where it starts"""
_PULL_BOUND = 5.0
"""of resolution and energy scale, in their uncertainties: the constraint holds fits far within"""
_NOTHING: Mapping[int, float] = {}
NUISANCES = ("background", "shape", "spurious", "given")
ALL_BUT_MASS = (*NUISANCES, "signal")
"""free under a mass hypothesis"""
NO_SIGNAL = ("background", "spurious", "given")
"""free without a resonance"""


@dataclass(frozen=True, slots=True, eq=False)
class MassScan(Columns):
    """Fits at fixed masses; all arrays have shape (M,)."""

    mass_GeV: FloatArray
    signal_events: FloatArray
    """best S of either sign"""
    signal_error_events: FloatArray
    """uncertainty of S"""
    z: FloatArray
    """sqrt(q0) with the sign of S"""
    deviance: FloatArray
    """deviance of the best fit"""
    null_deviance: FloatArray
    """deviance without a signal"""
    converged: npt.NDArray[np.bool_]

    @property
    def best(self) -> int:
        """Index of the most significant mass."""
        return int(np.argmax(self.z))

    @property
    def local_z(self) -> float:
        """Largest local significance; 0 if there is no excess."""
        return max(float(self.z.max()), 0.0)


@dataclass(frozen=True, slots=True, eq=False)
class Peak(PeakParameters):
    """Backgrounds and a resonance, fitted in the bins of some channels."""

    def fit(
        self,
        counts: FloatArray,
        start: FloatArray,
        *,
        spurious: FloatArray | None = None,
        free: Sequence[str | int] = ALL_BUT_MASS,
        held: Mapping[int, float] = _NOTHING,
    ) -> Minima:
        """Fit every row.

        Parameters
        ----------
        counts : ndarray, shape (T, B)
            Effective counts.
        start : ndarray, shape (T, N)
            Parameters: where they start, or are fixed. The masses are the reference masses, too.
        spurious : ndarray, shape (T, C), optional
            One standard deviation of the spurious signal in each channel, in events; else none.
        free : sequence of str or int
            Of "background", "signal", "mass", "shape" (resolution and energy scale), "spurious",
            "given" (events and masses of given resonances); or indices. Of the background's
            parameters all are free, or none.
        held : mapping of int to float
            Parameters of the background with a constraint to 0, and its standard deviation.
        """
        mass = start[:, self.mass]
        curve = self.curve(mass, spurious)
        start = self._positive(curve, start)
        return minimise(curve, counts, start, self._settings(self.indices(free), mass, held))

    def without_signal(self, counts: FloatArray) -> FloatArray:
        """Fit backgrounds, and given resonances; return all parameters, shape (T, N)."""
        theta = scoring_fit(counts, self.background).theta
        # Of no signal the mass does not matter, but a resolution has to be known there.
        anywhere = (float(self.low_GeV.min()) + float(self.high_GeV.max())) / 2
        start = self.at(theta, np.full(len(counts), anywhere))
        if not self.given:
            return start
        return self.fit(counts, start, free=("background", "given")).values

    @property
    def no_signal(self) -> tuple[str, ...]:
        """What is free without a resonance: of a given one the shape is uncertain, too."""
        return (*NO_SIGNAL, "shape") if self.given else NO_SIGNAL

    def compare(
        self,
        counts: FloatArray,
        start: FloatArray,
        mass_GeV: FloatArray,
        spurious: FloatArray,
        held: Mapping[int, float] = _NOTHING,
    ) -> MassScan:
        """Fit every row of counts with and without a signal at a mass of its own.

        Parameters
        ----------
        counts : ndarray, shape (T, B)
        start : ndarray, shape (T, N) or (1, N)
            Of the counts `without_signal`.
        mass_GeV : ndarray, shape (T,)
        spurious : ndarray, shape (T, C)
        held : mapping of int to float
            As for `fit`.
        """
        return self.compared(*self.fit_both(counts, start, mass_GeV, spurious, held))

    def fit_both(
        self,
        counts: FloatArray,
        start: FloatArray,
        mass_GeV: FloatArray,
        spurious: FloatArray,
        held: Mapping[int, float] = _NOTHING,
    ) -> tuple[Minima, Minima]:
        """Return the fits of `compare`, with and without a signal."""
        start = np.repeat(start, len(mass_GeV) // len(start), axis=0)
        start[:, self.mass] = mass_GeV
        best = self.fit(counts, start, spurious=spurious, held=held)
        return best, self.fit(counts, start, spurious=spurious, free=self.no_signal, held=held)

    def compared(self, best: Minima, null: Minima) -> MassScan:
        """Return what fits with and without a signal tell."""
        mass, events = best.values[:, self.mass], best.values[:, self.strength]
        # Both fits end a tolerance above their minima: the freer one may end the higher.
        z = np.sign(events) * np.sqrt(np.maximum(null.deviance - best.deviance, 0.0))
        error, converged = best.error(self.strength), best.converged & null.converged
        return MassScan(mass, events, error, z, best.deviance, null.deviance, converged)

    def templates(
        self, mass_GeV: FloatArray, *, wider: float = 0.0, shifted: float = 0.0
    ) -> FloatArray:
        """Return the entries per bin of one signal event at each mass, shape (M, B).

        `wider` and `shifted` are pulls of resolution and energy scale.
        """
        values = self.at(np.zeros(self.background.size), mass_GeV)
        values[:, self.mass + 1], values[:, self.mass + 2] = wider, shifted
        # The expectation is linear in S: its derivative is one event, whatever the background.
        rows, strength = np.arange(len(mass_GeV)), np.array([self.strength])
        return self.curve(mass_GeV).slopes(values, rows, strength)[..., 0]

    def curve(self, mass_GeV: FloatArray, spurious: FloatArray | None = None) -> "PeakCurve":
        """Return the expectations of rows with these reference masses."""
        none = np.zeros((len(mass_GeV), self.channels))
        return PeakCurve(
            self,
            self.signal.shares(mass_GeV),
            none if spurious is None else spurious,
            self.signal.offset_GeV(mass_GeV),
            self.signal.width_GeV(mass_GeV),
        )

    def _positive(self, curve: "PeakCurve", start: FloatArray) -> FloatArray:
        """Return a start where every expectation is positive: without a signal, if need be."""
        negative = start[:, self.strength] < 0
        if negative.any():
            rows = np.arange(len(start))
            # A deficit that was found elsewhere may be deeper than the background is high here, and
            # a deviance without a positive expectation has no number to begin with.
            bad = ~np.all(curve.expected(start, rows) > 0, axis=1)
            start = start.copy()
            start[bad, self.strength] = 0.0
        return start

    def _settings(
        self, free: Sequence[int], mass_GeV: FloatArray, held: Mapping[int, float] = _NOTHING
    ) -> Settings:
        first, widths = self.mass + 1, np.ones(self.size)
        for index, width in held.items():
            widths[index] = width
        constrained = np.zeros(self.size, dtype=bool)
        constrained[[*held, *range(first, self.first_given)]] = True
        low, high = np.full(self.size, -np.inf), np.full(self.size, np.inf)
        low[first : first + 2], high[first : first + 2] = -_PULL_BOUND, _PULL_BOUND
        low[self.mass] = float(np.min(mass_GeV)) - _MASS_BOUND_GeV
        high[self.mass] = float(np.max(mass_GeV)) + _MASS_BOUND_GeV
        for index, known in zip(range(self.first_given, self.size, 2), self.given, strict=True):
            width = float(self.signal.width_GeV(np.array([known.mass_GeV]))[0])
            low[index + 1], high[index + 1] = known.mass_GeV - width, known.mass_GeV + width
        return Settings(np.array(free, dtype=np.intp), constrained, low, high, widths=widths)
