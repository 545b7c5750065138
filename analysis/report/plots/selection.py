r"""The selection: the n_jets scan (task 3.3), what each kind of cut gains (3.1 to 3.4), cutflow.

The figure of merit is the course's :math:`s = S/\sqrt B` unless the settings chose another. Error
bars are the statistical uncertainties of the simulation. They are strongly correlated along the
scan: its points share most of their events.
"""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.report.plots import style
from analysis.report.plots.columns import Process, style_of
from analysis.report.plots.style import Header, atlas_style, plain
from analysis.report.summary import TITLES
from analysis.results.ledger import CutflowRow, Cutflows
from analysis.results.selection import ChosenSelection, Merits
from analysis.selection.methods import ROWS
from tools.arrays import FloatArray
from tools.shown import shortened

COURSE_VALUES = {"none": 5.3, "n_jets<5": 5.78, "best_n_jets": 5.83}
"""values of the course's notebook, tasks 3.1 to 3.3, for its samples and the signal of 500 GeV"""
MERITS = {"s": r"$s = S/\sqrt{B}$", "asimov": "Asimov significance"}
_WIDE = 11
"""characters of a name that needs two lines"""
_WIDEST = 16
"""characters of a line that fits below its tick"""
_LONGEST = 34
"""characters of a step that is written aslant"""
_MARKERS = ("o", "s", "D", "^", "v")


