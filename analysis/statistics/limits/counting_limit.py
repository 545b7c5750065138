"""CLs limits on the cross-section from the count in the window, by pyhf (task 5.2b).

The model has one bin: signal times strength mu on a background whose error is an auxiliary Poisson
count (`shapesys`), the likelihood that gives z in `count.py`.

CLs is computed on a grid of cross-sections around the limits to be expected. Limits are by the
asymptotic formulae for q~ (arXiv:1007.1727); below some 20 expected events these are several
percent too strong, and the result says so. The expected band is that of the background-only
prediction, never of a fit to the observed count, which an excess distorts.
"""

import contextlib
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from analysis.results.counting import ClsCurve, CountingLimit
from analysis.results.values import BAND_KEYS, BANDS
from analysis.statistics.limits.asymptotic import (
    DataProfile,
    NoLimitError,
    cls_values,
    model_of,
    numpy_backend,
    pyhf_fitter,
)
from tools.arrays import FloatArray
from tools.errors import InputError

_MU_UP = 0.5
"""signal strength at the limit, roughly: what the signal is scaled to"""
_MU_MAX = 20.0
_STRENGTHS = (0.04, 4.0)
"""lowest and highest strength at which CLs is computed"""
_STEP = 1.25
"""ratio of neighbouring strengths: interpolated limits are right to a part in a thousand"""
_FALL = np.linspace(-1.0, 4.0, 16)
"""standard deviations above the excess where CLs falls"""
_SHOWN = 1.5
"""fraction of the highest limit: as far as the curve goes that is kept for a figure"""
_ASYMPTOTIC_FROM = 20.0
"""expected events below which asymptotic limits are several percent too strong"""
_ROOT_ERROR = 1e-5
"""relative error of an observed limit"""
_SAME_CLS = 0.02
"""relative difference of CLs that two optimisers may have"""
_NO_LIMIT = "pyhf finds no limit from this count"


