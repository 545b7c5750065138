r"""The measurement: mass and cross-section together, each with the other profiled, by category.

The profile deviance :math:`-2\Delta\ln L` is zero at the best fit. One parameter is known to 68 %
and 95 % where it is below 1 and 4 (3.84 to be exact about 95 %; two standard deviations are meant),
two together where it is below 2.30 and 5.99 (PDG, review of statistics, table 40.2).

Whether all categories see one signal: the strength in each, and the combined one as a band.

What the result depends on, systematic uncertainties and choices that could have been others:

**Pulls and impacts**: what the data say about each systematic uncertainty, and what it costs.
Points belong to the lower axis: fitted minus prior value of a nuisance parameter, in prior standard
deviations, with the uncertainty after the fit; one much below one means that the data know it
better than the prior did. Bars belong to the upper axis: how far the fitted strength moves when the
parameter is held one standard deviation above or below its fitted value. Largest impact first.

**Stability**: one row for each choice of range, order and binning; the one that was used is marked,
and its value drawn through all rows. The rows share their events, so they scatter by far less than
their uncertainties.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.report.plots import names, style
from analysis.report.plots.style import Header, atlas_style, plain, shortened
from analysis.results.values import Estimate
from analysis.results.verdict import NuisanceParameter, ResonanceFit, StabilityCheck
from tools.arrays import FloatArray

CONTOURS = ((2.30, "68 %", "-"), (5.99, "95 %", "--"))
"""deviances of two parameters, with the probability inside"""
PROFILE_LINES = ((1.0, r"1$\sigma$"), (4.0, r"2$\sigma$"))
_TOP = 9.0
"""highest deviance that a profile shows"""
_SEVERAL = 1.6
"""a benchmark within this many heights of the frame is drawn, and stretches it"""
_FAR = 4.0
"""strengths beyond so many spreads of the others' ends do not stretch the axis"""
MAX_ROWS = 15
"""nuisance parameters shown; the page lists all"""
UP, DOWN = "#56b4e9", "#e69f00"
_LOOKS = {True: ("D", style.FIT, "used"), False: ("o", style.DATA, "point")}
"""marker, colour and name of the choice that was used, and of others"""
_CAVEAT_INCHES = 0.72
"""that caveats stand higher, above the upper axis"""


@dataclass(frozen=True, slots=True, eq=False)
class OneParameter:
    """The profile deviance of one parameter, with the words of its figure."""

    values: FloatArray
    """values of the parameter, shape (n,), rising"""
    deviance: FloatArray
    """shape (n,), NaN where no fit converged"""
    best: Estimate
    label: names.QuantityLabel
    benchmark: float | None = None
    """value of the parameter that is marked"""

    @property
    def is_curve(self) -> bool:
        """Whether there is more than one value, and a deviance."""
        return len(self.deviance) > 1 and names.known(self.deviance) is not None


def profiles(
    fit: ResonanceFit | None, *, benchmark: float | None = None
) -> dict[str, OneParameter]:
    """Return the profile deviances of a fit, by ``strength`` and ``mass``.

    There is none without a peak, nor of a parameter that had a single value to take.

    Parameters
    ----------
    fit : ResonanceFit, optional
    benchmark : float, optional
        Strength that is marked.
    """
    if fit is None:
        return {}
    found, strength, mass, kind = {}, fit.profile, fit.mass_profile, names.STRENGTH[fit.unit]
    if strength is not None and fit.strength is not None:
        found["strength"] = OneParameter(
            strength.strength, strength.delta_deviance, fit.strength, kind, benchmark
        )
    if mass is not None and fit.mass_GeV is not None:
        found["mass"] = OneParameter(mass.mass_GeV, mass.delta_deviance, fit.mass_GeV, names.MASS)
    return {name: one for name, one in found.items() if one.is_curve}


@atlas_style()
def contour(fit: ResonanceFit, header: Header, *, benchmark: float | None = None) -> Figure:
    """Draw the regions of mass and strength that hold 68 % and 95 %.

    Parameters
    ----------
    fit : ResonanceFit
        With its contour.
    header : Header
    benchmark : float, optional
        Strength that is marked.
    """
    ax, kind, found = style.frame(left=0.15), names.STRENGTH[fit.unit], fit.contour
    assert found is not None  # noqa: S101 - see above
    # A row for each strength is what matplotlib wants; fits that did not converge leave gaps.
    deviance = np.ma.masked_invalid(found.delta_deviance.T)
    for level, title, dashes in CONTOURS:
        if deviance.min() < level < deviance.max():  # matplotlib warns of a level without a line
            ax.contour(found.mass_GeV, found.strength, deviance, levels=[level], linestyles=dashes,
                       colors=style.BACKGROUND, linewidths=2)  # fmt: skip
            ax.plot([], [], color=style.BACKGROUND, linestyle=dashes, linewidth=2, label=title)
    if fit.mass_GeV is not None and fit.strength is not None:
        ax.plot(fit.mass_GeV.value, fit.strength.value, "+", color=style.DATA, markersize=12,
                markeredgewidth=2, label="Best fit", linestyle="none", gid="best",
                zorder=4)  # fmt: skip
    ax.set_xlim(found.mass_GeV[0], found.mass_GeV[-1])
    low, high = float(found.strength[0]), float(found.strength[-1])
    if benchmark is not None and low < benchmark < low + _SEVERAL * (high - low):
        ax.axhline(benchmark, color=style.CUT, linewidth=1.5, gid="benchmark",
                   label=f"Benchmark, {kind.of(benchmark)}")  # fmt: skip
        high = max(high, benchmark)
    ax.set_ylim(low, low + (high - low) / style.free_height(ax))
    return style.finished(ax, header, names.MASS.title, kind.title, data=True)


