"""Memory of a worker: kept between chunks, and not more with every chunk."""

import gc
import platform
import subprocess
import sys
import textwrap
import weakref
from typing import Any

import pytest

from processors.schema import DiphotonSchema
from tools import executors
from tools.chunks import verify_part
from tools.executors.function import WorkFunction
from tools.executors.memory import clean
from tools.executors.work import part_of
from tools.manifest import Manifest


class Watching:
    """A processor that watches the arrays it was given."""

    def __init__(self) -> None:
        self.arrays: list[weakref.ref[Any]] = []

    def process(self, events: Any) -> dict[str, int]:
        self.arrays += [weakref.ref(events[name].layout.data) for name in events.fields]
        return {"x": len(events)}


def test_nothing_of_a_chunk_is_left_when_it_is_done(chunks: Manifest) -> None:
    """Circles of objects would keep the arrays until a collection of all generations."""
    processor = Watching()
    function = WorkFunction(processor, DiphotonSchema, columns=None)
    (item,) = executors.plan(chunks, ["signal_500"])
    gc.collect()
    gc.disable()
    try:
        assert function(item, verify_part(chunks.folder / part_of(item).path, part_of(item)))
        assert len(processor.arrays) == 14
        assert not any(array() is not None for array in processor.arrays)
    finally:
        gc.enable()


def test_garbage_collection_is_as_it_was_before() -> None:
    for enabled in (True, False):
        (gc.enable if enabled else gc.disable)()
        try:
            with clean():
                assert not gc.isenabled()
            assert gc.isenabled() == enabled
        finally:
            gc.enable()


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library keeps its rules")
def test_freed_memory_stays() -> None:
    """Ten arrays, made and freed: without it, the kernel hands out all of their pages again."""
    code = textwrap.dedent("""
        import resource
        import numpy as np
        from tools.executors.memory import keep_memory

        def faults():
            before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
            arrays = [np.ones(200_000) for _ in range(10)]
            return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

        faults()
        without = faults()
        keep_memory()
        faults()
        print(without, faults())
    """)
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    without, kept = map(int, out.stdout.split())
    assert kept < 100  # pages of 4 KiB, of 3900
    assert without > 1000
