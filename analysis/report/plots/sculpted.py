"""The mass-sculpting guard as a figure: the background's mass in each category, against the rest.

What a category keeps and all that it does not keep are different events, so their errors are
independent; the p-value is that of one spectrum for both (`analysis.selection.scores.sculpting`).
"""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.report.plots import grid, style
from analysis.report.plots.names import axis_title, per_bin
from analysis.report.plots.style import Header, atlas_style
from analysis.selection.scores.sculpting import SculptedSpectrum
from analysis.statistics.counting.garwood import poisson_errors


@atlas_style()
def mass_by_category(found: Mapping[str, SculptedSpectrum], header: Header) -> Figure:
    """Draw the background's mass in every category and in the rest, of unit area.

    Parameters
    ----------
    found : mapping of str to SculptedSpectrum
        By category.
    header : Header
    """
    made = grid.grid(list(found), panels=True)
    for ax, panel, one in zip(made.frames, made.panels, found.values(), strict=True):
        _shapes(ax, one)
        _ratio(panel, one)
        for each in (ax, panel):
            each.set_xlim(float(one.edges_GeV[0]), float(one.edges_GeV[-1]))
    grid.titles(made, list(found), [_notes(one) for one in found.values()])
    edges = next(iter(found.values())).edges_GeV
    grid.axes_titles(
        made,
        below=axis_title("m_yy", "GeV"),
        beside=per_bin("Fraction", float(edges[1] - edges[0]), "GeV"),
        panel="Ratio",
    )
    grid.head(made, header, data=False, luminosity=False)
    return made.figure


def _notes(one: SculptedSpectrum) -> tuple[str, ...]:
    size, error = one.found.size_events, one.found.error_events
    flagged = ("Flagged",) if one.found.flagged else ()
    return (f"$p$ = {one.found.pvalue:.2g}", rf"Window: {size:+,.0f} $\pm$ {error:,.0f}", *flagged)


def _shapes(ax: Axes, one: SculptedSpectrum) -> None:
    rest = one.rest / max(float(one.rest.sum()), 1.0)
    style.background(ax, rest, one.edges_GeV, "All other background")
    there, total = one.kept > 0, max(float(one.kept.sum()), 1.0)
    centres = (one.edges_GeV[1:] + one.edges_GeV[:-1]) / 2
    errors = np.array(poisson_errors(one.kept[there])) / total
    style.points(ax, centres[there], one.kept[there] / total, errors, zorder=3, gid="kept",
                 label="Background that is kept")  # fmt: skip
    low = 0.3 / max(float(one.rest.sum()), total)
    top = max(float(np.max(one.kept)) / total, float(rest.max()), 10 * low)
    # Notes stand in the upper quarter of the logarithmic scale.
    ax.set_ylim(low, low * (top / low) ** (1 / 0.72))
    ax.set_yscale("log")


def _ratio(ax: Axes, one: SculptedSpectrum) -> None:
    there = (one.kept > 0) & (one.rest > 0)
    kept, rest = one.kept[there], one.rest[there]
    scale = one.rest.sum() / max(float(one.kept.sum()), 1.0)
    centres = ((one.edges_GeV[1:] + one.edges_GeV[:-1]) / 2)[there]
    relative = np.sqrt(1 / kept + 1 / rest)
    ratio = scale * kept / rest
    style.ratio(ax, centres, ratio, ratio * relative, far=1.0, size=3)
