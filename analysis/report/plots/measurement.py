r"""The measurement: mass and cross-section together, and each of them with the other profiled.

The profile deviance :math:`-2\Delta\ln L` is zero at the best fit. One parameter is known to 68 %
and 95 % where it is below 1 and 4 (3.84 to be exact about 95 %; two standard deviations are meant),
two together where it is below 2.30 and 5.99 (PDG, review of statistics, table 40.2).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from analysis.report.plots import style
from analysis.report.plots.scan import MASS_TITLE
from analysis.report.plots.strength import kind_of
from analysis.report.plots.style import Array, Header, atlas_style
from analysis.report.plots.tables import has_ends, interval_text, known

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from analysis.results.values import Estimate
    from analysis.results.verdict import MassStrengthContour, ResonanceFit

CONTOURS = ((2.30, "68 %", "-"), (5.99, "95 %", "--"))
"""deviances of two parameters, with the probability inside"""
PROFILE_LINES = ((1.0, r"1$\sigma$"), (4.0, r"2$\sigma$"))
_TOP = 9.0
"""highest deviance that a profile shows"""
_SEVERAL = 1.6
"""a benchmark within this many heights of the frame is drawn, and stretches it"""


@dataclass(frozen=True, slots=True, eq=False)
class OneParameter:
    """The profile deviance of one parameter, with the words of its figure."""

    values: Array
    """of the parameter, shape (n,), rising"""
    deviance: Array
    """shape (n,), NaN where no fit converged"""
    best: Estimate
    title: str
    """of the parameter's axis"""
    symbol: str
    unit: str


def profiles(fit: ResonanceFit) -> dict[str, OneParameter]:
    """Return the profile deviances of a fit, by ``strength`` and ``mass``.

    There is none without a peak, nor of a parameter that had a single value to take.
    """
    kind, strength, mass = kind_of(fit), fit.profile, fit.mass_profile
    found = {}
    if strength is not None and fit.strength is not None:
        found["strength"] = OneParameter(
            strength.strength, strength.delta_deviance, fit.strength, kind.title, kind.symbol,
            kind.unit or "events",
        )  # fmt: skip
    if mass is not None and fit.mass_GeV is not None:
        found["mass"] = OneParameter(
            mass.mass_GeV, mass.delta_deviance, fit.mass_GeV, MASS_TITLE, "$m_X$", "GeV"
        )
    return {
        name: one
        for name, one in found.items()
        if len(one.deviance) > 1 and known(one.deviance) is not None
    }


@atlas_style()
def contour(
    found: MassStrengthContour,
    fit: ResonanceFit,
    header: Header,
    *,
    benchmark: float | None = None,
    ax: Axes | None = None,
) -> Figure:
    """Draw the regions of mass and strength that hold 68 % and 95 %.

    Parameters
    ----------
    found : MassStrengthContour
    fit : ResonanceFit
        That it is of.
    header : Header
    benchmark : float, optional
        Strength that is marked.
    ax : Axes, optional
        Where to draw, instead of a new figure.
    """
    figure, ax = style.frame(ax, left=0.15)
    deviance = np.ma.masked_invalid(found.delta_deviance.T)
    for level, title, dashes in CONTOURS:
        if deviance.min() < level < deviance.max():  # matplotlib warns of a level without a line
            ax.contour(found.mass_GeV, found.strength, deviance, levels=[level], linestyles=dashes,
                       colors=style.BACKGROUND, linewidths=2)  # fmt: skip
            ax.plot([], [], color=style.BACKGROUND, linestyle=dashes, linewidth=2, label=title)
    if fit.mass_GeV is not None and fit.strength is not None:
        ax.plot(fit.mass_GeV.value, fit.strength.value, "+", color=style.DATA, markersize=12,
                markeredgewidth=2, label="Best fit", linestyle="none", gid="best",
                zorder=4)  # fmt: skip
    ax.set_xlim(found.mass_GeV[0], found.mass_GeV[-1])
    low, high = float(found.strength[0]), float(found.strength[-1])
    kind = kind_of(fit)
    if benchmark is not None and low < benchmark < low + _SEVERAL * (high - low):
        ax.axhline(benchmark, color=style.CUT, linewidth=1.5, gid="benchmark",
                   label=f"Benchmark, {kind.of(benchmark)}")  # fmt: skip
        high = max(high, benchmark)
    ax.set_ylim(low, low + (high - low) / style.free_height(ax))
    ax.set_xlabel(MASS_TITLE)
    ax.set_ylabel(kind.title)
    style.legend(ax)
    style.label(ax, header, data=True)
    return figure


@atlas_style()
def profile(
    found: OneParameter,
    header: Header,
    *,
    benchmark: float | None = None,
    ax: Axes | None = None,
) -> Figure:
    """Draw the deviance of one parameter with the others profiled.

    Parameters
    ----------
    found : OneParameter
    header : Header
    benchmark : float, optional
        Value of the parameter that is marked.
    ax : Axes, optional
        Where to draw, instead of a new figure.
    """
    figure, ax = style.frame(ax)
    top = min(_TOP, max(5.0, float(np.nanmax(found.deviance, initial=0.0))))
    shown = np.isfinite(found.deviance) & (found.deviance <= top)
    ax.plot(found.values[shown], found.deviance[shown], color=style.BACKGROUND, zorder=3,
            label="Profile likelihood")  # fmt: skip
    low, high = found.best.low, found.best.high
    if has_ends(found.best):
        ax.axvspan(low, high, ymax=0.62, facecolor=style.SHADE, linewidth=0, zorder=0,
                   label="68 % interval", gid="interval")  # fmt: skip
    if benchmark is not None and found.values[0] < benchmark < found.values[-1]:
        ax.axvline(benchmark, ymax=0.62, color=style.CUT, linewidth=1.5, zorder=2,
                   label="Benchmark", gid="benchmark")  # fmt: skip
    ax.set_xlim(found.values[0], found.values[-1])
    ax.set_ylim(0.0, top / style.free_height(ax))
    for level, title in PROFILE_LINES:
        ax.axhline(level, color="#7a7a7a", linewidth=1, linestyle=":", zorder=1, gid="level")
        ax.annotate(
            title, (0.985, level), xycoords=("axes fraction", "data"), xytext=(0, 2), ha="right",
            textcoords="offset points", fontsize=12, va="bottom",
        )  # fmt: skip
    note = f"{found.symbol} = {interval_text(found.best)} {found.unit}"
    ax.text(0.5, 0.65, note, transform=ax.transAxes, ha="center", fontsize=14, gid="note")
    ax.set_xlabel(found.title)
    ax.set_ylabel(r"$-\mathrm{2}\,\Delta\ln L$")
    style.legend(ax)
    style.label(ax, header, data=True)
    return figure
