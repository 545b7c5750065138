r"""Smooth truths: spectra to test a background function on, outside its own family.

A function that fits the sidebands well may still miss the window, and no likelihood ratio on the
sidebands says so: an exponential of a parabola fits the course's sidebands and over-predicts the
window by more than twice its error. What says so is a spectrum whose window is known. Two kinds of
it, both a steep core with a hard tail, are fitted to the very sidebands under study:

- two-exponentials:      A exp(-m/tau) + B exp(-m/(r tau)), r from 1.5 to 10
- exponential-and-power: A exp(-m/tau) + B m^-p, p from 2 to 14

A truth that itself does not fit the sidebands is not used. The background function is then fitted
to the sidebands of the truth *without fluctuations*: its prediction minus the truth's own content
of the window is its closure bias. No event of the window enters.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from analysis.statistics.poisson import deviance, goodness_of_fit
from analysis.statistics.spectra import Bins, FloatArray

_LEAST = 1e-12
"""events per bin; a truth is never quite zero"""
_TAIL_FRACTION = 0.003
"""of the events, where fits of the tail start"""


@dataclass(frozen=True, slots=True, eq=False)
class SmoothTruth:
    """One smooth spectrum, fitted to sidebands."""

    name: str
    origin_GeV: float
    """from where the events of core and tail are counted: the lower end of the sidebands"""
    parameters: tuple[float, ...]
    """ln of the core's events, tau in GeV, ln of the tail's events, r or p"""
    gof_pvalue: float | None

    def events(self, low_GeV: FloatArray, high_GeV: FloatArray) -> FloatArray:
        """Return its integrals over some bins."""
        return _events(self.name, np.array(self.parameters), self.origin_GeV, low_GeV, high_GeV)


def fit_truths(bins: Bins) -> tuple[SmoothTruth, ...]:
    """Fit every kind of truth to some sidebands."""
    return tuple(_fit(name, bins) for name in _TAILS)


def _fit(name: str, bins: Bins) -> SmoothTruth:
    from iminuit import Minuit

    counts, scale, origin = bins.effective_counts, bins.scale, float(bins.low_GeV[0])

    def expected(parameters: FloatArray) -> FloatArray:
        return scale * _events(name, parameters, origin, bins.low_GeV, bins.high_GeV)

    def cost(parameters: FloatArray) -> float:
        return float(deviance(counts, expected(parameters)))

    tau = max(
        float(bins.counts @ (bins.low_GeV + bins.high_GeV) / 2 / bins.counts.sum()) - origin, 1
    )
    core = float(np.log(bins.counts.sum()))
    tail = core + float(np.log(_TAIL_FRACTION))
    minuit: Any = Minuit(cost, [core, tau, tail, _TAILS[name].start])
    minuit.errordef = Minuit.LEAST_SQUARES
    minuit.limits = [
        (core - 12, core + 12),
        (tau / 4, tau * 4),
        (tail - 12, core),
        _TAILS[name].limits,
    ]
    # Only the curve is wanted, not its parameters or errors: the quickest strategy will do.
    minuit.strategy = 0
    minuit.migrad(ncall=2000)
    best = tuple(float(value) for value in minuit.values)
    gof = goodness_of_fit(counts, expected(np.array(best)), len(best))
    return SmoothTruth(name, origin, best, gof)


@dataclass(frozen=True, slots=True)
class _Tail:
    """What is left of a tail above x = m/origin or t = (m - origin)/tau, of 1 at the origin."""

    left: Callable[[FloatArray, float, float, float], FloatArray]
    start: float
    limits: tuple[float, float]


def _exponential_left(mass: FloatArray, origin: float, tau: float, ratio: float) -> FloatArray:
    return np.exp((origin - mass) / (ratio * tau))


def _power_left(mass: FloatArray, origin: float, _tau: float, power: float) -> FloatArray:
    return (mass / origin) ** (1 - power)


_TAILS = {
    "two-exponentials": _Tail(_exponential_left, 3.0, (1.5, 10.0)),
    "exponential-and-power": _Tail(_power_left, 3.0, (2.0, 14.0)),
}


def _events(
    name: str, parameters: FloatArray, origin: float, low: FloatArray, high: FloatArray
) -> FloatArray:
    core, tau, tail, hardness = parameters
    left = _TAILS[name].left
    return np.asarray(
        np.exp(core) * (np.exp((origin - low) / tau) - np.exp((origin - high) / tau))
        + np.exp(tail) * (left(low, origin, tau, hardness) - left(high, origin, tau, hardness))
        + _LEAST
    )
