"""A folder has one writer."""

import subprocess
import sys
from pathlib import Path

import pytest

from tools.errors import InputError
from tools.locks import one_writer


def test_a_second_writer_is_refused_and_told_of_the_first(tmp_path: Path) -> None:
    script = (
        "import sys, pathlib; from tools.locks import one_writer\n"
        "with one_writer(pathlib.Path(sys.argv[1])): print('in', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as first:
        assert first.stdout is not None
        assert first.stdout.readline() == "in\n"
        with (
            pytest.raises(InputError, match=f"is in use by xyy .process {first.pid} on"),
            one_writer(tmp_path),
        ):
            pass
        first.kill()  # the kernel frees the lock of a process that dies
        first.wait()
        with one_writer(tmp_path):
            pass


def test_a_new_writer_removes_what_a_killed_one_left(tmp_path: Path) -> None:
    (tmp_path / "figures").mkdir()
    leftover = tmp_path / "figures" / ".a.png.123.tmp"
    leftover.touch()
    with one_writer(tmp_path):
        assert not leftover.exists()


def test_a_writer_leaves_the_temporary_files_of_others(tmp_path: Path) -> None:
    """A user's own, and those of a run that works in a folder below."""
    (tmp_path / "results" / "figures").mkdir(parents=True)
    working = tmp_path / "results" / "figures" / ".a.png.123.tmp"
    others = (tmp_path / ".mine.tmp", tmp_path / ".draft.v2.tmp", working)
    for path in others:
        path.touch()
    with one_writer(tmp_path / "results"):
        working.touch()
        with one_writer(tmp_path):
            pass
        assert all(path.exists() for path in others)
