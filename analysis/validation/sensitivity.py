r"""Expected significance and median limit: how far from the ideal, and what categories gain.

All are of the test spectrum without fluctuations (arXiv:1007.1727): Z = sqrt(q0) of the expected
signal, and the median limit, whose signal is :math:`\Phi^{-1}(0.975) = 1.96` deviations from none.

*The ideal* is a profile-likelihood fit of the window, an exponential of a polynomial of order 1, 2
or 3 for a background that is one, with nothing else unknown: no spurious signal, no uncertainty of
the width. Ours is compared in the same range, with the order that has as many parameters; what the
selection of functions takes if it is free to leave the window stands beside it.

*What categories gain*, beside the best rectangular cuts, with the same function in the same range
for all (and the uncertainty of the width, but no spurious signal: judged), and with what is
selected, spurious signals included (told). It is of the function itself, fitted to the test
spectrum: what a function that does not describe it takes for a signal is not the question here.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from analysis.settings.search import Systematics
from analysis.statistics.background.entries import Option
from analysis.statistics.background.families import Function
from analysis.statistics.background.poisson import scoring_fit
from analysis.statistics.resonance.peak import NO_SIGNAL, NUISANCES
from analysis.statistics.resonance.scan import Spectra
from analysis.validation.fixed_model import Setting
from tools.arrays import FloatArray

MASSES_GeV = (500.0, 600.0, 750.0, 900.0, 1000.0)
ORDERS = (1, 2, 3)
JUDGED_GeV, MIN_GAIN = (500.0, 750.0, 1000.0), 1.5
"""where, and by how much at least, limits with categories are wanted to be lower"""
# The median of CLb is 1/2: CLs is 5 % where CLs+b is 2.5 %.
_MEDIAN = 1.9599639845400545
_STEPS = 8
"""of the search for the median limit: sqrt(q) is nearly proportional to the signal"""


@dataclass(frozen=True, slots=True, eq=False)
class Sensitivity:
    """What is expected at `MASSES_GeV`."""

    z: FloatArray
    """of the signal"""
    limit: FloatArray
    """median, in events"""

    @classmethod
    def of(cls, spectra: Spectra, signal_events: float | FloatArray) -> "Sensitivity":
        """Return what is expected of so many events (at each mass) without fluctuations."""
        masses = np.array(MASSES_GeV)
        z = spectra.asimov_z(masses, np.full(len(masses), signal_events))
        return cls(z, median_limit(spectra, masses))


@dataclass(frozen=True, slots=True, eq=False)
class Pair:
    """The same events, selected twice."""

    categories: Setting
    cuts: Setting
    signal_events: float
    """of 5.4 pb, before any selection"""


@dataclass(frozen=True, slots=True, eq=False)
class Gain:
    """What is expected of categories, and of cuts, at `MASSES_GeV`."""

    functions: str
    limits: FloatArray
    """on the cross-section: with cuts, over that with categories"""
    z: FloatArray
    """of the signal, in the fit of all categories"""
    z_of_cuts: FloatArray
    judged: bool
    """whether function and range are the same in all"""

    def wanted(self, mass_GeV: float) -> float | None:
        """Return the gain in limits that is wanted at a mass, if one is."""
        return MIN_GAIN if self.judged and mass_GeV in JUDGED_GeV else None


def in_window(setting: Setting, order: int) -> Spectra:
    """Return the test spectrum for the exponential of a polynomial, in the window."""
    window = setting.search.window
    option = Option("window", window.low_GeV, window.high_GeV, Function("exp", order))
    return setting.fixed((option,) * len(setting.expected))


def ideal(setting: Setting, order: int) -> Spectra:
    """Return the test spectrum for the ideal fit of the window."""
    # It knows width, scale and luminosity exactly: a bound, not a fit that could be done.
    known = replace(setting.search, systematics=Systematics(0.0, 0.0, 0.0, 0.0))
    return in_window(replace(setting, search=known), order)


def gains(pair: Pair) -> Iterator[Gain]:
    """Yield what is gained with each of `ORDERS` in the window, and with what is chosen."""
    settings = (pair.categories, pair.cuts)
    for order in ORDERS:
        same = [in_window(setting, order) for setting in settings]
        yield _gain(pair, f"exp {order} in the window", same, judged=True)
    chosen = [setting.fixed(*setting.chosen()) for setting in settings]
    yield _gain(pair, "as the model selections choose", chosen, judged=False)


def _gain(pair: Pair, functions: str, both: Sequence[Spectra], *, judged: bool) -> Gain:
    limits, z = [], []
    for spectra in both:
        efficiency, _ = spectra.peak.signal.total_efficiency(np.array(MASSES_GeV))
        fit = scoring_fit(spectra.counts[None], spectra.peak.background)
        fitted = replace(spectra, counts=fit.expected[0])
        expected = Sensitivity.of(fitted, pair.signal_events * efficiency)
        limits.append(expected.limit / efficiency)
        z.append(expected.z)
    return Gain(functions, limits[1] / limits[0], z[0], z[1], judged)


def median_limit(spectra: Spectra, masses: FloatArray) -> FloatArray:
    """Return the median limit at some masses, in events, without a signal."""
    peak = spectra.peak
    counts = np.repeat(spectra.counts[None], len(masses), axis=0)
    theta = scoring_fit(counts, peak.background).theta
    spurious = spectra.spurious(masses)
    start = peak.at(theta, masses)
    null = peak.fit(counts, start, spurious=spurious, free=NO_SIGNAL)
    limit = _MEDIAN * peak.fit(counts, start, spurious=spurious).error(peak.strength)
    for _ in range(_STEPS):
        held = peak.at(null.values[:, : peak.background.size], masses, limit)
        at = peak.fit(counts, held, spurious=spurious, free=NUISANCES)
        # sqrt(q) grows nearly as the signal does: scaled by what is missing, it converges at once.
        limit = limit * _MEDIAN / np.sqrt(at.deviance - null.deviance)
    return np.asarray(limit)
