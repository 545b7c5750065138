r"""Whether all categories see the same resonance: the strength of each, on its own.

At the fitted mass every category is fitted alone. Its strength is that of the whole signal, its
events divided by the fraction of the signal expected there. That all have one strength costs

.. math:: \chi^2 = \sum_c [D_c(\hat S) - D_c(\hat S_c)],

with the combined best :math:`\hat S`; its number of degrees of freedom is that of the categories
less one (S. S. Wilks, Ann. Math. Stat. 9 (1938) 60).
"""

from dataclasses import replace

import numpy as np

from analysis.results.verdict import ChannelCompatibility, ChannelStrength
from analysis.settings.search import Systematics
from analysis.statistics.background.poisson import scoring_fit
from analysis.statistics.resonance.measurement import STEPS, Measurement, Profile
from analysis.statistics.resonance.peak import NUISANCES
from analysis.statistics.resonance.scan import Spectra
from tools.arrays import FloatArray


def compatibility(
    spectra: Spectra, systematics: Systematics, measured: Measurement
) -> tuple[dict[str, ChannelStrength], ChannelCompatibility | None]:
    """Compare the strengths of the categories at the fitted mass; nothing if there is one category.

    Returns
    -------
    dict of str to ChannelStrength
        What each sees on its own, in events of the whole signal.
    ChannelCompatibility or None
        Whether they see the same.
    """
    from scipy.stats import chi2

    if len(spectra.channels) == 1:
        return {}, None
    signal, mass = spectra.peak.signal, np.array([measured.mass.interval.value])
    combined = measured.signal.interval.value
    found, total = {}, 0.0
    for channel, efficiency, fraction in zip(
        spectra.channels, signal.efficiency, signal.shares(mass)[0], strict=True
    ):
        alone = Spectra.of((channel,), replace(signal, efficiency=(efficiency,)), systematics)
        found[channel.name], rise = _alone(alone, mass, float(fraction), combined)
        total += rise
    degrees = len(found) - 1
    # The combined strength is fitted to the same data: it takes one degree of freedom.
    pvalue = float(chi2.sf(total, degrees))
    return found, ChannelCompatibility(chi2=total, degrees_of_freedom=degrees, pvalue=pvalue)


def _alone(
    spectra: Spectra, mass: FloatArray, fraction: float, combined: float
) -> tuple[ChannelStrength, float]:
    """Return what one category sees, and what the combined strength costs there."""
    peak, spurious = spectra.peak, spectra.spurious(mass)
    theta = scoring_fit(spectra.counts[None], peak.background).theta
    scan = peak.compare(spectra.counts[None], theta, mass, spurious)
    best, error = float(scan.signal_events[0]), float(scan.signal_error_events[0])
    # The last point is not of the profile: it is what the combined strength costs this category.
    points = np.append(best + STEPS * error, combined * fraction)
    rows = len(points)
    start = peak.at(theta, np.repeat(mass, rows), points)
    counts = np.repeat(spectra.counts[None], rows, axis=0)
    fixed = peak.fit(counts, start, spurious=np.repeat(spurious, rows, axis=0), free=NUISANCES)
    rises = np.maximum(fixed.deviance - float(scan.deviance[0]), 0.0)
    interval = Profile.of(points[:-1], rises[:-1], best, error).interval
    strength = ChannelStrength(local_z=float(scan.z[0]), strength=interval.scaled(1 / fraction))
    return strength, float(rises[-1])
