"""pyhf's model of one count, and its CLs.

The model has one bin: signal times strength mu on a background whose error is an auxiliary Poisson
count (`shapesys`), the likelihood that gives z in `count.py`.

Traps of pyhf 0.7.6 that this stays clear of: its own scan returns the edge when the limit lies
beyond it (here there is none then), and its own root search takes many more evaluations; fits are
reliable for strengths around 1 (the signal is to be scaled to that); a lower bound below 0 ends in
NaN; with 5e7 events scipy's optimiser stops where it starts and reports success (a second one
checks every limit); the backend is global (it is restored).
"""

import contextlib
import logging
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from analysis.results.values import BANDS
from analysis.statistics.limits.asymptotic import DataProfile, NoLimitError, cls_values, pyhf_fitter
from tools.arrays import FloatArray

MU_UP = 0.5
"""signal strength at the limit, roughly: what the signal is to be scaled to"""
_MU_MAX = 20.0
_ROOT_ERROR = 1e-5
"""relative error of an observed limit"""
_SAME_CLS = 0.02
"""relative difference of CLs that two optimisers may have"""


def counting_workspace(
    predicted: float, error: float, *, observed: float, events_per_pb: float, scale_pb: float
) -> dict[str, Any]:
    """Return the one-bin model as a pyhf workspace.

    Parameters
    ----------
    predicted, error : float
        Background and its error, in events.
    observed : float
        The count; the prediction itself while blind.
    events_per_pb : float
        Signal events per pb.
    scale_pb : float
        The cross-section that signal strength mu = 1 stands for.

    Returns
    -------
    dict
        A document of pyhf's schema. The limit on mu times `scale_pb` is that on the cross-section.
    """
    signal = {
        "name": "signal",
        "data": [events_per_pb * scale_pb],
        "modifiers": [{"name": "mu", "type": "normfactor", "data": None}],
    }
    background = {
        "name": "background",
        "data": [predicted],
        "modifiers": [{"name": "sidebands", "type": "shapesys", "data": [error]}],
    }
    poi = {"name": "mu", "bounds": [[0.0, _MU_MAX]], "inits": [MU_UP]}
    return {
        "channels": [{"name": "window", "samples": [signal, background]}],
        "observations": [{"name": "window", "data": [observed]}],
        "measurements": [{"name": "counting", "config": {"poi": "mu", "parameters": [poi]}}],
        "version": "1.0.0",
    }


def crossing(cross_sections_pb: FloatArray, values: FloatArray, level: float) -> float | None:
    """Return where expected CLs values cross a level: cubic in ln CLs, between the nearest points.

    None if they do not cross it, or do not fall there.

    >>> x = np.geomspace(0.1, 10, 30)
    >>> round(crossing(x, np.exp(-x**2), 0.05), 4), round(math.sqrt(math.log(20)), 4)
    (1.7308, 1.7308)

    """
    from scipy.interpolate import PchipInterpolator

    first = int(np.argmax(values < level))
    near = slice(max(first - 3, 0), first + 3)
    with np.errstate(divide="ignore"):
        logs = -np.log(values[near])
    if first == 0 or not np.all(np.isfinite(logs)) or not np.all(np.diff(logs) > 0):
        return None
    return float(PchipInterpolator(logs, cross_sections_pb[near])(-math.log(level)))


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


@dataclass(frozen=True, slots=True)
class PyhfCount:
    """pyhf's model of one count; to be used inside `numpy_backend`."""

    data: FloatArray
    model: Any
    scale_pb: float

    @classmethod
    def of(cls, document: dict[str, Any], scale_pb: float) -> "PyhfCount":
        """Return the model of a workspace whose strength 1 is a cross-section of `scale_pb`."""
        model, data = model_of(document)
        return cls(data, model, scale_pb)

    def curve(self, optimiser: Any) -> Callable[[float], list[float]]:
        """Return CLs as a function of the cross-section: observed, and expected at `BANDS`.

        As pyhf's `hypotest`, but with the fits that do not depend on the cross-section made once.
        """
        data = DataProfile.of(self.model, self.data, pyhf_fitter(self.model, [optimiser]))
        background = data.without_signal()
        return lambda pb: cls_values(pb / self.scale_pb, data, background)

    def table(
        self, cross_sections_pb: FloatArray, level: float, optimisers: Sequence[Any]
    ) -> FloatArray:
        """Return CLs of many cross-sections, shape (6, points); NaN if no optimiser can.

        The first optimiser is believed if the last one finds the same CLs where it matters: with
        5e7 events scipy's stops where it starts and reports success.
        """
        import pyhf

        for optimiser in optimisers:
            with contextlib.suppress(NoLimitError):
                curve = self.curve(optimiser)
                table = np.array([curve(value) for value in cross_sections_pb]).T
                limit = self.root(cross_sections_pb, table[0], level, optimiser)
                if limit and abs(self.curve(optimisers[-1])(limit)[0] / level - 1) < _SAME_CLS:
                    pyhf.set_backend("numpy", optimiser)
                    return table
        return np.full((1 + len(BANDS), len(cross_sections_pb)), np.nan)

    def root(
        self,
        cross_sections_pb: FloatArray,
        values: FloatArray,
        level: float,
        optimiser: Any = None,
    ) -> float | None:
        """Return where observed CLs crosses a level, between the points around it; or None.

        Behind a large excess CLs falls from 1 to 0 between two points: it is searched, not
        interpolated.
        """
        import pyhf
        from scipy.optimize import brentq

        first = int(np.argmax(values < level))
        if first == 0:
            return None
        low, high = cross_sections_pb[first - 1], cross_sections_pb[first]
        # Tens of standard deviations away pyhf's CLs is NaN, and the search gives up.
        with contextlib.suppress(ValueError, NoLimitError):
            curve = self.curve(pyhf.get_backend()[1] if optimiser is None else optimiser)
            error = _ROOT_ERROR
            return float(
                brentq(lambda x: curve(x)[0] - level, low, high, rtol=error, xtol=error * high)
            )
        return None


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
