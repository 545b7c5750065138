r"""The p0 scan: how unlikely background alone is to fake what is seen at each mass.

Published scans show the local :math:`p_0 = 1 - \Phi(Z)` on a logarithmic axis, lines at whole
standard deviations with their numbers at the right, what a benchmark signal would give, and below
it the best-fit strength with its uncertainty, negative where there are fewer events than expected:
a scan of :math:`p_0` alone hides deficits. Global significance enters as lines too: the local one
that a maximum anywhere in the range must have.

The scale is that of what was observed. A benchmark far stronger than the data leaves the frame,
with its range in the legend, or it would press everything else into one line. From eight standard
deviations on (:math:`p_0 < 10^{-15}`) the axis is linear in :math:`Z`, with :math:`p_0` at the
right: parabolas on twenty decades are hard to read, and p-values underflow at Z = 37.
"""

from collections.abc import Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.special import log_ndtr, ndtr

from analysis.report.plots import style
from analysis.report.plots.names import MASS, STRENGTH, known
from analysis.report.plots.style import Header, atlas_style
from analysis.results.scan import Maximum, Scan
from analysis.results.values import BANDS
from tools.arrays import FloatArray

MAX_ON_P_AXIS = 8.0
"""local significance from which on the axis is linear in Z"""
MIN_TOP = 5.4
"""local significance that every scan shows: a line at 5 to compare with"""
_GLOBAL, _GRID = "#cc79a7", "#9a9a9a"
_POWERS = (3, 10, 25, 50, 100, 200, 400, 800, 1600, 3200, 6400)
"""of ten, of the p-values beside a linear axis: about evenly spaced in Z"""
_MAX_POWERS = 9
_APART = 0.06
"""smallest distance of the labels at the right, as a fraction of the scale"""
_BESIDE = 0.15
"""fraction of the range of masses that words on lines take"""
_OUTSIDE = 1.5
"""a benchmark this many times above the scale does not stretch it"""


def top_of(scan: Scan) -> float:
    """Return the highest local significance of the axis."""
    observed, expected = _highest(scan.local_z, scan.envelope_z), _highest(scan.expected_local_z)
    if known(scan.local_z) is None or expected < _OUTSIDE * max(observed, MIN_TOP):
        observed = max(observed, expected)
    return max(MIN_TOP, 1.06 * observed, *(1.02 * z for z in _global_lines(scan).values()))


def _global_lines(scan: Scan) -> dict[int, float]:
    """Return the local significances that correspond to whole global ones."""
    found = {} if scan.global_ is None else scan.global_.local_z_of_global
    return {int(level): z for level, z in found.items() if np.isfinite(z)}


def _highest(*values: FloatArray | None) -> float:
    there = [float(np.nanmax(array, initial=0.0)) for array in values if array is not None]
    return max(there, default=0.0)


@atlas_style()
def p0_scan(scan: Scan, header: Header) -> Figure:
    """Draw local significance against mass, and the best-fit strength below it.

    Parameters
    ----------
    scan : Scan
        One of `local_z` and `expected_local_z` at least is known.
    header : Header
    """
    strength, error = known(scan.strength), known(scan.strength_error)
    if strength is not None and error is not None:
        ax, lower = style.frame_with_panel(heights=(2.2, 1))
        _strengths(lower, scan, strength, error)
        ax.tick_params(labelbottom=False)
    else:
        lower = ax = style.frame()
    # Room on both sides: the second axis has numbers too.
    ax.figure.subplots_adjust(left=0.145, right=0.895)
    lower.set_xlabel(MASS.title)
    top = top_of(scan)
    linear = top > MAX_ON_P_AXIS
    _curves(ax, scan, top, linear=linear)
    style.mass_range(ax, scan.mass_GeV)
    (_finish_significance if linear else _finish_probability)(ax, top)
    _whole_sigmas(ax, scan, top, linear=linear)
    y = r"Local significance [$\sigma$]" if linear else r"Local $p_0$"
    return style.finished(ax, header, MASS.title if lower is ax else "", y, data=header.from_data)


def _height(z: npt.ArrayLike, *, linear: bool) -> FloatArray:
    """Return where a significance stands: as itself, or as its p-value."""
    return np.asarray(z) if linear else np.asarray(ndtr(-np.asarray(z)))


