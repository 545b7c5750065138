"""Folders that are made to be written to, and removed again if nothing came of it."""

import contextlib
import stat
from collections.abc import Iterator
from pathlib import Path

from tools.errors import InputError
from tools.system_errors import WRONG_NAMES, reason, writing

_ATTEMPTS = 20
"""how often a folder is made that another process has just removed"""


def refuse_no_folder(folder: Path) -> None:
    """Refuse a folder that cannot be one, made or not.

    Raises
    ------
    InputError
        If it, or a folder that it should lie in, is a file, a link that leads nowhere, or of a name
        that cannot be.
    """
    for place in (folder, *folder.parents):
        try:
            mode = place.stat().st_mode
        except (FileNotFoundError, NotADirectoryError):
            if place.is_symlink():
                raise _no_folder(folder, f"{place} is a symbolic link that leads nowhere") from None
        except OSError as error:
            if error.errno in WRONG_NAMES:
                raise _no_folder(folder, f"{place}: {reason(error)}") from None
            return  # whoever writes there is told
        else:
            if not stat.S_ISDIR(mode):
                raise _no_folder(folder, f"{place} is a file")
            return


def make_folder(folder: Path) -> None:
    """Make a folder, and those above it, where they are not yet.

    Another process may remove a folder that it leaves empty at the moment when this one finds it:
    `Path.mkdir` then says that it exists, or that the one above it does not.

    Raises
    ------
    InputError
        If it cannot be a folder.
    OSError
        If it cannot be made.
    """
    for _ in range(_ATTEMPTS):
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except (FileExistsError, FileNotFoundError):
            refuse_no_folder(folder)
        else:
            return
    folder.mkdir(parents=True, exist_ok=True)


def _no_folder(folder: Path, why: str) -> InputError:
    return InputError(f"{folder} cannot be a folder ({why}); choose another")


@contextlib.contextmanager
def made(folder: Path) -> Iterator[None]:
    """Have a folder while the block runs, and afterwards if it holds something.

    Raises
    ------
    InputError
        If it cannot be a folder.
    XyyError
        If it cannot be made.
    """
    refuse_no_folder(folder)
    new: list[Path] = []
    try:
        with writing(folder):
            new += [place for place in (folder, *folder.parents) if not place.exists()]
            make_folder(folder)
        yield
    finally:
        with contextlib.suppress(OSError):  # it holds something
            for place in new:
                place.rmdir()
