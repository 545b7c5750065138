r"""Fits of the mass spectrum: the background in the sidebands, and with a resonance on top.

Below the spectrum stands a panel of pulls (`FittedSpectrum.pulls`).

While the data are blind, the window is hatched, and nothing is drawn in it but the prediction.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.report.plots import style
from analysis.report.plots.names import axis_title, per_bin
from analysis.report.plots.observed import shade_window
from analysis.report.plots.style import Header, atlas_style, plain
from analysis.statistics.counting.garwood import poisson_errors
from analysis.statistics.spectra.fitted import FittedSpectrum
from tools.arrays import FloatArray

DrawFit = Callable[[Axes, Axes, FittedSpectrum], tuple[FloatArray, float]]
"""draws a fit in a frame and a panel; returns all contents, and where the scale begins"""
_NOTES_TOP, _NOTE_ROW, _NOTES_LEFT = 0.6, 0.075, 0.55
"""where notes are written, as fractions of the frame"""


@atlas_style()
def sideband_fit(fitted: FittedSpectrum, header: Header) -> Figure:
    """Draw the background function over the sidebands, and its prediction in the window."""
    return _finished(fitted, header, draw_sideband_fit)


def draw_sideband_fit(upper: Axes, lower: Axes, fitted: FittedSpectrum) -> tuple[FloatArray, float]:
    """Draw spectrum, function and pulls of a fit of the sidebands.

    Parameters
    ----------
    upper, lower : Axes
        The frame, and its panel.
    fitted : FittedSpectrum

    Returns
    -------
    ndarray
        All contents of the frame.
    float
        Where its scale is to begin.
    """
    centres = (fitted.edges_GeV[1:] + fitted.edges_GeV[:-1]) / 2
    inside, background = fitted.inside, fitted.background * fitted.per_unit
    _function(
        upper, centres, np.where(inside, np.nan, background), color=style.FIT, zorder=3,
        label=_named("Fit of the sidebands", fitted),
    )  # fmt: skip
    if inside.any():
        _function(
            upper, centres, np.where(inside, background, np.nan), color=style.FIT, zorder=3,
            linestyle="--", label="Prediction",
        )  # fmt: skip
    if fitted.background_errors is not None:
        errors = fitted.background_errors * fitted.per_unit
        low, high = (background + s * errors for s in (-1, 1))
        upper.fill_between(
            centres, np.maximum(low, 1e-9), high, color=style.FIT, alpha=0.25, linewidth=0,
            zorder=2, label="Fit uncertainty",
        )  # fmt: skip
    _pulls(lower, fitted, centres)
    return _spectrum(upper, fitted, centres)


@atlas_style()
def resonance_fit(fitted: FittedSpectrum, header: Header) -> Figure:
    """Draw the fit of background and resonance together; pulls are against their sum."""
    return _finished(fitted, header, draw_resonance_fit)


def draw_resonance_fit(
    upper: Axes, lower: Axes, fitted: FittedSpectrum
) -> tuple[FloatArray, float]:
    """Draw spectrum, functions and pulls of a fit of a resonance, as `draw_sideband_fit`."""
    centres = (fitted.edges_GeV[1:] + fitted.edges_GeV[:-1]) / 2
    both, background = (x * fitted.per_unit for x in (fitted.expected, fitted.background))
    _function(upper, centres, both, color=style.FIT, zorder=3, label="Background + resonance")
    _function(
        upper, centres, background, color=style.BACKGROUND, linestyle="--", linewidth=1.5, zorder=2,
        label=_named("Background", fitted),
    )  # fmt: skip
    _pulls(lower, fitted, centres)
    return _spectrum(upper, fitted, centres)


def _function(ax: Axes, x: FloatArray, y: FloatArray, **look: Any) -> None:
    """Draw a function, if there is anything of it; in a single bin, as a dash."""
    if np.isfinite(y).any():
        ax.plot(x, y, marker="_" if len(x) == 1 else "", markersize=30, **look)


def _named(what: str, fitted: FittedSpectrum) -> str:
    return f"{what}: {plain(fitted.function)}" if fitted.function else what


def _spectrum(ax: Axes, fitted: FittedSpectrum, centres: FloatArray) -> tuple[FloatArray, float]:
    """Draw the points; return all contents of the frame, and where its scale is to begin."""
    shown = fitted.shown & (np.nan_to_num(fitted.counts) > 0)
    counts, variances = fitted.counts[shown], fitted.variances[shown]
    by_weight = fitted.simulated or fitted.weighted
    errors = (np.sqrt(variances),) * 2 if by_weight else poisson_errors(counts)
    factor, expected = fitted.per_unit[shown], fitted.expected * fitted.per_unit
    counts, errors = counts * factor, (errors[0] * factor, errors[1] * factor)
    style.points(ax, centres[shown], counts, errors, size=3, width=0.9, zorder=4,
                 label=_points_title(fitted), gid="points")  # fmt: skip
    least = float(counts.min()) if counts.size else float(np.nanmin(expected))
    return np.append(counts + errors[1], expected), least / 4


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
    most = max(3.4, 1.1 * float(np.max(np.abs(values[there]), initial=0.0)))
    ax.set_ylim(-most, most)
    ax.set_ylabel("Pull", loc="center")
    ax.set_xlabel(axis_title(fitted.mass, "GeV"))


def _finished(fitted: FittedSpectrum, header: Header, draw: DrawFit) -> Figure:
    """Draw a fit and what stands around it: window, scale, titles, legend, labels, results."""
    upper, lower = style.frame_with_panel()
    contents, floor = draw(upper, lower, fitted)
    frame_fit(upper, lower, fitted, top=0.68)
    what = "Weighted events" if fitted.weighted else "Events"
    title = per_bin(what, fitted.unit_GeV, "GeV")
    upper.tick_params(labelbottom=False)
    style.headroom(upper, contents, log=True, floor=floor)
    figure = style.finished(upper, header, "", title, data=not fitted.simulated)
    # A falling spectrum leaves room on the right, below the legend, if no peak stands there.
    _leave_room(upper, fitted, _NOTES_TOP - _NOTE_ROW * len(fitted.notes))
    for row, note in enumerate(fitted.notes):
        upper.text(
            0.965, _NOTES_TOP - _NOTE_ROW * row, note, transform=upper.transAxes, fontsize=13,
            ha="right", va="top", gid="note",
        )  # fmt: skip
    return figure


def _leave_room(ax: Axes, fitted: FittedSpectrum, height: float) -> None:
    """Raise the scale until what is drawn on the right ends below some height of the frame."""
    edges, counts = fitted.edges_GeV, np.where(fitted.shown, fitted.counts, 0.0)
    right = edges[1:] > edges[0] + _NOTES_LEFT * (edges[-1] - edges[0])
    drawn = np.maximum(counts + np.sqrt(np.maximum(fitted.variances, 0.0)), fitted.expected)
    most = float(np.nanmax((drawn * fitted.per_unit)[right], initial=0.0))
    low, high = ax.get_ylim()
    if fitted.notes and most > low:
        ax.set_ylim(low, max(high, low * (most / low) ** (1 / height)))


def frame_fit(upper: Axes, lower: Axes, fitted: FittedSpectrum, *, top: float) -> None:
    """Set the range of a fit and shade its window, in the frame up to a part of its height.

    A window that is all that is shown is not shaded: there is nothing to tell it from.
    """
    for ax, height in ((upper, top), (lower, 1.0)):
        ax.set_xlim(float(fitted.edges_GeV[0]), float(fitted.edges_GeV[-1]))
        if fitted.window is not None and (fitted.blinded or not fitted.inside.all()):
            shade_window(ax, fitted.window, blinded=fitted.blinded, top=height)
