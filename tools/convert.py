"""`xyy convert`: event files in, validated ROOT chunks with a manifest out.

1. Each file is a task of its own, on any engine (`tools.file_conversion`): flat events are checked
   against the declared columns, photons of any other layout are found by it.
2. What the files say of each other is compared: the same content or events, the same columns.
3. When all samples are there they are put into their places together (`tools.staging`), with a
   ledger of what was read and what was refused, and why.

Files with photons are read in processes of their own: a damaged one may end the process that reads
it. A file that is refused, an interrupt or a full disk leaves the samples of the folder as they
were; files that were finished are kept for the next time.
"""

import json
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tools.code import code_digest
from tools.conversion_ledger import SampleConversion, write_ledger
from tools.declared import check_same_fields
from tools.digests import digest_file, digest_text
from tools.duplicates import refuse_repeated, refuse_shared_events
from tools.errors import InputError, XyyError
from tools.layouts import known_layouts
from tools.manifest import Manifest, Refused, SampleChunks, Stored, manifest_for
from tools.remote import is_address
from tools.samples import Catalogue, Column, Sample
from tools.staging import commit, moved, refuse_other_files, staging_folder

if TYPE_CHECKING:
    from tools.executors import Session
    from tools.file_conversion import Converted, FileTask, NotConverted

    Result = Converted | NotConverted

Progress = Callable[[int], None]
"""Called with the number of events that were read so far."""
FILES = ".xyy.files"
"""folder of what was made of single files, until all are there"""
_DIED = (
    "the process that read it was ended by it, or by the system for want of memory; get it again, "
    "and see that there is enough memory"
)


def convert(
    catalogue: Catalogue,
    inputs: Sequence[tuple[str | None, Path | str]],
    out: Path,
    *,
    layout: str | None = None,
    skip_damaged: bool = False,
    session: "Session | None" = None,
    progress: Progress | None = None,
) -> Manifest:
    """Convert event files to chunks in `out`, all of them or none.

    The caller holds `out` with `tools.locks.one_writer` if anything else could write there.

    Parameters
    ----------
    catalogue : Catalogue
        The declared samples, columns and layouts.
    inputs : sequence of (str or None, Path or str)
        Files or addresses, each with its sample's name, or None for the sample whose `files`
        patterns match. Files of one sample follow each other in the order given.
    out : Path
        Folder of the chunks. Samples that it has already are replaced or kept.
    layout : str, optional
        Of all files; found by their columns unless given.
    skip_damaged : bool
        Leave out files that are refused: the manifest and the ledger list them.
    session : Session, optional
        On which engine; one file after the other unless given.
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
    samples = [
        (catalogue.sample_of_file(path) if name is None else catalogue.sample(name), path)
        for name, path in inputs
    ]
    _refuse_twice(samples)
    _refuse_own_place(out, samples)
    manifest = manifest_for(out, catalogue.columns)
    refuse_other_files(out, {sample.name for sample, _ in samples})
    with staging_folder(out) as folder:
        tasks = _tasks(catalogue, samples, out / FILES, layout)
        results = _results(tasks, session, progress)
        if not skip_damaged:
            _refuse_refused(results)
        by_sample = _by_sample(samples, tasks, results)
        staged = {
            name: _chunks(catalogue, catalogue.sample(name), files, folder)
            for name, files in by_sample.items()
        }
        refuse_repeated({**manifest.samples, **staged})
        done = commit(manifest, staged)
        write_ledger(out, {name: _told(files) for name, files in by_sample.items()})
    shutil.rmtree(out / FILES, ignore_errors=True)
    return done


def chunks_key(catalogue: Catalogue, sample: Sample, files: Sequence[Path]) -> str:
    """Return a digest of all that the chunks of `sample`, made from `files`, would be.

    It depends on the bytes of the files and their order, on the declared columns, the layouts and
    on what the manifest says about the sample; not on the files' names and places.

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
    layouts = repr(known_layouts(catalogue.layouts, catalogue.path))
    return digest_text(sample.name, json.dumps(_about(sample), sort_keys=True), content, layouts)


def _content(columns: tuple[Column, ...], digests: Iterable[str], *layouts: str) -> str:
    declared = json.dumps([asdict(column) for column in columns], sort_keys=True)
    return digest_text("xyy-convert-1", declared, *layouts, *digests)


def _about(sample: Sample) -> dict[str, Any]:
    """Return what the manifest says about a sample, apart from its chunks."""
    return {
        "kind": sample.kind,
        "mass_GeV": sample.mass_GeV,
        "cross_section_pb": sample.cross_section_pb,
        "filter_efficiency": sample.filter_efficiency,
    }


