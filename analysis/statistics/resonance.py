r"""The signal-plus-background fit of the whole spectrum: significance, mass, cross-section (5.2a).

A Gaussian peak of mass M and width w on top of each channel's background function,

.. math:: \mu_i = b_i(\theta) + S\,f\,\big[\Phi((h_i-M)/w) - \Phi((l_i-M)/w)\big]

integrated over every bin (l, h). S counts the events of all channels, f is a channel's share of
them (its efficiency over the sum). The width is a nuisance parameter: the simulated one,
constrained to its relative error. Family and order are settled before, without the window
(`spurious.py`).

1. Scan: at each mass of the grid, with the width fixed, background and S are fitted (S of either
   sign). The grid is finer than the peak, so that a peak cannot be missed, as it can by a fit that
   is started at one fixed mass.
2. From the best mass with S > 0: everything free, by Minuit; MINOS intervals of M and S.
3. z = sqrt(q0) with q0 = D(S = 0) - D(best fit), D the deviance; 0 if no mass has S > 0. This is
   the *local* significance of the most significant mass. The signed S of every mass is kept.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from analysis.search import Signal
from analysis.statistics.efficiency import Efficiency
from analysis.statistics.families import Function
from analysis.statistics.fitted_function import FittedFunction
from analysis.statistics.poisson import (
    Model,
    PoissonFit,
    deviance,
    fitted_functions,
    model,
    scoring_fit,
)
from analysis.statistics.spectra import Bins, FloatArray
from tools.errors import XyyError

_FORBIDDEN = 1e12
"""deviance where an expectation is not positive"""


@dataclass(frozen=True, slots=True, eq=False)
class Interval:
    """A best value with its 68 % interval."""

    value: float
    low: float
    high: float

    def scaled(self, factor: float, *, relative_error: float = 0.0) -> "Interval":
        """Return the interval times a factor that has a relative error of its own."""
        added = self.value * factor * relative_error
        down, up = factor * (self.value - self.low), factor * (self.high - self.value)
        value = self.value * factor
        return Interval(
            value, value - float(np.hypot(down, added)), value + float(np.hypot(up, added))
        )


@dataclass(frozen=True, slots=True, eq=False)
class MassScan:
    """Fits at fixed masses."""

    mass_GeV: FloatArray
    signal_events: FloatArray
    """best S of either sign"""
    signal_error_events: FloatArray
    z: FloatArray
    """sqrt(q0) with the sign of S"""


@dataclass(frozen=True, slots=True, eq=False)
class Resonance:
    """The outcome of the fit."""

    z: float
    """local significance, 0 if there is no excess"""
    mass_GeV: Interval | None
    """None if there is no excess"""
    signal_events: Interval | None
    """in all channels, in the whole spectrum; None if there is no excess"""
    width_GeV: float | None
    scan: MassScan
    background_only: tuple[FittedFunction, ...]
    """one function for each channel, S = 0"""
    background: tuple[FittedFunction, ...]
    """of the best fit"""
    signal_per_bin: tuple[FloatArray, ...]
    """of the best fit, in each channel's bins"""
    warnings: tuple[str, ...]


def fit_resonance(
    groups: Sequence[Bins],
    functions: Sequence[Function],
    efficiencies: Sequence[Efficiency],
    signal: Signal,
) -> Resonance:
    """Fit a resonance on the backgrounds of some channels.

    Parameters
    ----------
    groups : sequence of Bins
        For each channel its bins over the whole fit range, window included.
    functions : sequence of Function
        For each channel its background, chosen on the sidebands.
    efficiencies : sequence of Efficiency
        For each channel; only their ratios matter here.
    signal : Signal
        Resolution and mass grid.

    Raises
    ------
    XyyError
        If the background alone cannot be fitted.
    """
    fitter = _Fitter(model(functions, groups), tuple(groups), tuple(efficiencies), signal)
    null = fitter.null()
    scan, start = fitter.scan(null)
    background_only = fitted_functions(fitter.model, null)
    if start is None:
        nothing = tuple(np.zeros(len(bins.counts)) for bins in groups)
        return Resonance(0.0, None, None, None, scan, background_only, background_only, nothing, ())
    free = fitter.free(*start)
    # The scan's best point is one that the free fit could have taken.
    z = float(np.sqrt(max(null.deviance[0] - free.fval, 0.0, float(scan.z.max()) ** 2)))
    mass, warnings = _interval(free, "mass", z)
    events, more = _interval(free, "signal", z)
    width = signal.resolution_GeV * (1 + signal.resolution_error * free.values["width"])
    best = fitter.peaks(np.array([mass.value]), width)[0] * events.value
    return Resonance(
        z=z,
        mass_GeV=mass,
        signal_events=events,
        width_GeV=width,
        scan=scan,
        background_only=background_only,
        background=fitted_functions(fitter.model, fitter.background(free)),
        signal_per_bin=tuple(np.split(best, np.cumsum([len(bins.counts) for bins in groups])[:-1])),
        warnings=tuple(dict.fromkeys((*warnings, *more))),
    )


def asimov_z(
    background: Sequence[Bins],
    functions: Sequence[Function],
    efficiencies: Sequence[Efficiency],
    signal: Signal,
    *,
    mass_GeV: float,
    events: float,
) -> float:
    """Return the local significance expected of `events` at a mass, on a known background.

    It is that of the Asimov set: the expected spectrum without fluctuations, at the true mass.

    Parameters
    ----------
    background : sequence of Bins
        For each channel the expected background over the whole fit range, for instance as
        predicted from the sidebands.
    functions, efficiencies, signal
        As for `fit_resonance`.
    """
    fitter = _Fitter(model(functions, background), tuple(background), tuple(efficiencies), signal)
    peak = fitter.peaks(np.array([mass_GeV]), signal.resolution_GeV)
    counts = fitter.counts[None] + events * peak
    null = scoring_fit(counts, fitter.model)
    best = scoring_fit(counts, fitter.model, peak)
    return float(np.sqrt(max(null.deviance[0] - best.deviance[0], 0.0)))


