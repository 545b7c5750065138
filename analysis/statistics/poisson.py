r"""Binned extended-likelihood fits of log-linear functions, with or without a peak on top.

The expected content of bin i is

.. math:: \mu_i = s_i \Big( \int_i e^{\theta \cdot b(m)}\,dm + S g_i \Big)

with the entries per event s (1 for data), a template g (the bin integrals of a resonance) and its
number of events S, which may be negative as long as every expectation is positive. Minimised is
the deviance -2 ln L + const (Baker and Cousins, NIM 221 (1984) 437). Empty bins count.

Two minimisers, one formula:

- Fisher scoring (Newton's method with the expected information), vectorised over spectra and over
  templates. It is quick and needs no start values: this serves the many fits of a tournament, a
  mass scan or a calibration.
- Minuit, started from there: the fit whose numbers are quoted. That the two agree is checked each
  time; a fit in which they do not is no fit.

Functions are fitted in an orthonormal basis of their own (QR of the weighted design), in which any
order is well conditioned; parameters are turned back only to be printed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from analysis.statistics.families import Function, quadrature
from analysis.statistics.fitted_function import LOG_RANGE, FittedFunction
from analysis.statistics.spectra import Bins, FloatArray

_MAX_ITERATIONS = 60
_CONVERGED = 1e-7
"""estimated distance of the deviance from its minimum"""
_AGREEMENT = 1e-3
"""of the deviances that the two minimisers find"""


def deviance(counts: FloatArray, expected: FloatArray) -> FloatArray:
    """Return -2 ln(L / L_saturated) of Poisson counts, summed over the last axis.

    >>> float(deviance(np.array([0.0, 3.0]), np.array([1.5, 3.0])))
    3.0
    """
    from scipy.special import kl_div

    # Rounding may leave a perfect fit to millions of events a hair below zero.
    return np.asarray(np.maximum(2 * np.sum(kl_div(counts, expected), axis=-1), 0.0))


def goodness_of_fit(
    counts: FloatArray, expected: FloatArray, parameters: int, *, least: float = 10.0
) -> float | None:
    """Return the p-value of a fit, valid with empty and nearly empty bins.

    Neighbouring bins are merged until each expects `least` events (what remains joins the last);
    the deviance of the merged bins follows chi-square closely, that of the fine bins does not.

    Returns
    -------
    float or None
        None if the merged bins are not more than the parameters.

    Examples
    --------
    >>> round(goodness_of_fit(np.array([12.0, 25.0, 8.0, 1.0]), np.array([15.0, 20, 9, 2]), 1), 3)
    0.335
    """
    from scipy.stats import chi2

    starts, filled = [0], 0.0
    for index, value in enumerate(expected[:-1]):
        filled += value
        if filled >= least and expected[index + 1 :].sum() >= least:
            starts.append(index + 1)
            filled = 0.0
    if len(starts) <= parameters:
        return None
    merged = deviance(np.add.reduceat(counts, starts), np.add.reduceat(expected, starts))
    return float(chi2.sf(merged, len(starts) - parameters))


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

    @property
    def size(self) -> int:
        """Number of parameters."""
        return int(self.basis.shape[-1])

    def points(self, theta: FloatArray) -> FloatArray:
        """Return entries per quadrature point, shape (..., B, 4), for theta of shape (..., P)."""
        exponent = np.einsum("bqp,...p->...bq", self.basis, theta)
        return np.asarray(np.exp(np.clip(exponent, -LOG_RANGE, LOG_RANGE)) * self.weights)

    def expected(self, theta: FloatArray) -> FloatArray:
        """Return entries per bin, shape (..., B)."""
        return np.asarray(self.points(theta).sum(axis=-1))

    def slopes(self, theta: FloatArray) -> FloatArray:
        """Return the derivatives of `expected` by theta, shape (..., B, P)."""
        return np.asarray(np.einsum("...bq,bqp->...bp", self.points(theta), self.basis))


def model(functions: Sequence[Function], groups: Sequence[Bins]) -> Model:
    """Return the model of one function in each group of bins."""
    parts = [_part(function, bins) for function, bins in zip(functions, groups, strict=True)]
    size = sum(len(start) for *_, start in parts)
    blocks, column = [], 0
    for _, basis, _, start in parts:
        block = np.zeros((*basis.shape[:2], size))
        block[..., column : column + len(start)] = basis
        column += len(start)
        blocks.append(block)
    return Model(
        functions=tuple(functions),
        rotations=tuple(rotation for rotation, *_ in parts),
        basis=np.concatenate(blocks),
        weights=np.concatenate([weights for _, _, weights, _ in parts]),
        scale=np.concatenate([bins.scale for bins in groups]),
        start=np.concatenate([start for *_, start in parts]),
    )


def _part(function: Function, bins: Bins) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Return rotation, basis, weights and start of one group, orthonormal where the events are."""
    masses, widths = quadrature(bins.low_GeV, bins.high_GeV)
    basis, weights = function.log_basis(masses), widths * bins.scale[:, None]
    content = bins.effective_counts + 0.5
    root = np.sqrt(content)[:, None]
    _, triangle = np.linalg.qr(root * basis.mean(axis=1))
    rotation = np.linalg.inv(triangle)
    rotated = basis @ rotation
    logs = np.log(content / weights.sum(axis=1))
    start = (root * rotated.mean(axis=1)).T @ (root[:, 0] * logs)
    return rotation, rotated, weights, start


