"""One function in several processes: results as they come, and all ends with the first failure.

Meant for work that can simply be done again: nothing is retried here, and nothing goes on after the
caller has stopped, failed or been killed. (Chunks that a processor cannot read are another matter:
`tools.executors` lists them and goes on.)
"""

import os
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

from tools.ending import held
from tools.errors import XyyError

ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
"""For libraries of linear algebra: our matrices are small, their threads wait for each other."""
WORKER_ENVIRONMENT = {
    # So that a user's file with a library's name (`random.py`) is not imported in a worker.
    "PYTHONSAFEPATH": "1",
    **ONE_THREAD,
}
"""Of every process that works for us."""

Task = TypeVar("Task")
Result = TypeVar("Result")
_LOOK_SECONDS = 0.5
"""How often a worker looks whether its parent is still there."""


def cores() -> int:
    """Return how many processes can work at once here (a container may allow less than it has)."""
    import loky

    return int(loky.cpu_count())


def completed(
    function: Callable[[Task], Result],
    tasks: Sequence[Task],
    workers: int,
    *,
    what: str,
) -> Iterator[tuple[Task, Result]]:
    """Yield tasks with their results, in the order in which they are done.

    Parameters
    ----------
    function : callable
        Of one task; sent to the workers, so defined at the top of a module.
    tasks : sequence
        Each different from the others.
    workers : int
        Processes. With one, all is done in this process.
    what : str
        What is being done, for the message if a worker dies.

    Raises
    ------
    XyyError
        If a worker dies; whatever `function` raises.
    """
    if workers == 1:
        for task in tasks:
            yield task, function(task)
        return
    try:
        with processes(min(workers, len(tasks))) as pool:
            futures = {pool.submit(function, task): task for task in tasks}
            for future in as_completed(list(futures)):
                yield futures.pop(future), future.result()
    except BrokenProcessPool:
        raise XyyError(
            f"{what}: a worker died (killed, or not enough memory for {workers} workers); run it "
            "again, perhaps with fewer --workers"
        ) from None


def one_by_one(
    function: Callable[[Task], Result], tasks: Sequence[Task]
) -> Iterator[tuple[Task, Result | None]]:
    """Yield tasks with their results, in order; None where the task ended its process.

    They are done in one process beside this one; after one that ended it, in another.

    Parameters
    ----------
    function : callable
        Of one task; sent to the process, so defined at the top of a module.
    tasks : sequence
    """
    left = list(tasks)
    while left:
        with processes(1) as pool:
            while left:
                task = left.pop(0)
                try:
                    result = pool.submit(function, task).result()
                except BrokenProcessPool:
                    yield task, None
                    break
                yield task, result


def survived(
    function: Callable[[Task], Result], tasks: Sequence[Task], workers: int
) -> Iterator[tuple[int, Result | None]]:
    """Yield the numbers of tasks with their results as they come; None where one ended its process.

    Parameters
    ----------
    function, tasks
        As for `one_by_one`.
    workers : int
        Processes.
    """
    left = dict(enumerate(tasks))
    if workers > 1 and len(tasks) > 1:
        with suppress(BrokenProcessPool), processes(min(workers, len(tasks))) as pool:
            futures = {pool.submit(function, task): number for number, task in left.items()}
            for future in as_completed(list(futures)):
                result = future.result()
                del left[number := futures.pop(future)]
                yield number, result
    # It is not known which one ended a process: it will do so again when it is alone.
    numbers = iter(list(left))
    for _, alone in one_by_one(function, list(left.values())):
        yield next(numbers), alone


@contextmanager
def processes(workers: int, environment: Mapping[str, str] = WORKER_ENVIRONMENT) -> Iterator[Any]:
    """Yield a pool (`concurrent.futures.Executor`) of processes that are killed after the block.

    Parameters
    ----------
    workers : int
        How many.
    environment : mapping of str to str
        What variables they have beside ours.
    """
    from loky import ProcessPoolExecutor

    # A process that grew is replaced: no news, and told in a thread that must not fail.
    warnings.filterwarnings("ignore", message="A worker was restarted", category=UserWarning)
    with held():
        pool = ProcessPoolExecutor(
            workers, initializer=follow, initargs=(os.getpid(),), env=dict(environment)
        )
        pool.submit(os.getpid)  # they are started with the first task: now
    try:
        yield pool
    finally:
        pool.shutdown(wait=True, kill_workers=True)


def follow(parent: int) -> None:
    """Begin a worker: let it end if its parent was killed.

    Parameters
    ----------
    parent : int
        The parent's process id.
    """
    threading.Thread(target=_end_without, args=(parent,), daemon=True).start()


def _end_without(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_LOOK_SECONDS)
    os._exit(1)
