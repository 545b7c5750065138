r"""Figures of a closure campaign, drawn of ``closure.json`` alone.

- power: how often an X is claimed, against its cross-section, for some ranges of mass;
- pulls: of mass and cross-section, where X has to be found, with the normal distribution;
- coverage: of the limit at the true mass, and of the 68 % intervals where X has to be found, by
  cross-section;
- empty: the largest significance and the global p-value of universes without X, with what is
  expected of them: the formula of Gross and Vitells with the mean upcrossings, a flat p-value;
- verdicts: what was decided, by what is true.
"""

from collections.abc import Callable, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.special import ndtr

from analysis.report.plots import style
from analysis.report.plots.style import Header, atlas_style
from analysis.results.closure import Closure, Fraction, UniverseHistogram
from tools.arrays import FloatArray

_STRENGTH_TITLE = r"$\sigma(pp \to X \to \gamma\gamma)$ [pb]"
_MARKERS = ("o", "s", "^", "D", "v", "P")
_ONE_SIGMA = 0.6827
_BAND = (0.64, 0.72)
"""what is wanted of the coverage of 68 % intervals"""
InBin = tuple[float, float, Fraction]
"""ends of a bin of cross-section in pb, and a fraction of the universes in it"""
Below = Callable[[FloatArray], FloatArray]
"""a cumulative distribution"""


@atlas_style()
def power(closure: Closure, header: Header) -> Figure:
    """Draw the fraction of claims against the cross-section, for each range of mass."""
    ax = style.frame()
    points: dict[tuple[float, float], list[InBin]] = {}
    for row in closure.power:
        own = points.setdefault((row.low_GeV, row.high_GeV), [])
        own.append((row.low_pb, row.high_pb, row.claimed))
    for index, ((low, high), own) in enumerate(points.items()):
        name = f"{low:g} GeV" if low == high else f"{low:g} to {high:g} GeV"
        _points(ax, own, index, name, shift=0.03 * (index - (len(points) - 1) / 2))
    ax.axhline(1.0, color="#8a8a8a", linewidth=1, zorder=0)
    ax.set_ylim(0.0, 1.45)
    ax.set_xlim(0.0, 1.03 * max(row.high_pb for row in closure.power))
    return style.finished(ax, header, _STRENGTH_TITLE, "Evidence or discovery", data=False)


@atlas_style()
def coverage(closure: Closure, header: Header) -> Figure:
    """Draw the coverage of intervals and limits against the cross-section."""
    ax = style.frame()
    rows = closure.by_cross_section
    ax.axhspan(*_BAND, color=style.SHADE, zorder=0)
    for level in (_ONE_SIGMA, 0.95):
        ax.axhline(level, color="#8a8a8a", linewidth=1, linestyle="--", zorder=0)
    shown = (
        ("Limit, 95 %", [(row.low, row.high, row.limit_95) for row in rows]),
        ("Mass, 68 %", [(row.low, row.high, row.mass) for row in rows]),
        ("Cross-section, 68 %", [(row.low, row.high, row.cross_section) for row in rows]),
    )
    for index, (name, points) in enumerate(shown):
        _points(ax, points, index, name, shift=0.03 * (index - 1))
    ax.set_ylim(0.4, 1.3)
    ax.set_xlim(0.0, 1.03 * max(row.high for row in rows))
    return style.finished(ax, header, _STRENGTH_TITLE, "Coverage", data=False)


def _points(ax: Axes, points: Sequence[InBin], index: int, name: str, *, shift: float) -> None:
    """Draw a fraction in bins of cross-section; bins without universes are left out."""
    known = [(*ends, rate.value, rate.error) for *ends, rate in points if rate.n]
    low, high, value, error = np.array(known).reshape(-1, 4).T
    colour = (style.DATA, *(look[0] for look in style.SIGNALS))[index % 5]
    style.points(
        ax, (low + high) / 2 + shift, value, error, xerr=(high - low) / 2, label=name,
        fmt=_MARKERS[index % len(_MARKERS)], color=colour, markersize=6, elinewidth=1.2,
    )  # fmt: skip


