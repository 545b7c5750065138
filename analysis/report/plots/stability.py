"""Stability: how far the result depends on choices that could have been made otherwise.

One row for each choice of range, order and binning; the one that was used is marked, and its value
drawn through all rows. The rows share their events, so they scatter by far less than their errors.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from analysis.report.plots import style
from analysis.report.plots.strength import CROSS_SECTION, Strength
from analysis.report.plots.style import Header, atlas_style, plain, shortened
from analysis.report.plots.tables import ends

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from analysis.results.verdict import StabilityCheck

_LONGEST = 32
_ROW_INCHES, _OTHER_INCHES = 0.4, 2.1


@atlas_style()
def stability(
    variations: Sequence[StabilityCheck], header: Header, *, kind: Strength = CROSS_SECTION
) -> Figure:
    """Draw local significance and strength for every choice.

    Parameters
    ----------
    variations : sequence of StabilityCheck
    header : Header
    kind : Strength
    """
    from matplotlib.figure import Figure

    height = max(4.2, _OTHER_INCHES + _ROW_INCHES * len(variations))
    figure = Figure(figsize=(style.SINGLE[0] * 1.35, height))
    left, right = figure.subplots(1, 2, sharey=True, gridspec_kw={"wspace": 0.08})
    figure.subplots_adjust(left=0.3, right=0.965, bottom=0.84 / height, top=1 - 0.4 / height)
    _significances(left, variations)
    _strengths(right, variations)
    left.set_xlabel(r"Local significance [$\sigma$]")
    right.set_xlabel(kind.symbol + kind.bracket)
    _rows(left, variations)
    right.tick_params(axis="y", which="both", length=0)
    style.legend(right)
    style.label(left, header, data=True, stamp_on=(right, 0.0))
    return figure


def _significances(ax: Axes, variations: Sequence[StabilityCheck]) -> None:
    for row, variation in enumerate(variations):
        if not np.isfinite(variation.local_z):
            _nothing(ax, row)
    there = [(row, v) for row, v in enumerate(variations) if np.isfinite(v.local_z)]
    points = [(row, v.local_z, v.used) for row, v in there]
    for row, z, used in points:
        ax.plot([z], [row], _marker(used=used), color=_colour(used=used), markersize=8,
                gid="used" if used else "point")  # fmt: skip
        if used:
            _line(ax, z, len(variations))
    most = max((z for _, z, _ in points), default=1.0)
    ax.set_xlim(0.0, 1.15 * max(most, 1.0))


def _strengths(ax: Axes, variations: Sequence[StabilityCheck]) -> None:
    titles = {True: "Used", False: "Varied"}
    for row, variation in enumerate(variations):
        found, used = variation.strength, variation.used
        if not np.isfinite(found.value):
            _nothing(ax, row)
            continue
        low, high = ends(found)
        ax.errorbar(
            [found.value], [row], xerr=[[found.value - low], [high - found.value]],
            fmt=_marker(used=used), color=_colour(used=used), markersize=8, capsize=3,
            label=titles.pop(used, None), gid="used" if used else "point",
        )  # fmt: skip
        if used:
            rows = (-0.5, len(variations) - 0.4)
            ax.fill_betweenx(rows, low, high, facecolor=style.SHADE, linewidth=0, zorder=0)
            _line(ax, found.value, len(variations))
    ax.margins(x=0.12)


def _line(ax: Axes, value: float, rows: int) -> None:
    """Draw the value that was used through all rows."""
    ax.plot([value, value], [-0.5, rows - 0.4], "--", color=style.FIT, linewidth=1, zorder=0)


def _nothing(ax: Axes, row: int) -> None:
    ax.text(
        0.04, row, "no result", transform=ax.get_yaxis_transform(), color="#5a5a5a", fontsize=12,
        va="center", gid="nothing",
    )  # fmt: skip


def _marker(*, used: bool) -> str:
    return "D" if used else "o"


def _colour(*, used: bool) -> str:
    return style.FIT if used else style.DATA


def _rows(ax: Axes, variations: Sequence[StabilityCheck]) -> None:
    """Name the rows, from top to bottom, and leave room above them for labels and legend."""
    ax.set_yticks(range(len(variations)), [plain(shortened(v.what, _LONGEST)) for v in variations])
    ax.set_yticks([], minor=True)
    ax.tick_params(axis="y", which="both", length=0, labelsize="medium")
    height = ax.get_window_extent().height / ax.figure.dpi
    head = 1.0 / max(height - 1.0, 0.5)
    rows = len(variations)
    ax.set_ylim(rows - 0.4, -0.6 - head * rows)
    for row in range(1, rows):
        for each in ax.figure.axes:
            each.axhline(row - 0.5, color="#d8d8d8", linewidth=0.8, zorder=0)
