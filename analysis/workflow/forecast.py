"""How long a run will take, and what it needs: a forecast from a trial on some of its chunks.

The trial is `xyy process` itself - same executor, workers, settings, checks and checkpoints - on
chunks taken evenly over all events, into a folder that is removed. Its course has three parts:

=========  =====================================================================================
start      until there is a batch from each worker: imports, pool or cluster, first chunks
rounds     three more batches from each worker
end        the pool or the cluster is closed; histograms, cutflow and ledger are written
=========  =====================================================================================

A whole run begins and ends in the same way and has more rounds: each further event will take what
an event took in the median round of the trial. Rounds are timed with all workers at work, because
these share caches, memory and disk, allocate memory otherwise than this process, and send results
that are added up meanwhile: the time of a chunk here, divided by the number of workers, is another.

What the forecast cannot know: how busy the machine will be, and whether files that the trial did
not read are in the page cache as those that it did. Its range is that of the three rounds.
"""

import resource
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import accumulate, pairwise

from analysis.folder.folder import Folder
from analysis.workflow.process import Processing
from processors.diphoton import Settings
from tools import executors, temporary
from tools.errors import InputError, XyyError
from tools.executors import Execution, Session
from tools.executors.work import batches
from tools.manifest import Manifest
from tools.samples import Catalogue

ROUNDS = 3
"""Timed batches of every worker, after the first one, which bears imports and cold caches."""
CHUNKS_PER_WORKER = 16
"""of the trial, so that its batches are of a few chunks, like those of the run; fewer if that were
more than half of all chunks"""
_BATCHES_PER_WORKER = ROUNDS + 1

Mark = tuple[float, int]
"""Seconds since the processing began, and events done so far."""


@dataclass(frozen=True, slots=True)
class TrialSettings:
    """How a trial is made."""

    execution: Execution
    slots: int
    """how many batches are done at once"""
    note: str | None = None
    """what cannot be found out in this way"""


@dataclass(frozen=True, slots=True)
class Trial:
    """The course of a trial."""

    how: TrialSettings
    begin_s: float
    """what the program took before the processing began"""
    done: tuple[Mark, ...]
    """after each batch"""
    end_s: float
    """seconds from the beginning of the processing to its end"""
    memory_bytes: int | None
    """peak resident memory of a worker; None for workers that others have started"""


@dataclass(frozen=True, slots=True)
class Forecast:
    """What a run will take."""

    wall_s: float
    wall_low_s: float
    """if every round were like the fastest of the trial"""
    wall_high_s: float
    """if every round were like the slowest of the trial"""
    start_s: float
    processing_s: float
    end_s: float
    events_per_s: float
    """once all workers are at work"""
    memory_bytes: int | None
    """per worker"""
    workers: int
    tasks: int
    """batches of chunks: what is given to a worker at a time"""
    task_events: int
    """in the largest"""
    chunks: int
    """pieces of work in the ledger"""
    events: int
    read_bytes: int
    """the checksum of a chunk's file is compared with the manifest: all of it is read"""
    trial_events: int
    trial_s: float
    note: str | None = None
    """what the trial could not measure"""

    def lines(self) -> list[str]:
        """Return what a user reads."""
        memory = "unknown" if self.memory_bytes is None else f"{self.memory_bytes / 1e6:,.0f} MB"
        return [
            f"wall time  {self.wall_s:,.1f} s ({self.wall_low_s:,.1f} to {self.wall_high_s:,.1f})",
            f"  start    {self.start_s:,.1f} s",
            f"  rounds   {self.processing_s:,.1f} s at {self.events_per_s / 1e6:.2f} million/s",
            f"  end      {self.end_s:,.1f} s",
            f"memory     {memory} at the peak of each of {self.workers} workers",
            f"events     {self.events:,} in {self.chunks:,} chunks",
            f"tasks      {self.tasks:,} of up to {self.task_events:,} events",
            f"to read    {self.read_bytes / 1e9:,.2f} GB",
            f"measured   on {self.trial_events:,} of these events in {self.trial_s:.1f} s",
            *([] if self.note is None else [f"not known  {self.note}"]),
        ]


