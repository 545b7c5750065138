r"""From the joint histograms and the score to what the figures of the score show.

No event is read: a cell of the joint histogram has one score, so a count over cells is a count over
events. Simulation is scored out-of-fold, by the table that has not seen it. Where the distribution
of data stands beside it, data are scored by either table, half each, and not by the mean of both as
in the processor: a table is a list of numbers, and in narrow bins one more table is another list.

Leaving a column out means averaging the score over it, with the background's weights: of a
likelihood ratio this takes the column's term away, of trees all that they know of it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from analysis.report.folder_results import FolderResults
from analysis.report.plots.score import Curve, Importance, Point, Roc, ScoreShapes
from analysis.report.plots.style import Array
from analysis.results.selection import ChosenSelection
from analysis.selection.methods import SEED, demands_of
from analysis.selection.optimise import grid_of
from analysis.selection.scores.choose import TrainedScore, advantage, candidate
from analysis.selection.scores.merit import Scores, yields_of
from analysis.selection.scores.training import HALVES, Sample, sample_of
from processors.histograms import Counts, counts
from processors.score import ScoreTable
from processors.selection import Interval

Table = npt.NDArray[np.float32]
SHAPE_BINS = 50
_OUTSIDE = 0.002
"""part of the events of a sample that the ends of the axis may leave to the last bins"""
_LEAST_EVENTS = 10.0
"""simulated background events that a point of the curve rests on"""
_SIDEBAND = 1


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

    @property
    def scores(self) -> Scores:
        """The tables for even and for odd simulated events."""
        return self.table.for_simulation

    def whole(self, results: FolderResults) -> TrainedScore:
        """Return the score with its best categories and its best cut."""
        return candidate("score", self.table.folds, self.sample, demands_of(results.search.score))

    @cached_property
    def everything(self) -> tuple[float, Mapping[str, float]]:
        """Simulated background that fractions are of, and events of each signal in the window."""
        signals = {name: float(c[:, 0].sum()) for name, c in self.sample.signals.items()}
        return float(self.sample.passing.sum()), signals


def scored(results: FolderResults) -> Scored | None:
    """Return what the figures of the score are made of, or None if there is no score."""
    joints = {
        name: named["joint"] for name, named in results.histograms.items() if "joint" in named
    }
    processes = [
        process
        for process in results.processes(results.catalogue.luminosity_invpb)
        if process.name in joints
    ]
    backgrounds = [process.name for process in processes if process.kind == "background"]
    if results.score is None or results.selection is None or len(backgrounds) != 1:
        return None
    if len(processes) == 1:
        return None
    whole = results.selection.background_fractions_from == "whole sample"
    sample = sample_of(
        {process.name: joints[process.name] for process in processes},
        {process.name: process.weight for process in processes},
        backgrounds[0],
        independent=whole,
        force=True,  # whether such columns are allowed was decided when the score was made
    )
    data = None if results.data is None or results.data.name not in joints else results.data.name
    return Scored(results.score, results.selection, sample, joints, backgrounds[0], data)


# ---- efficiencies --------------------------------------------------------------------------------


def roc(results: FolderResults, found: Scored) -> Roc:
    """Return the efficiencies of the score, and of the selections that are compared with it."""
    chosen, whole = found.chosen, found.whole(results)
    reference = chosen.reference_signal
    fine = np.unique(np.concatenate([found.scores[h] for h in HALVES]))
    fine = fine[:: max(1, len(fine) // 2000)]
    points = [Point("One cut", *_efficiencies(found, np.array([whole.cut]), reference))]
    if results.score is not None and len(results.score.edges) > 1:
        edges = np.asarray(results.score.edges)
        points.append(Point("Categories", *_efficiencies(found, edges, reference)))
    if chosen.best_cuts:
        points.append(Point("Best cuts", *_of_cuts(found, chosen.best_cuts, reference)))
    merits = chosen.significance
    return Roc(
        curves={name: _curve(found, fine, name) for name in found.sample.signals},
        points=tuple(points),
        lines={
            title: value / without
            for title, key in (("Bound", "bound"), ("One cut", "score_cut"))
            if (value := merits[key]) is not None and (without := merits["none"])
        },
        merits={title: merits[key] for title, key in _MERITS},
    )


_MERITS = (
    ("Bound", "bound"),
    ("Categories", "categories"),
    ("One cut", "score_cut"),
    ("Best cuts", "best_cuts"),
)


def _efficiencies(found: Scored, edges: Array, signal: str) -> tuple[Array, Array]:
    """Return the parts of signal and background above each edge."""
    background, signals = found.everything
    yields = yields_of(found.sample, found.scores, edges)
    above = (x[::-1].cumsum()[::-1] for x in (yields.signals[signal], yields.passing))
    kept_signal, kept_background = above
    return kept_signal / signals[signal], kept_background / background


def _curve(found: Scored, edges: Array, signal: str) -> Curve:
    kept_signal, kept_background = _efficiencies(found, edges, signal)
    enough = kept_background * found.everything[0] >= _LEAST_EVENTS
    return Curve(kept_signal[enough], kept_background[enough])


def _of_cuts(found: Scored, cuts: Mapping[str, Interval], signal: str) -> tuple[Array, Array]:
    """Return the efficiencies of the best rectangular cuts."""
    index = grid_of(found.joints[found.background]).index(
        {n: cut.max for n, cut in cuts.items() if cut.max is not None}
    )
    box = tuple(slice(0, place + 1) for place in index)
    sample, (background, signals) = found.sample, found.everything
    kept = [
        float(cells.sum(axis=0).reshape(sample.shape)[box].sum())
        for cells in (sample.signals[signal][:, 0], sample.passing)
    ]
    return np.array([kept[0] / signals[signal]]), np.array([kept[1] / background])


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


def _axis(found: Scored, samples: list[Array]) -> Array:
    """Return edges of bins that hold nearly all events of all samples, at round numbers."""
    ends = []
    for cells in samples:
        values = np.concatenate([found.scores[h] for h in HALVES])
        events = np.concatenate([cells[h] for h in HALVES])
        order = np.argsort(values, kind="stable")
        reached = events[order].cumsum() / max(events.sum(), 1.0)
        places = np.searchsorted(reached, [_OUTSIDE, 1 - _OUTSIDE])
        ends.append(values[order][np.minimum(places, len(values) - 1)])
    low, high = np.floor(np.min(ends)), np.ceil(np.max(ends))
    return np.linspace(low, max(high, low + 1), SHAPE_BINS + 1)


def _binned(scores: Table, cells: Array, edges: Array) -> Array:
    """Return the events in bins of the score; what lies beyond is in the first and the last."""
    inside = np.clip(scores, edges[0], np.nextafter(edges[-1], -np.inf))
    contents: Array = np.histogram(inside, edges, weights=cells)[0]
    return contents


# ---- columns -------------------------------------------------------------------------------------


def without(found: Scored, results: FolderResults) -> dict[str, TrainedScore]:
    """Return, for every column, the score that does not know it, with its own categories."""
    demands = demands_of(results.search.score)
    return {
        axis.name: candidate("score", _averaged(found, i), found.sample, demands)
        for i, axis in enumerate(found.table.axes)
    }


def _averaged(found: Scored, column: int) -> Table:
    """Return both tables averaged over a column, with the background's weights."""
    sample = found.sample
    weights = sample.marginal(sample.passing.sum(axis=0), column)
    tables = found.table.folds.reshape(2, *sample.shape)
    mean = np.average(tables.astype(np.float64), axis=column + 1, weights=weights)
    spread = np.broadcast_to(np.expand_dims(mean, column + 1), tables.shape)
    averaged: Table = np.round(spread, 4).astype(np.float32).reshape(2, -1)
    return averaged


