"""Chunks on other machines: fetched whole, once, then checked and read like local ones.

A part in a manifest may be an address instead of a path: ``root://host:port//path`` (XRootD),
``http://`` or ``https://``. Its chunk is copied to a private temporary folder, which is removed
after use. Reading only the wanted columns over the network would save some of the bytes, but the
checksum of a chunk is that of all of it, and nothing is used unverified; and a server without byte
ranges, with which column-wise reading fails in confusing ways, serves whole files as well as any.

No server can hold up a run: one that does not answer, stops in the middle or only drips is given up
within a time limit, and when it has only failed for some seconds, its other chunks fail at once.
Whatever fails is told with the address, and ends in the ledger. (What may pass has an OSError as
its cause, or is a `DamagedChunkError`: `tools.executors.guarded` tries it again.) The user's own
settings of XRootD (``XRD_REQUESTTIMEOUT`` and so on) win over the limits here.
"""

import contextlib
import math
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from http import HTTPStatus
from http.client import HTTPException
from pathlib import Path
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
    """A chunk could not be fetched."""


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
    if part.partition("://")[0] not in _COPIERS:
        known = ", ".join(f"{scheme}://" for scheme in _COPIERS)
        raise InputError(f"the manifest in {folder} names {part}; addresses start with {known}")
    return part


@contextlib.contextmanager
def local_copy(place: str, size: int) -> Iterator[Path]:
    """Yield a local path to a chunk: its own, or of a copy that is removed after the block.

    Parameters
    ----------
    place : str
        From `located`.
    size : int
        What the manifest says, in bytes. A copy has this size; its checksum is not compared.

    Raises
    ------
    RemoteError
        If it cannot be fetched.
    DamagedChunkError
        If it comes with another size.
    """
    if not is_address(place):
        yield Path(place)
        return
    with tempfile.TemporaryDirectory(prefix="xyy-") as folder:
        copy = Path(folder) / "part.root"
        _fetch(place, copy, size)
        if (got := copy.stat().st_size) != size:
            raise DamagedChunkError(
                f"{place} came with {got:,} bytes where the manifest says {size:,}: cut off on its "
                "way, or another file; run again, or put the right file there"
            )
        yield copy


_failing: dict[str, tuple[float, float]] = {}
# By server: when its failures began and when the last one ended. Of this process, like a cache:
# a dead server costs a worker its time limit about once, not for each of thousands of chunks.


def _fetch(address: str, target: Path, size: int) -> None:
    """Copy what is at `address` to `target`, unless its server is known to be dead."""
    parts = urlsplit(address)
    server = f"{parts.scheme}://{parts.netloc}"
    start = time.monotonic()
    since, last = _failing.get(server, (start, -math.inf))
    if last - since >= PATIENCE_S and start < last + PAUSE_S:
        raise DeadServerError(f"{address} was not tried, as {server} does not answer; is it up?")
    _failing.pop(server, None)
    try:
        _COPIERS[parts.scheme](address, target, SILENCE_S + size / SLOWEST_BYTES_PER_S)
    except DeadServerError:
        _failing[server] = (since, time.monotonic())
        raise


def _dead(address: str, reason: object) -> DeadServerError:
    return DeadServerError(
        f"{address} cannot be fetched: no answer from its server ({reason}); is it up?"
    )


def _over_http(address: str, target: Path, limit_s: float) -> None:
    try:
        with target.open("wb") as copy:
            for block in _http_blocks(address, limit_s):
                copy.write(block)
    except OSError as error:
        raise RemoteError(
            f"{address} cannot be copied to {target.parent} ({error.strerror or error}); "
            "free space there, or name another folder in TMPDIR"
        ) from None


def _http_blocks(address: str, limit_s: float) -> Iterator[bytes]:
    give_up = time.monotonic() + limit_s
    try:
        with urlopen(address, timeout=SILENCE_S) as response:  # noqa: S310 - http or https, see _COPIERS
            while block := response.read1(1 << 20):
                yield block
                if time.monotonic() > give_up:
                    raise _dead(address, f"slower than {SLOWEST_BYTES_PER_S // 1000} kB/s")
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


def _over_xrootd(address: str, target: Path, limit_s: float) -> None:
    for name, value in XROOTD_LIMITS.items():
        os.environ.setdefault(name, value)
    try:
        from XRootD.client import CopyProcess
    except ModuleNotFoundError:
        raise RemoteError(
            f"{address} needs the package xrootd: `pip install xrootd`, or, where that has no "
            "binary for this machine, `conda install -c conda-forge xrootd`"
        ) from None
    process = CopyProcess()  # as xrdcp: it asks for several blocks at once
    process.add_job(address, str(target), cptimeout=int(limit_s))
    status = process.prepare()
    if status.ok:
        status, _results = process.run()
    if status.ok:
        return
    reason = " ".join(status.message.split())
    if status.code in _SILENCE:
        raise _dead(address, reason)
    if status.fatal:
        raise _dead(address, reason) from OSError(reason)
    raise RemoteError(f"{address} cannot be fetched ({reason}); is it there, and open to you?")


_SILENCE = {103, 206}  # XRootD's errSocketTimeout and errOperationExpired
_COPIERS: dict[str, Callable[[str, Path, float], None]] = {
    "root": _over_xrootd,
    "roots": _over_xrootd,
    "http": _over_http,
    "https": _over_http,
}
