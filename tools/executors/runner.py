"""The plan through an engine: every output added up, every event accounted for."""

from collections.abc import Callable, Generator, Sequence
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING, Any

from tools.executors.checkpoints import Checkpoints
from tools.executors.execution import Execution
from tools.executors.function import WorkFunction
from tools.executors.guarded import Guarded, Output, empty, merged
from tools.executors.in_dask import in_dask
from tools.executors.ledger import Outcome, account
from tools.executors.local import in_pools, iterative
from tools.executors.session import Session
from tools.executors.shipping import packed
from tools.executors.work import Batch, batches

if TYPE_CHECKING:
    from coffea.processor.executor import WorkItem

Report = Callable[[int], None]
"""Called after every batch with the number of events processed so far, lost ones not among them."""


def run(
    processor: Any,
    items: Sequence["WorkItem"],
    *,
    schema: Any,
    execution: Execution,
    columns: Sequence[str] | None = None,
    report: Report = lambda _events: None,
    checkpoints: Checkpoints | None = None,
    session: Session | None = None,
) -> Outcome:
    """Process every item and account for it.

    Parameters
    ----------
    processor : coffea.processor.ProcessorABC
        Returns ``{sample: addable}``.
    items : sequence of WorkItem
        From `plan`.
    schema : type
        NanoEvents schema of the events, with a method ``events(columns, metadata)``.
    execution : Execution
    columns : sequence of str, optional
        What is read of every event; all unless given.
    report : callable
        See `Report`.
    checkpoints : Checkpoints, optional
        Nothing is kept or resumed unless given.
    session : Session, optional
        Dask's workers, if they are to stay for another run.

    Raises
    ------
    XyyError
        If there are no workers to begin with.
    """
    collected, done = empty(), 0
    function = Guarded(WorkFunction(processor, schema, columns), checkpoints)
    with ExitStack() as stack:
        if execution.engine == "dask" and items:
            workers = session or stack.enter_context(Session(execution))
            outputs = in_dask(items, packed(function, type(processor), schema), workers)
        else:  # processes of this machine import what we import
            outputs = _outputs(execution, items, function)
        for _, output in stack.enter_context(closing(outputs)):
            merged([output], collected)
            done += sum(map(len, output["processed"]))
            report(done)
    return Outcome(
        outputs=collected["out"],
        ledger=account(items, collected["processed"], collected["failed"]),
        resumed_events=collected["resumed"],
        notes=tuple(sorted(collected["notes"])),
    )


def _outputs(
    execution: Execution, items: Sequence["WorkItem"], function: Guarded
) -> Generator[tuple[Batch, Output]]:
    if execution.engine == "futures":
        return in_pools(batches(items, execution.workers), function, execution.workers)
    return iterative(batches(items, 1), function)
