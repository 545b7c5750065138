r"""Toys with a resonance: whether mass, cross-section and limit are what they say.

No event of the window enters the tournament, so all points (mass and strength) share the sidebands
of a toy and what was chosen on them; background and signal in the window are drawn anew for each
point. Compared are, on each toy,

=============  ==================================================================================
at the truth   S at the injected mass, of either sign: sign(S - S0) sqrt(D(S0) - D(S)), the pull of
               the quoted (profile-likelihood) interval, which covers where it is below 1; and the
               plain (S - S0)/error, whose error shrinks with a downward fluctuation
as found       S at the fitted mass; and whether the mass's interval, D(M0) - D(M) <= 1 from the
               scan's maximum, covers
limit          CLs of S0 by the asymptotic formula of q~ (arXiv:1007.1727): a limit covers where it
               is at least 5 %
=============  ==================================================================================

The unit of the injected strengths is the expected error of S without a signal.
"""

from dataclasses import dataclass, replace
from functools import reduce
from operator import add

import numpy as np

from analysis.statistics.background.entries import Flags, Indices
from analysis.statistics.background.poisson import scoring_fit
from analysis.statistics.minimiser.scoring import Minima
from analysis.statistics.resonance.peak import ALL_BUT_MASS, NO_SIGNAL, Peak
from analysis.statistics.resonance.toys import Group
from analysis.statistics.spectra.bins import FloatArray
from analysis.validation.fits import asymptotic_cls, some, spurious_at
from analysis.validation.fixed_model import Held, Setting

MEASURED_SIGMA = 3.0
"""from which on the mass is measured"""
_TOYS = 100
"""sidebands at a time"""
_WITHOUT_SIGNAL = tuple(part for part in ALL_BUT_MASS if part != "signal")
_EVERYTHING = (*ALL_BUT_MASS, "mass")


@dataclass(frozen=True, slots=True)
class Point:
    """What is injected."""

    mass_GeV: float
    sigma: float
    """expected errors of S"""
    events: float


@dataclass(frozen=True, slots=True, eq=False)
class Injected:
    """What T toys with the same resonance showed, shape (T,) each."""

    root: FloatArray
    """sign(S - S0) sqrt(D(S0) - D(S)) at the injected mass"""
    pull: FloatArray
    """(S - S0)/error there"""
    cls: FloatArray
    """of S0"""
    found_pull: FloatArray
    """(S - S0)/error at the fitted mass"""
    mass_rise: FloatArray
    """D(M0) - D(M)"""
    mass_GeV: FloatArray
    """fitted"""
    converged: Flags
    """whether all fits did"""

    def some(self, rows: slice) -> "Injected":
        """Return some of the toys."""
        return Injected(*(getattr(self, name)[rows] for name in self.__slots__))

    def __add__(self, other: "Injected") -> "Injected":
        """Return all toys of both."""
        pairs = ((getattr(self, name), getattr(other, name)) for name in self.__slots__)
        return Injected(*(np.concatenate(pair) for pair in pairs))


@dataclass(frozen=True, slots=True)
class Width:
    """How wide the resonance of a toy is."""

    drawn: bool
    """30 GeV x U(0.9, 1.1), as in the universes; else the simulated width"""

    def factor(self, rng: np.random.Generator) -> float:
        """Return a toy's width over the simulated one."""
        return float(rng.uniform(0.9, 1.1)) if self.drawn else 1.0


def points(
    setting: Setting, masses_GeV: tuple[float, ...], sigmas: tuple[float, ...]
) -> tuple[Point, ...]:
    """Return what is injected, in units of the error expected with the function of the truth."""
    held, spurious = setting.chosen()
    scanned = setting.masses_GeV
    errors = setting.spectra(held, spurious).scan(scanned).signal_error_events[0]
    return tuple(
        Point(mass, sigma, sigma * float(np.interp(mass, scanned, errors)))
        for mass in masses_GeV
        for sigma in sigmas
    )


def injected_toys(
    setting: Setting, wanted: tuple[Point, ...], width: Width, *, seed: int, numbers: range
) -> tuple[Injected, ...]:
    """Return what some toys show, for each point."""
    toys = setting.experiment
    found: list[list[Injected]] = [[] for _ in wanted]
    for first in range(0, len(numbers), _TOYS):
        batch = numbers[first : first + _TOYS]
        for group in toys.groups(toys.draw(seed, batch)):
            own = [batch[int(toy)] for toy in group.toys]
            counts = _drawn(setting, group, wanted, width, seed, own)
            shown = _shown(_stacked(group, counts), [p for p in wanted for _ in own])
            for index, parts in enumerate(found):
                parts.append(shown.some(slice(index * len(own), (index + 1) * len(own))))
    return tuple(reduce(add, parts) for parts in found)


def _stacked(group: Group, counts: FloatArray) -> Group:
    """Return a group of the spectra of all points, shape (points, T, B), to be fitted at once."""
    times = len(counts)
    return replace(
        group,
        toys=np.tile(group.toys, times),
        counts=counts.reshape(-1, counts.shape[-1]),
        spurious=np.tile(group.spurious, (times, 1, 1)),
        passes=np.tile(group.passes, times),
    )


