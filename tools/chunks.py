"""Chunk files: ROOT TTrees ``Events`` of up to 500,000 events, the unit of all work.

A chunk file is read whole: its checksum is read once, its columns are read lazily, and no cluster
is decompressed twice. It may be written cluster by cluster, so that whoever reads the events from
elsewhere needs memory for a cluster and not for a chunk; four of them take 10 to 30 % longer to
read than one (uproot's time for each basket), twenty of them twice as long.

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
(Equal events do not make equal bytes: a ROOT file carries the time at which it was written. So the
manifest has a digest of the events as well, and what was made from them is told by that one.)
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import xxhash

from tools.atomic import atomic
from tools.digests import digest_file
from tools.errors import XyyError
from tools.manifest import Part
from tools.marks import CONVERTED, GENERATED
from tools.root_clock import root_clock
from tools.samples import Column

TREE = "Events"
PART_EVENTS = 500_000
"""Events of a full chunk: a constant of the format (generated chunks are seeded one by one)."""
CLUSTER_EVENTS = 125_000
"""Events of a full cluster of converted files."""

_REMEDY = "convert its sample again"

Events = Mapping[str, npt.NDArray[np.generic]]
"""One array for each column, all of one length."""
Jagged = Mapping[str, Any]
"""The same, where a column may be an awkward array with a list of records in each event: each field
``NAME.FIELD`` of them is a branch of its own."""


class DamagedChunkError(XyyError):
    """A chunk file is missing or no longer what the manifest says."""


def write_part(
    folder: Path,
    relative: str,
    columns: tuple[Column, ...],
    clusters: Iterable[Events],
    *,
    generated: bool,
) -> Part:
    """Write one chunk of flat events, whole or not at all.

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
    generated : bool
        Whether they were made up, for the mark in the file (`tools.marks`).

    Returns
    -------
    Part
        The chunk's entry for the manifest.

    Raises
    ------
    XyyError
        If the disk is full or the folder cannot be written.
    """
    branches = {column.name: column.type for column in columns}
    stored = (
        {c.name: events[c.name].astype(c.type, copy=False) for c in columns} for events in clusters
    )
    return write_jagged(folder, relative, branches, stored, generated=generated)


def write_jagged(
    folder: Path,
    relative: str,
    branches: Mapping[str, Any],
    clusters: Iterable[Jagged],
    *,
    generated: bool,
) -> Part:
    """Write one chunk, whole or not at all.

    Parameters
    ----------
    folder, relative, generated
        As for `write_part`.
    branches : mapping of str to type
        A NumPy type, or an awkward one for lists of records, for each column.
    clusters : iterable of mapping of str to array
        The events, in these types; every item becomes a cluster.

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

    path, edges, content = folder / relative, [0], xxhash.xxh3_128()
    title = GENERATED if generated else CONVERTED
    with atomic(path) as temporary:
        with root_clock(), uproot.recreate(temporary, compression=uproot.LZ4(1)) as file:
            tree = file.mktree(TREE, branches, title=title, field_name=_branch)
            for events in clusters:
                tree.extend(events)
                edges.append(edges[-1] + _digest(events, content))
        checksum, size = digest_file(temporary), temporary.stat().st_size
    return Part(relative, edges[-1], tuple(edges), size, checksum, content.hexdigest())


def _branch(column: str, field: str) -> str:
    """Return the name of the branch of a field of records."""
    return f"{column}.{field}" if column else field


def _digest(events: Jagged, hasher: xxhash.xxh3_128) -> int:
    """Add the events of a cluster to a digest; return how many they are."""
    count = 0
    for name, array in events.items():
        count = len(array)
        for label, values in _plain(name, array).items():
            hasher.update(f"{label} {values.dtype.str} {len(values)} ".encode())
            hasher.update(np.ascontiguousarray(values).data)
    return count


def _plain(name: str, array: Any) -> Events:
    """Return the numbers of a column, and of lists how many there are in each event."""
    if isinstance(array, np.ndarray):
        return {name: array}
    import awkward as ak

    flat, numbers = ak.flatten(array), {f"n{name}": ak.to_numpy(ak.num(array))}
    return numbers | {_branch(name, each): ak.to_numpy(flat[each]) for each in ak.fields(flat)}


def verify_part(path: Path, part: Part) -> bytes:
    """Read a chunk file, once, and make sure that it is what the manifest says.

    Parameters
    ----------
    path : Path
        The chunk file.
    part : Part
        Its entry in the manifest.

    Returns
    -------
    bytes
        Its content: what is used must be what was checked.

    Raises
    ------
    DamagedChunkError
        If it is missing, cannot be read, or has another size or checksum.
    """
    try:
        size = path.stat().st_size
        content = path.read_bytes() if size == part.bytes else b""
    except FileNotFoundError as error:
        raise DamagedChunkError(f"{path} is missing; {_REMEDY}") from error
    except OSError as error:
        raise DamagedChunkError(
            f"{path} cannot be read ({error.strerror or error}); {_REMEDY}"
        ) from error
    if size != part.bytes:
        raise DamagedChunkError(
            f"{path} has {size:,} bytes where the manifest says {part.bytes:,}: it is damaged; "
            f"{_REMEDY}"
        )
    verify_content(content, part, name=str(path))
    return content


def verify_content(content: bytes, part: Part, *, name: str) -> None:
    """Make sure that bytes are those of a chunk.

    Raises
    ------
    DamagedChunkError
        If they are not: it calls the chunk `name`.
    """
    if xxhash.xxh3_128(content).hexdigest() != part.checksum:
        raise DamagedChunkError(
            f"{name} has another checksum than the manifest says: it is damaged; {_REMEDY}"
        )
