"""The engine ``dask``: batches on dask's workers, with results as they come.

coffea's own `DaskExecutor` is all or nothing: one chunk that fails ends the run without output.
Here every batch is a task of its own (`dask_tasks`). One whose workers die again and again is taken
apart, as in `local`, until it is known which chunk does it.
"""

from collections.abc import Generator, Sequence
from typing import TYPE_CHECKING

from tools.errors import XyyError
from tools.executors.dask_tasks import DaskTasks
from tools.executors.guarded import Output, failed
from tools.executors.local import DEATHS
from tools.executors.session import GoneError, Session
from tools.executors.work import Batch, batches

if TYPE_CHECKING:
    from coffea.processor.executor import WorkItem


def in_dask(
    items: Sequence["WorkItem"], function: bytes, session: Session
) -> Generator[tuple[Batch, Output]]:
    """Yield outputs of batches as they come; what cannot be done is yielded as failed.

    Parameters
    ----------
    items : sequence of WorkItem
    function : bytes
        Of a batch, packed with its code (see `shipping`).
    session : Session

    Raises
    ------
    XyyError
        If there are no workers to begin with.
    """
    tasks: DaskTasks[Batch, Output] = DaskTasks(session, function)
    left = batches(items, session.slots)
    for attempt in range(2):
        if attempt:
            left = [(item,) for batch in left for item in batch]
        killed = []
        for batch, output in tasks.outputs(left):
            if isinstance(output, GoneError):
                yield batch, failed(batch, output)
            elif isinstance(output, XyyError):
                killed.append(batch)
            else:
                yield batch, output
        left = killed
    deaths = 0
    for batch in left:  # one after the other: whoever kills its worker now is the one
        error: BaseException = XyyError(f"given up: {DEATHS} chunks could not be processed")
        if deaths < DEATHS:
            ((_, output),) = tasks.outputs([batch])
            if not isinstance(output, XyyError):
                yield batch, output
                continue
            deaths, error = deaths + (not isinstance(output, GoneError)), output
        yield batch, failed(batch, error)
