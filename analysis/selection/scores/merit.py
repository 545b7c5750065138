r"""What a score is worth: the combined significance of its categories, one cut, and the bound.

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
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from analysis.selection.scores.training import HALVES, SEED, Sample
from tools.arrays import FloatArray

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
    places = {h: np.searchsorted(edges, scores[h], side="right") for h in halves}

    def counted(counts: FloatArray) -> FloatArray:
        """Return the sum over halves of counts of shape (half, cells), in bins."""
        bins = [np.bincount(places[h], counts[h], len(edges) + 1) for h in halves]
        return np.asarray(np.sum(bins, axis=0)[1:])

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


@dataclass(frozen=True, slots=True)
class Bound:
    """What no selection can beat."""

    value: float
    error: float
    """statistical, of the simulation"""
    factors: Mapping[str, float]
    """factor of each column on s without a selection"""


def bound(sample: Sample, terms: Sequence[Sequence[FloatArray]], signal: str) -> Bound:
    """Return the bound for one signal; its error is by the bootstrap.

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
    return Bound(
        value=value,
        error=value * float(np.hypot(error / start, spread)),
        factors={axis.name: f for axis, f in zip(sample.axes, central, strict=True)},
    )


def _factor(counts: Sequence[tuple[FloatArray, ...]], ratios: Sequence[FloatArray]) -> float:
    """Return by what a column multiplies s, with the ratio of the other half for each half."""
    sums = np.zeros(4)
    for (s, b), ratio in zip(counts, ratios, strict=True):
        sums += (s @ ratio, s.sum(), b @ ratio**2, b.sum())
    return float(sums[0] / sums[1] / np.sqrt(sums[2] / sums[3]))
