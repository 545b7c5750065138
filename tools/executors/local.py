"""Engines on this machine: ``iterative`` in this process, ``futures`` in a pool of processes."""

from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress

from tools.errors import XyyError
from tools.executors.guarded import Guarded, Output, failed
from tools.executors.work import Batch
from tools.pool import processes

DEATHS = 10
"""Chunks that killed their worker twice, after which the pools are given up."""


def iterative(batches: Sequence[Batch], function: Guarded) -> Generator[tuple[Batch, Output]]:
    """Yield the output of every batch."""
    for batch in batches:
        yield batch, function(batch)


def in_pools(
    batches: Sequence[Batch], function: Guarded, workers: int
) -> Generator[tuple[Batch, Output]]:
    """Yield outputs as they come; a pool whose worker died is replaced.

    It is not known which batch killed the worker, so what is left goes on chunk by chunk, and if
    that fails again, one chunk after the other: whoever kills its worker then is the one.
    """
    left = list(batches)
    for attempt in range(2):
        if attempt:
            left = [(item,) for batch in left for item in batch]
        done = set()
        for batch, output in _in_pool(left, function, workers):
            done.add(batch)
            yield batch, output
        left = [batch for batch in left if batch not in done]
    yield from _alone(left, function)


def _alone(batches: Sequence[Batch], function: Guarded) -> Iterator[tuple[Batch, Output]]:
    """Yield the output of every batch, each in a process of its own."""
    deaths = 0
    for batch in batches:
        if deaths == DEATHS:
            yield batch, failed(batch, XyyError(f"given up: {DEATHS} chunks killed their workers"))
            continue
        result = next(_in_pool([batch], function, 1), None)
        deaths += result is None
        yield result or (batch, failed(batch, XyyError("it killed its worker each time")))


def _in_pool(
    batches: Sequence[Batch], function: Guarded, workers: int
) -> Iterator[tuple[Batch, Output]]:
    """Yield outputs as they come, until all are there or a worker died."""
    with suppress(BrokenProcessPool), processes(workers) as pool:
        futures = {pool.submit(function, batch): batch for batch in batches}
        for future in as_completed(list(futures)):
            yield futures.pop(future), future.result()
