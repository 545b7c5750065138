"""Checkpoints that cannot lie: what a work item gave, kept until the run is complete.

A run that was interrupted, or that lost a chunk, need not process the others again. What it must
never do is to take the histograms of another cut, another file or another NumPy for today's: a
checkpoint has the digest of *all* that it was made from as its name and in its content.

========================  =========================================================================
part of the key           so that
========================  =========================================================================
code and settings         a changed cut or binning uses none; blind data never meet open ones
versions of libraries     histograms of two versions are never added up (of the worker's own)
digest of the events      one changed row of a source is seen, and the time of conversion is not
entries, first entry      chunk sizes do not mix, and an event stays in its half of the sample
sample and kind           equal events of two samples are two results
========================  =========================================================================

A checkpoint is a zip archive (``about.json`` and `tools.executors.sparse`'s bytes) that ends with
the digest of everything before, in the place of the archive's comment. It is written to a temporary
name and renamed, without waiting for the disk: a file that a power cut tears is recognised by that
digest before anything in it is decoded, and not used. coffea's own checkpoints ignore the processor
and unpickle what they read.
"""

import io
import json
import shutil
import uuid
import zipfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import xxhash

from tools.executors.sparse import Layout, decode, encode
from tools.storage import digest_text

if TYPE_CHECKING:
    from coffea.processor.executor import WorkItem

FORMAT = "xyy-checkpoint-1"
_LIBRARIES = ("awkward", "boost_histogram", "coffea", "hist", "numpy", "uproot")
_ABOUT, _CONTENT = "about.json", "histograms.bin"
_DIGEST = 32
"""characters of the digest at the end of the file"""


def versions() -> str:
    """Return the versions, in this process, of the libraries that read events and fill."""
    return " ".join(f"{name}-{import_module(name).__version__}" for name in _LIBRARIES)


@dataclass(frozen=True, slots=True)
class Checkpoints:
    """The checkpoints of one run; goes to the workers, which read and write them."""

    folder: Path
    """absolute; a worker that does not see it goes without"""
    made_by: Mapping[str, str]
    """digest of the processor's code and settings, by the kind of the sample"""
    processor: Any
    """says which histograms there are"""
    schema: Any
    """its ``events(columns, metadata)`` makes the processor's events of arrays"""
    columns: Mapping[str, str]
    """name and type of the events' columns"""
    read: bool = True
    write: bool = True

    def prepare(self) -> None:
        """Make the folder if it will be written to; empty it first unless it will be read."""
        if not self.read:
            clear(self.folder)
        if self.write:
            self.folder.mkdir(parents=True, exist_ok=True)

    def key(self, item: "WorkItem") -> str:
        """Return the digest of everything that the output of an item depends on."""
        about = item.usermeta or {}
        events = about["part"]["content"] or about["part"]["checksum"]
        entries = (about["first_entry"], item.entrystart, item.entrystop)
        return digest_text(
            FORMAT,
            versions(),
            self.made_by[about["kind"]],
            item.dataset,
            about["kind"],
            events,
            *map(str, entries),
        )

    def load(self, item: "WorkItem") -> dict[str, Any] | None:
        """Return what the processor gave for an item, or None if that is not known for certain."""
        try:
            key = self.key(item)
            about, histograms = _unpacked(self._path(key).read_bytes())
            if about["key"] != key:
                return None
            out = self._nothing(item)
            decode((Layout(**entry) for entry in about["histograms"]), histograms, _only(out, item))
        except Exception:  # noqa: BLE001 - whatever is wrong with it, the chunk is there
            return None
        return out

    def save(self, item: "WorkItem", out: Mapping[str, Any]) -> None:
        """Keep what the processor gave for an item.

        Raises
        ------
        OSError
            If it cannot be written.
        """
        key = self.key(item)
        layouts, histograms = encode(_only(out, item))
        about = {
            "format": FORMAT,
            "key": key,
            "sample": item.dataset,
            "file": item.filename,
            "entries": [item.entrystart, item.entrystop],
            "versions": versions(),
            "histograms": [asdict(layout) for layout in layouts],
        }
        path = self._path(key)
        temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}.tmp")
        try:
            temporary.write_bytes(_packed(about, histograms))
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)

    def _nothing(self, item: "WorkItem") -> dict[str, Any]:
        """Return the empty histograms of an item: the processor's own, for no events."""
        columns = {name: np.empty(0, kind) for name, kind in self.columns.items()}
        about = {"dataset": item.dataset, "kind": (item.usermeta or {})["kind"]}
        nothing: dict[str, Any] = self.processor.process(self.schema.events(columns, about))
        return nothing

    def _path(self, key: str) -> Path:
        return self.folder / f"{key}.zip"


def clear(folder: Path) -> None:
    """Remove a folder of checkpoints, if it is there."""
    shutil.rmtree(folder, ignore_errors=True)


def _only(out: Mapping[str, Any], item: "WorkItem") -> Mapping[str, Any]:
    """Return the histograms of an item's sample, the only one in what its processor gave."""
    ((sample, histograms),) = out.items()
    if sample != item.dataset:
        raise ValueError(f"the processor gave histograms of {sample} for {item.dataset}")
    named: Mapping[str, Any] = histograms
    return named


def _packed(about: Mapping[str, Any], histograms: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(zipfile.ZipInfo(_ABOUT), json.dumps(about, indent=1))
        archive.writestr(zipfile.ZipInfo(_CONTENT), histograms)
        archive.comment = b"0" * _DIGEST
    content = buffer.getvalue()[:-_DIGEST]
    return content + _digest(content)


def _unpacked(content: bytes) -> tuple[dict[str, Any], bytes]:
    """Return what was packed.

    Raises
    ------
    ValueError
        If the bytes are not those that were written.
    """
    if _digest(content[:-_DIGEST]) != content[-_DIGEST:]:
        raise ValueError("the file is damaged")
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return json.loads(archive.read(_ABOUT)), archive.read(_CONTENT)


def _digest(content: bytes) -> bytes:
    return xxhash.xxh3_128_hexdigest(content).encode()
