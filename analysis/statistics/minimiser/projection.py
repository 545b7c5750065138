r"""A peak's best strength to first order: one step of Newton's method, for all masses at once.

About a fitted background b with slopes J (by its parameters), weights W = diag(1/b) and the
template g of a peak,

.. math::

   U = g^T W r - C A^{-1} J^T W r,\qquad I = g^T W g - C A^{-1} C^T,\qquad
   A = J^T W J,\quad C = g^T W J

with the residuals r = n - b: the strength is S = U/I with variance 1/I (the score test with the
background's parameters profiled). Right where |S| is small against the background under the peak:
for spurious signals, for expected errors, and for telling which masses of a toy are worth a fit.
Where few events are expected it is *not* the likelihood ratio, whose tails it overstates.
"""

import numpy as np

from tools.arrays import FloatArray

_NO_INFORMATION, _MIN_KNOWN = 1e-150, 1e-300
"""in place of zero, where a function has run away or a peak lies outside the bins"""
_DAMPING = 1e-11
"""damping of the information with ones on its diagonal, as the fits have it (`scoring.py`)"""


def project(
    counts: FloatArray, expected: FloatArray, slopes: FloatArray, templates: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return the strength of every template on every spectrum, and its uncertainty.

    Parameters
    ----------
    counts, expected : ndarray, shape (T, B)
        Spectra, and the backgrounds fitted to them.
    slopes : ndarray, shape (T, B, P)
        Derivatives of `expected` by the background's parameters.
    templates : ndarray, shape (M, B)
        Contents of one event.

    Returns
    -------
    strength, error : ndarray, shape (T, M)
        Events.
    """
    weighted = slopes / expected[..., None]
    information = slopes.swapaxes(1, 2) @ weighted
    size = np.sqrt(np.einsum("tpp->tp", information)) + _NO_INFORMATION
    information /= size[:, :, None] * size[:, None, :]
    information += _DAMPING * np.eye(information.shape[-1])
    common = templates @ (weighted / size[:, None, :])  # (T, M, P)
    taken = np.linalg.solve(information, common.swapaxes(1, 2))  # (T, P, M)
    pulls = (counts - expected) / expected
    left = (pulls[:, None, :] @ slopes)[:, 0, :] / size  # (T, P), nothing at the minimum
    score = pulls @ templates.T - np.einsum("tp,tpm->tm", left, taken)
    known = (1 / expected) @ (templates**2).T - np.einsum("tmp,tpm->tm", common, taken)
    known = np.maximum(known, _MIN_KNOWN)
    return score / known, 1 / np.sqrt(known)


def likelihood_ratio(strength: FloatArray, variance: FloatArray) -> FloatArray:
    """Return by how much the deviance falls with an excess, also where few events are expected.

    That of a count of S + v events where v are expected (G. Cowan et al., arXiv:1007.1727, eq. 97):
    the background under a peak of S events whose strength has the variance v.

    >>> likelihood_ratio(np.array([0.1, 10.0]), np.array([100.0, 1.0])).round(4).tolist()
    [0.0001, 32.7537]
    """
    return np.asarray(2 * ((strength + variance) * np.log1p(strength / variance) - strength))
