"""Whether all categories see one signal: the strength in each, and the combined one as a band."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from analysis.plots import style
from analysis.plots.names import category_title
from analysis.plots.strength import CROSS_SECTION, Strength
from analysis.plots.style import Header, atlas_style

if TYPE_CHECKING:
    from collections.abc import Mapping

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from analysis.plots.measurement import Interval

_FAR = 4.0
"""points beyond so many spreads of the others' ends do not stretch the axis"""


@dataclass(frozen=True, slots=True, eq=False)
class CategoryStrengths:
    """The strength of a signal as each category sees it at the fitted mass."""

    strengths: Mapping[str, Interval]
    """by category"""
    combined: Interval | None
    """of all together"""
    chi2: float | None
    """that all see the same"""
    degrees_of_freedom: float | None
    pvalue: float | None
    kind: Strength = CROSS_SECTION


@atlas_style()
def category_strengths(
    found: CategoryStrengths, header: Header, *, ax: Axes | None = None
) -> Figure:
    """Draw the strength in every category, with the combined one as a band.

    Parameters
    ----------
    found : CategoryStrengths
    header : Header
    ax : Axes, optional
        Where to draw, instead of a new figure.
    """
    figure, ax = style.frame(ax, left=0.2)
    rows = np.arange(len(found.strengths))
    values, low, high = np.array(
        [
            [i.value, i.value if i.low is None else i.low, i.value if i.high is None else i.high]
            for i in found.strengths.values()
        ]
    ).T
    ax.errorbar(
        values, rows, xerr=(values - low, high - values), fmt="o", color=style.DATA, markersize=6,
        capsize=3, label="One category", gid="categories",
    )  # fmt: skip
    _band(ax, found, len(rows))
    ax.axvline(0.0, color="#8a8a8a", linewidth=1, linestyle=":", zorder=0)
    ax.set_yticks(rows, [category_title(name) for name in found.strengths])
    ax.set_yticks([], minor=True)
    ax.tick_params(axis="y", which="both", length=0, labelsize="medium")
    # From the lowest score at the bottom to the best on top, and room for labels above.
    ax.set_ylim(-0.5, len(rows) - 0.5 + 0.5 * max(len(rows), 2))
    ends = np.concatenate([low, high, values])
    spread = max(float(np.ptp(values)), float(np.median(high - low)), 1e-9)
    middle = float(np.median(values))
    shown = np.clip(ends, middle - _FAR * spread, middle + _FAR * spread)
    margin = 0.08 * float(np.ptp(shown) or 1.0)
    ax.set_xlim(float(shown.min()) - margin, float(shown.max()) + margin)
    ax.set_xlabel(found.kind.title)
    style.legend(ax)
    style.label(ax, header, data=True)
    return figure


def _band(ax: Axes, found: CategoryStrengths, rows: int) -> None:
    """Draw the combined strength, and write how well the categories agree with it."""
    both = found.combined
    if both is not None:
        if both.low is not None and both.high is not None:
            ax.fill_betweenx(
                (-0.5, rows - 0.4), both.low, both.high, color=style.ONE_SIGMA, alpha=0.3,
                linewidth=0, zorder=0, label="Combined, 68 %", gid="combined",
            )  # fmt: skip
        ax.plot([both.value] * 2, [-0.5, rows - 0.4], color=style.ONE_SIGMA, zorder=1)
    if found.chi2 is not None and found.degrees_of_freedom is not None:
        told = rf"$\chi^2$ / d.o.f. = {found.chi2:.1f} / {found.degrees_of_freedom:.0f}"
        pvalue = "" if found.pvalue is None else f", $p$ = {found.pvalue:.2g}"
        ax.text(0.045, 0.7, told + pvalue, transform=ax.transAxes, fontsize=14, gid="note")
