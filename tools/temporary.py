"""Temporary folders that go with the process, however it ends."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

_GUARD = 'exec 3<&0; { read -r _ || { sleep 1; rm -rf -- "$1"; }; } <&3 &'
# Reads a line, or the end of its input: then we were killed. (Our workers end within the second.)
# In the background, as a child of nobody: a pool that kills a worker kills its children, too.


@contextmanager
def folder(prefix: str, *, inside: Path | None = None) -> Iterator[Path]:
    """Yield an empty folder, for this user alone, that is removed after the block.

    A shell removes it if this process is killed meanwhile.

    Parameters
    ----------
    prefix : str
        What its name starts with.
    inside : Path, optional
        The folder that it is made in; the system's temporary one (``TMPDIR``) unless given.
    """
    with TemporaryDirectory(prefix=prefix, dir=inside) as place, guarded(place):
        yield Path(place)


@contextmanager
def guarded(place: str) -> Iterator[None]:
    """Have a folder removed if this process is killed while the block runs."""
    guard = subprocess.Popen(  # noqa: S603 - the path is an argument, no code
        ["/bin/sh", "-c", _GUARD, "sh", place],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,  # so that no signal to our group reaches it
    )
    guard.wait()  # the shell is over at once; what it left in the background reads on
    try:
        yield
    finally:
        guard.communicate(b"\n")
