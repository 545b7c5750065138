r"""The selection of the background model: which function fakes how much of a signal.

Every family and order was fitted to smooth spectra that are compatible with the sidebands; what the
fit then takes for a resonance is its spurious signal :math:`S_\mathrm{sp}`, in uncertainties of
the signal :math:`\sigma_S`. With more parameters a function follows better and fakes less, at the
price of a larger :math:`\sigma_S`; the simplest that passes is chosen. Full markers pass, open ones
fail (by the spurious signal, or by the fit to the sidebands where they lie below the line).
"""

from collections.abc import Mapping, Sequence
from itertools import cycle

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.report.plots import grid, style
from analysis.report.plots.names import MASS, function_name
from analysis.report.plots.style import Header, atlas_style, plain
from analysis.results.background import PeakBackground, PeakCandidate, SpuriousSignals

_SPURIOUS_TITLE = r"$S_\mathrm{sp}$ [events]"
RANGES = {"window": "Window", "full": "Full range"}
_Looks = Mapping[str, tuple[str, str]]
_LOOKS = (
    ("o", "#0072b2"), ("s", "#d55e00"), ("^", "#009e73"), ("D", "#cc79a7"), ("v", "#56b4e9"),
    ("P", "#8a6d00"),
)  # fmt: skip
"""marker and colour of each family in turn"""
_SHOWN_ERRORS = (0.003, 300.0)
"""spurious signals on the axis, in uncertainties of the signal: what lies beyond is at its ends"""


@atlas_style()
def tested_functions(
    peak: PeakBackground, category: str, header: Header, *, max_errors: float
) -> Figure:
    """Draw the spurious signal of every candidate against its number of parameters.

    Parameters
    ----------
    peak : PeakBackground
        With its candidates.
    category : str
        What the category is called, where there are several; else empty.
    header : Header
    max_errors : float
        Spurious signal, in uncertainties of the signal, that a function may have.
    """
    candidates = peak.candidates
    ranges = [name for name in RANGES if any(e.range == name for e in candidates)]
    both = len(ranges) > 1
    figure = Figure(figsize=(style.SINGLE[0] * (1.5 if both else 1), 6.4))
    (frames,) = figure.subplots(
        1, len(ranges), sharey=True, squeeze=False, gridspec_kw={"wspace": 0.04}
    )
    figure.subplots_adjust(left=0.1 if both else 0.14, right=0.97, bottom=0.125, top=0.94)
    # By family, whatever its order: what more parameters do is seen in one colour.
    looks = dict(zip(dict.fromkeys(e.family for e in candidates), cycle(_LOOKS), strict=False))
    for ax, name in zip(frames, ranges, strict=True):
        _frame(ax, [e for e in candidates if e.range == name], looks, max_errors)
        title = ": ".join(filter(None, (category, RANGES[name])))
        style.note(ax, 0.04, 0.035, title, fontsize=15, gid="range")
    first = frames[0]
    _legend_entries(first, looks)
    first.set_ylabel(r"Largest $|S_\mathrm{sp}|\,/\,\sigma_S$")
    _scale(first, candidates, max_errors)
    handles, titles = first.get_legend_handles_labels()
    frames[-1].legend(handles, titles, loc="upper right", ncols=2, columnspacing=1.0, fontsize=12)
    style.label(first, header, data=True, corner=(frames[-1], 0.0))
    return figure


def _frame(ax: Axes, candidates: Sequence[PeakCandidate], looks: _Looks, max_errors: float) -> None:
    from matplotlib.ticker import MaxNLocator

    order = list(looks)
    for candidate in candidates:
        if not np.isfinite(candidate.worst_errors):
            continue
        marker, colour = looks[candidate.family]
        # Families side by side: many have equally many parameters and would hide each other.
        aside = 0.09 * (order.index(candidate.family) - (len(order) - 1) / 2)
        x = candidate.parameters + aside
        y = float(np.clip(candidate.worst_errors, *_SHOWN_ERRORS))
        ax.plot(
            [x], [y], marker, color=colour, markersize=8, markeredgewidth=1.6, zorder=3,
            markerfacecolor=colour if candidate.passes else "white", gid=function_name(candidate),
        )  # fmt: skip
        if candidate.chosen:
            ax.plot([x], [y], "o", markersize=18, markerfacecolor="none", markeredgewidth=2,
                    color=style.DATA, zorder=4, gid="chosen")  # fmt: skip
    ax.axhline(max_errors, color=style.CUT, linewidth=1.5, linestyle="--", zorder=1, gid="most")
    counts = [e.parameters for e in candidates]
    ax.set_xlim(min(counts) - 0.6, max(counts) + 0.6)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    ax.set_xticks([], minor=True)
    ax.set_xlabel("Free parameters")


