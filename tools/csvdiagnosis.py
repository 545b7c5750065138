"""What exactly is wrong in a block of a CSV file that the fast reader refused.

Line by line and cell by cell in the file's order, so that the same file gives the same message
however it was cut into blocks and whichever thread stumbled first.
"""

import csv
from pathlib import Path

from tools.csvfile import split_line
from tools.errors import InputError
from tools.samples import Column
from tools.values import refused_text


def diagnose(
    path: Path,
    fields: tuple[str, ...],
    columns: tuple[Column, ...],
    data: bytes,
    first_line: int,
    hint: str,
) -> InputError:
    """Return the error for the first thing that is wrong in a block.

    Parameters
    ----------
    path : Path
        The file, for the message.
    fields : tuple of str
        Its header.
    columns : tuple of Column
        The columns that are read.
    data : bytes
        The block: whole lines.
    first_line : int
        Number of its first line in the file, whose header is line 1.
    hint : str
        What the fast reader said, for the message if this one finds nothing.
    """
    declared = {column.name: column for column in columns}
    for number, line in enumerate(data.split(b"\n"), start=first_line):
        try:
            problem = _problem(fields, declared, line)
        except csv.Error as error:
            problem = f" cannot be read as CSV ({error}); get the file again"
        if problem:
            return InputError(f"{path}, line {number}{problem}")
    return InputError(
        f"{path}, from line {first_line} on: {hint}; correct the file or get it again"
    )


def _problem(fields: tuple[str, ...], declared: dict[str, Column], line: bytes) -> str | None:
    """Return what is wrong with one line, or None."""
    if not line.strip(b"\r"):
        return None  # empty lines are skipped
    if b"\0" in line:
        return " holds zero bytes: the file was never written whole; get it again"
    cells = split_line(line)
    if len(cells) < len(fields):
        return (
            f" has {len(cells)} fields where the header has {len(fields)}: "
            "the line is cut off; get the file again"
        )
    if len(cells) > len(fields):
        return (
            f" has {len(cells)} fields where the header has {len(fields)}; "
            "write decimals with a point, and one line for each event"
        )
    for name, text in zip(fields, cells, strict=True):
        if name in declared and (reason := refused_text(declared[name], text)):
            return f", column {name}: {reason}"
    return None
