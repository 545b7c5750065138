r"""Distributions of any column: as shapes (tasks 1.3 to 1.5) and as expected yields (task 2.2).

Shapes are normalised to unit area over the range shown. Yields are counts times the weight of an
event, with the statistical uncertainty of the simulated background as a hatched band; signals are
overlaid, not stacked: a thousand times rarer than the background, they would vanish on top of it.

The vertical scale is logarithmic for all yields, and for shapes that fall over the whole range.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.report.plots import style
from analysis.report.plots.names import axis_title, per_bin
from analysis.report.plots.style import Header, Look, atlas_style
from analysis.statistics.counting.garwood import poisson_errors
from processors.histograms import Counts
from processors.selection import Interval
from tools.arrays import FloatArray
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
    """weight of one event, in expected events"""
    assumed: str = ""
    """what the yield rests on, such as an assumed cross-section"""


@dataclass(frozen=True, slots=True)
class Marks:
    """What is marked in a distribution."""

    cut: Interval | None = None
    """cut on the column shown"""
    window: Interval | None = None
    """the signal window, in a spectrum of m_yy"""
    blind: bool = True
    """whether data inside the window are left out, whatever their histogram holds"""


Histograms = Mapping[str, Counts]


def style_of(processes: Sequence[Process]) -> dict[str, Look]:
    """Return colour and dashes of every process, by name."""
    signals = [process.name for process in processes if process.kind == "signal"]
    looks = {name: style.SIGNALS[i % len(style.SIGNALS)] for i, name in enumerate(signals)}
    for process in processes:
        colour = style.DATA if process.kind == "data" else style.BACKGROUND
        looks.setdefault(process.name, (colour, "-"))
    return looks


def signal(ax: Axes, contents: FloatArray, edges: FloatArray, title: str, look: Look) -> None:
    """Draw a signal: as a line without ends at zero, over everything else."""
    colour, dashes = look
    ax.stairs(contents, edges, color=colour, linestyle=dashes, label=title, linewidth=2,
              baseline=None, zorder=3)  # fmt: skip


def background(ax: Axes, contents: FloatArray, edges: FloatArray, title: str) -> None:
    """Draw a background: filled, below everything else."""
    ax.stairs(contents, edges, fill=True, facecolor=style.BACKGROUND_FILL, linewidth=1.2,
              edgecolor=style.BACKGROUND, label=title, zorder=1)  # fmt: skip


@atlas_style()
def unit_area(
    histograms: Histograms, processes: Sequence[Process], header: Header, *, unit: str = "1"
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
    """
    ax, edges, shapes = style.frame(), _edges(histograms), {}
    for process in processes:
        values = _contents(histograms.get(process.name))
        if values.sum() > 0:
            shapes[process.name] = values / values.sum()
    _draw_processes(ax, edges, shapes, processes)
    drawn = np.concatenate([np.zeros(1), *shapes.values()])
    # A flat shape on a logarithmic axis hides differences of some per cent, a falling one on a
    # linear axis its tail.
    falling = any(shape.max() > FALLING * shape.mean() for shape in shapes.values())
    titles = _axes(ax, histograms, edges, unit, "Fraction of events")
    style.headroom(ax, drawn, log=falling)
    return style.finished(ax, header, *titles, data=False, luminosity=False)


