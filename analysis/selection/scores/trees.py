"""Gradient-boosted trees on cells: for columns that are not independent of each other.

Each cell that holds an event is a training example with its count as weight; its columns are the
numbers of its bins. What the trees then say of *every* cell is the score: the log ratio of signal
and background, both taken as equally likely. Boosting stops when a fraction of the cells, held out,
gets no better. The seed decides which and nothing else.

One thread: with several they wait for each other where the machine is shared (30 times as long was
measured), and the sums would depend on their number.
"""

import numpy as np
import numpy.typing as npt

from analysis.selection.scores.training import SEED, Sample
from tools.arrays import FloatArray

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
