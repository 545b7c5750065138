r"""Categories: where to divide a score so that its categories, fitted together, are worth most.

The squared significance is a sum over categories, and each holds a range of the score. So the best
edges follow exactly, without a search: of the best divisions of the first k bins into n categories
the best is found from those into n - 1 (dynamic programming, as in the optimal binning of
J. Scargle et al., Astrophys. J. 764 (2013) 167). Fine bins of equal signal are what edges may be
chosen from; several signals count equally, each in units of what it is worth undivided.

A category must keep enough: expected data in the sidebands, because its background is fitted there,
and simulated background, because an optimum likes to cut where the simulation is empty by chance.
Categories are added as long as each adds more than a stated fraction of the significance. What lies
below the lowest is not selected: most of the background, and next to nothing of the significance
(another category above is worth more).
"""

from collections.abc import Sequence
from dataclasses import replace
from math import inf

import numpy as np
import numpy.typing as npt

from analysis.selection.scores.merit import Scores, Yields
from analysis.selection.scores.training import HALVES, Sample
from analysis.settings.search import Score
from tools.arrays import FloatArray
from tools.errors import InputError

FINE_BINS = 200
"""Of equal signal: where edges may be."""
DECIMALS = 4
"""decimals of an edge"""


def fine_edges(sample: Sample, scores: Scores) -> FloatArray:
    """Return lower edges of bins of equal signal, each sample as much; the first is ``-inf``."""
    values = np.concatenate([scores[h] for h in HALVES])
    events = np.concatenate([sample.signal_to_learn(h) for h in HALVES])
    order = np.argsort(values, kind="stable")
    reached = np.cumsum(events[order]) / events.sum()
    places = np.searchsorted(reached, np.arange(1, FINE_BINS) / FINE_BINS)
    edges = np.unique(np.round(values[order][places].astype(np.float64), DECIMALS))
    return np.concatenate([[-inf], edges])


def best_cut(yields: Yields, edges: FloatArray, demands: Score, signals: Sequence[str]) -> float:
    """Return the lower edge of the best single category: one cut on the score.

    Raises
    ------
    InputError
        If no cut keeps enough.
    """
    return best_categories(yields, edges, replace(demands, most_categories=1), signals)[0]


def best_categories(
    yields: Yields, edges: FloatArray, demands: Score, signals: Sequence[str]
) -> tuple[float, ...]:
    """Return the lower edges of the best categories.

    Parameters
    ----------
    yields : Yields
        In fine bins of the score.
    edges : ndarray, shape (bins,)
        Lower edges of these bins.
    demands : Score
        What categories have to satisfy.
    signals : sequence of str
        Which count.

    Raises
    ------
    InputError
        If not even one category keeps enough.
    """
    divisions = _divisions(_worth_of_ranges(yields, demands, signals), demands.most_categories)
    possible = [division for division in divisions if division is not None]
    if not possible:
        raise InputError(
            f"no category keeps {demands.sideband_events:g} expected data events outside the "
            f"window and {demands.background_events:g} simulated background events; "
            "demand less or simulate more"
        )
    chosen = possible[0]
    for division in possible[1:]:
        gain = np.sqrt(division[0] / chosen[0]) - 1.0
        # Categories up to the least number are taken for any gain: the search file asks for them.
        if len(division[1]) > demands.least_categories and gain < demands.least_gain:
            break
        if gain > 0:
            chosen = division
    return tuple(float(edges[first]) for first in chosen[1])


def _relative(yields: Yields, whole: Yields, signals: Sequence[str]) -> FloatArray:
    """Return S^2/B of each bin, averaged over signals in units of what each is worth undivided."""
    undivided = whole.merged([slice(None)])
    each = [yields.squared(name) / undivided.squared(name)[0] for name in signals]
    return np.asarray(np.mean(each, axis=0))


def _enough(yields: Yields, demands: Score) -> npt.NDArray[np.bool_]:
    sideband = yields.sideband >= demands.sideband_events
    return np.asarray(sideband & (yields.passing >= demands.background_events))


def _worth_of_ranges(yields: Yields, demands: Score, signals: Sequence[str]) -> FloatArray:
    """Return what a category from bin i up to, without, bin j is worth, shape (bins, bins + 1)."""
    bins = len(yields.passing)
    worth = np.full((bins, bins + 1), -inf)
    for first in range(bins):
        ranges = _cumulative(yields, first)
        worth[first, first + 1 :] = np.where(
            _enough(ranges, demands), _relative(ranges, yields, signals), -inf
        )
    return worth


def _cumulative(yields: Yields, first: int) -> Yields:
    """Return the yields of the ranges from bin `first` up to every later one."""
    passing = yields.passing[first:].cumsum()
    in_window = yields.background_in_window / yields.passing.sum()
    return replace(
        yields,
        signals={name: events[first:].cumsum() for name, events in yields.signals.items()},
        background_in_window=in_window * float(passing.sum()),
        passing=passing,
        sideband=yields.sideband[first:].cumsum(),
    )


def _divisions(worth: FloatArray, max_ranges: int) -> list[tuple[float, list[int]] | None]:
    """Return the best 1, 2, ... ranges, one after the other to the end: worth and first bins."""
    bins = len(worth)
    best = np.zeros(bins + 1)  # the first of them may begin anywhere
    origins: list[npt.NDArray[np.intp]] = []
    found: list[tuple[float, list[int]] | None] = []
    for _ in range(max_ranges):
        # The best divisions that end before a bin, each with one more range from there on.
        through = best[:-1, None] + worth
        origins.append(np.argmax(through, axis=0))
        best = through.max(axis=0)
        found.append((float(best[-1]), _firsts(origins)) if best[-1] > -inf else None)
    return found


def _firsts(origins: Sequence[npt.NDArray[np.intp]]) -> list[int]:
    """Return the first bin of each range, followed back from the end."""
    place, firsts = len(origins[0]) - 1, []
    for origin in reversed(origins):
        place = int(origin[place])
        firsts.append(place)
    return firsts[::-1]
