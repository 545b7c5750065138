"""The type of most arrays, for whoever takes or returns one, and arrays of equal length."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Columns:
    """Arrays of equal length, the fields of a subclass: some rows of all, or those of several.

    >>> @dataclass(frozen=True, eq=False)
    ... class Points(Columns):
    ...     x: FloatArray
    ...     y: FloatArray
    >>> three = Points(np.array([1.0, 2.0, 3.0]), np.array([4.0, 5.0, 6.0]))
    >>> Points.joined([three, three.some(np.array([2, 0]))]).y.tolist()
    [4.0, 5.0, 6.0, 6.0, 4.0]
    """

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return all arrays by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def some(self, rows: npt.NDArray[np.bool_] | npt.NDArray[np.intp]) -> Self:
        """Return some of the rows."""
        return type(self)(**{name: array[rows] for name, array in self.arrays().items()})

    @classmethod
    def joined(cls, parts: Sequence[Self]) -> Self:
        """Return the rows of all parts, one after the other."""
        each = [part.arrays() for part in parts]
        return cls(**{name: np.concatenate([one[name] for one in each]) for name in each[0]})
