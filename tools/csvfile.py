"""CSV files: what the header says, and what kinds of file only pretend to be one.

A wrong file is refused before pyarrow is even imported, by its first 64 KiB and its last byte.
What is accepted: the course's files (comma, point, a header whose first field may be empty), with
the line ends and the byte-order mark of Windows; quoted fields; spaces around numbers.

A last line without a line end is refused even if it has all its fields: pandas, pyarrow, NumPy, R
and Excel all write that line end, and without it nobody can tell ``0.0281`` from the first
six characters of ``0.02817``.
"""

import csv
import os
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from tools.content import BOM, content_kind
from tools.errors import InputError
from tools.names import listed
from tools.reading import open_regular

LONGEST_LINE = 1 << 20
"""bytes: what is longer is no line of numbers"""
_HEAD_BYTES = 1 << 16


@dataclass(frozen=True, slots=True)
class CsvHeader:
    """What the first line of a CSV file says."""

    fields: tuple[str, ...]
    """in the file's order"""
    offset: int
    """of the first byte after the header"""


def read_head(path: Path) -> bytes:
    """Return the first 64 KiB of a file.

    Raises
    ------
    InputError
        As `tools.reading.open_regular`, and if it is empty.
    """
    with open_regular(path) as stream:
        try:
            head = stream.read(_HEAD_BYTES)
        except OSError as error:
            raise InputError(f"{path} cannot be read ({error.strerror}); get it again") from None
    if not head:
        raise InputError(f"{path} is empty (0 bytes); get the file again")
    return head


def read_header(path: Path) -> CsvHeader:
    """Read the header of a CSV file, and make sure that it is one and is not cut off.

    Raises
    ------
    InputError
        If it is something else, has no header or no events, repeats a name, or ends in mid-line.
    """
    head = read_head(path)
    _refuse_other_kinds(path, head)
    line, newline, _ = head.partition(b"\n")
    if not newline:
        raise InputError(
            f"{path} is not a CSV file: no line end in its first {len(head):,} bytes; "
            "write a header line and one line for each event"
        )
    fields = _fields(path, line.removeprefix(BOM))
    if path.stat().st_size == len(line) + 1:
        raise InputError(f"{path} holds a header and no events; get the file again")
    _refuse_open_end(path, len(fields))
    return CsvHeader(fields=fields, offset=len(line) + 1)


def split_line(line: bytes) -> list[str]:
    """Return the fields of one line.

    >>> split_line(b'1,"2.5",x')
    ['1', '2.5', 'x']
    """
    text = line.rstrip(b"\r\n").decode(errors="replace")
    return next(csv.reader([text]), [])


def _refuse_other_kinds(path: Path, head: bytes) -> None:
    kind = content_kind(head)
    if kind.advice:
        raise InputError(f"{path} is {kind.words}, not CSV; {kind.advice}")
    zeros = head.count(0)
    # ASCII in UTF-16 has a zero in every second byte.
    if zeros and zeros in {head[::2].count(0), head[1::2].count(0)} and 3 * zeros > len(head):
        raise InputError(f"{path} is UTF-16 text, not CSV in UTF-8; save it as UTF-8")
    if zeros:
        raise InputError(f"{path} is a binary file, not CSV; write it as CSV, ROOT or Parquet")


def _fields(path: Path, line: bytes) -> tuple[str, ...]:
    try:
        line.decode()
    except UnicodeDecodeError:
        raise InputError(
            f"{path} is not UTF-8 text: it is binary, or has another encoding; save it as UTF-8"
        ) from None
    for separator in (b";", b"\t", b"|"):
        if line.count(separator) > line.count(b","):
            raise InputError(
                f"{path}, line 1: fields are separated by {separator.decode()!r}; "
                "separate them by commas, and write decimals with a point"
            )
    fields = tuple(field.strip() for field in split_line(line))
    if all(field and _is_number(field) for field in fields):
        raise InputError(f"{path}, line 1 holds numbers; the first line must name the columns")
    for name, count in Counter(fields).items():
        if count > 1:
            raise InputError(
                f"{path}, line 1: {count} fields are called {listed([repr(name)])}; give each a "
                "name of its own"
            )
    return fields


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _refuse_open_end(path: Path, fields: int) -> None:
    """Refuse a file whose last byte is not a line end."""
    with path.open("rb") as stream:
        size = stream.seek(0, os.SEEK_END)
        stream.seek(max(size - LONGEST_LINE, 0))
        end = stream.read(LONGEST_LINE)
        if end.endswith(b"\n"):
            return
        last = end[end.rfind(b"\n") + 1 :]
        if b"\0" in last or len(last) == LONGEST_LINE:
            raise InputError(
                f"{path} does not end in a line of text but in {len(last):,} bytes or more without "
                "a line end: it was never written whole; get it again"
            )
        number = 1 + lines_before(path, size)
    found = last.count(b",") + 1
    if found < fields:
        raise InputError(
            f"{path}, line {number}: the last line has {found} fields where the header has "
            f"{fields}: the file is cut off; get it again"
        )
    raise InputError(
        f"{path}, line {number}: the last line has no line end: the file may be cut off in its "
        "last number; get it again or, if it is complete, add a line end"
    )


def lines_before(path: Path, offset: int) -> int:
    """Return how many lines end before byte `offset` of a file."""
    lines = 0
    with path.open("rb") as stream:
        while offset > 0 and (data := stream.read(min(offset, LONGEST_LINE))):
            lines += data.count(b"\n")
            offset -= len(data)
    return lines
