"""The events of a measurement, in every form that a competitor reads: the same in all of them."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from analysis.bench.loops import Columns, read_columns
from tools.generate import generate_sample
from tools.manifest import Manifest, Part, read_manifest
from tools.samples import Catalogue

SAMPLE = "background"
COPIES = (4, 20)
"""How often the chunks are linked for a small and a large job: their difference has no start-up."""


@dataclass(frozen=True, slots=True)
class Inputs:
    """Where the events are."""

    chunks: Manifest
    parquet: Path
    """all of them, with ZSTD"""
    csv: Path
    """those of the first chunk: rates per event are compared, and CSV takes its time"""
    copies: tuple[Manifest, Manifest]
    """many times the same chunks, as other files: of a small and a large job"""

    @property
    def paths(self) -> list[str]:
        """The chunk files."""
        return [str(self.chunks.folder / part.path) for part in self.chunks.samples[SAMPLE].parts]

    @property
    def first_chunk(self) -> Manifest:
        """The events of the CSV file."""
        return _with_parts(self.chunks, self.chunks.samples[SAMPLE].parts[:1])


def events_of(chunks: Manifest) -> int:
    """Return how many events there are."""
    return chunks.samples[SAMPLE].entries


def prepare(folder: Path, catalogue: Catalogue, events: int) -> Inputs:
    """Generate events and write them in every form.

    Parameters
    ----------
    folder : Path
        On a disk with some 100 bytes for an event.
    catalogue : Catalogue
    events : int
        How many.

    Raises
    ------
    InputError
        If the catalogue has no background.
    """
    generate_sample(catalogue, SAMPLE, folder / "chunks", events=events, file_format="root")
    return inputs_of(read_manifest(folder / "chunks"), folder)


def inputs_of(chunks: Manifest, folder: Path) -> Inputs:
    """Write the background of a manifest in the other forms, to a folder."""
    parquet, csv = folder / "events.parquet", folder / "events.csv"
    _write_parquet(chunks, parquet)
    _write_csv(chunks, csv)
    small, large = (_linked(chunks, folder / f"{copies}-times", copies) for copies in COPIES)
    return Inputs(chunks, parquet, csv, (small, large))


def _with_parts(chunks: Manifest, parts: tuple[Part, ...]) -> Manifest:
    return replace(chunks, samples={SAMPLE: replace(chunks.samples[SAMPLE], parts=parts)})


def _read(chunks: Manifest, part: Part) -> Columns:
    return read_columns(str(chunks.folder / part.path), [column.name for column in chunks.columns])


def _write_parquet(chunks: Manifest, path: Path) -> None:
    """Write all events, a row group for each chunk."""
    import pyarrow as pa
    from pyarrow import parquet

    types = [(c.name, pa.from_numpy_dtype(np.dtype(c.type))) for c in chunks.columns]
    with parquet.ParquetWriter(path, pa.schema(types), compression="zstd") as writer:
        for part in chunks.samples[SAMPLE].parts:
            writer.write_table(pa.table(dict(_read(chunks, part))))


def _write_csv(chunks: Manifest, path: Path) -> None:
    """Write the events of the first chunk like the course's files, every digit kept."""
    import pyarrow as pa
    from pyarrow import csv

    events = _read(chunks, chunks.samples[SAMPLE].parts[0])
    columns = {name: values.astype(np.float64) for name, values in events.items()}
    rows = np.arange(len(next(iter(columns.values()))))
    csv.write_csv(pa.table({"": rows, **columns}), path)


def _linked(chunks: Manifest, folder: Path, copies: int) -> Manifest:
    """Return a manifest of hard links to the chunks, so many times to each."""
    folder.mkdir()
    linked = []
    for number in range(copies):
        for part in chunks.samples[SAMPLE].parts:
            name = f"{number:03d}-{Path(part.path).name}"
            (folder / name).hardlink_to(chunks.folder / part.path)
            linked.append(replace(part, path=name))
    return replace(_with_parts(chunks, tuple(linked)), folder=folder)
