"""One batch of work: every chunk is checked before it is used, and a failure is a result.

A flipped bit in compressed data mostly reads on with wrong values, so a chunk's bytes are compared
with the manifest first. A chunk that fails is *listed*, with its file, entries and cause, and the
rest goes on; coffea's executors stop at the first failure, or skip it with a warning.
"""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tools.chunks import verify_part
from tools.errors import XyyError
from tools.executors.work import Batch
from tools.manifest import Part

if TYPE_CHECKING:
    from coffea.processor.executor import WorkItem

Output = dict[str, Any]
"""``out``: what the processor returned; ``processed``: list of items; ``failed``: list of (item,
cause)"""


class Guarded:
    """coffea's work function, applied to batches; it raises nothing."""

    def __init__(self, function: Callable[["WorkItem"], Any]) -> None:
        self.function = function

    def __call__(self, batch: Batch) -> Output:
        """Return the merged output of a batch."""
        return merged(self._one(item) for item in batch)

    def _one(self, item: "WorkItem") -> Output:
        try:
            verify_part(Path(item.filename), part_of(item))
            out = self.function(item)["out"]
        except Exception as error:  # noqa: BLE001 - whatever it is, the ledger must list it
            return failed([item], error)
        return {"out": out, "processed": [item], "failed": []}


def part_of(item: "WorkItem") -> Part:
    """Return the manifest's entry of the chunk that an item lies in."""
    part = (item.usermeta or {})["part"]
    return Part(**{**part, "clusters": tuple(part["clusters"])})


def empty() -> Output:
    """Return the output of no work."""
    return {"out": {}, "processed": [], "failed": []}


def failed(items: Iterable["WorkItem"], error: BaseException) -> Output:
    """Return the output of items that could not be processed."""
    cause = error
    while cause.__cause__ is not None:  # coffea buries the cause in a chain of exceptions
        cause = cause.__cause__
    text = str(cause) if isinstance(cause, XyyError) else f"{type(cause).__name__}: {cause}"
    return {**empty(), "failed": [(item, " ".join(text.split())) for item in items]}


def merged(outputs: Iterable[Output], into: Output | None = None) -> Output:
    """Add outputs up; `into`, if given, is changed and returned."""
    from coffea.processor import accumulate

    into = empty() if into is None else into
    for output in outputs:
        into["out"] = accumulate([output["out"]], into["out"])
        into["processed"] += output["processed"]
        into["failed"] += output["failed"]
    return into
