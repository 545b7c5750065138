"""Tasks whose results are arrays: on any engine, each kept on disk when it is finished.

Work that was killed goes on where it was. A file holds one task's arrays (``.npz``, no pickles). It
is written to a temporary name and renamed, and its name holds the digest of all that it depends on:
settings, code, libraries. What was made otherwise has another name; what is damaged is done again.
"""

import io
import time
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from tools.atomic import write_bytes
from tools.executors.anywhere import completed
from tools.executors.session import Session

_PROGRESS_SECONDS = 10.0

Arrays = Mapping[str, npt.NDArray[Any]]


class Named(Protocol):
    """A task, which is different from the others."""

    @property
    def name(self) -> str:
        """Of its file."""


Task = TypeVar("Task", bound=Named)


@dataclass(frozen=True, slots=True)
class Kept:
    """Finished tasks on disk."""

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
    log: Callable[[str], None]
    """told how far it is"""

    def done(
        self,
        work: Callable[[Task], Arrays],
        tasks: Sequence[Task],
        *,
        what: str,
        classes: Sequence[type] = (),
    ) -> dict[Task, Arrays]:
        """Return what each task gave, in their order: what is kept, and the others anew.

        Parameters
        ----------
        work : callable
            Of one task.
        tasks : sequence
        what : str
            What is being done, for messages.
        classes : sequence of type
            One of each package whose code is sent to dask's workers.
        """
        found = {task: self.kept.load(task.name) for task in tasks}
        todo = [task for task, arrays in found.items() if arrays is None]
        if len(todo) < len(tasks):
            self.log(f"{what}: {len(tasks) - len(todo)} of {len(tasks)} tasks are there already")
        start = last = time.monotonic()
        results = completed(work, todo, self.session, what=what, classes=classes)
        for number, (task, arrays) in enumerate(results, 1):
            self.kept.save(task.name, arrays)
            found[task] = arrays
            now = time.monotonic()
            if now - last > _PROGRESS_SECONDS or number == len(todo):
                left = (now - start) / number * (len(todo) - number)
                past = f"{number} of {len(todo)} tasks, {now - start:.0f} s, {left:.0f} s to go"
                self.log(f"{what}: {past}")
                last = now
        return {task: arrays for task, arrays in found.items() if arrays is not None}
