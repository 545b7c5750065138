"""Forecasts: from a trial's course to a run's, and the command that makes them."""

import json
import multiprocessing.util
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from distributed import LocalCluster

from analysis import cli
from analysis.workflow.forecast import (
    Trial,
    TrialSettings,
    forecast,
    how_to_try,
    trial_chunks,
)
from tools.errors import InputError
from tools.executors import Execution
from tools.manifest import Manifest, Part, SampleChunks
from tools.samples import Catalogue


def xyy(*words: object) -> int:
    """Run the program in this process; return its exit code."""
    with pytest.raises(SystemExit) as end:
        cli.main([str(word) for word in words])
    return int(end.value.code or 0)


def made_up(catalogue: Catalogue, **entries: list[int]) -> Manifest:
    """Return a manifest of chunks with so many events; nothing of it exists."""
    samples = {
        name: SampleChunks(
            kind="background",
            parts=tuple(
                Part(f"{name}/{i}.root", count, (0, count), 50 * count, "")
                for i, count in enumerate(counts)
            ),
        )
        for name, counts in entries.items()
    }
    return Manifest(Path("/nowhere"), catalogue.columns, samples)


def trial(*done: tuple[float, int], how: TrialSettings, end_s: float) -> Trial:
    return Trial(how, 2.0, done, end_s, 500_000_000)


# ---- the trial -----------------------------------------------------------------------------------


def test_half_of_the_chunks_are_tried_evenly(catalogue: Catalogue) -> None:
    manifest = made_up(catalogue, background=[500] * 30, signal=[500] * 10)
    some = trial_chunks(manifest, 1)
    assert [part.path for part in some.samples["background"].parts] == [
        f"background/{i}.root" for i in (1, 3, 6, 8, 11, 13, 16, 18, 21, 23, 26, 28)
    ]
    assert len(some.samples["signal"].parts) == 4
    assert sum(len(chunks.parts) for chunks in trial_chunks(manifest, 2).samples.values()) == 20


def test_large_chunks_are_tried_rather_than_small_ones(catalogue: Catalogue) -> None:
    some = trial_chunks(made_up(catalogue, background=[500_000] * 100, signal=[10]), 1)
    assert len(some.samples["background"].parts) == 16
    assert len(some.samples["signal"].parts) == 1  # its histograms are written as well


def test_all_chunks_are_tried_if_there_are_few(catalogue: Catalogue) -> None:
    manifest = made_up(catalogue, background=[500, 500], signal=[10])
    assert trial_chunks(manifest, 1) == manifest


def test_without_events_there_is_nothing_to_forecast(catalogue: Catalogue) -> None:
    for manifest in (made_up(catalogue), made_up(catalogue, background=[0])):
        with pytest.raises(InputError, match="nowhere holds no events; there is nothing to"):
            trial_chunks(manifest, 1)


def test_a_trial_is_made_as_the_run_but_without_jobs() -> None:
    for engine, slots in (("iterative", 1), ("futures", 3)):
        execution = Execution(engine=engine, workers=3)
        assert how_to_try(execution) == TrialSettings(execution, slots)
    jobs = how_to_try(Execution(engine="dask", cluster="slurm", workers=100, chunk_events=7))
    assert jobs.execution == Execution(chunk_events=7)
    assert jobs.note is not None
    assert jobs.note.startswith("how long slurm lets jobs wait")


@pytest.fixture(scope="module")
def scheduler() -> Iterator[str]:
    """The address of a scheduler with one worker of three threads."""
    with LocalCluster(
        n_workers=1, threads_per_worker=3, processes=False, protocol="tcp", dashboard_address=":0"
    ) as cluster:
        yield cluster.scheduler_address


def test_an_existing_scheduler_is_asked_how_many_workers_it_has(scheduler: str) -> None:
    execution = Execution(engine="dask", scheduler=scheduler)
    how = how_to_try(execution)
    assert (how.execution, how.slots) == (execution, 3)
    assert how.note == "memory, as others have started the workers"


# ---- the forecast --------------------------------------------------------------------------------


def test_only_the_rounds_grow(catalogue: Catalogue) -> None:
    """By hand: 2 s before, 5 s until both had a batch, rounds of 1, 2 and 3 s, 0.5 s to the end.

    There are 2400 events more than in the trial: 12 rounds.
    """
    execution = Execution(engine="futures", workers=2)
    marks = [(4.0, 100), (5.0, 200), (5.4, 300), (6.0, 400), (6.5, 500), (8.0, 600), (9.0, 700),
             (11.0, 800)]  # fmt: skip
    manifest = made_up(catalogue, one=[100] * 20, two=[100] * 12)
    course = trial(*marks, how=TrialSettings(execution, 2), end_s=11.5)
    result = forecast(manifest, course, execution=execution)
    assert result.start_s == pytest.approx(7.0)
    assert result.events_per_s == pytest.approx(100.0)
    assert result.processing_s == pytest.approx(6.0 + 12 * 2.0)
    assert result.end_s == pytest.approx(0.5)
    assert result.wall_s == pytest.approx(37.5)
    assert result.wall_low_s == pytest.approx(13.5 + 12 * 1.0)
    assert result.wall_high_s == pytest.approx(13.5 + 12 * 3.0)
    assert (result.events, result.chunks, result.tasks, result.task_events) == (3200, 32, 8, 400)
    assert result.read_bytes == 160_000
    assert (result.workers, result.memory_bytes) == (2, 500_000_000)


