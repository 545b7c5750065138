"""Whether all categories see one signal: the strength in each, and the combined one as a band."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from analysis.report.plots import style
from analysis.report.plots.names import category_title
from analysis.report.plots.strength import kind_of
from analysis.report.plots.style import Header, atlas_style
from analysis.report.plots.tables import ends, has_ends

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from analysis.results.values import Estimate
    from analysis.results.verdict import ResonanceFit

_FAR = 4.0
"""points beyond so many spreads of the others' ends do not stretch the axis"""


def strengths_of(fit: ResonanceFit) -> dict[str, Estimate]:
    """Return the strength that each category sees; none if they were not compared."""
    found = {name: one.strength for name, one in (fit.by_channel or {}).items()}
    return {name: strength for name, strength in found.items() if np.isfinite(strength.value)}


@atlas_style()
def category_strengths(fit: ResonanceFit, header: Header, *, ax: Axes | None = None) -> Figure:
    """Draw the strength in every category, with the combined one as a band.

    Parameters
    ----------
    fit : ResonanceFit
        At least one category has a strength.
    header : Header
    ax : Axes, optional
        Where to draw, instead of a new figure.
    """
    figure, ax = style.frame(ax, left=0.2)
    found = strengths_of(fit)
    rows = np.arange(len(found))
    values, low, high = np.array([[one.value, *ends(one)] for one in found.values()]).T
    ax.errorbar(
        values, rows, xerr=(values - low, high - values), fmt="o", color=style.DATA, markersize=6,
        capsize=3, label="One category", gid="categories",
    )  # fmt: skip
    _band(ax, fit, len(rows))
    ax.axvline(0.0, color="#8a8a8a", linewidth=1, linestyle=":", zorder=0)
    ax.set_yticks(rows, [category_title(name) for name in found])
    ax.set_yticks([], minor=True)
    ax.tick_params(axis="y", which="both", length=0, labelsize="medium")
    # From the lowest score at the bottom to the best on top, and room for labels above.
    ax.set_ylim(-0.5, len(rows) - 0.5 + 0.5 * max(len(rows), 2))
    every = np.concatenate([low, high, values])
    spread = max(float(np.ptp(values)), float(np.median(high - low)), 1e-9)
    middle = float(np.median(values))
    shown = np.clip(every, middle - _FAR * spread, middle + _FAR * spread)
    margin = 0.08 * float(np.ptp(shown) or 1.0)
    ax.set_xlim(float(shown.min()) - margin, float(shown.max()) + margin)
    ax.set_xlabel(kind_of(fit).title)
    style.legend(ax)
    style.label(ax, header, data=True)
    return figure


def _band(ax: Axes, fit: ResonanceFit, rows: int) -> None:
    """Draw the combined strength, and write how well the categories agree with it."""
    both, together = fit.strength, fit.compatibility
    if both is not None:
        if has_ends(both):
            ax.fill_betweenx(
                (-0.5, rows - 0.4), both.low, both.high, color=style.ONE_SIGMA, alpha=0.3,
                linewidth=0, zorder=0, label="Combined, 68 %", gid="combined",
            )  # fmt: skip
        ax.plot([both.value] * 2, [-0.5, rows - 0.4], color=style.ONE_SIGMA, zorder=1)
    if together is not None and np.isfinite(together.chi2):
        told = rf"$\chi^2$ / d.o.f. = {together.chi2:.1f} / {together.degrees_of_freedom:.0f}"
        pvalue = f", $p$ = {together.pvalue:.2g}" if np.isfinite(together.pvalue) else ""
        ax.text(0.045, 0.7, told + pvalue, transform=ax.transAxes, fontsize=14, gid="note")
