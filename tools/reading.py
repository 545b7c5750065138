"""Opening what users name: regular files of a bounded size, whose names are text.

A pipe or a device has no size and no second reading, and some never end or never begin; a file of
settings of a gigabyte is none. Both are refused before anything of them is in memory.
"""

import os
import stat
from pathlib import Path
from typing import IO

from tools.errors import InputError

TEXT_BYTES = 1 << 27
"""of a text that is read whole; the largest products of this program have a fraction of it"""
SETTINGS_BYTES = 1 << 20
"""of a file of settings or a claim, which have some kilobytes"""


def open_regular(path: Path) -> IO[bytes]:
    """Open a file that somebody named.

    Parameters
    ----------
    path : Path

    Returns
    -------
    file object
        Of bytes, at its beginning.

    Raises
    ------
    InputError
        If there is no such file, or it is a folder, a pipe or a device, or unreadable, or has a
        name that is not UTF-8.
    """
    refuse_odd_name(path)
    try:
        mode = path.stat().st_mode
        if stat.S_ISREG(mode):
            return path.open("rb")
    except FileNotFoundError:
        if path.is_symlink():
            raise InputError(f"{path} is a link that leads nowhere; get the file again") from None
        raise InputError(f"{path} is not there; check its name and folder") from None
    except OSError as error:
        raise InputError(
            f"{path} cannot be read ({error.strerror or error}); check its permissions"
        ) from None
    if stat.S_ISDIR(mode):
        raise InputError(f"{path} is a folder; name the files in it")
    raise InputError(
        f"{path} is no regular file but a pipe, a socket or a device; write its content to a file"
    )


def read_text(path: Path, most: int = TEXT_BYTES) -> str:
    r"""Return the text in a file, which is UTF-8 and may have any line ends; it has ``\n``.

    Parameters
    ----------
    path : Path
    most : int
        Bytes; larger files are refused unread.

    Raises
    ------
    InputError
        As `open_regular`, and if the file is too large or cannot be read.
    UnicodeDecodeError
        If it is not UTF-8.
    """
    with open_regular(path) as stream:
        size = os.fstat(stream.fileno()).st_size
        if size > most:
            raise InputError(
                f"{path} has {size / 1e6:,.0f} MB; nothing that belongs here has more than "
                f"{most / 1e6:,.0f} MB: name another file"
            )
        try:
            text = stream.read(most).decode()
        except OSError as error:
            raise InputError(f"{path} cannot be read ({error.strerror or error})") from None
    return text.replace("\r\n", "\n").replace("\r", "\n")


def refuse_odd_name(path: Path | str) -> None:
    r"""Refuse a name that no product could hold, since it is not UTF-8.

    >>> refuse_odd_name(os.fsdecode(b"signal_\xff.csv"))
    Traceback (most recent call last):
    ...
    tools.errors.InputError: signal_\udcff.csv: this name is not UTF-8; rename the file or folder

    Raises
    ------
    InputError
        With the odd bytes spelt out.
    """
    text = str(path)
    printable = text.encode("utf-8", "backslashreplace").decode()
    if printable != text:
        raise InputError(f"{printable}: this name is not UTF-8; rename the file or folder")
