"""A closure campaign: universes in batches, through the pool, kept as they are finished.

A batch is `BATCH` universes of one kind, the same ones whoever does them: fits that are done
together may differ in their last digits from fits that are done alone, and the result is to be the
same to the byte. (Universes `with_x` have fewer toys for their global significance and no second
look: they are for coverages and for the power curve.) After the batches, universes whose verdict
toys of the whole procedure may change are looked at again, one by one (`analyse.second_look`).
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from analysis.closure.analyse import Found, analyse, borderline, second_look
from analysis.closure.channels import Channels
from analysis.closure.kept import Kept
from analysis.closure.worlds import (
    KINDS,
    MOST_UNIVERSES,
    Analysis,
    Campaign,
    Kind,
    World,
    analysis_of,
    world_of,
)
from analysis.search import Search
from analysis.statistics.look_elsewhere import CountedToys, significance
from analysis.statistics.spectra import FloatArray
from analysis.statistics.verdict import Claim, decide
from tools.errors import InputError
from tools.samples import Catalogue
from tools.storage import code_digest, digest_text

BATCH = 25
"""universes analysed together"""
TOYS = {"universes": 1_000, "empty": 1_000, "with_x": 100}
"""of the frozen model in each universe, for the upcrossings; `look_elsewhere` has 1,000"""
_PROGRESS_SECONDS = 10.0
_OURS = ("analyse.py", "campaign.py", "channels.py", "fits.py", "worlds.py")
_LIBRARIES = ("numpy", "scipy", "iminuit")
_STREAMS = 2
"""of seeds for each universe: its upcrossings, its second look"""


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
    """A universe whose verdict toys of the whole procedure may change."""

    kind: Kind
    number: int
    local_z: float

    @property
    def name(self) -> str:
        """Of its file."""
        return f"toys-{self.kind}-{self.number}"


@dataclass(frozen=True, slots=True, eq=False)
class Universes:
    """The work of the pool: batches of universes, and second looks at single ones."""

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

    def world(self, kind: Kind, number: int) -> World:
        """Return what one universe is expected to show."""
        tournament = self.analysis.tournament
        truth = self.campaign.truth(kind, number, self.catalogue)
        return world_of(truth, self.channels, tournament.low_GeV, tournament.high_GeV)

    def spectrum(self, kind: Kind, number: int) -> tuple[FloatArray, ...]:
        """Return what is observed in one universe, in each channel."""
        return self.world(kind, number).draw(self.campaign.rng(kind, number))

    def seed(self, kind: Kind, number: int, stream: int) -> int:
        """Return the seed of one universe's toys."""
        return int(self.campaign.rng(kind, number).spawn(_STREAMS)[stream].integers(2**62))

    def __call__(self, task: Batch | Doubt) -> dict[str, Any]:
        """Do a task, on one core."""
        from threadpoolctl import threadpool_limits

        with threadpool_limits(1):  # small matrices: more threads would wait for each other
            return self.look_again(task) if isinstance(task, Doubt) else self.look(task)

    def look(self, batch: Batch) -> dict[str, Any]:
        """Analyse a batch."""
        kind, numbers = batch.kind, range(batch.first, batch.last)
        worlds = [self.world(kind, number) for number in numbers]
        spectra = [self.spectrum(kind, number) for number in numbers]
        seeds = [self.seed(kind, number, 0) for number in numbers]
        found = analyse(self.analysis, worlds, spectra, list(numbers), seeds, toys=TOYS[kind])
        return found.arrays()

    def look_again(self, doubt: Doubt) -> dict[str, Any]:
        """Throw toys of the whole procedure for one universe."""
        counted = second_look(
            self.analysis,
            self.spectrum(doubt.kind, doubt.number),
            doubt.local_z,
            seed=self.seed(doubt.kind, doubt.number, 1),
            toys=self.analysis.search.peak.global_toys,
        )
        return {"toys": np.array([counted.toys]), "exceeding": np.array([counted.exceeding])}


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

    def decisions(self, kind: Kind) -> list[Claim]:
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
    *,
    workers: int,
    say: Callable[[str], None] = lambda _text: None,
) -> Results:
    """Analyse all universes of a campaign.

    Parameters
    ----------
    work : Universes
    size : Size
    out : Path
        The folder: finished batches are kept in it.
    workers : int
    say : callable
        Told how far it is.
    """
    kept = Kept(out / "batches", settings_digest(work))
    tasks = [batch for kind in KINDS for batch in _batches(kind, getattr(size, kind))]
    parts = _done(work, tasks, kept, workers, "universes", say)
    found = {k: Found.joined([Found.made(parts[t]) for t in tasks if t.kind == k]) for k in KINDS}
    doubts = [
        Doubt(kind, int(each.number[row]), float(each.local_z[row]))
        for kind, each in found.items()
        for row in borderline(each)
        if kind != "with_x" and work.analysis.search.peak.global_toys
    ]
    again = _done(work, doubts, kept, workers, "second looks", say)
    counted = {
        (d.kind, d.number): CountedToys(int(a["toys"][0]), int(a["exceeding"][0]))
        for d, a in again.items()
    }
    return Results(work.campaign, work.analysis, size, found, counted)


def _batches(kind: Kind, number: int) -> list[Batch]:
    return [Batch(kind, n, min(n + BATCH, number)) for n in range(0, number, BATCH)]


def _done(
    work: Universes,
    tasks: Sequence[Any],
    kept: Kept,
    workers: int,
    what: str,
    say: Callable[[str], None],
) -> dict[Any, dict[str, Any]]:
    """Return what each task gave, in their order: those that are kept, and the others anew."""
    from tools.pool import completed

    found = {task: kept.load(task.name) for task in tasks}
    todo = [task for task, arrays in found.items() if arrays is None]
    if len(todo) < len(tasks):
        say(f"{what}: {len(tasks) - len(todo)} of {len(tasks)} tasks are there already")
    start = last = time.monotonic()
    results = completed(work, todo, min(workers, len(todo)), what=what) if todo else ()
    for done, (task, arrays) in enumerate(results, 1):
        kept.save(task.name, arrays)
        found[task] = arrays
        now = time.monotonic()
        if now - last > _PROGRESS_SECONDS or done == len(todo):
            left = (now - start) / done * (len(todo) - done)
            say(f"{what}: {done} of {len(todo)} tasks, {now - start:.0f} s, {left:.0f} s to go")
            last = now
    return {task: arrays for task, arrays in found.items() if arrays is not None}


def settings_digest(work: Universes) -> str:
    """Return the digest of all that a universe's numbers depend on, but which one it is."""
    catalogue, analysis = work.catalogue, work.analysis
    search = replace(analysis.search, path=Path())
    samples = [
        (s.name, s.kind, s.mass_GeV, s.cross_section_pb, s.filter_efficiency)
        for s in catalogue.simulation
    ]
    luminosities = catalogue.luminosity_invpb, catalogue.data_luminosity_invpb
    versions = [metadata.version(name) for name in _LIBRARIES]
    code = [
        code_digest("analysis/statistics"),
        code_digest("analysis/closure", *_OURS),
        code_digest("analysis/calibration", "frozen.py"),
        code_digest("tools", "universe.py", "recipe.py", "generate.py"),
    ]
    channels = work.channels
    cells = digest_text(channels.channel.astype(np.int64).tobytes().hex())
    parts = (work.campaign, search, samples, luminosities, catalogue.collision_energy_GeV,
             channels.names, channels.columns, [e.tolist() for e in channels.edges], cells,
             TOYS, BATCH)  # fmt: skip
    return digest_text(*map(repr, parts), *versions, *code)
