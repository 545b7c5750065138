"""Folders with one writer.

The file ``.xyy.lock`` says who that is. An advisory lock on it is freed by the kernel when the
process dies, however it dies. Some network file systems have no such locks. There the file itself
is the lock, and says so: it is taken over when its process, on this machine, is dead; of another
machine that cannot be known, and the user is told what to remove.

In a folder that others may write to, the file may be anything. A link, a pipe, a device or a text
of somebody else's is refused and never written to.
"""

import contextlib
import errno
import fcntl
import os
import platform
import re
import secrets
import stat
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from tools.atomic import sweep
from tools.errors import InputError
from tools.folders import made, make_folder
from tools.foreign import refuse_foreign
from tools.system_errors import reason, writing

LOCK_NAME = ".xyy.lock"
_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)
_WITHOUT = " without a lock"
_HOLDER = re.compile(rf"xyy \(process (\d+) on (.*)\)(?:{_WITHOUT})?")
_LOOK_S = 0.2
"""how often one who waits looks, in seconds"""
_ATTEMPTS = 20
"""how often a lock is tried that is gone when it is opened: its holder has just removed it"""
_told: set[int] = set()
"""file systems of which it was told that they have no locks"""


@contextlib.contextmanager
def one_writer(
    folder: Path,
    *,
    writes: Iterable[str] = (),
    waiting: Callable[[str], None] | None = None,
) -> Iterator[None]:
    """Hold `folder` for this process alone while the block runs.

    The folder is made if need be; what was made is removed again if the block leaves it empty.

    Parameters
    ----------
    folder : Path
    writes : iterable of str
        Names of what the block writes there, see `refuse_foreign`.
    waiting : callable, optional
        Wait for another process that holds it, and tell this function so, once.

    Raises
    ------
    InputError
        If another process holds it (the message names that process), it cannot be a folder, or it
        holds files of these names that are not ours.
    XyyError
        If it cannot be written.
    """
    with made(folder), _locked(folder / LOCK_NAME, waiting):
        refuse_foreign(folder, writes)
        sweep(folder, held=True)
        yield


class _InUseError(InputError):
    """Another process holds the folder."""

    def __init__(self, folder: Path, holder: str, remedy: str = "") -> None:
        holder = holder.removesuffix(_WITHOUT) or "another process"
        super().__init__(
            f"{folder} is in use by {holder}; wait for it, or choose another folder{remedy}"
        )
        self.line = f"waiting for {holder}, which writes to {folder}{remedy}"


class _GoneError(Exception):
    """The lock is gone again: try once more."""


@contextlib.contextmanager
def _locked(path: Path, waiting: Callable[[str], None] | None) -> Iterator[None]:
    descriptor = _when_free(path, waiting)
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            if _same(path, descriptor):
                path.unlink()
        os.close(descriptor)


def _when_free(path: Path, waiting: Callable[[str], None] | None) -> int:
    """Return the descriptor of the lock, now or when its holder is done."""
    while True:
        try:
            return _taken(path)
        except _InUseError as error:
            if waiting is None:
                raise
            waiting(error.line)
            waiting = _silent
            time.sleep(_LOOK_S)


def _silent(_line: str) -> None:
    """Tell nothing: it was told."""


def _taken(path: Path) -> int:
    """Return the descriptor of the lock.

    Raises
    ------
    _InUseError
        If another process holds it.
    """
    with writing(path):
        for _ in range(_ATTEMPTS):
            with contextlib.suppress(_GoneError, FileNotFoundError):
                return _attempt(path)
            make_folder(path.parent)
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))


def _attempt(path: Path) -> int:
    descriptor, new = _opened(path)
    try:
        locked = _flock(path, descriptor)
        if not new:
            _examine(path, descriptor, locked=locked)
        _sign(path, descriptor, new=new, locked=locked)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _examine(path: Path, descriptor: int, *, locked: bool) -> None:
    """Refuse a lock that is not ours to take.

    Raises
    ------
    _GoneError
        If it is gone, or was a dead process' and is gone now.
    """
    if not _same(path, descriptor):
        raise _GoneError
    there = _text(descriptor)
    _refuse_other_text(path, there)
    if not locked or there.endswith(_WITHOUT):
        _take_over(path, descriptor, there)


def _opened(path: Path) -> tuple[int, bool]:
    """Return the open lock and whether it was made here; nothing else is ever opened."""
    flags = os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK
    with contextlib.suppress(FileExistsError):
        return os.open(path, flags | os.O_CREAT | os.O_EXCL, 0o666), True
    _refuse_other_kind(path, os.lstat(path))
    descriptor = os.open(path, flags)
    try:
        _refuse_other_kind(path, os.fstat(descriptor))
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor, False


def _refuse_other_kind(path: Path, about: os.stat_result) -> None:
    if not stat.S_ISREG(about.st_mode) or about.st_nlink > 1:
        raise InputError(
            f"{path} is a link, a folder, a pipe or a device, and no lock of xyy: somebody put it "
            "there; look at it with `ls -l`, and remove it or choose another folder"
        )


def _refuse_other_text(path: Path, text: str) -> None:
    start = "xyy (process "
    if not text.startswith(start[: len(text)]):
        raise InputError(
            f"{path} holds a text that xyy did not write, where its lock belongs; move it away, or "
            "choose another folder"
        )


def _flock(path: Path, descriptor: int) -> bool:
    """Lock the file; return False where the file system has no locks.

    Raises
    ------
    _InUseError
        If another process has it locked.
    """
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise _InUseError(path.parent, _text(descriptor)) from None
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise
        _tell_once(path, descriptor, error)
        return False
    return True


def _tell_once(path: Path, descriptor: int, error: OSError) -> None:
    system = os.fstat(descriptor).st_dev
    if system not in _told and sys.stderr is not None:
        sys.stderr.write(
            f"xyy: warning: the file system of {path.parent} has no locks ({reason(error)}); the "
            f"file {LOCK_NAME} keeps other writers away instead\n"
        )
    _told.add(system)


def _take_over(path: Path, descriptor: int, holder: str) -> None:
    """Remove the lock of a dead process, where the file itself is the lock.

    Raises
    ------
    _GoneError
        If it was removed.
    _InUseError
        If its process lives, or may live.
    """
    known = _HOLDER.fullmatch(holder)
    if known is None or known[2] != platform.node() or _lives(int(known[1])):
        raise _InUseError(path.parent, holder, f" (if it no longer runs, remove {path})")
    aside = path.with_name(f".xyy-{secrets.token_hex(8)}.tmp")
    path.rename(aside)
    if not _same(aside, descriptor):  # another process was faster, and holds it now
        os.link(aside, path)
    aside.unlink()
    raise _GoneError


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True
    return True


def _sign(path: Path, descriptor: int, *, new: bool, locked: bool) -> None:
    """Write who holds the lock; a lock that cannot be signed is removed."""
    holder = f"xyy (process {os.getpid()} on {platform.node()})"
    try:
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, (holder if locked else holder + _WITHOUT).encode(), 0)
    except OSError:
        if new:
            path.unlink(missing_ok=True)
        raise


def _same(path: Path, descriptor: int) -> bool:
    """Return whether a path still leads to an open file."""
    try:
        return os.path.samestat(os.lstat(path), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _text(descriptor: int) -> str:
    return os.pread(descriptor, 300, 0).decode(errors="replace").strip()
