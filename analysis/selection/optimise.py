r"""The best rectangular selection, exactly, from one joint histogram (tasks 3.1 to 3.4).

The processor fills (half, region, cut variables). Cumulative sums along the axes of the cut
variables turn it into a summed-area table: the yield behind *every* combination of upper cuts, at
once. The optimum over the whole grid is then an argmax; nothing is scanned, no event is read again.

Background fractions come from the whole background sample, not from its few thousand events in the
window: the cut variables do not depend on :math:`m_{yy}`. That is *tested* (chi-square of window
against sideband, column by column); where it fails, only window events are used and the result says
so. The optimum over the window's events alone would mostly follow their fluctuations.

An optimum chosen on a sample looks better on it than it is. So the choice is also made on one half
of the simulation and quoted on the other (``optimism``).

Figure of merit: the course's :math:`s = S/\sqrt B`, or the Asimov significance with a background
uncertainty (arXiv:1007.1727, and G. Cowan's note of 2012 on the uncertainty).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from analysis.results.selection import CutsOptimism, ScanPoint
from analysis.selection.scores.sculpting import MIN_EXPECTED, same_shape_pvalue
from analysis.selection.scores.training import Simulated
from analysis.settings.search import Optimise
from processors.histograms import Counts
from tools.arrays import FloatArray
from tools.errors import InputError
from tools.names import listed

SIGNIFICANT = 1e-3
"""p-value below which, divided by the number of columns, independence of m_yy is given up."""
_COURSE_FIRST = 5.0
"""the cut on the number of jets of task 3.2"""
Place = tuple[int, ...]
"""where a selection stands in the grid of cuts"""
MeritTable = dict[str, tuple[float | None, float | None]]
"""figure of merit and its uncertainty by kind of selection; None where there is none"""


@dataclass(frozen=True, slots=True)
class CutGrid:
    """The cuts that are tried: for each variable, every edge of its axis, and no cut."""

    edges: Mapping[str, FloatArray]

    def index(self, cuts: Mapping[str, float]) -> Place:
        """Return where the selection ``column < cut`` stands in the grid; no cut is the last place.

        Raises
        ------
        InputError
            If a cut is not on an edge, or on an unknown variable.
        """
        unknown = set(cuts) - set(self.edges)
        if unknown:
            raise InputError(
                f"[optimise]: {min(unknown)} is not among its axes: {listed(self.edges)}"
            )
        return tuple(
            self._edge(name, cuts[name]) if name in cuts else len(edges)
            for name, edges in self.edges.items()
        )

    def _edge(self, name: str, cut: float) -> int:
        nearest = int(np.argmin(np.abs(self.edges[name] - cut)))
        if not math.isclose(self.edges[name][nearest], cut, abs_tol=1e-9):
            raise InputError(
                f"[optimise]: {name} < {cut:g} is not at an edge of its axis; change either"
            )
        return nearest

    def cuts(self, index: Place) -> dict[str, float]:
        """Return the selection at `index`: column name to upper cut."""
        return {
            name: round(float(edges[i]), 9)
            for (name, edges), i in zip(self.edges.items(), index, strict=True)
            if i < len(edges)
        }


@dataclass(frozen=True, slots=True)
class CutYields:
    """Simulated events behind every selection of the grid."""

    window: FloatArray
    """events in the window that pass, shape of the grid"""
    anywhere: FloatArray
    """events at any mass that pass"""
    weight: float


@dataclass(frozen=True, slots=True)
class Merit:
    """Figure of merit and its statistical error, on the whole grid."""

    value: FloatArray
    error: FloatArray
    """uncertainty of the figure of merit from the simulated statistics"""

    def at(self, index: Place | None) -> tuple[float | None, float | None]:
        """Return value and error of one selection, None where there is none."""
        if index is None or np.isnan(self.value[index]):
            return None, None
        return float(self.value[index]), float(self.error[index])


@dataclass(frozen=True, slots=True)
class Optimum:
    """The best rectangular cuts, and what they and others are worth."""

    cuts: Mapping[str, float]
    """upper cuts by column"""
    tables: Mapping[str, MeritTable]
    """the course's table for each signal"""
    n_jets_scan: tuple[ScanPoint, ...]
    """what each cut on the number of jets is worth, for the reference signal"""
    optimism: CutsOptimism
    independence_pvalues: Mapping[str, float]
    """p-value that the background has one shape in window and sidebands, by column"""
    independent: bool
    """whether background fractions are those of events at any mass"""