@atlas_style()
def n_jets_scan(chosen: ChosenSelection, header: Header, *, course: bool) -> Figure:
    """Draw the figure of merit against the cut on the number of jets.

    Parameters
    ----------
    chosen : ChosenSelection
        Its scan must not be empty.
    header : Header
    course : bool
        Whether the samples are the course's, so that its values may be marked.
    """
    ax = style.frame()
    points = [(point.cut, point.s, point.error) for point in chosen.n_jets_scan]
    cuts, values, errors = np.array(points, np.float64).T
    ax.errorbar(
        cuts, values, yerr=errors, fmt="o-", color=style.BACKGROUND, linewidth=1.2, capsize=3,
        markersize=5, label="Simulation, with stat. unc.",
    )  # fmt: skip
    best = int(np.argmax(values))
    ax.plot(
        cuts[best], values[best], "o", markersize=13, markerfacecolor="none", color=style.FIT,
        markeredgewidth=1.8, label=f"Best: {values[best]:.2f} $\\pm$ {errors[best]:.2f}", zorder=4,
    )  # fmt: skip
    none, error = chosen.significance["none"], chosen.errors["none"]
    if none is not None:
        ax.axhline(none, color="#5a5a5a", linestyle="--", linewidth=1.2, zorder=1,
                   label=f"No cut: {none:.2f} $\\pm$ {error:.2f}")  # fmt: skip
    if course:
        _course_values(ax, float(cuts[best]))
    ax.set_xlim(cuts[0] - 0.7, cuts[-1] + 0.7)
    style.headroom(ax, values + errors, log=False)
    ax.set_xticks(cuts[:: 1 + len(cuts) // 15])
    ax.set_xticks([], minor=True)
    title = MERITS[chosen.figure_of_merit]
    return style.finished(ax, header, "Cut: number of jets below", title, data=False,
                          loc="lower right")  # fmt: skip


def _course_values(ax: Axes, best: float) -> None:
    at_5, at_best = COURSE_VALUES["n_jets<5"], COURSE_VALUES["best_n_jets"]
    ax.plot(
        [5.0, best], [at_5, at_best], "*", color="#000000", markersize=10, linestyle="none",
        zorder=5, label=f"Course: {at_5:g} below 5, {at_best:g} at the best",
    )  # fmt: skip
    ax.axhline(COURSE_VALUES["none"], color="#000000", linestyle=":", linewidth=1.2, zorder=1,
               label=f"Course, no cut: {COURSE_VALUES['none']:g}")  # fmt: skip


@atlas_style()
def comparison(chosen: ChosenSelection, signals: Sequence[Process], header: Header) -> Figure:
    """Draw the figure of merit of every kind of selection, for every signal.

    Parameters
    ----------
    chosen : ChosenSelection
    signals : sequence of Process
        The signals of its table to show.
    header : Header
    """
    title = MERITS[chosen.figure_of_merit]
    return _by_kind(chosen.by_signal, chosen.by_signal_errors, signals, header, title)


@atlas_style()
def expected_fit(chosen: ChosenSelection, signals: Sequence[Process], header: Header) -> Figure:
    """Draw the expected significance of the combined fit with each method, for every signal.

    Parameters are those of `comparison`.
    """
    by_method = chosen.expected_fit_z or {}
    names = {name for significances in by_method.values() for name in significances}
    values: Merits = {
        name: {ROWS[method]: z[name] for method, z in by_method.items() if name in z}
        for name in names
    }
    title = r"Expected significance of the fit [$\sigma$]"
    return _by_kind(values, {}, signals, header, title)


def _by_kind(
    values: Merits, errors: Merits, signals: Sequence[Process], header: Header, title: str
) -> Figure:
    """Draw a number for every kind of selection, from top to bottom, and every signal."""
    ax = style.frame(left=0.28)
    shown = [signal for signal in signals if signal.name in values]
    tables = [values[signal.name] for signal in shown]
    kinds = [kind for kind in TITLES if any(table.get(kind) is not None for table in tables)]
    looks = style_of(shown)
    largest = 1.0
    for index, (signal, table) in enumerate(zip(shown, tables, strict=True)):
        aside, own = 0.22 * (index - (len(shown) - 1) / 2), errors.get(signal.name, {})
        numbers = [
            (row, table[kind], own.get(kind) or 0.0)
            for row, kind in enumerate(kinds)
            if table.get(kind) is not None
        ]
        rows, s, bars = np.array(numbers, np.float64).reshape(-1, 3).T
        ax.errorbar(
            s, rows + aside, xerr=bars if errors else None, capsize=3, label=signal.title,
            fmt=_MARKERS[index % len(_MARKERS)], color=looks[signal.name][0], markersize=6,
        )  # fmt: skip
        largest = max(largest, float(np.max(s + bars, initial=0.0)))
    for row in range(1, len(kinds)):
        ax.axhline(row - 0.5, color="#d0d0d0", linewidth=0.8, zorder=0)
    style.named_rows(ax, [TITLES[kind] for kind in kinds])
    rows_or_one = max(len(kinds), 1)
    ax.set_ylim(rows_or_one - 0.5, -0.5 - 0.34 * rows_or_one)  # room above for the labels
    ax.set_xlim(0, 1.1 * largest)
    return style.finished(ax, header, title, "", data=False)


@atlas_style()
def cutflow(flows: Cutflows, processes: Sequence[Process], header: Header) -> Figure:
    """Draw the fraction of each sample's events that is left after every step.

    Parameters
    ----------
    flows : mapping of str to tuples of CutflowRow
    processes : sequence of Process
        The samples of it to show; errors are binomial.
    header : Header
    """
    counted = [p for p in processes if flows.get(p.name) and flows[p.name][0].events]
    steps = [row.cut for row in flows[counted[-1].name]] if counted else []
    titles = [_step_title(step) for step in steps]
    slanted = any(len(line) > _WIDEST for title in titles for line in title.splitlines())
    ax, looks = style.frame(bottom=0.36 if slanted else 0.15), style_of(processes)
    drawn = np.ones(1)
    for place, process in enumerate(counted):
        left, error = _fractions(flows[process.name])
        colour, dashes = looks[process.name]
        aside = 0.05 * (place - (len(counted) - 1) / 2)  # or they would hide each other
        ax.errorbar(
            np.arange(len(steps)) + aside, left, yerr=error, color=colour, linestyle=dashes,
            fmt="o", markersize=5, linewidth=1.5, capsize=3, label=process.title,
        )  # fmt: skip
        drawn = np.append(drawn, left)
    if slanted:  # expressions of users, which may be of any length
        words = [plain(shortened(step, _LONGEST)) for step in steps]
        ax.set_xticks(range(len(steps)), words, rotation=30, ha="right", rotation_mode="anchor")
    else:
        ax.set_xticks(range(len(steps)), titles)
    ax.set_xticks([], minor=True)
    ax.tick_params(axis="x", labelsize="small")
    ax.set_xlim(-0.5, max(len(steps), 1) - 0.5)
    style.headroom(ax, drawn, log=True)
    style.decimal_ticks(ax)
    # A fraction above one is room for the legend, not a number to read.
    ax.yaxis.set_major_formatter(lambda value, _: f"{value:.4g}" if value <= 1 else "")
    data = any(process.kind == "data" for process in processes)
    return style.finished(ax, header, "", "Fraction of events left", data=data, luminosity=False)


def _fractions(rows: Sequence[CutflowRow]) -> tuple[FloatArray, FloatArray]:
    """Return the fraction left after every step, with its binomial error."""
    events = np.array([row.events for row in rows], np.float64)
    left = events / events[0]
    return left, np.sqrt(left * (1 - left) / events[0])


def _step_title(step: str) -> str:
    r"""Return a step's name in lines that fit below their tick.

    >>> _step_title("photon1_isolation < 0.74")
    'photon1_\nisolation\n< 0.74'
    >>> _step_title("score >= 2.377").replace("\u2265", ">=")
    'score\n>= 2.377'
    """
    name, _, bound = step.partition(" ")
    lines = name.replace("_", "_\n", 1) if len(name) > _WIDE else name
    written = (plain(line) for line in (f"{lines}\n{bound}" if bound else lines).split("\n"))
    return "\n".join(written).replace(">=", "\N{GREATER-THAN OR EQUAL TO}")
