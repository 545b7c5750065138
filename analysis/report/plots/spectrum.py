r"""Fits of the mass spectrum: the background in the sidebands, and with a resonance on top.

Below the spectrum stands a panel of pulls (`FittedSpectrum.pulls`).

While the data are blind, the window is hatched, and nothing is drawn in it but the prediction.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.report.plots import grid, style
from analysis.report.plots.columns import shade_window
from analysis.report.plots.names import axis_title, per_bin
from analysis.report.plots.style import Header, atlas_style, plain
from analysis.statistics.counting.garwood import poisson_errors
from analysis.statistics.spectra.fitted import FittedSpectrum
from tools.arrays import FloatArray

_NOTES_TOP, _NOTE_ROW, _NOTES_LEFT = 0.6, 0.075, 0.55
"""where notes are written, as fractions of the frame"""
_FILLED = 0.62
"""fraction of a category's frame that a falling spectrum may take where nothing else is written"""
_WINDOW_TOP = 0.44
"""top of the shaded window in a category's frame, below the notes"""


@atlas_style()
def fit(fitted: FittedSpectrum, header: Header) -> Figure:
    """Draw a spectrum and what was fitted: the background in the sidebands, or with a resonance.

    In a blinded window there is the prediction only; pulls are against what is expected in all.
    """
    upper, lower = style.frame_with_panel()
    contents, floor = _draw(upper, lower, fitted)
    _frame(upper, lower, fitted, top=0.68)
    lower.set_ylabel("Pull", loc="center")
    lower.set_xlabel(axis_title(fitted.mass, "GeV"))
    what = "Weighted events" if fitted.weighted else "Events"
    upper.tick_params(labelbottom=False)
    style.headroom(upper, contents, log=True, floor=floor)
    title = per_bin(what, fitted.unit_GeV, "GeV")
    figure = style.finished(upper, header, "", title, data=not fitted.simulated)
    # A falling spectrum leaves room on the right, below the legend, if no peak stands there.
    _leave_room(upper, fitted, _NOTES_TOP - _NOTE_ROW * len(fitted.notes))
    for row, note in enumerate(fitted.notes):
        y = _NOTES_TOP - _NOTE_ROW * row
        style.note(upper, 0.965, y, note, fontsize=13, ha="right", va="top")
    return figure


@atlas_style()
def fits(by_category: Mapping[str, FittedSpectrum], header: Header) -> Figure:
    """Draw the fit of every category in a frame of its own, with its notes."""
    made, first = grid.grid(len(by_category), panels=True), next(iter(by_category.values()))
    for upper, lower, one in zip(made.frames, made.panels, by_category.values(), strict=True):
        contents, floor = _draw(upper, lower, replace(one, function=""))
        _frame(upper, lower, one, top=_WINDOW_TOP)
        positive = contents[np.isfinite(contents) & (contents > 0)]
        top = max(float(positive.max()), 10 * floor) if positive.size else 1.0
        low = max(floor, top / 1e8)
        # The upper right corner is free: a falling spectrum ends below the notes.
        upper.set_ylim(low, low * (top / low) ** (1 / _FILLED))
        upper.set_yscale("log")
    return grid.finished(
        made, header, {name: one.notes for name, one in by_category.items()},
        (axis_title(first.mass, "GeV"), per_bin("Events", first.unit_GeV, "GeV"), "Pull"),
        data=not first.simulated,
    )  # fmt: skip


def _draw_sideband_fit(upper: Axes, fitted: FittedSpectrum, centres: FloatArray) -> None:
    inside, background = fitted.inside, fitted.background * fitted.per_unit
    _function(
        upper, centres, np.where(inside, np.nan, background), color=style.FIT, zorder=3,
        label=_named("Fit of the sidebands", fitted),
    )  # fmt: skip
    _function(
        upper, centres, np.where(inside, background, np.nan), color=style.FIT, zorder=3,
        linestyle="--", label="Prediction",
    )  # fmt: skip
    if fitted.background_errors is not None:
        errors = fitted.background_errors * fitted.per_unit
        # The lower end of an uncertain tail may be negative: on a logarithmic axis it is nowhere.
        low, high = (background + s * errors for s in (-1, 1))
        upper.fill_between(
            centres, np.maximum(low, 1e-9), high, color=style.FIT, alpha=0.25, linewidth=0,
            zorder=2, label="Fit uncertainty",
        )  # fmt: skip


