"""How the program ends before its work is done: Ctrl-C, ``kill``, a terminal that is closed.

Each of these signals becomes the exception that Ctrl-C is in Python, once, in the main thread: it
unwinds every ``with`` and ``finally``, and these end workers and remove files. What we start does
not see the signals, which a terminal or a batch system sends to all processes of a group: it is for
us to end them, in order. (For what is before the program's first line see `tools.editable`.)
"""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Timer
from types import FrameType
from typing import Any

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_SOON_S = 0.01
_received: list[int] = []
# Of this process, as signals are: the one that ends it.


def in_order() -> None:
    """Let the first signal unwind the main thread; the others are heard no more."""
    for number in SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:  # as nohup wants it
            signal.signal(number, _unwind)
    sys.unraisablehook = _again


def no_more() -> None:
    """Ignore signals: the work is done, or as good as."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)


def _unwind(number: int, _frame: FrameType | None) -> None:
    if not _received:
        _received.append(number)
        raise KeyboardInterrupt


def _again(unraisable: Any) -> None:
    """Send the signal again that met Python where nothing can be raised, as in a ``__del__``.

    Nor can anything be raised here: it comes when this function is done.
    """
    if not _received:
        sys.__unraisablehook__(unraisable)
    elif issubclass(unraisable.exc_type, KeyboardInterrupt):
        Timer(_SOON_S, os.kill, (os.getpid(), _received.pop())).start()
    # Whatever else cannot be finalised was interrupted while it was made: dask's client, for one.


def received() -> int | None:
    """Return the number of the signal that ends this process, if one does."""
    return _received[0] if _received else None


def message(number: int, *, resumes: bool = False) -> str:
    """Return what a user is told.

    Parameters
    ----------
    number : int
        Of the signal.
    resumes : bool
        Whether the command takes ``--resume``.

    >>> message(signal.SIGTERM, resumes=True)
    'terminated; run again with --resume'
    """
    if number == signal.SIGINT:
        return "interrupted; nothing is half written, run it again"
    return f"terminated; run {'again with --resume' if resumes else 'it again'}"


def exit_code(number: int) -> int:
    """Return the exit code of a process that a signal ended, as shells have it.

    >>> exit_code(signal.SIGINT), exit_code(signal.SIGTERM), exit_code(signal.SIGHUP)
    (130, 143, 129)
    """
    return 128 + number


@contextmanager
def held() -> Iterator[None]:
    """Hold the signals back; threads and processes started meanwhile will never see them."""
    from multiprocessing import resource_tracker as pythons

    from loky.backend import resource_tracker as lokys

    before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        for tracker in (pythons, lokys):  # else the first process starts them,
            tracker.ensure_running()  # and that lets signals through again
        signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