@dataclass(frozen=True, slots=True)
class WindowModel:
    """A count in the window, and the signal that is looked for in it.

    Raises
    ------
    InputError
        If there is no signal efficiency, no background or no error.
    """

    predicted: float
    """background in the window, events of data"""
    error: float
    """uncertainty of the background, events"""
    observed: float | None
    """the count; None while blind, for the expected limits alone"""
    events_per_pb: float
    """signal events in the window per pb: luminosity times efficiencies"""

    def __post_init__(self) -> None:
        if not (self.predicted > 0 and self.error > 0 and self.events_per_pb > 0):
            raise InputError(
                f"no limit for a background of {self.predicted:g} +- {self.error:g} events and "
                f"{self.events_per_pb:g} signal events per pb: all three must be positive"
            )

    @property
    def seen(self) -> float:
        """The count; the prediction itself while blind."""
        return self.predicted if self.observed is None else self.observed

    @property
    def scale_pb(self) -> float:
        """Cross-section of strength 1 in the workspace, so chosen that limits lie near 0.5."""
        spread = math.hypot(self.error, math.sqrt(self.predicted))
        excess = max(self.seen - self.predicted, 0.0)
        return (excess + 2 * spread + 3) / _MU_UP / self.events_per_pb

    def workspace(self, scale_pb: float | None = None) -> dict[str, Any]:
        """Return the model as a pyhf workspace.

        The limit on mu times `scale_pb` (by default the model's own) is that on the cross-section.
        """
        scale_pb = self.scale_pb if scale_pb is None else scale_pb
        signal = {
            "name": "signal",
            "data": [self.events_per_pb * scale_pb],
            "modifiers": [{"name": "mu", "type": "normfactor", "data": None}],
        }
        background = {
            "name": "background",
            "data": [self.predicted],
            "modifiers": [{"name": "sidebands", "type": "shapesys", "data": [self.error]}],
        }
        poi = {"name": "mu", "bounds": [[0.0, _MU_MAX]], "inits": [_MU_UP]}
        return {
            "channels": [{"name": "window", "samples": [signal, background]}],
            "observations": [{"name": "window", "data": [self.seen]}],
            "measurements": [{"name": "counting", "config": {"poi": "mu", "parameters": [poi]}}],
            "version": "1.0.0",
        }

    def limit(
        self,
        confidence_level: float = 0.95,
        *,
        efficiency_of: str = "signal",
        reason: str | None = None,
    ) -> CountingLimit:
        """Return CLs limits on the cross-section, by pyhf.

        Parameters
        ----------
        confidence_level : float
        efficiency_of : str
            The signal sample that `events_per_pb` is of.
        reason : str, optional
            Why there is no count.
        """
        level = 1 - confidence_level
        grid, plain = self._grid()
        seen = found = None
        with numpy_backend() as optimisers:
            band, _ = replace(self, observed=None).scanned(grid, level, optimisers)
            if self.observed is not None:
                (seen, *_), found = self.scanned(grid, level, optimisers)
        expected = [crossing(grid[plain], values[plain], level) for values in band[1:]]
        highest = max((value for value in (found, *expected) if value), default=np.inf)
        shown = grid < _SHOWN * highest
        return CountingLimit(
            confidence_level=confidence_level,
            observed_pb=found,
            reason=_NO_LIMIT if reason is None and found is None else reason,
            expected_pb=dict(zip(BAND_KEYS, expected, strict=True)),
            efficiency_of=efficiency_of,
            window_events_per_pb=self.events_per_pb,
            workspace_scale_pb=self.scale_pb,
            curve=ClsCurve(
                cross_section_pb=grid[shown],
                observed_cls=None if seen is None else seen[shown],
                expected_cls=dict(zip(BAND_KEYS, band[1:, shown], strict=True)),
            ),
        )

    def _grid(self) -> tuple[FloatArray, npt.NDArray[np.bool_]]:
        """Return cross-sections from well below the expected limits to well above the observed one.

        Of those that are marked only the end depends on the count: the expected limits are the same
        before and after. The others are where CLs of the count falls: behind an excess from 0.5 to
        nothing within two or three steps.
        """
        blind = replace(self, observed=None)
        low, high = _STRENGTHS[0] * blind.scale_pb, _STRENGTHS[1] * self.scale_pb
        steps = np.arange(math.ceil(math.log(high / low) / math.log(_STEP)) + 1)
        plain = np.asarray(low * _STEP**steps, dtype=np.float64)
        if self.observed is None:
            return plain, np.ones(len(plain), dtype=bool)
        excess = max(self.observed - self.predicted, 0.0)
        spread = math.hypot(self.error, math.sqrt(self.predicted + excess))
        falling = (excess + spread * _FALL) / self.events_per_pb
        grid = np.union1d(plain, falling[(falling > low) & (falling < plain[-1])])
        return grid, np.isin(grid, plain)

    def scanned(
        self, grid: FloatArray, level: float, optimisers: Sequence[Any]
    ) -> tuple[FloatArray, float | None]:
        """Return CLs at many cross-sections, shape (6, points), and the observed limit.

        NaN and None if no optimiser can. The first one is believed if the last one finds the same
        CLs where it matters: with 5e7 events scipy's stops where it starts and reports success.
        """
        scale = float(grid[-1]) / _STRENGTHS[1]
        model, data = model_of(self.workspace(scale))

        def curve(optimiser: Any) -> Callable[[float], list[float]]:
            # As pyhf's `hypotest`, but what does not depend on the cross-section is fitted once.
            profile = DataProfile.of(model, data, pyhf_fitter(model, [optimiser]))
            background = profile.without_signal()
            return lambda pb: cls_values(pb / scale, profile, background)

        # That a minimiser reports success tells nothing: another one has to find the same.
        for optimiser in optimisers:
            with contextlib.suppress(NoLimitError):
                values = curve(optimiser)
                table = np.array([values(pb) for pb in grid]).T
                limit = _root(grid, table[0], level, values)
                if limit and abs(curve(optimisers[-1])(limit)[0] / level - 1) < _SAME_CLS:
                    return table, limit
        return np.full((1 + len(BANDS), len(grid)), np.nan), None

    def warnings(self, limit: CountingLimit) -> tuple[str, ...]:
        """Return what a reader of the model's limits should know."""
        notes = []
        if self.predicted < _ASYMPTOTIC_FROM:
            notes.append(
                f"with {self.predicted:.3g} expected events asymptotic limits are several percent "
                "too strong"
            )
        unseen = self.observed is not None and limit.observed_pb is None
        if unseen or None in limit.expected_pb.values():
            notes.append(
                f"{_NO_LIMIT}: the prediction, its uncertainty and the count must be looked at"
            )
        return tuple(notes)


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
    # CLs falls over many decades, its logarithm nearly as a parabola.
    with np.errstate(divide="ignore"):
        logs = -np.log(values[near])
    if first == 0 or not np.all(np.isfinite(logs)) or not np.all(np.diff(logs) > 0):
        return None
    return float(PchipInterpolator(logs, cross_sections_pb[near])(-math.log(level)))


def _root(
    cross_sections_pb: FloatArray,
    values: FloatArray,
    level: float,
    curve: Callable[[float], list[float]],
) -> float | None:
    """Return where observed CLs crosses a level, between the points around it; or None.

    Behind a large excess CLs falls from 1 to 0 between two points: it is searched, not
    interpolated.
    """
    from scipy.optimize import brentq

    first = int(np.argmax(values < level))
    if first == 0:
        return None
    low, high = cross_sections_pb[first - 1], cross_sections_pb[first]
    # Tens of standard deviations away pyhf's CLs is NaN, and the search gives up.
    with contextlib.suppress(ValueError, NoLimitError):
        error = _ROOT_ERROR
        return float(
            brentq(lambda pb: curve(pb)[0] - level, low, high, rtol=error, xtol=error * high)
        )
    return None
