r"""Upper limits: against mass, from the shape of the spectrum, and from the count.

Limits against mass are the plot that ends a search without a discovery: the observed limit, its
median expectation without a signal, and the bands that hold 68 % and 95 % of such experiments, on a
logarithmic axis. The benchmark cross-section is a line: masses at which the limit lies below it are
excluded, and the figure says which. Where few events lie under a peak the asymptotic band is
narrower than that of toys; those masses are hatched.

The limit from the count is where CLs falls below 1 - CL (task 5.2b): what lies to the right of that
is excluded.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.report.plots import style
from analysis.report.plots.names import CROSS_SECTION, MASS, STRENGTH, known, stacked
from analysis.report.plots.style import Header, atlas_style
from analysis.results.counting import CountingLimit
from analysis.results.limits import MassLimits, Ranges
from analysis.results.values import GivenMass
from tools.arrays import FloatArray
from tools.names import span

_HATCH = "#4a4a4a"
_NOTE_ROW = 0.058
"""of the frame's height"""


@atlas_style()
def mass_limits(limits: MassLimits, header: Header) -> Figure:
    """Draw limits against mass, with the expected bands.

    Parameters
    ----------
    limits : MassLimits
        Its median expected limit is known at some mass at least.
    header : Header
    """
    ax, kind, x = style.frame(left=0.15), STRENGTH[limits.unit], limits.mass_GeV
    bands, observed = stacked(limits.expected), known(limits.observed)
    if len(x) == 1:  # a single mass gets a short piece of the band
        ax.set_xlim(x[0] - 20.0, x[0] + 20.0)
        x, bands = np.append(x - 5.0, x + 5.0), bands.repeat(2, axis=1)
        observed = None if observed is None else observed.repeat(2)
    else:
        ax.set_xlim(x[0], x[-1])
    toys = " (toys)" if limits.method == "toys" else ""
    style.sigma_bands(ax, x, bands, f"Expected {{}}{toys}")
    _hatch(ax, limits, x, bands)
    ax.plot(x, bands[2], color=style.DATA, linestyle="--", label="Expected", zorder=4)
    if observed is not None:
        ax.plot(x, observed, color=style.DATA, linestyle="-", label="Observed", zorder=4)
    if limits.benchmark is not None:
        ax.axhline(limits.benchmark, color=style.CUT, linewidth=1.8, zorder=3, gid="benchmark",
                   label=f"Benchmark, {kind.of(limits.benchmark)}")  # fmt: skip
    _scale(ax, limits)
    title = f"{limits.confidence_level:.0%} CL limit on {kind.title}".replace("Signal", "signal")
    ax.yaxis.label.set_fontsize("large")
    return style.finished(ax, header, MASS.title, title, data=header.from_data)


def _hatch(ax: Axes, limits: MassLimits, x: FloatArray, bands: FloatArray) -> None:
    """Hatch the bands where few events lie under a peak."""
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
    # Beyond both ends, so that a run that begins or ends there takes the whole band.
    edges = np.concatenate([[x[0] - 10.0], middles, [x[-1] + 10.0]])
    changes = np.flatnonzero(np.diff(np.array([False, *few, False], int)))
    for start, stop in list(pairwise(changes))[::2]:
        yield float(edges[start]), float(edges[stop])


def _scale(ax: Axes, limits: MassLimits) -> None:
    """Set the vertical range; below what is drawn there is a strip for the notes."""
    parts = (stacked(limits.expected), limits.observed, limits.benchmark)
    drawn = np.concatenate([np.ravel(part) for part in parts if part is not None])
    drawn = drawn[np.isfinite(drawn) & (drawn > 0)]
    low, high = (float(drawn.min()), float(drawn.max())) if drawn.size else (0.1, 1.0)
    notes = _notes(limits)
    strip = 0.05 + _NOTE_ROW * len(notes)
    filled = style.free_height(ax) - strip
    # At least a factor of two (0.3 decades), or a flat limit would fill the frame with noise.
    decades = max(np.log10(high / low), 0.3) / filled
    bottom = low / 10 ** (strip * decades)
    ax.set_ylim(bottom, bottom * 10**decades)
    ax.set_yscale("log")
    style.decimal_ticks(ax)
    for row, note in enumerate(reversed(notes)):
        style.note(ax, 0.035, 0.035 + _NOTE_ROW * row, note, fontsize=12, va="bottom")


def _notes(limits: MassLimits) -> list[str]:
    notes, found = [given_note(limits.given)] * bool(limits.given), limits.excluded_GeV
    if limits.benchmark is None:
        return notes
    if found.observed is not None:
        at = STRENGTH[limits.unit].of(limits.benchmark)
        notes.append(f"Excluded at {at}: {written(found.observed)}")
    if found.expected is not None:
        notes.append(f"Expected to be excluded: {written(found.expected)}")
    return notes


def given_note(given: Sequence[GivenMass]) -> str:
    """Return what is in both hypotheses, as a note in a figure."""
    return f"Given X({', '.join(f'{each.mass_GeV:.0f}' for each in given)})"


def written(ranges: Ranges) -> str:
    """Return ranges of mass as text.

    >>> written(((500.0, 612.0), (700.0, 1000.0))), written(())
    ('500 to 612, 700 to 1000 GeV', 'no mass')
    """
    found = ", ".join(span(low, high) for low, high in ranges)
    return f"{found} GeV" if found else "no mass"


@atlas_style()
def cls_scan(limit: CountingLimit, header: Header) -> Figure:
    """Draw CLs against the cross-section, with the expected band.

    Parameters
    ----------
    limit : CountingLimit
        With its curve.
    header : Header
    """
    curve = limit.curve
    assert curve is not None  # noqa: S101 - ``counting.json`` has it
    ax, x = style.frame(), np.append(0.0, curve.cross_section_pb)
    # CLs of no signal is one: there all curves begin.
    bands = np.column_stack([np.ones(5), np.sort(stacked(curve.expected_cls), axis=0)])
    style.sigma_bands(ax, x, bands, "Expected {}")
    level, found, expected = 1 - limit.confidence_level, limit.observed_pb, limit.expected_pb["0"]
    ax.plot(x, bands[2], "k--", label=_title("Expected", expected))
    if curve.observed_cls is not None and found is not None:
        ax.plot(x, np.append(1.0, curve.observed_cls), "k-", label=_title("Observed", found))
        _crossing(ax, found, level, "-")
    if expected is not None:
        _crossing(ax, expected, level, "--")
    ax.axhline(level, color=style.CUT, linewidth=1.5, label=f"{limit.confidence_level:.0%} CL")
    ax.set_xlim(0.0, float(x[-1]))
    ax.set_yscale("log")
    ax.set_ylim(1e-3, 30.0)  # CLs is at most one: above it stands the legend
    return style.finished(
        ax, header, CROSS_SECTION.title, r"$\mathrm{CL_s}$", data=header.from_data
    )


def _title(what: str, limit_pb: float | None) -> str:
    return what if limit_pb is None else f"{what}: {limit_pb:.3g} pb"


def _crossing(ax: Axes, limit_pb: float, level: float, dashes: str) -> None:
    ax.plot([limit_pb, limit_pb], [1e-3, level], color=style.CUT, linestyle=dashes, linewidth=1.2)
