r"""The measurement: mass and cross-section together, each with the other profiled, by category.

The profile deviance :math:`-2\Delta\ln L` is zero at the best fit. One parameter is known to 68 %
and 95 % where it is below 1 and 4 (3.84 to be exact about 95 %; two standard deviations are meant),
two together where it is below 2.30 and 5.99 (PDG, review of statistics, table 40.2).

Whether all categories see one signal: the strength in each, and the combined one as a band.
"""

from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.report.plots import names, style
from analysis.report.plots.style import Header, atlas_style
from analysis.results.values import Estimate
from analysis.results.verdict import ResonanceFit
from tools.arrays import FloatArray

CONTOURS = ((2.30, "68 %", "-"), (5.99, "95 %", "--"))
"""deviances of two parameters, with the probability inside"""
PROFILE_LINES = ((1.0, r"1$\sigma$"), (4.0, r"2$\sigma$"))
_TOP = 9.0
"""highest deviance that a profile shows"""
_SEVERAL = 1.6
"""a benchmark within this many heights of the frame is drawn, and stretches it"""
_FAR = 4.0
"""strengths beyond so many spreads of the others' ends do not stretch the axis"""


@dataclass(frozen=True, slots=True, eq=False)
class OneParameter:
    """The profile deviance of one parameter, with the words of its figure."""

    values: FloatArray
    """values of the parameter, shape (n,), rising"""
    deviance: FloatArray
    """shape (n,), NaN where no fit converged"""
    best: Estimate
    label: names.QuantityLabel
    benchmark: float | None = None
    """value of the parameter that is marked"""


def profiles(fit: ResonanceFit, *, benchmark: float | None = None) -> dict[str, OneParameter]:
    """Return the profile deviances of a fit, by ``strength`` and ``mass``.

    There is none without a peak, nor of a parameter that had a single value to take.

    Parameters
    ----------
    fit : ResonanceFit
    benchmark : float, optional
        Strength that is marked.
    """
    found, strength, mass = {}, fit.profile, fit.mass_profile
    if strength is not None and fit.strength is not None:
        found["strength"] = OneParameter(
            strength.strength, strength.delta_deviance, fit.strength, names.kind_of(fit), benchmark
        )
    if mass is not None and fit.mass_GeV is not None:
        found["mass"] = OneParameter(mass.mass_GeV, mass.delta_deviance, fit.mass_GeV, names.MASS)
    return {
        name: one
        for name, one in found.items()
        if len(one.deviance) > 1 and np.isfinite(one.deviance).any()
    }


@atlas_style()
def contour(fit: ResonanceFit, header: Header, *, benchmark: float | None = None) -> Figure:
    """Draw the regions of mass and strength that hold 68 % and 95 %.

    Parameters
    ----------
    fit : ResonanceFit
        With its contour.
    header : Header
    benchmark : float, optional
        Strength that is marked.
    """
    ax, kind, found = style.frame(left=0.15), names.kind_of(fit), fit.contour
    assert found is not None  # noqa: S101 - see above
    # A row for each strength is what matplotlib wants; fits that did not converge leave gaps.
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
    if benchmark is not None and low < benchmark < low + _SEVERAL * (high - low):
        ax.axhline(benchmark, color=style.CUT, linewidth=1.5, gid="benchmark",
                   label=f"Benchmark, {kind.of(benchmark)}")  # fmt: skip
        high = max(high, benchmark)
    ax.set_ylim(low, low + (high - low) / style.free_height(ax))
    return style.finished(ax, header, names.MASS.title, kind.title, data=True)


