r"""What open spectra are drawn from: a background that is true, and how strong a signal is.

=================  =======================================================  =======================
truth              events per GeV                                           why
=================  =======================================================  =======================
exponential        exp(-m/120)                                              every family holds it
two exponentials   exp(-m/75) + .003 exp(-m/250)                            smooth; no family has it
kinked             the slope changes from 120 to 100 GeV at 650 GeV         narrower than a mask
wiggly             exp(-m/120) (1 + .01 sin(2 pi m/250))                    as wide as a mask
turn-on            exp(-m/120) / (1 + exp((420 - m)/20))                    does not fall everywhere
=================  =======================================================  =======================

A signal of *k sigma* has, on the true spectrum without fluctuations (the Asimov set,
arXiv:1007.1727), the significance k against the true function with its own parameters free: who
knows the function can do no better. Where it bends is known, too (the place of the kink, length and
phase of the wave): a kink that may be anywhere would be put under the signal.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from analysis.statistics.background.goodness import deviance
from analysis.validation.plan import integrals
from tools.arrays import FloatArray

_KINK_GeV, _WAVE_GeV = 650.0, 250.0
_ROUNDS = 6
"""of the search for a strength: the significance is nearly linear in it"""


@dataclass(frozen=True, slots=True)
class Truth:
    """A background function with its parameters."""

    density: Callable[..., FloatArray]
    """of the mass and of the parameters: events per GeV, in any unit"""
    parameters: tuple[float, ...]
    smooth: bool = False
    """whether functions can be expected to describe it, whatever the number of events"""

    def expected(
        self, low_GeV: FloatArray, high_GeV: FloatArray, parameters: FloatArray | None = None
    ) -> FloatArray:
        """Return what bins hold, in its unit."""
        own = self.parameters if parameters is None else parameters
        return integrals(lambda mass: self.density(mass, *own), low_GeV, high_GeV)

    def asimov_z(self, low_GeV: FloatArray, high_GeV: FloatArray, both: FloatArray) -> float:
        """Return the significance of bins that hold background and signal, without fluctuations."""
        from scipy.optimize import least_squares

        whole = float(np.sum(both)) / float(self.expected(low_GeV, high_GeV).sum())

        def roots(values: FloatArray) -> FloatArray:
            fitted = whole * np.exp(values[0]) * self.expected(low_GeV, high_GeV, values[1:])
            each = deviance(both[:, None], fitted[:, None])
            return np.asarray(np.sign(both - fitted) * np.sqrt(each))

        # A sum of squares of signed roots, which have slopes at zero: the deviance has none there.
        found = least_squares(roots, [0.0, *self.parameters], x_scale="jac")
        return float(np.sqrt(2 * found.cost))

    def events_of(
        self, low_GeV: FloatArray, high_GeV: FloatArray, background: FloatArray,
        peak: FloatArray, sigma: float,
    ) -> float:  # fmt: skip
        """Return the events of a signal of so many sigma.

        Parameters
        ----------
        low_GeV, high_GeV : ndarray, shape (B,)
        background : ndarray, shape (B,)
            Expected events of this truth.
        peak : ndarray, shape (B,)
            Part of the signal in each bin.
        sigma : float
        """
        if sigma == 0:
            return 0.0
        # Where it starts: what a background that is known would need.
        events = sigma / float(np.sqrt(np.sum(peak**2 / background)))
        for _ in range(_ROUNDS):
            events *= sigma / self.asimov_z(low_GeV, high_GeV, background + events * peak)
        return events


def _kinked(mass: FloatArray, below: float, above: float) -> FloatArray:
    rest = mass - _KINK_GeV
    return np.exp(-np.where(rest < 0, rest / below, rest / above))


TRUTHS = {
    "exponential": Truth(lambda m, tau: np.exp(-m / tau), (120.0,), smooth=True),
    "two exponentials": Truth(
        lambda m, core, part, tail: np.exp(-m / core) + part * np.exp(-m / tail),
        (75.0, 3e-3, 250.0),
        smooth=True,
    ),
    "kinked": Truth(_kinked, (120.0, 100.0)),
    "wiggly": Truth(
        lambda m, tau, part: np.exp(-m / tau) * (1 + part * np.sin(2 * np.pi * m / _WAVE_GeV)),
        (120.0, 0.01),
    ),
    "turn-on": Truth(
        lambda m, tau, place, width: np.exp(-m / tau) / (1 + np.exp((place - m) / width)),
        (120.0, 420.0, 20.0),
    ),
}
