r"""The bias that a maximum-likelihood fit has by itself, to second order in its errors.

Of a fit to few events the mean estimate is not the truth, even where the function is. For Poisson
counts with expectations :math:`\mu_i(\theta)` and the covariance C

.. math:: \langle\hat\theta - \theta\rangle = -\tfrac12\, C \sum_i
          \frac{\nabla\mu_i}{\mu_i}\, \mathrm{tr}(C\, \nabla\nabla\mu_i)

(D. R. Cox and E. J. Snell, J. R. Stat. Soc. B 30 (1968) 248, eq. 20), and a yield has
:math:`\tfrac12\, \mathrm{tr}(C\, \nabla\nabla)` of its own on top. For an exponential of a cubic
polynomial behind the course's cuts it is 0.3 % of the window, as toys show: a dozen events above
the window hold the function there.

It is the first term of a series. Where it is no small part of the fit's error (some hundred events)
the next terms are as large, and nothing is known.
"""

from analysis.statistics.background.families import FittedFunction
from analysis.statistics.spectra.bins import Bins
from tools.arrays import FloatArray

_SMALL = 0.25
"""of the prediction and of its error: above it the series is not believed"""


def fit_bias(
    fitted: FittedFunction, side: Bins, low_GeV: FloatArray, high_GeV: FloatArray
) -> float:
    """Return by how many events a predicted yield is too large on average; 0 where not known.

    Parameters
    ----------
    fitted : FittedFunction
        The function, fitted to `side`.
    side : Bins
        Bins that were fitted.
    low_GeV, high_GeV : ndarray, shape (B,)
        Edges of the bins whose yield is predicted.
    """
    slopes, bends = fitted.second_order(side.low_GeV, side.high_GeV)
    expected = fitted.events(side.low_GeV, side.high_GeV)
    # Entries, not events, are Poisson: one factor of the scale is left.
    shift = -fitted.covariance @ ((side.scale * bends / expected) @ slopes) / 2
    slopes, bends = fitted.second_order(low_GeV, high_GeV)
    bias = float(slopes.sum(axis=0) @ shift + bends.sum() / 2)
    error, predicted = fitted.yield_error(low_GeV, high_GeV), fitted.events(low_GeV, high_GeV).sum()
    return bias if abs(bias) <= _SMALL * min(error, predicted) else 0.0
