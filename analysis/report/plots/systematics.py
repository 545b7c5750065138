"""What the result depends on: systematic uncertainties, and choices that could have been others.

**Pulls and impacts**: what the data say about each systematic uncertainty, and what it costs.
Points belong to the lower axis: fitted minus prior value of a nuisance parameter, in prior standard
deviations, with the uncertainty after the fit; one much below one means that the data know it
better than the prior did. Bars belong to the upper axis: how far the fitted strength moves when the
parameter is held one standard deviation above or below its fitted value. Largest impact first.

**Stability**: one row for each choice of range, order and binning; the one that was used is marked,
and its value drawn through all rows. The rows share their events, so they scatter by far less than
their uncertainties.
"""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.report.plots import style
from analysis.report.plots.names import ends, kind_of, with_category
from analysis.report.plots.style import Header, atlas_style, plain, shortened
from analysis.results.verdict import NuisanceParameter, ResonanceFit, StabilityCheck

MAX_ROWS = 15
"""nuisance parameters shown; the page lists all"""
UP, DOWN = "#56b4e9", "#e69f00"
_LOOKS = {True: ("D", style.FIT, "used"), False: ("o", style.DATA, "point")}
"""marker, colour and name of the choice that was used, and of others"""
_STAMP_INCHES = 0.72
"""that stamps stand higher, above the upper axis"""


@atlas_style()
def nuisances(fit: ResonanceFit, header: Header) -> Figure:
    """Draw pulls and impacts, one row for each nuisance parameter.

    Parameters
    ----------
    fit : ResonanceFit
        With nuisance parameters, largest impact first; the first fifteen are shown.
    header : Header
    """
    shown, kind = (fit.nuisances or ())[:MAX_ROWS], kind_of(fit)
    height = max(4.6, 3.1 + 0.36 * len(shown))
    figure = Figure(figsize=(style.SINGLE[0], height))
    figure.subplots_adjust(left=0.31, right=0.955, bottom=0.82 / height, top=1 - 1.0 / height)
    ax = figure.add_subplot()
    above = ax.twiny()
    _impacts(above, shown)
    _pulls(ax, shown)
    above.set_xlabel(rf"$\Delta${kind.symbol}{kind.bracket}", fontsize="large")
    # Points over bars: the frame that was made last is drawn last.
    ax.set_zorder(above.get_zorder() + 1)
    ax.patch.set_visible(False)
    _rows_below(ax, [_short(n.name) for n in shown], head_inches=1.15)  # three rows of legend
    pairs = zip(ax.get_legend_handles_labels(), above.get_legend_handles_labels(), strict=True)
    handles, titles = (points + bars for points, bars in pairs)
    ax.legend(handles, titles, loc="upper right")
    style.label(ax, header, data=True, stamp_on=(ax, _STAMP_INCHES))
    return figure


def _impacts(ax: Axes, shown: Sequence[NuisanceParameter]) -> None:
    impacts = np.array([(n.impact_up, n.impact_down) for n in shown]).reshape(-1, 2).T
    for sign, colour, hatch, own in zip("+-", (UP, DOWN), (None, "////"), impacts, strict=True):
        ax.barh(
            np.arange(len(shown)), own, height=0.62, facecolor=colour, hatch=hatch,
            edgecolor="#4a4a4a", linewidth=0.6, zorder=1,
            label=rf"${sign}\mathrm{{1}}\sigma$ impact",
        )  # fmt: skip
    # Symmetric: the zero of the impacts is that of the pulls.
    largest = 1.25 * (float(np.nanmax(np.abs(impacts), initial=0.0)) or 1.0)
    ax.set_xlim(-largest, largest)
    ax.tick_params(axis="x", which="both", top=True, bottom=False, labelsize="medium")


def _pulls(ax: Axes, shown: Sequence[NuisanceParameter]) -> None:
    pulls, errors = np.array([(n.pull, n.pull_error) for n in shown]).reshape(-1, 2).T
    ax.errorbar(pulls, np.arange(len(shown)), xerr=errors, fmt="o", color=style.DATA, markersize=5,
                capsize=2, zorder=4, label="Pull")  # fmt: skip
    most = max(2.0, 1.15 * float(np.nanmax(np.abs(pulls) + errors, initial=0.0)))
    ax.set_xlim(-most, most)
    for value in (-1, 0, 1):
        ax.plot([value, value], [-0.5, len(shown) - 0.4], color="#7a7a7a", linewidth=1, zorder=2,
                linestyle=":" if value else "-")  # fmt: skip
    ax.set_xlabel(r"Pull, $(\hat\theta - \theta_0)/\Delta\theta$")
    ax.tick_params(axis="x", which="both", top=False)


