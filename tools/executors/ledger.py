"""The ledger: what was planned against what was processed, for every sample."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from coffea.processor.executor import WorkItem


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
        """Whether every planned event was processed, and once."""
        return self.processed_events == self.planned_events and not self.failed

    @property
    def lost_events(self) -> int:
        """Number of events that were planned and not processed."""
        return self.planned_events - self.processed_events


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run over chunks brings back."""

    outputs: dict[str, Any]
    """what the processor returned, by sample; nothing for a sample that failed altogether"""
    ledger: dict[str, SampleLedger]
    resumed_events: int = 0
    """how many of the events came from checkpoints"""
    notes: tuple[str, ...] = ()
    """what else there is to tell"""


def account(
    planned: Iterable["WorkItem"],
    processed: Iterable["WorkItem"],
    failed: Iterable[tuple["WorkItem", str]],
) -> dict[str, SampleLedger]:
    """Return the ledger of every planned sample; what nobody speaks of is listed as lost.

    Parameters
    ----------
    planned, processed : iterable of WorkItem
    failed : iterable of (WorkItem, str)
        With the cause.
    """
    events: dict[str, int] = {}
    done: dict[str, int] = {}
    failures: dict[str, list[Failure]] = {}
    planned, processed, failed = list(planned), list(processed), list(failed)
    for item in planned:
        events[item.dataset] = events.get(item.dataset, 0) + len(item)
    for item in processed:
        done[item.dataset] = done.get(item.dataset, 0) + len(item)
    unheard_of = set(planned).difference(processed, (item for item, _ in failed))
    failed += [(item, "nothing came back") for item in unheard_of]
    for item, error in failed:
        lost = Failure(item.filename, item.entrystart, item.entrystop, error)
        failures.setdefault(item.dataset, []).append(lost)
    return {
        name: SampleLedger(
            planned_events=count,
            processed_events=done.get(name, 0),
            failed=tuple(
                sorted(failures.get(name, ()), key=lambda lost: (lost.file, lost.entry_start))
            ),
        )
        for name, count in events.items()
    }
