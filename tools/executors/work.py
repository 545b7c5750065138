"""The plan: work items that cover every event once, in batches for the workers.

It comes from the manifest, not from opening files, which would lose the unreadable ones.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from tools.chunks import TREE
from tools.manifest import Manifest, Part
from tools.remote import located

if TYPE_CHECKING:
    from coffea.processor.executor import WorkItem

Batch = tuple["WorkItem", ...]
BATCH_EVENTS = 10_000_000
"""A second or two of work: a worker sends one merged output (10 MB of histograms, which take the
parent some 30 ms) for a batch, not one for every chunk."""
_BATCHES_PER_WORKER = 4
"""at least, where there is enough work: no worker is idle while another has much left"""


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
        If a sample is not in the manifest, or a part's address is of an unknown kind.
    """
    from coffea.processor.executor import WorkItem

    items = []
    for name, chunks in manifest.only(samples).samples.items():
        first_entry, stored = 0, {each.name: each.type for each in chunks.stored}
        lists = {"stored": stored} if stored else {}
        for part in chunks.parts:
            about = {"kind": chunks.kind, "first_entry": first_entry, "part": asdict(part), **lists}
            place = located(manifest.folder, part.path)
            items += [
                WorkItem(name, place, TREE, start, stop, b"", about)
                for start, stop in _ranges(part.entries, chunk_events)
            ]
            first_entry += part.entries
    return items


def part_of(item: "WorkItem") -> Part:
    """Return the manifest's entry of the chunk that an item lies in."""
    part = (item.usermeta or {})["part"]
    return Part(**{**part, "clusters": tuple(part["clusters"])})


def is_list(column: str) -> bool:
    """Return whether a stored column has a list for each event: those of photons have a dot.

    >>> is_list("photons.pt"), is_list("run")
    (True, False)
    """
    return column.startswith("photons.")


def stored_of(item: "WorkItem") -> Mapping[str, str]:
    """Return name and type of the columns of an item with lists of photons; none of a flat one."""
    stored: Mapping[str, str] = (item.usermeta or {}).get("stored", {})
    return stored


def _ranges(entries: int, chunk_events: int | None) -> Iterator[tuple[int, int]]:
    step = chunk_events or max(entries, 1)
    for start in range(0, entries, step):
        yield start, min(start + step, entries)


def batches(items: Sequence["WorkItem"], workers: int) -> list[Batch]:
    """Return the items in batches, in their order, a few for every worker at least."""
    enough = min(BATCH_EVENTS, sum(map(len, items)) / (workers * _BATCHES_PER_WORKER))
    done: list[Batch] = []
    batch: list[WorkItem] = []
    for item in items:
        batch.append(item)
        if sum(map(len, batch)) >= enough:
            done.append(tuple(batch))
            batch = []
    return [*done, tuple(batch)] if batch else done
