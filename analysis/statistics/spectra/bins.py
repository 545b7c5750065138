"""Mass spectra as the fits see them: channels of bins, weighted or not, whose window is kept blind.

A channel is one selection category, or ``"all"`` of what is selected. Bins of a fit are sums of
its fine bins. Those inside the window are not set to zero and not masked afterwards: a sideband is
cut out of the arrays before anything is summed, so that no sum, no check and no fit can read an
event that is blind.

Weighted bins. A sum of weights with variance V = sum of squared weights is treated as a scaled
Poisson count: n_eff = N s with s = N/V entries per event, which matches both moments (Bohm and
Zech, NIM A 748 (2014) 1). An empty bin of a weighted sample tells no s of its own and takes the
sample's: with s = 1 an empty bin of a simulation with weight 13.5 would pull 13.5 times too hard.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from analysis.settings.search import Window
from tools.arrays import Columns, FloatArray
from tools.errors import InputError

_Flags = npt.NDArray[np.bool_]
SAME_EDGE_GeV = 1e-6
"""far below any bin, far above the rounding of an edge"""


@dataclass(frozen=True, slots=True, eq=False)
class Bins(Columns):
    """Bins of a mass spectrum, rising but not necessarily adjacent."""

    low_GeV: FloatArray
    """lower edges"""
    high_GeV: FloatArray
    """upper edges"""
    counts: FloatArray
    """events, or sums of weights"""
    variances: FloatArray
    """sums of squared weights; equal to `counts` for events"""

    @property
    def scale(self) -> FloatArray:
        """Entries per event of each bin: 1 for data, 1/weight for a simulation."""
        return entries_per_event(self.counts, self.variances)

    @property
    def effective_counts(self) -> FloatArray:
        """Counts of the Poisson distribution that has the bins' relative errors."""
        return self.counts * self.scale


@dataclass(frozen=True, slots=True, eq=False)
class Channel:
    """The mass spectrum of one selection category."""

    name: str
    edges_GeV: FloatArray
    """edges of the fine bins, rising, one more than there are bins"""
    counts: FloatArray
    """events, or sums of weights, of each fine bin; of blind data not read inside the window"""
    variances: FloatArray | None = None
    """sums of squared weights; None for events"""

    def __post_init__(self) -> None:
        edges = self.edges_GeV
        if edges.ndim != 1 or len(edges) != len(self.counts) + 1 or not np.all(np.diff(edges) > 0):
            raise InputError(
                f"spectrum {self.name}: {len(edges)} edges for {len(self.counts)} bins; "
                "give rising edges, one more than there are bins"
            )

    def bins(self, low_GeV: float, high_GeV: float, width_GeV: float) -> Bins:
        """Return the spectrum between two masses in bins of `width_GeV`.

        Raises
        ------
        InputError
            If the fine bins have no edges there, or hold negative or infinite contents.
        """
        edges = bin_edges(low_GeV, high_GeV, width_GeV)
        index = np.searchsorted(self.edges_GeV, edges - SAME_EDGE_GeV)
        there = np.append(self.edges_GeV, np.inf)[index]
        if not np.allclose(there, edges, rtol=0, atol=SAME_EDGE_GeV):
            raise InputError(
                f"spectrum {self.name}: its bins have no edges at {low_GeV:g} to {high_GeV:g} GeV "
                f"in steps of {width_GeV:g}; histogram it in finer bins"
            )
        # Cut out before anything is checked or summed: what is outside may be blind.
        inside = slice(index[0], index[-1])
        counts = variances = self._summed(self.counts[inside], index)
        if self.variances is not None:
            variances = self._summed(self.variances[inside], index)
        return Bins(edges[:-1], edges[1:], counts, variances)

    def _summed(self, values: FloatArray, index: npt.NDArray[np.intp]) -> FloatArray:
        if not np.all(np.isfinite(values)) or np.any(values < 0):
            raise InputError(f"spectrum {self.name}: contents must be finite and not negative")
        return np.add.reduceat(values.astype(np.float64), index[:-1] - index[0])

    def sidebands(
        self, window: Window, low_GeV: float, high_GeV: float, width_GeV: float
    ) -> Bins:  # fmt: skip
        """Return the bins below and above the window; what lies inside it is not read."""
        beneath = self.bins(low_GeV, window.low_GeV, width_GeV)
        return Bins.joined([beneath, self.bins(window.high_GeV, high_GeV, width_GeV)])

    def inside(self, window: Window) -> tuple[float, float]:
        """Return the sum of weights in the window and its variance."""
        bins = self.bins(window.low_GeV, window.high_GeV, window.high_GeV - window.low_GeV)
        return float(bins.counts[0]), float(bins.variances[0])


def entries_per_event(counts: FloatArray, variances: FloatArray) -> FloatArray:
    """Return counts over variances of some bins; an empty one takes the ratio of all together."""
    variance = variances.sum()
    scale = np.full_like(counts, counts.sum() / variance if variance > 0 else 1.0)
    return np.divide(counts, variances, out=scale, where=(counts > 0) & (variances > 0))


def bin_edges(low_GeV: float, high_GeV: float, width_GeV: float) -> FloatArray:
    """Return the edges of bins of `width_GeV` between two masses.

    >>> bin_edges(100, 130, 10).tolist()
    [100.0, 110.0, 120.0, 130.0]
    """
    return np.linspace(low_GeV, high_GeV, round((high_GeV - low_GeV) / width_GeV) + 1)


def between(low_GeV: FloatArray, high_GeV: FloatArray, first: float, last: float) -> _Flags:
    """Tell which bins, given by their edges, lie between two masses."""
    return np.asarray((low_GeV > first - SAME_EDGE_GeV) & (high_GeV < last + SAME_EDGE_GeV))


def outside(low_GeV: FloatArray, high_GeV: FloatArray, window: Window) -> _Flags:
    """Tell which bins, given by their edges, lie outside a window."""
    return below(high_GeV, window.low_GeV) | np.asarray(low_GeV >= window.high_GeV - SAME_EDGE_GeV)


def below(high_GeV: FloatArray, mass_GeV: float) -> _Flags:
    """Tell which bins, given by their upper edges, lie below a mass."""
    return np.asarray(high_GeV <= mass_GeV + SAME_EDGE_GeV)
