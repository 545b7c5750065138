"""The full job with each engine, in a process of its own: its rate, its start-up, its peak memory.

An engine has a start-up that does not grow with the events: processes, imports, a cluster. So it
does a small and a large job, each in a new process, over links to the same chunks; the rate is that
of the difference, and the start-up is what the small job took longer than that rate explains. The
times are medians of rounds in which the engines take turns. ``iterative``, on one core, is treated
alike.
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


@dataclass(frozen=True, slots=True)
class Rated:
    """What an engine does, by all its rounds."""

    events_per_s: float | None
    """without start-up; None if the jobs were too small to tell the one from the other"""
    startup_s: float | None
    peak_MiB: float
    """the highest"""


def compare_engines(
    sizes: Sizes,
    settings: Settings,
    executions: Sequence[Execution],
    rounds: int,
    say: Callable[[str], None],
) -> dict[str, Rated]:
    """Return what each engine does, by its name.

    Raises
    ------
    XyyError
        If they do not fill the same histograms.
    """
    timed: dict[str, list[tuple[Timed, Timed]]] = {e.engine: [] for e in executions}
    for number in range(rounds):
        for execution in executions:
            say(f"{execution.engine}, round {number + 1} of {rounds}")
            small, large = (
                in_new_process(time_job, manifest, settings, execution) for manifest in sizes
            )
            timed[execution.engine].append((small, large))
    check_same({engine: {large.digest for _, large in pairs} for engine, pairs in timed.items()})
    events = events_of(sizes[0]), events_of(sizes[1])
    return {engine: rated(pairs, events) for engine, pairs in timed.items()}


def check_same(digests: Mapping[str, set[str]]) -> None:
    """Make sure that all engines filled the same histograms, in every round.

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


def rated(timed: Sequence[tuple[Timed, Timed]], events: tuple[int, int]) -> Rated:
    """Return rate and start-up from the small and large jobs of one engine.

    >>> jobs = Timed(5.0, 650.0, ""), Timed(13.0, 700.0, "")
    >>> rated([jobs], (4_000_000, 20_000_000))
    Rated(events_per_s=2000000.0, startup_s=3.0, peak_MiB=700.0)
    """
    small_s, large_s = (statistics.median(pair[i].seconds for pair in timed) for i in (0, 1))
    peak = max(large.peak_MiB for _, large in timed)
    if large_s <= small_s:
        return Rated(None, None, peak)
    rate = (events[1] - events[0]) / (large_s - small_s)
    return Rated(rate, max(small_s - events[0] / rate, 0.0), peak)
