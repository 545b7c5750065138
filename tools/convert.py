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

import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from tools.code import code_digest
from tools.conversion_ledger import CONVERSION, SampleConversion, write_ledger
from tools.declared import check_same_fields
from tools.digests import digest_text
from tools.duplicates import refuse_repeated, refuse_shared_events
from tools.errors import InputError, XyyError
from tools.file_conversion import (
    DONE,
    Converted,
    FileTask,
    NotConverted,
    Result,
    convert_flat,
    flat_table,
)
from tools.foreign import refuse_foreign
from tools.good_data import read_good_data
from tools.layouts import known_layouts
from tools.manifest import Manifest, manifest_for
from tools.remote import is_address
from tools.sample_chunks import chunk_files, refuse_mixed, sample_chunks
from tools.samples import Catalogue, Sample
from tools.staging import commit, move_chunks, refuse_other_files, staging_folder
from tools.tables import Table

if TYPE_CHECKING:
    from tools.executors import Session

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
    start: "Callable[[], Session] | None" = None,
    progress: Progress | None = None,
    log: Callable[[str], None] = lambda _line: None,
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
    start : callable, optional
        Returns a session with the engine, once it is needed; one file after the other unless given.
    progress : callable, optional
        See `Progress`. What it raises ends the conversion.
    log : callable
        Called with what was chosen where a file leaves a choice.

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
    samples = [(_sample(catalogue, name, path), path) for name, path in inputs]
    _refuse_twice(samples)
    _refuse_own_place(out, samples)
    manifest = manifest_for(out, catalogue.columns)
    refuse_other_files(out, {sample.name for sample, _ in samples})
    refuse_foreign(out, (CONVERSION,))
    with staging_folder(out) as folder, _kept(out / FILES):
        tasks = _tasks(catalogue, samples, out / FILES, layout)
        results = _results(tasks, start, progress)
        if not skip_damaged:
            _refuse_refused(results)
        _tell(tasks, results, log)
        return _committed(catalogue, manifest, _by_sample(tasks, results), folder)


def _sample(catalogue: Catalogue, name: str | None, path: Path | str) -> Sample:
    if name is None:
        return catalogue.sample_of_file(path)
    if name not in catalogue.samples and str(path) in catalogue.samples:
        raise InputError(
            f"{name}={path}: the sample stands before the equals sign; write {path}={name}"
        )
    return catalogue.sample(name)


@contextmanager
def _kept(folder: Path) -> Iterator[None]:
    """Have a folder, of which files that were finished are left if the block fails."""
    if folder.is_symlink():  # of somebody who wants our files elsewhere: what is there is theirs
        folder.unlink()
    try:
        folder.mkdir(exist_ok=True)
        yield
    except BaseException:
        unfinished = [each for each in folder.glob("*") if not (each / DONE).is_file()]
        for each in unfinished:
            shutil.rmtree(each, ignore_errors=True)
        with suppress(OSError):  # it holds something
            folder.rmdir()
        raise
    shutil.rmtree(folder, ignore_errors=True)


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
) -> list[FileTask]:
    layouts = known_layouts(catalogue.layouts, catalogue.path, layout)
    code = code_digest("tools.ntuple_conversion")
    about = digest_text(code, repr(layouts), repr(catalogue.columns))
    samples = list(samples)
    lists = {each.good_data for each, _ in samples}
    good = {path: None if path is None else read_good_data(path) for path in lists}
    return [
        FileTask(
            str(path), sample, catalogue, layouts,
            folder / _key(digest_text(about, repr(good[sample.good_data])), sample, path),
            good[sample.good_data],
        )
        for sample, path in samples
    ]  # fmt: skip


def _key(about: str, sample: Sample, path: Path | str) -> str:
    """Return a name for what is made of a file; another one if it was written to since."""
    state: tuple[object, ...] = ()
    with suppress(OSError, ValueError):
        found = Path(path).stat()
        state = found.st_size, found.st_mtime_ns, found.st_ino
    place = str(path) if is_address(str(path)) else os.path.realpath(path)
    return digest_text(about, repr(sample), place, repr(state))[:16]


# ---- the files -----------------------------------------------------------------------------------


def _results(
    tasks: Sequence[FileTask], start: "Callable[[], Session] | None", progress: Progress | None
) -> list[Result]:
    """Return what became of each file.

    Raises
    ------
    XyyError
        If the machine fails, and not a file.
    """
    results: dict[int, Result] = {}
    read = _Reader(progress)
    for number, result in _done(tasks, start, read):
        if isinstance(result, NotConverted) and result.failed:
            raise XyyError(result.reason)
        ended = NotConverted(f"{tasks[number].file}: {_DIED}")
        results[number] = ended if result is None else result
        read.finished(result)
    return [results[number] for number in range(len(tasks))]


