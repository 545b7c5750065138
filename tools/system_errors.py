"""What the operating system says, as a sentence: which place, what is wrong with it, what to do.

An error deep in a library (uproot, pyarrow, zipfile, matplotlib) has the system's number and often
no path: whoever knows the path says it with `writing`. The shared memory that locks between
processes lie in has no path in any library. (For standard output see `tools.streams`.)
"""

import contextlib
import errno
import os
import re
import resource
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

from tools.errors import InputError, XyyError

TEMPORARY = re.compile(r"\.xyy-[0-9a-f]{16}\.tmp")
"""names of `tools.atomic`, which nobody chose"""
SHARED_MEMORY = "/dev/shm"  # noqa: S108 - where Linux has it; nothing is written there by us
_OTHER_FOLDER = "choose another folder"
_REMEDIES = {
    errno.ENOSPC: f"free space there, or {_OTHER_FOLDER}",
    errno.EDQUOT: f"your quota there is used up: remove what you can spare, or {_OTHER_FOLDER}",
    errno.EFBIG: "files there may not be so large (`ulimit -f`, or the file system): raise that",
    errno.EROFS: f"nothing can be written there: {_OTHER_FOLDER}",
    errno.EACCES: f"you may not: look at its permissions, or {_OTHER_FOLDER}",
    errno.EPERM: f"you may not: look at its permissions, or {_OTHER_FOLDER}",
    errno.ELOOP: "its symbolic links lead in a circle: look at them with `ls -l`",
    errno.ENAMETOOLONG: "give it a shorter name",
    errno.EISDIR: "a folder is there, where a file belongs: move it away",
    errno.ENOTDIR: "a file is there, where a folder belongs: move it away",
    errno.EEXIST: "something else is there: move it away",
    errno.EMFILE: "raise `ulimit -n`, or use fewer --workers",
    errno.ENFILE: "this machine has too many files open: end other programs",
    errno.EIO: "the disk or its connection fails: look at it, then run again",
    errno.ESTALE: "the network file system has lost it: run again",
    errno.ETIMEDOUT: "the network file system does not answer: run again when it does",
    errno.ENOLCK: f"its file system has no locks: {_OTHER_FOLDER}",
    errno.EPIPE: "whoever was to read it has ended",
}
WRONG_NAMES = (errno.ELOOP, errno.ENAMETOOLONG, errno.ENOTDIR)
"""what no machine could do anything about"""
_NO_MEMORY = (
    "not enough memory; use fewer --workers, free memory, or raise the limit (`ulimit -v`, or that "
    "of the batch job)"
)
_MEMORY_WORDS = (
    "failed to map segment from shared object",
    "can't start new thread",
    "annot allocate memory",
    "unable to allocate",
)
"""of errors that are no MemoryError: libraries that cannot be loaded, threads that cannot start"""
_WORLD = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.EMFILE, errno.ENFILE}
"""What is told wherever it hides: it is never an attempt that may fail."""


def reason(error: OSError) -> str:
    """Return what the system calls an error, in its words alone.

    >>> reason(OSError(28, "Error writing bytes to file. Detail: [errno 28]"))
    'No space left on device'
    """
    return os.strerror(error.errno) if error.errno else str(error)


def told(error: BaseException, place: object = None) -> str | None:
    """Return what the operating system says by an error, or None if it says nothing.

    Parameters
    ----------
    error : BaseException
    place : object, optional
        What was worked on, which the error itself may know better.
    """
    if _is_of_memory(error):
        return _NO_MEMORY
    if not isinstance(error, OSError):
        return None
    if _of_shared_memory(error.__traceback__):
        return (
            f"{SHARED_MEMORY}, the shared memory of this machine: {reason(error)}; make it larger, "
            "or work in one process: --workers 1 and no other --executor than iterative"
        )
    where = _path(error) or place
    remedy = _REMEDIES.get(error.errno or 0)
    what = f"{where or 'the operating system says'}: {reason(error)}"
    return f"{what}; {remedy}" if remedy else what


def exit_code(error: BaseException) -> int:
    """Return the exit code of an error that is none of ours."""
    wrong = isinstance(error, OSError) and error.errno in WRONG_NAMES
    return InputError.exit_code if wrong else XyyError.exit_code


def told_by_any(error: BaseException) -> str | None:
    """Return the same of an error, or of what it hides in the chain of its causes."""
    said, cause = told(error), error.__cause__ or error.__context__
    while said is None and cause is not None:
        if _is_of_memory(cause) or (isinstance(cause, OSError) and cause.errno in _WORLD):
            said = told(cause)
        cause = cause.__cause__ or cause.__context__
    return said


@contextlib.contextmanager
def writing(place: Path) -> Iterator[None]:
    """Tell what the system says in the block, which writes to `place`.

    Raises
    ------
    XyyError
        In place of an OSError or a MemoryError.
    """
    try:
        yield
    except (OSError, MemoryError) as error:
        said = str(told(error, place))
        begin = "cannot write " if said.startswith(str(place)) else ""
        raise XyyError(begin + said) from error


def _is_of_memory(error: BaseException) -> bool:
    if isinstance(error, MemoryError):
        return True
    if isinstance(error, OSError):
        return error.errno == errno.ENOMEM or (error.errno is None and _near_limit())
    if isinstance(error, ImportError | RuntimeError | SystemError):
        return any(words in str(error) for words in _MEMORY_WORDS) or _near_limit()
    return False


def _near_limit() -> bool:
    """Return whether more than half of what `ulimit -v` allows is used.

    A library that cannot be loaded then (they are large) says whatever comes to its mind.
    """
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    if limit == resource.RLIM_INFINITY:
        return False
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    except OSError:  # no Linux
        return False
    return pages * resource.getpagesize() > limit / 2


def _path(error: OSError) -> str | None:
    """Return the path that an error names, unless it is one that nobody chose."""
    name = error.filename
    if not isinstance(name, str | bytes | os.PathLike) or not name:
        return None
    path = os.fsdecode(name)
    return None if TEMPORARY.fullmatch(Path(path).name) else path


def _of_shared_memory(traceback: TracebackType | None) -> bool:
    """Return whether an error comes from a lock between processes (`multiprocessing`, loky)."""
    while traceback is not None:
        code = traceback.tb_frame.f_code
        if Path(code.co_filename).name in {"synchronize.py", "shared_memory.py"}:
            return True
        traceback = traceback.tb_next
    return False
