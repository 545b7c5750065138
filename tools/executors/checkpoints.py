"""Checkpoints that cannot lie: what a work item gave, kept for as long as it can be of use.

A run that was interrupted, that lost a chunk, or whose sources have changed since, need not process
the other chunks again. What it must never do is to take the histograms of another cut, another file
or another NumPy for today's: a checkpoint has the digest of *all* that it was made from as its name
and in its content.

========================  =========================================================================
part of the key           so that
========================  =========================================================================
code and settings         a changed cut or binning uses none; blind data never meet open ones
digest of the events      one changed row of a source is seen, and the time of conversion is not
entries, first entry      chunk sizes do not mix, and an event stays in its half of the sample
sample and kind           equal events of two samples are two results
versions of libraries     histograms of two versions are never added up (in the content alone:
                          the worker's own, which only the worker knows)
========================  =========================================================================

**What is kept** is what the plan of the stage would use if it were done again: no more, so that the
folder holds one checkpoint for a chunk and stage, and no less, so that one changed row of a source
costs one chunk after a finished run as well. Everything else is removed *before* a stage begins,
and not at its end, for the sake of blindness: a folder that is blind again (another freeze, no
unblinding any more) plans blind data, whose keys are others, so that what its open data gave is
gone before anything is filled, however the run ends. (Another analysis in its place, ``--force``,
begins with an empty folder.) What an unusable checkpoint held - another cut, another content of a
chunk - goes the same way, and so does what is to be processed anew, without ``--resume``.

A checkpoint is a zip archive (``about.json`` and `tools.executors.sparse`'s bytes) that ends with
the digest of everything before, in the place of the archive's comment. It is written to a temporary
name and renamed, without waiting for the disk: a file that a power cut tears is recognised by that
digest before anything in it is decoded, and not used. coffea's own checkpoints ignore the processor
and unpickle what they read.
"""

import contextlib
import io
import json
import re
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import xxhash

from tools.atomic import replacing
from tools.digests import digest_text
from tools.executors.sparse import Layout, decode, encode
from tools.executors.work import is_list, stored_of
from tools.folders import make_folder

if TYPE_CHECKING:
    from coffea.processor.executor import WorkItem

FORMAT = "xyy-checkpoint-2"
_LIBRARIES = ("awkward", "boost_histogram", "coffea", "hist", "numpy", "uproot")
_ABOUT, _CONTENT = "about.json", "histograms.bin"
_DIGEST = 32
"""characters of the digest at the end of the file"""


def versions() -> str:
    """Return the versions, in this process, of the libraries that read events and fill."""
    return " ".join(f"{name}-{import_module(name).__version__}" for name in _LIBRARIES)


@dataclass(frozen=True, slots=True)
class Checkpoints:
    """The checkpoints of one stage; goes to the workers, which read and write them."""

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
    stage: str = "process"
    """whose; each removes its own"""
    read: bool = True
    write: bool = True

    def keep_only(self, items: Iterable["WorkItem"]) -> None:
        """Remove the checkpoints of this stage that are not those of `items`.

        Raises
        ------
        OSError
            If one of them cannot be removed: it may be of open data, in a folder that is blind now.
        """
        kept = {self._path(item) for item in items}
        for path in _ours(self.folder, self.stage):
            if path not in kept:
                path.unlink()

    @contextlib.contextmanager
    def folder_made(self) -> Iterator[None]:
        """Have the folder while the block runs, if it will be written to; afterwards if needed."""
        if self.write:
            make_folder(self.folder)
        try:
            yield
        finally:
            with contextlib.suppress(OSError):  # it holds something, or is not there
                self.folder.rmdir()

    def key(self, item: "WorkItem") -> str:
        """Return the digest of everything that the output of an item depends on, versions apart."""
        about = item.usermeta or {}
        events = about["part"]["content"] or about["part"]["checksum"]
        entries = (about["first_entry"], item.entrystart, item.entrystop)
        return digest_text(
            FORMAT,
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
            about, histograms = _unpacked(self._path(item).read_bytes())
            if (about["key"], about["versions"]) != (key, versions()):
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
        layouts, histograms = encode(_only(out, item))
        about = {
            "format": FORMAT,
            "key": self.key(item),
            "sample": item.dataset,
            "file": item.filename,
            "entries": [item.entrystart, item.entrystop],
            "versions": versions(),
            "histograms": [asdict(layout) for layout in layouts],
        }
        with replacing(self._path(item), flush=False) as temporary:
            temporary.write_bytes(_packed(about, histograms))

    def _nothing(self, item: "WorkItem") -> dict[str, Any]:
        """Return the empty histograms of an item: the processor's own, for no events."""
        columns = {
            name: _no_lists(kind) if is_list(name) else np.empty(0, kind)
            for name, kind in (stored_of(item) or self.columns).items()
        }
        about = {"dataset": item.dataset, "kind": (item.usermeta or {})["kind"]}
        nothing: dict[str, Any] = self.processor.process(self.schema.events(columns, about))
        return nothing

    def _path(self, item: "WorkItem") -> Path:
        return self.folder / f"{self.stage}-{self.key(item)}.zip"


def _no_lists(kind: str) -> Any:
    """Return an array of no lists of numbers."""
    import awkward as ak

    return ak.unflatten(np.empty(0, kind), np.empty(0, np.int64))


def clear(folder: Path) -> None:
    """Remove all checkpoints in a folder, and the folder if it holds nothing else."""
    for path in _ours(folder, r"\w+"):
        path.unlink(missing_ok=True)
    with contextlib.suppress(OSError):  # it holds something, or is not there
        folder.rmdir()


def _ours(folder: Path, stage: str) -> Iterator[Path]:
    """Yield the checkpoints in a folder: those of a stage, a pattern of its name."""
    name = re.compile(rf"{stage}-[0-9a-f]{{32}}\.zip")
    return (path for path in folder.glob("*.zip") if name.fullmatch(path.name))


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
