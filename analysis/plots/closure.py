r"""Figures of a closure campaign, drawn of ``closure.json`` alone.

- power: how often an X is claimed, against its cross-section, for some ranges of mass;
- pulls: of mass and cross-section, where X has to be found, with the normal distribution;
- coverage: of the limit at the true mass, and of the 68 % intervals where X has to be found, by
  cross-section;
- empty: the largest significance and the global p-value of universes without X, with what is
  expected of them: the formula of Gross and Vitells with the mean upcrossings, a flat p-value;
- verdicts: what was decided, by what is true.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from analysis.plots import style
from analysis.plots.style import Array, Header, atlas_style

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_STRENGTH_TITLE = r"$\sigma(pp \to X \to \gamma\gamma)$ [pb]"
_MARKERS = ("o", "s", "^", "D", "v", "P")
_ONE_SIGMA = 0.6827
_BAND = (0.64, 0.72)
"""what is wanted of the coverage of 68 % intervals"""


@atlas_style()
def power(document: Mapping[str, Any], header: Header, *, ax: Axes | None = None) -> Figure:
    """Draw the fraction of claims against the cross-section, for each range of mass."""
    figure, ax = style.frame(ax)
    rows = document["power"]
    places = list(dict.fromkeys((row["low_GeV"], row["high_GeV"]) for row in rows))
    for index, place in enumerate(places):
        own = [row for row in rows if (row["low_GeV"], row["high_GeV"]) == place]
        name = f"{place[0]:g} GeV" if place[0] == place[1] else f"{place[0]:g} to {place[1]:g} GeV"
        shift = 0.03 * (index - (len(places) - 1) / 2)
        _points(ax, own, "claimed", index, name, shift=shift)
    ax.axhline(1.0, color="#8a8a8a", linewidth=1, zorder=0)
    ax.set_ylim(0.0, 1.45)
    ax.set_ylabel("Evidence or discovery")
    _finished(ax, header, rows)
    return figure


@atlas_style()
def coverage(document: Mapping[str, Any], header: Header, *, ax: Axes | None = None) -> Figure:
    """Draw the coverage of intervals and limits against the cross-section."""
    figure, ax = style.frame(ax)
    rows = document["by_cross_section"]
    ax.axhspan(*_BAND, color=style.SHADE, zorder=0)
    for level in (_ONE_SIGMA, 0.95):
        ax.axhline(level, color="#8a8a8a", linewidth=1, linestyle="--", zorder=0)
    shown = (
        ("limit_95", "Limit, 95 %"),
        ("mass", "Mass, 68 %"),
        ("cross_section", "Cross-section, 68 %"),
    )
    for index, (key, name) in enumerate(shown):
        _points(ax, rows, key, index, name, shift=0.03 * (index - 1))
    ax.set_ylim(0.4, 1.3)
    ax.set_ylabel("Coverage")
    _finished(ax, header, rows)
    return figure


def _points(
    ax: Axes,
    rows: Sequence[Mapping[str, Any]],
    key: str,
    index: int,
    name: str,
    *,
    shift: float,
) -> None:
    """Draw a fraction in bins of cross-section; bins without universes are left out."""
    known = [row for row in rows if row[key]["value"] is not None]
    low, high = (np.array([row[f"{end}_pb"] for row in known]) for end in ("low", "high"))
    value, error = (np.array([row[key][part] for row in known]) for part in ("value", "error"))
    colour = (style.DATA, *(look[0] for look in style.SIGNALS))[index % 5]
    ax.errorbar(
        (low + high) / 2 + shift, value, yerr=error, xerr=(high - low) / 2, label=name,
        fmt=_MARKERS[index % len(_MARKERS)], color=colour, markersize=6, linewidth=1.2,
    )  # fmt: skip


def _finished(ax: Axes, header: Header, rows: Sequence[Mapping[str, Any]]) -> None:
    ax.set_xlim(0.0, 1.03 * max(row["high_pb"] for row in rows))
    ax.set_xlabel(_STRENGTH_TITLE)
    style.legend(ax)
    style.label(ax, header, data=False)


@atlas_style()
def pulls(document: Mapping[str, Any], header: Header, *, ax: Axes | None = None) -> Figure:
    """Draw the pulls of mass and cross-section, and the normal distribution of as many."""
    figure, ax = style.frame(ax)
    shown = (("mass", "Mass", style.DATA, "o"), ("cross_section", "Cross-section", style.FIT, "s"))
    tops = [1.0]
    for key, name, colour, marker in shown:
        histogram, told = document["histograms"][f"{key}_pull"], document["pull"][key]
        edges, counts = _histogram(histogram)
        title = name
        if told["mean"] is not None:
            title += f"\nmean {told['mean']:.2f}\nwidth {told['width']:.2f}"
        centres = (edges[1:] + edges[:-1]) / 2
        ax.errorbar(centres, counts, yerr=np.sqrt(counts), fmt=marker, color=colour, markersize=5,
                    linewidth=1.2, label=title)  # fmt: skip
        tops.append(float(counts.max() + np.sqrt(counts.max())))
    edges, counts = _histogram(document["histograms"]["mass_pull"])
    normal = counts.sum() * np.diff(_normal(edges))
    ax.stairs(normal, edges, color=style.BACKGROUND, linewidth=1.8, label="Normal distribution")
    ax.set_xlim(edges[0], edges[-1])
    ax.set_xlabel("Pull")
    ax.set_ylabel("Universes")
    style.headroom(ax, np.array([*tops, *normal]), log=False)
    style.legend(ax)
    style.label(ax, header, data=False)
    return figure


@atlas_style()
def empty_local_z(document: Mapping[str, Any], header: Header, *, ax: Axes | None = None) -> Figure:
    """Draw the largest local significance of universes without X."""
    histograms = document["histograms"]
    crossings = histograms["upcrossings"]

    def expected(z: Array) -> Array:
        """Return the part of universes above each significance."""
        tail = (1 - _normal(z)) + crossings * np.exp((1 - z**2) / 2)
        return np.asarray(1 - np.exp(-tail))

    formula = None if crossings is None else expected
    return _empty(
        histograms["local_z"], "Largest local significance", formula, header, ax, log=True
    )


@atlas_style()
def empty_global_p(
    document: Mapping[str, Any], header: Header, *, ax: Axes | None = None
) -> Figure:
    """Draw the global p-values of universes without X; the formula holds below 0.3."""
    return _empty(
        document["histograms"]["global_p"], "Global p-value", lambda p: 1 - p, header, ax, log=False
    )


def _empty(
    histogram: Mapping[str, Any],
    title: str,
    above: Callable[[Array], Array] | None,
    header: Header,
    ax: Axes | None,
    *,
    log: bool,
) -> Figure:
    figure, ax = style.frame(ax)
    edges, counts = _histogram(histogram)
    centres, contents = (edges[1:] + edges[:-1]) / 2, [counts + np.sqrt(counts), np.ones(1)]
    seen = counts > 0
    ax.errorbar(centres[seen], counts[seen], yerr=np.sqrt(counts[seen]), fmt="o",
                color=style.DATA, markersize=5, linewidth=1.2,
                label="Universes without X")  # fmt: skip
    if above is not None:
        expected = counts.sum() * -np.diff(above(edges))
        ax.stairs(expected, edges, color=style.BACKGROUND, linewidth=1.8, label="Expected")
        contents.append(expected)
    ax.set_xlim(edges[0], edges[-1])
    ax.set_xlabel(title)
    ax.set_ylabel("Universes")
    style.headroom(ax, np.concatenate(contents), log=log, floor=0.3 if log else None)
    style.legend(ax)
    style.label(ax, header, data=False)
    return figure


@atlas_style()
def verdicts(document: Mapping[str, Any], header: Header, *, ax: Axes | None = None) -> Figure:
    """Draw the table of what was decided, by what is true."""
    figure, ax = style.frame(ax, left=0.33)
    rows, names = document["verdicts"]["table"], ("limit", "evidence", "discovery")
    parts = np.array([[row[name] / max(row["n"], 1) for name in names] for row in rows])
    ax.imshow(parts, cmap="Blues", vmin=0, vmax=1.3, aspect="auto", origin="upper")
    for y, row in enumerate(rows):
        for x, name in enumerate(names):
            text = f"{row[name]}\n{parts[y, x]:.1%}" if row["n"] else "none"
            colour = "white" if parts[y, x] > 0.5 else "black"  # noqa: PLR2004 - a dark cell
            ax.text(
                x, y, text, ha="center", va="center", fontsize=14, color=colour, gid=f"{y} {name}"
            )
    ax.set_xticks(range(len(names)), names)
    titles = [f"{row['truth']}\n{row['right']} of {row['n']} right" for row in rows]
    ax.set_yticks(range(len(rows)), titles, fontsize=12)
    ax.tick_params(which="both", length=0)
    ax.set_ylim(len(rows) - 0.5, -1.35)  # room for the label
    ax.minorticks_off()
    style.label(ax, header, data=False)
    return figure


def _histogram(told: Mapping[str, Any]) -> tuple[Array, Array]:
    """Return edges and contents of a histogram of the document."""
    counts = np.array(told["counts"], dtype=np.float64)
    return np.linspace(told["low"], told["high"], len(counts) + 1), counts


def _normal(z: Array) -> Array:
    from scipy.special import ndtr

    return np.asarray(ndtr(z))
