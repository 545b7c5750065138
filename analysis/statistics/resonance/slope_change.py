r"""What is left of a significance if the slope of the background may change somewhere.

A smooth function that is fitted outside a mask does not know a corner under it. Where the spectrum
becomes steeper at a mass p, a smooth curve lies below it there, and in enough events that is a
peak. So the background b is allowed to be

.. math:: b(m)\,e^{-\kappa h(m)}, \qquad h(m) = \max(0, m - p)

with and without the resonance, for p all over the spectrum, with a Gaussian constraint of
:math:`\kappa` to 0 within 5 % of the spectrum's mean slope (the mean of |d ln b / dm|). The
smallest significance of all p is what is left. In few events such a change cannot be seen, and
costs little; in many it takes what it can explain. How many false claims it takes away, and how
much of a true resonance: ``docs/spectra_calibration.md``, of ``python -m analysis.validation
--spectra``.
It is an allowance for what is not known, no test: a larger change, or a narrower feature, goes on
looking like a resonance.
"""

from dataclasses import dataclass, replace

import numpy as np

from analysis.statistics.background.families import Function
from analysis.statistics.background.poisson import model, scoring_fit
from analysis.statistics.resonance.scan import Spectra
from analysis.statistics.spectra.bins import Bins
from tools.arrays import FloatArray

CHANGE = 0.05
"""of the mean slope: one standard deviation of its change"""
_MOST_PLACES = 40
"""at which it may change: one resolution apart, if that is not too many"""


@dataclass(frozen=True, slots=True)
class BentFunction(Function):
    """A log-linear function whose slope changes at a mass, by what its last parameter says."""

    bend_GeV: float = 0.0

    def basis(self, mass_GeV: FloatArray) -> FloatArray:
        """Return b(m) of the function, and -h(m)."""
        bent = -np.maximum(mass_GeV - self.bend_GeV, 0.0)
        return np.concatenate([Function.basis(self, mass_GeV), bent[..., None]], axis=-1)

    @classmethod
    def of(cls, function: Function, bend_GeV: float) -> "BentFunction":
        """Return a function with a bend; of a polynomial, which has no logarithm, its exponential.

        It has as many parameters, and serves to tell what a bend changes.
        """
        family = "exp" if function.additive else function.family
        return cls(
            family, function.order, function.sqrt_s_GeV, terms=function.terms, bend_GeV=bend_GeV
        )


def systematic_z(spectra: Spectra, mass_GeV: float) -> float:
    """Return what is left of the significance of an excess at a mass; of a single channel."""
    (channel,), peak, bins = spectra.channels, spectra.peak, spectra.channels[0].bins
    counts = spectra.counts[None]
    null = scoring_fit(counts, peak.background).expected[0]
    change = CHANGE * mean_slope(bins, null)
    mass = np.array([mass_GeV])
    spurious, start = spectra.spurious(mass), peak.without_signal(counts)
    left = [peak.compare(counts, start, mass, spurious).z]
    for place in places(bins, float(peak.signal.width_GeV(mass)[0])):
        background = model((BentFunction.of(channel.function, float(place)),), (bins,))
        # kappa alone turns the last of the rotated parameters: the rotation is triangular.
        held = {background.size - 1: change / abs(background.groups[0].rotation[-1, -1])}
        bent = replace(peak, background=background)
        start = bent.without_signal(counts)
        # Where a fit with a signal finds no minimum, too little is left: that loses a claim.
        left.append(bent.compare(counts, start, mass, spurious, held).z)
    return max(float(np.min(left)), 0.0)


def places(bins: Bins, width_GeV: float) -> FloatArray:
    """Return where the slope may change: not within a resolution, or one bin, of the ends."""
    low = max(float(bins.low_GeV[0]) + width_GeV, float(bins.high_GeV[0]))
    high = min(float(bins.high_GeV[-1]) - width_GeV, float(bins.low_GeV[-1]))
    number = min(int((high - low) / width_GeV) + 1, _MOST_PLACES)
    return np.linspace(low, high, max(number, 0))


def mean_slope(bins: Bins, expected: FloatArray) -> float:
    """Return the mean of |d ln b / dm| of an expectation, 1/GeV."""
    density = np.log(expected / (bins.high_GeV - bins.low_GeV))
    centres = (bins.low_GeV + bins.high_GeV) / 2
    return float(np.abs(np.diff(density)).sum() / (centres[-1] - centres[0]))
