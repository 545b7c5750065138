"""Events that would count twice: a file with the content of another, or with its events.

Observed events are known by run, luminosity block and event number; simulated ones, whose numbers
begin again in every sample, by the largest transverse momentum of their photons, too
(`tools.identity`). Only files that share a luminosity block (a run, where there are none) can share
events: these alone are compared.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tools.errors import InputError
from tools.file_conversion import Converted, FileTask
from tools.manifest import SampleChunks

File = tuple[FileTask, Converted]
IDENTITIES = "identities"
"""file with a number for each event by which it is known, beside the chunks of a source file"""
_SLICE_EVENTS = 10_000_000


def refuse_repeated(samples: Mapping[str, SampleChunks]) -> None:
    """Refuse two source files of equal content: every event would count twice.

    Parameters
    ----------
    samples : mapping of str to SampleChunks
        All that are used together.

    Raises
    ------
    InputError
        Naming the files and their samples.
    """
    first: dict[str, str] = {}
    for name, chunks in samples.items():
        for source in chunks.sources:
            told = f"{source.name} of {name}"
            if source.digest in first:
                raise InputError(
                    f"{first[source.digest]} and {told} have the same content, and every event "
                    "would count twice; name it once, or choose another --out"
                )
            first[source.digest] = told


def refuse_shared_events(files: Sequence[File]) -> None:
    """Refuse two files, of one sample or of two, that hold the same events.

    Raises
    ------
    InputError
        Naming both, how many events they share, and the first of them.
    """
    from tools.identity import shared

    concerned = [files[number] for number in _meeting([each.blocks for _, each in files])]
    known = [_identities(task.folder) for task, _ in concerned]
    for same in shared(known) if known and has_equal(known) else ():
        one, other = concerned[same.first][0].file, concerned[same.second][0].file
        raise InputError(
            f"{other}, first in entry {same.entry_second} (from 0): events that are in {one}, too "
            f"(entry {same.entry_first} there): {same.events:,}, and every one would count twice; "
            "use one of the files, or remove these events from one"
        )


def _meeting(blocks: Sequence[Sequence[int]]) -> list[int]:
    """Return which files have a luminosity block of another one.

    >>> _meeting([(1, 2), (3,), (2, 4)])
    [0, 2]
    """
    every = [np.array(each, np.uint64) for each in blocks]
    files = np.repeat(np.arange(len(every)), [len(each) for each in every])
    joined = np.concatenate([np.empty(0, np.uint64), *every])
    _, index, counts = np.unique(joined, return_inverse=True, return_counts=True)
    return sorted(set(files[counts[index] > 1].tolist()))


def _identities(folder: Path) -> npt.NDArray[np.uint64]:
    """Return what the events of a file are known by; empty where it has no event numbers."""
    path = folder / IDENTITIES
    there = path.is_file() and path.stat().st_size > 0
    return np.memmap(path, np.uint64, "r") if there else np.empty(0, np.uint64)


def has_equal(known: Sequence[npt.NDArray[np.uint64]], most: int = _SLICE_EVENTS) -> bool:
    """Return whether an event is there twice; that none is takes a fraction of finding them.

    Parameters
    ----------
    known : sequence of ndarray, shape (events,)
        Hashes of the events of each file, 0 of those that are not known by any.
    most : int
        How many events, about, are in memory at once: equal ones are in the same slice.
    """
    slices = np.uint64(1 + sum(map(len, known)) // most)
    for number in range(int(slices)):
        some = [each[each % slices == number] for each in known]
        every = np.sort(np.concatenate(some))
        if np.any((every[1:] == every[:-1]) & (every[1:] != 0)):
            return True
    return False
