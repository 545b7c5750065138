"""All campaigns of toys: generated on any executor, and what is expected without any.

What is generated is said in `plan`. The numbers of toys and the limits that the results are
compared with (`toy_report`) are those that were set before the program was written.

The upcrossings that turn a toy's largest local significance into a global one are those of the
function that the toy chose. Of several channels nearly every toy has a combination of its own: they
take the upcrossings of the combination that is selected on the test spectrum, and for some of the
combinations their own are computed, to compare.
"""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, TypeVar

import numpy as np

from analysis.results.calibration import ToyNumbers
from analysis.statistics.resonance.toys import largest_significances
from analysis.validation.fixed_model import FixedExpectation, FixedModel, FixedToys, Setting
from analysis.validation.sensitivity import Pair
from analysis.validation.tasks import Columns, done, one_thread, ranges
from analysis.validation.toys import BackgroundToys, Injection, SignalToys, background_toys
from tools.arrays import FloatArray
from tools.digests import digest_text
from tools.executors.kept import Arrays, Workshop

COMPARED = 10
"""combinations of functions, of each test spectrum without a resonance, with upcrossings of their
own"""
_TOGETHER = {"fixed": 500}
_OTHERS = 100
"""toys of a task"""

ToyKind = Literal["signal", "background", "outside", "fixed"]
Some = TypeVar("Some", bound=Columns)


@dataclass(frozen=True, slots=True)
class ToyTask:
    """Some toys of a campaign."""

    kind: ToyKind
    campaign: str
    first: int
    last: int

    @property
    def name(self) -> str:
        """Of its file."""
        return f"{self.kind}-{digest_text(self.campaign)}-{self.first}-{self.last}"


@dataclass(frozen=True, slots=True)
class ChosenFunctions:
    """Functions that toys of a campaign chose: a task, whose upcrossings are counted."""

    campaign: str
    functions: tuple[str, ...] = ()
    """empty: those that are selected on the test spectrum itself"""

    @property
    def name(self) -> str:
        """Of its file."""
        return f"upcrossings-{digest_text(repr(self))}"


@dataclass(frozen=True, slots=True, eq=False)
class ToyCampaigns:
    """Everything that toys are generated for; the function of a task."""

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
    spurious: Mapping[ChosenFunctions, FloatArray] = field(default_factory=dict)
    """of the functions whose upcrossings are wanted: their mean over the toys that chose them"""

    @property
    def several(self) -> bool:
        """Whether there are several channels: toys are few then, and shown together."""
        return len(next(iter(self.background.values())).expected) > 1

    def tasks(self) -> list[ToyTask]:
        """Return all tasks that generate toys."""
        wanted: tuple[tuple[ToyKind, Mapping[str, object], int], ...] = (
            ("signal", self.injection, self.size.injected),
            ("background", self.background, self.size.local),
            ("outside", self.outside, self.size.outside),
            ("fixed", self.background, self.size.frozen),
        )
        return [
            ToyTask(kind, name, *ends)
            for kind, names, toys in wanted
            for name in names
            for ends in ranges(toys, _TOGETHER.get(kind, _OTHERS))
        ]

    def __call__(self, task: ToyTask | ChosenFunctions) -> Arrays:
        """Do a task, on one core."""
        one_thread()
        found = self.expected(task) if isinstance(task, ChosenFunctions) else self.generated(task)
        return found.arrays()

    def generated(self, task: ToyTask) -> Columns:
        """Generate some toys."""
        name, numbers, seed = task.campaign, range(task.first, task.last), self.seed
        if task.kind == "signal":
            return self.injection[name].toys(seed=seed, numbers=numbers)
        if task.kind == "outside":
            setting, scans = self.outside[name], task.last
        else:
            setting, scans = self.background[name], self.size.scans
        if task.kind == "fixed":
            spectra = setting.fixed(*self.chosen[name])
            return FixedToys.of(spectra, setting.masses_GeV, seed=seed, numbers=numbers)
        return background_toys(
            setting, seed=seed, numbers=numbers, scans=scans, windows=self.windows
        )

    def expected(self, choice: ChosenFunctions) -> FixedExpectation:
        """Return what is expected with functions that were chosen."""
        name, functions = choice.campaign, choice.functions
        setting = self.background.get(name) or self.outside[name]
        model, spurious = (
            (setting.named(functions), self.spurious[choice]) if functions else self.chosen[name]
        )
        return FixedExpectation.of(
            setting.fixed(model, spurious), setting.masses_GeV, seed=self.seed,
            toys=self.size.upcrossings,
        )  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class ToyResults:
    """What all campaigns gave, by name."""

    campaigns: ToyCampaigns
    background: Mapping[str, BackgroundToys]
    outside: Mapping[str, BackgroundToys]
    injection: Mapping[str, SignalToys]
    fixed: Mapping[str, FixedToys]
    expected: Mapping[ChosenFunctions, FixedExpectation]
    seconds: Mapping[str, float]
    """what was timed"""

    def on_truth(self, name: str) -> FixedExpectation:
        """Return what is expected with the functions that are selected on a test spectrum."""
        return self.expected[ChosenFunctions(name)]

    def expectation(self, name: str, functions: tuple[str, ...]) -> FixedExpectation:
        """Return what is expected by a toy that chose these functions."""
        if self.campaigns.several:
            return self.on_truth(name)
        return self.expected[ChosenFunctions(name, functions)]


def run_toys(campaigns: ToyCampaigns, shop: Workshop) -> ToyResults:
    """Generate all toys."""
    start = time.perf_counter()
    tasks = campaigns.tasks()
    found = done(shop, campaigns, tasks, "toys")

    def joined(made: type[Some], kind: ToyKind) -> dict[str, Some]:
        own = [task for task in tasks if task.kind == kind]
        names = dict.fromkeys(task.campaign for task in own)
        return {
            name: made.joined([made(**found[task]) for task in own if task.campaign == name])
            for name in names
        }

    background, outside = joined(BackgroundToys, "background"), joined(BackgroundToys, "outside")
    asked = replace(campaigns, spurious=dict(_asked(campaigns, background, outside)))
    choices = [*asked.spurious, *map(ChosenFunctions, campaigns.chosen)]
    expected = done(shop, asked, choices, "upcrossings")
    seconds = _timed(campaigns, shop.session.execution.workers)
    return ToyResults(
        campaigns=campaigns,
        background=background,
        outside=outside,
        injection=joined(SignalToys, "signal"),
        fixed=joined(FixedToys, "fixed"),
        expected={choice: FixedExpectation(**arrays) for choice, arrays in expected.items()},
        seconds={**seconds, "all campaigns": time.perf_counter() - start},
    )


def _asked(
    campaigns: ToyCampaigns, *found: Mapping[str, BackgroundToys]
) -> Iterator[tuple[ChosenFunctions, FloatArray]]:
    """Yield the functions that the toys chose, with their mean spurious signals."""
    for name, toys in (each for campaign in found for each in campaign.items()):
        chosen = list(toys.choices().items())
        if campaigns.several:
            chosen = chosen[:COMPARED] if name in campaigns.background else []
        for functions, rows in chosen:
            yield ChosenFunctions(name, functions), toys.spurious[rows].mean(axis=0)


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
