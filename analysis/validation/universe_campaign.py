"""A closure campaign: batches of universes, then a second look at the doubtful ones.

First the batches of universes; then those whose verdict toys of the whole procedure may change are
looked at again. What a task is and does is in `universe_tasks`.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from analysis.statistics.resonance.look_elsewhere import CountedToys
from analysis.validation.analyse import Found, borderline
from analysis.validation.judged import Judged
from analysis.validation.tasks import Say, done, workshop
from analysis.validation.universe_tasks import Universes, batches, doubts, settings_digest
from analysis.validation.universes import KINDS, MOST_UNIVERSES, Analysis, Campaign, Kind
from tools.errors import InputError
from tools.executors import Execution
from tools.executors.kept import Workshop


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


Counted = dict[tuple[Kind, int], CountedToys]
"""toys of the whole procedure of some universes"""


@dataclass(frozen=True, slots=True, eq=False)
class UniverseResults:
    """Everything that a campaign found."""

    campaign: Campaign
    analysis: Analysis
    size: Size
    found: Mapping[Kind, Found]
    counted: Counted

    def judged(self, *kinds: Kind) -> Judged:
        """Return universes of some kinds with what was decided."""
        thresholds, parts = self.analysis.search.decision, []
        for kind in kinds:
            counted = {number: toys for (of, number), toys in self.counted.items() if of == kind}
            parts.append(Judged.of(self.found[kind], counted, thresholds))
        return Judged.joined(parts)

    @property
    def without_x(self) -> Judged:
        """The universes without X: the empty ones, or else those that happen to be."""
        found = self.judged("empty" if self.size.empty else "universes")
        return found.some(~found.exists)

    @property
    def with_x(self) -> Judged:
        """All universes with an X."""
        found = self.judged("universes", "with_x")
        return found.some(found.exists)


def run(
    work: Universes,
    size: Size,
    out: Path,
    execution: Execution,
    *,
    say: Say = lambda _text: None,
) -> UniverseResults:
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
    tasks = [batch for kind in KINDS for batch in batches(kind, getattr(size, kind))]
    with workshop(out / "batches", settings_digest(work), execution, say) as shop:
        parts = done(shop, work, tasks, "universes")
        found = {
            kind: Found.joined(
                [Found(**parts[task]) for task in tasks if task.kind == kind] or [Found.nothing(0)]
            )
            for kind in KINDS
        }
        counted = _counted(work, shop, found)
    return UniverseResults(work.campaign, work.analysis, size, found, counted)


def _counted(work: Universes, shop: Workshop, found: Mapping[Kind, Found]) -> Counted:
    """Return the toys of the whole procedure of the universes that need them."""
    toys = work.analysis.search.peak.global_toys
    tasks = [
        doubt
        for kind, each in found.items()
        for row in borderline(each)
        if kind != "with_x"
        for doubt in doubts(kind, int(each.number[row]), float(each.local_z[row]), toys)
    ]
    exceeding: dict[tuple[Kind, int], int] = defaultdict(int)
    for doubt, part in done(shop, work, tasks, "second looks").items():
        exceeding[doubt.kind, doubt.number] += int(part["exceeding"][0])
    return {universe: CountedToys(toys, number) for universe, number in exceeding.items()}
