"""CLs limits on the cross-section from the count in the window, by pyhf (task 5.2b).

CLs is computed on a grid of cross-sections around the limits to be expected. Limits are by the
asymptotic formulae for q~ (arXiv:1007.1727); below some 20 expected events these are several
percent too strong, and the result says so. The expected band is that of the background-only
prediction, never of a fit to the observed count, which an excess bends.
"""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from analysis.statistics.limits.cls import (
    MU_UP,
    PyhfCount,
    counting_workspace,
    crossing,
    numpy_backend,
)
from tools.arrays import FloatArray
from tools.errors import InputError

_REACH = (0.04, 4.0)
"""lowest and highest strength at which CLs is computed"""
_STEP = 1.25
"""ratio of neighbouring strengths: interpolated limits are right to a part in a thousand"""
_FALL = np.linspace(-1.0, 4.0, 16)
"""standard deviations above the excess where CLs falls"""
_SHOWN = 1.5
"""of the highest limit: as far as the curve goes that is kept for a figure"""
_ASYMPTOTIC_FROM = 20.0
"""expected events below which asymptotic limits are several percent too strong"""


@dataclass(frozen=True, slots=True, eq=False)
class Limit:
    """Upper limits on a cross-section."""

    confidence_level: float
    observed_pb: float | None
    """None while blind, and where pyhf finds none (then a warning says so)"""
    expected_pb: tuple[float | None, ...]
    """at `BANDS`, of the background-only prediction; None where pyhf finds none"""
    events_per_pb: float
    """signal events in the window per pb"""
    curve_pb: FloatArray
    """cross-sections at which CLs was computed"""
    curve_observed: FloatArray | None
    """CLs there"""
    curve_expected: FloatArray
    """expected CLs there, shape (5, points), at `BANDS`"""
    warnings: tuple[str, ...]


def scale_of_limit(
    predicted: float, error: float, *, observed: float, events_per_pb: float
) -> float:
    """Return the cross-section in pb of strength 1, chosen so that limits lie near strength 0.5."""
    spread = math.hypot(error, math.sqrt(predicted))
    excess = max(observed - predicted, 0.0)
    return (excess + 2 * spread + 3) / MU_UP / events_per_pb


def cls_limit(
    predicted: float,
    error: float,
    *,
    observed: float | None,
    events_per_pb: float,
    confidence_level: float = 0.95,
) -> Limit:
    """Return CLs limits on the cross-section from a count, by pyhf.

    Parameters
    ----------
    predicted, error : float
        Background in the window and its error, in events of data; both positive.
    observed : float or None
        The count; None while blind, for the expected limits alone.
    events_per_pb : float
        Signal events in the window per pb: luminosity times efficiencies.
    confidence_level : float

    Raises
    ------
    InputError
        If there is no signal efficiency, no background or no error.
    """
    if not (predicted > 0 and error > 0 and events_per_pb > 0):
        raise InputError(
            f"no limit for a background of {predicted:g} +- {error:g} events and {events_per_pb:g} "
            "signal events per pb: all three must be positive"
        )
    level = 1 - confidence_level
    grid, plain = _grid(predicted, error, observed, events_per_pb)
    seen = limit = None
    with numpy_backend() as optimisers:
        blind = _count(grid, predicted, error, predicted, events_per_pb)
        band = blind.table(grid, level, optimisers)
        if observed is not None:
            count = _count(grid, predicted, error, observed, events_per_pb)
            seen = count.table(grid, level, optimisers)[0]
            limit = count.root(grid, seen, level)
    expected = tuple(crossing(grid[plain], values[plain], level) for values in band[1:])
    missing = None in expected or (seen is not None and limit is None)
    shown = grid < _SHOWN * max((value for value in (limit, *expected) if value), default=np.inf)
    return Limit(
        confidence_level=confidence_level,
        observed_pb=limit,
        expected_pb=expected,
        events_per_pb=events_per_pb,
        curve_pb=grid[shown],
        curve_observed=None if seen is None else seen[shown],
        curve_expected=band[1:, shown],
        warnings=_limit_warnings(predicted, missing=missing),
    )


def _grid(
    predicted: float, error: float, observed: float | None, events_per_pb: float
) -> tuple[FloatArray, npt.NDArray[np.bool_]]:
    """Return cross-sections from well below the expected limits to well above the observed one.

    Of those that are marked only the end depends on the count: the expected limits are the same
    before and after. The others are where CLs of the count falls: behind an excess from 0.5 to
    nothing within two or three steps.
    """
    seen = predicted if observed is None else observed
    low, high = (
        reach * scale_of_limit(predicted, error, observed=count, events_per_pb=events_per_pb)
        for reach, count in zip(_REACH, (predicted, seen), strict=True)
    )
    steps = np.arange(math.ceil(math.log(high / low) / math.log(_STEP)) + 1)
    plain = np.asarray(low * _STEP**steps, dtype=np.float64)
    if observed is None:
        return plain, np.ones(len(plain), dtype=bool)
    excess = max(observed - predicted, 0.0)
    falling = (excess + math.hypot(error, math.sqrt(predicted + excess)) * _FALL) / events_per_pb
    grid = np.union1d(plain, falling[(falling > low) & (falling < plain[-1])])
    return grid, np.isin(grid, plain)


def _count(
    grid: FloatArray, predicted: float, error: float, observed: float, events_per_pb: float
) -> PyhfCount:
    """Return the model whose strengths on a grid of cross-sections go up to `_REACH`."""
    scale = float(grid[-1]) / _REACH[1]
    document = counting_workspace(
        predicted, error, observed=observed, events_per_pb=events_per_pb, scale_pb=scale
    )
    return PyhfCount.of(document, scale)


def _limit_warnings(predicted: float, *, missing: bool) -> tuple[str, ...]:
    notes = []
    if predicted < _ASYMPTOTIC_FROM:
        notes.append(
            f"with {predicted:.3g} expected events asymptotic limits are several percent too strong"
        )
    if missing:
        notes.append(
            "pyhf finds no limit from this count: the prediction, its error and the count must be "
            "looked at"
        )
    return tuple(notes)
