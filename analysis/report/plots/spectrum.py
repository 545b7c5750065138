r"""Fits of the mass spectrum: the background in the sidebands, and with a resonance on top.

Below the spectrum stands a panel of pulls. The pull of a bin is the signed root of its part of the
deviance that the fit minimises,

.. math:: \pm\sqrt{2\,(n \ln(n/\mu) - n + \mu)}

which for many events is :math:`(n-\mu)/\sqrt\mu`, and stays meaningful in the tail, where a single
event on an expectation of 0.01 would be a pull of ten. Weighted bins enter as scaled counts.

While the data are blind, the window is hatched, and nothing is drawn in it but the prediction.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from analysis.report.plots import style
from analysis.report.plots.names import axis_title, per_bin
from analysis.report.plots.observed import poisson_errors, shade_window
from analysis.report.plots.style import Array, Header, atlas_style, plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from processors.selection import Interval

_NOTES_TOP, _NOTE_ROW, _NOTES_LEFT = 0.6, 0.075, 0.55
"""where notes are written, as fractions of the frame"""


@dataclass(frozen=True, slots=True, eq=False)
class FittedSpectrum:
    """A spectrum in the bins of a fit, with what was fitted to it."""

    edges_GeV: Array
    """shape (n + 1,), the window included"""
    counts: Array
    """events or sums of weights, shape (n,), NaN where they are not known; what lies in a blind
    window is not looked at"""
    variances: Array
    """sums of squared weights, shape (n,); equal to `counts` for events"""
    background: Array
    """expected by the background function, shape (n,)"""
    window: Interval | None
    """where a signal may be; None: nowhere in particular"""
    blinded: bool
    """whether the window's contents are to be left out"""
    function: str
    """name of the background function, for the legend; empty if it is told elsewhere"""
    background_errors: Array | None = None
    """of the function, by its fit, shape (n,)"""
    signal: Array | None = None
    """fitted resonance, shape (n,)"""
    notes: tuple[str, ...] = ()
    """results to write on the figure, as matplotlib writes them"""
    simulated: bool = False
    """whether simulation stands in for data"""
    mass: str = "m_yy"
    """name of the quantity"""
    weighted: bool = False
    """whether events have weights, and contents are their sums"""

    @property
    def shown(self) -> npt.NDArray[np.bool_]:
        """Which bins may be drawn, shape (n,)."""
        there = np.isfinite(self.counts)
        return there & ~self.inside if self.blinded else there

    @property
    def inside(self) -> npt.NDArray[np.bool_]:
        """Which bins are in the window, shape (n,)."""
        centres = (self.edges_GeV[1:] + self.edges_GeV[:-1]) / 2
        none = np.zeros(len(centres), dtype=bool)
        return none if self.window is None else self.window.contains(centres)

    @property
    def unit_GeV(self) -> float:
        """Width that contents are shown for: that of the bins, of the narrowest if they differ."""
        return float(np.diff(self.edges_GeV).min())

    @property
    def per_unit(self) -> Array:
        """What contents are multiplied with to be shown, shape (n,)."""
        widths = np.diff(self.edges_GeV)
        same = np.allclose(widths, widths[0])
        return np.ones_like(widths) if same else self.unit_GeV / widths

    @property
    def expected(self) -> Array:
        """Background and signal, shape (n,)."""
        return self.background if self.signal is None else self.background + self.signal


@atlas_style()
def sideband_fit(fitted: FittedSpectrum, header: Header) -> Figure:
    """Draw the background function over the sidebands, and its prediction in the window."""
    figure, upper, lower = style.frame_with_panel()
    _finish(upper, lower, fitted, header, *draw_sideband_fit(upper, lower, fitted))
    return figure


def draw_sideband_fit(upper: Axes, lower: Axes, fitted: FittedSpectrum) -> tuple[Array, float]:
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
    figure, upper, lower = style.frame_with_panel()
    _finish(upper, lower, fitted, header, *draw_resonance_fit(upper, lower, fitted))
    return figure


def draw_resonance_fit(upper: Axes, lower: Axes, fitted: FittedSpectrum) -> tuple[Array, float]:
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


def _function(ax: Axes, x: Array, y: Array, **look: Any) -> None:
    """Draw a function, if there is anything of it; in a single bin, as a dash."""
    if np.isfinite(y).any():
        ax.plot(x, y, marker="_" if len(x) == 1 else "", markersize=30, **look)


def _named(what: str, fitted: FittedSpectrum) -> str:
    return f"{what}: {plain(fitted.function)}" if fitted.function else what