@atlas_style()
def pulls(closure: Closure, header: Header) -> Figure:
    """Draw the pulls of mass and cross-section, and the normal distribution of as many."""
    ax, histograms, pull = style.frame(), closure.histograms, closure.pull
    contents = []
    for histogram, moments, title, colour, marker in (
        (histograms.mass_pull, pull.mass, "Mass", style.DATA, "o"),
        (histograms.cross_section_pull, pull.cross_section, "Cross-section", style.FIT, "s"),
    ):
        if np.isfinite(moments.mean):
            title += f"\nmean {moments.mean:.2f}\nwidth {moments.width:.2f}"  # noqa: PLW2901
        edges, counts = _edges_and_counts(histogram)
        style.points(ax, (edges[1:] + edges[:-1]) / 2, counts, np.sqrt(counts), fmt=marker,
                     color=colour, markersize=5, elinewidth=1.2, label=title)  # fmt: skip
        contents.append(counts + np.sqrt(counts))
    expected = _expected(ax, histograms.mass_pull, ndtr, "Normal distribution")
    ax.set_xlim(edges[0], edges[-1])
    style.headroom(ax, np.concatenate([*contents, expected, np.ones(1)]), log=False)
    return style.finished(ax, header, "Pull", "Universes", data=False)


@atlas_style()
def empty_local_z(closure: Closure, header: Header) -> Figure:
    """Draw the largest local significance of universes without X."""
    crossings = closure.histograms.upcrossings

    def below(z: FloatArray) -> FloatArray:
        """Return the fraction of universes below each significance."""
        # No excursion above z, by Poisson: at the first mass, or by an upcrossing behind it. Their
        # mean number is counted at one sigma and falls as exp(-z^2/2) (arXiv:1005.1891).
        return np.asarray(np.exp(-((1 - ndtr(z)) + crossings * np.exp((1 - z**2) / 2))))

    title, formula = "Largest local significance", below if np.isfinite(crossings) else None
    return _empty(closure.histograms.local_z, title, formula, header, log=True)


@atlas_style()
def empty_global_p(closure: Closure, header: Header) -> Figure:
    """Draw the global p-values of universes without X; the formula holds below 0.3."""
    return _empty(closure.histograms.global_p, "Global p-value", lambda p: p, header, log=False)


def _empty(
    histogram: UniverseHistogram, title: str, below: Below | None, header: Header, *, log: bool
) -> Figure:
    ax = style.frame()
    edges, counts = _edges_and_counts(histogram)
    seen, errors = counts > 0, np.sqrt(counts)
    style.points(
        ax, ((edges[1:] + edges[:-1]) / 2)[seen], counts[seen], errors[seen], markersize=5,
        elinewidth=1.2, label="Universes without X",
    )  # fmt: skip
    expected = np.zeros(1) if below is None else _expected(ax, histogram, below, "Expected")
    ax.set_xlim(edges[0], edges[-1])
    contents = np.concatenate([counts + errors, expected, np.ones(1)])
    style.headroom(ax, contents, log=log, floor=0.3 if log else None)
    return style.finished(ax, header, title, "Universes", data=False)


def _expected(ax: Axes, histogram: UniverseHistogram, below: Below, title: str) -> FloatArray:
    """Draw as many universes as were counted, as a distribution has them; return them."""
    edges, counts = _edges_and_counts(histogram)
    expected = counts.sum() * np.diff(below(edges))
    ax.stairs(expected, edges, color=style.BACKGROUND, linewidth=1.8, label=title)
    return np.asarray(expected)


@atlas_style()
def verdicts(closure: Closure, header: Header) -> Figure:
    """Draw the table of what was decided, by what is true."""
    ax = style.frame(left=0.33)
    rows, names = closure.verdicts.table, ("limit", "evidence", "discovery")
    counts = np.array([(row.limit, row.evidence, row.discovery) for row in rows])
    fractions = counts / np.array([[max(row.n, 1)] for row in rows])
    ax.imshow(fractions, cmap="Blues", vmin=0, vmax=1.3, aspect="auto", origin="upper")
    for y, row in enumerate(rows):
        for x, name in enumerate(names):
            text = f"{counts[y, x]}\n{fractions[y, x]:.1%}" if row.n else "none"
            colour = "white" if fractions[y, x] > 0.5 else "black"  # noqa: PLR2004 - a dark cell
            ax.text(
                x, y, text, ha="center", va="center", fontsize=14, color=colour, gid=f"{y} {name}"
            )
    ax.set_xticks(range(len(names)), names)
    titles = [f"{row.truth}\n{row.right} of {row.n} right" for row in rows]
    ax.set_yticks(range(len(rows)), titles, fontsize=12)
    ax.tick_params(which="both", length=0)
    ax.set_ylim(len(rows) - 0.5, -1.35)  # room for the label
    ax.minorticks_off()
    return style.finished(ax, header, "", "", data=False)


def _edges_and_counts(histogram: UniverseHistogram) -> tuple[FloatArray, FloatArray]:
    counts = np.array(histogram.counts, dtype=np.float64)
    return np.linspace(histogram.low, histogram.high, len(counts) + 1), counts