def _legend_entries(ax: Axes, looks: _Looks) -> None:
    for family, (marker, colour) in looks.items():
        ax.plot([], [], marker, color=colour, markersize=8, label=plain(family))
    ax.plot([], [], "o", color="#5a5a5a", markerfacecolor="white", markeredgewidth=1.6,
            markersize=8, label="Open: fails")  # fmt: skip
    ax.plot([], [], "o", color=style.DATA, markerfacecolor="none", markeredgewidth=2,
            markersize=15, label="Chosen")  # fmt: skip
    ax.plot([], [], color=style.CUT, linestyle="--", linewidth=1.5, label="Most allowed")


def _scale(ax: Axes, candidates: Sequence[PeakCandidate], max_errors: float) -> None:
    drawn = np.array([*(e.worst_errors for e in candidates), max_errors])
    values = np.clip(drawn[np.isfinite(drawn)], *_SHOWN_ERRORS)
    low, high = 0.6 * float(values.min()), 1.5 * float(values.max())
    # The upper third of the logarithmic scale is the legend's.
    ax.set_ylim(low, low * max(10.0, (high / low)) ** (1 / 0.68))
    ax.set_yscale("log")
    style.decimal_ticks(ax)


@atlas_style()
def spurious_signals(
    peaks: Mapping[str, PeakBackground], header: Header, *, max_errors: float
) -> Figure:
    """Draw the spurious signal of the chosen function against mass, with what is allowed.

    Parameters
    ----------
    peaks : mapping of str to PeakBackground
        By category; a single one has the whole figure.
    header : Header
    max_errors : float
        Spurious signal, in uncertainties of the signal, that a function may have.
    """
    if len(peaks) == 1:
        (alone,), ax = peaks.values(), style.frame(left=0.15)
        most = _draw_spurious(ax, alone.spurious, max_errors, function_name(alone))
        ax.set_ylim(-most, -most + 2 * most / style.free_height(ax))
        return style.finished(ax, header, MASS.title, _SPURIOUS_TITLE, data=True)
    made = grid.grid(len(peaks))
    for ax, peak in zip(made.frames, peaks.values(), strict=True):
        most = _draw_spurious(ax, peak.spurious, max_errors)
        ax.set_ylim(-most, 2.2 * most)  # the upper third is for title and note
    return grid.finished(
        made, header, {name: (plain(function_name(peak)),) for name, peak in peaks.items()},
        (MASS.title, _SPURIOUS_TITLE, ""), data=True,
    )  # fmt: skip


def _draw_spurious(
    ax: Axes, found: SpuriousSignals, max_errors: float, function: str = ""
) -> float:
    """Draw a spurious signal and what is allowed; return how far the scale is to reach."""
    allowed = max_errors * found.error_events
    ax.fill_between(
        found.mass_GeV, -allowed, allowed, color=style.BACKGROUND_FILL, linewidth=0, gid="allowed",
        label=rf"Allowed: $\pm${max_errors:g} $\sigma_S$",
    )  # fmt: skip
    marker = "o" if len(found.mass_GeV) == 1 else ""
    ax.plot(found.mass_GeV, found.events, color=style.DATA, marker=marker,
            label=", ".join(filter(None, ("Largest", plain(function)))))  # fmt: skip
    ax.axhline(0, color=style.DATA, linewidth=0.8)
    style.mass_range(ax, found.mass_GeV)
    most = 1.1 * max(float(np.nanmax(np.abs(x), initial=0.0)) for x in (allowed, found.events))
    return most or 1.0
