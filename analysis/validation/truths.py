r"""Spectra whose truth is known: what toys are drawn from.

*In the family*: an exponential of 120 GeV, which every order of `exp` contains. *The generator's*:
`tools.recipe.Continuum`, an exponential of 106.1 GeV and 0.15 % of a four times longer tail. Others
that no candidate contains; one, a turn-on at the low end, is for the fit of the full range.

The course's cuts do not depend on the mass: behind them the spectrum is the same one, times their
efficiency, which follows from the laws of `tools.recipe`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from analysis.settings.search import Search
from analysis.statistics.spectra.bins import between
from analysis.validation.efficiencies import by_upper_cuts
from tools.arrays import FloatArray
from tools.recipe import Continuum, background_recipe
from tools.samples import Catalogue

_POINTS, _WEIGHTS = np.polynomial.legendre.leggauss(8)


@dataclass(frozen=True, slots=True)
class TruthShape:
    """The shape of a spectrum."""

    density: Callable[[FloatArray], FloatArray]
    """per GeV, in any unit"""

    def events(self, low_GeV: FloatArray, high_GeV: FloatArray) -> FloatArray:
        """Return its integrals over bins, in its unit."""
        half = (high_GeV - low_GeV) / 2
        points = ((low_GeV + high_GeV) / 2)[:, None] + half[:, None] * _POINTS
        return np.asarray(half * (self.density(points) @ _WEIGHTS))

    def scaled(
        self, low_GeV: FloatArray, high_GeV: FloatArray, window: tuple[float, float], events: float
    ) -> FloatArray:
        """Return its integrals over bins, scaled to so many events in a window."""
        found = self.events(low_GeV, high_GeV)
        return np.asarray(found * (events / found[between(low_GeV, high_GeV, *window)].sum()))


IN_FAMILY, GENERATOR = "exponential of 120 GeV", "generator"
KNOWN: Mapping[str, TruthShape] = {
    IN_FAMILY: TruthShape(lambda m: np.asarray(np.exp(-m / 120))),
    GENERATOR: TruthShape(Continuum().density),
}
"""of the calibration proper; masses m in GeV"""
OUTSIDE: Mapping[str, TruthShape] = {
    "two slopes": TruthShape(
        lambda m: np.asarray(np.exp(-m / 75) + 3e-3 * np.exp(-m / 250)),
    ),
    "stretched": TruthShape(lambda m: np.asarray(np.exp(-((m / 80) ** 0.9)))),
    "over m": TruthShape(lambda m: np.asarray(np.exp(-m / 140) / m)),
    "bent": TruthShape(
        lambda m: np.asarray(np.exp(-m / 115) * (1 + 0.1 * np.tanh((m - 700) / 150))),
    ),
    "turn-on": TruthShape(
        lambda m: np.asarray(np.exp(-m / 106.1) / (1 + np.exp(-(m - 130) / 20))),
    ),
}
"""that no candidate contains"""


def generator_events(catalogue: Catalogue, search: Search) -> float:
    """Return the events of the background expected in the window, before any selection."""
    sample, window = catalogue.sample("background"), search.window
    low, high = Continuum().above(np.array([window.low_GeV, window.high_GeV]))
    return sample.expected_events(catalogue.luminosity_invpb) * float(low - high)


def efficiency(search: Search) -> float:
    """Return the part of the background's events behind the course's cuts."""
    (part,) = by_upper_cuts(search.optimise.course_cuts).efficiencies(background_recipe())
    return float(part)