@atlas_style()
def profile(found: OneParameter, header: Header) -> Figure:
    """Draw the deviance of one parameter with the others profiled."""
    ax = style.frame()
    # Five at least: the line of two standard deviations, at four, is always seen.
    top = min(_TOP, max(5.0, float(np.nanmax(found.deviance, initial=0.0))))
    shown = np.isfinite(found.deviance) & (found.deviance <= top)
    ax.plot(found.values[shown], found.deviance[shown], color=style.BACKGROUND, zorder=3,
            label="Profile likelihood")  # fmt: skip
    if names.has_ends(found.best):
        # Up to where legend and labels begin.
        ax.axvspan(found.best.low, found.best.high, ymax=0.62, facecolor=style.SHADE, linewidth=0,
                   zorder=0, label="68 % interval", gid="interval")  # fmt: skip
    marked = found.benchmark
    if marked is not None and found.values[0] < marked < found.values[-1]:
        ax.axvline(marked, ymax=0.62, color=style.CUT, linewidth=1.5, zorder=2, label="Benchmark",
                   gid="benchmark")  # fmt: skip
    ax.set_xlim(found.values[0], found.values[-1])
    ax.set_ylim(0.0, top / style.free_height(ax))
    for level, title in PROFILE_LINES:
        ax.axhline(level, color="#7a7a7a", linewidth=1, linestyle=":", zorder=1, gid="level")
        ax.annotate(
            title, (0.985, level), xycoords=("axes fraction", "data"), xytext=(0, 2), ha="right",
            textcoords="offset points", fontsize=12, va="bottom",
        )  # fmt: skip
    note = f"{found.label.symbol} = {names.interval_text(found.best)} {found.label.unit}"
    style.note(ax, 0.5, 0.65, note, ha="center", fontsize=14)
    return style.finished(ax, header, found.label.title, r"$-\mathrm{2}\,\Delta\ln L$", data=True)


def strengths_of(fit: ResonanceFit) -> dict[str, Estimate]:
    """Return the strength that each category sees; none if they were not compared."""
    found = {name: one.strength for name, one in (fit.by_channel or {}).items()}
    return {name: strength for name, strength in found.items() if np.isfinite(strength.value)}


@atlas_style()
def category_strengths(fit: ResonanceFit, header: Header) -> Figure:
    """Draw the strength in every category, with the combined one as a band.

    Parameters
    ----------
    fit : ResonanceFit
        At least one category has a strength.
    header : Header
    """
    ax, found = style.frame(left=0.2), strengths_of(fit)
    rows = np.arange(len(found))
    values, low, high = np.array([[one.value, *names.ends(one)] for one in found.values()]).T
    ax.errorbar(
        values, rows, xerr=(values - low, high - values), fmt="o", color=style.DATA, markersize=6,
        capsize=3, label="One category", gid="categories",
    )  # fmt: skip
    _combined(ax, fit, len(rows))
    ax.axvline(0.0, color="#8a8a8a", linewidth=1, linestyle=":", zorder=0)
    style.named_rows(ax, [names.category_title(name) for name in found])
    # From the lowest score at the bottom to the best on top, and room for labels above.
    ax.set_ylim(-0.5, len(rows) - 0.5 + 0.5 * max(len(rows), 2))
    # A category without sensitivity has ends far away; they leave the frame, not squeeze the rest.
    spread = max(float(np.ptp(values)), float(np.median(high - low)), 1e-9)
    middle = float(np.median(values))
    every = np.concatenate([low, high, values])
    shown = np.clip(every, middle - _FAR * spread, middle + _FAR * spread)
    margin = 0.08 * float(np.ptp(shown) or 1.0)
    ax.set_xlim(float(shown.min()) - margin, float(shown.max()) + margin)
    return style.finished(ax, header, names.STRENGTH[fit.unit].title, "", data=True)


