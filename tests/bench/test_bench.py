"""The measurement of speed: everyone does the same job, and what is told is what was measured.

No time is asserted.
"""

import json
import os
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import cloudpickle
import numpy as np
import pytest

from analysis import cli
from analysis.bench import compare, competitors, ours, report
from analysis.bench.compare import Competitor
from analysis.bench.measure import (
    ENVIRONMENT,
    Timed,
    check_same,
    in_new_process,
    median_seconds,
    peak_memory_MiB,
    rated,
    time_job,
    use_one_core,
)
from analysis.bench.ours import COPIES, Inputs, events_of, prepare
from analysis.results.codec import to_json
from analysis.results.speed import ExecutorSpeed, SpeedMeasurement
from analysis.settings.search import Search
from processors.diphoton import Settings
from tools.errors import InputError, XyyError
from tools.samples import Catalogue

# Workers cannot import this module: what it defines goes to them by value.
cloudpickle.register_pickle_by_value(sys.modules[__name__])
EVENTS = 5001
"""Odd: the halves of the sample then change places from one file to the next."""
LIGHT = ("light", "light_loop", "polars", "duckdb", "pandas")
KEYS = {
    "full_vs_loop",
    "score_vs_cuts",
    "light_vs_loop",
    "light_vs_polars",
    "light_vs_duckdb",
    "light_vs_pandas_csv",
    "futures_speedup",
    "dask_speedup",
    "peak_MiB",
    "median_of",
}


@pytest.fixture(scope="module")
def inputs(catalogue: Catalogue, tmp_path_factory: pytest.TempPathFactory) -> Inputs:
    return prepare(tmp_path_factory.mktemp("bench"), catalogue, EVENTS)


@pytest.fixture
def this_process_stays_free() -> Iterator[None]:
    """What belongs in a process of its own and is called here keeps us on no core for good."""
    before = os.sched_getaffinity(0) if sys.platform == "linux" else set()
    yield
    if before:
        os.sched_setaffinity(0, before)


@pytest.fixture(scope="module")
def settings(catalogue: Catalogue, search: Search) -> Settings:
    return ours.job(catalogue, search)


def test_the_loop_by_hand_fills_what_the_processor_fills(
    inputs: Inputs, settings: Settings
) -> None:
    small = inputs.copies[0]
    paths = [str(small.folder / part.path) for part in small.samples["background"].parts]
    expected = ours.process(small, settings)
    by_hand = competitors.full_loop(paths, ours.wanted(settings))
    # The course's 14 columns, five kinematic quantities and the mass, twice; four cuts; three more.
    assert len(by_hand) == 2 * 20 + 4 + 3
    assert by_hand["cutflow"][0].sum() == by_hand["joint"].sum() == COPIES[0] * EVENTS
    assert 0 < by_hand["spectrum"].sum() == by_hand["cutflow"][-1].sum() < COPIES[0] * EVENTS
    compare.check_all(expected, by_hand)


@pytest.mark.parametrize("name", LIGHT)
def test_everyone_has_the_same_spectrum(name: str, inputs: Inputs, settings: Settings) -> None:
    competitor = compare.light_jobs(inputs, settings)[name]
    expected = ours.process(inputs.chunks, settings)["spectrum"][1:-1]
    assert np.array_equal(competitor.spectrum(), expected)
    assert expected.sum() > 100
    compare.check_light(name, competitor, settings)


def test_inputs_hold_the_same_events_many_times(inputs: Inputs) -> None:
    assert events_of(inputs.chunks) == events_of(inputs.first_chunk) == EVENTS
    assert [events_of(copies) for copies in inputs.copies] == [n * EVENTS for n in COPIES]
    part = inputs.copies[1].samples["background"].parts[-1]
    assert (inputs.copies[1].folder / part.path).samefile(inputs.paths[0])
    assert len(inputs.csv.read_text().splitlines()) == EVENTS + 1


