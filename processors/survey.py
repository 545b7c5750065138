r"""A first look at photons: how many, how hard, and the masses of their leading pairs.

A file is surveyed piece by piece, and surveys add up to that of the whole: counts, histograms in
steps of a constant factor, and means and variances by the pairwise update of Chan, Golub and
LeVeque (Stanford STAN-CS-79-773), which loses no digits where :math:`\sum x^2 - (\sum x)^2/n` does.

Of data the pairs inside a window are not looked at: neither their masses nor their momenta are
part of a survey, only their number. As nobody knows yet whether the unit is right, that holds for
the same window in units a thousand times larger or smaller, too.
"""

from dataclasses import dataclass, fields
from math import inf, sqrt

import awkward as ak
import numpy as np
import numpy.typing as npt

from processors.pairs import leading_pair

Counts = npt.NDArray[np.int64]
MASS_EDGES_GeV = np.geomspace(0.1, 1e5, 181)
"""thirty bins per decade"""
PT_EDGES_GeV = np.geomspace(1e-6, 1e9, 1501)
"""a hundred bins per decade: a median within 2.3 %"""


def hidden_GeV(window_GeV: tuple[float, float]) -> tuple[tuple[float, float], ...]:
    """Return all ranges of masses that are not looked at for a window: one for each unit.

    >>> hidden_GeV((400.0, 1100.0))
    ((400.0, 1100.0), (0.4, 1.1), (400000.0, 1100000.0))
    """
    low, high = window_GeV
    return tuple((low * factor, high * factor) for factor in (1.0, 1e-3, 1e3))


@dataclass(frozen=True, slots=True)
class Moments:
    """Of some numbers: how many, mean, sum of squared distances to it, smallest and largest."""

    n: int = 0
    mean: float = 0.0
    squares: float = 0.0
    min: float = inf
    max: float = -inf

    @property
    def std(self) -> float:
        """Standard deviation of these numbers (not an estimate for others)."""
        return sqrt(self.squares / self.n)

    def __add__(self, other: "Moments") -> "Moments":
        """Return those of both together.

        >>> moments(np.array([1.0, 2.0])) + moments(np.array([6.0]))
        Moments(n=3, mean=3.0, squares=14.0, min=1.0, max=6.0)
        """
        if not (self.n and other.n):
            return self if self.n else other
        n, shift = self.n + other.n, other.mean - self.mean
        return Moments(
            n,
            self.mean + shift * other.n / n,
            self.squares + other.squares + shift**2 * self.n * other.n / n,
            min(self.min, other.min),
            max(self.max, other.max),
        )


def moments(values: npt.NDArray[np.float64]) -> Moments:
    """Return the moments of some numbers."""
    if not values.size:
        return Moments()
    mean = float(values.mean())
    squares = float(np.square(values - mean).sum())
    return Moments(values.size, mean, squares, float(values.min()), float(values.max()))


@dataclass(frozen=True, slots=True)
class Survey:
    """What was seen of the photons of some events."""

    events: int
    photons: int
    """of data outside the window"""
    with_two: int
    """events with two photons or more"""
    mass: Moments
    """of the leading pairs, GeV; of data outside the window"""
    masses: Counts
    """of the same, in bins of `MASS_EDGES_GeV`"""
    momenta: Counts
    """of the transverse momenta of these photons, in bins of `PT_EDGES_GeV`"""

    def __add__(self, other: "Survey") -> "Survey":
        """Return the survey of both pieces, of which `self` is the first."""
        return Survey(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))

    @property
    def median_pt_GeV(self) -> float | None:
        """The median transverse momentum, to the width of a bin; None without photons."""
        total = np.cumsum(self.momenta)
        if not total[-1]:
            return None
        index = int(np.searchsorted(total, total[-1] / 2))
        return float(np.sqrt(PT_EDGES_GeV[index] * PT_EDGES_GeV[index + 1]))


def nothing() -> Survey:
    """Return the survey of no events, to which others are added."""
    masses, momenta = (np.zeros(len(e) - 1, np.int64) for e in (MASS_EDGES_GeV, PT_EDGES_GeV))
    return Survey(0, 0, 0, Moments(), masses, momenta)


@np.errstate(invalid="ignore", divide="ignore", over="ignore")  # of values that no photon has
def survey(
    photons: ak.Array,
    *,
    blind_GeV: tuple[float, float] | None = None,
    may_be_data: npt.NDArray[np.bool_] | None = None,
) -> Survey:
    """Look at the photons of some events.

    Parameters
    ----------
    photons : array
        One list per event of records ``pt`` (GeV), ``eta``, ``phi`` (rad).
    blind_GeV : (float, float), optional
        The window of masses that is not looked at.
    may_be_data : ndarray of bool, optional
        Events for which that holds; None: all.
    """
    counts, pt = ak.to_numpy(ak.num(photons.pt)), ak.to_numpy(ak.flatten(photons.pt))
    has_two, pair = leading_pair(photons)
    mass = pair.mass
    shown, seen = np.isfinite(mass), np.ones(len(counts), bool)
    if blind_GeV is not None:
        public = np.zeros(len(mass), bool) if may_be_data is None else ~may_be_data[has_two]
        for low, high in hidden_GeV(blind_GeV):
            shown &= (mass < low) | (mass >= high) | public
        seen[has_two] = shown
    momenta = pt[np.repeat(seen, counts)]
    return Survey(
        events=len(counts),
        photons=int(counts[seen].sum()),
        with_two=len(mass),
        mass=moments(mass[shown]),
        masses=np.histogram(mass[shown], MASS_EDGES_GeV)[0],
        momenta=np.histogram(momenta[np.isfinite(momenta)], PT_EDGES_GeV)[0],
    )
