"""The engine ``dask``: batches on dask's workers, with results as they come.

coffea's own `DaskExecutor` is all or nothing: one chunk that fails ends the run without output.
Here every batch is a task of its own, and a few for each worker are on their way at any time; a
result is taken, added up and let go, so that memory does not grow with the run.

A worker that dies takes its tasks with it, and dask gives them to others. A batch whose workers die
again and again is taken apart, as in `local`, until it is known which chunk does it.
"""

from collections.abc import Callable, Generator, Iterator, Sequence
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any

from tools.errors import XyyError
from tools.executors.guarded import Output, failed
from tools.executors.local import DEATHS
from tools.executors.session import GoneError, Session
from tools.executors.work import Batch, batches

if TYPE_CHECKING:
    from coffea.processor.executor import WorkItem
    from distributed import Future

_PER_SLOT = 2
"""Tasks on their way for each one that is being done."""
_POLL_SECONDS = 0.5


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
    tasks = _Tasks(session, function)
    left = batches(items, session.slots)
    for attempt in range(2):
        if attempt:
            left = [(item,) for batch in left for item in batch]
        killed = []
        for batch, output in tasks.outputs(left):
            if isinstance(output, BaseException):
                killed.append(batch)
            else:
                yield batch, output
        left = killed
    deaths = 0
    for batch in left:  # one after the other: whoever kills its worker now is the one
        error: BaseException = XyyError(f"given up: {DEATHS} chunks could not be processed")
        if deaths < DEATHS:
            ((_, output),) = tasks.outputs([batch])
            if not isinstance(output, BaseException):
                yield batch, output
                continue
            deaths, error = deaths + 1, output
        yield batch, failed(batch, error)


class _Tasks:
    """Batches as dask's tasks."""

    def __init__(self, session: Session, function: bytes) -> None:
        self.session, self.client = session, session.client()
        self.function, (self.same, self.work) = function, _tasks()
        self.done: SimpleQueue[Future] = SimpleQueue()
        self.gone: GoneError | None = None

    def outputs(self, todo: Sequence[Batch]) -> Iterator[tuple[Batch, Output | XyyError]]:
        """Yield the output of every batch, or the error of one that could not be done.

        Once the scheduler or all workers are gone, whatever is left has failed for good.
        """
        from distributed.protocol.pickle import dumps

        waiting = list(reversed(todo))
        on_their_way: dict[Future, Batch] = {}
        try:
            # Not scattered: a worker that leaves would take it along, while a task is done again.
            code = self._submitted(self.same, self.function)
            while waiting or on_their_way:
                while waiting and len(on_their_way) < _PER_SLOT * self.session.slots + 1:
                    future = self._submitted(self.work, code, dumps(waiting[-1]))
                    future.add_done_callback(self.done.put)
                    on_their_way[future] = waiting.pop()
                future = self._next()
                output = self._output(future)
                yield on_their_way.pop(future), output
                future.release()
        except GoneError as error:
            self.gone = error
            for batch in [*on_their_way.values(), *reversed(waiting)]:
                yield batch, failed(batch, error)
        finally:
            for future in on_their_way:
                future.release()

    def _submitted(self, task: Callable[..., bytes], *arguments: Any) -> "Future":
        if self.gone is not None:
            raise self.gone
        try:
            return self.client.submit(task, *arguments, pure=False)
        except Exception as error:
            raise GoneError(f"the dask scheduler takes no tasks ({error})") from error

    def _next(self) -> "Future":
        """Return a task that is done, as soon as there is one."""
        while True:
            self.session.look()
            try:
                return self.done.get(timeout=_POLL_SECONDS)
            except Empty:
                continue

    def _output(self, future: "Future") -> Output | XyyError:
        """Return what a task brought, or why it could not be done."""
        from distributed import KilledWorker
        from distributed.protocol.pickle import loads

        if future.status == "cancelled":  # dask's word for all it had when the connection is lost
            if self.client.status != "running":
                raise GoneError("the dask scheduler is gone")
            return XyyError("dask gave it up")
        try:
            # One whose worker is lost just now may never come, and dask would wait for it.
            output: Output = loads(future.result(timeout=self.session.result_seconds))
        except KilledWorker:
            return XyyError("it killed its worker each time")
        except Exception as error:  # noqa: BLE001 - whatever it is, the ledger must list it
            return XyyError(f"{type(error).__name__}: {error}")
        return output


def _tasks() -> tuple[Callable[[bytes], bytes], Callable[[bytes, bytes], bytes]]:
    """Return the functions of dask's tasks.

    They are defined in here, as dask sends functions of a module by reference, whatever cloudpickle
    has been told. Batch and output travel as bytes, for the scheduler and dask's own worker have no
    need, and perhaps no means, to look into them.
    """

    def same(code: bytes) -> bytes:
        """Return what is given: a task that lets workers fetch it from each other."""
        return code

    def work(code: bytes, batch: bytes) -> bytes:
        """Process a batch on a worker, which unpacks the code once and keeps it for the next."""
        from distributed import get_worker
        from distributed.protocol.pickle import dumps, loads

        worker = get_worker()
        known = getattr(worker, "xyy_code", None)
        if known is None or known[0] != code:
            known = worker.xyy_code = code, loads(code)
        return bytes(dumps(known[1](loads(batch))))

    return same, work
