"""coffea's `Runner` over the plan, with an engine of ours: the one module that calls it."""

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from tools.executors.execution import Execution
from tools.executors.guarded import Guarded, Output, empty, merged
from tools.executors.ledger import Outcome, account
from tools.executors.local import in_pools, iterative
from tools.executors.work import Batch, batches

if TYPE_CHECKING:
    from coffea.processor.executor import WorkItem

Report = Callable[[int], None]
"""Called after every batch with the number of events done so far."""


def run(
    processor: Any,
    items: Sequence["WorkItem"],
    *,
    schema: Any,
    execution: Execution,
    report: Report = lambda _events: None,
) -> Outcome:
    """Process every item and account for it.

    Parameters
    ----------
    processor : coffea.processor.ProcessorABC
        Returns ``{sample: addable}``.
    items : sequence of WorkItem
        From `plan`.
    schema : type
        NanoEvents schema of the events.
    execution : Execution
    report : callable
        See `Report`.
    """
    from coffea.processor import Runner
    from uproot.source.file import MemmapSource

    collected = empty()
    if items:
        runner = Runner(_executor(execution, report, collected), schema=schema)
        runner.run(
            list(items), processor_instance=processor, uproot_options={"handler": MemmapSource}
        )
    ledger = account(items, collected["processed"], collected["failed"])
    return Outcome(outputs=collected["out"], ledger=ledger)


def _executor(execution: Execution, report: Report, collected: Output) -> Any:
    """Return a coffea executor that adds everything up in `collected`."""
    from coffea.processor.executor import ExecutorBase

    class Executor(ExecutorBase):  # type: ignore[misc] # coffea is untyped
        def __call__(self, items: Any, function: Any, _accumulator: Any) -> tuple[Any, int]:
            done = 0
            for batch, output in _outputs(execution, list(items), Guarded(function)):
                merged([output], collected)
                done += sum(map(len, batch))
                report(done)
            return {"out": {}, "processed": set()}, 0

    return Executor()


def _outputs(
    execution: Execution, items: Sequence["WorkItem"], function: Guarded
) -> Iterator[tuple[Batch, Output]]:
    if execution.engine == "futures":
        return in_pools(batches(items, execution.workers), function, execution.workers)
    return iterative(batches(items, 1), function)
