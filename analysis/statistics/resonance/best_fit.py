"""The best fit of mass and strength, everything free: of one spectrum, or of many at once."""

from collections.abc import Callable

import numpy as np

from analysis.statistics.background.entries import Flags
from analysis.statistics.background.poisson import scoring_fit
from analysis.statistics.minimiser.scoring import Minima
from analysis.statistics.resonance.peak import ALL_BUT_MASS, Peak
from tools.arrays import FloatArray

EVERYTHING = (*ALL_BUT_MASS, "mass")
_TIMES = 2
"""fits with the mass free: the second has shares and spurious signal of the mass that was found"""


def best_fit(
    peak: Peak,
    counts: FloatArray,
    start_GeV: FloatArray,
    spurious: Callable[[FloatArray], FloatArray],
    *,
    reach_GeV: tuple[float, float],
) -> Minima:
    """Fit everything, from masses that a scan found.

    A mass that runs more than a resolution out of the range that is searched, where there is no
    peak to hold it, is fixed at its start.

    Parameters
    ----------
    peak : Peak
    counts : ndarray, shape (T, B)
    start_GeV : ndarray, shape (T,)
        The most significant mass of each spectrum.
    spurious : callable
        Of masses, shape (T,): the spurious signals of each spectrum there, events, shape (T, C).
    reach_GeV : tuple of float
        Ends of the masses searched.
    """
    theta = scoring_fit(counts, peak.background).theta
    found = peak.fit(counts, theta, start_GeV, spurious=spurious(start_GeV))
    width = peak.signal.width_GeV(start_GeV)
    inside = np.ones(len(counts), dtype=bool)
    for _ in range(_TIMES):
        start, mass = found.values, found.values[:, peak.mass]
        free = peak.fit(
            counts, start[:, : peak.background.size], mass, spurious=spurious(mass),
            events=start[:, peak.strength], pulls=start[:, peak.mass + 1 :], free=EVERYTHING,
        )  # fmt: skip
        ended = free.values[:, peak.mass]
        inside &= (ended >= reach_GeV[0] - width) & (ended <= reach_GeV[1] + width)
        if not inside.any():
            break
        found = _either(inside, free, found)
    return found


def _either(where: Flags, one: Minima, other: Minima) -> Minima:
    """Return the rows of one where it is said so, else those of the other."""
    return Minima(
        np.where(where[:, None], one.values, other.values),
        np.where(where[:, None, None], one.covariance, other.covariance),
        np.where(where, one.deviance, other.deviance),
        np.where(where, one.converged, other.converged),
    )
