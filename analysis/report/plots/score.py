r"""Figures of the score: efficiencies, distributions, columns, and the mass in its categories.

Efficiencies are those of the reference signal in the window, and of the background that fractions
are taken from. In their plane :math:`s = S/\sqrt B` is a constant on every line
:math:`1/\varepsilon_B = (s / s_0\,\varepsilon_S)^2`, with :math:`s_0` that of the window alone. The
best cut is where the curve touches the highest of these lines that it reaches. On the line of the
**bound** no single cut can lie: only many categories together come near it.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.report.plots import columns, grid, style
from analysis.report.plots.columns import Process, style_of
from analysis.report.plots.names import SYMBOLS, axis_title, per_bin
from analysis.report.plots.style import Header, atlas_style, plain
from analysis.selection.scores.performance import Importance, Roc, ScoreShapes
from analysis.selection.scores.sculpting import SculptedSpectrum
from analysis.statistics.counting.garwood import poisson_errors
from tools.arrays import FloatArray

_MARKERS = {"One cut": ("D", 10), "Categories": ("o", 7), "Best cuts": ("*", 16)}
_HIGHEST_LINE = 2.0
"""factor by which lines may go beyond the curve"""


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
        # A cut that leaves no simulated background has no rejection that could be drawn.
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
        # Denser where the efficiency is small: there the line is steep.
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
    data, edges = found.data, found.edges
    upper, lower = (style.frame(), None) if data is None else style.frame_with_panel()
    looks, drawn = style_of(processes), [np.zeros(1)]
    for process in processes:
        events = found.simulation.get(process.name)
        if events is None or not events.sum() > 0:
            continue
        shape = events / events.sum()
        drawn.append(shape)
        if process.kind == "signal":
            columns.signal(upper, shape, edges, process.title, looks[process.name])
            continue
        suffix = " (sidebands)" if lower else ""
        columns.background(upper, shape, edges, process.title + suffix)
        if data is not None and lower is not None:
            _simulation_band(lower, edges, events)
            _ratio(lower, edges, data, events, zorder=3)
            lower.set_ylim(0.5, 1.5)
            lower.set_ylabel("Data / sim.", loc="center")
    if data is not None:
        ends = _points(upper, edges, data, np.sqrt(data), zorder=4, label="Data (sidebands)")
        drawn.append(ends)
    _edges(upper, lower, found)
    style.headroom(upper, np.concatenate(drawn), log=True, floor=2e-5)
    if lower is not None:
        upper.tick_params(labelbottom=False)
        lower.set_xlabel("Score")
    x, y = "" if lower else "Score", f"Fraction of events / {np.diff(edges)[0]:.3g}"
    return style.finished(upper, header, x, y, data=data is not None, luminosity=False)


def _simulation_band(ax: Axes, edges: FloatArray, events: FloatArray) -> None:
    """Draw the statistical uncertainty of simulation around a ratio of one."""
    shape, error = events / events.sum(), np.sqrt(events) / events.sum()
    relative = np.divide(error, shape, out=np.zeros_like(shape), where=shape > 0)
    ax.stairs(
        1 + relative, edges, baseline=1 - relative, fill=True, facecolor=style.BACKGROUND_FILL,
        linewidth=0, zorder=0, gid="simulation",
    )  # fmt: skip


def _points(
    ax: Axes, edges: FloatArray, events: FloatArray, errors: FloatArray, **look: Any
) -> FloatArray:
    """Draw events as points of unit area; return their upper ends.

    Parameters
    ----------
    ax : Axes
    edges, events : ndarray
        Shapes (n + 1,) and (n,); bins without events are left out.
    errors : ndarray
        Upper errors, or lower and upper ones: shape (n,) or (2, n).
    **look
        See `style.points`.
    """
    there, total = events > 0, max(float(events.sum()), 1.0)
    shape, error = events[there] / total, errors[..., there] / total
    centres = ((edges[1:] + edges[:-1]) / 2)[there]
    style.points(ax, centres, shape, error, **look)
    return np.asarray(shape + error)


def _ratio(
    ax: Axes, edges: FloatArray, n: FloatArray, m: FloatArray, *, both: bool = False, **look: float
) -> None:
    """Draw the ratio of the shapes of n and m events, with the errors of n, or of both."""
    # A ratio to nothing has no value, and one of nothing no error by the root of its count.
    there = (n > 0) & (m > 0)
    scale = m.sum() / max(float(n.sum()), 1.0)
    n, m = n[there], m[there]
    ratio = scale * n / m
    error = ratio * np.sqrt(1 / n + 1 / m) if both else ratio / np.sqrt(n)
    style.points(ax, ((edges[1:] + edges[:-1]) / 2)[there], ratio, error, gid="ratio", **look)
    ax.axhline(1.0, color="#000000", linewidth=0.8)


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


@atlas_style()
def mass_by_category(found: Mapping[str, SculptedSpectrum], header: Header) -> Figure:
    """Draw the background's mass in every category and in the rest, of unit area.

    What a category keeps and all that it does not keep are different events, so their errors are
    independent; the p-value is that of one spectrum for both
    (`analysis.selection.scores.sculpting`).

    Parameters
    ----------
    found : mapping of str to SculptedSpectrum
        By category.
    header : Header
    """
    made = grid.grid(len(found), panels=True)
    for ax, panel, one in zip(made.frames, made.panels, found.values(), strict=True):
        _mass_shapes(ax, one)
        _ratio(panel, one.edges_GeV, one.kept, one.rest, both=True, markersize=3)
        panel.set_ylim(0.0, 2.0)
        for each in (ax, panel):
            each.set_xlim(float(one.edges_GeV[0]), float(one.edges_GeV[-1]))
    edges = next(iter(found.values())).edges_GeV
    return grid.finished(
        made, header, {name: _notes(one) for name, one in found.items()},
        (axis_title("m_yy", "GeV"), per_bin("Fraction", edges[1] - edges[0], "GeV"), "Ratio"),
        data=False, luminosity=False,
    )  # fmt: skip


def _notes(one: SculptedSpectrum) -> tuple[str, ...]:
    size, error = one.found.size_events, one.found.error_events
    flagged = ("Flagged",) if one.found.flagged else ()
    return (f"$p$ = {one.found.pvalue:.2g}", rf"Window: {size:+,.0f} $\pm$ {error:,.0f}", *flagged)


def _mass_shapes(ax: Axes, one: SculptedSpectrum) -> None:
    rest = one.rest / max(float(one.rest.sum()), 1.0)
    columns.background(ax, rest, one.edges_GeV, "All other background")
    errors = np.array(poisson_errors(one.kept))
    _points(ax, one.edges_GeV, one.kept, errors, zorder=3, gid="kept",
            label="Background that is kept")  # fmt: skip
    total = max(float(one.kept.sum()), 1.0)
    low = 0.3 / max(float(one.rest.sum()), total)
    top = max(float(np.max(one.kept)) / total, float(rest.max()), 10 * low)
    # Notes stand in the upper quarter of the logarithmic scale.
    ax.set_ylim(low, low * (top / low) ** (1 / 0.72))
    ax.set_yscale("log")
