"""The tasks of a campaign: on any engine, each kept on disk when it is finished.

A campaign that was killed goes on where it was. A file holds one task's arrays (``.npz``, no
pickles). It is written to a temporary name and renamed, and its name holds the digest of all that
it depends on: settings, code, libraries. What was made otherwise has another name; what is damaged
is done again.
"""

import io
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib import metadata
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from analysis.settings.search import Label, Search
from processors.selection import Selection
from tools.atomic import write_bytes
from tools.code import behind, code_digest
from tools.digests import digest_text
from tools.executors import Execution, Session, completed
from tools.samples import Catalogue

PACKAGES = (
    "boost-histogram", "cattrs", "cloudpickle", "hist", "iminuit", "numpy", "scipy",
    "threadpoolctl",
)  # fmt: skip
"""what a worker needs"""
_LIBRARIES = ("numpy", "scipy", "iminuit")
_DRAWING = ("tools.universe", "tools.recipe", "tools.generate")
"""what universes are drawn with"""
_PROGRESS_SECONDS = 10.0

Arrays = Mapping[str, npt.NDArray[Any]]
Say = Callable[[str], None]


class Task(Protocol):
    """A part of the work; each different from the others."""

    @property
    def name(self) -> str:
        """Of its file."""


Own = TypeVar("Own", bound=Task)


def ranges(number: int, together: int) -> Iterator[tuple[int, int]]:
    """Yield the first and one more than the last of as many as are done together."""
    for first in range(0, number, together):
        yield first, min(first + together, number)


def one_thread() -> None:
    """Let a worker's libraries have one thread.

    Small matrices: more threads would wait for each other, and round otherwise. It stays so in this
    process: beside another thread of a dask worker nobody knows when to restore it.
    """
    from threadpoolctl import threadpool_limits

    threadpool_limits(1)


@dataclass(frozen=True, slots=True)
class Kept:
    """The finished tasks of one campaign."""

    folder: Path
    digest: str
    """of everything that a task depends on, but which one it is"""

    def load(self, name: str) -> Arrays | None:
        """Return the arrays of a task, or None if they are not there whole."""
        try:
            content = io.BytesIO(self._path(name).read_bytes())
            with np.load(content, allow_pickle=False) as archive:
                return {key: archive[key] for key in archive.files}
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
            return None

    def save(self, name: str, arrays: Arrays) -> None:
        """Keep the arrays of a task.

        Raises
        ------
        XyyError
            If the file cannot be written.
        """
        buffer = io.BytesIO()
        np.savez_compressed(buffer, allow_pickle=False, **arrays)
        write_bytes(self._path(name), buffer.getvalue())

    def _path(self, name: str) -> Path:
        return self.folder / f"{name}-{self.digest}.npz"


@dataclass(frozen=True, slots=True, eq=False)
class Workshop:
    """Where tasks are done, and kept."""

    kept: Kept
    session: Session
    say: Say

    def done(
        self, work: Callable[[Own], Arrays], tasks: Sequence[Own], what: str
    ) -> dict[Own, Arrays]:
        """Return what each task gave, in their order: what is kept, and the others anew."""
        found = {task: self.kept.load(task.name) for task in tasks}
        todo = [task for task, arrays in found.items() if arrays is None]
        if len(todo) < len(tasks):
            self.say(f"{what}: {len(tasks) - len(todo)} of {len(tasks)} tasks are there already")
        start = last = time.monotonic()
        shipped = type(work), Selection
        results = completed(work, todo, self.session, what=what, classes=shipped)
        for number, (task, arrays) in enumerate(results, 1):
            self.kept.save(task.name, arrays)
            found[task] = arrays
            now = time.monotonic()
            if now - last > _PROGRESS_SECONDS or number == len(todo):
                left = (now - start) / number * (len(todo) - number)
                past = f"{number} of {len(todo)} tasks, {now - start:.0f} s, {left:.0f} s to go"
                self.say(f"{what}: {past}")
                last = now
        return {task: arrays for task, arrays in found.items() if arrays is not None}


@contextmanager
def workshop(folder: Path, digest: str, execution: Execution, say: Say) -> Iterator[Workshop]:
    """Yield where the tasks of this digest are done: finished ones are kept in the folder."""
    with Session(execution, say, packages=PACKAGES) as session:
        yield Workshop(Kept(folder, digest), session, say)


def digest_of(module: str, catalogue: Catalogue, search: Search, *more: object) -> str:
    """Return the digest of all that the tasks of a module depend on, but which one it is."""
    decided = replace(search, path=Path(), label=Label())  # neither changes a number
    samples = [
        (s.name, s.kind, s.mass_GeV, s.cross_section_pb, s.filter_efficiency)
        for s in catalogue.simulation
    ]
    luminosities = catalogue.luminosity_invpb, catalogue.data_luminosity_invpb
    versions = [metadata.version(name) for name in _LIBRARIES]
    code = code_digest(*behind(f"analysis.validation.{module}"), *_DRAWING)
    parts = (decided, samples, luminosities, catalogue.collision_energy_GeV, *more)
    return digest_text(*map(repr, parts), *versions, code)
