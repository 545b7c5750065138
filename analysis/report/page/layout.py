"""What the page is made of: sections with sentences, tables and figures. All of it is plain text.

The template escapes everything; nothing here is HTML.
"""

import base64
import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from analysis.report.page.wording import NOTHING


@dataclass(frozen=True, slots=True)
class Table:
    """A table; the first cell of a row names it."""

    rows: Sequence[Sequence[str]]
    title: str = ""
    notes: Sequence[str] = ()
    """sentences below it; empty ones are left out"""
    prose: bool = False
    """cells hold words, not numbers: aligned to the left, and wrapped"""
    head: Sequence[str] = ()
    """titles of the columns, where they have any"""


def table(
    rows: Sequence[Mapping[str, str]], title: str = "", *notes: str, prose: bool = False
) -> Table:
    """Return a table of rows that each say what stands below which title."""
    cells = [tuple(row.values()) for row in rows]
    return Table(cells, title, notes, prose, head=tuple(rows[0]) if rows else ())


def known(rows: Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """Return the rows, of a name and a number, that have one."""
    return tuple(row for row in rows if row[1] not in {"", NOTHING})


@dataclass(frozen=True, slots=True)
class Section:
    """One section of the page. Figures of the same anchor stand at its end.

    Empty sentences, and tables with a title and no rows, are left out.
    """

    anchor: str
    title: str
    sentences: Sequence[str] = ()
    tables: Sequence[Table] = ()
    arithmetic: Sequence[str] = ()
    """lines to be checked with a pocket calculator"""


@dataclass(frozen=True, slots=True)
class Lead:
    """What stands first."""

    headline: str
    sentences: Sequence[str]
    numbers: Table
    figure: str = ""
    """name of the figure that shows it"""


@dataclass(frozen=True, slots=True)
class Image:
    """A figure on the page."""

    name: str
    section: str
    caption: str
    png: bytes

    @property
    def base64(self) -> str:
        """Its file, as a page holds it."""
        return base64.b64encode(self.png).decode()

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels, from the PNG's header (ISO 15948, 11.2.2)."""
        width, height = struct.unpack(">II", self.png[16:24])
        return int(width), int(height)
