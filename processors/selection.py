"""The selection: a mass window and named cuts, each a step of the cutflow.

A cut keeps ``min <= x < max``, either side open. The convention is that of histogram bins, so that
a selection can be evaluated exactly from a histogram with edges at the cuts.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import isnan

import numpy as np
import numpy.typing as npt

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Interval:
    """A half-open interval ``[min, max)``."""

    min: float | None = None
    """lower bound, included; None: open"""
    max: float | None = None
    """upper bound, excluded; None: open"""

    def __post_init__(self) -> None:
        """Refuse an interval that keeps nothing or everything, or has NaN bounds."""
        bounds = [bound for bound in (self.min, self.max) if bound is not None]
        if not bounds or any(isnan(bound) for bound in bounds):
            raise ValueError("a cut needs a number for `min`, `max` or both")
        if len(bounds) > 1 and bounds[0] >= bounds[1]:
            raise ValueError(f"a cut from {self.min:g} to {self.max:g} keeps nothing")

    def contains(self, values: npt.NDArray[np.generic]) -> Mask:
        """Return which values are inside.

        >>> Interval(max=6).contains(np.array([5.0, 6.0]))
        array([ True, False])
        """
        inside = np.ones(values.shape, np.bool_)
        # Compared in float64: a float32 column against a float32 bound would move the edge.
        if self.min is not None:
            inside &= np.greater_equal(values, np.float64(self.min))
        if self.max is not None:
            inside &= np.less(values, np.float64(self.max))
        return inside

    def __str__(self) -> str:
        if self.min is None:
            return f"< {self.max:g}"
        if self.max is None:
            return f">= {self.min:g}"
        return f"in [{self.min:g}, {self.max:g})"


@dataclass(frozen=True, slots=True)
class Selection:
    """Cuts on columns, applied in order."""

    cuts: Mapping[str, Interval]
    """column name to interval; empty keeps every event"""

    def masks(self, columns: Mapping[str, npt.NDArray[np.generic]]) -> dict[str, Mask]:
        """Return the mask of each cut, by column name."""
        return {name: cut.contains(columns[name]) for name, cut in self.cuts.items()}

    def steps(self) -> tuple[str, ...]:
        """Return the names of the cutflow's steps after the first.

        >>> Selection({"n_jets": Interval(max=6)}).steps()
        ('n_jets < 6',)
        """
        return tuple(f"{name} {cut}" for name, cut in self.cuts.items())


def all_but_one(masks: Mapping[str, Mask]) -> dict[str, Mask]:
    """Return, for each cut, the events that pass all the others (the N-1 masks).

    >>> a, b = np.array([True, False]), np.array([True, True])
    >>> all_but_one({"a": a, "b": b})["a"]
    array([ True,  True])
    """
    size = len(next(iter(masks.values()))) if masks else 0
    return {
        name: np.logical_and.reduce(
            [mask for other, mask in masks.items() if other != name] or [np.ones(size, np.bool_)]
        )
        for name in masks
    }
