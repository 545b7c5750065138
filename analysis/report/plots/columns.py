r"""Distributions of any column: as shapes (tasks 1.3 to 1.5) and as expected yields (task 2.2).

Shapes are normalised to unit area over the range shown. Yields are counts times the weight of an
event, with the statistical error of the simulated background as a hatched band; signals are
overlaid, not stacked: a thousand times rarer than the background, they would vanish on top of it.

The vertical scale is logarithmic for all yields, and for shapes that fall over the whole range.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from analysis.report.plots import style
from analysis.report.plots.names import axis_title, per_bin
from analysis.report.plots.observed import Marks, draw_data, draw_marks
from analysis.report.plots.style import Array, Header, Look, atlas_style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from processors.histograms import Counts
    from tools.samples import Kind

FALLING = 9.0
"""shapes whose highest bin is this many times their average are drawn on a logarithmic scale"""


@dataclass(frozen=True, slots=True)
class Process:
    """One simulated sample as figures show it."""

    name: str
    kind: Kind
    title: str
    """what legends call it, as matplotlib writes it"""
    weight: float = 1.0
    """of one event, in expected events"""
    assumed: str = ""
    """what its yield rests on, such as an assumed cross-section"""


Histograms = Mapping[str, "Counts"]


def style_of(processes: Sequence[Process]) -> dict[str, Look]:
    """Return colour and dashes of every process, by name."""
    signals = [process.name for process in processes if process.kind == "signal"]
    looks = {name: style.SIGNALS[i % len(style.SIGNALS)] for i, name in enumerate(signals)}
    for process in processes:
        colour = style.DATA if process.kind == "data" else style.BACKGROUND
        looks.setdefault(process.name, (colour, "-"))
    return looks


@atlas_style()
def unit_area(
    histograms: Histograms,
    processes: Sequence[Process],
    header: Header,
    *,
    unit: str = "1",
    ax: Axes | None = None,
) -> Figure:
    """Draw the shapes of a column in all samples, on top of each other.

    Parameters
    ----------
    histograms : mapping of str to Hist
        One-dimensional counts of the column, by sample; empty ones are left out.
    processes : sequence of Process
        What to draw, in this order.
    header : Header
    unit : str
        Of the column; ``"1"`` where there is none.
    ax : Axes, optional
        Where to draw, instead of a new figure.
    """
    figure, ax = style.frame(ax)
    shapes = {}
    for process in processes:
        _, values = _contents(histograms.get(process.name))
        if values.sum() > 0:
            shapes[process.name] = values / values.sum()
    edges = _edges(histograms)
    _draw_processes(ax, edges, shapes, processes)
    drawn = np.concatenate([np.zeros(1), *shapes.values()])
    falling = any(shape.max() > FALLING * shape.mean() for shape in shapes.values())
    _titles(ax, histograms, edges, unit, "Fraction of events")
    style.headroom(ax, drawn, log=falling)
    style.legend(ax)
    style.label(ax, header, data=False, luminosity=False)
    return figure


@atlas_style()
def expected_yields(
    histograms: Histograms,
    processes: Sequence[Process],
    header: Header,
    *,
    unit: str = "1",
    data: Counts | None = None,
    marks: Marks | None = None,
    ax: Axes | None = None,
) -> Figure:
    """Draw the expected events of a column in all samples, and observed ones if they are given.

    Parameters
    ----------
    histograms : mapping of str to Hist
        One-dimensional counts of the column, by sample.
    processes : sequence of Process
        What to draw, in this order, with the weights of their events.
    header : Header
        Its luminosity is the one that the weights belong to.
    unit : str
        Of the column.
    data : Hist, optional
        Observed counts. Bins in the window of `marks` are not drawn while it is blind.
    marks : Marks, optional
        Cut or window to show.
    ax : Axes, optional
        Where to draw, instead of a new figure.
    """
    figure, ax = style.frame(ax)
    marks = marks or Marks()
    edges = _edges(histograms)
    yields = {
        process.name: _contents(histograms.get(process.name))[1] * process.weight
        for process in processes
        if process.name in histograms
    }
    _draw_processes(ax, edges, yields, processes, yields=True)
    ends = _draw_errors(ax, edges, histograms, processes)
    drawn = [np.zeros(1), *yields.values(), *ends]
    if data is not None:
        drawn.append(draw_data(ax, edges, _contents(data)[1], marks))
    _titles(ax, histograms, edges, unit, "Events" if data is not None else "Expected events")
    draw_marks(ax, marks, blinded=data is not None and marks.blind)
    least = min((p.weight for p in processes if p.name in histograms), default=1.0)
    style.headroom(ax, np.concatenate(drawn), log=True, floor=least / 3)
    style.legend(ax)
    style.label(ax, header, data=data is not None)
    return figure


def _draw_processes(
    ax: Axes,
    edges: Array,
    contents: Mapping[str, Array],
    processes: Sequence[Process],
    *,
    yields: bool = False,
) -> None:
    looks = style_of(processes)
    for process in processes:
        if process.name not in contents:
            continue
        title = process.title
        if yields and process.assumed:
            title += f", {process.assumed}"
        if process.kind == "signal":
            colour, dashes = looks[process.name]
            ax.stairs(
                contents[process.name], edges, color=colour, linestyle=dashes, label=title,
                linewidth=2, baseline=None, zorder=3,
            )  # fmt: skip
        else:
            ax.stairs(
                contents[process.name], edges, fill=True, facecolor=style.BACKGROUND_FILL,
                edgecolor=style.BACKGROUND, linewidth=1.2, label=title, zorder=1,
            )  # fmt: skip


def _draw_errors(
    ax: Axes, edges: Array, histograms: Histograms, processes: Sequence[Process]
) -> list[Array]:
    """Hatch the statistical errors of the simulated backgrounds; return their upper ends."""
    title: str | None = "Background stat. unc."
    ends = []
    for process in processes:
        if process.kind == "signal" or process.name not in histograms:
            continue
        _, counts = _contents(histograms[process.name])
        up, down = ((counts + sign * np.sqrt(counts)) * process.weight for sign in (1, -1))
        ax.stairs(
            up, edges, baseline=down, fill=True, facecolor="none", edgecolor="#5a5a5a",
            hatch="/////", linewidth=0, label=title, zorder=2, gid="errors",
        )  # fmt: skip
        ends.append(up)
        title = None
    return ends


def _titles(ax: Axes, histograms: Histograms, edges: Array, unit: str, what: str) -> None:
    ax.set_xlim(float(edges[0]), float(edges[-1]))
    name = next((histogram.axes[0].name for histogram in histograms.values()), "")
    ax.set_xlabel(axis_title(name, unit))
    ax.set_ylabel(per_bin(what, float(edges[1] - edges[0]), unit))
    if unit == "1" and np.allclose(edges, round(edges[0]) + np.arange(len(edges))):
        _count_ticks(ax, edges)


def _count_ticks(ax: Axes, edges: Array) -> None:
    """Write whole numbers below the middle of their bins: the bin from 4 to 5 holds fours."""
    every = 1 + len(edges) // 14
    numbers = edges[:-1:every]
    ax.set_xticks(numbers + 0.5, [f"{number:.0f}" for number in numbers])
    ax.set_xticks([], minor=True)


def _edges(histograms: Histograms) -> Array:
    for histogram in histograms.values():
        return np.asarray(histogram.axes[0].edges, np.float64)
    return np.array([0.0, 1.0])


def _contents(histogram: Counts | None) -> tuple[Array, Array]:
    """Return edges and counts within the range of the axis."""
    if histogram is None:
        return np.zeros(0), np.zeros(0)
    edges = np.asarray(histogram.axes[0].edges, np.float64)
    return edges, np.asarray(histogram.values(), np.float64)
