"""How to measure: on one core, in turns, and the median of several rounds.

The machine is shared and changes its clock, so competitors take turns, and what is quoted are
ratios of medians from one run. The first round, which imports and warms the page cache, does not
count. All run in one new process, in which libraries have one thread (they read that from the
environment when they are imported), and which keeps the memory that it frees, as the processor's
workers do (`tools.executors.memory`).
"""

import gc
import os
import resource
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from tools.pool import WORKER_ENVIRONMENT, processes

Result = TypeVar("Result")
ENVIRONMENT = {**WORKER_ENVIRONMENT, "POLARS_MAX_THREADS": "1"}


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


@contextmanager
def one_core() -> Iterator[None]:
    """Keep this thread, and those that it starts, on one core while the block runs.

    Where the operating system cannot do that (macOS), the libraries' own settings have to do.
    """
    if sys.platform != "linux":
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(before)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


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
