"""How to measure: on one core or with executors, in turns, and the median of several rounds.

The machine is shared and changes its clock, so competitors take turns, and what is quoted are
ratios of medians from one run. The first round, which imports and warms the page cache, does not
count. On one core all run in one new process, in which libraries have one thread (they read that
from the environment when they are imported), and which keeps the memory that it frees, as the
processor's workers do (`tools.executors.memory`).

An executor has a start-up that does not grow with the events: processes, imports, a cluster. So it
does a small and a large job, each in a new process, over links to the same chunks; the rate is that
of the difference, and the start-up is what the small job took longer than that rate explains. The
times are medians of rounds in which the executors take turns. ``iterative``, on one core, is
treated alike.
"""

import gc
import os
import resource
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from analysis.bench import ours
from analysis.bench.competitors import Counts
from analysis.results.speed import ExecutorSpeed
from processors.diphoton import Settings
from tools.digests import digest_text
from tools.errors import XyyError
from tools.executors import Execution
from tools.manifest import Manifest
from tools.pool import WORKER_ENVIRONMENT, processes

Result = TypeVar("Result")
ENVIRONMENT = {**WORKER_ENVIRONMENT, "POLARS_MAX_THREADS": "1"}
Sizes = tuple[Manifest, Manifest]
"""Of the small job and of the large one."""


def in_new_process(function: Callable[..., Result], *arguments: object) -> Result:
    """Call a function in a process that starts with `ENVIRONMENT`; what it raises is raised here.

    Parameters
    ----------
    function : callable
        At the top of a module; it, its arguments and its result can be pickled.
    *arguments
        Of the function.
    """
    with processes(1, ENVIRONMENT) as pool:
        result: Result = pool.submit(function, *arguments).result()
        pool.shutdown(wait=True)  # killed, it could not put away semaphores of pools of its own
    return result


def use_one_core() -> None:
    """Keep this thread, and those that it starts, on one core; to be called in a new process.

    Where the operating system cannot do that (macOS), the libraries' own settings have to do.
    """
    if sys.platform == "linux":
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})


def median_seconds(jobs: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Return the median time of each job, in wall-clock seconds; they take turns.

    Parameters
    ----------
    jobs : mapping of str to callable
    rounds : int
        That count, after a first one that does not.
    """
    taken: dict[str, list[float]] = {name: [] for name in jobs}
    for _ in range(rounds + 1):
        for name, job in jobs.items():
            # Else the garbage of one job is collected in the time of the next.
            gc.collect()
            start = time.perf_counter()
            job()
            taken[name].append(time.perf_counter() - start)
    return {name: statistics.median(times[1:]) for name, times in taken.items()}


def peak_memory_MiB() -> float:
    """Return the peak resident memory of this process or of its largest child that has ended.

    Linux hands the peak of a parent on to a process that it starts (``ru_maxrss`` is never lower):
    so of this process the kernel is asked for the peak of its own memory; children may be
    overestimated, by no more than what this process had.
    """
    unit = 1 if sys.platform == "darwin" else 1 << 10  # getrusage(2): bytes there, kibibytes here
    children = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * unit
    status = Path("/proc/self/status")
    if status.exists():
        (line,) = (line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        mine = int(line.split()[1]) * 1024
    else:
        mine = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    return max(mine, children) / (1 << 20)


# ---- executors -----------------------------------------------------------------------------------


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
    log: Callable[[str], None],
) -> dict[str, ExecutorSpeed]:
    """Return what each executor does, by its name.

    Raises
    ------
    XyyError
        If they do not fill the same histograms.
    """
    timed: dict[Execution, list[tuple[Timed, Timed]]] = {each: [] for each in executions}
    for number in range(rounds):
        for execution, pairs in timed.items():
            log(f"{execution.engine}, round {number + 1} of {rounds}")
            small, large = (
                in_new_process(time_job, manifest, settings, execution) for manifest in sizes
            )
            pairs.append((small, large))
    check_same({e.engine: {large.digest for _, large in pairs} for e, pairs in timed.items()})
    events = ours.events_of(sizes[0]), ours.events_of(sizes[1])
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
    if execution.engine == "iterative":
        use_one_core()
    start = time.perf_counter()
    contents = ours.process(manifest, settings, execution)
    taken = time.perf_counter() - start
    return Timed(taken, peak_memory_MiB(), _digest(contents))


def _digest(contents: Mapping[str, Counts]) -> str:
    return digest_text(*(f"{name} {contents[name].tobytes().hex()}" for name in sorted(contents)))


def rated(
    timed: Sequence[tuple[Timed, Timed]], events: tuple[int, int], workers: int = 1
) -> ExecutorSpeed:
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
    return ExecutorSpeed(
        workers=workers,
        events=events[1],
        rate_events_per_s=rate,
        startup_s=startup_s,
        peak_MiB=round(max(large.peak_MiB for _, large in timed), 1),
    )
