r"""What a score does: its efficiencies, its distributions, and what each of its columns is worth.

No event is read: a cell of the joint histogram has one score, so a count over cells is a count over
events. Simulation is scored out-of-fold, by the table that has not seen it. Where the distribution
of data stands beside it, data are scored by either table, half each, and not by the mean of both as
in the processor: a table is a list of numbers, and in narrow bins one more table is another list.

Leaving a column out means averaging the score over it, with the background's weights: of a
likelihood ratio this takes the column's term away, of trees all that they know of it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from analysis.results.selection import ChosenSelection
from analysis.selection.optimise import kept_by_cuts
from analysis.selection.scores.choose import TrainedScore, advantage, candidate
from analysis.selection.scores.figure_of_merit import Scores, yields_of
from analysis.selection.scores.training import HALVES, SEED, Sample
from analysis.settings.search import Score
from processors.histograms import REGIONS, Counts, counts
from processors.score import ScoreTable
from processors.selection import Interval
from tools.arrays import FloatArray

Table = npt.NDArray[np.float32]
SHAPE_BINS = 50
_OUTSIDE = 0.002
"""fraction of the events of a sample that the ends of the axis may leave to the last bins"""
_MIN_EVENTS = 10.0
"""simulated background events that a point of the curve rests on"""
_CURVE_POINTS = 2000
_SIDEBAND = REGIONS.index("sideband")
_MERITS = {
    "Bound": "bound",
    "Categories": "categories",
    "One cut": "score_cut",
    "Best cuts": "best_cuts",
}


@dataclass(frozen=True, slots=True, eq=False)
class Efficiencies:
    """Efficiencies of some selections, shape (n,) each."""

    signal: FloatArray
    background: FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class Roc:
    """Efficiencies of a score and of other selections."""

    curves: Mapping[str, Efficiencies]
    """efficiencies of all cuts on the score, by signal"""
    points: Mapping[str, Efficiencies]
    """efficiencies of other selections for the reference signal, by title"""
    lines: Mapping[str, float]
    """s of a selection in units of that of the window alone, by title"""
    merits: Mapping[str, float | None]
    """s of the selections, by title"""


@dataclass(frozen=True, slots=True, eq=False)
class ScoreShapes:
    """Distributions of the score, as events in bins."""

    edges: FloatArray
    """edges of the bins of the score, shape (bins + 1,)"""
    simulation: Mapping[str, FloatArray]
    """simulated events by sample, the background's first, shape (bins,)"""
    data: FloatArray | None
    """observed events outside the window, shape (bins,)"""
    categories: tuple[float, ...]
    """lower edges of the categories"""
    divided: bool
    """whether there are several categories; otherwise the edge is a cut"""


@dataclass(frozen=True, slots=True)
class Importance:
    """What a column is worth."""

    column: str
    loss: float
    """fraction of combined s that is lost without the column"""
    error: float
    """statistical uncertainty of the loss, of the simulation"""
    bound_loss: float | None
    """fraction of the bound that is lost without the column"""


@dataclass(frozen=True, eq=False)
class Scored:
    """Simulation and data in the cells of a score."""

    table: ScoreTable
    chosen: ChosenSelection
    sample: Sample
    joints: Mapping[str, Counts]
    """the joint histograms of all samples, data too"""
    background: str
    """name of the background sample"""
    data: str | None
    """name of the observed sample, if there is one"""
    demands: Score
    """what categories have to satisfy"""

    @property
    def scores(self) -> Scores:
        """The tables for even and for odd simulated events."""
        return self.table.for_simulation

    @cached_property
    def everything(self) -> tuple[float, Mapping[str, float]]:
        """Simulated background that fractions are of, and events of each signal in the window."""
        signals = {name: float(c[:, 0].sum()) for name, c in self.sample.signals.items()}
        return float(self.sample.passing.sum()), signals

    @cached_property
    def whole(self) -> TrainedScore:
        """The score with its best categories and its best cut."""
        return candidate("score", self.table.folds, self.sample, self.demands)

    @cached_property
    def without(self) -> dict[str, TrainedScore]:
        """For every column, the score that does not know it, with its own categories."""
        return {
            axis.name: candidate("score", _averaged(self, column), self.sample, self.demands)
            for column, axis in enumerate(self.table.axes)
        }


def _averaged(found: Scored, column: int) -> Table:
    """Return both tables averaged over a column, with the background's weights."""
    sample = found.sample
    weights = sample.marginal(sample.passing.sum(axis=0), column)
    tables = found.table.folds.reshape(2, *sample.shape)
    mean = np.average(tables.astype(np.float64), axis=column + 1, weights=weights)
    spread = np.broadcast_to(np.expand_dims(mean, column + 1), tables.shape)
    return np.asarray(np.round(spread, 4).astype(np.float32).reshape(2, -1))


# ---- efficiencies --------------------------------------------------------------------------------