@pytest.mark.parametrize("batches", [1, 2, 3, 7])
def test_a_trial_of_everything_is_its_own_forecast(catalogue: Catalogue, batches: int) -> None:
    execution = Execution(engine="futures", workers=2)
    marks = [(3.0 + i, 10 * (i + 1)) for i in range(batches)]
    course = trial(*marks, how=TrialSettings(execution, 2), end_s=20.0)
    result = forecast(made_up(catalogue, one=[10] * batches), course, execution=execution)
    assert result.wall_s == pytest.approx(2.0 + 20.0)
    assert result.wall_low_s <= result.wall_s <= result.wall_high_s


def test_more_workers_than_in_the_trial_take_less_time(catalogue: Catalogue) -> None:
    execution = Execution(engine="dask", cluster="slurm", workers=10)
    course = trial((1.0, 10), (2.0, 20), (3.0, 30), (4.0, 40), how=how_to_try(execution), end_s=4.0)
    result = forecast(made_up(catalogue, one=[10] * 1001), course, execution=execution)
    assert result.processing_s == pytest.approx(100.0)
    assert result.workers == 10
    assert result.lines()[-1].startswith("not known  how long slurm lets jobs wait")


def test_a_file_is_read_once_for_each_piece_of_work_in_it(catalogue: Catalogue) -> None:
    execution = Execution(chunk_events=40)
    course = trial((1.0, 40), (2.0, 80), how=TrialSettings(execution, 1), end_s=2.0)
    result = forecast(made_up(catalogue, one=[100] * 2), course, execution=execution)
    assert (result.chunks, result.tasks, result.read_bytes) == (6, 3, 6 * 5000)


# ---- the command ---------------------------------------------------------------------------------


@pytest.fixture
def temporary(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Where temporary files go, but for multiprocessing's sockets, whose names must be short."""
    multiprocessing.util.get_temp_dir()  # chosen once in a process
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    return folder


@pytest.mark.parametrize("engine", ["iterative", "futures", "dask"])
def test_plan_prints_a_forecast_and_leaves_nothing(
    chunks: Manifest,
    engine: str,
    temporary: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    before = {path: path.stat().st_mtime_ns for path in chunks.folder.rglob("*")}
    words = ("--executor", engine, "--workers", "1", "--quiet", "--json")
    assert xyy("plan", chunks.folder, *words) == 0
    result = json.loads(capfd.readouterr().out)
    events = sum(sample.entries for sample in chunks.samples.values())
    assert (result["events"], result["chunks"], result["workers"]) == (events, 4, 1)
    assert result["trial_events"] == events  # there are only four chunks
    assert 0 < result["wall_low_s"] <= result["wall_s"] <= result["wall_high_s"]
    assert result["wall_s"] == pytest.approx(
        result["start_s"] + result["processing_s"] + result["end_s"]
    )
    assert 5e7 < result["memory_bytes"] < 5e9
    assert list(temporary.glob("xyy-plan-*")) == []
    assert {path: path.stat().st_mtime_ns for path in chunks.folder.rglob("*")} == before


def test_plan_takes_the_options_of_process(
    chunks: Manifest, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("--histograms", "spectrum", "--chunk-events", "1000", "--cluster", "slurm")
    assert xyy("plan", chunks.folder, *words, "--workers", "3", "--no-checkpoints") == 0
    out = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in out] == [
        "wall", "start", "rounds", "end", "memory", "events", "tasks", "to", "measured", "not",
    ]  # fmt: skip
    assert "events     19,000 in 19 chunks" in out
    assert out[4].endswith("at the peak of each of 3 workers")


def test_a_trial_that_loses_events_is_no_forecast(
    chunks: Manifest, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    background = chunks.samples["background"]
    parts = (replace(background.parts[0], path=str(tmp_path / "gone.root")),)
    broken = Manifest(tmp_path, chunks.columns, {"background": replace(background, parts=parts)})
    assert xyy("plan", broken.write(), "--quiet") == 1
    error = capsys.readouterr().err
    assert error.startswith(f"xyy: the trial failed at {tmp_path}/gone.root: ")
    assert "is missing" in error
