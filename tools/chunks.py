"""Chunk files: ROOT TTrees ``Events`` of up to 500,000 events, the unit of all work.

A chunk file is read whole: its checksum is read once, its columns are read lazily, and no cluster
is decompressed twice. It is written cluster by cluster, so that whoever makes the events needs
memory for a cluster and not for a chunk; four clusters cost reading 10 % over one, twenty 40 %.

The mantissas of measured float32 values are noise and hardly compress, so LZ4 is chosen for its
speed.  Of 500,000 events with the course's 14 columns, in processor time of one core with a warm
page cache (``make bench`` measures something close to it, in wall-clock time; the two numbers
are without and with memory that glibc keeps, see ``mallopt(3)``):

===========  ======  ================  ============================
compression  write   size              read the 6 photon columns
===========  ======  ================  ============================
none         0.03 s  50.1 bytes/event  30 and 37 million events/s
LZ4, 1       0.04 s  49.5 bytes/event  28 and 40 million events/s
ZSTD, 1      0.08 s  41.6 bytes/event  18 and 19 million events/s
ZSTD, 5      0.10 s  41.7 bytes/event  19 and 19 million events/s
===========  ======  ================  ============================

No compression notices every flipped bit. The checksum in the manifest does, before a chunk is used.
(Equal events do not make equal bytes: a ROOT file carries the time at which it was written.)
"""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tools.errors import XyyError
from tools.manifest import Part
from tools.samples import Column
from tools.storage import atomic, digest_file

TREE = "Events"
PART_EVENTS = 500_000
"""Events of a full chunk: a constant of the format (generated chunks are seeded one by one)."""
CLUSTER_EVENTS = 125_000
"""Events of a full cluster."""

Events = Mapping[str, npt.NDArray[np.generic]]
"""One array for each column, all of one length."""


class DamagedChunkError(XyyError):
    """A chunk file is missing or no longer what the manifest says."""


def write_part(
    folder: Path,
    relative: str,
    columns: tuple[Column, ...],
    clusters: Iterable[Events],
) -> Part:
    """Write one chunk, whole or not at all.

    Parameters
    ----------
    folder : Path
        The manifest's folder.
    relative : str
        Path of the chunk in it, like ``background/part-00000.root``.
    columns : tuple of Column
        The declared columns; they are stored in this order, in their declared types.
    clusters : iterable of mapping of str to ndarray
        The events, with an array for each of `columns`; every item becomes a cluster.

    Returns
    -------
    Part
        The chunk's entry for the manifest.

    Raises
    ------
    XyyError
        If the disk is full or the folder cannot be written.
    """
    import uproot

    path, edges = folder / relative, [0]
    with atomic(path) as temporary:
        with uproot.recreate(temporary, compression=uproot.LZ4(1)) as file:
            tree = file.mktree(TREE, {column.name: column.type for column in columns})
            for events in clusters:
                tree.extend({c.name: events[c.name].astype(c.type, copy=False) for c in columns})
                edges.append(edges[-1] + len(events[columns[0].name]))
        checksum, size = digest_file(temporary), temporary.stat().st_size
    return Part(
        path=relative, entries=edges[-1], clusters=tuple(edges), bytes=size, checksum=checksum
    )


def in_clusters(events: Events) -> Iterator[Events]:
    """Yield the same events in clusters.

    >>> [len(cluster["x"]) for cluster in in_clusters({"x": np.zeros(300_000)})]
    [125000, 125000, 50000]
    """
    entries = len(next(iter(events.values())))
    for start in range(0, entries, CLUSTER_EVENTS):
        yield {name: array[start : start + CLUSTER_EVENTS] for name, array in events.items()}


def verify_part(path: Path, part: Part) -> None:
    """Make sure that a chunk file is what the manifest says; reads it once.

    Parameters
    ----------
    path : Path
        The chunk file.
    part : Part
        Its entry in the manifest.

    Raises
    ------
    DamagedChunkError
        If it is missing, cannot be read, or has another size or checksum.
    """
    remedy = "convert its sample again"
    try:
        size = path.stat().st_size
        checksum = digest_file(path) if size == part.bytes else ""
    except FileNotFoundError:
        raise DamagedChunkError(f"{path} is missing; {remedy}") from None
    except OSError as error:
        raise DamagedChunkError(
            f"{path} cannot be read ({error.strerror or error}); {remedy}"
        ) from error
    if size != part.bytes:
        raise DamagedChunkError(
            f"{path} has {size:,} bytes where the manifest says {part.bytes:,}: it is damaged; "
            f"{remedy}"
        )
    if checksum != part.checksum:
        raise DamagedChunkError(
            f"{path} has another checksum than the manifest says: it is damaged; {remedy}"
        )
