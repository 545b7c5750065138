"""Files that are whole or not there: all that the program writes is written here.

A product is written to a temporary file in its own folder, flushed to the disk and renamed: a
reader, or the next run after a crash, sees the old file or the new one and never a half.

The temporary file is made here, with a name that nobody can guess, and never through a link: in a
folder that others may write to, nobody can have put something in its place. (A library may open
that path to write; where the folder has the sticky bit, like ``/tmp``, nobody else can replace it
either.) Its writer keeps it locked. So what a killed process left behind is known, by whoever
writes to the folder next, from what another process is writing now.
"""

import contextlib
import fcntl
import os
import secrets
import stat
from collections.abc import Iterator
from pathlib import Path

from tools.folders import make_folder
from tools.system_errors import TEMPORARY, writing

_swept: set[Path] = set()
"""folders that this process has written to"""


@contextlib.contextmanager
def atomic(path: Path, *, mode: int = 0o666) -> Iterator[Path]:
    """Yield a temporary path beside `path`; rename it to `path` if the block succeeds.

    Parameters
    ----------
    path : Path
        The file to be written. Its folder is made if need be.
    mode : int
        Its permissions, of which the umask is taken away.

    Yields
    ------
    Path
        Where to write; an empty file. On any exception it is removed, and `path` stays as it was.

    Raises
    ------
    XyyError
        If the disk is full or the folder cannot be written.
    """
    with writing(path):
        make_folder(path.parent)
        with replacing(path, mode=mode) as temporary:
            yield temporary


@contextlib.contextmanager
def replacing(path: Path, *, mode: int = 0o666, flush: bool = True) -> Iterator[Path]:
    """Do the same in a folder that is there.

    Parameters
    ----------
    path : Path
    mode : int
        As in `atomic`.
    flush : bool
        Wait for the disk. Without, a power cut may leave a torn file.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    if path.parent not in _swept:
        sweep(path.parent)
        _swept.add(path.parent)
    with _temporary(path.parent, mode) as (descriptor, temporary):
        yield temporary
        if flush:
            os.fsync(descriptor)
        temporary.replace(path)


def write_bytes(path: Path, content: bytes) -> None:
    """Write `content` to `path`, whole or not at all."""
    with atomic(path) as temporary:
        temporary.write_bytes(content)


def sweep(folder: Path, *, held: bool = False) -> None:
    """Remove the temporary files in a folder whose writer is dead, and only our own.

    Parameters
    ----------
    folder : Path
    held : bool
        Nobody else writes there: where the file system has no locks, ours are removed all the same.
    """
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if TEMPORARY.fullmatch(entry.name):
                _remove_left(Path(entry.path), held=held)


def is_temporary(path: Path) -> bool:
    """Return whether a file has the name of a temporary one."""
    return TEMPORARY.fullmatch(path.name) is not None


@contextlib.contextmanager
def _temporary(folder: Path, mode: int) -> Iterator[tuple[int, Path]]:
    """Have a temporary file while the block runs: its descriptor, which is locked, and its path."""
    descriptor, path = _made(folder, mode)
    try:
        yield descriptor, path
    finally:
        try:
            with contextlib.suppress(OSError):  # it cannot be removed either
                path.unlink(missing_ok=True)
        finally:
            os.close(descriptor)


def _made(folder: Path, mode: int) -> tuple[int, Path]:
    while True:
        path = folder / f".xyy-{secrets.token_hex(8)}.tmp"
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode)
        if _only_ours(descriptor, without_locks=True) and os.fstat(descriptor).st_nlink:
            return descriptor, path
        os.close(descriptor)  # it was swept away between its making and its locking


def _remove_left(path: Path, *, held: bool) -> None:
    """Remove a temporary file of ours that nobody is writing."""
    with contextlib.suppress(OSError):  # it is gone, or not ours
        descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK)
        try:
            about = os.fstat(descriptor)
            ours = stat.S_ISREG(about.st_mode) and about.st_uid == os.geteuid()
            if ours and _only_ours(descriptor, without_locks=held):
                path.unlink()
        finally:
            os.close(descriptor)


def _only_ours(descriptor: int, *, without_locks: bool) -> bool:
    """Lock a file; return whether nobody else has, and `without_locks` where there are none."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return without_locks
    return True
