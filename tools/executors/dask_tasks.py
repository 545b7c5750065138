"""Tasks of one function on dask's workers, with results as they come.

A few tasks for each worker are on their way at any time; a result is taken and let go, so that
memory does not grow with the run. A worker that dies takes its tasks with it; on a batch system,
where that happens, dask gives them to others a few times, and then they are lost.
"""

from collections.abc import Callable, Iterator, Sequence
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from tools.errors import XyyError
from tools.executors.session import GoneError, Session

if TYPE_CHECKING:
    from distributed import Future

Task = TypeVar("Task")
Result = TypeVar("Result")
_PER_SLOT = 2
"""Tasks on their way for each one that is being done."""
_POLL_SECONDS = 0.5


class LostError(XyyError):
    """A task never came back: perhaps its worker died of it, perhaps just with it."""


class DaskTasks(Generic[Task, Result]):
    """A function, sent to the workers of a session.

    Parameters
    ----------
    session : Session
    function : bytes
        Of a task, packed with its code (see `shipping`).

    Raises
    ------
    XyyError
        If there are no workers to begin with.
    """

    def __init__(self, session: Session, function: bytes) -> None:
        self.session, self.client = session, session.client()
        self.function, (self.same, self.work) = function, _functions()
        self.done: SimpleQueue[Future] = SimpleQueue()
        self.gone: GoneError | None = None

    def outputs(self, todo: Sequence[Task]) -> Iterator[tuple[Task, Result | XyyError]]:
        """Yield the result of every task, or the error of one that could not be done.

        That is a `LostError` for one that never came back, and a `GoneError`, once the scheduler or
        all workers are gone, for whatever is left; else the function has failed, and its own error
        is the cause.
        """
        from distributed.protocol.pickle import dumps

        waiting = list(reversed(todo))
        on_their_way: dict[Future, Task] = {}
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
            for task in [*on_their_way.values(), *reversed(waiting)]:
                yield task, error
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

    def _output(self, future: "Future") -> Result | XyyError:
        """Return what a task brought, or why it could not be done."""
        from distributed import KilledWorker
        from distributed.protocol.pickle import loads

        if future.status == "cancelled":  # dask's word for all it had when the connection is lost
            if self.client.status != "running":
                raise GoneError("the dask scheduler is gone")
            return LostError("dask gave it up")
        try:
            # One whose worker is lost just now may never come, and dask would wait for it.
            output: Result = loads(future.result(timeout=self.session.result_seconds))
        except KilledWorker:
            return LostError("it killed its worker each time")
        except TimeoutError:
            return LostError("its result did not come")
        except Exception as error:  # noqa: BLE001 - whatever it is, it must be told
            failed = XyyError(f"{type(error).__name__}: {error}")
            failed.__cause__ = error
            return failed
        return output


def _functions() -> tuple[Callable[[bytes], bytes], Callable[[bytes, bytes], bytes]]:
    """Return the functions of dask's tasks.

    They are defined in here, as dask sends functions of a module by reference, whatever cloudpickle
    has been told. Task and result travel as bytes, for the scheduler and dask's own worker have no
    need, and perhaps no means, to look into them.
    """

    def same(code: bytes) -> bytes:
        """Return what is given: a task that lets workers fetch it from each other."""
        return code

    def work(code: bytes, task: bytes) -> bytes:
        """Do a task on a worker, which unpacks the code once and keeps it for the next."""
        import copyreg
        import dataclasses

        from distributed import get_worker
        from distributed.protocol.pickle import dumps, loads

        worker = get_worker()
        known = getattr(worker, "xyy_code", None)
        if known is None or known[0] != code:
            known = worker.xyy_code = code, loads(code)
            # Results bring their classes along, and overwrite those here, fields without a default
            # included: what stands for it has to be the one that `dataclasses` knows.
            copyreg.pickle(type(dataclasses.MISSING), lambda _missing: "MISSING")
        return bytes(dumps(known[1](loads(task))))

    return same, work