@atlas_style()
def expected_yields(
    histograms: Histograms,
    processes: Sequence[Process],
    header: Header,
    *,
    unit: str = "1",
    data: Counts | None = None,
    marks: Marks | None = None,
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
    """
    ax, edges, marks = style.frame(), _edges(histograms), marks or Marks()
    shown = [_with_assumed(process) for process in processes if process.name in histograms]
    yields = {p.name: _contents(histograms[p.name]) * p.weight for p in shown}
    _draw_processes(ax, edges, yields, shown)
    ends = _draw_errors(ax, edges, histograms, shown)
    drawn = [np.zeros(1), *yields.values(), *ends]
    if data is not None:
        drawn.append(_draw_data(ax, edges, _contents(data), marks))
    what = "Events" if data is not None else "Expected events"
    titles = _axes(ax, histograms, edges, unit, what)
    if marks.window is not None:
        shade_window(ax, marks.window, blinded=data is not None and marks.blind)
    if marks.cut is not None:
        _draw_cut(ax, marks.cut)
    # A single event of the lightest sample is seen, and little below it.
    lightest = min((process.weight for process in shown), default=1.0)
    style.headroom(ax, np.concatenate(drawn), log=True, floor=lightest / 3)
    return style.finished(ax, header, *titles, data=data is not None)


def _with_assumed(process: Process) -> Process:
    """Return a process with what its yield rests on in the title."""
    title = f"{process.title}, {process.assumed}" if process.assumed else process.title
    return replace(process, title=title)


def _draw_processes(
    ax: Axes, edges: FloatArray, contents: Mapping[str, FloatArray], processes: Sequence[Process]
) -> None:
    looks = style_of(processes)
    for process in (process for process in processes if process.name in contents):
        if process.kind == "signal":
            signal(ax, contents[process.name], edges, process.title, looks[process.name])
        else:
            background(ax, contents[process.name], edges, process.title)


def _draw_errors(
    ax: Axes, edges: FloatArray, histograms: Histograms, processes: Sequence[Process]
) -> list[FloatArray]:
    """Hatch the statistical uncertainties of the simulated backgrounds; return their upper ends."""
    title: str | None = "Background stat. unc."
    ends = []
    for process in processes:
        if process.kind == "signal":
            continue
        counts = _contents(histograms[process.name])
        up, down = ((counts + sign * np.sqrt(counts)) * process.weight for sign in (1, -1))
        ax.stairs(
            up, edges, baseline=down, fill=True, facecolor="none", edgecolor="#5a5a5a",
            hatch="/////", linewidth=0, label=title, zorder=2, gid="errors",
        )  # fmt: skip
        ends.append(up)
        title = None
    return ends


def _draw_data(ax: Axes, edges: FloatArray, counts: FloatArray, marks: Marks) -> FloatArray:
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


def shade_window(
    ax: Axes, window: Interval, name: str = "Signal window", *, blinded: bool, top: float = 0.66
) -> None:
    """Shade the signal window up to a fraction of the height, and say so where it is blinded."""
    low, high = ax.get_xlim()
    left = max(low, low if window.min is None else window.min)
    right = min(high, high if window.max is None else window.max)
    ax.axvspan(
        left, right, ymax=top, facecolor=style.SHADE, edgecolor="#9a9a9a", linewidth=0.8, zorder=0,
        gid="window", hatch="//" if blinded else None,
        label="Blinded window" if blinded else name,
    )  # fmt: skip
    ax.set_xlim(low, high)


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


def _axes(
    ax: Axes, histograms: Histograms, edges: FloatArray, unit: str, what: str
) -> tuple[str, str]:
    """Set the range and the ticks of the column; return the titles of both axes."""
    ax.set_xlim(float(edges[0]), float(edges[-1]))
    # Counts of objects have bins of width one from whole number to whole number.
    if unit == "1" and np.allclose(edges, round(edges[0]) + np.arange(len(edges))):
        _count_ticks(ax, edges)
    name = next((histogram.axes[0].name for histogram in histograms.values()), "")
    return axis_title(name, unit), per_bin(what, float(edges[1] - edges[0]), unit)


def _count_ticks(ax: Axes, edges: FloatArray) -> None:
    """Write whole numbers below the middle of their bins: the bin from 4 to 5 holds fours."""
    every = 1 + len(edges) // 14
    numbers = edges[:-1:every]
    ax.set_xticks(numbers + 0.5, [f"{number:.0f}" for number in numbers])
    ax.set_xticks([], minor=True)


def _edges(histograms: Histograms) -> FloatArray:
    for histogram in histograms.values():
        return np.asarray(histogram.axes[0].edges, np.float64)
    return np.array([0.0, 1.0])


def _contents(histogram: Counts | None) -> FloatArray:
    """Return the counts within the range of the axis."""
    return np.zeros(0) if histogram is None else np.asarray(histogram.values(), np.float64)