def test_who_fills_something_else_is_not_compared(inputs: Inputs, settings: Settings) -> None:
    expected = ours.process(inputs.chunks, settings)
    moved = {**expected, "after/dEta": np.roll(expected["after/dEta"], 1)}
    with pytest.raises(XyyError, match=r"by hand 1 histograms differ .*, first after/dEta"):
        compare.check_all(expected, moved)
    with pytest.raises(XyyError, match=r"by hand 1 histograms differ .*, first joint"):
        compare.check_all(expected, {n: bins for n, bins in expected.items() if n != "joint"})
    cheat = Competitor(lambda: np.roll(expected["spectrum"][1:-1], 1), inputs.chunks)
    with pytest.raises(XyyError, match="the spectrum of cheat differs from the processor's by"):
        compare.check_light("cheat", cheat, settings)


def test_lost_events_are_no_measurement(inputs: Inputs, settings: Settings) -> None:
    elsewhere = replace(inputs.chunks, folder=Path("/nowhere"))
    with pytest.raises(XyyError, match=r"events were lost, first /nowhere/.* is missing"):
        ours.process(elsewhere, settings)


@pytest.mark.usefixtures("this_process_stays_free")
def test_on_one_core_everyone_gets_a_rate(inputs: Inputs, settings: Settings) -> None:
    said: list[str] = []
    rates = compare.on_one_core(inputs, settings, 1, said.append)
    assert list(rates) == ["full", "score", "full_loop", *LIGHT]
    assert all(rate > 0 for rate in rates.values())
    assert said == ["comparing the results", f"on one core, 1 rounds: {', '.join(rates)}"]


def test_jobs_take_turns_and_the_first_round_is_extra() -> None:
    done: list[str] = []
    taken = median_seconds({"a": lambda: done.append("a"), "b": lambda: done.append("b")}, 3)
    assert "".join(done) == "abababab"
    assert set(taken) == {"a", "b"}


@pytest.mark.skipif(sys.platform != "linux", reason="a process cannot be kept on one core here")
@pytest.mark.usefixtures("this_process_stays_free")
def test_one_core_is_one_core() -> None:
    use_one_core()
    assert len(os.sched_getaffinity(0)) == 1


def peak_of(MiB: int) -> tuple[float, dict[str, str]]:
    np.ones(MiB << 17)
    return peak_memory_MiB(), dict(os.environ)


def refuse() -> None:
    raise InputError("not like this")


def test_a_new_process_has_its_own_memory_and_environment() -> None:
    ballast = np.ones(600 << 17)  # of this process, not of that one
    peak, environment = in_new_process(peak_of, 256)
    assert 256 < peak < 256 + ballast.nbytes / (1 << 20) < peak_memory_MiB() + 256
    assert environment.items() >= ENVIRONMENT.items()
    assert "POLARS_MAX_THREADS" not in os.environ
    with pytest.raises(InputError, match="not like this"):
        in_new_process(refuse)


@pytest.mark.usefixtures("this_process_stays_free")
def test_a_job_says_what_it_filled(inputs: Inputs, settings: Settings) -> None:
    one, same = (time_job(inputs.chunks, settings, ours.ONE_CORE) for _ in range(2))
    other = time_job(inputs.copies[0], settings, ours.ONE_CORE)
    assert one.digest == same.digest != other.digest
    assert one.peak_MiB > 50


def test_engines_that_differ_are_not_compared() -> None:
    check_same({"iterative": {"a"}, "dask": {"a"}})
    with pytest.raises(XyyError, match="iterative, dask do not fill the same histograms"):
        check_same({"iterative": {"a"}, "dask": {"a", "b"}})


def test_jobs_too_small_have_no_rate() -> None:
    jobs = Timed(2.0, 600.0, ""), Timed(1.9, 700.0, "")
    found = rated([jobs], (4, 20))
    assert (found.rate_events_per_s, found.startup_s, found.peak_MiB) == (None, None, 700.0)


