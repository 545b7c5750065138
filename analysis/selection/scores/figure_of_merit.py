r"""What a score is worth: its best categories, their combined significance, and the bound.

The figure of merit is that of the course, per category and combined,

.. math:: s = \sqrt{\sum_c S_c^2 / B_c},

with expected yields in the window, a known background, and no fit. Every simulated event is scored
by the table that has not seen it. The expected background of a category is that of the window times
the fraction of the whole background sample that falls into it (if the columns do not depend on the
mass), so that it is known to per cents where the window holds a handful of simulated events.

No selection of any kind beats the **bound**, the limit of infinitely many categories:
:math:`s_0 \prod \sqrt{\sum p_s^2/p_b}` over independent columns. With counts for densities the sum
is biased upwards by each starved bin. So it is estimated as
:math:`(\sum p_s r)^2 / \sum p_b r^2`, by Cauchy and Schwarz at most the truth and equal to it where
:math:`r \propto p_s/p_b`; r is the smoothed ratio of the other half of the simulation.

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

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import inf

import numpy as np
import numpy.typing as npt

from analysis.selection.scores.training import HALVES, SEED, Sample
from analysis.settings.search import Score
from tools.arrays import FloatArray
from tools.errors import InputError

FINE_BINS = 200
"""Of equal signal: where edges may be."""
DECIMALS = 4
"""decimals of an edge"""
Scores = Sequence[npt.NDArray[np.float32]]
"""Of every cell, for even and for odd simulated events: (cells,) each."""
_REPLICAS = 100
"""replicas of the bootstrap: the uncertainty of the bound is known to 7 %"""


@dataclass(frozen=True, slots=True)
class Yields:
    """Simulated events in each bin of a score, and what they stand for."""

    signals: Mapping[str, FloatArray]
    """simulated events in the window of each signal, shape (bins,)"""
    weights: Mapping[str, float]
    """expected events per simulated one"""
    background_in_window: float
    """expected events in the window, all bins together"""
    passing: FloatArray
    """simulated background events that fractions are taken from, shape (bins,)"""
    simulated_in_window: float
    """simulated background events in the window, all bins together"""
    sideband: FloatArray
    """expected data events outside the window, shape (bins,)"""

    @property
    def background(self) -> FloatArray:
        """Expected background in the window, shape (bins,)."""
        passing = self.passing
        return np.asarray(self.background_in_window * passing / max(passing.sum(), 1.0))

    def merged(self, groups: Sequence[slice]) -> "Yields":
        """Return the yields of groups of bins; bins in none of them are not selected."""

        def together(values: FloatArray) -> FloatArray:
            return np.array([values[group].sum() for group in groups])

        selected = together(self.passing)
        fraction = selected.sum() / max(self.passing.sum(), 1.0)
        return replace(
            self,
            signals={name: together(events) for name, events in self.signals.items()},
            background_in_window=self.background_in_window * fraction,
            passing=selected,
            sideband=together(self.sideband),
        )

    def squared(self, signal: str) -> FloatArray:
        """Return S^2/B of each bin, shape (bins,); 0 where no background was simulated."""
        s, b = self.signals[signal] * self.weights[signal], self.background
        return np.divide(s**2, b, out=np.zeros_like(b), where=b > 0)

    def significance(self, signal: str) -> tuple[float, float]:
        """Return combined s and its statistical error from the simulation."""
        squared, s = self.squared(signal), self.signals[signal]
        combined = float(np.sqrt(squared.sum()))
        if combined == 0:
            return 0.0, 0.0
        # d ln s = sum_c w_c (dS_c/S_c - dB_c/2B_c), with w_c = s_c^2 / s^2
        fraction = squared / squared.sum()
        with np.errstate(divide="ignore", invalid="ignore"):
            of_signal = np.nansum(fraction**2 / s)
            of_background = np.nansum(fraction**2 / self.passing) / 4
        of_window = 0.25 / max(self.simulated_in_window, 1.0)
        return combined, combined * float(np.sqrt(of_signal + of_background + of_window))


def in_bins(
    scores: Scores, edges: Sequence[float] | FloatArray, halves: Sequence[int] = HALVES
) -> Callable[[FloatArray], FloatArray]:
    """Return what sums counts, of shape (half, cells), over halves in bins of a score."""
    places = {h: np.searchsorted(edges, scores[h], side="right") for h in halves}

    def counted(counts: FloatArray) -> FloatArray:
        bins = [np.bincount(places[h], counts[h], len(edges) + 1) for h in halves]
        return np.asarray(np.sum(bins, axis=0)[1:])

    return counted


def yields_of(
    sample: Sample, scores: Scores, edges: Sequence[float] | FloatArray, *, half: int | None = None
) -> Yields:
    """Return the yields in bins of a score, or in categories of it.

    Parameters
    ----------
    sample : Sample
    scores : sequence of ndarray, shape (cells,)
        For even and for odd events.
    edges : sequence of float, length bins
        Lower edges; what is below the first is left out.
    half : int, optional
        Of one half of the simulation only; its weights are twice as large.
    """
    halves, scale = (HALVES, 1.0) if half is None else ((half,), 2.0)
    counted = in_bins(scores, edges, halves)
    in_window = sum(float(sample.background[h, 0].sum()) for h in halves)
    weight, passing = scale * sample.background_weight, counted(sample.passing)
    everything = sum(float(sample.passing[h].sum()) for h in halves)
    return Yields(
        signals={name: counted(c[:, 0]) for name, c in sample.signals.items()},
        weights={name: scale * w for name, w in sample.weights.items()},
        background_in_window=weight * in_window * passing.sum() / max(everything, 1.0),
        passing=passing,
        simulated_in_window=in_window,
        sideband=weight * counted(sample.background[:, 1]),
    )


def bound(
    sample: Sample, terms: Sequence[Sequence[FloatArray]], signal: str
) -> tuple[float, float, dict[str, float]]:
    """Return the bound for one signal, its error by the bootstrap, and what each column makes of s.

    Parameters
    ----------
    sample : Sample
    terms : sequence of sequences of ndarray
        The smoothed log ratios, of both halves, of each column.
    signal : str
    """
    rng, nothing = np.random.default_rng(SEED), np.zeros(sample.background.shape[-1], np.float32)
    start, error = yields_of(sample, (nothing, nothing), (-np.inf,)).significance(signal)
    counts = [
        [(sample.marginal(sample.signals[signal][h, 0], i), sample.marginal(sample.passing[h], i))
         for h in HALVES]
        for i in range(len(sample.axes))
    ]  # fmt: skip
    # Of the other half: with its own, each starved bin would make the factor larger.
    ratios = [[np.exp(terms[1 - h][i]) for h in HALVES] for i in range(len(sample.axes))]

    def factors(*, fluctuating: bool) -> list[float]:
        fluctuated = [
            [tuple(rng.poisson(c).astype(np.float64) if fluctuating else c for c in pair)
             for pair in column]
            for column in counts
        ]  # fmt: skip
        return [_factor(column, ratio) for column, ratio in zip(fluctuated, ratios, strict=True)]

    central = factors(fluctuating=False)
    spread = np.std([np.log(factors(fluctuating=True)).sum() for _ in range(_REPLICAS)])
    value = start * float(np.prod(central))
    by_column = {axis.name: f for axis, f in zip(sample.axes, central, strict=True)}
    return value, value * float(np.hypot(error / start, spread)), by_column


def _factor(counts: Sequence[tuple[FloatArray, ...]], ratios: Sequence[FloatArray]) -> float:
    """Return by what a column multiplies s, with the ratio of the other half for each half."""
    sums = np.zeros(4)
    for (s, b), ratio in zip(counts, ratios, strict=True):
        sums += (s @ ratio, s.sum(), b @ ratio**2, b.sum())
    return float(sums[0] / sums[1] / np.sqrt(sums[2] / sums[3]))


def fine_edges(sample: Sample, scores: Scores) -> FloatArray:
    """Return lower edges of bins of equal signal, each sample as much; the first is ``-inf``."""
    values = np.concatenate([scores[h] for h in HALVES])
    events = np.concatenate([sample.signal_to_learn(h) for h in HALVES])
    order = np.argsort(values, kind="stable")
    reached = np.cumsum(events[order]) / events.sum()
    places = np.searchsorted(reached, np.arange(1, FINE_BINS) / FINE_BINS)
    edges = np.unique(np.round(values[order][places].astype(np.float64), DECIMALS))
    return np.concatenate([[-inf], edges])


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


def _worth_of_ranges(yields: Yields, demands: Score, signals: Sequence[str]) -> FloatArray:
    """Return what a category from bin i up to, without, bin j is worth, shape (bins, bins + 1).

    That is S^2/B, averaged over signals in units of what each is worth undivided; minus infinity
    where it does not keep enough.
    """
    bins, undivided = len(yields.passing), yields.merged([slice(None)])
    worth = np.full((bins, bins + 1), -inf)
    for first in range(bins):
        ranges = _cumulative(yields, first)
        each = [ranges.squared(name) / undivided.squared(name)[0] for name in signals]
        enough = ranges.sideband >= demands.sideband_events
        enough &= ranges.passing >= demands.background_events
        worth[first, first + 1 :] = np.where(enough, np.mean(each, axis=0), -inf)
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
