r"""All campaigns of toys: of which test spectra, how many, and how they are done.

*In the family*: an exponential of 120 GeV, which every order of `exp` contains. *The generator's*:
`tools.recipe.Continuum`, an exponential of 106.1 GeV and 0.15 % of a four times longer tail. Others
that no candidate contains; one, a turn-on at the low end, is for the fit of the full range.

They are looked at as one spectrum before and behind the course's cuts, or as six categories. The
cuts do not depend on the mass: behind them the spectrum is the same one, times their efficiency,
which follows from the laws of `tools.recipe`.

The upcrossings that turn a toy's largest local significance into a global one are those of the
function that the toy chose. Of several channels nearly every toy has a combination of its own: they
take the upcrossings of the combination that is selected on the test spectrum, and for some of the
combinations their own are computed, to compare.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np

from analysis.results.calibration import ToyNumbers
from analysis.settings.search import Search
from analysis.statistics.resonance.toys import largest_significances
from analysis.statistics.spectra.signal_model import plain_signal
from analysis.validation.categories import EVERYTHING, CategoryFractions, selections
from analysis.validation.efficiencies import by_upper_cuts
from analysis.validation.fixed_model import FixedExpectation, FixedModel, LargestZ, Setting
from analysis.validation.sensitivity import Pair
from analysis.validation.tasks import Ensemble, done
from analysis.validation.toys import BackgroundToys, Injection, SignalToys, background_toys
from tools.arrays import FloatArray
from tools.executors.kept import Workshop
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
COMPARED = 10
"""combinations of functions, of each test spectrum without a resonance, with upcrossings of their
own"""
_TOGETHER, _FIXED_TOGETHER = 100, 500
"""number of toys in a task: of the whole procedure, and of a fixed background model"""
Named = tuple[str, str]
"""kind and name of a campaign"""
Choice = tuple[str, tuple[str, ...]]
"""name of a campaign, and functions that its toys chose; none: those that are selected on the test
spectrum itself"""

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
        self, density: Density, events: float, selection: CategoryFractions = EVERYTHING
    ) -> Setting:
        """Return a test spectrum with so many events in the window, of which some are selected."""
        signal = plain_signal(WIDTH_GeV, selection.signal)
        setting = Setting(self.search, signal, self.catalogue.collision_energy_GeV)
        bins = setting.model_selection
        found = integrals(density, bins.low_GeV, bins.high_GeV)
        expected = found * (events / replace(setting, expected=(found,)).window_events)
        return replace(setting, expected=tuple(part * expected for part in selection.background))

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


@dataclass(frozen=True, slots=True, eq=False)
class ToyCampaigns:
    """Everything that toys are generated for."""

    size: ToyNumbers
    seed: int
    background: Mapping[str, Setting]
    """without a resonance"""
    outside: Mapping[str, Setting]
    """without a resonance, of test spectra that no candidate contains"""
    injection: Mapping[str, Injection]
    chosen: Mapping[str, tuple[FixedModel, FloatArray]]
    """what is selected on test spectra themselves, and its spurious signals; of those without
    a resonance, and of all if there are several channels"""
    optima: Mapping[str, tuple[Setting, float]] = field(default_factory=dict)
    """test spectra without fluctuations, with signal events, that the ideal fit is compared on"""
    pairs: Mapping[str, Pair] = field(default_factory=dict)
    """two selections of the same events"""
    windows: int = 1
    """drawn to the sidebands of each toy without a resonance"""

    @property
    def several(self) -> bool:
        """Whether there are several channels: toys are few then, and shown together."""
        return len(next(iter(self.background.values())).expected) > 1

    def ensembles(self) -> dict[Named, Ensemble[Any]]:
        """Return all toys."""
        size, seed, found = self.size, self.seed, dict[Named, Ensemble[Any]]()
        for name, injection in self.injection.items():
            signal = partial(injection.toys, seed=seed)
            found["signal", name] = Ensemble(SignalToys, signal, size.injected, _TOGETHER)
        toys = partial(background_toys, seed=seed, windows=self.windows)
        for kind, settings, number, scans in (
            ("background", self.background, size.local, size.scans),
            ("outside", self.outside, size.outside, size.outside),
        ):
            for name, setting in settings.items():
                own = partial(toys, setting, scans=scans)
                found[kind, name] = Ensemble(BackgroundToys, own, number, _TOGETHER)
        for name, setting in self.background.items():
            fixed = partial(setting.fixed_toys, *self.chosen[name], seed=seed)
            found["fixed", name] = Ensemble(LargestZ, fixed, size.frozen, _FIXED_TOGETHER)
        return found

    def expectations(
        self, found: Mapping[str, BackgroundToys]
    ) -> Iterator[tuple[Choice, Ensemble[FixedExpectation]]]:
        """Yield what is expected with functions that toys chose, and on the test spectra."""
        toys = self.size.upcrossings
        for name, setting in {**self.background, **self.outside}.items():
            chosen = list(found[name].choices().items())
            if self.several:
                chosen = chosen[:COMPARED] if name in self.background else []
            models = {
                functions: (setting.named(functions), found[name].spurious[rows].mean(axis=0))
                for functions, rows in chosen
            }
            if name in self.chosen:
                models[()] = self.chosen[name]
            for functions, model in models.items():
                expected = partial(setting.expectation, *model, seed=self.seed, toys=toys)
                yield (name, functions), Ensemble(FixedExpectation, expected, 1, 1)


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


@dataclass(frozen=True, slots=True, eq=False)
class ToyResults:
    """What all campaigns gave, by name."""

    campaigns: ToyCampaigns
    background: Mapping[str, BackgroundToys]
    outside: Mapping[str, BackgroundToys]
    injection: Mapping[str, SignalToys]
    fixed: Mapping[str, LargestZ]
    expected: Mapping[Choice, FixedExpectation]
    seconds: Mapping[str, float]
    """what was timed"""

    def expectation(self, name: str, functions: tuple[str, ...]) -> FixedExpectation:
        """Return what is expected by a toy that chose these functions."""
        return self.expected[name, () if self.campaigns.several else functions]


def run_toys(campaigns: ToyCampaigns, shop: Workshop) -> ToyResults:
    """Generate all toys."""
    start = time.perf_counter()
    found = done(shop, campaigns.ensembles(), "toys")

    def of(kind: str) -> dict[str, Any]:
        return {name: toys for (own, name), toys in found.items() if own == kind}

    background, outside = of("background"), of("outside")
    choices = dict(campaigns.expectations({**background, **outside}))
    expected = done(shop, choices, "upcrossings")
    seconds = _timed(campaigns, shop.session.execution.workers)
    return ToyResults(
        campaigns=campaigns,
        background=background,
        outside=outside,
        injection=of("signal"),
        fixed=of("fixed"),
        expected=expected,
        seconds={**seconds, "all campaigns": time.perf_counter() - start},
    )


def _timed(campaigns: ToyCampaigns, workers: int) -> dict[str, float]:
    """Return the seconds of one scan, and of toys for the global significance."""
    name, setting = list(campaigns.background.items())[-1]
    spectra, toys = setting.fixed(*campaigns.chosen[name]), campaigns.size.timed
    start = time.perf_counter()
    spectra.scan(np.linspace(500, 1000, 101))
    scanned = time.perf_counter()
    largest_significances(setting.toys, seed=campaigns.seed, number=toys, workers=workers)
    return {
        "scan of 101 masses": scanned - start,
        f"{toys:,} global toys": time.perf_counter() - scanned,
    }
