r"""Fits of many spectra at once, each with a mass and a strength of its own.

They are those of the analysis - `measurement.measure` for one spectrum, here for a group that was
decided alike - and two that only someone who knows the truth can do:

=============  ==================================================================================
everything     background, S, mass, nuisance parameters, from the scan's maximum
at a mass      the same with the mass held: how much worse is the truth than the best fit?
at a strength  with S held, mass free or held
CLs            of the true strength at the true mass by the asymptotic formula of q~
               (arXiv:1007.1727, eq. 16): a limit covers the truth where it is at least 5 %
=============  ==================================================================================
"""

from dataclasses import dataclass, replace

import numpy as np

from analysis.statistics.background.entries import Flags, Indices
from analysis.statistics.background.poisson import scoring_fit
from analysis.statistics.minimiser.scoring import Minima
from analysis.statistics.resonance.peak import ALL_BUT_MASS, NO_SIGNAL
from analysis.statistics.resonance.toys import Group
from analysis.statistics.spectra.bins import FloatArray

_EVERYTHING = (*ALL_BUT_MASS, "mass")
_ALL_BUT_STRENGTH = tuple(part for part in _EVERYTHING if part != "signal")
_NUISANCES = tuple(part for part in ALL_BUT_MASS if part != "signal")


def some(group: Group, rows: Indices) -> Group:
    """Return some spectra of a group."""
    return replace(
        group,
        toys=group.toys[rows],
        counts=group.counts[rows],
        spurious=group.spurious[rows],
        passes=group.passes[rows],
    )


def spurious_at(group: Group, mass_GeV: FloatArray) -> FloatArray:
    """Return each spectrum's spurious signals at a mass of its own, shape (T, C)."""
    channels = range(group.spurious.shape[-1])
    return np.array(
        [
            [np.interp(mass, group.masses_GeV, own[:, c]) for c in channels]
            for mass, own in zip(mass_GeV, group.spurious, strict=True)
        ]
    ).reshape(len(mass_GeV), len(channels))


@dataclass(frozen=True, slots=True, eq=False)
class Best:
    """The best fit of every spectrum, everything free."""

    group: Group
    minima: Minima

    @classmethod
    def of(cls, group: Group, start_GeV: FloatArray, reach_GeV: tuple[float, float]) -> "Best":
        """Fit everything, from masses; twice, with shares and spurious signal of the mass found.

        A mass that runs more than a resolution out of the range that is searched stays where it
        was, as in `measurement.measure`.
        """
        peak, counts, size = group.peak, group.counts, group.peak.background.size
        theta = scoring_fit(counts, peak.background).theta
        found = peak.fit(counts, theta, start_GeV, spurious=spurious_at(group, start_GeV))
        width = peak.signal.width_GeV(start_GeV)
        going = np.ones(len(counts), dtype=bool)
        for _ in range(2):
            start, mass = found.values, found.values[:, peak.mass]
            free = peak.fit(
                counts, start[:, :size], mass, spurious=spurious_at(group, mass),
                events=start[:, peak.strength], pulls=start[:, peak.mass + 1 :], free=_EVERYTHING,
            )  # fmt: skip
            ended = free.values[:, peak.mass]
            going &= (ended >= reach_GeV[0] - width) & (ended <= reach_GeV[1] + width)
            found = _either(going, free, found)
        return cls(group, found)

    def some(self, where: Flags) -> "Best":
        """Return the fits of some spectra."""
        rows, own = np.flatnonzero(where), self.minima
        minima = Minima(
            own.values[rows], own.covariance[rows], own.deviance[rows], own.converged[rows]
        )
        return Best(some(self.group, rows), minima)

    @property
    def mass_GeV(self) -> FloatArray:
        """Fitted."""
        return self.minima.values[:, self.group.peak.mass]

    @property
    def events(self) -> FloatArray:
        """Fitted strength."""
        return self.minima.values[:, self.group.peak.strength]

    def rise_at_mass(self, mass_GeV: FloatArray) -> tuple[FloatArray, Flags]:
        """Return how much the deviance rises with the mass held, and whether the fits converged."""
        return self._rise(self._fixed(mass_GeV, self.events, ALL_BUT_MASS))

    def rise_at_strength(self, events: FloatArray) -> tuple[FloatArray, Flags]:
        """Return the same with the strength held, the mass free."""
        return self._rise(self._fixed(self.mass_GeV, events, _ALL_BUT_STRENGTH))

    def _rise(self, found: Minima) -> tuple[FloatArray, Flags]:
        rise = np.maximum(found.deviance - self.minima.deviance, 0.0)
        return rise, found.converged & self.minima.converged

    def _fixed(self, mass_GeV: FloatArray, events: FloatArray, free: tuple[str, ...]) -> Minima:
        peak, start = self.group.peak, self.minima.values
        return peak.fit(
            self.group.counts, start[:, : peak.background.size], mass_GeV,
            spurious=spurious_at(self.group, self.mass_GeV), events=events,
            pulls=start[:, peak.mass + 1 :], free=free,
        )  # fmt: skip


