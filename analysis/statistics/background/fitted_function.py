"""A function with fitted parameters and their covariance, to be evaluated anywhere."""

from dataclasses import dataclass

import numpy as np

from analysis.statistics.background.families import Function, quadrature
from tools.arrays import FloatArray

LOG_RANGE = 300.0
"""|ln f| beyond this is cut: a step that far out is refused by its deviance anyway"""


@dataclass(frozen=True, slots=True, eq=False)
class FittedFunction:
    """A function with fitted parameters and their covariance, to be evaluated anywhere."""

    function: Function
    rotation: FloatArray
    """printed parameters = rotation @ theta"""
    theta: FloatArray
    """shape (P,)"""
    covariance: FloatArray
    """of `theta`, shape (P, P)"""

    @property
    def values(self) -> FloatArray:
        """Parameters as named by the function."""
        return self.rotation @ self.theta

    @property
    def errors(self) -> FloatArray:
        """Their standard deviations."""
        variances = np.einsum("pq,qr,pr->p", self.rotation, self.covariance, self.rotation)
        return np.asarray(np.sqrt(variances))

    def density(self, mass_GeV: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return f in events per GeV, and its error, at some masses."""
        value, slopes = self._value_and_slopes(mass_GeV)
        error = np.sqrt(np.einsum("...p,pq,...q->...", slopes, self.covariance, slopes))
        return value, error

    def events(self, low_GeV: FloatArray, high_GeV: FloatArray) -> FloatArray:
        """Return the integrals over some bins."""
        masses, widths = quadrature(low_GeV, high_GeV)
        return np.asarray((self._value_and_slopes(masses)[0] * widths).sum(axis=-1))

    def yield_error(self, low_GeV: FloatArray, high_GeV: FloatArray) -> float:
        """Return the error of the sum over some bins, by the full covariance."""
        masses, widths = quadrature(low_GeV, high_GeV)
        slope = np.einsum("bq,bqp->p", widths, self._value_and_slopes(masses)[1])
        return float(np.sqrt(slope @ self.covariance @ slope))

    def _value_and_slopes(self, mass_GeV: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return f and its derivatives by `theta` on one more axis."""
        basis = self.function.basis(mass_GeV) @ self.rotation
        if self.function.additive:
            slopes = basis * np.exp(np.clip(self.theta, -LOG_RANGE, LOG_RANGE))
            return slopes.sum(axis=-1), slopes
        value = np.exp(np.clip(basis @ self.theta, -LOG_RANGE, LOG_RANGE))
        return value, value[..., None] * basis
