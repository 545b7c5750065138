"""A folder has one writer, on every file system, and whatever lies where its lock belongs."""

import contextlib
import errno
import fcntl
import os
import platform
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tools.errors import InputError
from tools.locks import LOCK_NAME, one_writer

HOLD = (
    "import sys, pathlib; from tools.locks import one_writer\n"
    "with one_writer(pathlib.Path(sys.argv[1])): print('in', flush=True); sys.stdin.read()"
)


@contextlib.contextmanager
def holder(folder: Path, code: str = HOLD) -> Iterator[subprocess.Popen[str]]:
    """Run another process that holds `folder` until its stdin is closed."""
    with subprocess.Popen(
        [sys.executable, "-c", code, str(folder)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        assert process.stdout.readline() == "in\n"
        try:
            yield process
        finally:
            process.kill()


def test_a_second_writer_is_refused_and_told_of_the_first(tmp_path: Path) -> None:
    with holder(tmp_path) as first:
        with (
            pytest.raises(InputError, match=f"is in use by xyy .process {first.pid} on"),
            one_writer(tmp_path),
        ):
            pass
        first.kill()  # the kernel frees the lock of a process that dies
        first.wait()
        with one_writer(tmp_path):
            pass
    assert os.listdir(tmp_path) == []


def test_one_who_waits_is_told_for_whom_and_comes_in_when_that_one_is_done(tmp_path: Path) -> None:
    told: list[str] = []
    with holder(tmp_path) as first:

        def end_it(line: str) -> None:
            told.append(line)
            assert first.stdin is not None
            first.stdin.close()

        with one_writer(tmp_path, waiting=end_it):
            assert first.wait() == 0
    assert told == [
        f"waiting for xyy (process {first.pid} on {platform.node()}), which writes to {tmp_path}"
    ]


def symlink(path: Path, precious: Path) -> None:
    path.symlink_to(precious)


def dangling(path: Path, precious: Path) -> None:
    path.symlink_to(precious.with_name("nowhere"))


def hard_link(path: Path, precious: Path) -> None:
    path.hardlink_to(precious)


def pipe(path: Path, _precious: Path) -> None:
    os.mkfifo(path)


def folder(path: Path, _precious: Path) -> None:
    path.mkdir()


def text(path: Path, precious: Path) -> None:
    path.write_bytes(precious.read_bytes())


@pytest.mark.parametrize("plant", [symlink, dangling, hard_link, pipe, folder, text])
def test_what_is_no_lock_is_refused_and_not_written_to(
    tmp_path: Path, plant: Callable[[Path, Path], None]
) -> None:
    precious, out = tmp_path / "precious", tmp_path / "out"
    precious.write_text("years of work")
    out.mkdir()
    plant(out / LOCK_NAME, precious)
    with (
        pytest.raises(InputError, match=r"\.xyy\.lock (is a link|holds a text that xyy did not)"),
        one_writer(out),
    ):
        pass
    assert precious.read_text() == "years of work"
    assert sorted(os.listdir(tmp_path)) == ["out", "precious"]
    assert os.listdir(out) == [LOCK_NAME]


@pytest.fixture(params=[errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP])
def no_locks(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """A file system without locks; what the system says of it."""

    def refuse(_descriptor: int, _operation: int) -> None:
        raise OSError(request.param, os.strerror(request.param))

    monkeypatch.setattr(fcntl, "flock", refuse)
    return os.strerror(request.param)


def test_without_locks_the_file_is_the_lock(
    tmp_path: Path,
    no_locks: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("tools.locks._told", set())
    lock = tmp_path / LOCK_NAME
    with one_writer(tmp_path):
        said = capsys.readouterr().err
        assert f"warning: the file system of {tmp_path} has no locks ({no_locks})" in said
        assert lock.read_text().endswith(f"{os.getpid()} on {platform.node()}) without a lock")
        with (
            pytest.raises(InputError, match=rf"if it no longer runs, remove {lock}"),
            one_writer(tmp_path),
        ):
            pass
    assert os.listdir(tmp_path) == []
    with one_writer(tmp_path):
        assert capsys.readouterr().err == ""  # it is told once


@pytest.mark.usefixtures("no_locks")
@pytest.mark.parametrize("ending", ["", " without a lock"])
def test_without_locks_a_dead_process_holds_nothing(tmp_path: Path, ending: str) -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as dead:
        dead.wait()
    lock = tmp_path / LOCK_NAME
    lock.write_text(f"xyy (process {dead.pid} on {platform.node()}){ending}")
    with one_writer(tmp_path):
        assert f"process {os.getpid()} on" in lock.read_text()
    assert os.listdir(tmp_path) == []


@pytest.mark.usefixtures("no_locks")
@pytest.mark.parametrize("left", ["xyy (process 7 on elsewhere) without a lock", ""])
def test_without_locks_another_machine_may_hold_it(tmp_path: Path, left: str) -> None:
    lock = tmp_path / LOCK_NAME
    lock.write_text(left)
    with pytest.raises(InputError, match=rf"in use by .*; .*remove {lock}"), one_writer(tmp_path):
        pass
    assert lock.read_text() == left


def test_a_lock_file_that_is_the_lock_counts_where_there_are_locks_too(tmp_path: Path) -> None:
    """A machine that exports a folder has locks on it, and one that mounts it may have none."""
    (tmp_path / LOCK_NAME).write_text("xyy (process 7 on elsewhere) without a lock")
    with (
        pytest.raises(InputError, match=r"in use by xyy \(process 7 on elsewhere\); "),
        one_writer(tmp_path),
    ):
        pass


def test_a_folder_that_is_left_empty_is_gone_again(tmp_path: Path) -> None:
    with one_writer(tmp_path / "a" / "b"):
        pass
    assert os.listdir(tmp_path) == []


def test_writers_one_after_another_all_come_in(tmp_path: Path) -> None:
    """Of many that make the same folder, hold it and leave it empty again, none fails."""
    code = (
        "import sys, pathlib; from tools.locks import one_writer\n"
        "for _ in range(100):\n"
        "    with one_writer(pathlib.Path(sys.argv[1]), waiting=lambda _line: None): pass\n"
    )
    words = [sys.executable, "-c", code, str(tmp_path / "a" / "b")]
    running = [subprocess.Popen(words, stderr=subprocess.PIPE, text=True) for _ in range(3)]
    said = [process.communicate(timeout=120)[1] for process in running]
    assert said == ["", "", ""]
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]
