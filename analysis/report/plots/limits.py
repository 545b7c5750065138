"""The limit on the cross-section: CLs against cross-section (task 5.2b).

What lies to the right of where a curve falls below 1 - CL is excluded at that confidence level.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from analysis.report.plots import style
from analysis.report.plots.strength import CROSS_SECTION
from analysis.report.plots.style import Array, Header, atlas_style
from analysis.report.plots.tables import stacked

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from analysis.results.counting import ClsCurve, CountingLimit


@atlas_style()
def cls_scan(
    curve: ClsCurve,
    limit: CountingLimit,
    header: Header,
    *,
    from_data: bool = True,
    ax: Axes | None = None,
) -> Figure:
    """Draw CLs against the cross-section, with the expected band.

    Parameters
    ----------
    curve : ClsCurve
    limit : CountingLimit
        The limits where it crosses 1 - CL.
    header : Header
    from_data : bool
        Whether the prediction is of the data's sidebands, or of simulation alone.
    ax : Axes, optional
        Where to draw, instead of a new figure.
    """
    figure, ax = style.frame(ax)
    x = np.append(0.0, curve.cross_section_pb)
    low2, low1, median, high1, high2 = (
        _from_one(band) for band in np.sort(stacked(curve.expected_cls), axis=0)
    )
    ax.fill_between(
        x, low2, high2, color=style.TWO_SIGMA, linewidth=0, label=r"Expected $\pm\mathrm{2}\sigma$"
    )
    ax.fill_between(
        x, low1, high1, color=style.ONE_SIGMA, linewidth=0, label=r"Expected $\pm\mathrm{1}\sigma$"
    )
    level, found, expected = 1 - limit.confidence_level, limit.observed_pb, limit.expected_pb["0"]
    ax.plot(x, median, "k--", label=_title("Expected", expected))
    if curve.observed_cls is not None and found is not None:
        ax.plot(x, _from_one(curve.observed_cls), "k-", label=_title("Observed", found))
        _crossing(ax, found, level, "-")
    if expected is not None:
        _crossing(ax, expected, level, "--")
    ax.axhline(level, color=style.CUT, linewidth=1.5, label=f"{limit.confidence_level:.0%} CL")
    ax.set_xlim(0.0, float(x[-1]))
    ax.set_yscale("log")
    ax.set_ylim(1e-3, 30.0)
    ax.set_xlabel(CROSS_SECTION.title)
    ax.set_ylabel(r"$\mathrm{CL_s}$")
    style.legend(ax)
    style.label(ax, header, data=from_data)
    return figure


def _from_one(curve: Array) -> Array:
    """Return a curve with the point where it begins: CLs of no signal is one."""
    return np.append(1.0, curve)


def _title(what: str, limit_pb: float | None) -> str:
    return what if limit_pb is None else f"{what}: {limit_pb:.3g} pb"


def _crossing(ax: Axes, limit_pb: float, level: float, dashes: str) -> None:
    ax.plot([limit_pb, limit_pb], [1e-3, level], color=style.CUT, linestyle=dashes, linewidth=1.2)