def importance(
    results: FolderResults, found: Scored, candidates: Mapping[str, TrainedScore]
) -> tuple[Importance, ...]:
    """Return what each column is worth, the one that is worth most first.

    Parameters
    ----------
    results : FolderResults
    found : Scored
    candidates : mapping of str to TrainedScore
        The scores that do not know a column (`without`).
    """
    factors = {} if found.chosen.score is None else found.chosen.score.bound_factors
    whole, rows = found.whole(results), []
    for name, poorer in candidates.items():
        gain, error = advantage(found.sample, poorer, whole, np.random.default_rng(SEED))
        factor = factors.get(name)
        rows.append(Importance(name, -gain, error, None if factor is None else 1 - 1 / factor))
    return tuple(sorted(rows, key=lambda row: row.loss, reverse=True))


def n_minus_1(
    found: Scored, candidates: Mapping[str, TrainedScore]
) -> dict[str, dict[str, Counts]]:
    """Return each column of every sample, after the best cut on the score of all the others.

    Parameters
    ----------
    found : Scored
    candidates : mapping of str to TrainedScore
        The scores that do not know a column (`without`).
    """
    return {
        axis.name: {
            name: _after(found, candidates[axis.name], column, name) for name in found.joints
        }
        for column, axis in enumerate(found.table.axes)
    }


def _after(found: Scored, cut: TrainedScore, column: int, name: str) -> Counts:
    cells = np.asarray(found.joints[name].view(flow=True)).sum(axis=1).reshape(2, -1)
    if name == found.data:
        mean = cut.folds.mean(axis=0, dtype=np.float64)
        kept = cells.sum(axis=0) * (mean >= cut.cut)
    else:
        kept = np.sum([cells[h] * (cut.scores[h] >= cut.cut) for h in HALVES], axis=0)
    histogram = counts(found.table.axes[column].axis())
    histogram.view(flow=True)[:] = found.sample.marginal(kept, column)
    return histogram
