r"""A score as a table, which every function of a few binned columns is; a look-up costs little.

A likelihood ratio of one-dimensional densities and gradient-boosted trees have this in common: of
columns that are binned they are functions of the bins alone. So both become a table over the cells
of the joint histogram (`processors.histograms.joint`), under- and overflow bins included. A worker
needs neither the library that trained it nor a pickle: an index is computed from the columns, and
one `take` gives the category.

The bins are *exactly* those of the joint histogram (`bin_numbers` repeats the arithmetic of a
regular axis of boost-histogram), so that the yields of a category, which are summed over its cells,
are what the processor fills, to the event.

Simulation that trained a score looks better in it than data will. Hence two tables, one trained on
each half of the simulation (even and odd events): a simulated event is scored by the table that has
*not* seen it. Data, which neither has seen, get the mean of both.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import inf, prod
from typing import Any

import numpy as np
import numpy.typing as npt

from processors.histograms import CATEGORIES, Binning

Floats = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int32]
Categories = npt.NDArray[np.int8]
MOST_CELLS = 2_000_000
"""A table is refused above: the histogram that trains it would be too large as well."""
MOST_CATEGORIES = 100
DATA = 2
"""Row of `ScoreTable.lookup` for data; 0 and 1 are those for even and odd simulated events."""
NOWHERE = -1
"""The category of an event whose score is below the lowest edge: it is not selected."""


@dataclass(frozen=True, slots=True, eq=False)
class ScoreTable:
    """A score of every cell, and the edges of the categories in it.

    Raises
    ------
    ValueError
        If it has too many cells or categories, a value that is no number, edges that do not rise,
        or tables of another shape than its axes.
    """

    axes: tuple[Binning, ...]
    """the columns, binned as in the joint histogram"""
    folds: npt.NDArray[np.float32] = field(repr=False)
    """shape (2, cells), C order of the axes with flow bins: trained on even, on odd events"""
    edges: tuple[float, ...]
    """lower edges of the categories, rising; the first may be ``-inf``: then all are selected"""
    digest: str
    """of the tables: what `repr` and with it the digest of the settings tells them apart by"""
    lookup: Categories = field(init=False, repr=False)
    """shape (3, cells): categories for even, for odd simulated events, and for data (`DATA`)"""

    def __post_init__(self) -> None:
        """Check everything; look every cell up once."""
        cells = cell_count(self.axes)
        if self.folds.shape != (2, cells):
            raise ValueError(f"tables of shape {self.folds.shape}, not {(2, cells)}")
        if not np.isfinite(self.folds).all():
            raise ValueError("a score that is no number")
        if not 1 <= len(self.edges) <= MOST_CATEGORIES:
            raise ValueError(f"{len(self.edges)} categories, not 1 to {MOST_CATEGORIES}")
        if np.isnan(self.edges).any() or (np.diff(self.edges) <= 0).any() or inf in self.edges:
            raise ValueError("edges of categories that do not rise")
        scores = np.stack([*self.for_simulation, self.for_data])
        lookup = np.searchsorted(self.edges, scores, side="right") - 1
        object.__setattr__(self, "lookup", lookup.astype(np.int8))

    @property
    def for_simulation(self) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """The tables for even and for odd simulated events: each that of the other half."""
        return self.folds[1], self.folds[0]

    @property
    def for_data(self) -> npt.NDArray[np.float32]:
        """The table for data."""
        mean: npt.NDArray[np.float32] = self.folds.mean(axis=0, dtype=np.float64).astype(np.float32)
        return mean

    @property
    def names(self) -> tuple[str, ...]:
        """The categories' names, from the lowest score to the highest; one alone is "all"."""
        if len(self.edges) == 1:
            return CATEGORIES
        return tuple(f"score_{number}" for number in range(1, len(self.edges) + 1))

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that it needs."""
        return tuple(axis.name for axis in self.axes)

    @property
    def step(self) -> tuple[str, ...]:
        """The step that it adds to the cutflow; none if every event has a category."""
        return () if self.edges[0] == -inf else (f"score >= {self.edges[0]:g}",)


def shape_of(axes: Sequence[Binning]) -> tuple[int, ...]:
    """Return the number of bins along each axis, with the flow bins."""
    return tuple(axis.bins + 2 for axis in axes)


def cell_count(axes: Sequence[Binning]) -> int:
    """Return the number of cells of the joint axes.

    Raises
    ------
    ValueError
        If there are none, or more than `MOST_CELLS`.
    """
    cells = prod(shape_of(axes)) if axes else 0
    if not 0 < cells <= MOST_CELLS:
        raise ValueError(
            f"{cells:,} cells of {', '.join(a.name for a in axes) or 'no columns'}; "
            f"at most {MOST_CELLS:,} are filled: use fewer columns or wider bins"
        )
    return cells


def bin_numbers(values: npt.NDArray[np.generic], axis: Binning) -> Floats:
    """Return the bin of each value: -1 for underflow, ``axis.bins`` for overflow and NaN.

    In whole float64, as what follows is arithmetic.

    >>> bin_numbers(np.array([-0.1, 0.0, 0.99, 1.0]), Binning("x", 2, 0.0, 1.0))
    array([-1.,  0.,  1.,  2.])
    """
    # As in boost-histogram's axis/regular.hpp, in this order, for the same rounding.
    numbers: Floats = np.subtract(values, axis.low, dtype=np.float64)
    numbers /= axis.high - axis.low
    numbers *= axis.bins
    np.floor(numbers, out=numbers)
    np.fmin(numbers, axis.bins, out=numbers)  # of NaN and a number, the number
    return np.maximum(numbers, -1.0, out=numbers)


def cell_numbers(columns: Mapping[str, npt.NDArray[np.generic]], axes: Sequence[Binning]) -> Floats:
    """Return the cell of each event in the flattened joint histogram with its flow bins.

    Parameters
    ----------
    columns : mapping of str to ndarray, shape (n,)
    axes : sequence of Binning
    """
    cells = None
    for axis in axes:
        numbers = bin_numbers(columns[axis.name], axis)
        numbers += 1.0
        if cells is not None:
            cells *= axis.bins + 2
            numbers += cells
        cells = numbers
    if cells is None:
        raise ValueError("a score needs columns")
    return cells


def category_index(
    table: ScoreTable,
    columns: Mapping[str, npt.NDArray[np.generic]],
    half: npt.NDArray[np.integer[Any]],
    *,
    simulated: bool,
) -> Categories:
    """Return the category of each event, `NOWHERE` for those that are not selected.

    Parameters
    ----------
    table : ScoreTable
    columns : mapping of str to ndarray, shape (n,)
        At least those of `table`.
    half : ndarray of int, shape (n,)
        0 for even and 1 for odd events, by their index in the sample.
    simulated : bool
        Whether they are simulation, to be scored by the table that has not seen them.
    """
    cells = cell_numbers(columns, table.axes)
    rows = table.lookup.shape[1]
    if simulated:
        cells += np.multiply(half, rows, dtype=np.float64)
    else:
        cells += DATA * rows
    return table.lookup.ravel().take(cells.astype(np.intp))
