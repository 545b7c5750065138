"""Numbers that something was wanted of, as campaigns on known truths tell them."""

import math
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Check:
    """A number with its uncertainty, and what was wanted of it."""

    section: str
    setting: str
    what: str
    observed: float
    error: float | None
    """statistical uncertainty; None if it is not known"""
    low: float | None = None
    """None: no lower end was set"""
    high: float | None = None
    """None: no upper end was set"""
    toys: int | None = None
    """number of toys, or of universes, that it is of"""
    meets: bool | None = None
    """whether it is what was wanted; None if nothing was, or if it is not known"""

    def __post_init__(self) -> None:
        """Judge a number that was not judged before it was rounded."""
        wanted = self.low is not None or self.high is not None
        if self.meets is None and wanted and math.isfinite(self.observed):
            above = self.low is None or self.observed >= self.low
            below = self.high is None or self.observed <= self.high
            # The class is frozen; what was read from a file keeps the judgement that is there.
            object.__setattr__(self, "meets", bool(above and below))

    @property
    def wanted(self) -> str:
        """Wanted range in words; empty if none was set."""
        if self.low is None:
            return "" if self.high is None else f"at most {self.high:g}"
        return f"at least {self.low:.4g}" if self.high is None else f"{self.low:g} to {self.high:g}"


def judged(checks: Iterable[Check]) -> tuple[int, int]:
    """Return how many numbers were judged, and how many of them miss what was wanted."""
    known = [check.meets for check in checks if check.meets is not None]
    return len(known), known.count(False)