@atlas_style()
def profile(found: OneParameter, header: Header) -> Figure:
    """Draw the deviance of one parameter with the others profiled."""
    ax = style.frame()
    # Five at least: the line of two standard deviations, at four, is always seen.
    top = min(_TOP, max(5.0, float(np.nanmax(found.deviance, initial=0.0))))
    shown = np.isfinite(found.deviance) & (found.deviance <= top)
    ax.plot(found.values[shown], found.deviance[shown], color=style.BACKGROUND, zorder=3,
            label="Profile likelihood")  # fmt: skip
    if names.has_ends(found.best):
        # Up to where legend and labels begin.
        ax.axvspan(found.best.low, found.best.high, ymax=0.62, facecolor=style.SHADE, linewidth=0,
                   zorder=0, label="68 % interval", gid="interval")  # fmt: skip
    marked = found.benchmark
    if marked is not None and found.values[0] < marked < found.values[-1]:
        ax.axvline(marked, ymax=0.62, color=style.CUT, linewidth=1.5, zorder=2, label="Benchmark",
                   gid="benchmark")  # fmt: skip
    ax.set_xlim(found.values[0], found.values[-1])
    ax.set_ylim(0.0, top / style.free_height(ax))
    for level, title in PROFILE_LINES:
        ax.axhline(level, color="#7a7a7a", linewidth=1, linestyle=":", zorder=1, gid="level")
        ax.annotate(
            title, (0.985, level), xycoords=("axes fraction", "data"), xytext=(0, 2), ha="right",
            textcoords="offset points", fontsize=12, va="bottom",
        )  # fmt: skip
    note = f"{found.label.symbol} = {names.interval_text(found.best)} {found.label.written_unit}"
    ax.text(0.5, 0.65, note, transform=ax.transAxes, ha="center", fontsize=14, gid="note")
    return style.finished(ax, header, found.label.title, r"$-\mathrm{2}\,\Delta\ln L$", data=True)


def strengths_of(fit: ResonanceFit) -> dict[str, Estimate]:
    """Return the strength that each category sees; none if they were not compared."""
    found = {name: one.strength for name, one in (fit.by_channel or {}).items()}
    return {name: strength for name, strength in found.items() if np.isfinite(strength.value)}


@atlas_style()
def category_strengths(fit: ResonanceFit, header: Header) -> Figure:
    """Draw the strength in every category, with the combined one as a band.

    Parameters
    ----------
    fit : ResonanceFit
        At least one category has a strength.
    header : Header
    """
    ax, found = style.frame(left=0.2), strengths_of(fit)
    rows = np.arange(len(found))
    values, low, high = np.array([[one.value, *names.ends(one)] for one in found.values()]).T
    ax.errorbar(
        values, rows, xerr=(values - low, high - values), fmt="o", color=style.DATA, markersize=6,
        capsize=3, label="One category", gid="categories",
    )  # fmt: skip
    _combined(ax, fit, len(rows))
    ax.axvline(0.0, color="#8a8a8a", linewidth=1, linestyle=":", zorder=0)
    style.named_rows(ax, [names.category_title(name) for name in found])
    # From the lowest score at the bottom to the best on top, and room for labels above.
    ax.set_ylim(-0.5, len(rows) - 0.5 + 0.5 * max(len(rows), 2))
    # A category without sensitivity has ends far away; they leave the frame, not squeeze the rest.
    spread = max(float(np.ptp(values)), float(np.median(high - low)), 1e-9)
    middle = float(np.median(values))
    every = np.concatenate([low, high, values])
    shown = np.clip(every, middle - _FAR * spread, middle + _FAR * spread)
    margin = 0.08 * float(np.ptp(shown) or 1.0)
    ax.set_xlim(float(shown.min()) - margin, float(shown.max()) + margin)
    return style.finished(ax, header, names.kind_of(fit).title, "", data=True)


def _combined(ax: Axes, fit: ResonanceFit, rows: int) -> None:
    """Draw the combined strength, and write how well the categories agree with it."""
    both, together = fit.strength, fit.compatibility
    if both is not None:
        if names.has_ends(both):
            ax.fill_betweenx(
                (-0.5, rows - 0.4), both.low, both.high, color=style.ONE_SIGMA, alpha=0.3,
                linewidth=0, zorder=0, label="Combined, 68 %", gid="combined",
            )  # fmt: skip
        ax.plot([both.value] * 2, [-0.5, rows - 0.4], color=style.ONE_SIGMA, zorder=1)
    if together is not None and np.isfinite(together.chi2):
        note = rf"$\chi^2$ / d.o.f. = {together.chi2:.1f} / {together.degrees_of_freedom:.0f}"
        pvalue = f", $p$ = {together.pvalue:.2g}" if np.isfinite(together.pvalue) else ""
        ax.text(0.045, 0.7, note + pvalue, transform=ax.transAxes, fontsize=14, gid="note")