def _combined(ax: Axes, fit: ResonanceFit, rows: int) -> None:
    """Draw the combined strength, and write how well the categories agree with it."""
    both, together = fit.strength, fit.compatibility
    if both is not None:
        if names.has_ends(both):
            ax.fill_betweenx(
                (-0.5, rows - 0.4), both.low, both.high, color=style.ONE_SIGMA, alpha=0.3,
                linewidth=0, zorder=0, label="Combined, 68 %", gid="combined",
            )  # fmt: skip
        ax.plot([both.value] * 2, [-0.5, rows - 0.4], color=style.ONE_SIGMA, zorder=1)
    if together is not None and np.isfinite(together.chi2):
        note = rf"$\chi^2$ / d.o.f. = {together.chi2:.1f} / {together.degrees_of_freedom:.0f}"
        pvalue = f", $p$ = {together.pvalue:.2g}" if np.isfinite(together.pvalue) else ""
        style.note(ax, 0.045, 0.7, note + pvalue, fontsize=14)


# ---- systematic uncertainties, other choices ----------------------------------------------------


@atlas_style()
def nuisances(fit: ResonanceFit, header: Header) -> Figure:
    """Draw pulls and impacts, one row for each nuisance parameter.

    Parameters
    ----------
    fit : ResonanceFit
        With nuisance parameters, largest impact first; the first fifteen are shown.
    header : Header
    """
    shown, kind = (fit.nuisances or ())[:MAX_ROWS], names.STRENGTH[fit.unit]
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
    style.label(ax, header, data=True, corner=(ax, _CAVEAT_INCHES))
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
    words = names.with_category(name).replace("category", "cat.").replace("_", " ")
    # As much as fits into the left third of the figure; the page has the whole name.
    return plain(shortened(words, 26))


@atlas_style()
def stability(fit: ResonanceFit, header: Header) -> Figure:
    """Draw local significance and strength for every choice."""
    variations, kind = fit.stability, names.STRENGTH[fit.unit]
    height = max(4.2, 2.1 + 0.4 * len(variations))
    figure = Figure(figsize=(style.SINGLE[0] * 1.35, height))
    left, right = figure.subplots(1, 2, sharey=True, gridspec_kw={"wspace": 0.08})
    figure.subplots_adjust(left=0.3, right=0.965, bottom=0.84 / height, top=1 - 0.4 / height)
    _choices(left, right, variations)
    left.set_xlabel(r"Local significance [$\sigma$]")
    right.set_xlabel(kind.symbol + kind.bracket)
    _rows_below(left, [plain(shortened(v.what, 32)) for v in variations], head_inches=1.0)
    for row in range(1, len(variations)):
        for ax in (left, right):
            ax.axhline(row - 0.5, color="#d8d8d8", linewidth=0.8, zorder=0)
    right.tick_params(axis="y", which="both", length=0)
    style.legend(right)
    style.label(left, header, data=True, corner=(right, 0.0))
    return figure


def _choices(left: Axes, right: Axes, variations: Sequence[StabilityCheck]) -> None:
    """Draw what each choice gives, and the values of the one that was used through all rows."""
    titles, through = {True: "Used", False: "Varied"}, (-0.5, len(variations) - 0.4)
    for row, each in enumerate(variations):
        z, strength, (low, high) = each.local_z, each.strength.value, names.ends(each.strength)
        marker, colour, name = _LOOKS[each.used]
        look: dict[str, Any] = {"color": colour, "markersize": 8, "gid": name}
        if np.isfinite(z):
            left.plot([z], [row], marker, **look)
        if np.isfinite(strength):
            sides = [[strength - low], [high - strength]]
            right.errorbar([strength], [row], xerr=sides, fmt=marker, capsize=3,
                           label=titles.pop(each.used, None), **look)  # fmt: skip
        if np.isfinite(strength) and each.used:
            right.fill_betweenx(through, low, high, facecolor=style.SHADE, linewidth=0, zorder=0)
        for ax, value in ((left, z), (right, strength)):
            if not np.isfinite(value):
                ax.text(0.04, row, "no result", transform=ax.get_yaxis_transform(), color="#5a5a5a",
                        fontsize=12, va="center", gid="nothing")  # fmt: skip
            elif each.used:
                ax.plot([value, value], through, "--", color=style.FIT, linewidth=1, zorder=0)
    known = [each.local_z for each in variations if np.isfinite(each.local_z)]
    left.set_xlim(0.0, 1.15 * max([1.0, *known]))
    right.margins(x=0.12)


def _rows_below(ax: Axes, titles: Sequence[str], *, head_inches: float) -> None:
    """Name the rows, from top to bottom, and leave room above them for labels and legend."""
    style.named_rows(ax, titles)
    height = ax.get_window_extent().height / ax.figure.dpi
    head = head_inches / max(height - head_inches, 0.5)
    ax.set_ylim(len(titles) - 0.4, -0.6 - head * len(titles))
