"""A figure that has not been drawn yet, with the words that the page puts around it.

Its files are a PDF, a PNG, and the numbers that are drawn as JSON (`analysis.plots.drawn`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from analysis.plots.drawn import drawn
from analysis.plots.style import encode
from tools.storage import write_bytes, write_json

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from pathlib import Path

    from matplotlib.figure import Figure

SUFFIXES = (".pdf", ".png", ".json")


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
        png = encode(figure, "png")
        write_bytes(folder / f"{self.name}.png", png)
        write_bytes(folder / f"{self.name}.pdf", encode(figure, "pdf"))
        write_json(folder / f"{self.name}.json", drawn(figure))
        return png


def remove_others(folder: Path, names: Collection[str]) -> None:
    """Remove the figures of an earlier run: what lies in a folder belongs together."""
    for path in folder.glob("*"):
        if path.suffix in SUFFIXES and path.stem not in names:
            path.unlink()
