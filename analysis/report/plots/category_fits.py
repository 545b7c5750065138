"""The fits of all categories beside each other, with their pulls; and their spurious signals."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.report.plots import grid, spectrum, style
from analysis.report.plots.names import MASS_TITLE, axis_title, function_name, per_bin
from analysis.report.plots.style import Header, atlas_style
from analysis.report.plots.tournament import SPURIOUS_TITLE, draw_spurious
from analysis.results.background import PeakBackground
from analysis.statistics.spectra.fitted import FittedSpectrum
from tools.arrays import FloatArray

_FILLED = 0.62
"""part of a frame's height that a falling spectrum may take where nothing else is written"""
_WINDOW_TOP = 0.44
"""of the shaded window, below the notes"""


@atlas_style()
def sideband_fits(fits: Mapping[str, FittedSpectrum], header: Header) -> Figure:
    """Draw the fit of the sidebands of every category.

    Parameters
    ----------
    fits : mapping of str to FittedSpectrum
        By category; their notes are written in their frames.
    header : Header
    """
    return _fits(fits, header, spectrum.draw_sideband_fit)


@atlas_style()
def resonance_fits(fits: Mapping[str, FittedSpectrum], header: Header) -> Figure:
    """Draw the fit of background and resonance in every category.

    Parameters
    ----------
    fits : mapping of str to FittedSpectrum
        By category; their notes are written in their frames.
    header : Header
    """
    return _fits(fits, header, spectrum.draw_resonance_fit)


def _fits(fits: Mapping[str, FittedSpectrum], header: Header, draw: spectrum.DrawFit) -> Figure:
    made = grid.grid(list(fits), panels=True)
    for upper, lower, fit in zip(made.frames, made.panels, fits.values(), strict=True):
        contents, floor = draw(upper, lower, replace(fit, function=""))
        spectrum.frame_fit(upper, lower, fit, top=_WINDOW_TOP)
        _scale(upper, contents, floor)
    first = next(iter(fits.values()))
    grid.titles(made, list(fits), [fit.notes for fit in fits.values()])
    grid.axes_titles(
        made,
        below=axis_title(first.mass, "GeV"),
        beside=per_bin("Events", first.unit_GeV, "GeV"),
        panel="Pull",
    )
    grid.head(made, header, data=not first.simulated)
    return made.figure


def _scale(ax: Axes, contents: FloatArray, floor: float) -> None:
    """Set a logarithmic scale on which a falling spectrum leaves the upper right corner free."""
    positive = contents[np.isfinite(contents) & (contents > 0)]
    top = max(float(positive.max()), 10 * floor) if positive.size else 1.0
    low = max(floor, top / 1e8)
    ax.set_ylim(low, low * (top / low) ** (1 / _FILLED))
    ax.set_yscale("log")


@atlas_style()
def spurious_signals(
    peaks: Mapping[str, PeakBackground], header: Header, *, max_errors: float
) -> Figure:
    """Draw the spurious signal of every category against mass, with what is allowed.

    Parameters
    ----------
    peaks : mapping of str to PeakBackground
        By category.
    header : Header
    max_errors : float
        Spurious signal, in errors of the signal, that a function may have.
    """
    made = grid.grid(list(peaks))
    for ax, peak in zip(made.frames, peaks.values(), strict=True):
        most = draw_spurious(ax, peak.spurious, max_errors=max_errors)
        ax.set_ylim(-most, 2.2 * most)  # the upper third is for title and note
    words = [(style.plain(function_name(peak)),) for peak in peaks.values()]
    grid.titles(made, list(peaks), words)
    grid.axes_titles(made, below=MASS_TITLE, beside=SPURIOUS_TITLE)
    grid.head(made, header, data=True)
    return made.figure
