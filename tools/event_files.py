"""Generated events written to files: as the course's CSV, or as ROOT chunks with a manifest.

A *plan* says how many events each chunk has and makes any one of them, independently of the others:
it can be sent to a worker, which makes and writes the chunks of one file and nothing else. The
events of one file are in memory at a time.

The CSV files look like the course's (header, running index, counts written as ``3.0``) and hold
every number with all its digits. They are written by columns, through `pyarrow.csv`. Where they go,
a real file may lie: nothing that is not generated is replaced.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
import numpy.typing as npt

from tools.atomic import atomic
from tools.chunks import write_part
from tools.digests import digest_text
from tools.errors import InputError
from tools.manifest import MANIFEST_NAME, Part, SampleChunks, manifest_for
from tools.marks import GENERATED
from tools.names import listed
from tools.pool import completed, cores
from tools.recipe import COLUMNS, COUNTS, Events
from tools.samples import Catalogue, Column
from tools.staging import commit, refuse_other_files, staging_folder
from tools.tables import is_generated

if TYPE_CHECKING:
    import pyarrow as pa

Progress = Callable[[int], None]
"""Called after each chunk with the number of events made so far."""
FILE_CHUNKS = 4
"""Chunks of the generator in a file: a file is a piece of work of half a second, and what it costs
to open one, some milliseconds, does not count."""
_CSV_BATCH_ROWS = 16_384
_CHUNKS_FOR_WORKERS = 12
"""How many chunks it takes for a pool to pay: it starts in the time of about ten."""


class Plan(Protocol):
    """What is to be made, chunk by chunk."""

    @property
    def sizes(self) -> tuple[int, ...]:
        """Number of events of each chunk."""

    def chunk(self, index: int) -> Events:
        """Make the events of one chunk; equal at every call and in every process."""


def check_format(file_format: str) -> None:
    """Refuse what cannot be written.

    Raises
    ------
    InputError
        If `file_format` is neither ``"csv"`` nor ``"root"``.
    """
    if file_format not in ("csv", "root"):
        raise InputError(f"{file_format!r} is not a format that can be generated; use csv or root")


def check_columns(catalogue: Catalogue) -> None:
    """Refuse a samples file without columns, or with some that the generator cannot fill.

    Raises
    ------
    InputError
        If there are none, or there is such a column; the message names it.
    """
    if not catalogue.columns:
        raise InputError(
            f"{catalogue.path}: no columns are declared that could be generated; declare some, or "
            "generate photons in lists with --layout"
        )
    for column in catalogue.columns:
        if column.name not in COLUMNS:
            raise InputError(
                f"{catalogue.path}, [columns.{column.name}]: not a column that can be generated "
                f"(those are: {', '.join(COLUMNS)}); generate with another --samples file"
            )


def refuse_to_replace(
    out: Path, names: Sequence[str], file_format: str, *, force: bool = False
) -> None:
    """Refuse to write generated samples where there is something already.

    Parameters
    ----------
    out : Path
        The folder.
    names : sequence of str
        Of the files or samples that are to be written there.
    file_format : {"csv", "root"}
        What is to be written.
    force : bool
        Replace what is generated. Anything else is refused all the same.

    Raises
    ------
    InputError
        Naming the files.
    """
    if file_format == "root":
        refuse_other_files(out, names)
    refuse_files([p for name in names for p in _paths(out, name, file_format)], force=force)


def refuse_files(paths: Iterable[Path], *, force: bool) -> None:
    """Refuse to write generated events where there are files already.

    Parameters
    ----------
    paths : iterable of Path
        Where they are to be written.
    force : bool
        As for `refuse_to_replace`.

    Raises
    ------
    InputError
        Naming the files.
    """
    there = [path for path in paths if path.exists() or path.is_symlink()]
    real = [path for path in there if not is_generated(path)]
    if real:
        raise InputError(
            f"{listed(real)}: not written by `xyy generate`, and never replaced; choose another "
            "--out, or name samples that are not there"
        )
    if there and not force:
        raise InputError(
            f"{listed(there)}: there already, and generated; give --force to replace it, or "
            "choose another --out"
        )


def _paths(out: Path, name: str, file_format: str) -> list[Path]:
    """Return the files that would be replaced if they are there."""
    if file_format == "root":
        return sorted((out / name).glob("part-*.root"))
    return [out / f"{name}.csv"]


def write_csv(
    path: Path, columns: tuple[Column, ...], plan: Plan, progress: Progress | None = None
) -> None:
    """Write all events of `plan` as one CSV file like the course's, whole or not at all.

    Parameters
    ----------
    path : Path
        The file.
    columns : tuple of Column
        The declared columns, in the order of the header.
    plan : Plan
        What to write.
    progress : callable, optional
        See `Progress`.

    Raises
    ------
    InputError
        If a file is there that is not generated.
    XyyError
        If it cannot be written.
    """
    import pyarrow as pa
    from pyarrow import csv

    refuse_files([path], force=True)
    schema = pa.schema(
        [(GENERATED, pa.int64())]
        + [
            (column.name, pa.string() if column.name in COUNTS else pa.float64())
            for column in columns
        ]
    )
    options = csv.WriteOptions(
        include_header=False, batch_size=_CSV_BATCH_ROWS, quoting_style="none"
    )
    with atomic(path) as temporary, pa.OSFile(str(temporary), "wb") as sink:
        sink.write(",".join(schema.names).encode() + b"\n")
        with csv.CSVWriter(sink, schema, write_options=options) as writer:
            first = 0
            for index, size in enumerate(plan.sizes):
                # Made in the call, so that no chunk is kept while the next one is made.
                writer.write_table(_course_table(schema, plan.chunk(index), first))
                first += size
                if progress is not None:
                    progress(first)


def _course_table(schema: "pa.Schema", events: Events, first: int) -> "pa.Table":
    """Return the rows as the course has them: numbered, and with counts as text like ``3.0``."""
    import pyarrow as pa

    columns = []
    for field in schema:
        values = events.get(field.name)
        if values is None:
            values = np.arange(first, first + len(next(iter(events.values()))))
        elif field.type == pa.string():
            texts = pa.array([f"{count}.0" for count in range(int(values.max()) + 1)])
            values = texts.take(pa.array(values))
        columns.append(values)
    return pa.table(columns, schema=schema)


def write_file(
    plan: Plan, index: int, folder: Path, name: str, columns: tuple[Column, ...]
) -> Part:
    """Make and write one ROOT file: what a worker does.

    Parameters
    ----------
    plan : Plan
        What to make.
    index : int
        Which file of it: that with the chunks from ``FILE_CHUNKS * index`` on.
    folder : Path
        Where the sample's folder is or goes.
    name : str
        The sample: the events go to ``<folder>/<name>/part-<index>.root``.
    columns : tuple of Column
        The declared columns.

    Returns
    -------
    Part
        The file's entry for the manifest.
    """
    chunks = range(len(plan.sizes))[FILE_CHUNKS * index : FILE_CHUNKS * (index + 1)]
    # Made in the call, so that no chunk is kept as it was made while the next one is.
    made = [_stored(plan.chunk(chunk), columns) for chunk in chunks]
    joined = {c.name: np.concatenate([events.pop(c.name) for events in made]) for c in columns}
    return write_part(folder, f"{name}/part-{index:05d}.root", columns, [joined], generated=True)


def _stored(events: Events, columns: tuple[Column, ...]) -> dict[str, npt.NDArray[np.generic]]:
    return {c.name: np.asarray(events[c.name]).astype(c.type) for c in columns}


def write_chunks(
    out: Path,
    name: str,
    columns: tuple[Column, ...],
    plan: Plan,
    about: SampleChunks,
    progress: Progress | None = None,
    *,
    workers: int | None = None,
) -> Path:
    """Write all events of `plan` as ROOT chunks, all of them or none.

    Parameters
    ----------
    out : Path
        The manifest's folder. Other samples that it has are kept, older chunks of this one go.
    name : str
        The sample.
    columns : tuple of Column
        The declared columns.
    plan : Plan
        What to write.
    about : SampleChunks
        The sample's entry for the manifest, as yet without chunks; an empty `content` becomes a
        digest of the events.
    progress : callable, optional
        See `Progress`.
    workers : int, optional
        Processes that make and write the chunks of a large plan; all cores unless given. They
        change no event.

    Returns
    -------
    Path
        The manifest.

    Raises
    ------
    InputError
        If the folder has a manifest of other columns, or other files where the chunks would go, or
        chunks that are not generated.
    XyyError
        If a file cannot be written.
    """
    manifest = manifest_for(out, columns)
    refuse_other_files(out, [name])
    refuse_files(_paths(out, name, "root"), force=True)
    with staging_folder(out) as folder:
        write = partial(write_file, plan, folder=folder, name=name, columns=columns)
        files = range(math.ceil(len(plan.sizes) / FILE_CHUNKS))
        written: dict[int, Part] = {}
        for index, part in completed(
            write, files, _processes(plan, workers), what=f"generating {name}"
        ):
            written[index] = part
            if progress is not None:
                progress(sum(done.entries for done in written.values()))
        parts = tuple(written[index] for index in files)
        content = about.content or digest_text(*(part.content for part in parts))
        commit(manifest, {name: replace(about, parts=parts, content=content)})
    return out / MANIFEST_NAME


def _processes(plan: Plan, workers: int | None) -> int:
    """Return one (this process) for a small plan: starting others takes as long as some chunks."""
    return (workers or cores()) if len(plan.sizes) >= _CHUNKS_FOR_WORKERS else 1
