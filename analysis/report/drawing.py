"""A figure that has not been drawn yet, with the words that the page puts around it.

Its files are a PDF, a PNG, and the numbers that are drawn as JSON (`analysis.report.plots.drawn`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from analysis.report.plots.drawn import drawn, is_drawn
from analysis.report.plots.style import encode
from tools.atomic import write_bytes
from tools.errors import InputError
from tools.json_file import read_json, write_json

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from pathlib import Path

    from matplotlib.figure import Figure

SUFFIXES = (".pdf", ".png", ".json")
"""of its files; the numbers go last"""


@dataclass(frozen=True, slots=True)
class Drawing:
    """A figure to be drawn."""

    name: str
    """of its files, without suffix"""
    section: str
    """of the page"""
    caption: str
    draw: Callable[[], Figure]

    def write(self, folder: Path) -> bytes:
        """Draw it and write its files into a folder; return the PNG."""
        figure = self.draw()
        png, pdf = encode(figure, "png"), encode(figure, "pdf")
        # The numbers come first: by them a figure is known as ours.
        write_json(folder / f"{self.name}.json", drawn(figure))
        write_bytes(folder / f"{self.name}.png", png)
        write_bytes(folder / f"{self.name}.pdf", pdf)
        return png


def remove_others(folder: Path, names: Collection[str]) -> None:
    """Remove the figures of an earlier run, and no other file: what lies there belongs together."""
    for numbers in folder.glob("*.json"):
        if numbers.stem not in names and _is_figure(numbers):
            for suffix in SUFFIXES:
                numbers.with_name(numbers.stem + suffix).unlink(missing_ok=True)


def _is_figure(numbers: Path) -> bool:
    try:
        return is_drawn(read_json(numbers, made_by="xyy report"))
    except InputError:
        return False
