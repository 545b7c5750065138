"""Files are whole or not there, and only what nobody writes is swept away."""

import fcntl
import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tools.atomic import atomic, is_temporary, sweep
from tools.errors import XyyError
from tools.json_file import write_json
from tools.locks import one_writer

LEFT = ".xyy-0123456789abcdef.tmp"


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "result.json"
    write_json(path, {"a": 1})
    with pytest.raises(RuntimeError, match="half way"), atomic(path) as temporary:
        temporary.write_text("{")
        raise RuntimeError("half way")
    assert json.loads(path.read_text()) == {"a": 1}
    assert os.listdir(path.parent) == ["result.json"]


def test_a_full_disk_is_one_clear_message(tmp_path: Path) -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("/dev/full is not there")
    with (
        pytest.raises(XyyError, match=r"cannot write .*x\.bin: No space left on device; free sp"),
        atomic(tmp_path / "x.bin"),
        full.open("wb") as device,
    ):
        device.write(b"0")
        device.flush()
    assert os.listdir(tmp_path) == []


def test_the_temporary_file_has_another_name_each_time_and_any_length_will_do(
    tmp_path: Path,
) -> None:
    path, names = tmp_path / ("x" * 255), set()
    for _ in range(3):
        with atomic(path) as temporary:
            assert is_temporary(temporary)
            names.add(temporary.name)
            assert stat.S_ISREG(temporary.lstat().st_mode)
    assert len(names) == 3
    assert os.listdir(tmp_path) == [path.name]


def test_a_name_that_is_too_long_says_so(tmp_path: Path) -> None:
    with (
        pytest.raises(XyyError, match="x: File name too long; give it a shorter name"),
        atomic(tmp_path / ("x" * 256)),
    ):
        pass
    assert os.listdir(tmp_path) == []


def test_a_link_is_replaced_and_not_followed(tmp_path: Path) -> None:
    precious, path = tmp_path / "precious", tmp_path / "x.json"
    precious.write_text("years of work")
    path.symlink_to(precious)
    write_json(path, {"a": 1})
    assert precious.read_text() == "years of work"
    assert not path.is_symlink()


def test_permissions_are_those_that_are_asked_for(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        with atomic(tmp_path / "private", mode=0o600) as temporary:
            assert stat.S_IMODE(temporary.stat().st_mode) == 0o600
        with atomic(tmp_path / "public"):
            pass
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "private").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "public").stat().st_mode) == 0o666


def test_what_a_killed_writer_left_goes_with_the_next_writing(tmp_path: Path) -> None:
    """In the folder that is held, and in those below that are written to."""
    (tmp_path / "figures").mkdir()
    code = (
        "import os, pathlib, signal, sys; from tools.atomic import atomic\n"
        "with atomic(pathlib.Path(sys.argv[1])): os.kill(os.getpid(), signal.SIGKILL)"
    )
    for name in ("x.json", "figures/x.png"):
        subprocess.run([sys.executable, "-c", code, str(tmp_path / name)], check=False)
    assert is_temporary(next((tmp_path / "figures").iterdir()))
    with one_writer(tmp_path):
        assert sorted(os.listdir(tmp_path)) == [".xyy.lock", "figures"]
        write_json(tmp_path / "figures" / "y.json", {})
    assert os.listdir(tmp_path / "figures") == ["y.json"]


def test_files_of_others_stay(tmp_path: Path) -> None:
    """A user's own names, our name for what is no file, and what another process is writing."""
    for name in (".mine.tmp", ".draft.v2.tmp", ".a.png.123.tmp", ".xyy-notes.tmp", "below/" + LEFT):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / ".xyy-000000000000000a.tmp").symlink_to(tmp_path / ".mine.tmp")
    os.mkfifo(tmp_path / ".xyy-000000000000000b.tmp")
    (tmp_path / ".xyy-000000000000000c.tmp").mkdir()
    before = sorted(os.listdir(tmp_path))
    with atomic(tmp_path / "below" / "x.json") as working:
        with one_writer(tmp_path):
            pass
        sweep(tmp_path / "below", held=True)
        assert working.exists()
    assert sorted(os.listdir(tmp_path)) == before
    assert os.listdir(tmp_path / "below") == ["x.json"]


@pytest.mark.parametrize("held", [True, False])
def test_without_locks_only_what_lies_in_a_held_folder_is_known_to_be_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, held: bool
) -> None:
    def refuse(_descriptor: int, _operation: int) -> None:
        raise OSError(38, "Function not implemented")

    (tmp_path / LEFT).touch()
    monkeypatch.setattr(fcntl, "flock", refuse)
    with atomic(tmp_path / "x.bin"):
        pass
    sweep(tmp_path, held=held)
    assert sorted(os.listdir(tmp_path)) == ([] if held else [LEFT]) + ["x.bin"]