def _done(
    tasks: Sequence[FileTask], start: "Callable[[], Session] | None", read: "_Reader"
) -> Iterator[tuple[int, Result | None]]:
    """Yield numbers of files and what became of them; None where its process was ended."""
    left = list(range(len(tasks)))
    with ExitStack() as stack:
        session = stack.enter_context(start()) if start and len(tasks) > 1 else None
        if session is None or session.execution.engine != "futures":
            # Flat events are read in this process: they end none, and need no other to be started.
            # (Their readers import much when they need it: a worker of dask would not find it.)
            for number, found in _flat(tasks).items():
                if isinstance(found, NotConverted):
                    yield number, found
                else:
                    yield number, convert_flat(tasks[number], read.add)
                left.remove(number)
        if left:
            session = session or stack.enter_context((start or _one_after_the_other)())
            there = _elsewhere([tasks[number] for number in left], session)
            yield from ((left[which], result) for which, result in there)


def _one_after_the_other() -> "Session":
    from tools.executors import Execution, Session

    return Session(Execution())


def _flat(tasks: Sequence[FileTask]) -> dict[int, Table | NotConverted]:
    """Return files of flat events by their numbers, or why one is refused.

    Raises
    ------
    InputError
        If two of a sample are of different kinds.
    """
    found: dict[int, Table | NotConverted] = {}
    firsts: dict[str, Table] = {}
    for number, task in enumerate(tasks):
        if is_address(task.file):
            continue
        try:
            table = flat_table(task)
        except InputError as error:
            found[number] = NotConverted(str(error))
            continue
        if table is not None:
            found[number] = table
            first = firsts.setdefault(task.sample.name, table)
            refuse_mixed(
                task.sample.name, (str(first.path), first.generated),
                (str(table.path), table.generated),
            )  # fmt: skip
            check_same_fields(
                task.sample.name, first.path, table.path, fields=(first.fields, table.fields)
            )
    return found


def _elsewhere(
    tasks: Sequence[FileTask], session: "Session"
) -> Iterator[tuple[int, Result | None]]:
    """Convert files in other processes, which they may end."""
    from tools.executors import survived
    from tools.ntuple_conversion import convert_file

    if session.execution.engine == "dask":  # whose workers may be in another folder
        tasks = [_absolute(task) for task in tasks]
    yield from survived(convert_file, tasks, session, what="convert", classes=(FileTask,))


def _absolute(task: FileTask) -> FileTask:
    place = task.file if is_address(task.file) else os.path.abspath(task.file)  # noqa: PTH100 - links stay
    return replace(task, file=place, folder=task.folder.resolve())


class _Reader:
    """Tells how many events of all files were read so far."""

    def __init__(self, progress: Progress | None) -> None:
        self._progress, self._events = progress, 0

    def add(self, events: int) -> None:
        """Tell of events of a file that is not finished."""
        if self._progress is not None:
            self._progress(self._events + events)

    def finished(self, result: Result | None) -> None:
        """Count a file."""
        self._events += result.entries if isinstance(result, Converted) else 0
        self.add(0)


def _refuse_refused(results: Iterable[Result]) -> None:
    results = list(results)
    refused = [each.reason for each in results if isinstance(each, NotConverted)]
    if not refused:
        return
    told = "\n".join(refused)
    if len(refused) > 1:
        told = f"{len(refused)} of {len(results)} files are refused:\n{told}"
    good = len(results) - len(refused)
    rest = f"\n(--skip-damaged converts the other {good} without them)" if good else ""
    raise InputError(told + rest)


# ---- all together --------------------------------------------------------------------------------


def _tell(tasks: Sequence[FileTask], results: Sequence[Result], log: Callable[[str], None]) -> None:
    for task, result in zip(tasks, results, strict=True):
        for note in result.notes if isinstance(result, Converted) else ():
            log(f"{task.file}: {note}")


def _by_sample(
    tasks: Sequence[FileTask], results: Sequence[Result]
) -> dict[str, list[tuple[FileTask, Result]]]:
    found: dict[str, list[tuple[FileTask, Result]]] = {}
    for task, result in zip(tasks, results, strict=True):
        found.setdefault(task.sample.name, []).append((task, result))
    return found


def _committed(
    catalogue: Catalogue,
    manifest: Manifest,
    by_sample: Mapping[str, Sequence[tuple[FileTask, Result]]],
    folder: Path,
) -> Manifest:
    """Compare all files with each other, and put the samples into their places."""
    staged = {
        name: sample_chunks(catalogue, catalogue.sample(name), files)
        for name, files in by_sample.items()
    }
    refuse_repeated({**manifest.samples, **staged})
    every = [(task, each) for files in by_sample.values() for task, each in files]
    refuse_shared_events([(task, each) for task, each in every if isinstance(each, Converted)])
    for name, chunks in staged.items():
        move_chunks(chunk_files(by_sample[name]), chunks.parts, folder)
    done = commit(manifest, staged)
    write_ledger(manifest.folder, {name: _told(files) for name, files in by_sample.items()})
    return done


def _told(files: Sequence[tuple[FileTask, Result]]) -> SampleConversion:
    return SampleConversion.of([(task.file, result) for task, result in files])