def _draw_resonance_fit(upper: Axes, fitted: FittedSpectrum, centres: FloatArray) -> None:
    both, background = (x * fitted.per_unit for x in (fitted.expected, fitted.background))
    _function(upper, centres, both, color=style.FIT, zorder=3, label="Background + resonance")
    _function(
        upper, centres, background, color=style.BACKGROUND, linestyle="--", linewidth=1.5, zorder=2,
        label=_named("Background", fitted),
    )  # fmt: skip


def _function(ax: Axes, x: FloatArray, y: FloatArray, **look: Any) -> None:
    """Draw a function, if there is anything of it; in a single bin, as a dash."""
    if np.isfinite(y).any():
        ax.plot(x, y, marker="_" if len(x) == 1 else "", markersize=30, **look)


def _named(what: str, fitted: FittedSpectrum) -> str:
    return f"{what}: {plain(fitted.function)}" if fitted.function else what


def _draw(upper: Axes, lower: Axes, fitted: FittedSpectrum) -> tuple[FloatArray, float]:
    """Draw functions, pulls and points; return all contents, and where the scale is to begin."""
    centres = (fitted.edges_GeV[1:] + fitted.edges_GeV[:-1]) / 2
    functions = _draw_sideband_fit if fitted.signal is None else _draw_resonance_fit
    functions(upper, fitted, centres)
    _pulls(lower, fitted, centres)
    shown = fitted.shown & (np.nan_to_num(fitted.counts) > 0)
    counts, variances = fitted.counts[shown], fitted.variances[shown]
    # Garwood's intervals are of counts; a sum of weights has the root of its variance only.
    by_weight = fitted.simulated or fitted.weighted
    errors = (np.sqrt(variances),) * 2 if by_weight else poisson_errors(counts)
    factor, expected = fitted.per_unit[shown], fitted.expected * fitted.per_unit
    counts, errors = counts * factor, (errors[0] * factor, errors[1] * factor)
    style.points(upper, centres[shown], counts, errors, markersize=3, elinewidth=0.9,
                 zorder=4, label=_points_title(fitted), gid="points")  # fmt: skip
    lowest = float(counts.min()) if counts.size else float(np.nanmin(expected))
    return np.append(counts + errors[1], expected), lowest / 4


def _points_title(fitted: FittedSpectrum) -> str:
    if fitted.simulated:
        return "Simulated background"
    return "Data, weighted by ln(1 + $S/B$)" if fitted.weighted else "Data"


def _pulls(ax: Axes, fitted: FittedSpectrum, centres: FloatArray) -> None:
    values = fitted.pulls
    there = np.isfinite(values)
    widths = np.diff(fitted.edges_GeV)[there]
    ax.bar(centres[there], values[there], width=widths, color=style.BACKGROUND, linewidth=0)
    ax.axhline(0, color="#000000", linewidth=0.8)
    # Three standard deviations are always on the axis: a good fit is to look like one.
    highest = max(3.4, 1.1 * float(np.max(np.abs(values[there]), initial=0.0)))
    ax.set_ylim(-highest, highest)


def _leave_room(ax: Axes, fitted: FittedSpectrum, height: float) -> None:
    """Raise the scale until what is drawn on the right ends below some height of the frame."""
    edges, counts = fitted.edges_GeV, np.where(fitted.shown, fitted.counts, 0.0)
    right = edges[1:] > edges[0] + _NOTES_LEFT * (edges[-1] - edges[0])
    drawn = np.maximum(counts + np.sqrt(np.maximum(fitted.variances, 0.0)), fitted.expected)
    highest = float(np.nanmax((drawn * fitted.per_unit)[right], initial=0.0))
    low, high = ax.get_ylim()
    # With this upper end, logarithmic, `highest` lies at `height`.
    if fitted.notes and highest > low:
        ax.set_ylim(low, max(high, low * (highest / low) ** (1 / height)))


def _frame(upper: Axes, lower: Axes, fitted: FittedSpectrum, *, top: float) -> None:
    """Set the range of a fit and shade its windows, in the frame up to a fraction of its height.

    A window that is all that is shown is not shaded: it stands out from nothing.
    """
    for ax, height in ((upper, top), (lower, 1.0)):
        ax.set_xlim(float(fitted.edges_GeV[0]), float(fitted.edges_GeV[-1]))
        for number, window in enumerate(fitted.windows):
            name = "" if number else fitted.window_name  # once in the legend
            if fitted.blinded or not fitted.inside.all():
                shade_window(ax, window, name, blinded=fitted.blinded, top=height)
