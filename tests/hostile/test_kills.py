"""Signals at random times: nothing is left behind, and doing it again gives the same.

`XYY_HOSTILE` says which part of 100 kills is made; without it a tenth. Seeds are the numbers of the
kills; when a signal arrives is a matter of chance all the same, as machines are.
"""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tools.manifest import MANIFEST_NAME

KILLS = round(100 * float(os.environ.get("XYY_HOSTILE", "0.1")))
XYY = Path(sys.executable).with_name("xyy")
SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
ENDS = {signal.SIGKILL: -9, signal.SIGTERM: 143, signal.SIGINT: 130, signal.SIGHUP: 129}
GONE_SECONDS = 5.0
LONGEST_SECONDS = 300.0
Command = Callable[..., int]


@dataclass
class Job:
    """A command in a folder, and what it writes there when nobody stops it."""

    words: tuple[str, ...]
    begin: Path | None
    """what the folder holds before it"""
    again: tuple[str, ...] = ()
    """words more, the second time"""
    seconds: float = 0.0
    right: dict[str, object] = field(default_factory=dict)

    def prepare(self, place: Path) -> None:
        """Make the folder, with a folder for temporary files beside it."""
        (place / "tmp").mkdir(parents=True)
        if self.begin is None:
            (place / "here").mkdir()
        else:
            shutil.copytree(self.begin, place / "here", symlinks=True)

    def start(self, place: Path, mark: str, *more: str) -> subprocess.Popen[str]:
        """Start the command there, in a group of its own as a terminal does."""
        environment = {**os.environ, "TMPDIR": str(place / "tmp"), "XYY_TEST_MARK": mark}
        return subprocess.Popen(
            [XYY, *self.words, *more], cwd=place / "here", env=environment, text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            start_new_session=True,
        )  # fmt: skip


def contents(folder: Path) -> dict[str, object]:
    """Return what two equal runs share, by the name of the file."""
    return {
        str(path.relative_to(folder)): content(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file() and "checkpoints" not in path.relative_to(folder).parts
    }


def content(path: Path) -> object:
    if path.suffix == ".json":
        document = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(document, dict):
            document.pop("provenance", None)
        return without_bytes(document) if path.name == MANIFEST_NAME else document
    # A ROOT file tells when it was written; what is in it has a digest in the manifest.
    return b"" if path.suffix == ".root" else path.read_bytes()


def without_bytes(manifest: dict[str, Any]) -> dict[str, Any]:
    for sample in manifest["samples"].values():
        for part in sample["parts"]:
            del part["checksum"], part["bytes"]
    return manifest


def marked(mark: str) -> list[str]:
    """Return the command lines of the processes that were started with a mark."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if f"XYY_TEST_MARK={mark}".encode() in (process / "environ").read_bytes():
                found.append((process / "cmdline").read_bytes().replace(b"\0", b" ").decode())
        except OSError:  # it ended meanwhile, or is nobody's business
            continue
    return [line for line in found if line]


def wait_for_none(mark: str) -> None:
    give_up = time.monotonic() + GONE_SECONDS
    while left := marked(mark):
        assert time.monotonic() < give_up, left
        time.sleep(0.1)


@pytest.fixture(scope="module")
def jobs(
    tiny: Path, tiny_universe: int, program: Command, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Job]:
    """Every command that takes its time, with what it gives and how long it takes."""
    base = tmp_path_factory.mktemp("begin")
    files = ("--samples", str(tiny / "samples.toml"), "--search", str(tiny / "search.toml"))
    sources, chunks, blind = base / "sources", base / "chunks", base / "blind"
    assert program("generate", *files[:2], "--out", sources / "csv", "--quiet") == 0
    csv = sorted((sources / "csv").glob("*.csv"))
    shutil.copytree(sources, chunks)
    assert program("convert", *csv, *files[:2], "--out", chunks / "chunks", "--quiet") == 0
    run = ("run", "--universe", str(tiny_universe), *files, "--chunks", "chunks", "--out", "out")
    blind.mkdir()
    until = ("--until", "process", "--quiet")
    subprocess.run([XYY, *run, *until], cwd=blind, check=True)
    done = base / "done"
    shutil.copytree(blind, done)
    subprocess.run([XYY, *run, "--until", "infer", "--quiet"], cwd=done, check=True)
    (cuts := base / "cuts.json").write_text('{"cuts": {"n_jets": {"max": 6}}}')
    process = ("process", "chunks", *files, "--selection", str(cuts), "--out", "out",
               "--chunk-events", "2000", "--workers", "2")  # fmt: skip
    csv_words = tuple(f"csv/{path.name}" for path in csv)
    return {
        "convert": Job(("convert", *csv_words, *files[:2], "--out", "chunks"), sources),
        "futures": Job((*process, "--executor", "futures"), chunks, ("--resume",)),
        "dask": Job((*process, "--executor", "dask"), chunks, ("--resume",)),
        "run": Job(run, None),
        "infer": Job(("infer", "out"), blind),
        "report": Job(("report", "out"), done),
        "closure": Job(("closure", "--universes", "4", *files, "--out", "out"), None),
    }


def done_once(job: Job, place: Path) -> None:
    """Do a job undisturbed, to know its time and its products."""
    job.prepare(place)
    start = time.monotonic()
    told = job.start(place, "undisturbed").communicate(timeout=LONGEST_SECONDS)
    job.seconds, job.right = time.monotonic() - start, contents(place / "here")
    assert any(name.startswith(("out/", "chunks/")) for name in job.right), told
    shutil.rmtree(place)


@pytest.mark.parametrize("number", range(KILLS))
def test_a_kill_leaves_nothing_and_costs_nothing(
    jobs: dict[str, Job], number: int, tmp_path: Path
) -> None:
    rng, mark = random.Random(number), uuid.uuid4().hex  # noqa: S311 - a test's
    name = list(jobs)[number % len(jobs)]
    job, sent = jobs[name], SIGNALS[number % len(SIGNALS)]
    if not job.right:
        done_once(job, tmp_path / "once")
    place = tmp_path / "killed"
    job.prepare(place)
    process = job.start(place, mark)
    time.sleep(rng.uniform(0, job.seconds))
    if sent is signal.SIGINT:
        os.killpg(process.pid, sent)  # as a terminal does
    else:
        process.send_signal(sent)
    _, told = process.communicate(timeout=LONGEST_SECONDS)
    assert process.returncode in (ENDS[sent], 0), told
    assert "Traceback" not in told
    assert "a defect of xyy" not in told
    assert "Warning" not in told
    wait_for_none(mark)
    assert [str(path) for path in (place / "tmp").rglob("*")] == []
    again = job.start(place, mark, *job.again)
    _, told = again.communicate(timeout=LONGEST_SECONDS)
    assert again.returncode == 0, told
    assert contents(place / "here") == job.right, (name, sent)
    wait_for_none(mark)
    assert [str(path) for path in (place / "tmp").rglob("*")] == []
