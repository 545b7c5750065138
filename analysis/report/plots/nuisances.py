"""Pulls and impacts: what the data say about each systematic uncertainty, and what it costs.

Points belong to the lower axis: fitted minus prior value of a nuisance parameter, in prior standard
deviations, with the error after the fit; an error much below one means that the data know it better
than the prior did. Bars belong to the upper axis: how far the fitted strength moves when the
parameter is held one standard deviation above or below its fitted value. Largest impact first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from analysis.report.plots import style
from analysis.report.plots.names import with_category
from analysis.report.plots.strength import CROSS_SECTION, Strength
from analysis.report.plots.style import Header, atlas_style, plain, shortened

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from analysis.results.verdict import NuisanceParameter

MOST = 15
"""nuisance parameters shown; the page lists all"""
UP, DOWN = "#56b4e9", "#e69f00"
_LONGEST = 26
_ROW_INCHES, _OTHER_INCHES = 0.36, 3.1
_STAMP_INCHES = 0.72
"""that stamps stand higher, above the upper axis"""


@atlas_style()
def nuisances(
    found: Sequence[NuisanceParameter], header: Header, *, kind: Strength = CROSS_SECTION
) -> Figure:
    """Draw pulls and impacts, one row for each nuisance parameter.

    Parameters
    ----------
    found : sequence of NuisanceParameter
        Sorted, largest impact first; the first fifteen are shown.
    header : Header
    kind : Strength
        Of the impacts.
    """
    shown = list(found)[:MOST]
    figure, ax = _tall_frame(len(shown))
    rows = np.arange(len(shown), dtype=np.float64)
    above = ax.twiny()
    for title, colour, hatch, impacts in (
        (r"$+\mathrm{1}\sigma$ impact", UP, None, [n.impact_up for n in shown]),
        (r"$-\mathrm{1}\sigma$ impact", DOWN, "////", [n.impact_down for n in shown]),
    ):
        above.barh(
            rows, impacts, height=0.62, facecolor=colour, hatch=hatch, edgecolor="#4a4a4a",
            linewidth=0.6, zorder=1, label=title,
        )  # fmt: skip
    _pulls(ax, shown, rows)
    largest = max((abs(i) for n in shown for i in (n.impact_up, n.impact_down)), default=0.0)
    above.set_xlim(*((-1.25, 1.25) * np.array(largest or 1.0)))
    above.set_xlabel(rf"$\Delta${kind.symbol}{kind.bracket}", fontsize="large")
    above.tick_params(axis="x", which="both", top=True, bottom=False, labelsize="medium")
    # Points over bars: the frame that was made last is drawn last.
    ax.set_zorder(above.get_zorder() + 1)
    ax.patch.set_visible(False)
    _rows(ax, [n.name for n in shown])
    pairs = zip(ax.get_legend_handles_labels(), above.get_legend_handles_labels(), strict=True)
    handles, titles = (points + bars for points, bars in pairs)
    ax.legend(handles, titles, loc="upper right")
    style.label(ax, header, data=True, stamp_on=(ax, _STAMP_INCHES))
    return figure


def _tall_frame(rows: int) -> tuple[Figure, Axes]:
    from matplotlib.figure import Figure

    height = max(4.6, _OTHER_INCHES + _ROW_INCHES * rows)
    figure = Figure(figsize=(style.SINGLE[0], height))
    figure.subplots_adjust(left=0.31, right=0.955, bottom=0.82 / height, top=1 - 1.0 / height)
    return figure, figure.add_subplot()


def _pulls(ax: Axes, shown: Sequence[NuisanceParameter], rows: style.Array) -> None:
    pulls = np.array([n.pull for n in shown])
    errors = np.array([n.pull_error for n in shown])
    ax.errorbar(
        pulls, rows, xerr=errors, fmt="o", color=style.DATA, markersize=5, capsize=2, zorder=4,
        label="Pull",
    )  # fmt: skip
    most = max(2.0, 1.15 * float(np.nanmax(np.abs(pulls) + errors, initial=0.0)))
    ax.set_xlim(-most, most)
    for value in (-1, 0, 1):
        ax.plot([value, value], [-0.5, len(shown) - 0.4], color="#7a7a7a", linewidth=1, zorder=2,
                linestyle=":" if value else "-")  # fmt: skip
    ax.set_xlabel(r"Pull, $(\hat\theta - \theta_0)/\Delta\theta$")
    ax.tick_params(axis="x", which="both", top=False)


def _rows(ax: Axes, names: Sequence[str]) -> None:
    """Name the rows, from top to bottom, and leave room above them for labels and legend."""
    written = [_short(name) for name in names]
    ax.set_yticks(range(len(names)), written)
    ax.set_yticks([], minor=True)
    ax.tick_params(axis="y", which="both", length=0, labelsize="medium")
    height = ax.get_window_extent().height / ax.figure.dpi
    head = 1.15 / max(height - 1.15, 0.5)  # inches for three rows of legend
    ax.set_ylim(len(names) - 0.4, -0.6 - head * len(names))


def _short(name: str) -> str:
    """Return a parameter's name as it fits beside its row.

    >>> _short("spurious signal, score_3")
    'spurious signal, cat. 3'
    """
    words = with_category(name).replace("category", "cat.").replace("_", " ")
    return plain(shortened(words, _LONGEST))
