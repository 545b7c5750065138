r"""CLs limits and the discovery significance of any pyhf model, by the asymptotic formulae.

The test statistic is q~ of arXiv:1007.1727 (eq. 16), its values differences of pyhf's own -2 ln L.
With :math:`s(\mu) = \sqrt{\tilde q_\mu}` on the Asimov set without signal, the expected limits at
N standard deviations solve (eq. 89, with the quantile of CLs instead of that of p)

.. math:: s(\mu) = N + \Phi^{-1}(1 - \alpha\,\Phi(N))

whose right side is 1.96 for the median: no CLs has to be computed for them, and s is nearly
proportional to the strength. The observed limit is that of pyhf's `hypotest`, searched by the
logarithm of CLs, which behind an excess of tens of standard deviations is still a number.

A fitter tells where the minimum is. `pyhf_fitter` asks pyhf's own minimisers (scipy's, and Minuit's
if it fails); `template_fitter` knows the derivatives, and is believed if its likelihood changes
between two fits as pyhf's does.

Traps of pyhf 0.7.6 that this stays clear of: its own scan returns the edge when the limit lies
beyond it (here there is none then), and its own root search takes many more evaluations; fits are
reliable for strengths around 1 (the signal is to be scaled to that); a lower bound below 0 ends in
NaN; with 5e7 events scipy's optimiser stops where it starts and reports success (a second one
checks every limit of a count); the backend is global (it is restored).
"""

import contextlib
import logging
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from analysis.results.values import BANDS
from analysis.statistics.limits.template_fit import TemplateFit
from tools.arrays import FloatArray
from tools.errors import XyyError

Fitter = Callable[[FloatArray, float | None], FloatArray]
"""(data with auxiliary data, strength or None to fit it) -> parameters of pyhf's model"""
_SAME_STATISTIC = 1e-6
"""relative difference of the two likelihoods' test statistics"""
_ROUNDING = 1e-14
"""of a likelihood of 1e10, between two of which a test statistic is the difference"""
_STRENGTH_ERROR = 1e-6
"""relative error of a limit: pyhf finds it again from a saved workspace"""
_NOISE = 1e-4
"""which pyhf's own minimisers may leave in place of it"""
_SEARCHES = 25
"""steps of a search for a limit, which has given up after them"""
_FURTHER = 1.6
"""how much further from the best fit the observed limit is looked for next"""
_ROOM = 1.01
"""above a fixed strength: pyhf refuses one at its bound"""


class NoLimitError(XyyError):
    """pyhf's model has no limit, or its minimisers find none."""


@contextlib.contextmanager
def numpy_backend() -> Iterator[tuple[Any, Any]]:
    """Give pyhf its numpy backend while the block runs, and yield its optimisers; then restore."""
    import pyhf

    tensors, optimiser = pyhf.get_backend()
    logger = logging.getLogger("pyhf")
    level = logger.level
    optimisers = (pyhf.optimize.scipy_optimizer(), pyhf.optimize.minuit_optimizer())
    try:
        pyhf.set_backend("numpy", optimisers[0])
        # Where an optimiser fails, pyhf divides by zero and logs pages; the failure is looked for.
        logger.setLevel(logging.CRITICAL)
        with np.errstate(divide="ignore", invalid="ignore"):
            yield optimisers
    finally:
        logger.setLevel(level)
        pyhf.set_backend(tensors, optimiser)


def model_of(document: dict[str, Any]) -> tuple[Any, FloatArray]:
    """Return pyhf's model and data of a workspace that we have made.

    It is not validated again, which takes ten times longer than the limits.
    """
    import pyhf

    config = document["measurements"][0]["config"]
    specification = {"channels": document["channels"], "parameters": config["parameters"]}
    model = pyhf.Model(specification, validate=False, poi_name=config["poi"])
    counts = {each["name"]: each["data"] for each in document["observations"]}
    main = [events for name in model.config.channels for events in counts[name]]
    return model, np.array([*main, *model.config.auxdata], dtype=np.float64)


def pyhf_fitter(model: Any, optimisers: Sequence[Any]) -> Fitter:
    """Return a fitter by pyhf's minimisers, in turn; for use inside `numpy_backend`.

    The fitter raises `NoLimitError` if all fail.
    """

    def fit(data: FloatArray, strength: float | None) -> FloatArray:
        import pyhf

        bounds = _bounds(model, strength)
        for optimiser in optimisers:
            pyhf.set_backend("numpy", optimiser)
            with contextlib.suppress(pyhf.exceptions.FailedMinimization):
                if strength is None:
                    found = pyhf.infer.mle.fit(data, model, par_bounds=bounds)
                else:
                    found = pyhf.infer.mle.fixed_poi_fit(strength, data, model, par_bounds=bounds)
                if np.all(np.isfinite(found)):
                    return np.asarray(found)
        at = "" if strength is None else f" at strength {strength:.4g}"
        raise NoLimitError(f"pyhf's minimisers all fail{at}")

    return fit


