"""`xyy convert`: event files in, validated ROOT chunks with a manifest out.

1. Every file's columns are compared with the declared ones, before anything is written.
2. The events stream through in constant memory: batches are read and checked (`tools.tables`,
   `tools.values`), joined to clusters and written.
3. When all samples are there they are put into their places together (`tools.staging`).

A file that is refused, an interrupt or a full disk leaves the folder as it was.
"""

import json
import os
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict
from itertools import chain, islice
from pathlib import Path
from typing import Any

import numpy as np
import xxhash

from tools.chunks import CLUSTER_EVENTS, PART_EVENTS, write_part
from tools.declared import check_fields, check_same_fields
from tools.digests import digest_file, digest_text
from tools.errors import InputError
from tools.manifest import Manifest, Part, SampleChunks, Source, manifest_for
from tools.samples import Catalogue, Column, Sample
from tools.staging import commit, refuse_other_files, staging_folder
from tools.tables import Table, open_table
from tools.values import Batch

Progress = Callable[[int], None]
"""Called with the number of events that were read so far."""


def convert(
    catalogue: Catalogue,
    inputs: Sequence[tuple[str | None, Path]],
    out: Path,
    *,
    progress: Progress | None = None,
) -> Manifest:
    """Convert event files to chunks in `out`, all of them or none.

    The caller holds `out` with `tools.locks.one_writer` if anything else could write there.

    Parameters
    ----------
    catalogue : Catalogue
        The declared samples and columns.
    inputs : sequence of (str or None, Path)
        Files, each with its sample's name, or None for the sample whose `files` patterns match.
        Files of one sample are joined in the order given.
    out : Path
        Folder of the chunks. Samples that it has already are replaced or kept.
    progress : callable, optional
        See `Progress`. What it raises ends the conversion.

    Returns
    -------
    Manifest
        As written to ``manifest.json``.

    Raises
    ------
    InputError
        If a file, a sample or the folder is refused; the message says where and what to do.
    XyyError
        If the disk is full or the folder cannot be written.
    """
    tables = _tables(catalogue, inputs)
    manifest = manifest_for(out, catalogue.columns)
    refuse_other_files(out, tables)
    _refuse_own_place(out, tables)
    with staging_folder(out) as folder:
        counter = _Counter(progress)
        staged = {
            name: _convert_sample(catalogue, catalogue.sample(name), files, folder, counter)
            for name, files in tables.items()
        }
        refuse_repeated({**manifest.samples, **staged})
        return commit(manifest, staged)


def chunks_key(catalogue: Catalogue, sample: Sample, files: Sequence[Path]) -> str:
    """Return a digest of all that the chunks of `sample`, made from `files`, would be.

    It depends on the bytes of the files and their order, on the declared columns and on what the
    manifest says about the sample; not on the files' names and places.

    Raises
    ------
    InputError
        If a file cannot be read.
    """
    digests = []
    for path in files:
        try:
            digests.append(digest_file(path))
        except OSError as error:
            raise InputError(
                f"{path} cannot be read ({error.strerror or error}); get it again"
            ) from None
    content = _content(catalogue.columns, digests)
    return digest_text(sample.name, json.dumps(_about(sample), sort_keys=True), content)


def _content(columns: tuple[Column, ...], digests: Iterable[str]) -> str:
    declared = json.dumps([asdict(column) for column in columns], sort_keys=True)
    return digest_text("xyy-convert-1", declared, *digests)


def _about(sample: Sample) -> dict[str, Any]:
    """Return what the manifest says about a sample, apart from its chunks."""
    return {
        "kind": sample.kind,
        "mass_GeV": sample.mass_GeV,
        "cross_section_pb": sample.cross_section_pb,
        "filter_efficiency": sample.filter_efficiency,
    }


def _tables(
    catalogue: Catalogue, inputs: Sequence[tuple[str | None, Path]]
) -> dict[str, list[Table]]:
    """Open every file and check its columns; return them by sample."""
    named = [
        (catalogue.sample_of_file(path) if name is None else catalogue.sample(name), path)
        for name, path in inputs
    ]
    tables: dict[str, list[Table]] = {}
    _refuse_twice(named)
    for sample, path in named:
        table = open_table(path)
        check_fields(catalogue, path, table.fields)
        files = tables.setdefault(sample.name, [])
        files.append(table)
        _refuse_mixed(sample.name, files[0], table)
        check_same_fields(sample.name, files[0].path, path, fields=(files[0].fields, table.fields))
    return tables