def scan_truth(truth: Bins, function: Function, signal: Signal) -> MassScan:
    """Fit a peak at every mass to a smooth spectrum without one: what is found is spurious.

    Parameters
    ----------
    truth : Bins
        Expected contents over the whole fit range.
    function : Function
        The background that is fitted to it.
    signal : Signal
        Resolution and mass grid.
    """
    any_efficiency = Efficiency((signal.low_GeV,), (1.0,), (0.0,))
    fitter = _Fitter(model((function,), (truth,)), (truth,), (any_efficiency,), signal)
    return fitter.scan(fitter.null())[0]


@dataclass(frozen=True, slots=True, eq=False)
class _Fitter:
    """The likelihood of background functions and a peak in some channels."""

    model: Model
    groups: tuple[Bins, ...]
    efficiencies: tuple[Efficiency, ...]
    signal: Signal

    @property
    def counts(self) -> FloatArray:
        return np.concatenate([bins.effective_counts for bins in self.groups])

    def peaks(self, masses: FloatArray, width: float) -> FloatArray:
        """Return events per bin of one signal event at each mass, shape (masses, B)."""
        from scipy.special import ndtr

        parts = []
        for bins, share in zip(self.groups, self._shares(masses), strict=True):
            edges = np.stack([bins.low_GeV, bins.high_GeV])
            low, high = ndtr((edges[:, None, :] - masses[:, None]) / width)
            parts.append(share[:, None] * (high - low))
        return np.concatenate(parts, axis=1)

    def _shares(self, masses: FloatArray) -> FloatArray:
        values = np.array([[e.at(mass)[0] for mass in masses] for e in self.efficiencies])
        return np.asarray(values / values.sum(axis=0))

    def null(self) -> PoissonFit:
        fit = scoring_fit(self.counts[None], self.model)
        if not np.isfinite(fit.deviance[0]):
            raise XyyError(
                "the background-only fit of the whole spectrum fails; look at the spectrum"
            )
        return fit

    def scan(self, null: PoissonFit) -> tuple[MassScan, tuple[FloatArray, float] | None]:
        """Fit at every mass of the grid; return the best with S > 0 as a start for the free fit."""
        masses = self.signal.masses_GeV
        peaks = self.peaks(masses, self.signal.resolution_GeV)
        fits = scoring_fit(self.counts[None], self.model, peaks, start=null.theta[0])
        events = fits.theta[:, -1]
        errors = np.sqrt(fits.covariance[:, -1, -1])
        z = np.sign(events) * np.sqrt(np.maximum(null.deviance[0] - fits.deviance, 0.0))
        best = int(np.argmax(z))
        start = (fits.theta[best], float(masses[best])) if z[best] > 0 else None
        return MassScan(masses, events, errors, z), start

    def free(self, theta: FloatArray, mass: float) -> Any:
        """Fit background, S, mass and width together."""
        from iminuit import Minuit

        counts, signal, scale = self.counts, self.signal, self.model.scale
        names = [*(f"background{i}" for i in range(len(theta) - 1)), "signal", "mass", "width"]

        def cost(values: FloatArray) -> float:
            *_, events, at, pull = values
            width = signal.resolution_GeV * (1 + signal.resolution_error * pull)
            peak = self.peaks(np.array([at]), width)[0]
            expected = self.model.expected(values[:-3]) + events * peak * scale
            if not np.all(expected > 0):
                return _FORBIDDEN
            return float(deviance(counts, expected)) + float(pull) ** 2

        minuit = Minuit(cost, [*theta, mass, 0.0], name=names)
        minuit.errordef = Minuit.LEAST_SQUARES
        # The mass may leave the grid by one resolution: a peak at its edge has an interval too.
        beyond = signal.resolution_GeV
        minuit.limits["mass"] = (signal.low_GeV - beyond, signal.high_GeV + beyond)
        minuit.limits["width"] = (-5, 5)
        if signal.resolution_error == 0:
            minuit.fixed["width"] = True
        minuit.errors["mass"], minuit.errors["width"] = signal.step_GeV, 1.0
        minuit.migrad()
        minuit.hesse()
        return minuit

    def background(self, minuit: Any) -> PoissonFit:
        size = self.model.size
        theta = np.array(minuit.values)[None, :size]
        whole = np.full((size, size), np.nan) if minuit.covariance is None else minuit.covariance
        covariance = np.array(whole)[None, :size, :size]
        valid = np.array([minuit.valid])
        return PoissonFit(
            theta, covariance, np.array([minuit.fval]), self.model.expected(theta), valid
        )


def _interval(
    minuit: Any,
    name: str,
    z: float,
) -> tuple[Interval, tuple[str, ...]]:
    """Return MINOS's interval, or HESSE's with a warning."""
    value, error = float(minuit.values[name]), float(minuit.errors[name])
    try:
        minuit.minos(name)
        minos = minuit.merrors[name]
        if minos.is_valid:
            return Interval(value, value + float(minos.lower), value + float(minos.upper)), ()
    except RuntimeError:
        pass
    note = f"the interval of the {name} is parabolic: its likelihood has no profile (z = {z:.2f})"
    return Interval(value, value - error, value + error), (note,)
