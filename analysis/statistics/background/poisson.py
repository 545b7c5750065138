r"""Binned extended-likelihood fits of smooth functions; those with a peak are in `peak.py`.

The expected content of bin i is

.. math:: \mu_i = s_i \int_i e^{\theta \cdot b(m)}\,dm

(or the integral of :math:`e^\theta \cdot b(m)`, if the function is additive: `families.py`) with
the entries per event s (1 for data). Minimised is the deviance -2 ln L + const (Baker and Cousins,
NIM 221 (1984) 437). Empty bins count.

Two minimisers, one formula:

- Fisher scoring (Newton's method with the expected information), vectorised over spectra
  (`scoring.py`). It is quick and needs no start values: this serves the many fits of a tournament,
  a mass scan or a calibration.
- Minuit, started from there: the fit whose numbers are quoted. That the two agree is checked each
  time; a fit in which they do not is no fit.

Log-linear functions are fitted in an orthonormal basis of their own (QR of the weighted design), in
which any order is well conditioned; parameters are turned back only to be printed. The coefficients
of additive functions are positive, so that one that wants to be zero or less has a logarithm that
runs away for ever: `Model.damping` lets such fits arrive.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from analysis.statistics.background.families import Function, quadrature
from analysis.statistics.background.fitted_function import LOG_RANGE, FittedFunction
from analysis.statistics.background.goodness import deviance
from analysis.statistics.minimiser.scoring import Part, Rows, Settings, minimise
from analysis.statistics.spectra.bins import Bins, FloatArray

_DAMPING = 0.2
"""of additive functions: their coefficients may go to zero by a factor e^5 in each step"""
_AGREEMENT = 1e-3
"""of the deviances that the two minimisers find"""


@dataclass(frozen=True, slots=True, eq=False)
class Model:
    """One function in each of some groups of bins (channels), ready to be fitted."""

    functions: tuple[Function, ...]
    """one for each group"""
    rotations: tuple[FloatArray, ...]
    """for each group: printed parameters = rotation @ fitted parameters"""
    basis: FloatArray
    """shape (B, 4, P): each group's functions in its own columns, 0 elsewhere"""
    weights: FloatArray
    """shape (B, 4): GeV times entries per event; 0 switches a point off"""
    scale: FloatArray
    """shape (B,): entries per event"""
    start: FloatArray
    """shape (P,)"""
    additive: "Additive | None" = None
    """where a function is additive; None if all are log-linear"""
    apart: "tuple[Group, ...]" = ()
    """the groups, if they are several"""

    @property
    def size(self) -> int:
        """Number of parameters."""
        return int(self.basis.shape[-1])

    def groups(self) -> "tuple[Group, ...]":
        """Return the groups of bins, each with its own function."""
        return self.apart or (Group(self, slice(0, len(self.basis)), slice(0, self.size)),)

    def points(self, theta: FloatArray) -> FloatArray:
        """Return entries per quadrature point, shape (..., B, 4), for theta of shape (..., P)."""
        if self.additive is None:
            grown = np.exp(np.clip(self._combined(theta), -LOG_RANGE, LOG_RANGE))
            return np.asarray(grown * self.weights)
        factors = self.additive.factors(theta, theta)
        value = self._combined(factors)
        grown = np.exp(np.clip(value, -LOG_RANGE, LOG_RANGE))
        return np.asarray(np.where(self.additive.bins[:, None], value, grown) * self.weights)

    def expected(self, theta: FloatArray) -> FloatArray:
        """Return entries per bin, shape (..., B)."""
        if self.apart:
            parts = [group.model.expected(theta[..., group.own]) for group in self.apart]
            return np.concatenate(parts, axis=-1)
        return np.asarray(self.points(theta).sum(axis=-1))

    def slopes(self, theta: FloatArray) -> FloatArray:
        """Return the derivatives of `expected` by theta, shape (..., B, P)."""
        if self.apart:
            found = np.zeros((*theta.shape[:-1], len(self.basis), self.size))
            for group in self.apart:
                found[..., group.bins, group.own] = group.model.slopes(theta[..., group.own])
            return found
        points = self.points(theta)
        if self.additive is None:
            return self._summed(points)
        points = np.where(self.additive.bins[:, None], self.weights, points)
        factors = self.additive.factors(theta, np.ones_like(theta))
        return np.asarray(self._summed(points) * factors[..., None, :])

    def _combined(self, factors: FloatArray) -> FloatArray:
        """Return the sum over parameters of factor times basis, shape (..., B, 4)."""
        bins, points, size = self.basis.shape
        flat = factors @ self.basis.reshape(-1, size).T
        return np.asarray(flat.reshape(*factors.shape[:-1], bins, points))

    def _summed(self, points: FloatArray) -> FloatArray:
        """Return the sum over quadrature points of point times basis, shape (..., B, P)."""
        if points.ndim == self.basis.ndim - 1:  # one spectrum
            return np.asarray((points[..., None, :] @ self.basis)[..., 0, :])
        return np.asarray((points.swapaxes(0, 1) @ self.basis).swapaxes(0, 1))

    def over(self, bins: Bins, theta: FloatArray) -> FloatArray:
        """Return the events of the only function in other bins, shape (T, B)."""
        (function,), (rotation,) = self.functions, self.rotations
        masses, widths = quadrature(bins.low_GeV, bins.high_GeV)
        basis = function.basis(masses) @ rotation
        if function.additive:
            return np.asarray(np.einsum("bqp,bq,tp->tb", basis, widths, np.exp(theta)))
        exponent = np.clip(np.einsum("bqp,tp->tbq", basis, theta), -LOG_RANGE, LOG_RANGE)
        return np.asarray((np.exp(exponent) * widths).sum(axis=-1))

    def damping(self, gradient: FloatArray) -> FloatArray | None:
        """Return what to add to the diagonal of the expected information; None for nothing.

        Where a coefficient is nearly zero, its logarithm makes steps of 1/0.2 = 5 at most, and the
        gain that the gradient promises there is as small as it is. At a minimum the gradient
        vanishes and so does the damping: neither the minimum nor the speed near it change. (With a
        factor 1 it is, for a coefficient on its way to zero, just what the expected information
        lacks of the second derivative, as d2 mu / d theta2 = d mu / d theta; 0.2 is quicker.)

        Parameters
        ----------
        gradient : ndarray, shape (..., P)
            Of half the deviance.
        """
        if self.additive is None:
            return None
        return np.where(self.additive.parameters, _DAMPING * np.abs(gradient), 0.0)


