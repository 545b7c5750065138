"""Which score: the likelihood ratio, unless boosted trees are better by more than the error.

Both are trained on each half of the simulation and judged on the other. Where the columns are
independent the likelihood ratio is the optimum and its few terms are learnt better; where they are
not, gradient-boosted trees see what it cannot.

Of the trees each cell that holds an event is a training example with its count as weight; its
columns are the numbers of its bins. What they then say of *every* cell is the score: the log ratio
of signal and background, both taken as equally likely. Boosting stops when a fraction of the cells,
held out, gets no better. The seed decides which and nothing else. They are grown in one thread:
with several they wait for each other where the machine is shared (30 times as long was measured),
and the sums would depend on their number.

Both are judged by the same simulated events, so the error of their *difference* is much less than
that of either. It comes from the bootstrap: events are counted in pairs of categories (of the one
score, of the other), and the counts fluctuate.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from analysis.selection.scores.figure_of_merit import (
    Scores,
    Yields,
    best_categories,
    fine_edges,
    yields_of,
)
from analysis.selection.scores.likelihood_ratio import additive_score, table_of
from analysis.selection.scores.training import HALVES, SEED, Sample
from analysis.settings.search import Score
from tools.arrays import FloatArray

KINDS = ("likelihood_ratio", "trees")
_REPLICAS = 400
DECIMALS = 3
"""decimals of a value: the file holds what is used"""
LARGEST = 30.0
"""bound on a value: e to the 30th says it all"""
_EXAMPLES = 20_000.0
"""sum of the weights of signal, and of background"""
_SETTINGS = {
    "learning_rate": 0.2,
    "max_iter": 400,
    "max_leaf_nodes": 8,
    "min_samples_leaf": 50,
    "l2_regularization": 10.0,
    "early_stopping": True,
    "validation_fraction": 0.2,
    "n_iter_no_change": 15,
}
"""Small trees, many of them: what the columns do together is simple, and the sample is small."""


@dataclass(frozen=True, slots=True)
class TrainedScore:
    """One kind of score, trained, with its best categories."""

    kind: str
    folds: npt.NDArray[np.float32]
    """tables trained on even and on odd events, shape (2, cells)"""
    edges: tuple[float, ...]
    """lower edges of its best categories"""
    cut: float
    """lower edge of the best single category"""

    @property
    def scores(self) -> Scores:
        """The tables for even and for odd events: each that of the other half."""
        return self.folds[1], self.folds[0]

    def yields(self, sample: Sample) -> Yields:
        """Return the yields of its categories."""
        return yields_of(sample, self.scores, self.edges)

    def by(self, method: str) -> "TrainedScore":
        """Return the score with the edges of a method: those of categories, or one cut."""
        return replace(self, edges=(self.cut,)) if method == "score" else self


@dataclass(frozen=True, slots=True)
class ScoreChoice:
    """Both scores, what they were trained on, and which is taken."""

    sample: Sample
    demands: Score
    """what categories have to satisfy"""
    chosen: TrainedScore
    candidates: Mapping[str, TrainedScore]
    terms: Sequence[Sequence[FloatArray]]
    """terms of the likelihood ratio: of each half, of each column"""
    advantage: float
    """gain of trees over the likelihood ratio, as a fraction of the combined significance"""
    advantage_error: float
    """uncertainty of the advantage"""


def choose(sample: Sample, demands: Score) -> ScoreChoice:
    """Train both kinds of score and take the better one, or that of the settings.

    Parameters
    ----------
    sample : Sample
    demands : Score
        Which kind, and what categories have to satisfy.

    Raises
    ------
    InputError
        If there is nothing to learn, or no category keeps enough.
    """
    terms = [additive_score(sample, half) for half in HALVES]
    tables = {
        "likelihood_ratio": [table_of(each) for each in terms],
        "trees": [tree_score(sample, half) for half in HALVES],
    }
    candidates = {
        name: candidate(name, np.stack(folds), sample, demands) for name, folds in tables.items()
    }
    trees, ratio = candidates["trees"], candidates["likelihood_ratio"]
    gain, error = advantage(sample, trees, ratio, np.random.default_rng(SEED))
    # Where neither is better by more than the error, the one that a person can read is taken.
    better = "trees" if gain > error else "likelihood_ratio"
    taken = candidates[better if demands.kind == "best" else demands.kind]
    return ScoreChoice(sample, demands, taken, candidates, terms, gain, error)


def candidate(
    kind: str, folds: npt.NDArray[np.float32], sample: Sample, demands: Score
) -> TrainedScore:
    """Return a trained score with its best categories and its best cut."""
    scores, signals = (folds[1], folds[0]), list(sample.signals)
    edges = fine_edges(sample, scores)
    yields = yields_of(sample, scores, edges)
    return TrainedScore(
        kind=kind,
        folds=folds,
        edges=best_categories(yields, edges, demands, signals),
        cut=best_categories(yields, edges, replace(demands, most_categories=1), signals)[0],
    )


def advantage(
    sample: Sample, one: TrainedScore, other: TrainedScore, rng: np.random.Generator
) -> tuple[float, float]:
    """Return by what fraction of combined s one score is better than another, and its error.

    Each signal counts as much.
    """
    # Below the lowest category of either an event is in no pair.
    bins = [(*each.edges, np.inf) for each in (one, other)]

    def pairs(counts: FloatArray) -> FloatArray:
        """Return the events in pairs of categories, from counts of shape (half, cells)."""
        found = [
            np.histogram2d(one.scores[half], other.scores[half], bins, weights=counts[half])[0]
            for half in HALVES
        ]
        return np.asarray(np.sum(found, axis=0))

    signals = [pairs(counts[:, 0]) for counts in sample.signals.values()]
    background = pairs(sample.passing)
    measured = _ratio(signals, background)
    replicas = [
        _ratio(
            [rng.poisson(s).astype(np.float64) for s in signals],
            rng.poisson(background).astype(np.float64),
        )
        for _ in range(_REPLICAS)
    ]
    return measured - 1.0, float(np.std(replicas))


def _ratio(signals: Sequence[FloatArray], background: FloatArray) -> float:
    """Return combined s in the categories of the first axis over that in those of the second."""
    squared = [
        np.mean([np.sum(s.sum(axis=other) ** 2 / np.maximum(background.sum(axis=other), 1.0))
                 / s.sum() ** 2 for s in signals])
        for other in (1, 0)
    ]  # fmt: skip
    return float(np.sqrt(squared[0] / squared[1]))


def tree_score(sample: Sample, half: int) -> npt.NDArray[np.float32]:
    """Return the table of boosted trees that were trained on one half, shape (cells,)."""
    from sklearn.ensemble import HistGradientBoostingClassifier
    from threadpoolctl import threadpool_limits

    signal, background = sample.signal_to_learn(half), sample.background_to_learn(half)
    cells = np.indices(sample.shape, dtype=np.float32).reshape(len(sample.axes), -1).T
    there = (np.flatnonzero(signal), np.flatnonzero(background))
    weights = [_weights(c, places) for c, places in zip((signal, background), there, strict=True)]
    # Only the cells with events are examples: a sample of millions costs what its cells cost.
    trees = HistGradientBoostingClassifier(**_SETTINGS, random_state=SEED)
    with threadpool_limits(1):
        trees.fit(
            np.concatenate([cells[places] for places in there]),
            np.repeat([1, 0], [len(places) for places in there]),
            sample_weight=np.concatenate(weights),
        )
        values: FloatArray = trees.decision_function(cells)
    return np.round(np.clip(values, -LARGEST, LARGEST), DECIMALS).astype(np.float32)


def _weights(counts: FloatArray, places: npt.NDArray[np.intp]) -> FloatArray:
    """Return the weights of the examples of one kind: 1 event on average, each kind as much."""
    chosen = counts[places]
    return np.asarray(chosen / chosen.sum() * _EXAMPLES)