def trial_chunks(manifest: Manifest, workers: int) -> Manifest:
    """Return a manifest of the chunks to try: evenly over all events, and one of each sample.

    Raises
    ------
    InputError
        If the manifest holds no events.
    """
    parts = [(name, part) for name, chunks in manifest.samples.items() for part in chunks.parts]
    upto = list(accumulate(part.entries for _, part in parts))
    if not upto or not upto[-1]:
        raise InputError(f"{manifest.folder} holds no events; there is nothing to forecast")
    wanted = max(min(CHUNKS_PER_WORKER * workers, len(parts) // 2), _BATCHES_PER_WORKER * workers)
    if wanted >= len(parts):
        return manifest
    # In the middle of equal numbers of events, not of chunks: these may differ in size.
    middles = ((2 * i + 1) * upto[-1] / (2 * wanted) for i in range(wanted))
    chosen = {next(i for i, last in enumerate(upto) if last > middle) for middle in middles}
    samples = {}
    for name, chunks in manifest.samples.items():
        some = [part for i, (of, part) in enumerate(parts) if of == name and i in chosen]
        samples[name] = replace(chunks, parts=tuple(some) or chunks.parts[:1])
    return replace(manifest, samples=samples)


def how_to_try(
    execution: Execution, log: Callable[[str], None] = lambda _line: None
) -> TrialSettings:
    """Return how to make a trial for a run: as the run, but without submitting jobs.

    Parameters
    ----------
    execution : Execution
    log : callable
        Takes lines for the user.

    Raises
    ------
    XyyError
        If no scheduler answers where there should be one, or if it has no workers.
    """
    if execution.engine == "iterative":
        return TrialSettings(execution, 1)
    if execution.cluster is not None:
        note = (
            f"how long {execution.cluster} lets jobs wait, how fast its machines are and what they "
            "share: measured in one process here"
        )
        here = Execution(chunk_events=execution.chunk_events, checkpoints=execution.checkpoints)
        return TrialSettings(here, 1, note)
    if execution.scheduler is None:
        return TrialSettings(execution, execution.workers)
    with Session(execution, log) as session:
        session.client()
        slots = session.slots
    return TrialSettings(execution, slots, "memory, as others have started the workers")


def run_trial(
    chunks: Manifest, catalogue: Catalogue, settings: Settings, how: TrialSettings
) -> Trial:
    """Process the trial's chunks, those of `trial_chunks`, and take the time.

    Raises
    ------
    XyyError
        If events are lost.
    """
    begin_s, start = time.process_time(), time.monotonic()
    done: list[Mark] = []
    with temporary.folder("xyy-plan-") as place:
        processing = Processing(
            folder=Folder(place), manifest=chunks, catalogue=catalogue, settings=settings,
            execution=how.execution,
        )  # fmt: skip
        ledger, _ = processing.run(lambda events: done.append((time.monotonic() - start, events)))
    end_s = time.monotonic() - start
    for lost in ledger.failed:
        raise XyyError(f"the trial failed at {lost.file}: {lost.error}")
    return Trial(how, begin_s, tuple(done), end_s, _peak_memory(how.execution))


def _peak_memory(execution: Execution) -> int | None:
    """Return the peak resident memory of this process, or of the largest of its children."""
    if execution.scheduler is not None:
        return None
    here = execution.engine == "iterative"
    who = resource.RUSAGE_SELF if here else resource.RUSAGE_CHILDREN
    unit = 1 if sys.platform == "darwin" else 1024  # getrusage(2): bytes there, kilobytes here
    return resource.getrusage(who).ru_maxrss * unit


def forecast(manifest: Manifest, trial: Trial, *, execution: Execution) -> Forecast:
    """Return what the whole of a manifest will take.

    Parameters
    ----------
    manifest : Manifest
    trial : Trial
        On some of its chunks.
    execution : Execution
        Of the run.
    """
    how, names = trial.how, list(manifest.samples)
    items = executors.plan(manifest, names, chunk_events=execution.chunk_events)
    workers = how.slots if how.execution is execution else execution.workers
    tasks, events = batches(items, workers), sum(map(len, items))
    marks, (tried_s, tried) = _marks(trial), trial.done[-1]
    start_s, end_s = trial.begin_s + marks[0][0], trial.end_s - tried_s
    event_s = sorted(_slope(*pair) for pair in pairwise(marks))
    low_s, median_s, high_s = (
        (tried_s - marks[0][0] + (events - tried) * each) * how.slots / workers
        for each in (event_s[0], event_s[len(event_s) // 2], event_s[-1])
    )
    return Forecast(
        wall_s=start_s + median_s + end_s,
        wall_low_s=start_s + low_s + end_s,
        wall_high_s=start_s + high_s + end_s,
        start_s=start_s, processing_s=median_s, end_s=end_s,
        events_per_s=workers / how.slots / event_s[len(event_s) // 2],
        memory_bytes=trial.memory_bytes, workers=workers,
        tasks=len(tasks), task_events=max(sum(map(len, task)) for task in tasks),
        chunks=len(items), events=events,
        read_bytes=sum(item.usermeta["part"]["bytes"] for item in items),
        trial_events=tried, trial_s=trial.end_s, note=how.note,
    )  # fmt: skip


def _marks(trial: Trial) -> list[Mark]:
    """Return where the start ended, then where each round ended."""
    last, first = len(trial.done) - 1, trial.how.slots - 1
    if first >= last:  # too few batches to tell the start from the rest
        return [(0.0, 0), *trial.done]
    steps = {first + round((last - first) * i / ROUNDS) for i in range(ROUNDS + 1)}
    return [trial.done[step] for step in sorted(steps)]


def _slope(one: Mark, two: Mark) -> float:
    """Return the seconds for an event between two marks."""
    # Of tiny batches both ends may fall on one tick of the clock.
    return max(two[0] - one[0], 1e-6) / (two[1] - one[1])