def template_fitter(model: Any, templates: TemplateFit) -> Fitter:
    """Return a fitter of the workspace that was made of the same templates.

    The fitter raises `NoLimitError` if it does not converge.
    """
    order = [model.config.par_slice(name).start for name in templates.names]
    bins, width = bin_order(model, templates), templates.widths
    nominal = np.array(model.config.suggested_init(), dtype=np.float64)
    held = np.flatnonzero(templates.constrained[1:])
    aux = [model.config.auxdata_order.index(templates.names[1 + index]) for index in held]

    def fit(data: FloatArray, strength: float | None) -> FloatArray:
        centres = templates.nominal[1:]
        centres[held] = (data[len(bins) :][aux] - templates.centres[1 + held]) * width[held]
        # From the auxiliary data: an Asimov set is fitted where it was made.
        start = np.concatenate([[strength or 0.0], centres])
        fits = templates.fit(data[bins][None], centres[None], strength=strength, start=start)
        if not fits.converged[0]:
            raise NoLimitError("the fit of the templates does not converge")
        parameters = nominal.copy()
        parameters[order] = fits.values[0]
        parameters[order[1:]] = templates.centres[1:] + fits.values[0, 1:] / width
        return parameters

    return fit


def bin_order(model: Any, templates: TemplateFit) -> list[int]:
    """Return where in pyhf's data the templates' bins are: it sorts channels by name."""
    return [model.config.channel_slices[name].start for name in templates.bin_names]


def _bounds(model: Any, strength: float | None) -> list[tuple[float, float]]:
    """Return the model's bounds, wide enough for a strength."""
    bounds = [tuple(pair) for pair in model.config.suggested_bounds()]
    if strength is not None:
        low, high = bounds[model.config.poi_index]
        bounds[model.config.poi_index] = (min(low, strength), max(high, _ROOM * strength))
    return bounds


@dataclass(frozen=True, slots=True, eq=False)
class DataProfile:
    """The profile likelihood of some data."""

    model: Any
    data: FloatArray
    """with the auxiliary data"""
    fitter: Fitter
    best: float
    """best strength, within its bounds"""
    minimum: float
    """-2 ln L at the best strength"""

    @classmethod
    def of(cls, model: Any, data: Sequence[float] | FloatArray, fitter: Fitter) -> "DataProfile":
        """Fit the strength."""
        array = np.asarray(data, dtype=np.float64)
        parameters = fitter(array, None)
        best = float(parameters[model.config.poi_index])
        return cls(model, array, fitter, best, twice_nll(model, parameters, array))

    def statistic(self, strength: float) -> float:
        """Return q~ of a strength, or q0 of strength 0."""
        # More than a strength is no evidence against it (arXiv:1007.1727, eq. 16).
        if 0 < strength < self.best:
            return 0.0
        at = twice_nll(self.model, self.fitter(self.data, strength), self.data)
        if not math.isfinite(at - self.minimum):
            raise NoLimitError(f"pyhf's likelihood is not finite at strength {strength:.4g}")
        return max(at - self.minimum, 0.0)

    def without_signal(self) -> "DataProfile":
        """Return the profile of the Asimov set at the best fit without signal."""
        return asimov(self.model, self.fitter(self.data, 0.0), self.fitter)


def twice_nll(model: Any, parameters: FloatArray, data: FloatArray) -> float:
    """Return pyhf's -2 ln L."""
    from pyhf.infer.mle import twice_nll as value

    return float(np.asarray(value(parameters, data, model)).ravel()[0])


def asimov(model: Any, parameters: FloatArray, fitter: Fitter) -> DataProfile:
    """Return the profile of the Asimov set at some parameters without signal: its own best fit."""
    data = np.asarray(model.expected_data(parameters), dtype=np.float64)
    return DataProfile(model, data, fitter, 0.0, twice_nll(model, parameters, data))


def nominal_asimov(model: Any, fitter: Fitter) -> DataProfile:
    """Return the profile of the Asimov set of the model's nominal background."""
    parameters = np.array(model.config.suggested_init(), dtype=np.float64)
    parameters[model.config.poi_index] = 0.0
    return asimov(model, parameters, fitter)