@dataclass(frozen=True, slots=True, eq=False)
class Additive:
    """Which part of a model is additive."""

    parameters: npt.NDArray[np.bool_]
    """shape (P,): the logarithms of coefficients"""
    bins: npt.NDArray[np.bool_]
    """shape (B,)"""

    def factors(self, theta: FloatArray, others: FloatArray) -> FloatArray:
        """Return the coefficients of the additive functions, and `others` elsewhere."""
        grown = np.exp(np.clip(theta, -LOG_RANGE, LOG_RANGE))
        return np.where(self.parameters, grown, others)


@dataclass(frozen=True, slots=True, eq=False)
class Group:
    """One group of bins."""

    model: Model
    """of it alone"""
    bins: slice
    """which they are of all"""
    own: slice
    """which of all parameters are its"""


def model(functions: Sequence[Function], groups: Sequence[Bins]) -> Model:
    """Return the model of one function in each group of bins."""
    alone = [_alone(function, bins) for function, bins in zip(functions, groups, strict=True)]
    return alone[0] if len(alone) == 1 else _together(alone)


def _alone(function: Function, bins: Bins) -> Model:
    function = function.within(float(bins.low_GeV.min()), float(bins.high_GeV.max()))
    rotation, basis, weights, start = _part(function, bins)
    additive = None
    if function.additive:
        additive = Additive(np.ones(len(start), dtype=bool), np.ones(len(basis), dtype=bool))
    return Model((function,), (rotation,), basis, weights, bins.scale, start, additive)


def _together(alone: Sequence[Model]) -> Model:
    """Return the model of all groups, one after the other."""
    ends = np.cumsum([(len(each.basis), each.size) for each in alone], axis=0).tolist()
    apart = tuple(
        Group(each, slice(bins - len(each.basis), bins), slice(size - each.size, size))
        for each, (bins, size) in zip(alone, ends, strict=True)
    )
    basis = np.zeros((ends[-1][0], alone[0].basis.shape[1], ends[-1][1]))
    for group in apart:
        basis[group.bins, :, group.own] = group.model.basis
    additive = Additive(np.zeros(basis.shape[2], dtype=bool), np.zeros(len(basis), dtype=bool))
    for group in apart:
        if group.model.additive is not None:
            additive.parameters[group.own], additive.bins[group.bins] = True, True
    return Model(
        tuple(function for each in alone for function in each.functions),
        tuple(rotation for each in alone for rotation in each.rotations),
        basis,
        np.concatenate([each.weights for each in alone]),
        np.concatenate([each.scale for each in alone]),
        np.concatenate([each.start for each in alone]),
        additive if additive.parameters.any() else None,
        apart,
    )


