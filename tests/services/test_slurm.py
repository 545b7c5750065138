"""dask workers as jobs of a real Slurm: what a cancelled job had is done by the other."""

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.services.conftest import Finished, Slurm

    Xyy = Callable[..., Finished]
SMALL = 25
"""Events of a piece of work, which takes some 20 ms: together there is time to cancel a job."""
FIRST = 100
"""Pieces of work that are done before."""


def kept(out: Path) -> int:
    """Return how many pieces of work have a checkpoint."""
    return len(list((out / "checkpoints").glob("*.zip")))


def soon(condition: Callable[[], bool], *, seconds: float) -> bool:
    """Return whether a condition comes true within a time."""
    give_up = time.monotonic() + seconds
    while not condition() and time.monotonic() < give_up:
        time.sleep(0.1)
    return condition()


def test_a_job_cancelled_in_mid_run_changes_nothing(
    store: Path, slurm: "Slurm", xyy: "Xyy", tmp_path: Path
) -> None:
    assert xyy("process", store, "--out", tmp_path / "local").code == 0
    samples = json.loads((store / "manifest.json").read_text())["samples"].values()
    pieces = sum(sample["entries"] for sample in samples) / SMALL
    out = tmp_path / "slurm"
    words: list[str | Path | int] = ["process", store, "--out", out, "--chunk-events", SMALL]
    words += ["--executor", "dask", "--cluster", "slurm", "--workers", "2"]
    program = Path(sys.executable).with_name("xyy")
    with subprocess.Popen(
        [str(word) for word in (program, *words)], cwd=tmp_path, stderr=subprocess.PIPE, text=True
    ) as running:
        try:
            assert soon(lambda: kept(out) > FIRST or running.poll() is not None, seconds=600)
            first, second = slurm.running()
            subprocess.run(("scancel", first), check=True)
            at_the_cancellation = kept(out)
            said = running.communicate(timeout=600)[1]
        finally:
            running.kill()
    assert running.returncode == 0, said
    assert FIRST < at_the_cancellation < pieces / 2
    assert slurm.state(first) == "CANCELLED"
    assert (out / "histograms.zip").read_bytes() == (tmp_path / "local/histograms.zip").read_bytes()
    ledger = json.loads((out / "ledger.json").read_text())
    assert ledger["complete"]
    assert soon(lambda: not slurm.asked("squeue"), seconds=60), slurm.asked("squeue")
    assert slurm.state(second) in {"COMPLETED", "CANCELLED"}
    assert soon(lambda: not slurm.processes(), seconds=60), slurm.processes()


def test_universes_are_analysed_by_jobs(slurm: "Slurm", xyy: "Xyy", tmp_path: Path) -> None:
    told = []
    for where in (("--workers", 1), ("--cluster", "slurm", "--workers", 2)):
        out = tmp_path / where[0]
        done = xyy("closure", "--with-x", 30, "--seed", 4, "--out", out, *where)
        assert done.code == 0, done.said
        told.append(json.loads((out / "closure.json").read_text()))
    made = [each.pop("provenance") for each in told]
    assert [origin["executor"] for origin in made] == ["futures", "dask"]
    assert told[0] == told[1]
    assert told[0]["with_x"] == 30
    assert soon(lambda: not slurm.asked("squeue"), seconds=60), slurm.asked("squeue")
