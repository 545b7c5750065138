r"""The count in the window of many universes: whether its z is centred and its limit covers.

The likelihood is the on-off one of `count.py`, which pyhf has for the limit, too:

.. math:: L(S, b') = \mathrm{Pois}(n \mid S + b')\;\mathrm{Pois}(\tau b \mid \tau b'),
          \qquad \tau = b / \sigma_b^2

At a given S its maximum is the root of a quadratic equation, so that q~ and CLs by the asymptotic
formula (arXiv:1007.1727) are closed for thousands of universes at once. A limit covers where CLs of
the true cross-section is at least 5 %.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from scipy.special import xlogy

from analysis.statistics.background.prediction import Prediction
from analysis.statistics.counting.count import Count
from analysis.validation.fits import asymptotic_cls
from tools.arrays import Columns, FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class WindowCounts(Columns):
    """Counts of T windows against what their sidebands predict; shape (T,) each."""

    observed: FloatArray
    predicted: FloatArray
    error: FloatArray
    """uncertainty of the prediction; above zero"""

    @classmethod
    def of(cls, inside: Sequence[FloatArray], predictions: Sequence[Prediction]) -> Self:
        """Return what was counted: events in the window's bins of each channel, shape (T, B)."""
        events = np.array([prediction.events for prediction in predictions])
        errors = np.array([prediction.error_events for prediction in predictions])
        observed = np.sum([channel.sum(axis=1) for channel in inside], axis=0)
        return cls(observed, events, errors)

    @property
    def z(self) -> FloatArray:
        """Significances of the counts, negative for deficits."""
        rows = zip(self.observed, self.predicted, self.error, strict=True)
        return np.array([Count(*map(float, row)).z for row in rows])

    def cls(self, signal: FloatArray) -> FloatArray:
        """Return CLs of a number of signal events in each window.

        The limit of 100 events with 100 +- 20 predicted is where CLs is 5 %; by pyhf 40.44:

        >>> count = WindowCounts(np.array([100.0]), np.array([100.0]), np.array([20.0]))
        >>> round(float(count.cls(np.array([40.44]))[0]), 4)
        0.05
        """
        null = self._background(np.zeros_like(signal))
        blind = WindowCounts(null, null, self.error * np.sqrt(null / self.predicted))
        excess = self.observed - self.predicted
        # A negative strength is no better than none; an excess above S excludes nothing of it.
        least = np.where(excess > 0, 0.0, self._deviance(np.zeros_like(signal)))
        statistic = np.maximum(self._deviance(signal) - least, 0.0)
        return asymptotic_cls(
            np.where(excess > signal, 0.0, statistic), np.maximum(blind._deviance(signal), 0.0)
        )

    def _background(self, signal: FloatArray) -> FloatArray:
        """Return b' where the likelihood is largest for some S."""
        tau = self.predicted / self.error**2
        linear = (1 + tau) * signal - self.observed - tau * self.predicted
        root = np.sqrt(linear**2 + 4 * (1 + tau) * tau * self.predicted * signal)
        return np.asarray((root - linear) / (2 * (1 + tau)))

    def _deviance(self, signal: FloatArray) -> FloatArray:
        """Return -2 ln L for some S, above that of the best S of either sign."""
        n, b, tau = self.observed, self.predicted, self.predicted / self.error**2
        best = self._background(signal)
        count = signal + best - n + xlogy(n, n / (signal + best))
        return np.asarray(2 * (count + tau * (best - b + xlogy(b, b / best))))
