"""The limit on the cross-section: CLs against cross-section (task 5.2b).

What lies to the right of where a curve falls below 1 - CL is excluded at that confidence level.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from analysis.plots import style
from analysis.plots.style import Array, Header, atlas_style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@dataclass(frozen=True, slots=True, eq=False)
class LimitScan:
    """CLs at some cross-sections, and the limits where it crosses 1 - CL."""

    cross_section_pb: Array
    """shape (n,), rising and positive"""
    expected: Array
    """CLs expected without a signal, at -2, -1, 0, 1, 2 standard deviations, shape (5, n)"""
    observed: Array | None
    """shape (n,); None while blind"""
    expected_pb: float
    """median expected limit"""
    observed_pb: float | None
    confidence_level: float = 0.95
    from_data: bool = True
    """whether the prediction is of the data's sidebands, or of simulation alone"""


@atlas_style()
def cls_scan(scan: LimitScan, header: Header, *, ax: Axes | None = None) -> Figure:
    """Draw CLs against the cross-section, with the expected band.

    Parameters
    ----------
    scan : LimitScan
    header : Header
    ax : Axes, optional
        Where to draw, instead of a new figure.
    """
    figure, ax = style.frame(ax)
    x, level = np.append(0.0, scan.cross_section_pb), 1 - scan.confidence_level
    low2, low1, median, high1, high2 = (
        _from_one(curve) for curve in np.sort(scan.expected, axis=0)
    )
    ax.fill_between(
        x, low2, high2, color=style.TWO_SIGMA, linewidth=0, label=r"Expected $\pm\mathrm{2}\sigma$"
    )
    ax.fill_between(
        x, low1, high1, color=style.ONE_SIGMA, linewidth=0, label=r"Expected $\pm\mathrm{1}\sigma$"
    )
    ax.plot(x, median, "k--", label=f"Expected: {scan.expected_pb:.3g} pb")
    if scan.observed is not None and scan.observed_pb is not None:
        ax.plot(x, _from_one(scan.observed), "k-", label=f"Observed: {scan.observed_pb:.3g} pb")
        _crossing(ax, scan.observed_pb, level, "-")
    _crossing(ax, scan.expected_pb, level, "--")
    ax.axhline(level, color=style.CUT, linewidth=1.5, label=f"{scan.confidence_level:.0%} CL")
    ax.set_xlim(0.0, float(x[-1]))
    ax.set_yscale("log")
    ax.set_ylim(1e-3, 30.0)
    ax.set_xlabel(r"$\sigma(pp \to X \to \gamma\gamma)$ [pb]")
    ax.set_ylabel(r"$\mathrm{CL_s}$")
    style.legend(ax)
    style.label(ax, header, data=scan.from_data)
    return figure


def _from_one(curve: Array) -> Array:
    """Return a curve with the point where it begins: CLs of no signal is one."""
    return np.append(1.0, curve)


def _crossing(ax: Axes, limit_pb: float, level: float, dashes: str) -> None:
    ax.plot([limit_pb, limit_pb], [1e-3, level], color=style.CUT, linestyle=dashes, linewidth=1.2)
