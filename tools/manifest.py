"""The manifest of a folder of chunks: which events there are, and what every file must contain.

``manifest.json`` names, for every sample, its chunk files in order, with their entries, clusters
and checksum. It is the *plan*: what a run has to process is read here and compared afterwards with
what was processed (the ledger), and a chunk is used only if its bytes still have the checksum that
stands here. Opening files to find out what they hold would lose the lost ones in silence.

Paths are relative to the manifest's folder, so that a folder can be moved or linked; a chunk that
lies on another machine has an address in their place (`tools.remote`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from tools.errors import InputError
from tools.names import nearest
from tools.samples import Axis, Column, Kind
from tools.storage import provenance, read_json, write_json

MANIFEST_NAME = "manifest.json"
FORMAT = "xyy-manifest-1"


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
                known = ", ".join(self.samples)
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


def read_manifest(path: Path) -> Manifest:
    """Read a manifest, given its path or its folder.

    Raises
    ------
    InputError
        If it is missing or is not a manifest of this version.
    """
    path = path / MANIFEST_NAME if path.is_dir() else path
    document = read_json(path, made_by="xyy convert")
    if document.get("format") != FORMAT:
        raise InputError(f"{path} is not a manifest ({FORMAT}); make it with `xyy convert`")
    try:
        return Manifest(
            folder=path.parent,
            columns=tuple(
                Column(**{**entry, "axis": Axis(**entry["axis"])}) for entry in document["columns"]
            ),
            samples={name: _sample(entry) for name, entry in document["samples"].items()},
        )
    except (AttributeError, KeyError, TypeError) as error:
        raise InputError(f"{path} is damaged ({error}); make it with `xyy convert`") from None


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


def _sample(entry: dict[str, Any]) -> SampleChunks:
    fields = {key: value for key, value in entry.items() if key != "entries"}
    fields["parts"] = tuple(
        Part(**{**part, "clusters": tuple(part["clusters"])}) for part in entry["parts"]
    )
    fields["sources"] = tuple(Source(**source) for source in entry["sources"])
    return SampleChunks(**fields)
