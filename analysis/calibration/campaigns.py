"""All campaigns: what is thrown, how many toys, and the pool that throws them.

The numbers of toys and the limits that the results are compared with (`checks`) are those that were
set before the program was written (`size`).
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import Any

import numpy as np

from analysis.calibration.background import Empty, empty_toys
from analysis.calibration.frozen import Expectation, Held, Setting, expectation, largest
from analysis.calibration.injection import Injected, Point, Width, injected_toys, points
from analysis.calibration.optimum import ORDERS, Optimum, ideal, optimum
from analysis.calibration.size import Size
from analysis.calibration.truths import (
    IN_FAMILY,
    KNOWN,
    OUTSIDE,
    Truth,
    efficiency,
    generator_events,
)
from analysis.search import Search
from analysis.statistics.signal_model import plain_signal
from analysis.statistics.spectra import FloatArray
from analysis.statistics.tournament import Tournament
from analysis.statistics.toys import experiment, largest_significances
from tools.samples import Catalogue

WIDTH_GeV = 30.0
"""of a resonance"""
INJECTED_GeV, INJECTED_SIGMA = (500.0, 625.0, 750.0, 875.0, 1000.0), (0.0, 1.0, 3.0, 5.0, 8.0)
KNOWN_GeV, KNOWN_SIGMA = (500.0, 1000.0), (5.0, 8.0)
"""where it is done again with the simulated width, of which the fit thinks less than is true"""
OUTSIDE_EVENTS = (3_150.0, 50_500.0)
OPTIMUM_EVENTS = {"before": (50_500.0, 1192.0), "after": (11_220.0, 953.0)}
"""background in the window, and signal of 5.4 pb (behind the cuts S/sqrt(B) = 9, efficiency 0.8)"""
_TASK = {"injection": 100, "frozen": 500}
_TASK_TOYS = 100


@dataclass(frozen=True, slots=True)
class Task:
    """Some toys of a campaign."""

    kind: str
    name: str
    first: int
    last: int


@dataclass(frozen=True, slots=True, eq=False)
class Campaigns:
    """Everything that toys are thrown for (the function of the pool)."""

    size: Size
    seed: int
    empty: Mapping[str, Setting]
    """without a resonance"""
    outside: Mapping[str, Setting]
    """without a resonance, of truths that no candidate contains"""
    frozen: Mapping[str, tuple[Setting, Held, FloatArray]]
    """setting, function and spurious signals"""
    injection: Mapping[str, tuple[Setting, tuple[Point, ...], Width]]

    def tasks(self) -> list[Task]:
        """Return all tasks; all campaigns progress alike."""
        wanted = (
            ("injection", self.injection, self.size.injected),
            ("empty", self.empty, self.size.local),
            ("outside", self.outside, self.size.outside),
            ("frozen", self.frozen, self.size.frozen),
        )
        tasks = [
            (first / toys, Task(kind, name, first, min(first + _TASK.get(kind, _TASK_TOYS), toys)))
            for kind, names, toys in wanted
            for name in names
            for first in range(0, toys, _TASK.get(kind, _TASK_TOYS))
        ]
        return [task for _, task in sorted(tasks, key=lambda pair: pair[0])]

    def __call__(self, task: Task) -> Any:
        """Throw the toys of a task."""
        numbers, seed = range(task.first, task.last), self.seed
        if task.kind == "injection":
            setting, wanted, width = self.injection[task.name]
            return injected_toys(setting, wanted, width, seed=seed, numbers=numbers)
        if task.kind == "frozen":
            setting, held, spurious = self.frozen[task.name]
            return largest(setting, held, spurious, seed=seed, numbers=numbers)
        if task.kind == "empty":
            setting = self.empty[task.name]
            return empty_toys(setting, seed=seed, numbers=numbers, scans=self.size.scans)
        setting = self.outside[task.name]
        return empty_toys(setting, seed=seed, numbers=numbers, scans=task.last)


@dataclass(frozen=True, slots=True)
class Choice:
    """A function that toys of a campaign chose."""

    name: str
    """of the campaign"""
    held: Held


@dataclass(frozen=True, slots=True, eq=False)
class Expectations:
    """What is expected with each function chosen (the function of a pool)."""

    settings: Mapping[str, Setting]
    spurious: Mapping[Choice, FloatArray]
    """mean over the toys that chose it"""
    size: Size
    seed: int

    def __call__(self, choice: Choice) -> Expectation:
        """Return the expectation with one function."""
        setting, spurious = self.settings[choice.name], self.spurious[choice]
        return expectation(
            setting, choice.held, spurious, seed=self.seed, toys=self.size.upcrossings
        )


@dataclass(frozen=True, slots=True, eq=False)
class Results:
    """What all campaigns gave, by name."""

    campaigns: Campaigns
    toys: Mapping[tuple[str, str], Any]
    """by kind and name: `Empty`, tuple of `Injected`, or the largest significances"""
    expected: Mapping[Choice, Expectation]
    ideal_errors: Mapping[str, FloatArray]
    """of a signal, with the ideal fits of the truths outside, shape (orders, M)"""
    optima: Mapping[str, Optimum]
    seconds: Mapping[str, float]
    """what was timed"""

    def empties(self) -> Iterator[tuple[str, str, Empty]]:
        """Yield kind, name and toys of the campaigns without a resonance."""
        for (kind, name), found in self.toys.items():
            if kind in {"empty", "outside"}:
                yield kind, name, found


def prepare(catalogue: Catalogue, search: Search, size: Size, seed: int) -> Campaigns:
    """Return all campaigns."""
    signal, sqrt_s = plain_signal(WIDTH_GeV), catalogue.collision_energy_GeV
    tournament = Tournament.of(search, signal, sqrt_s)
    low, high = tournament.low_GeV, tournament.high_GeV
    window = (search.window.low_GeV, search.window.high_GeV)

    def setting(truth: Truth, events: float) -> Setting:
        return Setting(search, signal, sqrt_s, truth.scaled(low, high, window, events))

    whole = generator_events(catalogue, search)
    sizes = {"before the cuts": whole, "after the cuts": whole * efficiency(search)}
    empty = {
        f"{name}, {when}": setting(truth, events)
        for name, truth in KNOWN.items()
        for when, events in sizes.items()
    }
    outside = {
        f"{name}, {events:,.0f} events": setting(truth, events)
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
    return Campaigns(size, seed, empty, outside, frozen, injection)


def run(
    catalogue: Catalogue,
    search: Search,
    size: Size,
    *,
    seed: int,
    workers: int,
    say: Callable[[str], None] = lambda _text: None,
) -> Results:
    """Throw all toys."""
    start = time.perf_counter()
    campaigns = prepare(catalogue, search, size, seed)
    toys = _thrown(campaigns, workers, say)
    expected = _expectations(campaigns, toys, workers, say)
    optima, ideal_errors = _without_toys(campaigns)
    seconds = _timed(campaigns, workers)
    seconds["all campaigns"] = time.perf_counter() - start
    return Results(campaigns, toys, expected, ideal_errors, optima, seconds)


def _thrown(
    campaigns: Campaigns, workers: int, say: Callable[[str], None]
) -> dict[tuple[str, str], Any]:
    from tools.pool import completed

    tasks, start = campaigns.tasks(), time.perf_counter()
    parts: dict[tuple[str, str], dict[int, Any]] = {}
    for done, (task, found) in enumerate(completed(campaigns, tasks, workers, what="toys"), 1):
        parts.setdefault((task.kind, task.name), {})[task.first] = found
        elapsed = time.perf_counter() - start
        say(f"{done} of {len(tasks)}, {elapsed:.0f} s: {task.kind}, {task.name}")
    keys = dict.fromkeys((task.kind, task.name) for task in tasks)
    return {key: _joined(key[0], [parts[key][n] for n in sorted(parts[key])]) for key in keys}


def _joined(kind: str, parts: Sequence[Any]) -> Any:
    if kind == "injection":
        each: Iterator[tuple[Injected, ...]] = zip(*parts, strict=True)
        return tuple(reduce(add, own) for own in each)
    return np.concatenate(parts) if kind == "frozen" else reduce(add, parts)


def _expectations(
    campaigns: Campaigns,
    toys: Mapping[tuple[str, str], Any],
    workers: int,
    say: Callable[[str], None],
) -> dict[Choice, Expectation]:
    """Return what is expected with each function that toys chose, and with the frozen ones."""
    from tools.pool import completed

    spurious: dict[Choice, FloatArray] = {}
    for (kind, name), found in toys.items():
        if kind in {"empty", "outside"}:
            for index, held in enumerate(found.held):
                spurious[Choice(name, held)] = found.spurious[found.choice == index].mean(axis=0)
    for name, (_, held, own) in campaigns.frozen.items():
        spurious[Choice(f"{name}, frozen", held)] = own
    settings = {**campaigns.empty, **campaigns.outside}
    settings |= {f"{name}, frozen": s for name, (s, _, _) in campaigns.frozen.items()}
    work = Expectations(settings, spurious, campaigns.size, campaigns.seed)
    say(f"upcrossings of {len(spurious)} functions")
    return dict(completed(work, list(spurious), workers, what="upcrossings"))


def _without_toys(campaigns: Campaigns) -> tuple[dict[str, Optimum], dict[str, FloatArray]]:
    some = next(iter(campaigns.empty.values()))
    window = some.search.window
    low, high = some.tournament.low_GeV, some.tournament.high_GeV
    optima = {}
    for name, (events, signal) in OPTIMUM_EVENTS.items():
        truth = KNOWN[IN_FAMILY].scaled(low, high, (window.low_GeV, window.high_GeV), events)
        optima[name] = optimum(Setting(some.search, some.signal, some.sqrt_s_GeV, truth), signal)
    errors = {}
    for name, setting in campaigns.outside.items():
        own = []
        for order in ORDERS:
            known, held = ideal(setting, order)
            masses = known.masses_GeV
            spectra = known.spectra(held, np.zeros(len(masses)))
            own.append(spectra.scan(masses).signal_error_events[0])
        errors[name] = np.array(own)
    return optima, errors


def _timed(campaigns: Campaigns, workers: int) -> dict[str, float]:
    """Return the seconds of one scan, and of toys for the global significance."""
    setting, held, spurious = list(campaigns.frozen.values())[-1]
    spectra, toys = setting.spectra(held, spurious), campaigns.size.timed
    start = time.perf_counter()
    spectra.scan(np.linspace(500, 1000, 101))
    scanned = time.perf_counter()
    thrown = experiment(setting.search, setting.signal, [setting.expected], setting.sqrt_s_GeV)
    largest_significances(thrown, seed=campaigns.seed, number=toys, workers=workers)
    return {
        "scan of 101 masses": scanned - start,
        f"{toys:,} global toys": time.perf_counter() - scanned,
    }
