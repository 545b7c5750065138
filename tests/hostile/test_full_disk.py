"""A disk that fills up at every stage: exit code 1 and the path; nothing half; the rerun finishes.

The disk is a real one, a tmpfs of its own, that is filled with ballast up to a number of bytes, and
then given more room, as a user would. Only root may mount one; nobody else can run these tests.
"""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import uproot

from tools.atomic import is_temporary
from tools.system_errors import SHARED_MEMORY

Command = Callable[..., int]
SIZE = 64 << 20
FREE = (0, 4 << 10, 40 << 10, 400 << 10)
"""bytes that are left on the disk; with the last, most stages come half way"""
SLOW = {"report": FREE[3:], "closure": FREE[1:2]}
"""stages that are tried once"""


@dataclass(frozen=True, slots=True)
class Disk:
    """A disk of a given size."""

    path: Path

    @property
    def ballast(self) -> Path:
        """The file that fills it."""
        return self.path / "ballast"

    @contextlib.contextmanager
    def with_free(self, free: int) -> Iterator[None]:
        """Have so many bytes on it while the block runs."""
        about = os.statvfs(self.path)
        fill = about.f_bavail * about.f_frsize - free
        with self.ballast.open("wb") as ballast:
            os.posix_fallocate(ballast.fileno(), 0, fill)
        try:
            yield
        finally:
            self.ballast.unlink()

    def used(self) -> int:
        """Return how many bytes are in use."""
        about = os.statvfs(self.path)
        return (about.f_blocks - about.f_bfree) * about.f_frsize


@contextlib.contextmanager
def mounted(place: Path, options: str) -> Iterator[Disk]:
    """Have a tmpfs at a place; skip where that is not allowed."""
    place.mkdir(exist_ok=True)
    words = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(place)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"no disk of its own can be had: {done.stderr.strip()}")
    try:
        yield Disk(place)
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=False)


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Disk]:
    with mounted(tmp_path_factory.mktemp("disk") / "small", f"size={SIZE}") as disk:
        yield disk


def nothing_half(folder: Path) -> None:
    """Every file is whole, and none is left that nobody asked for."""
    for path in folder.rglob("*"):
        assert not is_temporary(path), path
        assert path.name not in {".xyy.lock", ".xyy.new", ".xyy.old"}, path
        if path.suffix == ".json":
            json.loads(path.read_text(encoding="utf-8"))
        elif path.suffix == ".zip":
            with zipfile.ZipFile(path) as archive:
                assert archive.testzip() is None
        elif path.suffix == ".root":
            with uproot.open(path) as file:
                file.keys()
        elif path.suffix == ".csv":
            assert path.read_bytes().endswith(b"\n")


Stage = tuple[str, Callable[[Path, Path], tuple[object, ...]]]
"""name of what it writes to, and the words of a command of the disk and the settings"""
STAGES: dict[str, Stage] = {
    "generate csv": (
        "events",
        lambda d, _s: ("generate", "signal_500", "--events", 20_000, "--out", d / "events"),
    ),
    "generate root": (
        "events",
        lambda d, _s: (
            *("generate", "signal_500", "--events", 20_000),
            *("--format", "root", "--out", d / "events"),
        ),
    ),
    "convert": (
        "chunks",
        lambda d, s: ("convert", s.parent / "signal_500.csv", "--out", d / "chunks"),
    ),
    "universe make": (
        "game",
        lambda d, s: (
            *("universe", "make", "--groups", 2, "--seed", 1, "--samples", s),
            *("--out", d / "game"),
        ),
    ),
    "process": (
        "results",
        lambda d, s: (
            *("process", s.parent / "blind", "--out", d / "results"),
            *("--samples", s, "--search", s.with_name("search.toml")),
        ),
    ),
    "optimise": ("blind", lambda d, _s: ("optimise", d / "blind")),
    "freeze": ("blind", lambda d, _s: ("freeze", d / "blind")),
    "infer": ("blind", lambda d, _s: ("infer", d / "blind")),
    "report": ("blind", lambda d, _s: ("report", d / "blind", "--workers", 1)),
    "export root": ("blind", lambda d, _s: ("export", "root", d / "blind")),
    "export hepdata": ("blind", lambda d, _s: ("export", "hepdata", d / "blind")),
    "closure": (
        "closure",
        lambda d, s: (
            *("closure", "--empty", 2, "--universes", 1, "--executor", "iterative"),
            *("--samples", s, "--search", s.with_name("search.toml"), "--out", d / "closure"),
        ),
    ),
}
IN_RESULTS = {"optimise", "freeze", "infer", "report", "export root", "export hepdata"}