# ---- before --------------------------------------------------------------------------------------


def _refuse_twice(named: Iterable[tuple[Sample, Path | str]]) -> None:
    """Refuse a file that is given twice before anything is read."""
    given: dict[str, str] = {}
    for sample, path in named:
        # A loop of links is told of when it is opened.
        place = str(path) if is_address(str(path)) else os.path.realpath(path)
        if place in given:
            raise InputError(
                f"{path} is given twice, for {given[place]} and for {sample.name}: every event "
                "would count twice; name it once"
            )
        given[place] = sample.name


def _refuse_own_place(out: Path, named: Iterable[tuple[Sample, Path | str]]) -> None:
    """Refuse files that lie where their own chunks would go, in place of them."""
    for sample, path in named:
        with suppress(OSError, RuntimeError):  # told of when it is opened
            if (out / sample.name).resolve() in Path(path).resolve().parents:
                raise InputError(
                    f"{path} would be replaced by the chunks of {sample.name}; choose another --out"
                )


def _tasks(
    catalogue: Catalogue,
    samples: Iterable[tuple[Sample, Path | str]],
    folder: Path,
    layout: str | None,
) -> "list[FileTask]":
    from tools.file_conversion import FileTask

    layouts = known_layouts(catalogue.layouts, catalogue.path, layout)
    code = code_digest("tools.file_conversion")
    about = digest_text(code, repr(layouts), repr(catalogue.columns))
    return [
        FileTask(str(path), sample, catalogue, layouts, folder / _key(about, sample, path))
        for sample, path in samples
    ]


def _key(about: str, sample: Sample, path: Path | str) -> str:
    """Return a name for what is made of a file; another one if it was written to since."""
    state: tuple[object, ...] = ()
    with suppress(OSError, ValueError):
        found = Path(path).stat()
        state = found.st_size, found.st_mtime_ns, found.st_ino
    return digest_text(about, repr(sample), os.path.realpath(path), repr(state))[:16]


# ---- the files -----------------------------------------------------------------------------------


def _results(
    tasks: "Sequence[FileTask]", session: "Session | None", progress: Progress | None
) -> "list[Result]":
    """Return what became of each file.

    Raises
    ------
    XyyError
        If the machine fails, and not a file.
    """
    from tools.file_conversion import NotConverted

    results: dict[int, Result] = {}
    read = _Reader(progress)
    for number, result in _done(tasks, session, read):
        if isinstance(result, NotConverted) and result.failed:
            raise XyyError(result.reason)
        ended = NotConverted(f"{tasks[number].file}: {_DIED}")
        results[number] = ended if result is None else result
        read.finished(result)
    return [results[number] for number in range(len(tasks))]


def _done(
    tasks: "Sequence[FileTask]", session: "Session | None", read: "_Reader"
) -> "Iterator[tuple[int, Result | None]]":
    """Yield numbers of files and what became of them; None where its process was ended."""
    from tools.executors import Execution, Session, survived
    from tools.file_conversion import FileTask, convert_file, is_tame

    session = session or Session(Execution())
    left = list(range(len(tasks)))
    if session.execution.engine == "iterative" or len(tasks) == 1:
        # In this process, which saves the start of another, what cannot end it.
        for number in [n for n in left if is_tame(tasks[n])]:
            yield number, convert_file(tasks[number], read.add)
            left.remove(number)
    there = [tasks[number] for number in left]
    for which, result in survived(
        convert_file, there, session, what="convert", classes=(FileTask,)
    ):
        yield left[which], result


class _Reader:
    """Tells how many events of all files were read so far."""

    def __init__(self, progress: Progress | None) -> None:
        self._progress, self._events = progress, 0

    def add(self, events: int) -> None:
        """Tell of events of a file that is not finished."""
        if self._progress is not None:
            self._progress(self._events + events)

    def finished(self, result: "Result | None") -> None:
        """Count a file."""
        self._events += getattr(result, "entries", 0)
        self.add(0)


def _refuse_refused(results: "Iterable[Result]") -> None:
    from tools.file_conversion import NotConverted

    results = list(results)
    refused = [each.reason for each in results if isinstance(each, NotConverted)]
    if not refused:
        return
    if len(results) == 1:
        raise InputError(refused[0])
    told = "\n".join(refused)
    raise InputError(
        told
        if len(refused) == 1
        else f"{len(refused)} of {len(results)} files are refused:\n{told}"
    )


