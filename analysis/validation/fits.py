r"""Fits of many spectra at once, each with a mass and a strength of its own.

They are those of the analysis - `best_fit`, here for a group that was decided alike - and two that
only someone who knows the truth can do:

=============  ==================================================================================
`BestFits`     background, S, mass, nuisance parameters, from the scan's maximum; and with the mass
               held, or S (the mass free): how much worse is the truth than the best fit?
`AtTruth`      at the true mass: the pull of S, and CLs of the true S by the asymptotic formula of
               q~ (arXiv:1007.1727, eq. 16): a limit covers the truth where it is at least 5 %
=============  ==================================================================================
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from analysis.statistics.background.entries import Flags, Indices
from analysis.statistics.minimiser.scoring import Minima
from analysis.statistics.resonance.measurement import best_fit
from analysis.statistics.resonance.peak import ALL_BUT_MASS, NUISANCES, Peak
from analysis.statistics.resonance.toys import ToyGroup
from tools.arrays import Columns, FloatArray

ALL_BUT_STRENGTH = (*NUISANCES, "mass")


def nearest(masses_GeV: FloatArray, wanted_GeV: Sequence[float]) -> Indices:
    """Return which masses of a scan are the nearest to some others."""
    return np.array([np.argmin(np.abs(masses_GeV - mass)) for mass in wanted_GeV])


def some(group: ToyGroup, rows: Indices) -> ToyGroup:
    """Return some spectra of a group."""
    return replace(
        group,
        toys=group.toys[rows],
        counts=group.counts[rows],
        spurious=group.spurious[rows],
        passes=group.passes[rows],
    )


def scanned(group: ToyGroup) -> FloatArray:
    """Return the significance of every spectrum at every mass, shape (T, M)."""
    own, masses = len(group.toys), len(group.masses_GeV)
    # Every mass is fitted, as for data: the two steps of toys only have to find the largest.
    z = group.fit(np.tile(np.arange(masses), own), np.repeat(np.arange(own), masses))
    return z.reshape(own, masses)


def spurious_at(group: ToyGroup, mass_GeV: FloatArray) -> FloatArray:
    """Return each spectrum's spurious signals at a mass of its own, shape (T, C)."""
    # Each spectrum has a curve of its own, and np.interp takes one at a time.
    rows = zip(mass_GeV, group.spurious, strict=True)
    found = [[np.interp(mass, group.masses_GeV, own) for own in each.T] for mass, each in rows]
    return np.reshape(found, (len(mass_GeV), group.spurious.shape[-1]))


def pull_of(away: FloatArray, true: Minima, best: Minima) -> FloatArray:
    """Return sign(found - true) sqrt(D(true) - D(found)), the pull of the quoted interval.

    The profile-likelihood interval of 68 % covers the truth where it is within 1.
    """
    # Two minima that are one may differ by what the minimiser calls converged, either way.
    return np.asarray(np.sign(away) * np.sqrt(np.maximum(true.deviance - best.deviance, 0.0)))


@dataclass(frozen=True, slots=True, eq=False)
class BestFits:
    """The best fit of every spectrum, everything free."""

    group: ToyGroup
    minima: Minima

    @classmethod
    def of(cls, group: ToyGroup, start_GeV: FloatArray) -> "BestFits":
        """Fit everything, from masses."""
        found = best_fit(
            group.peak, group.counts, start_GeV, lambda mass: spurious_at(group, mass),
            bounds_GeV=(group.masses_GeV[0], group.masses_GeV[-1]),
        )  # fmt: skip
        return cls(group, found)

    def some(self, where: Flags) -> "BestFits":
        """Return the fits of some spectra."""
        rows = np.flatnonzero(where)
        return BestFits(some(self.group, rows), self.minima.some(rows))

    @property
    def mass_GeV(self) -> FloatArray:
        """Fitted."""
        return self.minima.values[:, self.group.peak.mass]

    @property
    def events(self) -> FloatArray:
        """Fitted strength."""
        return self.minima.values[:, self.group.peak.strength]

    def mass_pull(self, mass_GeV: FloatArray) -> tuple[FloatArray, Flags]:
        """Return the pulls of the true masses, and whether the fits converged."""
        return self._pull(self.mass_GeV - mass_GeV, mass_GeV, self.events, ALL_BUT_MASS)

    def strength_pull(self, events: FloatArray) -> tuple[FloatArray, Flags]:
        """Return the same of the true strengths, the mass free."""
        return self._pull(self.events - events, self.mass_GeV, events, ALL_BUT_STRENGTH)

    def _pull(
        self, away: FloatArray, mass_GeV: FloatArray, events: FloatArray, free: tuple[str, ...]
    ) -> tuple[FloatArray, Flags]:
        peak, start = self.group.peak, self.minima.values.copy()
        # Shares and spurious signal stay those of the fitted mass: with others the two deviances
        # would be of different likelihoods.
        start[:, peak.strength], start[:, peak.mass] = events, mass_GeV
        spurious = spurious_at(self.group, self.mass_GeV)
        found = peak.fit(self.group.counts, start, spurious=spurious, free=free)
        return pull_of(away, found, self.minima), found.converged & self.minima.converged


