"""All campaigns: toys thrown through the pool, and what is expected without any.

What is thrown is `plan`'s to say. The numbers of toys and the limits that the results are compared
with (`checks`) are those that were set before the program was written (`size`).

The upcrossings that turn a toy's largest local significance into a global one are those of the
function that the toy chose. Of several channels nearly every toy has a combination of its own: they
take the upcrossings of the combination that the tournament chooses on the truth, and for some of
the combinations their own are computed, to compare.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import Any

import numpy as np

from analysis.results.calibration import ToyNumbers
from analysis.statistics.resonance.toys import largest_significances
from analysis.statistics.spectra.bins import FloatArray
from analysis.validation.background_toys import Empty, empty_toys
from analysis.validation.fixed_model import Expectation, Held, Setting, expectation, largest
from analysis.validation.gain import Gain, Pair, gains
from analysis.validation.sensitivity import ORDERS, Optimum, ideal, optimum
from analysis.validation.signal_toys import Injected, Point, Width, injected_toys

COMPARED = 10
"""combinations of functions, of each truth without a resonance, with upcrossings of their own"""
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

    size: ToyNumbers
    seed: int
    empty: Mapping[str, Setting]
    """without a resonance"""
    outside: Mapping[str, Setting]
    """without a resonance, of truths that no candidate contains"""
    frozen: Mapping[str, tuple[Setting, Held, FloatArray]]
    """setting, function and spurious signals"""
    injection: Mapping[str, tuple[Setting, tuple[Point, ...], Width]]
    optima: Mapping[str, tuple[Setting, float]]
    """truths without fluctuations, with signal events, that the ideal fit is compared on"""
    pairs: Mapping[str, Pair]
    """two selections of the same events"""
    windows: int = 1
    """drawn to the sidebands of each toy without a resonance"""
    together: bool = False
    """whether points with a resonance are too few toys each, and are judged several together"""

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
            scans = self.size.scans
        else:
            setting, scans = self.outside[task.name], task.last
        return empty_toys(setting, seed=seed, numbers=numbers, scans=scans, windows=self.windows)


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
    size: ToyNumbers
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
    on_truth: Mapping[str, Choice]
    """what the tournament chooses on the truths of frozen toys and of several channels"""
    ideal_errors: Mapping[str, FloatArray]
    """of a signal, with the ideal fits of the truths outside, shape (orders, M)"""
    optima: Mapping[str, Optimum]
    gains: Mapping[str, tuple[Gain, ...]]
    seconds: Mapping[str, float]
    """what was timed"""

    def empties(self) -> Iterator[tuple[str, str, Empty]]:
        """Yield kind, name and toys of the campaigns without a resonance."""
        for (kind, name), found in self.toys.items():
            if kind in {"empty", "outside"}:
                yield kind, name, found

    def expectation(self, name: str, held: Held) -> Expectation:
        """Return what is expected by a toy that chose these functions."""
        several = len(held.channels) > 1
        return self.expected[self.on_truth[name] if several else Choice(name, held)]


def run(
    campaigns: Campaigns, *, workers: int, say: Callable[[str], None] = lambda _text: None
) -> Results:
    """Throw all toys."""
    start = time.perf_counter()
    toys = _thrown(campaigns, workers, say)
    on_truth, spurious = _functions(campaigns, toys)
    expected = _expectations(campaigns, spurious, workers, say)
    errors = {name: _ideal_errors(setting) for name, setting in campaigns.outside.items()}
    optima = {name: optimum(*wanted) for name, wanted in campaigns.optima.items()}
    better = {name: gains(pair) for name, pair in campaigns.pairs.items()}
    seconds = _timed(campaigns, workers)
    seconds["all campaigns"] = time.perf_counter() - start
    return Results(campaigns, toys, expected, on_truth, errors, optima, better, seconds)


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


def _functions(
    campaigns: Campaigns, toys: Mapping[tuple[str, str], Any]
) -> tuple[dict[str, Choice], dict[Choice, FloatArray]]:
    """Return which functions expectations are wanted of, with their spurious signals.

    They are those that the toys chose, and those that the tournament chooses on the truth itself
    (for frozen toys, and where there are several channels).
    """
    spurious: dict[Choice, FloatArray] = {}
    settled = {name: (held, own) for name, (_, held, own) in campaigns.frozen.items()}
    for (kind, name), found in toys.items():
        if kind not in {"empty", "outside"}:
            continue
        chosen = list(enumerate(found.held))
        if len(found.held[0].channels) > 1:
            if name not in settled:
                settled[name] = campaigns.outside[name].chosen()
            chosen = chosen[:COMPARED] if kind == "empty" else []
        for index, held in chosen:
            spurious[Choice(name, held)] = found.spurious[found.choice == index].mean(axis=0)
    on_truth = {name: Choice(f"{name}, frozen", held) for name, (held, _) in settled.items()}
    return on_truth, spurious | {on_truth[name]: own for name, (_, own) in settled.items()}


def _expectations(
    campaigns: Campaigns,
    spurious: Mapping[Choice, FloatArray],
    workers: int,
    say: Callable[[str], None],
) -> dict[Choice, Expectation]:
    from tools.pool import completed

    settings = {**campaigns.empty, **campaigns.outside}
    settings |= {f"{name}, frozen": setting for name, setting in settings.items()}
    work = Expectations(settings, spurious, campaigns.size, campaigns.seed)
    say(f"upcrossings of {len(spurious)} functions")
    return dict(completed(work, list(spurious), workers, what="upcrossings"))


def _ideal_errors(setting: Setting) -> FloatArray:
    """Return the errors of S with the ideal fits, shape (orders, M)."""
    fits = [ideal(setting, order).scan(setting.masses_GeV) for order in ORDERS]
    return np.array([fit.signal_error_events[0] for fit in fits])


def _timed(campaigns: Campaigns, workers: int) -> dict[str, float]:
    """Return the seconds of one scan, and of toys for the global significance."""
    setting, held, spurious = list(campaigns.frozen.values())[-1]
    spectra, toys = setting.spectra(held, spurious), campaigns.size.timed
    start = time.perf_counter()
    spectra.scan(np.linspace(500, 1000, 101))
    scanned = time.perf_counter()
    largest_significances(setting.experiment, seed=campaigns.seed, number=toys, workers=workers)
    return {
        "scan of 101 masses": scanned - start,
        f"{toys:,} global toys": time.perf_counter() - scanned,
    }
