r"""What is generated: of which test spectra, and how many toys of each.

*In the family*: an exponential of 120 GeV, which every order of `exp` contains. *The generator's*:
`tools.recipe.Continuum`, an exponential of 106.1 GeV and 0.15 % of a four times longer tail. Others
that no candidate contains; one, a turn-on at the low end, is for the fit of the full range.

They are looked at as one spectrum before and behind the course's cuts, or as six categories. The
cuts do not depend on the mass: behind them the spectrum is the same one, times their efficiency,
which follows from the laws of `tools.recipe`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from analysis.results.calibration import ToyNumbers
from analysis.settings.search import Search
from analysis.statistics.background.tournament import Tournament
from analysis.statistics.spectra.bins import between
from analysis.statistics.spectra.signal_model import plain_signal
from analysis.validation.categories import CategoryFractions, selections
from analysis.validation.efficiencies import by_upper_cuts
from analysis.validation.fixed_model import Setting
from analysis.validation.sensitivity import Pair
from analysis.validation.toy_campaigns import ToyCampaigns
from analysis.validation.toys import Injection
from tools.arrays import FloatArray
from tools.recipe import Continuum, background_recipe
from tools.samples import Catalogue

# Exact for polynomials of degree 15, which any of these densities is over a bin of 10 GeV.
_POINTS, _WEIGHTS = np.polynomial.legendre.leggauss(8)
ONE_SPECTRUM = ToyNumbers(
    local=5_000, scans=2_000, frozen=8_000, injected=1_600, outside=500, upcrossings=1_000,
    timed=1_000,
)  # fmt: skip
WITH_CATEGORIES = ToyNumbers(
    local=1_200, scans=300, frozen=3_000, injected=240, outside=125, upcrossings=400, timed=100
)
"""of six categories, a toy of which takes ten times as long; to its sidebands several windows are
drawn, and points with a resonance are judged together"""
WIDTH_GeV = 30.0
"""width of a resonance"""
INJECTED_GeV, INJECTED_SIGMA = (500.0, 625.0, 750.0, 875.0, 1000.0), (0.0, 1.0, 3.0, 5.0, 8.0)
KNOWN_GeV, KNOWN_SIGMA = (500.0, 1000.0), (5.0, 8.0)
"""where it is done again with the simulated width, of which the fit thinks less than is true"""
OUTSIDE_EVENTS = (3_150.0, 50_500.0)
OUTSIDE_CATEGORIES = ("two slopes", "bent")
"""of the test spectra outside, those that categories are looked at with"""
OPTIMUM_EVENTS = {"before": (50_500.0, 1192.0), "after": (11_220.0, 953.0)}
"""background in the window, and signal of 5.4 pb (behind the cuts S/sqrt(B) = 9, efficiency 0.8)"""
_ALL = "six categories"
_WINDOWS = 4
"""drawn to the sidebands of a toy of six categories, whose selection of functions takes most of the
time"""


Density = Callable[[FloatArray], FloatArray]
"""events per GeV at some masses in GeV, in any unit"""
IN_FAMILY, GENERATOR = "exponential of 120 GeV", "generator"
KNOWN: Mapping[str, Density] = {
    IN_FAMILY: lambda m: np.exp(-m / 120),
    GENERATOR: Continuum().density,
}
"""test spectra of the calibration proper"""
OUTSIDE: Mapping[str, Density] = {
    "two slopes": lambda m: np.exp(-m / 75) + 3e-3 * np.exp(-m / 250),
    "stretched": lambda m: np.exp(-((m / 80) ** 0.9)),
    "over m": lambda m: np.exp(-m / 140) / m,
    "bent": lambda m: np.exp(-m / 115) * (1 + 0.1 * np.tanh((m - 700) / 150)),
    "turn-on": lambda m: np.exp(-m / 106.1) / (1 + np.exp(-(m - 130) / 20)),
}
"""test spectra that no candidate contains"""


def integrals(density: Density, low_GeV: FloatArray, high_GeV: FloatArray) -> FloatArray:
    """Return the integrals of a spectrum over bins, in its unit."""
    half = (high_GeV - low_GeV) / 2
    points = ((low_GeV + high_GeV) / 2)[:, None] + half[:, None] * _POINTS
    return np.asarray(half * (density(points) @ _WEIGHTS))


def in_proportion(size: ToyNumbers, toys: int) -> ToyNumbers:
    """Return all campaigns in proportion to the toys at fixed masses, as far as there are more.

    >>> in_proportion(ONE_SPECTRUM, 50)
    ToyNumbers(local=50, scans=50, frozen=80, injected=16, outside=5, upcrossings=200, timed=50)
    """
    fraction = toys / size.local
    # Upcrossings are counted on 200 toys or more: their mean, about 1, then has an error of 7 %.
    some = {
        n: max(1, round(fraction * getattr(size, n))) for n in ("frozen", "injected", "outside")
    }
    return replace(
        size,
        local=toys,
        scans=min(toys, size.scans),
        upcrossings=min(max(toys, 200), size.upcrossings),
        timed=min(toys, size.timed),
        **some,
    )


@dataclass(frozen=True, slots=True)
class CourseSettings:
    """What the settings of all campaigns have in common."""

    catalogue: Catalogue
    search: Search

    def of(
        self, density: Density, events: float, selection: CategoryFractions | None = None
    ) -> Setting:
        """Return a test spectrum with so many events in the window, of which some are selected."""
        window, sqrt_s = self.search.window, self.catalogue.collision_energy_GeV
        signal = plain_signal(WIDTH_GeV) if selection is None else selection.model(WIDTH_GeV)
        tournament = Tournament.of(self.search, signal, sqrt_s)
        low, high = tournament.low_GeV, tournament.high_GeV
        found = integrals(density, low, high)
        inside = between(low, high, window.low_GeV, window.high_GeV)
        expected = found * (events / found[inside].sum())
        channels = (expected,) if selection is None else selection.channels(expected)
        return Setting(self.search, signal, sqrt_s, channels)

    @property
    def events(self) -> float:
        """Expected background in the window, before any selection."""
        sample, window = self.catalogue.sample("background"), self.search.window
        low, high = Continuum().above(np.array([window.low_GeV, window.high_GeV]))
        return sample.expected_events(self.catalogue.luminosity_invpb) * float(low - high)

    @property
    def efficiency(self) -> float:
        """Fraction of it behind the course's cuts."""
        cuts = by_upper_cuts(self.search.optimise.course_cuts)
        return float(cuts.efficiencies(background_recipe())[0])


