"""One function of many tasks on any engine: results as they come, and all ends with a failure.

Meant for work of which the caller keeps what is finished. What is lost with a worker of dask is
done again; a function that fails is not. (Chunks that a processor cannot read are another matter:
`runner` lists them and goes on.)
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from tools import pool
from tools.errors import XyyError
from tools.executors.dask_tasks import DaskTasks, LostError
from tools.executors.session import GoneError, Session
from tools.executors.shipping import packed

Task = TypeVar("Task")
Result = TypeVar("Result")
_ATTEMPTS = 3
"""A task that is lost so often is the one that kills workers, and not one that was beside it."""


def completed(
    function: Callable[[Task], Result],
    tasks: Sequence[Task],
    session: Session,
    *,
    what: str,
    classes: Sequence[type] = (),
) -> Iterator[tuple[Task, Result]]:
    """Yield tasks with their results, in the order in which they are done.

    Parameters
    ----------
    function : callable
        Of one task. For dask what is ours is imported at the top of its modules (see `shipping`).
    tasks : sequence
        Each different from the others.
    session : Session
        Which engine, and dask's workers; one that has been entered.
    what : str
        What is being done, for the message of a failure.
    classes : sequence of type
        One of each package whose code is sent to dask's workers.

    Raises
    ------
    XyyError
        If a task cannot be done, or on dask if `function` fails; elsewhere whatever it raises.
    """
    execution = session.execution
    if not tasks:
        return
    if execution.engine != "dask":
        workers = 1 if execution.engine == "iterative" else min(execution.workers, len(tasks))
        yield from pool.completed(function, tasks, workers, what=what)
        return
    there: DaskTasks[int, Result] = DaskTasks(session, packed(_Numbered(function, tasks), *classes))
    todo = list(range(len(tasks)))
    for attempt in range(1, _ATTEMPTS + 1):
        left, todo = todo, []
        for number, output in there.outputs(left):
            if isinstance(output, LostError) and attempt < _ATTEMPTS:
                todo.append(number)
            elif isinstance(output, LostError | GoneError):
                raise XyyError(f"{what}: {output}; what was finished is kept: run it again")
            elif isinstance(output, XyyError):
                raise XyyError(f"{what}: {output}") from output.__cause__
            else:
                yield tasks[number], output
        if not todo:
            return


def survived(
    function: Callable[[Task], Result],
    tasks: Sequence[Task],
    session: Session,
    *,
    what: str,
    classes: Sequence[type] = (),
) -> Iterator[tuple[int, Result | None]]:
    """Yield the numbers of tasks with their results; None where one ended its process.

    Parameters
    ----------
    function, tasks, session, what, classes
        As for `completed`; here the function is to raise nothing.

    Raises
    ------
    XyyError
        If dask's workers are gone.
    """
    execution = session.execution
    if execution.engine != "dask":
        workers = 1 if execution.engine == "iterative" else execution.workers
        yield from pool.survived(function, tasks, workers)
        return
    there: DaskTasks[int, Result] = DaskTasks(session, packed(_Numbered(function, tasks), *classes))
    lost = []
    for number, output in there.outputs(range(len(tasks))):
        if isinstance(output, LostError):
            lost.append(number)
        else:
            yield number, _there(output, what)
    # It is not known which one ended a worker: it will do so again when it is alone.
    for number in lost:
        ((_, output),) = there.outputs([number])
        yield number, None if isinstance(output, LostError) else _there(output, what)


def _there(output: Result | XyyError, what: str) -> Result:
    """Return the output of a task, or raise why there is none."""
    if isinstance(output, XyyError):
        raise XyyError(f"{what}: {output}; what was finished is kept: run it again")
    return output


@dataclass(frozen=True, slots=True)
class _Numbered(Generic[Task, Result]):
    """A function and its tasks: they travel together, or a task would be of another class there."""

    function: Callable[[Task], Result]
    tasks: Sequence[Task]

    def __call__(self, number: int) -> Result:
        return self.function(self.tasks[number])