@dataclass(frozen=True, slots=True, eq=False)
class AtTruth(Columns):
    """What spectra show at their true mass, and with their true strength; shape (T,) each."""

    pull: FloatArray
    """of the true strength, as `pull_of` has it"""
    plain_pull: FloatArray
    """(S - S0)/error"""
    cls: FloatArray
    """of the true strength"""
    converged: Flags
    """whether all fits did"""

    @classmethod
    def of(cls, group: ToyGroup, mass_GeV: FloatArray, events: FloatArray) -> "AtTruth":
        """Fit at each spectrum's own mass and strength."""
        peak, counts = group.peak, group.counts
        spurious = spurious_at(group, mass_GeV)
        start = peak.without_signal(counts)
        start[:, peak.mass] = mass_GeV
        best = peak.fit(counts, start, spurious=spurious)
        null = peak.fit(counts, start, spurious=spurious, free=peak.no_signal)

        def held(data: FloatArray, near: Minima) -> Minima:
            at = _unpulled(peak, near.values)
            at[:, peak.strength] = events
            return peak.fit(data, at, spurious=spurious, free=NUISANCES)

        true = held(counts, best)
        empty = _unpulled(peak, null.values)
        asimov = held(peak.curve(mass_GeV).expected(empty, np.arange(len(counts))), null)
        fitted = best.values[:, peak.strength]
        # q~ (eq. 16): a negative strength is no better than none, an excess excludes nothing.
        least = np.where(fitted < 0, null.deviance, best.deviance)
        statistic = np.where(fitted > events, 0.0, np.maximum(true.deviance - least, 0.0))
        return cls(
            pull=pull_of(fitted - events, true, best),
            plain_pull=(fitted - events) / best.error(peak.strength),
            cls=asymptotic_cls(statistic, asimov.deviance),
            converged=best.converged & null.converged & true.converged & asimov.converged,
        )


def _unpulled(peak: Peak, values: FloatArray) -> FloatArray:
    """Return parameters with all that is constrained at its nominal value."""
    values = values.copy()
    values[:, peak.mass + 1 : peak.first_given] = 0.0
    return values


def asymptotic_cls(statistic: FloatArray, expected: FloatArray) -> FloatArray:
    """Return CLs, from q~ on the data and on the Asimov set without a signal.

    >>> round(float(asymptotic_cls(np.array([3.8416]), np.array([3.8416]))[0]), 3)  # the median
    0.05
    """
    from scipy.special import log_ndtr

    # Section 3.7 there: below width^2, q~ is a parabola of the fitted strength; beyond, where that
    # is negative, it is linear. A strength of zero has no width: CLs is 1, not 0/0.
    root, width = np.sqrt(statistic), np.sqrt(np.maximum(expected, 1e-12))
    shifted = np.where(root <= width, root - width, (statistic - width**2) / (2 * width))
    # Both tails may be too small for a float; the ratio of them is not.
    return np.asarray(np.exp(log_ndtr(-shifted - width) - log_ndtr(-shifted)))


def asimov_z(group: ToyGroup, expected: FloatArray, mass_GeV: FloatArray) -> FloatArray:
    """Return the significance at a mass of each spectrum without fluctuations, shape (T,)."""
    start = group.peak.without_signal(expected)
    return group.peak.compare(expected, start, mass_GeV, spurious_at(group, mass_GeV)).z
