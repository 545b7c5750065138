"""What is thrown: one spectrum before and behind the course's cuts, or six categories."""

from dataclasses import dataclass

from analysis.results.calibration import ToyNumbers
from analysis.settings.search import Search
from analysis.statistics.background.tournament import Tournament
from analysis.statistics.spectra.signal_model import plain_signal
from analysis.validation.categories import Selection, selections
from analysis.validation.fixed_model import Setting
from analysis.validation.gain import Pair
from analysis.validation.signal_toys import Width, points
from analysis.validation.toy_campaigns import Campaigns
from analysis.validation.truths import (
    IN_FAMILY,
    KNOWN,
    OUTSIDE,
    Truth,
    efficiency,
    generator_events,
)
from tools.samples import Catalogue

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


@dataclass(frozen=True, slots=True)
class Plan:
    """What all campaigns have in common."""

    catalogue: Catalogue
    search: Search

    def setting(self, truth: Truth, events: float, selection: Selection | None = None) -> Setting:
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


def one_spectrum(catalogue: Catalogue, search: Search, size: ToyNumbers, seed: int) -> Campaigns:
    """Return the campaigns of one spectrum."""
    plan = Plan(catalogue, search)
    behind = plan.events * efficiency(search)
    empty = {
        f"{name}, {when}": plan.setting(truth, events)
        for name, truth in KNOWN.items()
        for when, events in (("before the cuts", plan.events), ("after the cuts", behind))
    }
    outside = {
        f"{name}, {events:,.0f} events": plan.setting(truth, events)
        for name, truth in OUTSIDE.items()
        for events in OUTSIDE_EVENTS
    }
    inside = {name: s for name, s in empty.items() if name.startswith(IN_FAMILY)}
    injection = {
        name: (s, points(s, INJECTED_GeV, INJECTED_SIGMA), Width(drawn=True))
        for name, s in inside.items()
    }
    name, last = list(inside.items())[-1]
    injection[f"{name}, width {WIDTH_GeV:g} GeV"] = (
        last,
        points(last, KNOWN_GeV, KNOWN_SIGMA),
        Width(drawn=False),
    )
    frozen = {name: (s, *s.chosen()) for name, s in empty.items()}
    optima = {
        name: (plan.setting(KNOWN[IN_FAMILY], events), signal)
        for name, (events, signal) in OPTIMUM_EVENTS.items()
    }
    return Campaigns(size, seed, empty, outside, frozen, injection, optima, {})


def six_categories(catalogue: Catalogue, search: Search, size: ToyNumbers, seed: int) -> Campaigns:
    """Return the campaigns of six categories, fitted together."""
    plan, found = Plan(catalogue, search), selections(catalogue, search, seed=seed)

    def divided(truth: Truth) -> Setting:
        return plan.setting(truth, plan.events, found.categories)

    empty = {f"{name}, {_ALL}": divided(truth) for name, truth in KNOWN.items()}
    outside = {f"{name}, {_ALL}": divided(OUTSIDE[name]) for name in OUTSIDE_CATEGORIES}
    inside = f"{IN_FAMILY}, {_ALL}"
    wanted = points(empty[inside], INJECTED_GeV, INJECTED_SIGMA)
    frozen = {name: (s, *s.chosen()) for name, s in empty.items()}
    reference = catalogue.sample(search.optimise.reference_signal)
    signal = reference.expected_events(catalogue.luminosity_invpb)
    pairs = {
        name: Pair(divided(truth), plan.setting(truth, plan.events, found.cuts), signal)
        for name, truth in KNOWN.items()
    }
    return Campaigns(
        size, seed, empty, outside, frozen,
        {inside: (empty[inside], wanted, Width(drawn=True))}, {}, pairs, _WINDOWS,
        together=True,
    )  # fmt: skip