def grid_of(joint: Counts) -> CutGrid:
    """Return the grid of cuts that a joint histogram allows."""
    return CutGrid({axis.name: np.asarray(axis.edges) for axis in list(joint.axes)[2:]})


def kept_by_cuts(joint: Counts, cuts: Mapping[str, float], *, anywhere: bool) -> float:
    """Return the fraction of the events in the window, or of all, that some cuts keep."""
    table = yields(joint, 1.0)
    passing = table.anywhere if anywhere else table.window
    # A summed-area table: its last cell holds all events.
    return float(passing[grid_of(joint).index(cuts)] / passing.flat[-1])


def yields(joint: Counts, weight: float, *, half: int | None = None) -> CutYields:
    """Return the summed-area table of one sample, of all events or of one half of them."""
    counted = np.asarray(joint.view(flow=True), np.float64)
    counted = counted.sum(axis=0) if half is None else counted[half]
    # Axis 0 is the region. Underflow comes first: behind an upper cut it is kept.
    for axis in range(1, counted.ndim):
        counted = counted.cumsum(axis=axis)
    scale = 1.0 if half is None else 2.0
    return CutYields(window=counted[0], anywhere=counted.sum(axis=0), weight=weight * scale)


def merit(
    signal: CutYields, background: CutYields, settings: Optimise, *, independent: bool = True
) -> Merit:
    """Return the figure of merit behind every selection, with its error from simulated statistics.

    Parameters
    ----------
    signal, background : CutYields
    settings : Optimise
        Which figure of merit, and the least number of background events behind a selection.
    independent : bool
        Whether background fractions may be taken from the events at any mass.
    """
    passing = background.anywhere if independent else background.window
    total = passing[(-1,) * passing.ndim]
    in_window = background.window[(-1,) * passing.ndim]
    s_events = signal.window * signal.weight
    with np.errstate(divide="ignore", invalid="ignore"):
        b_events = background.weight * in_window * passing / total
        # Relative variances: of the signal, and of the background in window times fraction.
        s_rel = 1.0 / signal.window
        b_rel = 1.0 / passing - 1.0 / total + 1.0 / in_window
        value = figure_of_merit(s_events, b_events, settings)
        # A quarter: the figure of merit goes with one over the root of the background.
        error = value * np.sqrt(s_rel + 0.25 * b_rel)
    allowed = (passing >= settings.min_background_events) & (signal.window > 0)
    return Merit(np.where(allowed, value, np.nan), np.where(allowed, error, np.nan))


def figure_of_merit(s: npt.ArrayLike, b: npt.ArrayLike, settings: Optimise) -> FloatArray:
    r"""Return :math:`S/\sqrt B` or the Asimov significance.

    The latter, for a background known to :math:`\sigma`, is

    .. math:: Z_A^2 = 2\left[(s+b)\ln\frac{(s+b)(b+\sigma^2)}{b^2+(s+b)\sigma^2}
              - \frac{b^2}{\sigma^2}\ln\left(1+\frac{\sigma^2 s}{b(b+\sigma^2)}\right)\right]
    """
    s, b = np.asarray(s, np.float64), np.asarray(b, np.float64)
    if settings.figure_of_merit == "s":
        squared: FloatArray = s**2 / b
    elif settings.background_error == 0:
        # The limit of the formula for a known background, where it is 0/0.
        squared = 2.0 * ((s + b) * np.log1p(s / b) - s)
    else:
        v = (settings.background_error * b) ** 2
        first = (s + b) * np.log((s + b) * (b + v) / (b**2 + (s + b) * v))
        squared = 2.0 * (first - b**2 / v * np.log1p(v * s / (b * (b + v))))
    return np.sqrt(np.maximum(squared, 0.0))


def best(figure: Merit) -> Place:
    """Return the index of the greatest figure of merit; of equals, the loosest selection.

    Raises
    ------
    InputError
        If no selection keeps enough simulated events.
    """
    if np.isnan(figure.value).all():
        raise InputError(
            "no selection keeps enough simulated background; "
            "lower [optimise] min_background_events or simulate more"
        )
    flat = figure.value.ravel()[::-1]
    index = np.unravel_index(flat.size - 1 - int(np.nanargmax(flat)), figure.value.shape)
    return tuple(int(i) for i in index)


