"""What categories gain: median expected limits on the cross-section, and expected significances.

Beside those with the best rectangular cuts: with the same function in the same range for all (and
the error of the width, but no spurious signal: judged), and with what the tournaments choose,
spurious signals included (told). They are of the function itself, fitted to the truth without
fluctuations: what a function that does not describe it takes for a signal is not the question here.
"""

from dataclasses import dataclass, replace

import numpy as np

from analysis.statistics.background.poisson import scoring_fit
from analysis.statistics.resonance.scan import Spectra
from analysis.statistics.spectra.bins import FloatArray
from analysis.validation.fixed_model import Setting
from analysis.validation.sensitivity import ORDERS, MASSES_GeV, in_window, reach

JUDGED_GeV, LEAST = (500.0, 750.0, 1000.0), 1.5
"""where, and by how much at least, limits are wanted to be lower"""


@dataclass(frozen=True, slots=True, eq=False)
class Pair:
    """The same events, selected twice."""

    categories: Setting
    cuts: Setting
    signal_events: float
    """of 5.4 pb, before any selection"""


@dataclass(frozen=True, slots=True, eq=False)
class Gain:
    """What is expected at `optimum.MASSES_GeV`."""

    functions: str
    limits: FloatArray
    """on the cross-section: with cuts, over that with categories"""
    z: FloatArray
    """of the signal, in the fit of all categories"""
    z_of_cuts: FloatArray
    judged: bool
    """whether function and range are the same in all"""


def gains(pair: Pair) -> tuple[Gain, ...]:
    """Return what is gained with each of `ORDERS` in the window, and with what is chosen."""
    settings = (pair.categories, pair.cuts)
    found = []
    for order in ORDERS:
        same = [setting.same(in_window(setting, order)) for setting in settings]
        spectra = [setting.spectra(*own) for setting, own in zip(settings, same, strict=True)]
        found.append(_gain(pair, f"exp {order} in the window", *spectra, judged=True))
    chosen = [setting.spectra(*setting.chosen()) for setting in settings]
    return *found, _gain(pair, "as the tournaments choose", *chosen, judged=False)


def _gain(pair: Pair, functions: str, categories: Spectra, cuts: Spectra, *, judged: bool) -> Gain:
    limits, z = [], []
    for spectra in (categories, cuts):
        efficiency, _ = spectra.peak.signal.total_efficiency(np.array(MASSES_GeV))
        expected = reach(_fitted(spectra), pair.signal_events * efficiency)
        limits.append(expected.limit / efficiency)
        z.append(expected.z)
    return Gain(functions, limits[1] / limits[0], z[0], z[1], judged)


def _fitted(spectra: Spectra) -> Spectra:
    """Return the functions fitted to a spectrum in its place."""
    fit = scoring_fit(spectra.counts[None], spectra.peak.background)
    return replace(spectra, counts=fit.expected[0])
