"""One file to chunks: what became of it, and how flat events are written.

A file with all declared columns is read as a table of flat events (`tools.tables`). Any other has
photons in the way that one of the layouts says, and is for `tools.ntuple_conversion`. Whatever is
wrong with a file is a result, as the other files go on.

What was made of a file stays in a folder of its own, with a record of it (``done.json``): after an
interrupt, or when another file was refused, it is not made again.
"""

import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from itertools import chain, islice
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import numpy.typing as npt
import xxhash

from tools.chunks import CLUSTER_EVENTS, PART_EVENTS, verify_part, write_part
from tools.content import PARQUET, ROOT, content_kind
from tools.csvfile import read_head
from tools.declared import check_fields
from tools.errors import InputError, XyyError
from tools.folders import make_folder
from tools.good_data import GoodData
from tools.json_file import read_json, write_json
from tools.layouts import Layout, match, recognise
from tools.manifest import Part, Source, Stored
from tools.remote import RemoteError, download, is_address
from tools.samples import Catalogue, Column, Sample
from tools.settings_table import toml_key
from tools.system_errors import writing
from tools.tables import Table, open_table
from tools.values import Batch

DONE = "done.json"
FLAT = "course"
"""the layout of flat events"""
Report = Callable[[int], None]
Blocks = npt.NDArray[np.uint64]
"""Run and luminosity block of events, in the upper and the lower half."""


@dataclass(frozen=True, slots=True)
class FileTask:
    """A file to convert."""

    file: str
    """its path, or an address"""
    sample: Sample
    """that it belongs to"""
    catalogue: Catalogue
    layouts: Mapping[str, Layout]
    """those that it may have"""
    folder: Path
    """where its chunks go, for this file alone"""
    good: GoodData | None = None
    """events of other runs and luminosity blocks are left out"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Converted:
    """What a file became."""

    source: Source
    entries: int
    """events in the file"""
    layout: str
    tree: str
    generated: bool
    fields: tuple[str, ...] = ()
    """of flat events: the names of the columns, in the file's order"""
    stored: tuple[Stored, ...] = ()
    """of events with lists of photons; empty if there are none"""
    flags: tuple[str, ...] = ()
    """of the stored columns, the trigger flags"""
    parts: tuple[Part, ...] = ()
    """chunks, relative to the folder of the file"""
    blocks: tuple[int, ...] = ()
    """runs and luminosity blocks of the events, see `Blocks`; empty where the file does not tell"""
    sum_of_weights: float | None = None
    """of all events that were generated for the file, where it tells that"""
    notes: tuple[str, ...] = ()
    """choices that were made"""

    @property
    def events(self) -> int:
        """How many events are in the chunks."""
        return sum(part.entries for part in self.parts)


@dataclass(frozen=True, slots=True)
class NotConverted:
    """A file that is refused."""

    reason: str
    """one message, with file and remedy"""
    failed: bool = False
    """whether the machine, and not the file, is the reason"""


Result = Converted | NotConverted


def guarded(
    task: FileTask, work: Callable[[FileTask, Report], Converted], report: Report
) -> Result:
    """Convert a file; whatever is wrong with it is the result.

    Parameters
    ----------
    task : FileTask
    work : callable
        Does it; it finds the folder empty.
    report : callable
        Called with the number of events of the file that were read so far.
    """
    try:
        done = finished(task.folder)
        return done if done is not None else _recorded(task, work, report)
    except InputError as error:
        shutil.rmtree(task.folder, ignore_errors=True)
        named = task.file in str(error)
        return NotConverted(str(error) if named else f"{task.file}: {error}")
    except XyyError as error:
        return NotConverted(str(error), failed=True)
    except OSError as error:
        cause = error.strerror or error
        return NotConverted(f"{task.file} cannot be read ({cause}); get it again")
    except Exception as error:  # noqa: BLE001 - the other files are to be converted all the same
        what = f"{type(error).__name__}: {error}"
        return NotConverted(f"{task.file} makes xyy fail ({what}); tell its developers")


def finished(folder: Path) -> Converted | None:
    """Return what the record in a folder says, if all its chunks are there as they were written."""
    try:
        told = read_json(folder / DONE, made_by="xyy convert")
        done = _record(told)
        for part in done.parts:
            verify_part(folder / part.path, part)
    except (XyyError, KeyError, TypeError, ValueError):
        return None
    return done


def _record(told: Mapping[str, Any]) -> Converted:
    parts = [Part(**each | {"clusters": tuple(each["clusters"])}) for each in told["parts"]]
    lists = {key: tuple(told[key]) for key in ("fields", "flags", "blocks", "notes")}
    return Converted(**{
        **told, **lists, "source": Source(**told["source"]), "parts": tuple(parts),
        "stored": tuple(Stored(**each) for each in told["stored"]),
    })  # fmt: skip


def _recorded(
    task: FileTask, work: Callable[[FileTask, Report], Converted], report: Report
) -> Converted:
    """Convert a file, and put it on record; what is left of an interrupted one is removed."""
    shutil.rmtree(task.folder, ignore_errors=True)
    if is_address(task.file):
        done = _fetched(task, work, report)
    else:
        before = _state(Path(task.file))
        done = work(task, report)
        if _state(Path(task.file)) != before:
            raise InputError(f"{task.file} changed while it was read; run it again")
    write_json(task.folder / DONE, asdict(done))
    return done


