"""Finished tasks on disk: a campaign that was killed goes on where it was.

A file holds one task's arrays (``.npz``, no pickles). It is written to a temporary name and
renamed, and its name holds the digest of all that it depends on: settings, code, libraries. What
was made otherwise has another name; what is damaged is done again.
"""

import io
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tools.atomic import write_bytes

Arrays = Mapping[str, npt.NDArray[Any]]


@dataclass(frozen=True, slots=True)
class Kept:
    """The finished tasks of one campaign."""

    folder: Path
    digest: str
    """of everything that a batch depends on, but which universes they are"""

    def load(self, name: str) -> dict[str, npt.NDArray[Any]] | None:
        """Return the arrays of a batch, or None if they are not there whole."""
        try:
            content = io.BytesIO(self._path(name).read_bytes())
            with np.load(content, allow_pickle=False) as archive:
                return {key: archive[key] for key in archive.files}
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
            return None

    def save(self, name: str, arrays: Arrays) -> None:
        """Keep the arrays of a batch.

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