def cls_of(group: Group, mass_GeV: FloatArray, events: FloatArray) -> tuple[FloatArray, Flags]:
    """Return CLs of each spectrum's own mass and strength, and whether the fits converged."""
    peak, counts, size = group.peak, group.counts, group.peak.background.size
    spurious = spurious_at(group, mass_GeV)
    theta = scoring_fit(counts, peak.background).theta
    best = peak.fit(counts, theta, mass_GeV, spurious=spurious)
    null = peak.fit(counts, theta, mass_GeV, spurious=spurious, free=NO_SIGNAL)

    def held(data: FloatArray, start: Minima) -> Minima:
        return peak.fit(
            data, start.values[:, :size], mass_GeV, spurious=spurious, events=events,
            free=_NUISANCES,
        )  # fmt: skip

    true = held(counts, best)
    behind = held(peak.background.expected(null.values[:, :size]), null)
    fitted = best.values[:, peak.strength]
    least = np.where(fitted < 0, null.deviance, best.deviance)
    statistic = np.where(fitted > events, 0.0, np.maximum(true.deviance - least, 0.0))
    converged = best.converged & null.converged & true.converged & behind.converged
    return asymptotic_cls(statistic, behind.deviance), converged


def asymptotic_cls(statistic: FloatArray, expected: FloatArray) -> FloatArray:
    """Return CLs, from q~ on the data and on the Asimov set without a signal.

    >>> round(float(asymptotic_cls(np.array([3.8416]), np.array([3.8416]))[0]), 3)  # the median
    0.05
    """
    from scipy.special import log_ndtr

    root, width = np.sqrt(statistic), np.sqrt(np.maximum(expected, 1e-12))
    shifted = np.where(root <= width, root - width, (statistic - width**2) / (2 * width))
    return np.asarray(np.exp(log_ndtr(-shifted - width) - log_ndtr(-shifted)))


def asimov_z(group: Group, expected: FloatArray, mass_GeV: FloatArray) -> FloatArray:
    """Return the significance at a mass of each spectrum without fluctuations, shape (T,)."""
    peak = group.peak
    theta = scoring_fit(expected, peak.background).theta
    spurious = spurious_at(group, mass_GeV)
    best = peak.fit(expected, theta, mass_GeV, spurious=spurious)
    null = peak.fit(expected, theta, mass_GeV, spurious=spurious, free=NO_SIGNAL)
    events = best.values[:, peak.strength]
    return np.asarray(np.sign(events) * np.sqrt(np.maximum(null.deviance - best.deviance, 0.0)))


def _either(where: Flags, one: Minima, other: Minima) -> Minima:
    """Return the rows of one where it is said so, else those of the other."""
    return Minima(
        np.where(where[:, None], one.values, other.values),
        np.where(where[:, None, None], one.covariance, other.covariance),
        np.where(where, one.deviance, other.deviance),
        np.where(where, one.converged, other.converged),
    )
