"""An export's folder: it is written when all its files are made, and never mixed with others.

The folder ``export/<format>`` in the results folder is the program's own and is replaced, if it
holds nothing but an export. A folder that a person chose has to be new or empty: what lies there
may be anybody's.
"""

import re
from collections.abc import Mapping
from pathlib import Path

from tools.atomic import write_bytes
from tools.errors import InputError
from tools.locks import LOCK_NAME, one_writer

Files = Mapping[str, bytes]
"""File name to contents; the last one tells what the others are."""


def default_folder(results: Path, name: str) -> Path:
    """Return the folder of an export that nobody chose a place for.

    >>> default_folder(Path("results/mine"), "root").as_posix()
    'results/mine/export/root'
    """
    return results / "export" / name


def refuse_occupied(place: Path) -> None:
    """Refuse a place that holds something.

    Raises
    ------
    InputError
        If it is a file, or a folder that is not empty.
    """
    if place.exists() and not place.is_dir():
        raise InputError(f"--out {place} is a file; name a folder, new or empty")
    if _contents(place):
        raise InputError(
            f"--out {place} is not empty ({_contents(place)[0].name}, ...); "
            "name a new folder, or remove it first"
        )


def write_files(place: Path, files: Files) -> None:
    """Write all files of an export in place of what was there.

    Parameters
    ----------
    place : Path
        Its folder, made if need be.
    files : mapping of str to bytes
        Written in their order; if one cannot be written, none stays.

    Raises
    ------
    InputError
        If another process writes there, or it holds something that no export wrote.
    XyyError
        If the disk is full or the folder cannot be written.
    """
    with one_writer(place):
        # All old files go first: a shorter export must not leave masses of a longer one.
        for path in _old(place, files):
            path.unlink()
        try:
            for name, content in files.items():
                write_bytes(place / name, content)
        except BaseException:  # an interrupt too: half an export looks like a whole one
            for name in files:
                (place / name).unlink(missing_ok=True)
            raise


def _old(place: Path, files: Files) -> list[Path]:
    """Return the files of an earlier export, which its last one names, and refuse any other."""
    last, old = place / list(files)[-1], _contents(place)
    text = last.read_text(encoding="utf-8", errors="replace") if last.is_file() else ""
    # Any word may be a name: the last file differs from format to format, and to take one file too
    # many for ours needs its very name in it.
    known = {*files, *re.findall(r"[\w.+-]+", text)}
    for path in old:
        if path.is_dir() or path.name not in known:
            raise InputError(f"{path} is of no export, and would be removed; move it elsewhere")
    return old


def _contents(place: Path) -> list[Path]:
    if not place.is_dir():
        return []
    return sorted(path for path in place.iterdir() if path.name != LOCK_NAME)