def roc(found: Scored) -> Roc:
    """Return the efficiencies of the score, and of the selections that are compared with it."""
    chosen, reference = found.chosen, found.chosen.reference_signal
    fine = np.unique(np.concatenate([found.scores[h] for h in HALVES]))
    fine = fine[:: max(1, len(fine) // _CURVE_POINTS)]
    points = {"One cut": _efficiencies(found, (found.whole.cut,), reference)}
    if len(found.table.edges) > 1:
        points["Categories"] = _efficiencies(found, found.table.edges, reference)
    if chosen.best_cuts:
        points["Best cuts"] = _of_cuts(found, chosen.best_cuts, reference)
    merits = {title: chosen.significance[key] for title, key in _MERITS.items()}
    none = chosen.significance["none"]
    return Roc(
        curves={name: _curve(found, fine, name) for name in found.sample.signals},
        points=points,
        lines={
            title: value / none
            for title in ("Bound", "One cut")
            if (value := merits[title]) is not None and none
        },
        merits=merits,
    )


def _efficiencies(found: Scored, edges: Sequence[float] | FloatArray, signal: str) -> Efficiencies:
    """Return the fractions of signal and background above each edge."""
    background, signals = found.everything
    yields = yields_of(found.sample, found.scores, edges)
    kept_signal, kept_background = (
        events[::-1].cumsum()[::-1] for events in (yields.signals[signal], yields.passing)
    )
    return Efficiencies(kept_signal / signals[signal], kept_background / background)


def _curve(found: Scored, edges: FloatArray, signal: str) -> Efficiencies:
    kept = _efficiencies(found, edges, signal)
    enough = kept.background * found.everything[0] >= _MIN_EVENTS
    return Efficiencies(kept.signal[enough], kept.background[enough])


def _of_cuts(found: Scored, cuts: Mapping[str, Interval], signal: str) -> Efficiencies:
    """Return the efficiencies of the best rectangular cuts."""
    upper = {name: cut.max for name, cut in cuts.items() if cut.max is not None}
    kept_signal, kept_background = (
        np.array([kept_by_cuts(found.joints[name], upper, anywhere=anywhere)])
        for name, anywhere in ((signal, False), (found.background, found.sample.independent))
    )
    return Efficiencies(kept_signal, kept_background)


# ---- distributions -------------------------------------------------------------------------------


def score_shapes(found: Scored) -> ScoreShapes:
    """Return the score's distributions: signals in the window, the others in the sidebands."""
    sample = found.sample
    sideband = sample.background[:, _SIDEBAND]
    samples = {found.background: sideband} | {n: c[:, 0] for n, c in sample.signals.items()}
    edges = _axis(found, list(samples.values()))
    data = None
    if found.data is not None:
        cells = np.asarray(found.joints[found.data].view(flow=True), np.float64)
        cells = cells.sum(axis=0)[_SIDEBAND].ravel()
        data = np.mean([_binned(table, cells, edges) for table in found.table.folds], axis=0)
    return ScoreShapes(
        edges=edges,
        simulation={
            name: np.sum([_binned(found.scores[h], c[h], edges) for h in HALVES], axis=0)
            for name, c in samples.items()
        },
        data=data,
        categories=tuple(edge for edge in found.table.edges if np.isfinite(edge)),
        divided=len(found.table.edges) > 1,
    )


def _axis(found: Scored, samples: list[FloatArray]) -> FloatArray:
    """Return edges of bins that hold nearly all events of all samples, at round numbers."""
    values, ends = np.concatenate([found.scores[h] for h in HALVES]), []
    order = np.argsort(values, kind="stable")
    for cells in samples:
        events = np.concatenate([cells[h] for h in HALVES])
        reached = events[order].cumsum() / max(events.sum(), 1.0)
        places = np.searchsorted(reached, [_OUTSIDE, 1 - _OUTSIDE])
        ends.append(values[order][np.minimum(places, len(values) - 1)])
    low, high = np.floor(np.min(ends)), np.ceil(np.max(ends))
    return np.linspace(low, max(high, low + 1), SHAPE_BINS + 1)


def _binned(scores: Table, cells: FloatArray, edges: FloatArray) -> FloatArray:
    """Return the events in bins of the score; what lies beyond is in the first and the last."""
    inside = np.clip(scores, edges[0], np.nextafter(edges[-1], -np.inf))
    return np.asarray(np.histogram(inside, edges, weights=cells)[0])


# ---- columns -------------------------------------------------------------------------------------


def importance(found: Scored) -> tuple[Importance, ...]:
    """Return what each column is worth, the one that is worth most first.

    The uncertainties are those of the bootstrap that compares two scores on the same events.
    """
    factors = {} if found.chosen.score is None else found.chosen.score.bound_factors
    rows = []
    for name, poorer in found.without.items():
        gain, error = advantage(found.sample, poorer, found.whole, np.random.default_rng(SEED))
        factor = factors.get(name)
        rows.append(Importance(name, -gain, error, None if factor is None else 1 - 1 / factor))
    return tuple(sorted(rows, key=lambda row: row.loss, reverse=True))


def n_minus_1(found: Scored) -> dict[str, dict[str, Counts]]:
    """Return each column of every sample, after the best cut on the score of all the others."""
    return {
        axis.name: {name: _after(found, column, name) for name in found.joints}
        for column, axis in enumerate(found.table.axes)
    }


def _after(found: Scored, column: int, name: str) -> Counts:
    axis = found.table.axes[column]
    cut = found.without[axis.name]
    cells = np.asarray(found.joints[name].view(flow=True)).sum(axis=1).reshape(2, -1)
    if name == found.data:
        mean = cut.folds.mean(axis=0, dtype=np.float64)
        kept = cells.sum(axis=0) * (mean >= cut.cut)
    else:
        kept = np.sum([cells[h] * (cut.scores[h] >= cut.cut) for h in HALVES], axis=0)
    histogram = counts(axis.axis())
    histogram.view(flow=True)[:] = found.sample.marginal(kept, column)
    return histogram