def engine(
    rate: int | None, startup_s: float | None, peak_MiB: float, workers: int
) -> ExecutorSpeed:
    return ExecutorSpeed(
        workers=workers, events=20_000, rate_events_per_s=rate, startup_s=startup_s,
        peak_MiB=peak_MiB,
    )  # fmt: skip


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> SpeedMeasurement:
    """A measurement without two libraries, and with jobs that were too small for dask."""
    missing = {name: f"{name} is not installed" for name in ("polars", "pandas")}
    monkeypatch.setattr(competitors, "missing", lambda: missing)
    rates = {
        "full": 4e6,
        "score": 3e6,
        "full_loop": 5e6,
        "light": 3e7,
        "light_loop": 2e7,
        "duckdb": 1.5e7,
    }
    engines = {
        "iterative": engine(4_000_000, 0.0, 500.0, 1),
        "futures": engine(7_000_000, 2.5, 600.0, 2),
        "dask": engine(None, None, 650.0, 2),
    }
    return report.result(rates, engines, events=1000, rounds=3)


def test_the_document_has_ratios_and_says_why_one_is_null(measured: SpeedMeasurement) -> None:
    document = to_json(measured)
    expected = {
        "full_vs_loop": 0.8,
        "score_vs_cuts": 0.75,
        "light_vs_loop": 1.5,
        "light_vs_polars": None,
        "light_vs_duckdb": 2.0,
        "light_vs_pandas_csv": None,
        "futures_speedup": 1.75,
        "dask_speedup": None,
        "peak_MiB": 650.0,
        "median_of": 3,
        "notes": {
            "light_vs_polars": "polars is not installed",
            "light_vs_pandas_csv": "pandas is not installed",
            "dask_speedup": "20,000 events are too few to tell the rate from the start-up",
        },
    }
    assert {key: document[key] for key in expected} == expected
    assert document["engines"]["futures"]["startup_s"] == 2.5
    assert document["provenance"]["machine"]["cores"] == os.cpu_count()


def test_the_table_is_readable(measured: SpeedMeasurement) -> None:
    words = [" ".join(line.split()) for line in report.lines(measured)]
    assert "uproot, NumPy, boost-histogram by hand 5.00 0.80x" in words
    assert "Polars, Parquet (ZSTD) polars is not installed" in words
    assert "DuckDB, Parquet (ZSTD) 15.00 2.00x" in words
    assert "xyy, six categories of a score instead of cuts 3.00 1.33x" in words
    assert "futures, 2 workers 7.00 1.75x start-up 2.5 s" in words
    assert "dask, 2 workers too few events to tell the rate from the start-up" in words
    assert "peak memory of a process: 650 MiB, all histograms" in words


def test_who_is_not_installed_is_left_out(
    inputs: Inputs, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "polars", None)
    assert "polars" not in compare.light_jobs(inputs, settings)
    reason = "polars is not installed: pip install -e '.[bench]'"
    assert competitors.missing() == {"polars": reason}


def test_the_command_measures_everything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LOKY_MAX_CPU_COUNT", "1")  # one worker starts sooner than two
    out = tmp_path / "bench.json"
    words = ["bench", "--quick", "--events", "3000", "--rounds", "1", "--json", "--out", str(out)]
    with pytest.raises(SystemExit) as end:
        cli.main(words)
    told = capfd.readouterr()
    assert end.value.code == 0, told.err
    document = json.loads(out.read_text())
    assert json.loads(told.out) == document
    assert document.keys() >= KEYS
    assert document["median_of"] == 1
    assert all(document[key] > 0 for key in KEYS if key not in document["notes"])
    assert set(document["engines"]) == {"iterative", "futures", "dask"}
    assert set(document["provenance"]["competitors"]) == {"polars", "duckdb", "pandas"}
    assert "dask, round 1 of 1" in told.err