def _fetched(
    task: FileTask, work: Callable[[FileTask, Report], Converted], report: Report
) -> Converted:
    """Convert a file on another machine, which lies beside its chunks meanwhile."""
    here = task.folder / "source"
    with writing(here):
        make_folder(here.parent)
    try:
        with writing(here):
            download(task.file, here)
        done = work(replace(task, file=str(here)), report)
    except RemoteError as error:
        raise InputError(str(error)) from error
    except InputError as error:
        raise InputError(str(error).replace(str(here), task.file)) from error
    finally:
        here.unlink(missing_ok=True)
    return replace(done, source=replace(done.source, name=PurePosixPath(task.file).name))


def _state(path: Path) -> tuple[int, int, int] | None:
    """Return what tells that a file was replaced or written to; None of what is none."""
    try:
        found = path.stat()
    except (OSError, ValueError):
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns


def blocks_of(events: Mapping[str, npt.NDArray[Any]]) -> Blocks:
    """Return the run and luminosity block of each event; block 0 where there is none.

    >>> blocks_of({"run": np.array([2], "u4"), "lumi": np.array([7], "u4")}).tolist() == [2**33 + 7]
    True
    """
    run = events["run"].astype(np.uint64) << np.uint64(32)
    return run | events["lumi"] if "lumi" in events else run


# ---- flat events ---------------------------------------------------------------------------------


def flat_table(task: FileTask) -> Table | None:
    """Return the file as a table of flat events, or None if it is to be read by a layout.

    Raises
    ------
    InputError
        If it is meant as such a table and is none.
    """
    if FLAT not in task.layouts:
        return None
    if len(task.layouts) == 1:
        return _checked(task)
    names = {column.name for column in task.catalogue.columns}
    path = Path(task.file)
    try:
        table = open_table(path)
    except InputError:
        if content_kind(read_head(path)) in (ROOT, PARQUET):
            return None
        raise
    there = names.intersection(table.fields)
    if names and there == names and _is_pair(task, names):
        return _checked(task)
    return _checked(task) if there and not _has_other_photons(task, table) else None


def _is_pair(task: FileTask, names: set[str]) -> bool:
    """Return whether declared columns are photons themselves."""
    return not match(task.layouts[FLAT], "", names).missing


def _has_other_photons(task: FileTask, table: Table) -> bool:
    """Return whether a table has photons as in one of the layouts for other than flat events."""
    others = {name: each for name, each in task.layouts.items() if name != FLAT}
    try:
        recognise(others, {"": table.fields})
    except InputError:
        return False
    return True


def _checked(task: FileTask) -> Table:
    table = open_table(Path(task.file))
    check_fields(task.catalogue, table.path, table.fields)
    if task.good is not None:
        raise without_blocks(task)
    return table


def without_blocks(task: FileTask) -> InputError:
    """Return the error of a file without runs and luminosity blocks, where they are needed."""
    return InputError(
        f"{task.file} does not tell run and luminosity block of its events, which `good_data` of "
        f"[samples.{toml_key(task.sample.name)}] needs; take that out, or name the columns in a "
        "layout"
    )


def convert_flat(task: FileTask, report: Report = lambda _events: None) -> Result:
    """Convert a file of flat events, as `guarded`."""
    return guarded(task, _flat, report)


def _flat(task: FileTask, report: Report) -> Converted:
    return flat_chunks(task, _checked(task), report)


def flat_chunks(task: FileTask, table: Table, report: Report) -> Converted:
    """Write the chunks of a table of flat events.

    Raises
    ------
    InputError
        If a value is refused, or there are no events.
    """
    columns, hasher = task.catalogue.columns, xxhash.xxh3_128()
    with closing(table.batches(columns, hasher)) as batches:
        parts = _flat_parts(task, table, _told(batches, report))
    if not parts:
        raise InputError(f"{table.path} holds no events; get it again or leave it out")
    size = table.path.stat().st_size
    return Converted(
        source=Source(table.path.name, size, hasher.hexdigest()), layout=FLAT, tree="",
        entries=sum(part.entries for part in parts), generated=table.generated,
        fields=table.fields, parts=tuple(parts),
    )  # fmt: skip


def _told(batches: Iterable[Batch], report: Report) -> Iterator[Batch]:
    read = 0
    for batch in batches:
        read += len(next(iter(batch.values())))
        report(read)
        yield batch


def _flat_parts(task: FileTask, table: Table, batches: Iterator[Batch]) -> list[Part]:
    columns = task.catalogue.columns
    clusters, parts = _joined(batches, columns), list[Part]()
    for cluster in clusters:
        some = chain([cluster], islice(clusters, PART_EVENTS // CLUSTER_EVENTS - 1))
        name = f"part-{len(parts):05d}.root"
        parts.append(write_part(task.folder, name, columns, some, generated=table.generated))
    return parts


def _joined(batches: Iterator[Batch], columns: tuple[Column, ...]) -> Iterator[Batch]:
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