# ---- all together --------------------------------------------------------------------------------


def _by_sample(
    samples: Iterable[tuple[Sample, Path | str]],
    tasks: "Sequence[FileTask]",
    results: "Sequence[Result]",
) -> "dict[str, list[tuple[FileTask, Result]]]":
    found: dict[str, list[tuple[FileTask, Result]]] = {}
    for (sample, _), task, result in zip(samples, tasks, results, strict=True):
        found.setdefault(sample.name, []).append((task, result))
    return found


def _chunks(
    catalogue: Catalogue,
    sample: Sample,
    files: "Sequence[tuple[FileTask, Result]]",
    folder: Path,
) -> SampleChunks:
    """Compare the files of a sample with each other, and join their chunks below `folder`."""
    from tools.file_conversion import Converted, NotConverted

    good = [(task, each) for task, each in files if isinstance(each, Converted)]
    if not any(each.events for _, each in good):
        raise InputError(_nothing(sample, files))
    stored = _compared(sample, good)
    refuse_shared_events(sample, good)
    parts = tuple(
        moved(task.folder, part, folder, sample.name, number)
        for number, (task, part) in enumerate((t, part) for t, each in good for part in each.parts)
    )
    first, sums = good[0][1], [each.sum_of_weights for _, each in good]
    told = [total for total in sums if total is not None]
    layouts = [repr(good[0][0].layouts)] if stored else []
    digests = [each.source.digest for _, each in good]
    return SampleChunks(
        parts=parts, sources=tuple(each.source for _, each in good),
        content=_content(catalogue.columns, digests, *layouts),
        generated=first.generated, layout=first.layout if stored else "", stored=stored,
        refused=tuple(
            Refused(Path(task.file).name, each.reason)
            for task, each in files if isinstance(each, NotConverted)
        ),
        sum_of_weights=sum(told) if len(told) == len(sums) else None,
        **_about(sample),
    )  # fmt: skip


def _nothing(sample: Sample, files: "Sequence[tuple[FileTask, Result]]") -> str:
    """Say why there are no events for a sample."""
    from tools.file_conversion import NotConverted

    reasons = [each.reason for _, each in files if isinstance(each, NotConverted)]
    names = ", ".join(task.file for task, _ in files)
    told = [*reasons, f"{names}: no events for the sample {sample.name}; name files that have some"]
    return "\n".join(told)


def _compared(sample: Sample, files: "Sequence[tuple[FileTask, Converted]]") -> tuple[Stored, ...]:
    """Return the columns that all files with events have; flags alone may be missing in some."""
    (task, first), *others = [(task, each) for task, each in files if each.events]
    common = {each.name: each for each in first.stored}
    flags = set(first.flags)
    for other, each in others:
        _refuse_mixed(sample.name, (task.file, first), (other.file, each))
        check_same_fields(
            sample.name, Path(task.file), Path(other.file), fields=(first.fields, each.fields)
        )
        types = {column.name: column.type for column in each.stored}
        flags |= set(each.flags)
        for name in (common.keys() ^ types.keys()) - flags:
            raise InputError(
                f"{task.file} and {other.file}, both of {sample.name}: only one of them has the "
                f"column of {name}; write them alike, or make two samples of them"
            )
        for name, column in common.items():
            if types.get(name, column.type) != column.type:
                raise InputError(
                    f"{task.file} and {other.file}, both of {sample.name}: {name} is {column.type} "
                    f"and {types[name]}; write them alike, or make two samples of them"
                )
        common = {name: column for name, column in common.items() if name in types}
    return tuple(common.values())


def _refuse_mixed(
    sample: str, first: "tuple[str, Converted]", second: "tuple[str, Converted]"
) -> None:
    """Refuse events of two kinds in one sample: nobody could tell them apart again."""
    (one, first_done), (other, second_done) = first, second
    if first_done.generated != second_done.generated:
        made, real = (one, other) if first_done.generated else (other, one)
        raise InputError(
            f"{made} and {real}, both of {sample}: only the first was generated by xyy; "
            "use one or the other"
        )
    if bool(first_done.stored) != bool(second_done.stored):
        raise InputError(
            f"{one} and {other}, both of {sample}: one is flat and the other has lists of photons; "
            "make two samples of them"
        )


def _told(files: "Sequence[tuple[FileTask, Result]]") -> SampleConversion:
    return SampleConversion.of([(task.file, result) for task, result in files])
