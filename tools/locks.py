"""Folders with one writer: an advisory lock that the kernel frees when the process dies."""

import contextlib
import fcntl
import os
import platform
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO

from tools.errors import InputError
from tools.foreign import refuse_foreign

LOCK_NAME = ".xyy.lock"
_TEMPORARY = re.compile(r"\..+\.(\d+|[0-9a-f]{32})\.tmp")


@contextlib.contextmanager
def one_writer(folder: Path, *, writes: Iterable[str] = ()) -> Iterator[None]:
    """Hold `folder` for this process alone while the block runs.

    The folder is made if need be; what was made is removed again if the block leaves it empty.

    Parameters
    ----------
    folder : Path
    writes : iterable of str
        Names of what the block writes there, see `refuse_foreign`.

    Raises
    ------
    InputError
        If another process holds it (the message names that process), or it holds files of these
        names that are not ours.
    """
    made = [place for place in (folder, *folder.parents) if not place.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / LOCK_NAME
    with _locked(path) as lock:
        lock.write(f"xyy (process {os.getpid()} on {platform.node()})")
        lock.flush()
        try:
            refuse_foreign(folder, writes)
            for leftover in _leftovers(folder):
                leftover.unlink(missing_ok=True)
            yield
        finally:
            path.unlink(missing_ok=True)
            with contextlib.suppress(OSError):  # it holds something
                for place in made:
                    place.rmdir()


def _leftovers(folder: Path) -> Iterator[Path]:
    """Yield temporary files of a killed run; not those of one that works in a subfolder."""
    for path in folder.rglob(".*.tmp"):
        between = path.parents[: len(path.relative_to(folder).parents) - 1]
        if _TEMPORARY.fullmatch(path.name) and not any((p / LOCK_NAME).exists() for p in between):
            yield path


def _locked(path: Path) -> IO[str]:
    """Return the open, locked lock file at `path`."""
    while True:
        lock = path.open("a+", encoding="utf-8")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            holder = lock.read().strip() or "another process"
            lock.close()
            raise InputError(
                f"{path.parent} is in use by {holder}; wait for it, or choose another folder"
            ) from None
        # The holder before us may have removed the file between our opening and our locking it.
        with contextlib.suppress(FileNotFoundError):
            if path.stat().st_ino == os.fstat(lock.fileno()).st_ino:
                lock.truncate(0)
                return lock
        lock.close()
