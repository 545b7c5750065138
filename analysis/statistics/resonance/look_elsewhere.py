r"""The look-elsewhere effect: how often a search without a resonance shows as much, somewhere.

Gross and Vitells (Eur. Phys. J. C70 (2010) 525, arXiv:1005.1891): with q the squared significance
and N(u) the upcrossings of a level u by the scan of a spectrum without a resonance,

.. math::

   p = 1 - \exp\!\big[-\big(p_{\rm local} + \langle N(u_0) \rangle\, e^{-(q - u_0^2)/2}\big)\big]

The mean number of upcrossings is that of toys of the fixed background model at a low level
u_0, never that of the one observed scan, which has an error of 70 %. It is a tail formula: above
p = 0.3 it says no more than "not significant".

Where the result is near the threshold of a claim, toys of the whole procedure are counted, too:
each chooses its own background function on its own sidebands (`toys.py`). The formula stands unless
the toys' interval of 99.9 % excludes it: a rate of a few toys in a thousand has an error of half
its size, and would decide by chance. So a formula that is right is overruled once in a thousand
times.
"""

import numpy as np

from analysis.results.scan import GlobalSignificance, GlobalToys, Upcrossings
from analysis.settings.search import Decision
from analysis.statistics.resonance.scan import Spectra
from analysis.statistics.resonance.toys import ToyGroup
from analysis.statistics.spectra.streams import upcrossings_stream
from tools.arrays import FloatArray

LEVEL_Z = 1.0
"""u_0: low enough for many upcrossings, high enough to be of the tail"""
_TOYS = 1000
"""of the upcrossings, whose mean number of about one they tell to some 3 %"""
_SIGMAS = (1, 2, 3)
"""global significances whose local ones are told"""
_ONE_SIGMA, _SURE = 0.6827, 0.999
"""confidence levels of the interval that is told, and of the one that excludes a formula"""
NEAR_Z = 0.3
"""distance from a threshold within which toys are generated: the formula's own error is smaller"""
_NO_CROSSING = 1e-9
"""added to their mean number, which may be zero, before its logarithm is taken"""
_MIN_P = 1e-280
"""below it a float has no digits left"""


def counted_toys(number: int, exceeding: int) -> GlobalToys:
    """Return the p-value of toys, of which some show at least the observed significance somewhere.

    Its 68 % interval is that of C. Clopper and E. Pearson (Biometrika 26 (1934) 404).
    """
    from scipy.stats import binomtest

    ends = binomtest(exceeding, number).proportion_ci(_ONE_SIGMA, method="exact")
    p, low, high = exceeding / number, float(ends.low), float(ends.high)
    return GlobalToys(n=number, exceeding=exceeding, p=p, p_low=low, p_high=high)


def excludes(toys: GlobalToys, p: float) -> bool:
    """Tell whether toys exclude a p-value, at 99.9 % confidence level.

    >>> excludes(counted_toys(1000, 6), 0.002), excludes(counted_toys(1000, 9), 0.002)
    (False, True)
    """
    from scipy.stats import binomtest

    ends = binomtest(toys.exceeding, toys.n).proportion_ci(_SURE, method="exact")
    return not ends.low <= p <= ends.high


def near_threshold(global_z: float, thresholds: Decision) -> bool:
    """Tell whether toys may have a say in a decision."""
    claims = thresholds.evidence_global_z, thresholds.discovery_global_z
    return any(abs(global_z - claim) < NEAR_Z for claim in claims)


def significance(p: float) -> float:
    """Return the one-sided significance of a p-value, 0 above one half.

    >>> significance(0.5), round(significance(0.00135), 2)
    (0.0, 3.0)
    """
    from scipy.special import ndtri

    return max(0.0, -float(ndtri(p))) if p > 0 else float("inf")


def upcrossings(
    spectra: Spectra, mass_GeV: FloatArray, *, seed: int, toys: int = _TOYS
) -> Upcrossings:
    """Count upcrossings in background-only toys of a fixed background model.

    Parameters
    ----------
    spectra : Spectra
        Functions and spurious signals in use; the contents are the expected background.
    mass_GeV : ndarray
        Masses of the scan.
    seed : int
    toys : int
    """
    rng = upcrossings_stream(seed)
    counts = rng.poisson(spectra.counts, (toys, len(spectra.counts))).astype(np.float64)
    spurious = np.repeat(spectra.spurious(mass_GeV)[None], toys, axis=0)
    # To first order: at so low a level the likelihood ratio is a parabola's.
    group = ToyGroup(np.arange(toys), spectra.peak, counts, mass_GeV, spurious, np.ones(toys))
    z = group.first_order()
    # Counted on the grid of the scan: what crosses between two masses and back is not seen there.
    # The formula has p_local once, for a scan that begins above the level; one that goes on behind
    # a given resonance begins again.
    before, begun = np.where(group.hidden, -np.inf, z), np.logical_or.accumulate(~group.hidden)
    seen = begun[:-1] & ~group.hidden[1:]
    crossed = np.sum(((before[:, :-1] < LEVEL_Z) & (z[:, 1:] >= LEVEL_Z))[:, seen], axis=1)
    error = float(crossed.std() / np.sqrt(toys))
    return Upcrossings(LEVEL_Z, float(crossed.mean()), error, toys)


def combined(crossings: Upcrossings, local_z: float, toys: GlobalToys | None) -> GlobalSignificance:
    """Return the global significance: by the formula, unless the toys exclude it."""
    p = formula = crossings.p(local_z)
    by_toys = toys is not None and excludes(toys, formula)
    if toys is not None and by_toys:
        p = toys.p or toys.p_high  # where none exceeds, an upper limit is known
    return GlobalSignificance(
        p=p,
        z=significance(p) if by_toys else _formula_z(crossings, local_z),
        method="toys" if by_toys else "gross-vitells",
        upcrossings=crossings,
        gross_vitells_p=formula,
        toys=toys,
        local_z_of_global={str(z): crossings.local_z(z) for z in _SIGMAS},
    )


def _formula_z(crossings: Upcrossings, local_z: float) -> float:
    """Return the significance of the formula, also where p is too small for a float."""
    p = crossings.p(local_z)
    if p > _MIN_P:
        return significance(p)
    # ln p = ln N + (u0^2 - z^2)/2, and Z^2 + ln(2 pi Z^2) = -2 ln p (Z large)
    log_p = np.log(crossings.mean + _NO_CROSSING) + (crossings.level_z**2 - local_z**2) / 2
    z = local_z
    # The mapping contracts by 1/Z^2: at Z > 35, where p is so small, a few steps are enough.
    for _ in range(50):
        z = float(np.sqrt(max(-2 * log_p - np.log(2 * np.pi * z**2), 0.0)))
    return z
