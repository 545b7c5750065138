r"""How far from the ideal: expected significance and limit beside those of the ideal fit.

The ideal is a profile-likelihood fit of the window, an exponential of a polynomial of order 1, 2 or
3 for a background that is one, with nothing else unknown: no spurious signal, no error of the
width. Ours is compared in the same range, with the order that has as many parameters; what the
tournament takes if it is free to leave the window stands beside it. All are of the truth without
fluctuations (arXiv:1007.1727): Z = sqrt(q0) of the expected signal, and the median limit, whose
signal is :math:`\Phi^{-1}(0.975) = 1.96` deviations from none.
"""

from dataclasses import dataclass, replace

import numpy as np

from analysis.settings.search import Systematics
from analysis.statistics.background.families import Function
from analysis.statistics.resonance.peak import ALL_BUT_MASS, NO_SIGNAL
from analysis.statistics.resonance.scan import Spectra
from analysis.statistics.spectra.bins import FloatArray
from analysis.validation.fixed_model import Held, Ranged, Setting

MASSES_GeV = (500.0, 600.0, 750.0, 900.0, 1000.0)
ORDERS = (1, 2, 3)
_MEDIAN = 1.9599639845400545
_WITHOUT_SIGNAL = tuple(part for part in ALL_BUT_MASS if part != "signal")


@dataclass(frozen=True, slots=True, eq=False)
class Reach:
    """What is expected at `MASSES_GeV`."""

    z: FloatArray
    """of the signal"""
    limit: FloatArray
    """median, in events"""


@dataclass(frozen=True, slots=True, eq=False)
class Optimum:
    """Ours and the ideal."""

    held: Held
    """what the tournament chooses in the ideal fit's range"""
    ours: Reach
    ideal: tuple[Reach, ...]
    """with each of `ORDERS`"""
    free_held: Held
    """what it chooses if it may take the full range"""
    free: Reach


def ideal(setting: Setting, order: int) -> Spectra:
    """Return the truth for the ideal fit of the window."""
    known = replace(setting.search, systematics=Systematics(0.0, 0.0, 0.0, 0.0))
    return replace(setting, search=known).spectra(*setting.same(in_window(setting, order)))


def in_window(setting: Setting, order: int) -> Ranged:
    """Return the exponential of a polynomial, in the window."""
    window = setting.search.window
    return Ranged(Function("exp", order), window.low_GeV, window.high_GeV)


def optimum(setting: Setting, signal_events: float) -> Optimum:
    """Return what is expected of so many signal events on a truth."""
    held, spurious = setting.chosen(ranges=("window",))
    free_held, free_spurious = setting.chosen()
    return Optimum(
        held,
        reach(setting.spectra(held, spurious), signal_events),
        tuple(reach(ideal(setting, order), signal_events) for order in ORDERS),
        free_held,
        reach(setting.spectra(free_held, free_spurious), signal_events),
    )


def reach(spectra: Spectra, signal_events: float | FloatArray) -> Reach:
    """Return what is expected of so many signal events (at each mass) without fluctuations."""
    masses = np.array(MASSES_GeV)
    z = spectra.asimov_z(masses, np.full(len(masses), signal_events))
    return Reach(z, median_limit(spectra, masses))


def median_limit(spectra: Spectra, masses: FloatArray) -> FloatArray:
    """Return the median limit at some masses, in events, without a signal."""
    from analysis.statistics.background.poisson import scoring_fit

    peak, rows = spectra.peak, len(masses)
    counts = np.repeat(spectra.counts[None], rows, axis=0)
    theta = scoring_fit(counts, peak.background).theta
    spurious = spectra.spurious(masses)
    null = peak.fit(counts, theta, masses, spurious=spurious, free=NO_SIGNAL)
    best = peak.fit(counts, theta, masses, spurious=spurious)
    limit = _MEDIAN * best.error(peak.strength)
    for _ in range(8):  # sqrt(q) is nearly proportional to the signal
        at = peak.fit(
            counts, null.values[:, : peak.background.size], masses,
            spurious=spurious, events=limit, free=_WITHOUT_SIGNAL,
        )  # fmt: skip
        limit = limit * _MEDIAN / np.sqrt(at.deviance - null.deviance)
    return np.asarray(limit)