def _part(function: Function, bins: Bins) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Return rotation, basis, weights and start of one group."""
    masses, widths = quadrature(bins.low_GeV, bins.high_GeV)
    basis, weights = function.basis(masses), widths * bins.scale[:, None]
    content = bins.effective_counts + 0.5
    if function.additive:
        # Each coefficient begins as the density of the events that its own polynomial sees.
        share = basis.mean(axis=1)
        density = (share.T @ content) / (share.T @ weights.sum(axis=1))
        return np.eye(basis.shape[-1]), basis, weights, np.log(density)
    return _orthonormal(basis, weights, content)


def _orthonormal(
    basis: FloatArray, weights: FloatArray, content: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Return the part of a log-linear function in a basis orthonormal where the events are."""
    root = np.sqrt(content)[:, None]
    _, triangle = np.linalg.qr(root * basis.mean(axis=1))
    rotation = np.linalg.inv(triangle)
    rotated = basis @ rotation
    logs = np.log(content / weights.sum(axis=1))
    start = (root * rotated.mean(axis=1)).T @ (root[:, 0] * logs)
    return rotation, rotated, weights, start


@dataclass(frozen=True, slots=True, eq=False)
class PoissonFit:
    """Fits of T spectra at once."""

    theta: FloatArray
    """shape (T, P)"""
    covariance: FloatArray
    """shape (T, P, P)"""
    deviance: FloatArray
    """shape (T,)"""
    expected: FloatArray
    """entries per bin, shape (T, B)"""
    converged: npt.NDArray[np.bool_]
    """shape (T,)"""


def scoring_fit(counts: FloatArray, model: Model, *, start: FloatArray | None = None) -> PoissonFit:
    """Fit spectra by Fisher scoring.

    Parameters
    ----------
    counts : ndarray, shape (T, B)
        Effective counts. Non-integer (Asimov) contents are welcome.
    model : Model
        The functions.
    start : ndarray, shape (P,) or (T, P), optional
        Start of the functions' parameters; by default a straight line through the logarithms.

    Returns
    -------
    PoissonFit
        Look at `converged`: a function that runs away, ever steeper, does not.
    """
    size = model.size
    settings = Settings(
        np.arange(size), np.zeros(size, dtype=bool), np.full(size, -np.inf), np.full(size, np.inf)
    )
    begin = model.start if start is None else start
    begin = np.array(np.broadcast_to(begin, (len(counts), size)))
    found = minimise(_Curve(model), counts, begin, settings)
    expected = model.expected(found.values)
    return PoissonFit(found.values, found.covariance, found.deviance, expected, found.converged)


@dataclass(frozen=True, slots=True, eq=False)
class _Curve:
    """The functions alone (a `scoring.Curve`)."""

    model: Model

    def expected(self, values: FloatArray, _rows: Rows) -> FloatArray:
        return self.model.expected(values)

    def parts(self, values: FloatArray, _rows: Rows, free: Rows) -> Iterator[Part]:
        for group in self.model.groups():
            yield Part(group.bins, free[group.own], group.model.slopes(values[:, group.own]))

    def damping(self, gradient: FloatArray) -> FloatArray | None:
        return self.model.damping(gradient)


def minuit_fit(counts: FloatArray, model: Model, fit: PoissonFit) -> PoissonFit:
    """Repeat the first of some fits (without template) with Minuit, started where it ended.

    Returns
    -------
    PoissonFit
        Of one spectrum; converged if Minuit calls it valid and the deviances of both agree. The
        covariance is HESSE's, or for additive functions the expected information's.
    """
    from iminuit import Minuit

    def cost(theta: FloatArray) -> float:
        return float(deviance(counts, model.expected(theta)))

    def gradient(theta: FloatArray) -> FloatArray:
        return 2 * np.asarray((1 - counts / model.expected(theta)) @ model.slopes(theta))

    minuit: Any = Minuit(cost, fit.theta[0], grad=gradient)
    minuit.errordef = Minuit.LEAST_SQUARES  # the deviance rises by 1 at one standard deviation
    minuit.strategy = 0  # the start is the minimum already
    minuit.migrad()
    known = model.additive is None
    if known:  # the logarithm of a coefficient that may be zero has no parabola for HESSE to find
        minuit.hesse()
    theta = np.array(minuit.values)[None]
    valid = bool(minuit.valid and abs(minuit.fval - fit.deviance[0]) < _AGREEMENT)
    valid = valid and (not known or bool(minuit.accurate))
    known = known and minuit.covariance is not None
    return PoissonFit(
        theta,
        np.array(minuit.covariance)[None] if known else fit.covariance[:1],
        np.array([minuit.fval]),
        model.expected(theta),
        np.array([valid and bool(fit.converged[0])]),
    )


def fitted_functions(model: Model, fit: PoissonFit, index: int = 0) -> tuple[FittedFunction, ...]:
    """Return the functions of a fit's `index`-th spectrum, one for each group of bins."""
    found, column = [], 0
    for function, rotation in zip(model.functions, model.rotations, strict=True):
        own = slice(column, column + len(rotation))
        found.append(
            FittedFunction(
                function, rotation, fit.theta[index, own], fit.covariance[index, own, own]
            )
        )
        column = own.stop
    return tuple(found)