def log_cls(strength: float, data: DataProfile, background: DataProfile) -> float:
    """Return ln CLs of a strength.

    Parameters
    ----------
    strength : float
    data, background : DataProfile
        Of the data, and of the Asimov set of its best fit without signal.
    """
    from scipy.stats import norm

    observed, width = data.statistic(strength), math.sqrt(background.statistic(strength))
    # A strength that makes no difference is as probable with signal as without: CLs = 1.
    if width == 0:
        return 0.0
    root = math.sqrt(observed)
    # Beyond the Asimov value q~ is linear in the best strength, not its square (arXiv:1007.1727).
    shifted = root - width if root <= width else (observed - width**2) / (2 * width)
    return float(norm.logsf(shifted + width) - norm.logsf(shifted))


def cls_values(strength: float, data: DataProfile, background: DataProfile) -> list[float]:
    """Return CLs of a strength: the observed one, and those expected at `BANDS`."""
    from scipy.stats import norm

    width, bands = math.sqrt(background.statistic(strength)), np.array(BANDS)
    expected = norm.cdf(bands - width) / norm.cdf(bands)
    return [math.exp(log_cls(strength, data, background)), *map(float, expected)]


def expected_limits(
    background: DataProfile, *, confidence_level: float = 0.95, guess: float
) -> tuple[float, ...]:
    """Return the limits on the strength expected at `BANDS`.

    Parameters
    ----------
    background : DataProfile
        Of an Asimov set without signal.
    confidence_level : float
    guess : float
        Error of the strength, roughly.

    Raises
    ------
    NoLimitError
        If a limit is not found.
    """
    from scipy.stats import norm

    bands = np.array(BANDS)
    targets = bands + norm.isf((1 - confidence_level) * norm.cdf(bands))
    # Each target begins where a straight line through the last limit puts it.
    found, width = [], guess
    for target in targets:
        limit = _solved(background, float(target), width)
        width = limit / target
        found.append(limit)
    return tuple(found)


def _solved(background: DataProfile, target: float, width: float) -> float:
    """Return where s(strength) is `target`; s is nearly proportional to the strength."""
    low, high, strength = 0.0, math.inf, target * width
    for search in range(_SEARCHES):
        reached = math.sqrt(background.statistic(strength))
        # A minimiser that scatters by more than is asked for is not asked for it for ever.
        allowed = _STRENGTH_ERROR if search < _SEARCHES // 2 else _NOISE
        if abs(reached / target - 1) < allowed:
            return strength * target / reached
        low, high = (strength, high) if reached < target else (low, strength)
        # By proportion, which takes few steps; halving the interval where that leads out of it.
        proposal = strength * target / reached if reached > 0 else 4 * strength
        strength = proposal if low < proposal < high else min((low + high) / 2, 4 * strength)
    raise NoLimitError(f"no strength is {target:.3g} standard deviations away from none")


def observed_limit(data: DataProfile, *, confidence_level: float = 0.95, guess: float) -> float:
    """Return the observed limit on the strength.

    Parameters
    ----------
    data : DataProfile
    confidence_level : float
    guess : float
        Error of the strength, roughly.

    Raises
    ------
    NoLimitError
        If it is not found.
    """
    from scipy.optimize import brentq

    behind = data.without_signal()
    level = math.log(1 - confidence_level)

    def away(strength: float) -> float:
        return log_cls(strength, data, behind) - level

    # Up to the best strength q~ is 0 and CLs one half or more: the limit lies beyond.
    low, high = data.best, data.best + 2 * guess
    for _ in range(_SEARCHES):
        if away(high) < 0:
            return float(brentq(away, low, high, rtol=_STRENGTH_ERROR / 10, xtol=1e-12))
        low, high = high, data.best + _FURTHER * (high - data.best)
    raise NoLimitError("CLs stays above the level however strong the signal")


def check_same(model: Any, templates: TemplateFit, data: FloatArray, fitter: Fitter) -> None:
    """Check that the templates' likelihood and pyhf's agree about the test statistic of data.

    Raises
    ------
    NoLimitError
        If they do not.
    """
    bins = bin_order(model, templates)
    values, deviances = [], []
    for strength in (None, 0.0):
        parameters = fitter(data, strength)
        values.append(twice_nll(model, parameters, data))
        deviances.append(templates.fit(data[bins][None], strength=strength).deviance[0])
    # Constants drop out of differences: pyhf's factorials, and the saturated model of a deviance.
    difference = (values[1] - values[0]) - (deviances[1] - deviances[0])
    allowed = _SAME_STATISTIC * (1 + abs(values[1] - values[0])) + _ROUNDING * abs(values[0])
    if not abs(difference) < allowed:
        raise NoLimitError("the templates' likelihood is not that of pyhf's model")