@dataclass(frozen=True, slots=True, eq=False)
class PoissonFit:
    """Fits of T spectra (or with T templates) at once."""

    theta: FloatArray
    """shape (T, P), or (T, P + 1) with the events of the template last"""
    covariance: FloatArray
    """shape (T, P, P) or (T, P + 1, P + 1)"""
    deviance: FloatArray
    """shape (T,)"""
    expected: FloatArray
    """entries per bin, shape (T, B)"""
    converged: FloatArray
    """shape (T,), boolean"""


def scoring_fit(
    counts: FloatArray,
    model: Model,
    templates: FloatArray | None = None,
    *,
    start: FloatArray | None = None,
) -> PoissonFit:
    """Fit spectra by Fisher scoring.

    Parameters
    ----------
    counts : ndarray, shape (T, B) or (1, B)
        Effective counts. Non-integer (Asimov) contents are welcome.
    model : Model
        The functions.
    templates : ndarray, shape (T, B), optional
        Expected contents of one event of a resonance, fitted on top.
    start : ndarray, shape (P,), optional
        Start of the functions' parameters; by default a straight line through the logarithms.

    Returns
    -------
    PoissonFit
        Look at `converged`: a function that runs away, ever steeper, does not.
    """
    spectra = max(len(counts), 0 if templates is None else len(templates))
    theta = np.tile(model.start if start is None else start, (spectra, 1))
    if templates is not None:
        theta = np.hstack([theta, np.zeros((spectra, 1))])
    expected, slopes = _entries(model, theta, templates), _slopes(model, theta, templates)
    value, done = deviance(counts, expected), np.zeros(spectra, dtype=bool)
    for _ in range(_MAX_ITERATIONS):
        gradient = np.einsum("tb,tbp->tp", 1 - counts / expected, slopes)
        step = np.einsum("tpq,tq->tp", _inverse(expected, slopes), -gradient)
        done = -np.einsum("tp,tp->t", gradient, step) < _CONVERGED
        if done.all():
            break
        theta, value = _descend(
            counts, model, templates, theta, np.where(done[:, None], 0, step), value
        )
        expected, slopes = _entries(model, theta, templates), _slopes(model, theta, templates)
    return PoissonFit(theta, _inverse(expected, slopes), value, expected, done)


def _entries(model: Model, theta: FloatArray, templates: FloatArray | None) -> FloatArray:
    if templates is None:
        return model.expected(theta)
    return model.expected(theta[:, :-1]) + theta[:, -1:] * templates * model.scale


def _slopes(model: Model, theta: FloatArray, templates: FloatArray | None) -> FloatArray:
    if templates is None:
        return model.slopes(theta)
    slopes = model.slopes(theta[:, :-1])
    peak = np.broadcast_to(templates * model.scale, slopes.shape[:2])
    return np.concatenate([slopes, peak[..., None]], axis=-1)


def _inverse(expected: FloatArray, slopes: FloatArray) -> FloatArray:
    """Return the inverse of the expected information, scaled so that units do not matter."""
    relative = slopes / np.sqrt(expected)[..., None]
    information = relative.swapaxes(1, 2) @ relative
    size = np.sqrt(np.einsum("tpp->tp", information)) + 1e-150
    scaled = information / (size[:, :, None] * size[:, None, :])
    # A function that runs away has no information in one direction: damp it there.
    scaled += 1e-11 * np.eye(scaled.shape[-1])
    return np.asarray(np.linalg.inv(scaled) / (size[:, :, None] * size[:, None, :]))


def _descend(
    counts: FloatArray,
    model: Model,
    templates: FloatArray | None,
    theta: FloatArray,
    step: FloatArray,
    value: FloatArray,
) -> tuple[FloatArray, FloatArray]:
    """Take each step, halved until the deviance does not rise."""
    for _ in range(30):
        trial = theta + step
        expected = _entries(model, trial, templates)
        positive = np.all(expected > 0, axis=1)
        new = deviance(counts, np.where(positive[:, None], expected, 1.0))
        worse = ~positive | ~(new <= value + 1e-9)
        if not worse.any():
            return trial, new
        step = np.where(worse[:, None], step / 2, step)
    return np.where(worse[:, None], theta, trial), np.where(worse, value, new)


def minuit_fit(counts: FloatArray, model: Model, fit: PoissonFit) -> PoissonFit:
    """Repeat the first of some fits (without template) with Minuit, started where it ended.

    Returns
    -------
    PoissonFit
        Of one spectrum; converged if Minuit calls it valid and the deviances of both agree. The
        covariance is HESSE's.
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
    minuit.hesse()
    theta = np.array(minuit.values)[None]
    valid = bool(
        minuit.valid and minuit.accurate and abs(minuit.fval - fit.deviance[0]) < _AGREEMENT
    )
    return PoissonFit(
        theta,
        np.array(minuit.covariance)[None] if minuit.covariance is not None else fit.covariance[:1],
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
