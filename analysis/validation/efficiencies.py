r"""Which fraction of a universe's events each channel of the selection keeps.

The columns that a selection may look at here - jets, leptons, both isolations - do not depend on
the diphoton mass, and given their laws (`tools.recipe`) not on each other, but for one thing: half
of the events with very much missing energy have both isolations far off. So the probability of a
cell of the four columns' bins is a product, and that of a channel a sum over its cells:

.. math:: \epsilon_c = \sum_{\rm cells \in c} \big[(1-f) \prod_j p_j + f \prod_j p'_j\big]

Cuts are one cell of coarse bins, the categories of a score the cells of its table; both are exact.
The laws are the universe's own: in each the mean number of jets and the isolations differ a little
from the simulation, and with them how much background is selected, and how it is shared.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from processors.histograms import CATEGORIES
from processors.score import DATA, ScoreTable, shape_of
from processors.selection import Interval, Selection
from tools.arrays import FloatArray
from tools.errors import InputError
from tools.recipe import ISOLATIONS, Recipe

COLUMNS = ("n_jets", "n_leptons", *ISOLATIONS)
"""that a selection may look at"""


@dataclass(frozen=True, slots=True, eq=False)
class Channels:
    """The channels of a selection, as cells of some columns."""

    names: tuple[str, ...]
    columns: tuple[str, ...]
    """of `COLUMNS`"""
    edges: tuple[FloatArray, ...]
    """of each column's bins, from -inf to inf"""
    channel: npt.NDArray[np.integer[npt.NBitBase]]
    """of each cell, -1 for none; flat, in C order of the columns"""

    @classmethod
    def of(cls, cuts: Selection, score: ScoreTable | None = None) -> "Channels":
        """Return the channels of a selection: the categories of its score, or else of its cuts."""
        return cls.of_cuts(cuts) if score is None else cls.of_score(score)

    @classmethod
    def of_cuts(cls, selection: Selection) -> "Channels":
        """Return the one channel of some cuts.

        Raises
        ------
        InputError
            If a cut is on a column whose law is not known.
        """
        _refuse_unknown(selection.cuts)
        edges, inside = [], np.ones((), dtype=bool)
        for cut in selection.cuts.values():
            ends = [end for end in (cut.min, cut.max) if end is not None]
            edges.append(np.array([-np.inf, *ends, np.inf]))
            kept = np.array([False] * (cut.min is not None) + [True] + [False] * (len(ends)))
            inside = inside[..., None] & kept[: len(ends) + 1]
        channel = np.where(inside, 0, -1).ravel()
        return cls(CATEGORIES, tuple(selection.cuts), tuple(edges), channel)

    @classmethod
    def of_score(cls, table: ScoreTable) -> "Channels":
        """Return the categories of a score, as data are sorted into them.

        Raises
        ------
        InputError
            If the score looks at a column whose law is not known.
        """
        _refuse_unknown(table.columns)
        edges = tuple(
            np.concatenate([[-np.inf], np.linspace(a.low, a.high, a.bins + 1), [np.inf]])
            for a in table.axes
        )
        if table.lookup.shape[1] != np.prod(shape_of(table.axes)):
            raise ValueError("a table of other cells than its axes")
        return cls(table.names, table.columns, edges, table.lookup[DATA].astype(np.intp))

    def efficiencies(self, recipe: Recipe) -> FloatArray:
        """Return the fraction of a recipe's events that each channel keeps, shape (C,)."""
        off = recipe.far_off
        # Given whether the isolations are far off, the columns are independent of each other.
        cells = (1 - off) * self._cells(recipe, far_off=False)
        cells += off * self._cells(recipe, far_off=True)
        # Cells of no channel, -1, are counted in front and left out.
        sums = np.bincount(self.channel + 1, cells, len(self.names) + 1)
        return np.asarray(sums[1:], dtype=np.float64)

    def _cells(self, recipe: Recipe, *, far_off: bool) -> FloatArray:
        """Return the probability of each cell, flat."""
        cells = np.ones(1)
        for name, edges in zip(self.columns, self.edges, strict=True):
            fractions = np.diff(recipe.below(name, edges, far_off=far_off))
            cells = np.multiply.outer(cells, fractions).ravel()
        return cells


def _refuse_unknown(columns: Iterable[str]) -> None:
    for name in columns:
        if name not in COLUMNS:
            raise InputError(
                f"a selection on {name} cannot be drawn from the model, which knows "
                f"{', '.join(COLUMNS)}; use --events, which makes whole events"
            )


def by_upper_cuts(cuts: Mapping[str, float]) -> Channels:
    """Return the channel of upper cuts, such as those of task 3.4."""
    return Channels.of_cuts(Selection({name: Interval(max=cut) for name, cut in cuts.items()}))
