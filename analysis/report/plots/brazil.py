r"""Upper limits against mass: the plot that ends a search without a discovery.

Observed limit, its median expectation without a signal, and the bands that hold 68 % and 95 % of
such experiments, on a logarithmic axis. The benchmark cross-section is a line: masses at which the
limit lies below it are excluded, and the figure says which. Where few events lie under a peak the
asymptotic band is narrower than that of toys; those masses are hatched.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from analysis.report.plots import style
from analysis.report.plots.scan import MASS_TITLE
from analysis.report.plots.strength import kind_of
from analysis.report.plots.style import Array, Header, atlas_style
from analysis.report.plots.tables import known, stacked

if TYPE_CHECKING:
    from collections.abc import Iterator

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from analysis.results.limits import MassLimits, Ranges

_HATCH = "#4a4a4a"
_NOTE_ROW = 0.058
"""of the frame's height"""


@atlas_style()
def mass_limits(
    limits: MassLimits, header: Header, *, from_data: bool = True, ax: Axes | None = None
) -> Figure:
    """Draw limits against mass, with the expected bands.

    Parameters
    ----------
    limits : MassLimits
        Its median expected limit is known at some mass at least.
    header : Header
    from_data : bool
        Whether there are data at all.
    ax : Axes, optional
        Where to draw, instead of a new figure.
    """
    figure, ax = style.frame(ax, left=0.15)
    x = limits.mass_GeV
    step = 5.0 if len(x) == 1 else 0.0  # a single mass gets a short piece of the band
    ax.set_xlim(x[0] - 4 * step, x[-1] + 4 * step)
    _bands(ax, limits, step)
    _line(ax, x, limits.expected["0"], step, "--", "Expected")
    if (observed := known(limits.observed)) is not None:
        _line(ax, x, observed, step, "-", "Observed")
    if limits.benchmark is not None:
        ax.axhline(limits.benchmark, color=style.CUT, linewidth=1.8, zorder=3, gid="benchmark",
                   label=f"Benchmark, {kind_of(limits).of(limits.benchmark)}")  # fmt: skip
    _scale(ax, limits)
    ax.set_xlabel(MASS_TITLE)
    title = f"{limits.confidence_level:.0%} CL limit on {kind_of(limits).title}"
    ax.set_ylabel(title.replace("Signal", "signal"), fontsize="large")
    style.legend(ax)
    style.label(ax, header, data=from_data)
    return figure


def _line(ax: Axes, x: Array, y: Array, step: float, dashes: str, title: str) -> None:
    if step:
        x, y = np.append(x - step, x + step), y.repeat(2)
    ax.plot(x, y, color=style.DATA, linestyle=dashes, label=title, zorder=4)


def _bands(ax: Axes, limits: MassLimits, step: float) -> None:
    x, bands = limits.mass_GeV, stacked(limits.expected)
    if step:
        x, bands = np.append(x - step, x + step), bands.repeat(2, axis=1)
    toys = " (toys)" if limits.method == "toys" else ""
    for width, colour in ((2, style.TWO_SIGMA), (1, style.ONE_SIGMA)):
        ax.fill_between(
            x, bands[2 - width], bands[2 + width], color=colour, linewidth=0, zorder=3 - width,
            label=rf"Expected $\pm\mathrm{{{width}}}\sigma${toys}", gid=f"band {width}",
        )  # fmt: skip
    title = "Few background events"
    for low, high in _runs(limits):
        inside = (x > low) & (x < high)
        at = np.concatenate([[max(low, x[0])], x[inside], [min(high, x[-1])]])
        edge = [np.interp(at, x, bands[row]) for row in (0, 4)]
        ax.fill_between(
            at, *edge, facecolor="none", edgecolor=_HATCH, hatch="////", linewidth=0, zorder=2.5,
            label=title, gid="few",
        )  # fmt: skip
        title = "_"


def _runs(limits: MassLimits) -> Iterator[tuple[float, float]]:
    """Yield the ranges of mass that are to be hatched, up to halfway to the next point."""
    x, few = limits.mass_GeV, limits.low_counts
    middles = (x[1:] + x[:-1]) / 2
    edges = np.concatenate([[x[0] - 10.0], middles, [x[-1] + 10.0]])
    changes = np.flatnonzero(np.diff(np.array([False, *few, False], int)))
    for start, stop in list(pairwise(changes))[::2]:
        yield float(edges[start]), float(edges[stop])


def _scale(ax: Axes, limits: MassLimits) -> None:
    """Set the vertical range; below what is drawn there is a strip for the notes."""
    parts = [stacked(limits.expected).ravel()]
    parts += [] if limits.observed is None else [limits.observed]
    parts += [] if limits.benchmark is None else [np.array([limits.benchmark])]
    drawn = np.concatenate(parts)
    drawn = drawn[np.isfinite(drawn) & (drawn > 0)]
    low, high = (float(drawn.min()), float(drawn.max())) if drawn.size else (0.1, 1.0)
    notes = _notes(limits)
    strip = 0.05 + _NOTE_ROW * len(notes)
    filled = style.free_height(ax) - strip
    decades = max(np.log10(high / low), 0.3) / filled
    bottom = low / 10 ** (strip * decades)
    ax.set_ylim(bottom, bottom * 10**decades)
    ax.set_yscale("log")
    style.decimal_ticks(ax)
    for row, note in enumerate(reversed(notes)):
        ax.text(
            0.035, 0.035 + _NOTE_ROW * row, note, transform=ax.transAxes, fontsize=12, gid="note",
            va="bottom",
        )  # fmt: skip


def _notes(limits: MassLimits) -> list[str]:
    if limits.benchmark is None:
        return []
    notes, found = [], limits.excluded_GeV
    if found.observed is not None:
        at = kind_of(limits).of(limits.benchmark)
        notes.append(f"Excluded at {at}: {written(found.observed)}")
    if found.expected is not None:
        notes.append(f"Expected to be excluded: {written(found.expected)}")
    return notes


def written(ranges: Ranges) -> str:
    """Return ranges of mass as text.

    >>> written(((500.0, 612.0), (700.0, 1000.0))), written(())
    ('500 to 612, 700 to 1000 GeV', 'no mass')
    """
    return ", ".join(f"{low:.0f} to {high:.0f}" for low, high in ranges) + " GeV" * bool(
        ranges
    ) or ("no mass")
