"""Files on other machines: fetched whole, once, then checked and read like local ones.

A part in a manifest may be an address instead of a path: ``root://host:port//path`` (XRootD),
``http://`` or ``https://``. Its chunk comes into memory, where a local one is read to as well, so
nothing is left anywhere if a run is killed; and never more of it than the manifest says it has.
Reading only the wanted columns over the network would save some of the bytes, but the checksum of a
chunk is that of all of it, and nothing is used unverified; and a server without byte ranges, with
which column-wise reading fails in confusing ways, serves whole files as well as any.

No server can hold up a run: one that does not answer, stops in the middle or only drips is given up
within a time limit, and when it has only failed for some seconds, its other chunks fail at once.
Whatever fails is told with the address, and ends in the ledger. (What may pass has an OSError as
its cause, or is a `DamagedChunkError`: `tools.executors.guarded` tries it again.) The user's own
settings of XRootD (``XRD_REQUESTTIMEOUT`` and so on) win over the limits here.
"""

import io
import math
import os
import time
from collections.abc import Callable, Iterator
from http import HTTPStatus
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import urlopen

from tools.chunks import DamagedChunkError
from tools.errors import InputError, XyyError

SILENCE_S = 10
"""How long a server may say nothing."""
SLOWEST_BYTES_PER_S = 100_000
"""A transfer slower than this, after the first `SILENCE_S` seconds, is given up."""
XROOTD_LIMITS = {
    "XRD_CONNECTIONRETRY": "1",  # again is for `tools.executors.guarded` to say
    "XRD_CONNECTIONWINDOW": "3",  # seconds for an attempt to connect
    "XRD_REQUESTTIMEOUT": str(SILENCE_S),
    "XRD_STREAMTIMEOUT": str(SILENCE_S),
    "XRD_STREAMERRORWINDOW": "0",  # seconds for which it would not ask again: see PAUSE_S
    "XRD_TIMEOUTRESOLUTION": "1",  # how often, in seconds, XRootD looks at the others
}
"""Read when XRootD is loaded; its own defaults let a dead server take minutes."""
PATIENCE_S = 3
"""A server that only failed for so long is left alone ..."""
PAUSE_S = 60
"""... for so long."""


class RemoteError(XyyError):
    """A file could not be fetched."""


class DeadServerError(RemoteError):
    """A server does not answer, or stopped answering."""


def is_address(place: str) -> bool:
    """Return whether a place is an address, not a path.

    >>> is_address("root://eos.example.org//store/part-00000.root"), is_address("data/part.root")
    (True, False)
    """
    return "://" in place


def located(folder: Path, part: str) -> str:
    """Return where a manifest's part is: its address, or its absolute path.

    Parameters
    ----------
    folder : Path
        The manifest's, for relative paths.
    part : str
        The part's path or address, as in the manifest.

    Raises
    ------
    InputError
        If it is an address of a kind that cannot be read.
    """
    if not is_address(part):
        return os.path.realpath(folder / part)  # `resolve` raises where links go round in a loop
    if part.partition("://")[0] not in _READERS:
        known = ", ".join(f"{scheme}://" for scheme in _READERS)
        raise InputError(f"the manifest in {folder} names {part}; addresses start with {known}")
    return part


_failing: dict[str, tuple[float, float]] = {}
# By server: when its failures began and when the last one ended. Of this process, like a cache:
# a dead server costs a worker its time limit about once, not for each of thousands of chunks.


def fetch(address: str, size: int) -> bytes:
    """Return the content of a chunk; its checksum is not compared.

    Parameters
    ----------
    address : str
        From `located`.
    size : int
        What the manifest says, in bytes.

    Raises
    ------
    RemoteError
        If it cannot be fetched, or its server is known to be dead.
    DamagedChunkError
        If it has another size.
    """
    content = io.BytesIO()
    for block in _blocks(address, size):
        content.write(block)
        if content.tell() > size:
            break
    _check_size(address, content.tell(), size)
    return content.getvalue()


def download(address: str, path: Path) -> None:
    """Write a file of unknown size to a path, block by block.

    Parameters
    ----------
    address : str
    path : Path
        In a folder that is there; a file that is there is replaced.

    Raises
    ------
    InputError
        If it is an address of a kind that cannot be read.
    RemoteError
        If it cannot be fetched, or its server is known to be dead.
    """
    if address.partition("://")[0] not in _READERS:
        known = ", ".join(f"{scheme}://" for scheme in _READERS)
        raise InputError(f"{address} cannot be read; addresses start with {known}")
    with path.open("wb") as file:
        for block in _blocks(address, None):
            file.write(block)


