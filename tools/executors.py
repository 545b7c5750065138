"""Running a coffea processor over chunks: the one module that calls coffea's `Runner`.

What coffea leaves to its users and the search cannot do without:

- the plan comes from the manifest, not from opening files, which would lose the unreadable ones;
- a chunk's bytes are checked against the manifest before they are used: a flipped bit in compressed
  data mostly reads on with wrong values;
- a chunk that fails is *listed*, with its file, entries and cause, and the rest goes on; coffea's
  executors stop at the first failure or skip it with a warning;
- what was processed is compared with the plan: the ledger.

The work function that `Runner` builds is wrapped for the first three (`Guarded`), whichever engine
calls it. Engines: ``iterative`` in this process, ``futures`` in a pool of processes (loky).
"""

import signal
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from tools.chunks import TREE, verify_part
from tools.errors import InputError, XyyError
from tools.manifest import Manifest, Part

if TYPE_CHECKING:
    from coffea.processor.executor import WorkItem

Engine = Literal["iterative", "futures"]
Report = Callable[[int], None]
Output = dict[str, Any]

WORKER_ENVIRONMENT = {"PYTHONSAFEPATH": "1"}
"""So that a user's own `tools/` folder cannot shadow ours in a worker."""
POOLS = 3
"""A pool that lost a worker is replaced, so often at most."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A range of events that could not be processed."""

    file: str
    entry_start: int
    entry_stop: int
    error: str


@dataclass(frozen=True, slots=True)
class SampleLedger:
    """What was planned and what was done, for one sample."""

    planned_events: int
    processed_events: int
    failed: tuple[Failure, ...]

    @property
    def complete(self) -> bool:
        """Whether every planned event was processed."""
        return self.processed_events == self.planned_events

    def document(self) -> dict[str, Any]:
        """Return the entry of ``ledger.json``."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run over chunks brings back."""

    outputs: dict[str, Any]
    """what the processor returned, by sample; nothing for a sample that failed altogether"""
    ledger: dict[str, SampleLedger]


def plan(
    manifest: Manifest, samples: Sequence[str], *, chunk_events: int | None = None
) -> list["WorkItem"]:
    """Return the work items that cover every event of `samples` once.

    Parameters
    ----------
    manifest : Manifest
    samples : sequence of str
        Names of samples in the manifest.
    chunk_events : int, optional
        Events in an item at most; a whole chunk file unless given.

    Raises
    ------
    InputError
        If `chunk_events` is not positive or a sample is not in the manifest.
    """
    from coffea.processor.executor import WorkItem

    if chunk_events is not None and chunk_events < 1:
        raise InputError(f"--chunk-events must be 1 or more, not {chunk_events}")
    items = []
    for name in samples:
        if name not in manifest.samples:
            known = ", ".join(manifest.samples)
            raise InputError(f"{manifest.folder} has no sample {name!r}; it holds: {known}")
        chunks, first_entry = manifest.samples[name], 0
        for part in chunks.parts:
            about = {"kind": chunks.kind, "first_entry": first_entry, "part": asdict(part)}
            path = str((manifest.folder / part.path).resolve())
            items += [
                WorkItem(name, path, TREE, start, stop, b"", about)
                for start, stop in _ranges(part.entries, chunk_events)
            ]
            first_entry += part.entries
    return items


def _ranges(entries: int, chunk_events: int | None) -> Iterator[tuple[int, int]]:
    step = chunk_events or max(entries, 1)
    for start in range(0, entries, step):
        yield start, min(start + step, entries)


