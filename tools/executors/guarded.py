"""One batch of work: every chunk is checked before it is used, and a failure is a result.

A flipped bit in compressed data mostly reads on with wrong values, so a chunk's bytes are compared
with the manifest first. A chunk that fails is *listed*, with its file, entries and cause, and the
rest goes on; coffea's executors stop at the first failure, or skip it with a warning.

What may pass is tried again before: an error of the operating system (a file system that is busy or
was gone for a moment), after a pause; and a wrong checksum at once, as it may have come about on
the way. What was processed before comes from its checkpoint, without a look at the chunk.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tools.chunks import DamagedChunkError, verify_content, verify_part
from tools.errors import XyyError
from tools.executors.checkpoints import Checkpoints
from tools.executors.memory import keep_memory
from tools.executors.work import Batch, part_of
from tools.remote import fetch, is_address
from tools.shown import shortened
from tools.system_errors import told

if TYPE_CHECKING:
    from coffea.processor.executor import WorkItem

Output = dict[str, Any]
"""``out``: what the processor returned; ``processed``: list of items; ``failed``: list of (item,
cause); ``resumed``: how many events came from checkpoints; ``notes``: set of what else there is to
tell"""
PAUSES_S = (0.2, 1.0)
"""Before the second and the third attempt, where the operating system reports an error."""
_LONGEST = 500
"""characters of a cause: a library may list all that is in a file"""
_LASTING = (FileNotFoundError, IsADirectoryError, NotADirectoryError, PermissionError)


class Guarded:
    """A work function (of an item and its chunk's bytes) applied to batches; it raises nothing."""

    def __init__(
        self,
        function: Callable[["WorkItem", bytes], dict[str, Any]],
        checkpoints: Checkpoints | None = None,
    ) -> None:
        self.function, self.checkpoints = function, checkpoints

    def __call__(self, batch: Batch) -> Output:
        """Return the merged output of a batch."""
        keep_memory()
        return merged(self._one(item) for item in batch)

    def _one(self, item: "WorkItem") -> Output:
        done = {**empty(), "processed": [item]}
        if self.checkpoints is not None and self.checkpoints.read:
            kept = self.checkpoints.load(item)
            if kept is not None:
                return {**done, "out": kept, "resumed": len(item)}
        try:
            out = self._patiently(item)
        except Exception as error:  # noqa: BLE001 - whatever it is, the ledger must list it
            return failed([item], error)
        return {**done, "out": out, "notes": self._keep(item, out)}

    def _patiently(self, item: "WorkItem") -> dict[str, Any]:
        """Process an item, again if what went wrong may pass."""
        attempts = 0
        while True:
            try:
                return self._process(item)
            except Exception as error:
                pauses = _pauses(error)
                if attempts >= len(pauses):
                    raise
                time.sleep(pauses[attempts])
                attempts += 1

    def _process(self, item: "WorkItem") -> dict[str, Any]:
        part = part_of(item)
        if is_address(item.filename):
            content = fetch(item.filename, part.bytes)
            verify_content(content, part, name=item.filename)
        else:
            content = verify_part(Path(item.filename), part)
        return self.function(item, content)

    def _keep(self, item: "WorkItem", out: dict[str, Any]) -> set[str]:
        """Write the checkpoint of an item; what prevents it is told and does no other harm."""
        if self.checkpoints is None or not self.checkpoints.write:
            return set()
        try:
            self.checkpoints.save(item, out)
        except Exception as error:  # noqa: BLE001 - the output is there
            cause = getattr(error, "strerror", None) or f"{type(error).__name__}: {error}"
            return {f"checkpoints cannot be written to {self.checkpoints.folder} ({cause})"}
        return set()


def empty() -> Output:
    """Return the output of no work."""
    return {"out": {}, "processed": [], "failed": [], "resumed": 0, "notes": set()}


def failed(items: Iterable["WorkItem"], error: BaseException) -> Output:
    """Return the output of items that could not be processed."""
    chain = list(_causes(error))  # coffea buries the cause in a chain of exceptions
    ours = [str(cause) for cause in chain if isinstance(cause, XyyError)]
    ours += [str(told(cause)) for cause in chain if isinstance(cause, MemoryError)]
    text = ours[0] if ours else f"{type(chain[-1]).__name__}: {chain[-1]}"
    text = shortened(" ".join(text.split()), _LONGEST)
    return {**empty(), "failed": [(item, text) for item in items]}


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an error, what caused it, what caused that, and so on."""
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = cause.__cause__


def _pauses(error: Exception) -> tuple[float, ...]:
    """Return how long to wait before each further attempt, in seconds; nothing for a lost cause."""
    system = [cause for cause in _causes(error) if isinstance(cause, OSError)]
    if system:
        return () if isinstance(system[-1], _LASTING) else PAUSES_S
    return (0.0,) if isinstance(error, DamagedChunkError) else ()


def merged(outputs: Iterable[Output], into: Output | None = None) -> Output:
    """Add outputs up; `into`, if given, is changed and returned."""
    from coffea.processor import accumulate

    into = empty() if into is None else into
    for output in outputs:
        into["out"] = accumulate([output["out"]], into["out"])
        into["processed"] += output["processed"]
        into["failed"] += output["failed"]
        into["resumed"] += output["resumed"]
        into["notes"] |= output["notes"]
    return into
