r"""Whether all categories see the same resonance: the strength of each, on its own.

At the fitted mass every category is fitted alone. Its strength is that of the whole signal, its
events divided by the part of the signal that is expected there. That all have one strength costs

.. math:: \chi^2 = \sum_c [D_c(\hat S) - D_c(\hat S_c)],

with the combined best :math:`\hat S`; its number of degrees of freedom is that of the categories
less one (S. S. Wilks, Ann. Math. Stat. 9 (1938) 60).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from analysis.results.values import Estimate
from analysis.settings.search import Systematics
from analysis.statistics.background.poisson import scoring_fit
from analysis.statistics.resonance.measurement import STEPS, Measurement, crossing
from analysis.statistics.resonance.peak import ALL_BUT_MASS
from analysis.statistics.resonance.scan import Spectra
from analysis.statistics.spectra.bins import FloatArray
from analysis.statistics.spectra.signal_model import SignalModel

_ALL_BUT_STRENGTH = tuple(part for part in ALL_BUT_MASS if part != "signal")


@dataclass(frozen=True, slots=True, eq=False)
class Strength:
    """What one category sees."""

    local_z: float
    """with the sign of the strength"""
    events: Estimate
    """of the whole signal"""


@dataclass(frozen=True, slots=True, eq=False)
class Compatibility:
    """What all categories see."""

    channels: Mapping[str, Strength]
    chi2: float
    """that they see the same"""

    @property
    def degrees_of_freedom(self) -> int:
        """Of `chi2`."""
        return len(self.channels) - 1

    @property
    def pvalue(self) -> float:
        """Of `chi2`."""
        from scipy.stats import chi2

        return float(chi2.sf(self.chi2, self.degrees_of_freedom))


def compatibility(
    spectra: Spectra, signal: SignalModel, systematics: Systematics, measured: Measurement
) -> Compatibility | None:
    """Compare the strengths of the categories at the fitted mass; None if there is one category."""
    if len(spectra.channels) == 1:
        return None
    mass = np.array([measured.mass.interval.value])
    combined = measured.signal.interval.value
    found, total = {}, 0.0
    for channel, efficiency, share in zip(
        spectra.channels, signal.efficiency, signal.shares(mass)[0], strict=True
    ):
        alone = Spectra.of((channel,), replace(signal, efficiency=(efficiency,)), systematics)
        strength, rise = _alone(alone, mass, float(share), combined)
        found[channel.name] = strength
        total += rise
    return Compatibility(found, total)


def _alone(
    spectra: Spectra, mass: FloatArray, share: float, combined: float
) -> tuple[Strength, float]:
    """Return what one category sees, and what the combined strength costs there."""
    peak, spurious = spectra.peak, spectra.spurious(mass)
    theta = scoring_fit(spectra.counts[None], peak.background).theta
    scan = spectra.compare(spectra.counts[None], theta, mass, spurious)
    best, error = float(scan.signal_events[0]), float(scan.signal_error_events[0])
    points = np.append(best + STEPS * error, combined * share)
    rows = len(points)
    fixed = peak.fit(
        np.repeat(spectra.counts[None], rows, axis=0), np.repeat(theta, rows, axis=0),
        np.repeat(mass, rows), spurious=np.repeat(spurious, rows, axis=0), events=points,
        free=_ALL_BUT_STRENGTH,
    )  # fmt: skip
    rises = np.maximum(fixed.deviance - float(scan.deviance[0]), 0.0)
    down, up = (crossing(points[:-1], rises[:-1], best, side) for side in (-1, 1))
    interval = Estimate(
        best, best - error if down is None else down, best + error if up is None else up
    )
    return Strength(float(scan.z[0]), interval.scaled(1 / share)), float(rises[-1])