def run(
    processor: Any,
    items: Sequence["WorkItem"],
    *,
    schema: Any,
    engine: str = "iterative",
    workers: int = 1,
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
    engine : {"iterative", "futures"}
    workers : int
        Processes of the ``futures`` engine.
    report : callable
        Called after every item with the number of events done so far.

    Raises
    ------
    InputError
        If the engine is unknown or `workers` not positive.
    """
    from coffea.processor import Runner

    if engine not in get_args(Engine):
        raise InputError(f"--executor {engine}: known are {', '.join(get_args(Engine))}")
    if workers < 1:
        raise InputError(f"--workers must be 1 or more, not {workers}")
    executor = _executor(engine, workers, report)
    merged: Output = {"out": {}, "processed": set(), "failed": set()}
    if items:
        runner = Runner(executor, schema=schema)
        merged |= runner.run(list(items), processor_instance=processor)
    return Outcome(outputs=merged["out"], ledger=_account(items, merged))


def _account(items: Iterable["WorkItem"], merged: Output) -> dict[str, SampleLedger]:
    planned: dict[str, int] = {}
    for item in items:
        planned[item.dataset] = planned.get(item.dataset, 0) + len(item)
    return {
        name: SampleLedger(
            planned_events=events,
            processed_events=sum(len(i) for i in merged["processed"] if i.dataset == name),
            failed=tuple(
                sorted(
                    (Failure(*what) for sample, *what in merged["failed"] if sample == name),
                    key=lambda failure: (failure.file, failure.entry_start),
                )
            ),
        )
        for name, events in planned.items()
    }


class Guarded:
    """A work function that checks its chunk first and returns a failure instead of raising it."""

    def __init__(self, function: Callable[["WorkItem"], Output]) -> None:
        self.function = function

    def __call__(self, item: "WorkItem") -> Output:
        """Return the work function's output, or the description of the failure."""
        try:
            part = (item.usermeta or {})["part"]
            verify_part(Path(item.filename), Part(**{**part, "clusters": tuple(part["clusters"])}))
            return self.function(item)
        except Exception as error:  # noqa: BLE001 - whatever it is, the ledger must list it
            return failed(item, error)


def failed(item: "WorkItem", error: BaseException) -> Output:
    """Return the output of an item that could not be processed."""
    cause = error
    while cause.__cause__ is not None:  # coffea buries the cause in a chain of exceptions
        cause = cause.__cause__
    text = str(cause) if isinstance(cause, XyyError) else f"{type(cause).__name__}: {cause}"
    where = (item.dataset, item.filename, item.entrystart, item.entrystop)
    return {"out": {}, "processed": set(), "failed": {(*where, " ".join(text.split()))}}


def _executor(engine: str, workers: int, report: Report) -> Any:
    from coffea.processor.executor import ExecutorBase

    class Iterative(ExecutorBase):  # type: ignore[misc]
        def __call__(self, items: Any, function: Any, accumulator: Any) -> tuple[Any, int]:
            guarded = Guarded(function)
            return _merge(((item, guarded(item)) for item in items), accumulator, report), 0

    class Futures(ExecutorBase):  # type: ignore[misc]
        def __call__(self, items: Any, function: Any, accumulator: Any) -> tuple[Any, int]:
            return _merge(_in_pools(items, Guarded(function), workers), accumulator, report), 0

    return {"iterative": Iterative, "futures": Futures}[engine]()


def _merge(
    results: Iterable[tuple["WorkItem", Output]], accumulator: Output | None, report: Report
) -> Output | None:
    from coffea.processor import accumulate

    done = 0
    for item, output in results:
        accumulator = accumulate([output], accumulator)
        done += len(item)
        report(done)
    return accumulator


def _in_pools(
    items: Sequence["WorkItem"], function: Guarded, workers: int
) -> Iterator[tuple["WorkItem", Output]]:
    """Yield results as they come; a pool whose worker died is replaced and goes on."""
    left = dict.fromkeys(items)
    for _ in range(POOLS):
        for item, output in _in_pool(list(left), function, workers):
            del left[item]
            yield item, output
        if not left:
            return
    for item in left:
        yield item, failed(item, XyyError(f"its worker died in each of {POOLS} attempts"))


def _in_pool(
    items: Sequence["WorkItem"], function: Guarded, workers: int
) -> Iterator[tuple["WorkItem", Output]]:
    from loky import ProcessPoolExecutor

    pool = ProcessPoolExecutor(workers, initializer=_ignore_interrupt, env=WORKER_ENVIRONMENT)
    try:
        futures = {pool.submit(function, item): item for item in items}
        for future in as_completed(futures):
            try:
                yield futures[future], future.result()
            except BrokenProcessPool:
                return
    finally:
        pool.shutdown(wait=True, kill_workers=True)


def _ignore_interrupt() -> None:
    """Leave Ctrl-C to the parent, which ends its workers itself."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
