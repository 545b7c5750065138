"""The manifest of a folder of chunks: which events there are, and what every file must contain.

``manifest.json`` names, for every sample, its chunk files in order, with their entries, clusters
and checksum. It is the *plan*: what a run has to process is read here and compared afterwards with
what was processed (the ledger), and a chunk is used only if its bytes still have the checksum that
stands here. Opening files to find out what they hold would lose the lost ones in silence.

Paths are relative to the manifest's folder, so that a folder can be moved or linked; a chunk that
lies on another machine has an address in their place (`tools.remote`).
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from itertools import pairwise
from os.path import normpath
from pathlib import Path
from typing import Any, get_args

import numpy as np

from tools.errors import InputError
from tools.json_file import read_json, write_json
from tools.names import listed, nearest
from tools.provenance import provenance
from tools.samples import Column, Kind, read_column
from tools.settings_table import Table, toml_key

MANIFEST_NAME = "manifest.json"
FORMAT = "xyy-manifest-1"
_DIGEST = re.compile("[0-9a-f]{32}")
_LONGEST_PATH = 4096
_MOST_ENTRIES = 2**31 - 1
"""of a part: more is no chunk"""


@dataclass(frozen=True, slots=True)
class Part:
    """One chunk file."""

    path: str
    """relative to the manifest's folder, or an address like ``root://host//store/part.root``"""
    entries: int
    clusters: tuple[int, ...]
    """entry offsets of its clusters, from 0 to `entries`"""
    bytes: int
    checksum: str
    """XXH3-128 of the file's bytes"""
    content: str = ""
    """XXH3-128 of the events, which equal events share: the file's bytes say when it was written"""


@dataclass(frozen=True, slots=True)
class Source:
    """A file that a sample was made from."""

    name: str
    """without its folder"""
    bytes: int
    digest: str
    """XXH3-128 of the file's bytes"""


@dataclass(frozen=True, slots=True)
class Stored:
    """One column of the chunks of a sample with lists of photons."""

    name: str
    """of the branch, like ``photons.pt`` or ``run``"""
    type: str
    """NumPy's name for it"""
    unit: str
    """``"GeV"``, ``"rad"``, ``"1"``; ``""`` where the layout does not say"""
    source: str
    """the column of the source files that it is made of; several, with commas"""


@dataclass(frozen=True, slots=True)
class Refused:
    """A file that a sample should have been made from, too, and could not be."""

    name: str
    """without its folder"""
    reason: str


@dataclass(frozen=True, slots=True)
class SampleChunks:
    """The chunks of one sample."""

    kind: Kind
    parts: tuple[Part, ...]
    sources: tuple[Source, ...] = ()
    """empty for events that were generated as chunks"""
    content: str = ""
    """digest of what the events are: of the sources, or of the generator's settings"""
    generated: bool = False
    """made up by `xyy generate`, converted from its files or not: every output says so"""
    mass_GeV: float | None = None
    cross_section_pb: float | None = None
    filter_efficiency: float | None = None
    layout: str = ""
    """of the source files, where the events hold lists of photons; empty for flat events"""
    stored: tuple[Stored, ...] = ()
    """the columns of such events; flat ones have those of the manifest"""
    refused: tuple[Refused, ...] = ()
    """files that were left out"""
    sum_of_weights: float | None = None
    """of all events that were generated for its files, where each of them tells that"""

    @property
    def entries(self) -> int:
        """Number of events."""
        return sum(part.entries for part in self.parts)


@dataclass(frozen=True, slots=True)
class Manifest:
    """The content of one ``manifest.json``."""

    folder: Path
    """where it lies"""
    columns: tuple[Column, ...]
    samples: Mapping[str, SampleChunks]

    @property
    def generated(self) -> list[str]:
        """The simulated samples that are not real; data are called by their universe."""
        simulated = (name for name, chunks in self.samples.items() if chunks.kind != "data")
        return [name for name in simulated if self.samples[name].generated]

    def with_sample(self, name: str, chunks: SampleChunks) -> "Manifest":
        """Return a manifest that also holds `chunks`, in place of a sample of the same name."""
        return replace(self, samples={**self.samples, name: chunks})

    def only(self, names: Sequence[str]) -> "Manifest":
        """Return a manifest that holds these samples alone.

        Raises
        ------
        InputError
            If one of them is not in it.
        """
        for name in names:
            if name not in self.samples:
                known = listed(self.samples)
                raise InputError(
                    f"{self.folder} has no sample {name!r}{nearest(name, self.samples)}; "
                    f"it holds: {known}"
                )
        return replace(self, samples={name: self.samples[name] for name in names})

    def write(self) -> Path:
        """Write ``manifest.json``, whole or not at all, and return its path."""
        path = self.folder / MANIFEST_NAME
        document = {
            "format": FORMAT,
            "columns": [asdict(column) for column in self.columns],
            "samples": {
                name: {**asdict(chunks), "entries": chunks.entries}
                for name, chunks in self.samples.items()
            },
            "provenance": provenance(),
        }
        write_json(path, document)
        return path


_COLUMN, _PART, _SOURCE, _STORED, _REFUSED = (
    [f.name for f in fields(kind)] for kind in (Column, Part, Source, Stored, Refused)
)
_SAMPLE = [*(field.name for field in fields(SampleChunks)), "entries"]


