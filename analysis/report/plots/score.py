r"""Figures of the score: its efficiencies, its distributions, what its columns are worth.

Efficiencies are those of the reference signal in the window, and of the background that fractions
are taken from. In their plane :math:`s = S/\sqrt B` is a constant on every line
:math:`1/\varepsilon_B = (s / s_0\,\varepsilon_S)^2`, with :math:`s_0` that of the window alone. The
best cut is where the curve touches the highest of these lines that it reaches. On the line of the
**bound** no single cut can lie: only many categories together come near it.
"""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.report.plots import style
from analysis.report.plots.columns import Process, style_of
from analysis.report.plots.names import SYMBOLS
from analysis.report.plots.style import Header, atlas_style, plain
from analysis.selection.scores.performance import Importance, Roc, ScoreShapes
from tools.arrays import FloatArray

_MARKERS = {"One cut": ("D", 10), "Categories": ("o", 7), "Best cuts": ("*", 16)}
_HIGHEST_LINE = 2.0
"""by what lines may reach beyond the curve"""


@atlas_style()
def roc(found: Roc, processes: Sequence[Process], header: Header) -> Figure:
    """Draw background rejection against signal efficiency.

    Parameters
    ----------
    found : Roc
    processes : sequence of Process
        The signals to show.
    header : Header
    """
    ax, looks = style.frame(), style_of(processes)
    shown = [p for p in processes if p.name in found.curves]
    for process in shown:
        curve, (colour, dashes) = found.curves[process.name], looks[process.name]
        ax.plot(curve.signal, 1 / curve.background, color=colour, linestyle=dashes, zorder=2,
                label=process.title)  # fmt: skip
    highest = max((float(np.max(1 / found.curves[p.name].background)) for p in shown), default=10.0)
    for title, point in found.points.items():
        marker, size = _MARKERS[title]
        there = point.background > 0
        ax.plot(
            point.signal[there], 1 / point.background[there], marker, linestyle="none",
            markersize=size, color=style.DATA, markerfacecolor="white", markeredgewidth=1.5,
            zorder=4, label=_with_merit(title, found), gid=title,
        )  # fmt: skip
    _lines(ax, found, highest)
    ax.set_xlim(0.0, 1.05)
    # The upper fifth of the logarithmic scale is the legend's.
    ax.set_ylim(0.7, 0.7 * (highest / 0.7) ** (1 / 0.78))
    ax.set_yscale("log")
    titles = "Signal efficiency", "Background rejection"
    return style.finished(ax, header, *titles, data=False, luminosity=False, fontsize=13)


def _with_merit(title: str, found: Roc) -> str:
    merit = found.merits.get(title)
    return title if merit is None else f"{title}: $s$ = {merit:.1f}"


def _lines(ax: Axes, found: Roc, highest: float) -> None:
    """Draw the lines of one s: that of the bound, and that which the best cut reaches."""
    looks = {"Bound": (":", style.DATA), "One cut": ("--", "#8a8a8a")}
    for title, ratio in found.lines.items():
        dashes, colour = looks[title]
        efficiency = np.geomspace(0.01, 1.0, 200)
        rejection = (ratio / efficiency) ** 2
        there = rejection <= _HIGHEST_LINE * highest
        label = _with_merit(title, found) if title == "Bound" else "$s$ of the cut"
        ax.plot(efficiency[there], rejection[there], linestyle=dashes, color=colour, linewidth=1.5,
                zorder=1, label=label, gid=f"line {title}")  # fmt: skip


@atlas_style()
def score_shapes(found: ScoreShapes, processes: Sequence[Process], header: Header) -> Figure:
    """Draw the distributions of the score, each of unit area, and data over simulation below.

    Parameters
    ----------
    found : ScoreShapes
    processes : sequence of Process
        Simulation to show.
    header : Header
    """
    compared = found.data is not None
    upper, lower = style.frame_with_panel() if compared else (style.frame(), None)
    looks, drawn = style_of(processes), [np.zeros(1)]
    for process in processes:
        events = found.simulation.get(process.name)
        if events is None or not events.sum() > 0:
            continue
        shape = events / events.sum()
        drawn.append(shape)
        if process.kind == "signal":
            style.signal(upper, shape, found.edges, process.title, looks[process.name])
        else:
            _background(upper, lower, found.edges, events, process.title)
            if lower is not None and found.data is not None:
                _ratio(lower, found.edges, found.data, events)
    if found.data is not None:
        drawn.append(_data(upper, found.edges, found.data))
    _edges(upper, lower, found)
    style.headroom(upper, np.concatenate(drawn), log=True, floor=2e-5)
    if lower is not None:
        upper.tick_params(labelbottom=False)
        lower.set_xlabel("Score")
    x, y = "" if lower else "Score", f"Fraction of events / {np.diff(found.edges)[0]:.3g}"
    return style.finished(upper, header, x, y, data=compared, luminosity=False)


