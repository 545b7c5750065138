"""A closure campaign: all its tasks on any engine, kept as they are finished.

First the batches of universes; then those whose verdict toys of the whole procedure may change are
looked at again. What a task is and does is in `work`.
"""

import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from analysis.results.verdict import ClaimLevel
from analysis.statistics.resonance.look_elsewhere import CountedToys, significance
from analysis.statistics.spectra.bins import FloatArray
from analysis.statistics.verdict import decide
from analysis.validation.analyse import Found, borderline
from analysis.validation.tasks import Kept
from analysis.validation.universe_tasks import PACKAGES, Universes, batches, doubts, settings_digest
from analysis.validation.universes import KINDS, MOST_UNIVERSES, Analysis, Campaign, Kind
from processors.selection import Selection
from tools.errors import InputError
from tools.executors import Execution, Session, completed

_PROGRESS_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Size:
    """How many universes of each kind."""

    universes: int
    empty: int = 0
    with_x: int = 0

    def __post_init__(self) -> None:
        for kind in KINDS:
            if not 0 <= (number := getattr(self, kind)) <= MOST_UNIVERSES:
                option = kind.replace("_", "-")
                raise InputError(f"--{option}: 0 to {MOST_UNIVERSES:,}, not {number:,}")
        if not self.universes + self.empty + self.with_x:
            raise InputError("no universe at all: give --universes N, --empty N or --with-x N")


@dataclass(frozen=True, slots=True, eq=False)
class Results:
    """Everything that a campaign found."""

    campaign: Campaign
    analysis: Analysis
    size: Size
    found: Mapping[Kind, Found]
    counted: Mapping[tuple[Kind, int], CountedToys]
    """toys of the whole procedure, where they were thrown"""

    def global_p(self, kind: Kind) -> FloatArray:
        """Return global p-values: by toys where some exceed, else by the formula."""
        found = self.found[kind]
        values = found.formula_p.copy()
        for row, number in enumerate(found.number):
            counted = self.counted.get((kind, int(number)))
            if counted is not None and counted.exceeding > 0:
                values[row] = counted.p
        return values

    def decisions(self, kind: Kind) -> list[ClaimLevel]:
        """Return the verdict of each universe."""
        found, thresholds = self.found[kind], self.analysis.search.decision
        z = found.formula_z.copy()
        for row, number in enumerate(found.number):
            counted = self.counted.get((kind, int(number)))
            if counted is not None and counted.exceeding > 0:
                z[row] = significance(counted.p)
        return [
            decide(float(a), float(b), thresholds) for a, b in zip(found.local_z, z, strict=True)
        ]


def run(
    work: Universes,
    size: Size,
    out: Path,
    execution: Execution,
    *,
    say: Callable[[str], None] = lambda _text: None,
) -> Results:
    """Analyse all universes of a campaign.

    Parameters
    ----------
    work : Universes
    size : Size
    out : Path
        The folder: finished tasks are kept in it.
    execution : Execution
        The engine, and its workers: they change no result.
    say : callable
        Told how far it is.
    """
    kept = Kept(out / "batches", settings_digest(work))
    tasks = [batch for kind in KINDS for batch in batches(kind, getattr(size, kind))]
    with Session(execution, say, packages=PACKAGES) as session:
        doing = _Doing(work, kept, session, say)
        parts = doing.done(tasks, "universes")
        found = {
            kind: Found.joined([Found.made(parts[t]) for t in tasks if t.kind == kind])
            for kind in KINDS
        }
        counted = _counted(doing, found)
    return Results(work.campaign, work.analysis, size, found, counted)


def _counted(doing: "_Doing", found: Mapping[Kind, Found]) -> dict[tuple[Kind, int], CountedToys]:
    """Return the toys of the whole procedure of the universes that need them."""
    toys = doing.work.analysis.search.peak.global_toys
    tasks = [
        doubt
        for kind, each in found.items()
        for row in borderline(each)
        if kind != "with_x"
        for doubt in doubts(kind, int(each.number[row]), float(each.local_z[row]), toys)
    ]
    exceeding: dict[tuple[Kind, int], int] = defaultdict(int)
    for doubt, part in doing.done(tasks, "second looks").items():
        exceeding[doubt.kind, doubt.number] += int(part["exceeding"][0])
    return {universe: CountedToys(toys, number) for universe, number in exceeding.items()}


@dataclass(frozen=True, slots=True, eq=False)
class _Doing:
    """Where tasks are done, and kept."""

    work: Universes
    kept: Kept
    session: Session
    say: Callable[[str], None]

    def done(self, tasks: Sequence[Any], what: str) -> dict[Any, dict[str, Any]]:
        """Return what each task gave, in their order: what is kept, and the others anew."""
        found = {task: self.kept.load(task.name) for task in tasks}
        todo = [task for task, arrays in found.items() if arrays is None]
        if len(todo) < len(tasks):
            self.say(f"{what}: {len(tasks) - len(todo)} of {len(tasks)} tasks are there already")
        start = last = time.monotonic()
        shipped = type(self.work), Selection
        results = completed(self.work, todo, self.session, what=what, classes=shipped)
        for number, (task, arrays) in enumerate(results, 1):
            self.kept.save(task.name, arrays)
            found[task] = arrays
            now = time.monotonic()
            if now - last > _PROGRESS_SECONDS or number == len(todo):
                left = (now - start) / number * (len(todo) - number)
                past = f"{number} of {len(todo)} tasks, {now - start:.0f} s, {left:.0f} s to go"
                self.say(f"{what}: {past}")
                last = now
        return {task: arrays for task, arrays in found.items() if arrays is not None}