def one_spectrum(catalogue: Catalogue, search: Search, size: ToyNumbers, seed: int) -> ToyCampaigns:
    """Return the campaigns of one spectrum."""
    settings = CourseSettings(catalogue, search)
    behind = settings.events * settings.efficiency
    background = {
        f"{name}, {when}": settings.of(density, events)
        for name, density in KNOWN.items()
        for when, events in (("before the cuts", settings.events), ("after the cuts", behind))
    }
    inside = {name: s for name, s in background.items() if name.startswith(IN_FAMILY)}
    injection = {n: Injection.of(s, INJECTED_GeV, INJECTED_SIGMA) for n, s in inside.items()}
    name, last = list(inside.items())[-1]
    injection[f"{name}, width {WIDTH_GeV:g} GeV"] = Injection.of(
        last, KNOWN_GeV, KNOWN_SIGMA, drawn_width=False
    )
    return ToyCampaigns(
        size=size,
        seed=seed,
        background=background,
        outside={
            f"{name}, {events:,.0f} events": settings.of(density, events)
            for name, density in OUTSIDE.items()
            for events in OUTSIDE_EVENTS
        },
        injection=injection,
        chosen={name: s.chosen() for name, s in background.items()},
        optima={
            name: (settings.of(KNOWN[IN_FAMILY], events), signal)
            for name, (events, signal) in OPTIMUM_EVENTS.items()
        },
    )


def six_categories(
    catalogue: Catalogue, search: Search, size: ToyNumbers, seed: int
) -> ToyCampaigns:
    """Return the campaigns of six categories, fitted together."""
    settings, found = CourseSettings(catalogue, search), selections(catalogue, search, seed=seed)

    def divided(density: Density) -> Setting:
        return settings.of(density, settings.events, found.categories)

    background = {f"{name}, {_ALL}": divided(density) for name, density in KNOWN.items()}
    outside = {f"{name}, {_ALL}": divided(OUTSIDE[name]) for name in OUTSIDE_CATEGORIES}
    inside = f"{IN_FAMILY}, {_ALL}"
    reference = catalogue.sample(search.optimise.reference_signal)
    signal = reference.expected_events(catalogue.luminosity_invpb)
    return ToyCampaigns(
        size=size,
        seed=seed,
        background=background,
        outside=outside,
        injection={inside: Injection.of(background[inside], INJECTED_GeV, INJECTED_SIGMA)},
        chosen={name: s.chosen() for name, s in {**background, **outside}.items()},
        pairs={
            name: Pair(divided(density), settings.of(density, settings.events, found.cuts), signal)
            for name, density in KNOWN.items()
        },
        windows=_WINDOWS,
    )
