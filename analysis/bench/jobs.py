"""The full job with each executor, in a process of its own: rate, start-up, peak memory.

An executor has a start-up that does not grow with the events: processes, imports, a cluster. So it
does a small and a large job, each in a new process, over links to the same chunks; the rate is that
of the difference, and the start-up is what the small job took longer than that rate explains. The
times are medians of rounds in which the executors take turns. ``iterative``, on one core, is
treated alike.
"""

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass

from analysis.bench import ours
from analysis.bench.inputs import events_of
from analysis.bench.loops import Counts
from analysis.bench.measure import in_new_process, one_core, peak_memory_MiB
from analysis.results.speed import EngineSpeed
from processors.diphoton import Settings
from tools.digests import digest_text
from tools.errors import XyyError
from tools.executors import Execution
from tools.manifest import Manifest

Sizes = tuple[Manifest, Manifest]
"""Of the small job and of the large one."""


@dataclass(frozen=True, slots=True)
class Timed:
    """What one job brought."""

    seconds: float
    peak_MiB: float
    """of the process, or of its largest worker"""
    digest: str
    """of all histograms"""


def compare_executors(
    sizes: Sizes,
    settings: Settings,
    executions: Sequence[Execution],
    rounds: int,
    say: Callable[[str], None],
) -> dict[str, EngineSpeed]:
    """Return what each executor does, by its name.

    Raises
    ------
    XyyError
        If they do not fill the same histograms.
    """
    timed: dict[Execution, list[tuple[Timed, Timed]]] = {each: [] for each in executions}
    for number in range(rounds):
        for execution, pairs in timed.items():
            say(f"{execution.engine}, round {number + 1} of {rounds}")
            small, large = (
                in_new_process(time_job, manifest, settings, execution) for manifest in sizes
            )
            pairs.append((small, large))
    check_same({e.engine: {large.digest for _, large in pairs} for e, pairs in timed.items()})
    events = events_of(sizes[0]), events_of(sizes[1])
    return {e.engine: rated(pairs, events, e.workers) for e, pairs in timed.items()}


def check_same(digests: Mapping[str, set[str]]) -> None:
    """Make sure that all executors filled the same histograms, in every round.

    Raises
    ------
    XyyError
        If not.
    """
    if len(set().union(*digests.values())) > 1:
        raise XyyError(f"{', '.join(digests)} do not fill the same histograms: nothing is compared")


def time_job(manifest: Manifest, settings: Settings, execution: Execution) -> Timed:
    """Do a job and take its time; to be called in a process of its own."""
    with one_core() if execution.engine == "iterative" else nullcontext():
        start = time.perf_counter()
        contents = ours.process(manifest, settings, execution)
        taken = time.perf_counter() - start
    return Timed(taken, peak_memory_MiB(), _digest(contents))


def _digest(contents: Mapping[str, Counts]) -> str:
    return digest_text(*(f"{name} {contents[name].tobytes().hex()}" for name in sorted(contents)))


def rated(
    timed: Sequence[tuple[Timed, Timed]], events: tuple[int, int], workers: int = 1
) -> EngineSpeed:
    """Return rate and start-up from the small and large jobs of one executor.

    >>> jobs = Timed(5.0, 650.0, ""), Timed(13.0, 700.0, "")
    >>> found = rated([jobs], (4_000_000, 20_000_000))
    >>> found.rate_events_per_s, found.startup_s, found.peak_MiB
    (2000000, 3.0, 700.0)
    """
    small_s, large_s = (statistics.median(pair[i].seconds for pair in timed) for i in (0, 1))
    rate = startup_s = None
    # Otherwise the jobs are too small: their times differ by chance, not by their events.
    if large_s > small_s:
        per_s = (events[1] - events[0]) / (large_s - small_s)
        rate, startup_s = round(per_s), round(max(small_s - events[0] / per_s, 0.0), 2)
    return EngineSpeed(
        workers=workers,
        events=events[1],
        rate_events_per_s=rate,
        startup_s=startup_s,
        peak_MiB=round(max(large.peak_MiB for _, large in timed), 1),
    )