def _finish_probability(ax: Axes, top: float) -> None:
    """Set up a logarithmic axis of p0, and standard deviations at the right."""
    low = float(ndtr(-top))
    ax.set_ylim(low, low ** (1 - 1 / style.free_height(ax)))
    ax.set_yscale("log")
    decades = int(-np.log10(low))
    every = 1 + decades // _MAX_POWERS
    ax.set_yticks(*_power_ticks(range(0, decades + 1, every)))
    ax.set_yticks([10.0**-power for power in range(decades + 1)], minor=True)
    ax.tick_params(axis="y", which="minor", labelleft=False)
    levels = np.arange(1, int(top) + 1)
    _right(ax, ndtr(-levels), [rf"{level}$\sigma$" for level in levels])


def _finish_significance(ax: Axes, top: float) -> None:
    """Set up a linear axis of Z, and powers of ten of p0 at the right."""
    ax.set_ylim(0.0, top / style.free_height(ax))
    ticks = [tick for tick in ax.get_yticks() if 0 <= tick <= top]
    ax.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
    ax.set_yticks([], minor=True)
    # 180 standard deviations are 10^-7036, beyond the last of `_POWERS`.
    sigmas = np.linspace(0.0, 180.0, 18_001)
    z = np.interp(_POWERS, -log_ndtr(-sigmas) / np.log(10), sigmas)
    shown = (z <= top) & (np.diff(z, prepend=0.0) > _APART * top)
    _right(ax, z[shown], _power_ticks(np.array(_POWERS)[shown].tolist())[1])
    ax.annotate(r"$p_0$", (1.015, 1.0), xycoords="axes fraction", fontsize="x-large", va="top",
                gid="p0")  # fmt: skip


def _power_ticks(powers: Sequence[int]) -> tuple[list[float], list[str]]:
    # Powers below -300 are labels of a linear axis; as numbers they underflow, and are not used.
    labels = ["1" if power == 0 else rf"$\mathdefault{{10^{{-{power}}}}}$" for power in powers]
    return [10.0 ** -min(power, 300) for power in powers], labels


def _right(ax: Axes, places: FloatArray, labels: Sequence[str]) -> None:
    """Write the second axis."""
    ax.tick_params(axis="y", which="both", right=False)
    # The limits come before the scale as well, see `style.headroom`.
    twin = ax.twinx()
    if ax.get_yscale() == "log":
        twin.set_ylim(ax.get_ylim())
        twin.set_yscale("log")
    twin.set_ylim(ax.get_ylim())
    twin.set_yticks(places, labels)
    twin.set_yticks([], minor=True)
    twin.tick_params(axis="y", which="both", left=False, right=True, labelsize="medium")


def _curves(ax: Axes, scan: Scan, top: float, *, linear: bool) -> None:
    """Draw what is expected up to the end of the axis, what is observed, and the maximum."""
    if scan.local_z_min is not None and scan.local_z_max is not None:
        low, high = (
            _height(np.maximum(each, 0.0), linear=linear)
            for each in (scan.local_z_min, scan.local_z_max)
        )
        ax.fill_between(
            scan.mass_GeV, low, high, color=style.DATA, alpha=0.15, linewidth=0, zorder=1.5,
            label="All families of functions", gid="functions",
        )  # fmt: skip
    expected = known(scan.expected_local_z)
    title = "" if expected is None else _expected_title(scan, expected, top)
    shown = None if expected is None else np.where(expected <= top, expected, np.nan)
    for z, colour, dashes, label in (
        (shown, style.BACKGROUND, "--", title),
        (known(scan.envelope_z), style.SIGNALS[1][0], ":", "Observed, function profiled"),
        (known(scan.local_z), style.DATA, "-", "Observed"),
    ):
        if z is not None:
            y = _height(z, linear=linear)
            marker = "o" if np.isfinite(y).sum() == 1 else ""  # of one point no line is seen
            ax.plot(scan.mass_GeV, y, color=colour, linestyle=dashes, label=label, marker=marker,
                    zorder=4)  # fmt: skip
    if scan.local_z is not None and scan.converged is not None and not all(scan.converged):
        lost = ~np.array(scan.converged)
        y = _height(scan.local_z[lost], linear=linear)
        ax.plot(scan.mass_GeV[lost], y, "x", color=style.DATA, label="Fit not converged", zorder=5)
    if scan.maximum is not None:
        _maximum(ax, scan, scan.maximum, linear=linear)


