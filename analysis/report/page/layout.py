"""What the page is made of: sections with sentences, tables and figures. All of it is plain text.

The template escapes everything; nothing here is HTML.
"""

import base64
import struct
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Table:
    """A table; the first cell of a row names it."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    title: str = ""
    notes: tuple[str, ...] = ()
    """sentences below it; empty ones are left out"""
    prose: bool = False
    """cells hold words, not numbers: aligned to the left, and wrapped"""


@dataclass(frozen=True, slots=True)
class Section:
    """One section of the page. Figures of the same anchor stand at its end.

    Empty sentences, and tables with a title and no rows, are left out.
    """

    anchor: str
    title: str
    sentences: tuple[str, ...] = ()
    arithmetic: tuple[str, ...] = ()
    """lines to be checked with a pocket calculator"""
    tables: tuple[Table, ...] = ()


@dataclass(frozen=True, slots=True)
class Lead:
    """What stands first."""

    headline: str
    sentences: tuple[str, ...]
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