def _blocks(address: str, size: int | None) -> Iterator[bytes]:
    """Yield the content of a file, within the limits of time."""
    try:
        parts = urlsplit(address)
    except ValueError as error:
        raise _odd(address, error) from None
    server = f"{parts.scheme}://{parts.netloc}"
    start, got = time.monotonic(), 0
    since, last = _failing.get(server, (start, -math.inf))
    if last - since >= PATIENCE_S and start < last + PAUSE_S:
        raise DeadServerError(f"{address} was not tried, as {server} does not answer; is it up?")
    _failing.pop(server, None)
    try:
        for block in _READERS[parts.scheme](address, size):
            yield block
            got += len(block)
            expected = got if size is None else size
            if time.monotonic() > start + SILENCE_S + expected / SLOWEST_BYTES_PER_S:
                raise _dead(address, f"slower than {SLOWEST_BYTES_PER_S // 1000} kB/s")
    except DeadServerError:
        _failing[server] = (since, time.monotonic())
        raise


def _check_size(address: str, got: int, size: int) -> None:
    if got != size:
        came = "more" if got > size else f"{got:,}"
        raise DamagedChunkError(
            f"{address} came with {came} bytes where the manifest says {size:,}: cut off on its "
            "way, or another file; run again, or put the right file there"
        )


def _dead(address: str, reason: object) -> DeadServerError:
    return DeadServerError(
        f"{address} cannot be fetched: no answer from its server ({reason}); is it up?"
    )


def _odd(address: str, reason: ValueError) -> RemoteError:
    return RemoteError(
        f"{address} is no address ({reason}); write letters beyond ASCII as %C3%A9 and so on"
    )


def _over_http(address: str, size: int | None) -> Iterator[bytes]:
    got = 0
    try:
        with urlopen(address, timeout=SILENCE_S) as response:  # noqa: S310 - http or https, see _READERS
            told = response.length
            while block := response.read1(1 << 20):
                got += len(block)
                yield block
    except HTTPError as error:
        with error:
            raise RemoteError(
                f"{address} cannot be fetched: its server answers {error.code} {error.reason}; "
                "is the file there, and open to you?"
            ) from (error if error.code >= HTTPStatus.INTERNAL_SERVER_ERROR else None)
    except (OSError, HTTPException) as error:
        reason = error.reason if isinstance(error, URLError) else error
        cause = None if isinstance(reason, TimeoutError) else error
        raise _dead(address, getattr(reason, "strerror", None) or reason) from cause
    except ValueError as error:  # among them what cannot be encoded
        raise _odd(address, error) from None
    if size is None and told is not None and got != told:
        raise RemoteError(
            f"{address} came with {got:,} of {told:,} bytes: cut off on its way; run again"
        )


def _over_xrootd(address: str, size: int | None) -> Iterator[bytes]:
    for name, value in XROOTD_LIMITS.items():
        os.environ.setdefault(name, value)
    try:
        from XRootD.client import File
    except ModuleNotFoundError:
        raise RemoteError(
            f"{address} needs the package xrootd: `pip install xrootd`, or, where that has no "
            "binary for this machine, `conda install -c conda-forge xrootd`"
        ) from None
    with File() as file:
        _answer(address, file.open(address))
        there = _answer(address, file.stat()).size
        if size is None:
            size = there
        _check_size(address, there, size)
        for start in range(0, size, _XROOTD_BLOCK):
            wanted = min(_XROOTD_BLOCK, size - start)
            limit = int(SILENCE_S + wanted / SLOWEST_BYTES_PER_S)
            yield _answer(address, file.read(start, wanted, timeout=limit))


def _answer(address: str, answer: tuple[Any, Any]) -> Any:
    """Return what XRootD answers, or raise why it does not."""
    status, content = answer
    if status.ok:
        return content
    reason = " ".join(status.message.split())
    if status.code in _SILENCE:
        raise _dead(address, reason)
    if status.fatal:
        raise _dead(address, reason) from OSError(reason)
    raise RemoteError(f"{address} cannot be fetched ({reason}); is it there, and open to you?")


_XROOTD_BLOCK = 8 << 20
"""Bytes asked for at once: much, as a link may be long, and little enough for Ctrl-C."""
_SILENCE = {103, 206}  # XRootD's errSocketTimeout and errOperationExpired
_READERS: dict[str, Callable[[str, int | None], Iterator[bytes]]] = {
    "root": _over_xrootd,
    "roots": _over_xrootd,
    "http": _over_http,
    "https": _over_http,
}
