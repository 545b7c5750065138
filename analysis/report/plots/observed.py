"""Observed events and the signal window: how they are drawn, and what blind means for a figure.

Events are points with Poisson errors. While data are blind the window is hatched and no point is
drawn in it, whatever the histogram holds that a figure is given.
"""

from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes

from analysis.report.plots import style
from analysis.statistics.counting.garwood import poisson_errors
from processors.selection import Interval
from tools.arrays import FloatArray


@dataclass(frozen=True, slots=True)
class Marks:
    """What is marked in a distribution."""

    cut: Interval | None = None
    """a cut on the column shown"""
    window: Interval | None = None
    """the signal window, in a spectrum of m_yy"""
    blind: bool = True
    """whether data inside the window are left out, whatever their histogram holds"""


def draw_data(ax: Axes, edges: FloatArray, counts: FloatArray, marks: Marks) -> FloatArray:
    """Draw observed counts as points with Poisson errors; return what was drawn.

    Empty bins are left out: on a logarithmic scale they have no place.
    """
    centres = (edges[1:] + edges[:-1]) / 2
    shown = counts > 0
    if marks.window is not None and marks.blind:
        shown &= ~marks.window.contains(centres)
    down, up = poisson_errors(counts[shown])
    title = "Data (sidebands)" if marks.window is not None and marks.blind else "Data"
    style.points(ax, centres[shown], counts[shown], (down, up), zorder=4, label=title)
    return np.asarray(counts[shown] + up)


def shade_window(ax: Axes, window: Interval, *, blinded: bool, top: float = 0.66) -> None:
    """Shade the signal window up to a fraction of the height, and say so where it is closed."""
    low, high = ax.get_xlim()
    left = max(low, low if window.min is None else window.min)
    right = min(high, high if window.max is None else window.max)
    ax.axvspan(
        left, right, ymax=top, facecolor=style.SHADE, edgecolor="#9a9a9a", linewidth=0.8, zorder=0,
        gid="window", hatch="//" if blinded else None,
        label="Blinded window" if blinded else "Signal window",
    )  # fmt: skip
    ax.set_xlim(low, high)


def draw_marks(ax: Axes, marks: Marks, *, blinded: bool) -> None:
    """Draw window and cut of a distribution whose horizontal range is final."""
    if marks.window is not None:
        shade_window(ax, marks.window, blinded=blinded)
    if marks.cut is not None:
        _draw_cut(ax, marks.cut)


def _draw_cut(ax: Axes, cut: Interval) -> None:
    """Mark the ends of a cut, with arrows towards what it keeps."""
    low, high = ax.get_xlim()
    for bound, direction in ((cut.min, 1), (cut.max, -1)):
        if bound is None or not low <= bound <= high:
            continue
        ax.axvline(bound, ymax=0.62, color=style.CUT, linewidth=1.5, linestyle="--", gid="cut")
        tip = bound + direction * 0.06 * (high - low)
        ax.annotate(
            "", (tip, 0.6), (bound, 0.6), xycoords=("data", "axes fraction"),
            arrowprops={"arrowstyle": "-|>", "color": style.CUT, "shrinkA": 0, "shrinkB": 0},
        )  # fmt: skip
