"""Temporary folders go with their process, also when a pool ends it."""

import time
from concurrent.futures import wait
from pathlib import Path

import psutil

from tools import temporary
from tools.pool import processes

LONGEST_S = 20.0


def hold(inside: str) -> None:
    """Hold a folder until this process is killed."""
    with temporary.folder("held-", inside=Path(inside)) as place:
        (place / "file").write_bytes(b"")
        time.sleep(LONGEST_S)


def gone(folder: Path) -> bool:
    """Return whether a folder is empty within the time."""
    end = time.monotonic() + LONGEST_S
    while any(folder.iterdir()) and time.monotonic() < end:
        time.sleep(0.05)
    return not any(folder.iterdir())


def test_a_folder_is_gone_after_its_block(tmp_path: Path) -> None:
    with temporary.folder("held-", inside=tmp_path) as place:
        assert place.is_dir()
    assert not place.exists()


def test_what_guards_a_folder_is_no_child(tmp_path: Path) -> None:
    before = {child.pid for child in psutil.Process().children()}
    with temporary.folder("held-", inside=tmp_path):
        assert {child.pid for child in psutil.Process().children()} <= before


def test_a_folder_goes_with_a_worker_that_its_pool_kills(tmp_path: Path) -> None:
    """A pool kills its workers with all their children."""
    with processes(1) as pool:
        future = pool.submit(hold, str(tmp_path))
        while not list(tmp_path.glob("held-*/file")):
            wait([future], timeout=0.05)
    assert gone(tmp_path)
