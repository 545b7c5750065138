"""A figure that has not been drawn yet, with the words that the page puts around it.

Its files are a PDF, a PNG, and the numbers that are drawn as JSON (`tools.figure_data`).
"""

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain, count
from pathlib import Path
from typing import TypeVar

from matplotlib.figure import Figure

from analysis.report.plots.style import encode
from tools.atomic import write_bytes
from tools.errors import InputError
from tools.figure_data import figure_data, is_figure_data
from tools.json_file import read_json, write_json

SUFFIXES = (".pdf", ".png", ".json")
"""suffixes of the files of a figure; the numbers go last"""
Results = TypeVar("Results")
Shown = TypeVar("Shown")


@dataclass(frozen=True, slots=True)
class FigureSpec:
    """A figure to be drawn."""

    name: str
    """name of the files, without suffix"""
    section: str
    """section of the page"""
    caption: str
    draw: Callable[[], Figure]

    def write(self, folder: Path) -> bytes:
        """Draw it and write its files into a folder; return the PNG."""
        figure = self.draw()
        png, pdf = encode(figure, "png"), encode(figure, "pdf")
        # The numbers come first: by them a figure is known as ours.
        write_json(folder / f"{self.name}.json", figure_data(figure))
        write_bytes(folder / f"{self.name}.png", png)
        write_bytes(folder / f"{self.name}.pdf", pdf)
        return png


FigureEntry = Callable[[Results], Iterator[FigureSpec]]
"""an entry of the catalogue: yields the figures that some results have the inputs of"""


def figure(
    name: str,
    section: str,
    caption: str | Callable[[Results, Shown], str],
    find: Callable[[Results], Mapping[str, Shown]],
    draw: Callable[[Results, Shown], Figure],
) -> FigureEntry[Results]:
    """Return the entry of a figure, or of one for each of several things such as columns.

    Parameters
    ----------
    name : str
        Name of its files.
    section : str
        Section of the page.
    caption : str or callable
        May hold attributes of ``{results}`` and the ``{name}`` of the thing, or depend on results
        and on what is shown.
    find : callable
        Returns what each figure shows, by the name of the thing, with which the name of its files
        ends; see `one`. Nothing where the results do not hold it.
    draw : callable
        Draws what was found.
    """

    def figure_specs(results: Results) -> Iterator[FigureSpec]:
        for thing, shown in find(results).items():
            words = (
                caption.format(name=thing, results=results)
                if isinstance(caption, str)
                else caption(results, shown)
            )
            full_name = f"{name}_{thing}" if thing else name
            yield FigureSpec(full_name, section, words, partial(draw, results, shown))

    return figure_specs


def one(
    find: Callable[[Results], Shown | None], having: Callable[[Shown], object] = bool
) -> Callable[[Results], Mapping[str, Shown]]:
    """Return what finds the one thing that a figure shows, if it is there and has what is needed.

    Parameters
    ----------
    find : callable
        Returns what the figure shows; None, or something empty, where the results do not hold it.
    having : callable
        Whether what was found has what is needed.
    """

    def found(results: Results) -> Mapping[str, Shown]:
        shown = find(results)
        return {} if shown is None or not having(shown) else {"": shown}

    return found


def of_all(entries: Iterable[FigureEntry[Results]], results: Results) -> Iterator[FigureSpec]:
    """Yield the figures of all entries, each with a name of its own."""
    taken: set[str] = set()
    for drawing in chain.from_iterable(entry(results) for entry in entries):
        name = _file_name(drawing.name, taken)
        taken.add(name.lower())  # file systems of macOS and Windows do not tell cases apart
        yield replace(drawing, name=name)


def _file_name(name: str, taken: Collection[str]) -> str:
    """Return a name that any file system takes, and that no other figure has in any case.

    >>> _file_name("shape_m/E", {"shape_m_e"})
    'shape_m_E_2'
    """
    safe = re.sub(r"[^A-Za-z0-9_.-]", "_", name)
    others = (f"{safe}_{number}" for number in count(2))
    return next(candidate for candidate in chain([safe], others) if candidate.lower() not in taken)


def remove_others(folder: Path, names: Collection[str]) -> None:
    """Remove the figures of an earlier run, and no other file: what lies there belongs together."""
    for numbers in folder.glob("*.json"):
        if numbers.stem not in names and _is_figure(numbers):
            for suffix in SUFFIXES:
                numbers.with_name(numbers.stem + suffix).unlink(missing_ok=True)


def _is_figure(numbers: Path) -> bool:
    try:
        return is_figure_data(read_json(numbers, made_by="xyy report"))
    except InputError:
        return False
