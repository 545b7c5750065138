r"""The likelihood ratio of one-dimensional densities, its logarithm smoothed.

Where the columns are independent, in signal and in background, the sum over columns of

.. math:: f(x) = \ln p_s(x) - \ln p_b(x)

is the Neyman-Pearson optimum. Only the ratio matters, so the ratio is what is smoothed, not two
densities whose tails then disagree: :math:`f` is a penalised logistic regression of "signal or
background" on the bin, with the roughness :math:`\lambda/2 \sum (f_{i-1} - 2 f_i + f_{i+1})^2` as
penalty (P. Eilers and B. Marx, Statist. Sci. 11 (1996) 89). Empty bins are bridged, starved tails
go on straight - and straight is right for two Gaussians of one width.

How smooth is not a matter of taste: :math:`\lambda` maximises the marginal likelihood (Laplace's
approximation, as in S. Wood, J. R. Stat. Soc. B 73 (2011) 3). A column whose ratio jumps from bin
to bin gets a small one, and is left as it is.
"""

import numpy as np
import numpy.typing as npt

from analysis.selection.scores.training import Sample
from tools.arrays import FloatArray

SMOOTHNESS = np.logspace(-3, 7, 41)
"""The penalties that are tried."""
DECIMALS = 4
"""decimals of a term: the file holds what is used, digit by digit"""
_STEPS, _SMALL = 100, 1e-9
_RIDGE = 1e-6
"""keeps what no event and no penalty fixes near 0"""


def additive_score(sample: Sample, half: int) -> list[FloatArray]:
    """Return the term of each column, trained on one half: shape (bins and flow bins,) each."""
    signal, background = sample.signal_to_learn(half), sample.background_to_learn(half)
    return [
        np.round(log_ratio(sample.marginal(signal, i), sample.marginal(background, i)), DECIMALS)
        for i in range(len(sample.axes))
    ]


def table_of(terms: list[FloatArray]) -> npt.NDArray[np.float32]:
    """Return the table of an additive score: in every cell the sum of its terms, shape (cells,)."""
    total = np.zeros(())
    for term in terms:
        total = np.add.outer(total, term)
    return total.ravel().astype(np.float32)


def log_ratio(signal: FloatArray, background: FloatArray) -> FloatArray:
    """Return the smoothed logarithm of the ratio of two densities.

    Parameters
    ----------
    signal, background : ndarray, shape (bins,)
        Counts; neither sum may be 0.

    Returns
    -------
    ndarray, shape (bins,)
        Normalised: the background's mean of its exponential is 1.
    """
    if len(signal) == 1:
        return np.zeros(1)
    penalty = _roughness(len(signal))
    best, best_evidence = np.zeros(len(signal)), -np.inf
    start = np.zeros(len(signal))
    for smoothness in SMOOTHNESS[::-1]:  # from the straight line on: each starts at the last
        start, evidence = _fit(signal, background, smoothness * penalty, start)
        if evidence > best_evidence:
            best, best_evidence = start, evidence
    return np.asarray(best - np.log(np.average(np.exp(best), weights=background)))


def _roughness(bins: int) -> FloatArray:
    """Return the matrix of the sum of squared second differences (first ones, of two bins)."""
    differences = np.diff(np.eye(bins), n=min(2, bins - 1), axis=0)
    return differences.T @ differences


def _fit(
    signal: FloatArray, background: FloatArray, penalty: FloatArray, start: FloatArray
) -> tuple[FloatArray, float]:
    """Return the penalised fit and its log marginal likelihood, up to a constant."""
    offset = np.log(signal.sum() / background.sum())
    total, ridge = signal + background, _RIDGE * np.eye(len(signal))

    def penalised(f: FloatArray) -> float:
        eta = f + offset
        log_likelihood = signal @ eta - total @ np.logaddexp(0.0, eta)
        return float(log_likelihood - 0.5 * f @ (penalty + ridge) @ f)

    f, value = start, penalised(start)
    for _ in range(_STEPS):
        fraction = 1.0 / (1.0 + np.exp(-(f + offset)))
        curvature = np.diag(total * fraction * (1.0 - fraction)) + penalty + ridge
        step = np.linalg.solve(curvature, signal - total * fraction - (penalty + ridge) @ f)
        # The penalised likelihood is concave and Newton's step leads uphill: halving comes to an
        # end.
        while (changed := penalised(f + step)) < value - _SMALL:
            step = 0.5 * step
        f, gained, value = f + step, changed - value, changed
        if gained < _SMALL * max(1.0, abs(value)):
            break
    return f, value - 0.5 * float(np.linalg.slogdet(curvature)[1]) + _log_of_penalty(penalty)


def _log_of_penalty(penalty: FloatArray) -> float:
    """Return half the logarithm of the product of the penalty's eigenvalues that are not 0."""
    eigenvalues = np.linalg.eigvalsh(penalty)
    # A straight line has no roughness: two eigenvalues are 0, or one of two bins.
    kept = eigenvalues[min(2, len(penalty) - 1) :]
    return 0.5 * float(np.log(kept).sum())
