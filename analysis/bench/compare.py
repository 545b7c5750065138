"""The whole measurement: same events, same histograms or no result, then the times.

First every competitor does its job once and has to agree with the processor: the hand-written loop
in every bin of every histogram, the light ones in every bin of the spectrum but for one event in a
million, which rounding may put on the other side of an edge. Only then is anything timed.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from analysis.bench import competitors, ours, report
from analysis.bench.competitors import Counts
from analysis.bench.measure import compare_executors, in_new_process, median_seconds, use_one_core
from analysis.bench.ours import Inputs, events_of, prepare
from analysis.results.speed import SpeedMeasurement
from analysis.settings.search import Search
from processors.diphoton import Settings
from tools.errors import XyyError
from tools.executors import Execution
from tools.executors.memory import keep_memory
from tools.manifest import Manifest
from tools.pool import cores
from tools.samples import Catalogue

ROUNDING = 1e-6
"""Fraction of the events that may be in another bin."""
WORKERS = 2
Log = Callable[[str], None]
"""Takes a line for the user."""


@dataclass(frozen=True, slots=True)
class Competitor:
    """Who does the light job."""

    spectrum: Callable[[], Counts]
    """does it"""
    events: Manifest
    """the events that it reads"""


def measure(
    folder: Path, catalogue: Catalogue, search: Search, *, events: int, rounds: int, log: Log
) -> SpeedMeasurement:
    """Generate events, compare the results of all competitors, then their speed.

    Parameters
    ----------
    folder : Path
        Where the events go; whoever calls removes it.
    catalogue : Catalogue
    search : Search
        Its window, axes and course cuts make the job.
    events : int
        How many; the executors get links to many times as many.
    rounds : int
        Whose median counts.
    log : callable
        See `Log`.

    Raises
    ------
    XyyError
        If the results differ, or events were lost.
    """
    settings = ours.job(catalogue, search)
    log(f"generating {events:,} events")
    inputs = prepare(folder, catalogue, events)
    rates = in_new_process(on_one_core, inputs, settings, rounds, log)
    workers = min(WORKERS, cores())
    executions = [ours.ONE_CORE, *(Execution(name, workers) for name in ("futures", "dask"))]
    engines = compare_executors(inputs.copies, settings, executions, rounds, log)
    return report.result(rates, engines, events=events, rounds=rounds)


def on_one_core(inputs: Inputs, settings: Settings, rounds: int, log: Log) -> dict[str, float]:
    """Return how many events per second each competitor does; to be called in a new process."""
    by_hand = partial(competitors.full_loop, inputs.paths, ours.wanted(settings))
    full = partial(ours.process, inputs.chunks, settings)
    score = partial(ours.process, inputs.chunks, ours.scored(settings))
    light = light_jobs(inputs, settings)
    keep_memory()  # for all: the processor does it anyway
    use_one_core()
    log("comparing the results")
    check_all(full(), by_hand())
    for name, competitor in light.items():
        check_light(name, competitor, settings)
    who: dict[str, Callable[[], object]] = {"full": full, "score": score, "full_loop": by_hand}
    who |= {name: competitor.spectrum for name, competitor in light.items()}
    log(f"on one core, {rounds} rounds: {', '.join(who)}")
    taken = median_seconds(who, rounds)
    events = {name: events_of(competitor.events) for name, competitor in light.items()}
    return {name: events.get(name, events_of(inputs.chunks)) / taken[name] for name in who}


def light_jobs(inputs: Inputs, settings: Settings) -> dict[str, Competitor]:
    """Return who does the light job here."""
    wanted, chunks = ours.wanted(settings), inputs.chunks
    everyone = {
        "light": Competitor(partial(_our_spectrum, chunks, settings), chunks),
        "light_loop": Competitor(partial(competitors.light_loop, inputs.paths, wanted), chunks),
        "polars": Competitor(partial(competitors.polars_spectrum, inputs.parquet, wanted), chunks),
        "duckdb": Competitor(partial(competitors.duckdb_spectrum, inputs.parquet, wanted), chunks),
        "pandas": Competitor(
            partial(competitors.pandas_spectrum, inputs.csv, wanted), inputs.first_chunk
        ),
    }
    missing = competitors.missing()
    return {name: competitor for name, competitor in everyone.items() if name not in missing}


def check_all(expected: Mapping[str, Counts], by_hand: Mapping[str, Counts]) -> None:
    """Make sure that the hand-written loop filled what the processor did, bin by bin.

    Raises
    ------
    XyyError
        If not.
    """
    unlike = [
        name
        for name in sorted({*expected, *by_hand})
        if not np.array_equal(expected.get(name, ()), by_hand.get(name, ()))
    ]
    if unlike:
        raise XyyError(
            f"by hand {len(unlike)} histograms differ from the processor's, first {unlike[0]}: "
            "nothing is compared"
        )


def check_light(name: str, competitor: Competitor, settings: Settings) -> None:
    """Make sure that a competitor has the processor's spectrum, but for rounding.

    Raises
    ------
    XyyError
        If not.
    """
    expected = _our_spectrum(competitor.events, settings)
    moved = int(np.abs(competitor.spectrum() - expected).sum())
    if moved > ROUNDING * events_of(competitor.events):
        raise XyyError(
            f"the spectrum of {name} differs from the processor's by {moved:,} events: nothing is "
            "compared"
        )


def _our_spectrum(chunks: Manifest, settings: Settings) -> Counts:
    """Return the spectrum of the selected events, without under- and overflow."""
    light = replace(settings, histograms="spectrum")
    return ours.process(chunks, light)["spectrum"][1:-1]
