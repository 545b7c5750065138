"""Arrays beside each other, a row for each toy or universe: some rows, and all rows of several."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from analysis.statistics.background.entries import Flags, Indices


@dataclass(frozen=True, slots=True, eq=False)
class Columns:
    """What was found: arrays whose first axis is that of toys or universes."""

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return all arrays by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def some(self, rows: Flags | Indices) -> Self:
        """Return some of the rows."""
        return type(self)(**{name: array[rows] for name, array in self.arrays().items()})

    @classmethod
    def joined(cls, parts: Sequence[Self]) -> Self:
        """Return the rows of all parts, one after the other."""
        each = [part.arrays() for part in parts]
        return cls(**{name: np.concatenate([one[name] for one in each]) for name in each[0]})