@pytest.fixture(scope="module")
def settings(
    tiny: Path, tiny_blind: Path, program: Command, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The samples file, beside events, the search file and a blind folder with what it needs."""
    place = tmp_path_factory.mktemp("elsewhere")
    for name in ("samples.toml", "search.toml"):
        shutil.copy(tiny / name, place)
    (place / "blind").symlink_to(tiny_blind)
    words = ("generate", "signal_500", "--events", 20_000, "--out", place, "--quiet")
    assert program(*words) == 0
    return place / "samples.toml"


@pytest.mark.parametrize("name", STAGES)
def test_a_full_disk_is_told_and_the_rerun_finishes(
    name: str,
    disk: Disk,
    settings: Path,
    program: Command,
    capsys: pytest.CaptureFixture[str],
) -> None:
    where, words = STAGES[name]
    failures = 0
    for free in SLOW.get(name, FREE):
        shutil.rmtree(disk.path / where, ignore_errors=True)
        if name in IN_RESULTS:
            shutil.copytree(settings.parent / "blind", disk.path / where)
        before = set(disk.path.iterdir())
        with disk.with_free(free):
            code = program(*words(disk.path, settings), "--quiet")
        said = capsys.readouterr().err
        nothing_half(disk.path)
        if code:
            failures += 1
            assert code == 1, said
            assert f"{disk.path / where}" in said
            assert "No space left on device; free space there" in said
            if name not in IN_RESULTS:
                assert set(disk.path.iterdir()) in (before, before | {disk.path / where})
        assert program(*words(disk.path, settings), "--quiet") == 0, capsys.readouterr().err
        nothing_half(disk.path)
    assert failures
    shutil.rmtree(disk.path / where)


def alone(options: str, *words: object) -> "subprocess.CompletedProcess[str]":
    """Run the program where nobody else sees what is mounted: with another shared memory."""
    xyy = Path(sys.executable).with_name("xyy")
    script = 'mount -t tmpfs -o "$0" tmpfs /dev/shm && exec "$@"'
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", script, options, xyy, *map(str, words)],
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    if done.stderr.startswith(("unshare:", "mount:")):
        pytest.skip(f"no shared memory of its own can be had: {done.stderr.strip()}")
    return done


@pytest.mark.parametrize("engine", ["futures", "dask"])
@pytest.mark.parametrize(
    ("options", "said"),
    [("size=8k", "No space left on device"), ("ro", "Read-only file system")],
)
def test_small_shared_memory_is_named_and_can_be_done_without(
    options: str, said: str, engine: str, settings: Path, tmp_path: Path
) -> None:
    files = ("--samples", settings, "--search", settings.with_name("search.toml"))
    words = ("process", settings.parent / "blind", "--out", tmp_path / "out", *files)
    done = alone(options, *words, "--executor", engine, "--workers", 2, "--quiet")
    assert done.returncode == 1
    assert f"{SHARED_MEMORY}, the shared memory of this machine: {said}; " in done.stderr
    assert "--workers 1" in done.stderr
    assert not (tmp_path / "out").exists()
    assert alone(options, *words, "--workers", 1, "--quiet").returncode == 0


def test_a_file_system_without_room_for_files(
    tmp_path: Path, program: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    """No inode is free: there is room, and nothing can be made."""
    with mounted(tmp_path / "few", "size=1m,nr_inodes=1") as disk:
        assert program("generate", "signal_500", "--events", 10, "--out", disk.path / "out") == 1
        assert f"cannot write {disk.path / 'out'}: No space left" in capsys.readouterr().err
    with mounted(tmp_path / "few", "size=1m,nr_inodes=2") as disk:
        assert program("generate", "signal_500", "--events", 10, "--out", disk.path / "out") == 1
        assert "out/.xyy.lock: No space left" in capsys.readouterr().err
        assert list(disk.path.iterdir()) == []


def test_a_disk_that_cannot_be_written_is_named(
    tmp_path: Path, program: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    with mounted(tmp_path / "disc", "ro") as disk:
        assert program("generate", "signal_500", "--events", 10, "--out", disk.path / "out") == 1
        said = capsys.readouterr().err
    assert f"cannot write {disk.path / 'out'}: Read-only file system; nothing can" in said


def test_the_ballast_leaves_what_it_says(disk: Disk) -> None:
    """The measure itself: so many bytes can be written, and not one page more."""
    with disk.with_free(8192):
        path = disk.path / "probe"
        path.write_bytes(np.zeros(8192, np.uint8).tobytes())
        with pytest.raises(OSError, match="No space left"), path.open("ab") as stream:
            stream.write(b"0")
            stream.flush()
        path.unlink()