def _maximum(ax: Axes, scan: Scan, found: Maximum, *, linear: bool) -> None:
    """Mark the largest excess, with what it is worth anywhere in the range."""
    title = rf"{found.mass_GeV:.0f} GeV: {found.local_z:.1f}$\sigma$"
    if scan.global_ is not None and np.isfinite(scan.global_.z):
        title += rf" (global {scan.global_.z:.1f}$\sigma$)"
    ax.plot(
        [found.mass_GeV], _height([found.local_z], linear=linear), "o", color=style.FIT,
        markersize=10, label=title, markerfacecolor="none", markeredgewidth=1.8, zorder=5,
        gid="maximum", linestyle="none",
    )  # fmt: skip


def _expected_title(scan: Scan, expected: FloatArray, top: float) -> str:
    title = "Expected"
    if scan.benchmark is not None:
        title += f", {STRENGTH[scan.unit].of(scan.benchmark)}"
    low, high = np.nanmin(expected), np.nanmax(expected)
    if high > top:
        title += ": " if low == high else rf": {low:.0f} to "
        title += rf"{high:.0f}$\sigma$"
    return title


def _whole_sigmas(ax: Axes, scan: Scan, top: float, *, linear: bool) -> None:
    """Draw lines at whole local and global significances."""
    low, high = ax.get_xlim()
    place, side = _free_side(ax, scan, top)
    lines = _global_lines(scan)
    for level in (5,) if linear else range(1, int(top) + 1):
        y = float(_height(float(level), linear=linear))
        ax.axhline(y, color=_GRID, linewidth=0.8, zorder=1, linestyle=":", gid="local")
    if linear:
        x = high - 0.015 * (high - low)
        ax.text(x, 5.0, r"5$\sigma$", fontsize=10, ha="right", va="bottom")
    for level, z in lines.items():
        if linear and level < max(lines):
            continue  # they would lie on each other
        y = float(_height(z, linear=linear))
        ax.axhline(y, color=_GLOBAL, linewidth=1.2, linestyle=(0, (6, 2, 1.5, 2)), zorder=2,
                   gid="global")  # fmt: skip
        ax.text(
            place, y, rf"{level}$\sigma$ global", color="#8a3a6b", fontsize=10,
            ha=side, va="center", zorder=3, gid="global",
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 1.0, "alpha": 0.85},
        )  # fmt: skip


def _free_side(ax: Axes, scan: Scan, top: float) -> tuple[float, Literal["left", "right"]]:
    """Return where words on lines begin or end: at the side where curves are lower.

    There none runs through them; what leaves the frame does not count.
    """
    low, high = ax.get_xlim()
    beside, margin = (part * (high - low) for part in (_BESIDE, 0.015))
    curves = [z for z in (scan.local_z, scan.expected_local_z) if z is not None]
    left, right = (
        max(_highest(z[there & (z <= top)]) for z in curves)
        for there in (scan.mass_GeV <= low + beside, scan.mass_GeV >= high - beside)
    )
    return (high - margin, "right") if right < left else (low + margin, "left")


def _strengths(ax: Axes, scan: Scan, best: FloatArray, error: FloatArray) -> None:
    """Draw the best-fit strength with bands of one and two standard deviations."""
    mass, kind = scan.mass_GeV, STRENGTH[scan.unit]
    if len(mass) == 1:  # a band of one point would have no width
        mass, best, error = np.append(mass - 10, mass + 10), best.repeat(2), error.repeat(2)
    style.sigma_bands(ax, mass, [best + sigmas * error for sigmas in BANDS])
    ax.plot(mass, best, color=style.DATA, label="Best fit", zorder=3)
    ax.axhline(0, color=style.DATA, linewidth=0.8, zorder=3)
    low, high = (float(f(best + s * 2 * error)) for f, s in ((np.nanmin, -1), (np.nanmax, 1)))
    # Where all errors are zero there is a range to draw all the same.
    size = max(high - low, 1e-9)
    if scan.benchmark is not None and low < scan.benchmark < high + 0.5 * size:
        ax.axhline(scan.benchmark, color=style.BACKGROUND, linestyle="--", linewidth=1.5, zorder=3,
                   label=kind.of(scan.benchmark))  # fmt: skip
        high = max(high, scan.benchmark)
    # Zero is always seen, deficits lie below it; the legend, in one row, stands above the bands.
    ax.set_ylim(min(low, 0.0) - 0.05 * size, high + 0.38 * (high - min(low, 0.0)))
    ax.set_ylabel(f"Best-fit {kind.symbol}{kind.bracket}", loc="center", fontsize="large")
    ax.legend(loc="upper right", ncols=4, fontsize=11, handlelength=1.5, columnspacing=1.2)