def read_manifest(path: Path) -> Manifest:
    """Read a manifest, given its path or its folder.

    Raises
    ------
    InputError
        If it is missing, is not a manifest of this version, or an entry makes no sense: the message
        has the file and the entry.
    """
    path = _manifest_path(path)
    document = Table(read_json(path, made_by="xyy convert"), f"{path}")
    if document.content.get("format") != FORMAT:
        raise InputError(f"{path} is not a manifest ({FORMAT}); make it with `xyy convert`")
    try:
        document.only(("format", "columns", "samples", "provenance"))
        samples = document.tables("samples", _SAMPLE)
        manifest = Manifest(
            folder=path.parent,
            columns=tuple(_column(entry) for entry in document.listed("columns", _COLUMN, least=0)),
            samples={name: _sample(entry) for name, entry in samples.items()},
        )
        _refuse_repeats(manifest, path)
    except InputError as error:
        raise InputError(f"{error}; make it with `xyy convert`") from None
    return manifest


def _manifest_path(place: Path) -> Path:
    """Return the path of the manifest that a user names by it, or by its folder."""
    path = place / MANIFEST_NAME if place.is_dir() else place
    inside = place.parent.parent if place.is_file() else place.parent
    if (path.suffix != ".json" or not path.is_file()) and (inside / MANIFEST_NAME).is_file():
        raise InputError(f"{place} is a part of converted events; name their folder, {inside}")
    return path


def manifest_for(folder: Path, columns: tuple[Column, ...]) -> Manifest:
    """Return the manifest of `folder`, or an empty one if there is none yet.

    Raises
    ------
    InputError
        If the samples there have other columns, or the manifest cannot be read.
    """
    if not (folder / MANIFEST_NAME).exists():
        return Manifest(folder=folder, columns=columns, samples={})
    manifest = read_manifest(folder)
    if manifest.columns != columns:
        raise InputError(
            f"{folder / MANIFEST_NAME} declares other columns; choose another folder or remove it"
        )
    return manifest


def _column(entry: Table) -> Column:
    return read_column(entry.text("name"), entry.without("name"))


def _sample(entry: Table) -> SampleChunks:
    """Read a sample; how many events it has in all is told again, and has to agree."""
    parts = tuple(_part(part) for part in entry.listed("parts", _PART))
    kind: Any = entry.choice("kind", get_args(Kind))
    sample = SampleChunks(
        kind,
        parts,
        tuple(_source(source) for source in entry.listed("sources", _SOURCE, least=0)),
        entry.text("content"),
        entry.boolean("generated"),
        entry.number_or_none("mass_GeV", 0),
        entry.number_or_none("cross_section_pb", 0),
        entry.number_or_none("filter_efficiency", 0, 1),
        entry.text("layout") if "layout" in entry.content else "",
        tuple(_stored(each) for each in _some(entry, "stored", _STORED)),
        tuple(
            Refused(each.text("name"), each.text("reason"))
            for each in _some(entry, "refused", _REFUSED)
        ),
        entry.number_or_none("sum_of_weights") if "sum_of_weights" in entry.content else None,
    )
    if entry.integer("entries", 1) != sample.entries:
        raise InputError(
            f"{entry.where}, entries: {entry.content['entries']:,}, where the parts have "
            f"{sample.entries:,}"
        )
    return sample


def _some(entry: Table, key: str, keys: Sequence[str]) -> Iterable[Table]:
    """Return the tables of a list that manifests of flat events once had not."""
    return entry.listed(key, keys, least=0) if key in entry.content else ()


def _part(entry: Table) -> Part:
    part = Part(
        entry.words("path", _LONGEST_PATH),
        entry.integer("entries", 1, _MOST_ENTRIES),
        tuple(entry.integers("clusters")),
        entry.integer("bytes", 1),
        _digest(entry, "checksum"),
        _digest(entry, "content"),
    )
    edges = part.clusters
    if edges[0] != 0 or edges[-1] != part.entries or any(a >= b for a, b in pairwise(edges)):
        raise InputError(
            f"{entry.where}, clusters: they must rise from 0 to {part.entries:,}, the entries"
        )
    return part


def _source(entry: Table) -> Source:
    return Source(entry.text("name"), entry.integer("bytes", 0), _digest(entry, "digest"))


def _stored(entry: Table) -> Stored:
    kind = entry.text("type")
    try:
        np.dtype(kind)
    except TypeError:
        raise InputError(f"{entry.where}, type: {kind[:40]!r} is no type of numbers") from None
    return Stored(entry.text("name"), kind, entry.text("unit"), entry.text("source"))


def _digest(entry: Table, key: str) -> str:
    """Read a digest, or the empty text of what has none."""
    text = entry.text(key)
    if text and not _DIGEST.fullmatch(text):
        raise InputError(f"{entry.where}, {key}: write 32 hexadecimal digits, not {text[:40]!r}")
    return text


def _refuse_repeats(manifest: Manifest, path: Path) -> None:
    """Refuse events that would count twice: the same file, or a copy of it in the same sample."""
    owners: dict[str, str] = {}
    for name, chunks in manifest.samples.items():
        for index, part in enumerate(chunks.parts):
            where = f"samples.{toml_key(name)}.parts[{index}]"
            marks = (normpath(part.path), f"{name}: {part.checksum}", f"{name}: {part.content}")
            for mark in marks if part.content else marks[:2]:
                owner = owners.setdefault(mark, where)
                if owner != where:
                    raise InputError(
                        f"{path}, [{where}]: the events of {part.path} are those of [{owner}] and "
                        "would count twice"
                    )
