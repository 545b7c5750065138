r"""The measurement: mass and cross-section together, and each of them with the other profiled.

The profile deviance :math:`-2\Delta\ln L` is zero at the best fit. One parameter is known to 68 %
and 95 % where it is below 1 and 4 (3.84 to be exact about 95 %; two standard deviations are meant),
two together where it is below 2.30 and 5.99 (PDG, review of statistics, table 40.2).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from analysis.plots import style
from analysis.plots.scan import MASS_TITLE
from analysis.plots.strength import CROSS_SECTION, Strength
from analysis.plots.style import Array, Header, atlas_style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

CONTOURS = ((2.30, "68 %", "-"), (5.99, "95 %", "--"))
"""deviances of two parameters, with the probability inside"""
PROFILE_LINES = ((1.0, r"1$\sigma$"), (4.0, r"2$\sigma$"))
_TOP = 9.0
"""highest deviance that a profile shows"""
_SEVERAL = 1.6
"""a benchmark within this many heights of the frame is drawn, and stretches it"""


@dataclass(frozen=True, slots=True)
class Interval:
    """A best fit with its 68 % interval."""

    value: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Profile:
    """The profile deviance of one parameter."""

    value: Array
    """of the parameter, shape (n,), rising"""
    deviance: Array
    """shape (n,), NaN where no fit converged"""
    title: str
    """of the parameter's axis"""
    note: str = ""
    """the measured value, as matplotlib writes it"""
    best: Interval | None = None
    benchmark: float | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Contour:
    """The profile deviance of mass and strength."""

    mass_GeV: Array
    """shape (n,), rising"""
    strength: Array
    """shape (m,), rising"""
    deviance: Array
    """shape (n, m), NaN where no fit converged"""
    best: tuple[float, float] | None = None
    """mass and strength of the best fit"""
    benchmark: float | None = None
    kind: Strength = CROSS_SECTION


@atlas_style()
def contour(found: Contour, header: Header, *, ax: Axes | None = None) -> Figure:
    """Draw the regions of mass and strength that hold 68 % and 95 %.

    Parameters
    ----------
    found : Contour
    header : Header
    ax : Axes, optional
        Where to draw, instead of a new figure.
    """
    figure, ax = style.frame(ax, left=0.15)
    deviance = np.ma.masked_invalid(found.deviance.T)
    for level, title, dashes in CONTOURS:
        if deviance.min() < level < deviance.max():  # matplotlib warns of a level without a line
            ax.contour(found.mass_GeV, found.strength, deviance, levels=[level], linestyles=dashes,
                       colors=style.BACKGROUND, linewidths=2)  # fmt: skip
            ax.plot([], [], color=style.BACKGROUND, linestyle=dashes, linewidth=2, label=title)
    if found.best is not None:
        ax.plot(*found.best, "+", color=style.DATA, markersize=12, markeredgewidth=2,
                label="Best fit", linestyle="none", gid="best", zorder=4)  # fmt: skip
    ax.set_xlim(found.mass_GeV[0], found.mass_GeV[-1])
    low, high = float(found.strength[0]), float(found.strength[-1])
    if found.benchmark is not None and low < found.benchmark < low + _SEVERAL * (high - low):
        ax.axhline(found.benchmark, color=style.CUT, linewidth=1.5, gid="benchmark",
                   label=f"Benchmark, {found.kind.of(found.benchmark)}")  # fmt: skip
        high = max(high, found.benchmark)
    ax.set_ylim(low, low + (high - low) / style.free_height(ax))
    ax.set_xlabel(MASS_TITLE)
    ax.set_ylabel(found.kind.title)
    style.legend(ax)
    style.label(ax, header, data=True)
    return figure


@atlas_style()
def profile(found: Profile, header: Header, *, ax: Axes | None = None) -> Figure:
    """Draw the deviance of one parameter with the others profiled.

    Parameters
    ----------
    found : Profile
    header : Header
    ax : Axes, optional
        Where to draw, instead of a new figure.
    """
    figure, ax = style.frame(ax)
    top = min(_TOP, max(5.0, float(np.nanmax(found.deviance, initial=0.0))))
    shown = np.isfinite(found.deviance) & (found.deviance <= top)
    ax.plot(found.value[shown], found.deviance[shown], color=style.BACKGROUND, zorder=3,
            label="Profile likelihood")  # fmt: skip
    best = found.best
    if best is not None and best.low is not None and best.high is not None:
        ax.axvspan(best.low, best.high, ymax=0.62, facecolor=style.SHADE, linewidth=0, zorder=0,
                   label="68 % interval", gid="interval")  # fmt: skip
    if found.benchmark is not None and found.value[0] < found.benchmark < found.value[-1]:
        ax.axvline(found.benchmark, ymax=0.62, color=style.CUT, linewidth=1.5, zorder=2,
                   label="Benchmark", gid="benchmark")  # fmt: skip
    ax.set_xlim(found.value[0], found.value[-1])
    ax.set_ylim(0.0, top / style.free_height(ax))
    for level, title in PROFILE_LINES:
        ax.axhline(level, color="#7a7a7a", linewidth=1, linestyle=":", zorder=1, gid="level")
        ax.annotate(
            title, (0.985, level), xycoords=("axes fraction", "data"), xytext=(0, 2), ha="right",
            textcoords="offset points", fontsize=12, va="bottom",
        )  # fmt: skip
    if found.note:
        ax.text(0.5, 0.65, found.note, transform=ax.transAxes, ha="center", fontsize=14, gid="note")
    ax.set_xlabel(found.title)
    ax.set_ylabel(r"$-\mathrm{2}\,\Delta\ln L$")
    style.legend(ax)
    style.label(ax, header, data=True)
    return figure
