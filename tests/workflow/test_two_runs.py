"""Two runs that share a folder of chunks: the second waits, and finds what the first has made."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

SECONDS = 240


def start(tiny: Path, place: Path, name: str, universe: int) -> "subprocess.Popen[str]":
    """Start a run up to its chunks; it tells what it does in a file."""
    words = ("run", "--universe", universe, "--until", "chunks", "--out", place / name)
    files = ("--samples", tiny / "samples.toml", "--search", tiny / "search.toml")
    with (place / f"{name}.txt").open("w") as told:
        return subprocess.Popen(
            [Path(sys.executable).with_name("xyy"),
             *map(str, (*words, *files, "--chunks", place / "chunks"))],
            stderr=told, text=True,
        )  # fmt: skip


@pytest.mark.parametrize("other", [1, 2], ids=["same sources", "other sources"])
def test_the_second_run_waits_for_the_first(tiny: Path, tmp_path: Path, other: int) -> None:
    for attempt in range(20):  # on a busy machine it may be done before it is stopped
        place = tmp_path / str(attempt)
        place.mkdir()
        first = start(tiny, place, "first", 1)
        until(lambda: first.poll() is not None or bool(locks(place)))  # noqa: B023 - called at once
        if first.poll() is None:
            os.kill(first.pid, signal.SIGSTOP)
            if locks(place):
                break
            os.kill(first.pid, signal.SIGCONT)
        assert first.wait(SECONDS) == 0
    try:
        second = start(tiny, place, "second", other)
        told = place / "second.txt"
        until(lambda: f"waiting for xyy (process {first.pid} on " in told.read_text())
    finally:
        os.kill(first.pid, signal.SIGCONT)
    assert first.wait(SECONDS) == 0
    assert second.wait(SECONDS) == 0
    lines = told.read_text().splitlines()
    waited = [line for line in lines if line.startswith("waiting")]
    assert len(waited) == len({line.partition("writes to")[2] for line in waited})
    made = [(place / f"{name}.txt").read_text() for name in ("first", "second")]
    assert sum(text.count("generating background") for text in made) == 1
    assert len(list((place / "chunks").glob("universe_*"))) == len({1, other})
    assert not list(place.rglob(".xyy*"))


def locks(place: Path) -> list[Path]:
    """Return the locks of the chunks that are being made, once they name who holds them."""
    found = []
    for path in (place / "chunks").glob("background*/.xyy.lock"):
        with contextlib.suppress(FileNotFoundError):  # it was let go
            found += [path] if path.stat().st_size else []
    return found


def until(holds: Callable[[], bool]) -> None:
    give_up = time.monotonic() + SECONDS
    while not holds():
        assert time.monotonic() < give_up
        time.sleep(0.002)
