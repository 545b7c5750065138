"""Memory that stays with the process, and does not grow: half of the time of a light job.

glibc gives large arrays back to the kernel at each free, and at the next allocation the kernel
hands out pages again, one by one and zeroed. That takes longer than a selection does. The
thresholds of ``mallopt(3)`` say from which size on; they can be changed while a process runs, so
nobody has to start workers in a special way.

What stays must be used again. uproot's objects refer to each other in circles, and to the bytes and
arrays of a chunk: without a garbage collection they pile up, 40 MB with every chunk.
"""

import ctypes
import gc
from collections.abc import Iterator
from contextlib import contextmanager

_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_THRESHOLD = -1, -2, -3  # malloc.h
_LARGEST = (1 << 31) - 1


def keep_memory() -> None:
    """Let this process keep the memory that it frees, if its C library is glibc.

    It then holds the most that it ever used at once.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return
    mallopt(_M_MMAP_THRESHOLD, 1 << 30)
    mallopt(_M_TRIM_THRESHOLD, _LARGEST)
    mallopt(_M_TOP_PAD, 1 << 28)  # more than a heap of a thread (64 MiB), which goes otherwise


@contextmanager
def clean() -> Iterator[None]:
    """Collect the garbage of the block at its end, while it is young: that takes 0.3 ms."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
        gc.collect(0)