def _spectrum(ax: Axes, fitted: FittedSpectrum, centres: Array) -> tuple[Array, float]:
    """Draw the points; return all contents of the frame, and where its scale is to begin."""
    shown = fitted.shown & (np.nan_to_num(fitted.counts) > 0)
    counts, variances = fitted.counts[shown], fitted.variances[shown]
    by_weight = fitted.simulated or fitted.weighted
    errors = (np.sqrt(variances),) * 2 if by_weight else poisson_errors(counts)
    factor, expected = fitted.per_unit[shown], fitted.expected * fitted.per_unit
    counts, errors = counts * factor, (errors[0] * factor, errors[1] * factor)
    ax.errorbar(
        centres[shown], counts, yerr=errors, fmt="o", color=style.DATA, markersize=3,
        elinewidth=0.9, label=_points_title(fitted), zorder=4,
        gid="points",
    )  # fmt: skip
    least = float(counts.min()) if counts.size else float(np.nanmin(expected))
    return np.append(counts + errors[1], expected), least / 4


def _points_title(fitted: FittedSpectrum) -> str:
    if fitted.simulated:
        return "Simulated background"
    return "Data, weighted by ln(1 + $S/B$)" if fitted.weighted else "Data"


def pulls(fitted: FittedSpectrum) -> Array:
    """Return the pull of every bin, shape (n,), NaN where it may not be shown or means nothing."""
    usable = fitted.shown & (fitted.expected > 0)
    counts, variances = (np.where(usable, x, 0.0) for x in (fitted.counts, fitted.variances))
    common = counts.sum() / variances.sum() if variances.sum() > 0 else 1.0
    scale = np.full_like(counts, common)
    np.divide(counts, variances, out=scale, where=variances > 0)
    n, mu = counts * scale, np.where(usable, fitted.expected, 1.0) * scale
    logs = np.where(n > 0, n * np.log(np.where(n > 0, n, 1.0) / mu), 0.0)
    deviance = 2 * np.maximum(logs - n + mu, 0.0)
    return np.where(usable, np.sign(n - mu) * np.sqrt(deviance), np.nan)


def _pulls(ax: Axes, fitted: FittedSpectrum, centres: Array) -> None:
    values = pulls(fitted)
    there = np.isfinite(values)
    widths = np.diff(fitted.edges_GeV)[there]
    ax.bar(centres[there], values[there], width=widths, color=style.BACKGROUND, linewidth=0)
    ax.axhline(0, color="#000000", linewidth=0.8)
    most = max(3.4, 1.1 * float(np.max(np.abs(values[there]), initial=0.0)))
    ax.set_ylim(-most, most)
    ax.set_ylabel("Pull", loc="center")
    ax.set_xlabel(axis_title(fitted.mass, "GeV"))


def _finish(
    upper: Axes,
    lower: Axes,
    fitted: FittedSpectrum,
    header: Header,
    contents: Array,
    floor: float,
) -> None:
    """Write what stands around a fit: window, scale, titles, legend, labels, results."""
    low, high = float(fitted.edges_GeV[0]), float(fitted.edges_GeV[-1])
    for ax, top in ((upper, 0.68), (lower, 1.0)):
        ax.set_xlim(low, high)
        shade(ax, fitted, top=top)
    what = "Weighted events" if fitted.weighted else "Events"
    upper.set_ylabel(per_bin(what, fitted.unit_GeV, "GeV"))
    upper.tick_params(labelbottom=False)
    style.headroom(upper, contents, log=True, floor=floor)
    style.legend(upper)
    style.label(upper, header, data=not fitted.simulated)
    # A falling spectrum leaves room on the right, below the legend, if no peak stands there.
    _leave_room(upper, fitted, _NOTES_TOP - _NOTE_ROW * len(fitted.notes))
    for row, note in enumerate(fitted.notes):
        upper.text(
            0.965, _NOTES_TOP - _NOTE_ROW * row, note, transform=upper.transAxes, fontsize=13,
            ha="right", va="top", gid="note",
        )  # fmt: skip


def _leave_room(ax: Axes, fitted: FittedSpectrum, height: float) -> None:
    """Raise the scale until what is drawn on the right ends below some height of the frame."""
    edges, counts = fitted.edges_GeV, np.where(fitted.shown, fitted.counts, 0.0)
    right = edges[1:] > edges[0] + _NOTES_LEFT * (edges[-1] - edges[0])
    drawn = np.maximum(counts + np.sqrt(np.maximum(fitted.variances, 0.0)), fitted.expected)
    most = float(np.nanmax((drawn * fitted.per_unit)[right], initial=0.0))
    low, high = ax.get_ylim()
    if fitted.notes and most > low:
        ax.set_ylim(low, max(high, low * (most / low) ** (1 / height)))


def shade(ax: Axes, fitted: FittedSpectrum, *, top: float) -> None:
    """Shade the window, unless it is all that is shown: then there is nothing to tell it from."""
    if fitted.window is not None and (fitted.blinded or not fitted.inside.all()):
        shade_window(ax, fitted.window, blinded=fitted.blinded, top=top)
