"""Files that are whole or not there.

Every product is written to a temporary name in its own folder, flushed to the disk and renamed: a
reader, or the next run after a crash, sees the old file or the new one and never a half.
"""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from tools.errors import XyyError


@contextlib.contextmanager
def atomic(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; rename it to `path` if the block succeeds.

    Parameters
    ----------
    path : Path
        The file to be written. Its folder is made if need be.

    Yields
    ------
    Path
        Where to write. On any exception it is removed, and `path` stays as it was.

    Raises
    ------
    XyyError
        If the disk is full or the folder cannot be written.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        with temporary.open("rb") as written:
            os.fsync(written.fileno())
        temporary.replace(path)
    except OSError as error:
        raise XyyError(
            f"cannot write {path}: {error.strerror or error}; free space or choose another folder"
        ) from error
    finally:
        temporary.unlink(missing_ok=True)


def write_bytes(path: Path, content: bytes) -> None:
    """Write `content` to `path`, whole or not at all."""
    with atomic(path) as temporary:
        temporary.write_bytes(content)
