r"""Binned extended-likelihood fits of smooth functions; those with a peak are in `peak.py`.

The expected content of bin i is

.. math:: \mu_i = s_i \int_i e^{\theta \cdot b(m)}\,dm

(or the integral of :math:`e^\theta \cdot b(m)`, if the function is additive: `families.py`) with
the entries per event s (1 for data). Minimised is the deviance -2 ln L + const (Baker and Cousins,
NIM 221 (1984) 437). Empty bins count.

Two minimisers, one formula:

- Fisher scoring (Newton's method with the expected information), vectorised over spectra
  (`scoring.py`). It is quick and needs no start values: this serves the many fits of a model
  selection, a mass scan or a calibration.
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

from analysis.statistics.background.families import LOG_RANGE, FittedFunction, Function, quadrature
from analysis.statistics.background.goodness import deviance
from analysis.statistics.minimiser.scoring import Part, Rows, Settings, minimise
from analysis.statistics.spectra.bins import Bins
from tools.arrays import FloatArray

_DAMPING = 0.2
"""damping of additive functions: their coefficients may go to zero by a factor e^5 in each step"""
_AGREEMENT = 1e-3
"""tolerated difference of the deviances that the two minimisers find"""


@dataclass(frozen=True, slots=True, eq=False)
class Group:
    """One function in a group of bins (of a channel), ready to be fitted."""

    function: Function
    rotation: FloatArray
    """printed parameters = rotation @ fitted parameters"""
    basis: FloatArray
    """functions at the quadrature points of each bin, shape (B, 4, P)"""
    weights: FloatArray
    """GeV times entries per event, shape (B, 4)"""
    scale: FloatArray
    """entries per event, shape (B,)"""
    start: FloatArray
    """parameters where fits begin, shape (P,)"""
    bins: slice
    """the group's bins among a model's"""
    own: slice
    """the group's parameters among a model's"""

    def expected(self, theta: FloatArray) -> FloatArray:
        """Return entries per bin, shape (..., B), for own parameters of shape (..., P)."""
        return np.asarray(self._points(theta).sum(axis=-1))

    def slopes(self, theta: FloatArray) -> FloatArray:
        """Return the derivatives of `expected` by the own parameters, shape (..., B, P)."""
        if not self.function.additive:
            return self._summed(self._points(theta))
        weights = np.broadcast_to(self.weights, (*theta.shape[:-1], *self.weights.shape))
        return np.asarray(self._summed(weights) * _grown(theta)[..., None, :])

    def _points(self, theta: FloatArray) -> FloatArray:
        """Return entries per quadrature point, shape (..., B, 4)."""
        additive = self.function.additive
        bins, points, size = self.basis.shape
        flat = (_grown(theta) if additive else theta) @ self.basis.reshape(-1, size).T
        values = flat.reshape(*theta.shape[:-1], bins, points)
        return np.asarray((values if additive else _grown(values)) * self.weights)

    def _summed(self, points: FloatArray) -> FloatArray:
        """Return the sum over quadrature points of point times basis, shape (..., B, P)."""
        if points.ndim == self.basis.ndim - 1:  # one spectrum
            return np.asarray((points[..., None, :] @ self.basis)[..., 0, :])
        return np.asarray((points.swapaxes(0, 1) @ self.basis).swapaxes(0, 1))


def _grown(values: FloatArray) -> FloatArray:
    return np.asarray(np.exp(np.clip(values, -LOG_RANGE, LOG_RANGE)))


@dataclass(frozen=True, slots=True, eq=False)
class Model:
    """The functions of some groups of bins, one after the other (a `scoring.Curve`)."""

    groups: tuple[Group, ...]

    @property
    def size(self) -> int:
        """Number of parameters."""
        return int(self.groups[-1].own.stop)

    @property
    def functions(self) -> tuple[Function, ...]:
        """One for each group."""
        return tuple(group.function for group in self.groups)

    @property
    def start(self) -> FloatArray:
        """Where fits begin, shape (P,)."""
        return np.concatenate([group.start for group in self.groups])

    @property
    def scale(self) -> FloatArray:
        """Entries per event, shape (B,)."""
        return np.concatenate([group.scale for group in self.groups])

    def expected(self, theta: FloatArray, _rows: Rows | None = None) -> FloatArray:
        """Return entries per bin, shape (..., B), for theta of shape (..., P)."""
        parts = [group.expected(theta[..., group.own]) for group in self.groups]
        return parts[0] if len(parts) == 1 else np.concatenate(parts, axis=-1)

    def slopes(self, theta: FloatArray) -> FloatArray:
        """Return the derivatives of `expected` by theta, shape (..., B, P)."""
        found = np.zeros((*theta.shape[:-1], self.groups[-1].bins.stop, self.size))
        for group in self.groups:
            found[..., group.bins, group.own] = group.slopes(theta[..., group.own])
        return found

    def parts(self, theta: FloatArray, _rows: Rows, free: Rows) -> Iterator[Part]:
        """Return the derivatives by the free parameters; all are."""
        for group in self.groups:
            yield Part(group.bins, free[group.own], group.slopes(theta[:, group.own]))

    def over(self, bins: Bins, theta: FloatArray) -> FloatArray:
        """Return the events of the only function in other bins, shape (T, B)."""
        (group,) = self.groups
        masses, widths = quadrature(bins.low_GeV, bins.high_GeV)
        basis = group.function.basis(masses) @ group.rotation
        if group.function.additive:
            return np.asarray(np.einsum("bqp,bq,tp->tb", basis, widths, np.exp(theta)))
        exponent = np.einsum("bqp,tp->tbq", basis, theta)
        return np.asarray((_grown(exponent) * widths).sum(axis=-1))

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
        if not any(function.additive for function in self.functions):
            return None
        found = np.zeros_like(gradient)
        for group in self.groups:
            if group.function.additive:
                found[..., group.own] = _DAMPING * np.abs(gradient[..., group.own])
        return found


def model(functions: Sequence[Function], groups: Sequence[Bins]) -> Model:
    """Return the model of one function in each group of bins."""
    found: list[Group] = []
    bins = size = 0
    for function, content in zip(functions, groups, strict=True):
        found.append(_group(function, content, bins, size))
        bins, size = found[-1].bins.stop, found[-1].own.stop
    return Model(tuple(found))


def _group(function: Function, bins: Bins, first: int, size: int) -> Group:
    """Return a group whose bins and parameters come after so many of others."""
    function = function.within(float(bins.low_GeV.min()), float(bins.high_GeV.max()))
    masses, widths = quadrature(bins.low_GeV, bins.high_GeV)
    basis, weights = function.basis(masses), widths * bins.scale[:, None]
    # Half an event more: an empty bin has a logarithm, too, and a weight, if a small one.
    parameters, content = basis.shape[-1], bins.effective_counts + 0.5
    if function.additive:
        # Each coefficient begins as the density of the events that its own polynomial sees.
        seen, rotation = basis.mean(axis=1), np.eye(parameters)
        start = np.log((seen.T @ content) / (seen.T @ weights.sum(axis=1)))
    else:
        rotation, basis, start = _orthonormal(basis, weights, content)
    own = slice(first, first + len(content)), slice(size, size + parameters)
    return Group(function, rotation, basis, weights, bins.scale, start, *own)


def _orthonormal(
    basis: FloatArray, weights: FloatArray, content: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return rotation, basis and start of a log-linear function, orthonormal where events are."""
    root = np.sqrt(content)[:, None]
    # R of the weighted design: in its inverse the information is nearly the unit matrix.
    _, triangle = np.linalg.qr(root * basis.mean(axis=1))
    rotation = np.linalg.inv(triangle)
    rotated = basis @ rotation
    # Least squares on the logarithms of densities, weighted by events: rotated, its normal matrix
    # is the unit matrix, and one product solves it.
    logs = np.log(content / weights.sum(axis=1))
    start = (root * rotated.mean(axis=1)).T @ (root[:, 0] * logs)
    return rotation, rotated, start


