"""A chunk that is in memory, for uproot: the bytes that were checked are the bytes that are used.

A chunk is read once, by plain reads, which report a bad disk as an error (a memory map kills the
process). From there on uproot cuts its baskets out of that memory without a copy.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from uproot.source.chunk import Chunk, Source
from uproot.source.futures import TrivialFuture

if TYPE_CHECKING:
    from queue import Queue


_held: dict[str, bytes] = {}  # uproot takes a class and a name, so the bytes go this way


@contextmanager
def held(name: str, content: bytes) -> Iterator[None]:
    """Let ``uproot.open(name, handler=MemorySource)`` find `content` inside the block."""
    _held[name] = content
    try:
        yield
    finally:
        _held.pop(name, None)


class MemorySource(Source):  # type: ignore[misc] # uproot is untyped
    """Where uproot gets the bytes of a file that is `held`.

    Parameters
    ----------
    file_path : str
    options
        uproot's; there is nothing to choose.
    """

    def __init__(self, file_path: str, **_options: Any) -> None:
        self._file_path = file_path
        self._content = np.frombuffer(_held[file_path], np.uint8)
        self._num_requests = self._num_requested_chunks = self._num_requested_bytes = 0

    def chunk(self, start: int, stop: int) -> Chunk:
        """Return some of the bytes."""
        return Chunk(self, start, stop, TrivialFuture(self._content[start:stop]))

    def chunks(self, ranges: list[tuple[int, int]], notifications: "Queue[Chunk]") -> list[Chunk]:
        """Return several pieces, and announce them."""
        chunks = [self.chunk(start, stop) for start, stop in ranges]
        for chunk in chunks:
            notifications.put(chunk)
        return chunks

    @property
    def num_bytes(self) -> int:
        """Size of the file."""
        return len(self._content)

    @property
    def closed(self) -> bool:
        """Memory is never closed."""
        return False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        """Do nothing."""