def _refuse_twice(named: Iterable[tuple[Sample, Path]]) -> None:
    """Refuse a file that is given twice before anything is read."""
    given: dict[str, str] = {}
    for sample, path in named:
        place = os.path.realpath(path)  # a loop of links is told of when it is opened
        if place in given:
            raise InputError(
                f"{path} is given twice, for {given[place]} and for {sample.name}: every event "
                "would count twice; name it once"
            )
        given[place] = sample.name


def _refuse_mixed(sample: str, first: Table, second: Table) -> None:
    """Refuse generated and real events in one sample: nobody could tell them apart again."""
    if first.generated != second.generated:
        made, real = (first, second) if first.generated else (second, first)
        raise InputError(
            f"{made.path} and {real.path}, both of {sample}: only the first was generated by xyy; "
            "use one or the other"
        )


def _refuse_own_place(out: Path, tables: Mapping[str, Sequence[Table]]) -> None:
    """Refuse files that lie where their own chunks would go, in place of them."""
    for name, files in tables.items():
        for table in files:
            if (out / name).resolve() in table.path.resolve().parents:
                raise InputError(
                    f"{table.path} would be replaced by the chunks of {name}; choose another --out"
                )


def _convert_sample(
    catalogue: Catalogue, sample: Sample, tables: Sequence[Table], folder: Path, counter: "_Counter"
) -> SampleChunks:
    """Write the chunks of one sample below `folder`."""
    columns = catalogue.columns
    hashers, generated = [xxhash.xxh3_128() for _ in tables], tables[0].generated
    with closing(_read(tables, hashers, columns, counter)) as batches:
        parts = _write(folder, sample.name, columns, batches, generated=generated)
    digests = [hasher.hexdigest() for hasher in hashers]
    return SampleChunks(
        parts=parts,
        sources=tuple(
            Source(table.path.name, table.path.stat().st_size, digest)
            for table, digest in zip(tables, digests, strict=True)
        ),
        content=_content(columns, digests),
        generated=generated,
        **_about(sample),
    )


def _read(
    tables: Sequence[Table],
    hashers: Sequence[xxhash.xxh3_128],
    columns: tuple[Column, ...],
    counter: "_Counter",
) -> Generator[Batch, None, None]:
    """Yield the events of some files, one file after the other."""
    for table, hasher in zip(tables, hashers, strict=True):
        before = counter.events
        try:
            with closing(table.batches(columns, hasher)) as batches:
                for batch in batches:
                    counter.add(len(batch[columns[0].name]))
                    yield batch
        except OSError as error:
            raise InputError(
                f"{table.path} cannot be read ({error.strerror or error}); get it again"
            ) from error
        if counter.events == before:
            raise InputError(f"{table.path} holds no events; get it again or leave it out")


def _write(
    folder: Path,
    sample: str,
    columns: tuple[Column, ...],
    batches: Iterable[Batch],
    *,
    generated: bool,
) -> tuple[Part, ...]:
    """Write the events as chunks; the batches that follow are made in the background meanwhile."""
    parts: list[Part] = []
    clusters = _joined(batches, columns)
    for cluster in clusters:
        rest = islice(clusters, PART_EVENTS // CLUSTER_EVENTS - 1)
        name = f"{sample}/part-{len(parts):05d}.root"
        events = chain([cluster], rest)
        parts.append(write_part(folder, name, columns, events, generated=generated))
    return tuple(parts)


def _joined(batches: Iterable[Batch], columns: tuple[Column, ...]) -> Iterator[Batch]:
    """Yield the same events in clusters; all are in the same memory, one after the other."""
    filled, joined = 0, {c.name: np.empty(CLUSTER_EVENTS, c.type) for c in columns}
    for batch in batches:
        start, stop = 0, len(batch[columns[0].name])
        while start < stop:
            count = min(stop - start, CLUSTER_EVENTS - filled)
            for name, values in joined.items():
                values[filled : filled + count] = batch[name][start : start + count]
            start, filled = start + count, filled + count
            if filled == CLUSTER_EVENTS:
                yield joined
                filled = 0
    if filled:
        yield {name: values[:filled] for name, values in joined.items()}


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


class _Counter:
    """Counts the events of all files and tells how many there are so far."""

    def __init__(self, progress: Progress | None) -> None:
        self.events = 0
        self._progress = progress

    def add(self, events: int) -> None:
        self.events += events
        if self._progress is not None:
            self._progress(self.events)