@dataclass(frozen=True, slots=True, eq=False)
class PoissonFit:
    """Fits of T spectra at once."""

    theta: FloatArray
    """fitted parameters, shape (T, P)"""
    covariance: FloatArray
    """covariance of the parameters, shape (T, P, P)"""
    deviance: FloatArray
    """deviance at the minimum, shape (T,)"""
    expected: FloatArray
    """entries per bin, shape (T, B)"""
    converged: npt.NDArray[np.bool_]
    """whether a minimum was found, shape (T,)"""


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
    endless = np.full(model.size, np.inf)
    begin = model.start if start is None else start
    begin = np.array(np.broadcast_to(begin, (len(counts), model.size)))
    found = minimise(model, counts, begin, Settings.all_free(-endless, endless))
    expected = model.expected(found.values)
    return PoissonFit(found.values, found.covariance, found.deviance, expected, found.converged)


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
    known = not any(function.additive for function in model.functions)
    if known:  # the logarithm of a coefficient that may be zero has no parabola for HESSE to find
        minuit.hesse()
    theta = np.array(minuit.values)[None]
    # What the two minimisers do not agree on is no minimum, whatever either says of itself.
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
    return tuple(
        FittedFunction(
            group.function,
            group.rotation,
            fit.theta[index, group.own],
            fit.covariance[index, group.own, group.own],
        )
        for group in model.groups
    )
