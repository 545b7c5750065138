"""Files that this program did not write are not replaced: with ``--out .`` they are anybody's."""

import json
import os
from collections.abc import Iterable
from pathlib import Path

from tools.errors import InputError
from tools.reading import open_regular, read_text

ZIP_MARK = b"xyy"
"""comment of an archive, which are its last bytes"""


def refuse_foreign(folder: Path, names: Iterable[str]) -> None:
    """Refuse to write where files of these names are there that this program did not write.

    JSON has to have our provenance, even beside other files of ours: a person may have written it.
    Anything else is ours if it lies beside one that has, or bears the mark of an archive. A folder
    with nothing in it is nobody's.

    Parameters
    ----------
    folder : Path
    names : iterable of str
        Of the files and folders in it that are to be written.

    Raises
    ------
    InputError
        Naming the first.
    """
    marks = {folder / name: _is_ours(folder / name) for name in names}
    ours = any(marks.values())
    for path, mark in marks.items():
        there = (path.exists() or path.is_symlink()) and not _is_empty_folder(path)
        if there and not (ours if mark is None else mark):
            raise InputError(
                f"{path} is there, was not written by xyy, and would be replaced; move it away, or "
                "choose another folder"
            )


def _is_empty_folder(path: Path) -> bool:
    try:
        return not path.is_symlink() and not any(path.iterdir())
    except OSError:  # it is no folder, or nobody may look into it
        return False


def _is_ours(path: Path) -> bool | None:
    """Return whether a file says that this program wrote it; None if it can say nothing."""
    try:
        if path.suffix == ".zip":
            with open_regular(path) as stream:
                stream.seek(-len(ZIP_MARK), os.SEEK_END)
                return stream.read() == ZIP_MARK or None
        document = json.loads(read_text(path))
        return "xyy" in document["provenance"]["versions"]
    except (InputError, OSError, ValueError, RecursionError):
        return None
    except (KeyError, TypeError, IndexError):
        return False
