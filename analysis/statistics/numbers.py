"""Numbers as JSON holds them: never NaN, which is null."""

import math
from collections.abc import Iterable
from typing import Any

from analysis.statistics.measurement import Interval

Document = dict[str, Any]


def number(value: float | None) -> float | None:
    """Return a finite number, or None.

    >>> number(1.5), number(float("nan")), number(None)
    (1.5, None, None)
    """
    return float(value) if value is not None and math.isfinite(value) else None


def numbers(values: Iterable[float]) -> list[float | None]:
    """Return a list of numbers."""
    return [number(value) for value in values]


def interval_of(interval: Interval | None) -> Document | None:
    """Return a value with its interval."""
    if interval is None:
        return None
    return {
        "value": number(interval.value),
        "low": number(interval.low),
        "high": number(interval.high),
    }
