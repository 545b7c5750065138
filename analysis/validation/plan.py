"""What is thrown: one spectrum before and behind the course's cuts, or six categories."""

from dataclasses import dataclass, replace

from analysis.results.calibration import ToyNumbers
from analysis.settings.search import Search
from analysis.statistics.background.tournament import Tournament
from analysis.statistics.spectra.signal_model import plain_signal
from analysis.validation.categories import CategoryFractions, selections
from analysis.validation.fixed_model import Setting
from analysis.validation.sensitivity import Pair
from analysis.validation.signal_toys import Injection
from analysis.validation.toy_campaigns import ToyCampaigns
from analysis.validation.truths import (
    IN_FAMILY,
    KNOWN,
    OUTSIDE,
    TruthShape,
    efficiency,
    generator_events,
)
from tools.samples import Catalogue

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
"""of a resonance"""
INJECTED_GeV, INJECTED_SIGMA = (500.0, 625.0, 750.0, 875.0, 1000.0), (0.0, 1.0, 3.0, 5.0, 8.0)
KNOWN_GeV, KNOWN_SIGMA = (500.0, 1000.0), (5.0, 8.0)
"""where it is done again with the simulated width, of which the fit thinks less than is true"""
OUTSIDE_EVENTS = (3_150.0, 50_500.0)
OUTSIDE_CATEGORIES = ("two slopes", "bent")
"""of the truths outside, those that categories are looked at with"""
OPTIMUM_EVENTS = {"before": (50_500.0, 1192.0), "after": (11_220.0, 953.0)}
"""background in the window, and signal of 5.4 pb (behind the cuts S/sqrt(B) = 9, efficiency 0.8)"""
_ALL = "six categories"
_WINDOWS = 4
"""drawn to the sidebands of a toy of six categories, whose tournaments take most of the time"""


def in_proportion(size: ToyNumbers, toys: int) -> ToyNumbers:
    """Return all campaigns in proportion to the toys at fixed masses, as far as there are more.

    >>> in_proportion(ONE_SPECTRUM, 50)
    ToyNumbers(local=50, scans=50, frozen=80, injected=16, outside=5, upcrossings=200, timed=50)
    """
    part = toys / size.local
    some = {n: max(1, round(part * getattr(size, n))) for n in ("frozen", "injected", "outside")}
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
        self, truth: TruthShape, events: float, selection: CategoryFractions | None = None
    ) -> Setting:
        """Return a truth with so many events in the window, of which some are selected."""
        window, sqrt_s = self.search.window, self.catalogue.collision_energy_GeV
        signal = plain_signal(WIDTH_GeV) if selection is None else selection.model(WIDTH_GeV)
        tournament = Tournament.of(self.search, signal, sqrt_s)
        expected = truth.scaled(
            tournament.low_GeV, tournament.high_GeV, (window.low_GeV, window.high_GeV), events
        )
        channels = (expected,) if selection is None else selection.channels(expected)
        return Setting(self.search, signal, sqrt_s, channels)

    @property
    def events(self) -> float:
        """Of the background in the window, before any selection."""
        return generator_events(self.catalogue, self.search)


def one_spectrum(catalogue: Catalogue, search: Search, size: ToyNumbers, seed: int) -> ToyCampaigns:
    """Return the campaigns of one spectrum."""
    settings = CourseSettings(catalogue, search)
    behind = settings.events * efficiency(search)
    background = {
        f"{name}, {when}": settings.of(truth, events)
        for name, truth in KNOWN.items()
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
            f"{name}, {events:,.0f} events": settings.of(truth, events)
            for name, truth in OUTSIDE.items()
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

    def divided(truth: TruthShape) -> Setting:
        return settings.of(truth, settings.events, found.categories)

    background = {f"{name}, {_ALL}": divided(truth) for name, truth in KNOWN.items()}
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
            name: Pair(divided(truth), settings.of(truth, settings.events, found.cuts), signal)
            for name, truth in KNOWN.items()
        },
        windows=_WINDOWS,
        together=True,
    )
