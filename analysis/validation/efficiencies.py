r"""Which part of a universe's events each channel of the selection keeps.

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

from analysis.statistics.spectra.bins import FloatArray
from processors.histograms import CATEGORIES
from processors.score import DATA, ScoreTable, shape_of
from processors.selection import Interval, Selection
from tools.errors import InputError
from tools.recipe import (
    ISOLATION_WIDTH,
    ISOLATION_WIDTH_OF_OUTLIERS,
    MET_OF_OUTLIERS,
    Recipe,
)

COLUMNS = ("n_jets", "n_leptons", "photon1_isolation", "photon2_isolation")
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
        """Return the part of a recipe's events that each channel keeps, shape (C,)."""
        off = _outliers(recipe)
        cells = (1 - off) * self._cells(recipe, ISOLATION_WIDTH)
        cells += off * self._cells(recipe, ISOLATION_WIDTH_OF_OUTLIERS)
        sums = np.bincount(self.channel + 1, cells, len(self.names) + 1)
        return np.asarray(sums[1:], dtype=np.float64)

    def _cells(self, recipe: Recipe, isolation_width: float) -> FloatArray:
        """Return the probability of each cell, flat."""
        cells = np.ones(1)
        for name, edges in zip(self.columns, self.edges, strict=True):
            below = _below(name, edges, recipe, isolation_width)
            cells = np.multiply.outer(cells, np.diff(below)).ravel()
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


def _below(column: str, edges: FloatArray, recipe: Recipe, isolation_width: float) -> FloatArray:
    """Return the probabilities that a column is below some edges."""
    from scipy.stats import nbinom, norm, poisson

    last = np.ceil(edges) - 1  # the largest whole number below
    if column == "n_leptons":
        return np.asarray(poisson.cdf(last, recipe.n_leptons_mean))
    if column == "n_jets":
        size, mean = recipe.n_jets_shape, recipe.n_jets_mean
        if size is None:
            return np.asarray(poisson.cdf(last, mean))
        return np.asarray(nbinom.cdf(last, size, size / (size + mean)))
    centre = recipe.isolation_means[COLUMNS.index(column) - COLUMNS.index("photon1_isolation")]
    return np.asarray(norm.cdf((edges - centre) / isolation_width))


def _outliers(recipe: Recipe) -> float:
    """Return the part of the events whose isolations are far off."""
    from scipy.stats import norm, t

    law = recipe.missing_energy
    core = 2 * norm.sf(MET_OF_OUTLIERS / law.core_width)
    tail = 2 * t.sf(MET_OF_OUTLIERS / law.tail_width, law.tail_nu)
    return float((law.core * core + (1 - law.core) * tail) / 2)
