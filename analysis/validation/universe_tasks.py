"""The tasks of a closure campaign: what one is, and does.

A batch is `BATCH` universes of one kind, the same ones whoever does them: fits that are done
together may differ in their last digits from fits that are done alone, and the result is to be the
same to the byte. (Universes `with_x` have fewer toys for their global significance and no second
look: they are for coverages and for the power curve.) A doubt is a universe whose verdict toys of
the whole procedure may change; `PART` of its toys are a task.

Everything of ours is imported at the top: the work is sent to dask's workers with its code.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from analysis.settings.search import Search
from analysis.validation.analyse import analyse, second_look
from analysis.validation.efficiencies import Channels
from analysis.validation.tasks import digest_of, one_thread, ranges
from analysis.validation.universes import Analysis, Campaign, ExpectedSpectra, Kind, analysis_of
from tools.arrays import FloatArray
from tools.digests import digest_text
from tools.samples import Catalogue

BATCH = 25
"""universes analysed together"""
PART = 250
"""toys of the whole procedure thrown together"""
TOYS = {"universes": 1_000, "empty": 1_000, "with_x": 100}
"""of the frozen model in each universe, for the upcrossings; `look_elsewhere` has 1,000"""
_STREAMS = 2
"""of seeds for each universe: its upcrossings, its second look"""


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
class Doubt:
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


def batches(kind: Kind, number: int) -> Iterator[Batch]:
    """Yield the batches of all universes of a kind."""
    yield from (Batch(kind, *ends) for ends in ranges(number, BATCH))


def doubts(kind: Kind, number: int, local_z: float, toys: int) -> Iterator[Doubt]:
    """Yield the tasks of one universe's toys."""
    yield from (Doubt(kind, number, local_z, *ends) for ends in ranges(toys, PART))


@dataclass(frozen=True, slots=True, eq=False)
class Universes:
    """The function of a task: it analyses a batch, or throws toys for a doubtful universe."""

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

    def spectrum(self, kind: Kind, number: int) -> tuple[FloatArray, ...]:
        """Return what is observed in one universe, in each channel."""
        return self.expected(kind, number).draw(self.campaign.rng(kind, number))

    def seed(self, kind: Kind, number: int, stream: int) -> int:
        """Return the seed of one universe's toys."""
        return int(self.campaign.rng(kind, number).spawn(_STREAMS)[stream].integers(2**62))

    def __call__(self, task: Batch | Doubt) -> dict[str, Any]:
        """Do a task, on one core."""
        one_thread()
        return self.look_again(task) if isinstance(task, Doubt) else self.look(task)

    def look(self, batch: Batch) -> dict[str, Any]:
        """Analyse a batch."""
        kind, numbers = batch.kind, range(batch.first, batch.last)
        expected = [self.expected(kind, number) for number in numbers]
        spectra = [self.spectrum(kind, number) for number in numbers]
        seeds = [self.seed(kind, number, 0) for number in numbers]
        return analyse(self.analysis, expected, spectra, numbers, seeds, toys=TOYS[kind]).arrays()

    def look_again(self, doubt: Doubt) -> dict[str, Any]:
        """Throw toys of the whole procedure for one universe."""
        counted = second_look(
            self.analysis,
            self.spectrum(doubt.kind, doubt.number),
            doubt.local_z,
            seed=self.seed(doubt.kind, doubt.number, 1),
            first=doubt.first,
            toys=doubt.last - doubt.first,
        )
        return {"exceeding": np.array([counted.exceeding])}


def settings_digest(work: Universes) -> str:
    """Return the digest of all that a universe's numbers depend on, but which one it is."""
    channels = work.channels
    cells = digest_text(channels.channel.astype(np.int64).tobytes().hex())
    edges = [edges.tolist() for edges in channels.edges]
    return digest_of(
        "universe_tasks", work.catalogue, work.analysis.search, work.campaign, channels.names,
        channels.columns, edges, cells, TOYS, BATCH, PART,
    )  # fmt: skip