def independence(background: Counts) -> dict[str, float]:
    """Return, for each cut variable, the p-value that window and sideband have the same shape."""
    tables = {
        axis.name: np.asarray(background.project("region", axis.name).view(flow=True), np.float64)
        for axis in list(background.axes)[2:]
    }
    return {name: same_shape_pvalue(_merged(table)) for name, table in tables.items()}


def _merged(table: FloatArray) -> FloatArray:
    """Merge neighbouring columns until each row expects `MIN_EXPECTED` events in every one."""
    fraction = table.sum(axis=1).min() / max(table.sum(), 1.0)
    columns, pending = [], np.zeros(len(table))
    for column in table.T:
        pending = pending + column
        if pending.sum() * fraction >= MIN_EXPECTED:
            columns.append(pending)
            pending = np.zeros(len(table))
    if columns:
        columns[-1] = columns[-1] + pending
    return np.array(columns).T if columns else pending[:, None]


def optimise(simulated: Simulated, settings: Optimise) -> Optimum:
    """Choose the selection and fill the course's table.

    Raises
    ------
    InputError
        If the reference signal is missing, or no selection keeps enough events.
    """
    reference, joint = settings.reference_signal, simulated.joints[simulated.background]
    if reference not in simulated.signals:
        raise InputError(
            f"[optimise] reference_signal: {reference!r} is not among the signals: "
            f"{listed(simulated.signals)}"
        )
    grid, pvalues = grid_of(joint), independence(joint)
    # Bonferroni: that any of the columns is flagged by chance has the probability SIGNIFICANT.
    independent = min(pvalues.values()) > SIGNIFICANT / len(pvalues)

    def figure(signal: str, half: int | None = None) -> Merit:
        s, b = (
            yields(simulated.joints[name], simulated.weights[name], half=half)
            for name in (signal, simulated.background)
        )
        return merit(s, b, settings, independent=independent)

    whole = {name: figure(name) for name in simulated.signals}
    return Optimum(
        cuts=grid.cuts(best(whole[reference])),
        tables={name: _table(each, grid, settings) for name, each in whole.items()},
        n_jets_scan=_n_jets_scan(whole[reference], grid),
        optimism=_optimism(figure(reference, 0), figure(reference, 1), grid),
        independence_pvalues=pvalues,
        independent=independent,
    )


def _table(figure: Merit, grid: CutGrid, settings: Optimise) -> MeritTable:
    """Return the course's table for one signal, without what a score is worth."""
    scan = _n_jets_scan(figure, grid)
    best_n_jets = max(scan, key=lambda point: point.s).cut if scan else None
    first = _COURSE_FIRST if _COURSE_FIRST in grid.edges.get("n_jets", ()) else None
    places: dict[str, Place | None] = {
        "none": grid.index({}),
        "n_jets<5": None if first is None else grid.index({"n_jets": first}),
        "best_n_jets": None if best_n_jets is None else grid.index({"n_jets": best_n_jets}),
        "course_cuts": grid.index(settings.course_cuts) if settings.course_cuts else None,
        "best_cuts": best(figure),
        **dict.fromkeys(("score_cut", "categories", "bound", "final")),
    }
    return {row: figure.at(index) for row, index in places.items()}


def _n_jets_scan(figure: Merit, grid: CutGrid) -> tuple[ScanPoint, ...]:
    """Return what each upper cut on the number of jets is worth (task 3.1)."""
    cuts = grid.edges.get("n_jets", ())
    found = [(float(cut), *figure.at(grid.index({"n_jets": cut}))) for cut in cuts]
    return tuple(
        ScanPoint(cut=cut, s=s, error=error)
        for cut, s, error in found
        if s is not None and error is not None
    )


def _optimism(first: Merit, second: Merit, grid: CutGrid) -> CutsOptimism:
    """Return what a selection chosen on even events is worth on odd events."""
    index = best(first)
    checked, error = second.at(index)
    return CutsOptimism(
        cuts=grid.cuts(index),
        chosen_on_half=first.at(index)[0],
        checked_on_other_half=checked,
        error=error,
    )