def _short(name: str) -> str:
    """Return a parameter's name as it fits beside its row.

    >>> _short("spurious signal, score_3")
    'spurious signal, cat. 3'
    """
    words = with_category(name).replace("category", "cat.").replace("_", " ")
    # As much as fits into the left third of the figure; the page has the whole name.
    return plain(shortened(words, 26))


@atlas_style()
def stability(fit: ResonanceFit, header: Header) -> Figure:
    """Draw local significance and strength for every choice."""
    variations, kind = fit.stability, kind_of(fit)
    height = max(4.2, 2.1 + 0.4 * len(variations))
    figure = Figure(figsize=(style.SINGLE[0] * 1.35, height))
    left, right = figure.subplots(1, 2, sharey=True, gridspec_kw={"wspace": 0.08})
    figure.subplots_adjust(left=0.3, right=0.965, bottom=0.84 / height, top=1 - 0.4 / height)
    _significances(left, variations)
    _strengths(right, variations)
    left.set_xlabel(r"Local significance [$\sigma$]")
    right.set_xlabel(kind.symbol + kind.bracket)
    _rows_below(left, [plain(shortened(v.what, 32)) for v in variations], head_inches=1.0)
    for row in range(1, len(variations)):
        for ax in (left, right):
            ax.axhline(row - 0.5, color="#d8d8d8", linewidth=0.8, zorder=0)
    right.tick_params(axis="y", which="both", length=0)
    style.legend(right)
    style.label(left, header, data=True, stamp_on=(right, 0.0))
    return figure


def _significances(ax: Axes, variations: Sequence[StabilityCheck]) -> None:
    largest = 1.0
    for row, variation in _with_result(ax, variations, lambda v: v.local_z):
        marker, colour, name = _LOOKS[variation.used]
        ax.plot([variation.local_z], [row], marker, color=colour, markersize=8, gid=name)
        if variation.used:
            _line(ax, variation.local_z, len(variations))
        largest = max(largest, variation.local_z)
    ax.set_xlim(0.0, 1.15 * largest)


def _strengths(ax: Axes, variations: Sequence[StabilityCheck]) -> None:
    titles = {True: "Used", False: "Varied"}
    for row, variation in _with_result(ax, variations, lambda v: v.strength.value):
        found, (low, high) = variation.strength, ends(variation.strength)
        marker, colour, name = _LOOKS[variation.used]
        ax.errorbar(
            [found.value], [row], xerr=[[found.value - low], [high - found.value]], fmt=marker,
            color=colour, markersize=8, capsize=3, label=titles.pop(variation.used, None), gid=name,
        )  # fmt: skip
        if variation.used:
            rows = (-0.5, len(variations) - 0.4)
            ax.fill_betweenx(rows, low, high, facecolor=style.SHADE, linewidth=0, zorder=0)
            _line(ax, found.value, len(variations))
    ax.margins(x=0.12)


def _with_result(
    ax: Axes, variations: Sequence[StabilityCheck], value: Callable[[StabilityCheck], float]
) -> Iterator[tuple[int, StabilityCheck]]:
    """Yield the choices that have a result, with their rows; say so in the rows of the others."""
    for row, variation in enumerate(variations):
        if np.isfinite(value(variation)):
            yield row, variation
        else:
            ax.text(0.04, row, "no result", transform=ax.get_yaxis_transform(), color="#5a5a5a",
                    fontsize=12, va="center", gid="nothing")  # fmt: skip


def _line(ax: Axes, value: float, rows: int) -> None:
    """Draw the value that was used through all rows."""
    ax.plot([value, value], [-0.5, rows - 0.4], "--", color=style.FIT, linewidth=1, zorder=0)


def _rows_below(ax: Axes, names: Sequence[str], *, head_inches: float) -> None:
    """Name the rows, from top to bottom, and leave room above them for labels and legend."""
    style.named_rows(ax, names)
    height = ax.get_window_extent().height / ax.figure.dpi
    head = head_inches / max(height - head_inches, 0.5)
    ax.set_ylim(len(names) - 0.4, -0.6 - head * len(names))
