"""Uncertainties of observed counts: the central interval of a Poisson mean."""

import numpy as np

from tools.arrays import FloatArray


def poisson_errors(counts: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the distances to the ends of the central 68.3 % interval of Poisson counts.

    F. Garwood, Biometrika 28 (1936) 437.

    >>> down, up = poisson_errors(np.array([0.0, 4.0]))
    >>> down.round(2), up.round(2)
    (array([0.  , 1.91]), array([1.84, 3.16]))
    """
    from scipy.stats import chi2, norm

    tail = float(norm.sf(1.0))
    # chi2 has no quantiles at zero degrees of freedom: an empty bin reaches down to zero.
    low = np.where(counts > 0, chi2.ppf(tail, 2 * np.maximum(counts, 1e-9)) / 2, 0.0)
    high = chi2.isf(tail, 2 * (counts + 1)) / 2
    return counts - low, high - counts