def _background(
    upper: Axes, lower: Axes | None, edges: FloatArray, events: FloatArray, title: str
) -> None:
    shape, error = events / events.sum(), np.sqrt(events) / events.sum()
    suffix = " (sidebands)" if lower is not None else ""
    style.background(upper, shape, edges, title + suffix)
    if lower is None:
        return
    relative = np.divide(error, shape, out=np.zeros_like(shape), where=shape > 0)
    lower.stairs(
        1 + relative, edges, baseline=1 - relative, fill=True, facecolor=style.BACKGROUND_FILL,
        linewidth=0, zorder=0, gid="simulation",
    )  # fmt: skip


def _data(ax: Axes, edges: FloatArray, events: FloatArray) -> FloatArray:
    """Draw the data as points of unit area; return their upper ends."""
    there, total = events > 0, max(float(events.sum()), 1.0)
    shape, error = events[there] / total, np.sqrt(events[there]) / total
    centres = ((edges[1:] + edges[:-1]) / 2)[there]
    style.points(ax, centres, shape, error, zorder=4, label="Data (sidebands)")
    return np.asarray(shape + error)


def _ratio(ax: Axes, edges: FloatArray, data: FloatArray, simulated: FloatArray) -> None:
    there = (data > 0) & (simulated > 0)
    scale = simulated.sum() / max(float(data.sum()), 1.0)
    ratio = scale * data[there] / simulated[there]
    centres = ((edges[1:] + edges[:-1]) / 2)[there]
    style.ratio(ax, centres, ratio, ratio / np.sqrt(data[there]), far=0.5, zorder=3)
    ax.set_ylabel("Data / sim.", loc="center")


def _edges(upper: Axes, lower: Axes | None, found: ScoreShapes) -> None:
    """Draw the lower edges of the categories, and set the range."""
    title: str | None = "Edges of categories" if found.divided else "Cut on the score"
    for edge in found.categories:
        upper.axvline(edge, ymax=0.56, color=style.CUT, linewidth=1.2, linestyle="--", zorder=2,
                      label=title, gid="edge")  # fmt: skip
        title = None
        if lower is not None:
            lower.axvline(edge, color=style.CUT, linewidth=1.2, linestyle="--", zorder=1)
    upper.set_xlim(float(found.edges[0]), float(found.edges[-1]))


@atlas_style()
def importance(found: Sequence[Importance], header: Header) -> Figure:
    """Draw what combined s loses without each column.

    Parameters
    ----------
    found : sequence of Importance
    header : Header
    """
    ax = style.frame(left=0.31)
    rows = np.arange(len(found))
    losses, errors = (100 * np.array([getattr(i, k) for i in found]) for k in ("loss", "error"))
    ax.barh(rows, losses, xerr=errors, height=0.5, facecolor=style.BACKGROUND_FILL, linewidth=1.2,
            edgecolor=style.BACKGROUND, ecolor=style.BACKGROUND, capsize=3,
            label="Categories")  # fmt: skip
    there = [(100 * i.bound_loss, r) for r, i in enumerate(found) if i.bound_loss is not None]
    bound = np.array(there, np.float64).reshape(-1, 2)
    if len(bound):
        ax.plot(*bound.T, "D", color=style.DATA, markersize=8, markerfacecolor="white",
                markeredgewidth=1.5, linestyle="none", label="Bound", gid="bound")  # fmt: skip
    ax.axvline(0.0, color=style.DATA, linewidth=0.8)
    style.named_rows(ax, [SYMBOLS.get(i.column, plain(i.column)) for i in found])
    ax.set_ylim(len(found) - 0.5, -0.5 - 0.45 * max(len(found), 1))
    ends = np.concatenate([losses + errors, losses - errors, bound[:, 0], [0.0, 1.0]])
    ax.set_xlim(1.2 * float(ends.min()), 1.2 * float(ends.max()))
    title = "Loss of combined $s$ without it [%]"
    return style.finished(ax, header, title, "", data=False, luminosity=False)
