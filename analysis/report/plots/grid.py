"""One figure with a frame for each category, and one head for all of them.

The head holds experiment, energy, luminosity, caveats and the legend, which are the same for all
frames; in each frame stands only what is its own. With up to eight categories such a figure fills a
slide and can be read.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.report.plots import style
from analysis.report.plots.names import category_title
from analysis.report.plots.style import Header

_WIDTH, _GAP, _LEFT, _RIGHT, _BOTTOM, _HEAD = 4.3, 0.72, 0.95, 0.25, 0.5, 1.25
"""inches: of a frame with the gap beside it, of that gap, and around all frames"""
_HEIGHT, _PANEL = 3.0, 1.0
"""inches of a frame with the gap below it, and of a panel"""
_MAX_IN_A_ROW = 3
_LARGER = {1: 1.8, 2: 1.15}
"""by what frames are larger if there are so few in a row: the head needs its width"""
_CAVEAT, _TICKS, _TITLE = 0.3, 0.45, 0.61
"""inches: above the head, below a frame, and from a frame to the titles of its vertical axis"""
TEXT = 12.0
"""size of what is written in a frame"""
Notes = Mapping[str, Sequence[str]]
Titles = tuple[str, str, str]


@dataclass(frozen=True, slots=True, eq=False)
class Grid:
    """The frames of a figure, from left to right and from top to bottom."""

    figure: Figure
    head: Axes
    frames: tuple[Axes, ...]
    panels: tuple[Axes, ...]
    """below each frame; none if they were not asked for"""


def grid(categories: int, *, panels: bool = False) -> Grid:
    """Return a figure with a frame for each category.

    Parameters
    ----------
    categories : int
        How many frames it has.
    panels : bool
        Whether there is a panel, for pulls or ratios, below each.
    """
    columns = min(_MAX_IN_A_ROW, categories) if categories != 4 else 2  # noqa: PLR2004 - a square
    larger = _LARGER.get(columns, 1.0)
    wide, high, panel = larger * _WIDTH, larger * _HEIGHT, larger * _PANEL * panels
    width = _LEFT + columns * wide - _GAP + _RIGHT
    height = _HEAD + math.ceil(categories / columns) * (high + panel) + _BOTTOM
    figure = Figure(figsize=(width, height))

    # In inches, not in fractions of the figure: text has its size in points, however many frames.
    def place(left: float, low: float, right: float, top: float, **shared: Axes) -> Axes:
        """Return axes between some inches from the left and from the bottom."""
        box = (left / width, low / height, (right - left) / width, (top - low) / height)
        return figure.add_axes(box, **shared)  # type: ignore[call-overload,no-any-return]

    head = place(_LEFT, height - _HEAD, width - _RIGHT, height - _CAVEAT)
    head.axis("off")
    frames, below = [], []
    for number in range(categories):
        row, column = divmod(number, columns)
        left, top = _LEFT + column * wide, height - _HEAD - row * (high + panel)
        right, low = left + wide - _GAP, top - high + _TICKS
        frames.append(place(left, low, right, top))
        if panels:
            ends = (low - panel + 0.08, low - 0.08)
            below.append(place(left, ends[0], right, ends[1], sharex=frames[-1]))
            frames[-1].tick_params(labelbottom=False)
    for ax in (*frames, *below):
        for which, length in (("major", 7), ("minor", 3.5)):
            ax.tick_params(which=which, length=length, labelsize=TEXT)
    return Grid(figure, head, tuple(frames), tuple(below))


def finished(
    made: Grid, header: Header, notes: Notes, titles: Titles, *, data: bool, luminosity: bool = True
) -> Figure:
    """Write what is each frame's own, the titles of the axes and the head; return the figure.

    Parameters
    ----------
    made : Grid
        What is drawn in its frames is final.
    header : Header
    notes : mapping of str to sequence of str
        Results to write in a frame, by category.
    titles : tuple of str
        Titles of the axes: below the last frame of each column, beside the first of each row, and
        beside its panel.
    data, luminosity : bool
        See `style.label`.
    """
    _titles(made, notes)
    _axes_titles(made, *titles)
    style.label(made.head, header, data=data, luminosity=luminosity)
    handles, words = made.frames[0].get_legend_handles_labels()
    if handles:
        made.head.legend(
            handles, words, loc="upper right", ncols=math.ceil(len(handles) / 2), fontsize=TEXT + 1,
            borderaxespad=0.3, columnspacing=1.4,
        )  # fmt: skip
    return made.figure


def _titles(made: Grid, notes: Notes) -> None:
    for ax, (name, lines) in zip(made.frames, notes.items(), strict=True):
        look = {"ha": "right", "va": "top"}
        style.note(ax, 0.94, 0.93, category_title(name), fontsize=TEXT + 2, weight="bold",
                   gid="category", **look)  # fmt: skip
        for row, line in enumerate(lines):
            style.note(ax, 0.94, 0.80 - 0.105 * row, line, fontsize=TEXT, **look)


def _axes_titles(made: Grid, below: str, beside: str, panel: str) -> None:
    lowest = made.panels or made.frames
    lefts = [round(ax.get_position().x0, 6) for ax in made.frames]
    for number, ax in enumerate(made.frames):
        first, last = lefts[number] == lefts[0], lefts[number] not in lefts[number + 1 :]
        ax.set_ylabel(beside if first else "", fontsize=TEXT + 3)
        if made.panels:
            words = panel if first else ""
            made.panels[number].set_ylabel(words, loc="center", fontsize=TEXT + 3)
        lowest[number].set_xlabel(below if last else "", fontsize=TEXT + 3)
    for ax in (*made.frames, *made.panels):
        # Places of titles are fractions of their frame; the distance is to be the same for all.
        _, height = ax.yaxis.label.get_position()
        inches = ax.get_position().width * made.figure.get_figwidth()
        ax.yaxis.set_label_coords(-_TITLE / inches, height)