def _drawn(
    setting: Setting,
    group: Group,
    wanted: tuple[Point, ...],
    width: Width,
    seed: int,
    numbers: list[int],
) -> FloatArray:
    """Return the spectra of some toys at each point, shape (points, T, B)."""
    peak, inside = group.peak, setting.inside(group.peak)
    expected = setting.spectra(Held.by(group), np.zeros(group.spurious.shape[1:])).counts
    counts = np.repeat(group.counts[None], len(wanted), axis=0)
    for row, number in enumerate(numbers):
        rng = np.random.default_rng([seed, number, 1])
        for index, point in enumerate(wanted):
            signal = point.events * _template(setting, peak, point.mass_GeV, width.factor(rng))
            drawn = rng.poisson((expected + signal)[inside])
            counts[index, row, inside] = drawn
    return counts


def _template(setting: Setting, peak: Peak, mass_GeV: float, wider: float) -> FloatArray:
    """Return the entries per bin of one event; the window holds all but 0.04 % of it."""
    from scipy.special import ndtr

    mass = np.array([mass_GeV])
    mean, width = mass + setting.signal.offset_GeV(mass), wider * setting.signal.width_GeV(mass)
    low, high = ((edges - mean) / width for edges in (peak.low_GeV, peak.high_GeV))
    share = setting.signal.shares(mass)[0, peak.channel]
    return np.asarray(share * (ndtr(high) - ndtr(low)))


def _shown(group: Group, wanted: list[Point]) -> Injected:
    """Return what toys show, each with a point of its own."""
    peak, counts, size = group.peak, group.counts, group.peak.background.size
    mass, true_events = (np.array([getattr(p, n) for p in wanted]) for n in ("mass_GeV", "events"))
    theta = scoring_fit(counts, peak.background).theta
    spurious = spurious_at(group, mass)
    best = peak.fit(counts, theta, mass, spurious=spurious)
    null = peak.fit(counts, theta, mass, spurious=spurious, free=NO_SIGNAL)
    true = _held(peak, counts, best.values[:, :size], mass, spurious, true_events)
    events, error = best.values[:, peak.strength], best.error(peak.strength)
    away = np.sqrt(np.maximum(true.deviance - best.deviance, 0.0))
    asimov = peak.background.expected(null.values[:, :size])
    behind = _held(peak, asimov, null.values[:, :size], mass, spurious, true_events)
    shown = Injected(
        root=np.sign(events - true_events) * away,
        pull=(events - true_events) / error,
        cls=asymptotic_cls(_statistic(true_events, events, best, null, true), behind.deviance),
        **{name: np.full(len(counts), np.nan) for name in ("found_pull", "mass_rise", "mass_GeV")},
        converged=best.converged & null.converged & true.converged & behind.converged,
    )
    rows = np.flatnonzero([point.sigma >= MEASURED_SIGMA for point in wanted])
    if len(rows):
        _as_found(some(group, rows), mass[rows], true_events[rows], shown, rows)
    return shown


def _held(
    peak: Peak,
    counts: FloatArray,
    theta: FloatArray,
    mass: FloatArray,
    spurious: FloatArray,
    events: FloatArray,
) -> Minima:
    """Fit with the strength held."""
    return peak.fit(counts, theta, mass, spurious=spurious, events=events, free=_WITHOUT_SIGNAL)


def _as_found(
    group: Group, mass: FloatArray, events: FloatArray, shown: Injected, rows: Indices
) -> None:
    """Fill in what is found where the scan's maximum is."""
    peak, size = group.peak, group.peak.background.size
    found = _everywhere(group)
    start, strength = found.values, found.values[:, peak.strength]
    at_truth = peak.fit(
        group.counts, start[:, :size], mass, spurious=spurious_at(group, start[:, peak.mass]),
        events=strength, pulls=start[:, peak.mass + 1 :],
    )  # fmt: skip
    shown.found_pull[rows] = (strength - events) / found.error(peak.strength)
    shown.mass_rise[rows] = at_truth.deviance - found.deviance
    shown.mass_GeV[rows] = start[:, peak.mass]
    shown.converged[rows] &= found.converged & at_truth.converged


def _everywhere(group: Group) -> Minima:
    """Fit everything, the mass too, from the scan's maximum (as `measurement.measure` does)."""
    peak, counts = group.peak, group.counts
    mass = group.masses_GeV[group.largest()[1]]
    theta = scoring_fit(counts, peak.background).theta
    found = peak.fit(counts, theta, mass, spurious=spurious_at(group, mass))
    for _ in range(2):
        start, mass = found.values, found.values[:, peak.mass]
        found = peak.fit(
            counts, start[:, : peak.background.size], mass, spurious=spurious_at(group, mass),
            events=start[:, peak.strength], pulls=start[:, peak.mass + 1 :], free=_EVERYTHING,
        )  # fmt: skip
    return found


def _statistic(
    true_events: FloatArray, events: FloatArray, best: Minima, null: Minima, true: Minima
) -> FloatArray:
    """Return q~ of the true strength."""
    least = np.where(events < 0, null.deviance, best.deviance)
    return np.where(events > true_events, 0.0, np.maximum(true.deviance - least, 0.0))
