"""The fits of all categories beside each other, with their pulls; and their spurious signals."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from analysis.report.plots import grid, spectrum, style
from analysis.report.plots.names import axis_title, function_name, per_bin
from analysis.report.plots.scan import MASS_TITLE
from analysis.report.plots.style import Array, Header, atlas_style
from analysis.report.plots.tournament import draw_spurious

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from analysis.report.plots.spectrum import FittedSpectrum
    from analysis.results.background import PeakBackground

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


def _fits(
    fits: Mapping[str, FittedSpectrum],
    header: Header,
    draw: Callable[[Axes, Axes, FittedSpectrum], tuple[Array, float]],
) -> Figure:
    made = grid.grid(list(fits), panels=True)
    for upper, lower, fit in zip(made.frames, made.panels, fits.values(), strict=True):
        contents, floor = draw(upper, lower, replace(fit, function=""))
        low, high = float(fit.edges_GeV[0]), float(fit.edges_GeV[-1])
        for ax, top in ((upper, _WINDOW_TOP), (lower, 1.0)):
            ax.set_xlim(low, high)
            spectrum.shade(ax, fit, top=top)
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


def _scale(ax: Axes, contents: Array, floor: float) -> None:
    """Set a logarithmic scale on which a falling spectrum leaves the upper right corner free."""
    positive = contents[np.isfinite(contents) & (contents > 0)]
    top = max(float(positive.max()), 10 * floor) if positive.size else 1.0
    low = max(floor, top / 1e8)
    ax.set_ylim(low, low * (top / low) ** (1 / _FILLED))
    ax.set_yscale("log")


@atlas_style()
def spurious_signals(
    peaks: Mapping[str, PeakBackground], header: Header, *, most_errors: float
) -> Figure:
    """Draw the spurious signal of every category against mass, with what is allowed.

    Parameters
    ----------
    peaks : mapping of str to PeakBackground
        By category.
    header : Header
    most_errors : float
        Spurious signal, in errors of the signal, that a function may have.
    """
    made = grid.grid(list(peaks))
    for ax, peak in zip(made.frames, peaks.values(), strict=True):
        most = draw_spurious(ax, peak.spurious, most_errors=most_errors)
        ax.set_ylim(-most, 2.2 * most)
    words = [(style.plain(function_name(peak)),) for peak in peaks.values()]
    grid.titles(made, list(peaks), words)
    grid.axes_titles(made, below=MASS_TITLE, beside=r"$S_\mathrm{sp}$ [events]")
    grid.head(made, header, data=True)
    return made.figure
