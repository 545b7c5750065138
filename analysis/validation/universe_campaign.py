"""A closure campaign: batches of universes, then borderline cases with more toys.

A batch is `BATCH` universes of one kind, the same ones whoever does them: fits that are done
together may differ in their last digits from fits that are done alone, and the result is to be the
same to the byte. (Universes `with_x` have fewer toys for their global significance and are not
evaluated again: they are for coverages and for the power curve.) A borderline case is a universe
whose verdict toys of the whole procedure may change; `PART` of its toys are a task.

Everything of ours is imported at the top: the work is sent to dask's workers with its code.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from analysis.results.scan import GlobalToys
from analysis.settings.search import Search
from analysis.statistics.resonance.look_elsewhere import counted_toys
from analysis.validation.analyse import Found, Judged, analyse, borderline, evaluated_again
from analysis.validation.efficiencies import Channels
from analysis.validation.tasks import Say, digest_of, done, one_thread, ranges, workshop
from analysis.validation.universes import (
    KINDS,
    MAX_UNIVERSES,
    Analysis,
    Campaign,
    ExpectedSpectra,
    Kind,
    ObservedUniverse,
    analysis_of,
)
from tools.digests import digest_text
from tools.errors import InputError
from tools.executors import Execution
from tools.executors.kept import Arrays, Workshop
from tools.samples import Catalogue

BATCH = 25
"""universes analysed together"""
PART = 250
"""number of toys of the whole procedure that are generated together"""
TOYS = {"universes": 1_000, "empty": 1_000, "with_x": 100}
"""toys of the fixed background model in each universe, for the upcrossings; `look_elsewhere` has
1,000"""
_STREAMS = 2
"""of seeds for each universe: its upcrossings, its evaluation with more toys"""


@dataclass(frozen=True, slots=True)
class Batch:
    """Some universes of a kind."""

    kind: Kind
    first: int
    last: int

    @property
    def name(self) -> str:
        """Of its file."""
        return f"{self.kind}-{self.first}-{self.last}"


@dataclass(frozen=True, slots=True)
class BorderlineToys:
    """Some toys for a universe whose verdict toys of the whole procedure may change."""

    kind: Kind
    number: int
    local_z: float
    first: int
    last: int

    @property
    def name(self) -> str:
        """Of its file."""
        return f"toys-{self.kind}-{self.number}-{self.first}-{self.last}"


@dataclass(frozen=True, slots=True, eq=False)
class Universes:
    """The function of a task: it analyses a batch, or generates toys for a borderline case."""

    campaign: Campaign
    catalogue: Catalogue
    channels: Channels
    analysis: Analysis

    @classmethod
    def of(
        cls, campaign: Campaign, catalogue: Catalogue, search: Search, channels: Channels
    ) -> "Universes":
        """Return the universes of a campaign, and the analysis that looks at them."""
        return cls(campaign, catalogue, channels, analysis_of(catalogue, search, channels))

    def expected(self, kind: Kind, number: int) -> ExpectedSpectra:
        """Return what one universe is expected to show."""
        bins = self.analysis.tournament
        truth = self.campaign.truth(kind, number, self.catalogue)
        return ExpectedSpectra.of(truth, self.channels, bins.low_GeV, bins.high_GeV)

    def observed(self, kind: Kind, number: int) -> ObservedUniverse:
        """Return what is observed in one universe."""
        expected = self.expected(kind, number)
        counts = expected.draw(self.campaign.rng(kind, number))
        return ObservedUniverse(number, expected, counts, self.seed(kind, number, 0))

    def seed(self, kind: Kind, number: int, stream: int) -> int:
        """Return the seed of one universe's toys."""
        # Spawned, not drawn: it does not depend on how many numbers the spectrum took.
        return int(self.campaign.rng(kind, number).spawn(_STREAMS)[stream].integers(2**62))

    def __call__(self, task: Batch | BorderlineToys) -> Arrays:
        """Do a task, on one core."""
        one_thread()
        return self.evaluate(task) if isinstance(task, BorderlineToys) else self.analyse(task)

    def analyse(self, batch: Batch) -> Arrays:
        """Analyse a batch."""
        universes = [self.observed(batch.kind, n) for n in range(batch.first, batch.last)]
        return analyse(self.analysis, universes, toys=TOYS[batch.kind]).arrays()

    def evaluate(self, case: BorderlineToys) -> Arrays:
        """Generate toys of the whole procedure for one universe."""
        counted = evaluated_again(
            self.analysis,
            self.observed(case.kind, case.number).counts,
            case.local_z,
            seed=self.seed(case.kind, case.number, 1),
            first=case.first,
            toys=case.last - case.first,
        )
        return {"exceeding": np.array([counted.exceeding])}


def settings_digest(work: Universes) -> str:
    """Return the digest of all that a universe's numbers depend on, but which one it is."""
    channels = work.channels
    cells = digest_text(channels.channel.astype(np.int64).tobytes().hex())
    edges = [edges.tolist() for edges in channels.edges]
    return digest_of(
        "universe_campaign", work.catalogue, work.analysis.search, work.campaign, channels.names,
        channels.columns, edges, cells, TOYS, BATCH, PART,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Size:
    """How many universes of each kind."""

    universes: int
    empty: int = 0
    with_x: int = 0

    def __post_init__(self) -> None:
        for kind in KINDS:
            if not 0 <= (number := getattr(self, kind)) <= MAX_UNIVERSES:
                option = kind.replace("_", "-")
                raise InputError(f"--{option}: 0 to {MAX_UNIVERSES:,}, not {number:,}")
        if not self.universes + self.empty + self.with_x:
            raise InputError("no universe at all: give --universes N, --empty N or --with-x N")


Counted = dict[tuple[Kind, int], GlobalToys]
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
        The executor, and its workers: they change no result.
    say : callable
        Told how far it is.
    """
    tasks = [Batch(kind, *ends) for kind in KINDS for ends in ranges(getattr(size, kind), BATCH)]
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
        BorderlineToys(kind, int(each.number[row]), float(each.local_z[row]), *ends)
        for kind, each in found.items()
        for row in borderline(each)
        for ends in ranges(toys, PART)
        if kind != "with_x"
    ]
    exceeding: dict[tuple[Kind, int], int] = defaultdict(int)
    for case, part in done(shop, work, tasks, "borderline cases").items():
        exceeding[case.kind, case.number] += int(part["exceeding"][0])
    return {universe: counted_toys(toys, number) for universe, number in exceeding.items()}
