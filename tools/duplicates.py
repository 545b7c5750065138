"""Events that would count twice: a file with the content of another, or with its events.

Observed events are known by run, luminosity block and event number; simulated ones, whose numbers
begin again in every sample, by the largest transverse momentum of their photons, too
(`tools.identity`). Only files that share a luminosity block (a run, where there are none) can share
events: of these alone the numbers are read again, from the chunks.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from tools.chunks import TREE
from tools.errors import InputError
from tools.manifest import SampleChunks
from tools.samples import Sample

if TYPE_CHECKING:
    from tools.file_conversion import Converted, FileTask

    File = tuple[FileTask, Converted]

_KNOWN_BY = ("run", "lumi", "event", "channel")


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


def refuse_shared_events(sample: Sample, files: "Sequence[File]") -> None:
    """Refuse two files of a sample that hold the same events.

    Raises
    ------
    InputError
        Naming both, how many events they share, and the first of them.
    """
    from tools.identity import shared

    some = [each for each in files if each[1].source.digest]
    concerned = [files[number] for number in _meeting([each.blocks for _, each in some])]
    known = [_identities(task.folder, done, sample) for task, done in concerned]
    for same in shared(known) if known else ():
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


def _identities(folder: Path, done: "Converted", sample: Sample) -> npt.NDArray[np.uint64]:
    """Return what the events of a file are known by; empty where it has no event numbers."""
    import uproot

    from tools.identity import identities

    names = [each.name for each in done.stored if each.name in _KNOWN_BY]
    if "event" not in names:
        return np.empty(0, np.uint64)
    found = []
    for part in done.parts:
        with uproot.open({str(folder / part.path): None}) as file:
            tree = file[TREE]
            numbers = [tree[name].array() for name in names]
            pt = None if sample.kind == "data" else tree["photons.pt"].array()
        found.append(identities(numbers, pt))
    return np.concatenate([np.empty(0, np.uint64), *found])
