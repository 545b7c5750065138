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

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from analysis.statistics.background.entries import Flags, Indices
from analysis.statistics.resonance.peak import Peak
from analysis.statistics.resonance.toys import ToyGroup
from analysis.statistics.spectra.signal_model import bin_fractions
from analysis.statistics.spectra.streams import signal_toy_stream
from analysis.validation.columns import Columns
from analysis.validation.fits import AtTruth, BestFits, some
from analysis.validation.fixed_model import FixedModel, Setting
from tools.arrays import FloatArray

MEASURED_SIGMA = 3.0
"""from which on the mass is measured"""


@dataclass(frozen=True, slots=True)
class InjectionPoint:
    """What is injected."""

    mass_GeV: float
    sigma: float
    """expected errors of S"""
    events: float


@dataclass(frozen=True, slots=True, eq=False)
class SignalToys(Columns):
    """What T toys showed at each of some points, shape (T, points); of one point (T,)."""

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

    def at(self, points: Sequence[int]) -> "SignalToys":
        """Return the toys of some points, one point after the other."""
        return SignalToys(**{name: own[:, points].T.ravel() for name, own in self.arrays().items()})


@dataclass(frozen=True, slots=True)
class Injection:
    """What toys are injected with."""

    setting: Setting
    points: tuple[InjectionPoint, ...]
    drawn_width: bool = True
    """whether a resonance is wider by U(0.9, 1.1), as in the universes; else as simulated"""

    @classmethod
    def of(
        cls, setting: Setting, masses_GeV: Sequence[float], sigmas: Sequence[float],
        *, drawn_width: bool = True,
    ) -> "Injection":  # fmt: skip
        """Inject in units of the error expected with the function of the truth."""
        scanned = setting.masses_GeV
        errors = setting.spectra(*setting.chosen()).scan(scanned).signal_error_events
        points = tuple(
            InjectionPoint(mass, sigma, sigma * float(np.interp(mass, scanned, errors)))
            for mass in masses_GeV
            for sigma in sigmas
        )
        return cls(setting, points, drawn_width)

    def toys(self, *, seed: int, numbers: range) -> SignalToys:
        """Return what some toys show."""
        toys, parts = self.setting.experiment, []
        for group in toys.groups(toys.draw(seed, numbers)):
            counts = self._drawn(group, seed, [numbers[int(toy)] for toy in group.toys])
            rows = np.tile(np.arange(len(group.toys)), len(self.points))
            stacked = replace(some(group, rows), counts=counts.reshape(len(rows), -1))
            shown = _shown(stacked, [p for p in self.points for _ in group.toys])
            apart = {
                name: values.reshape(len(counts), -1).T for name, values in shown.arrays().items()
            }
            parts.append(SignalToys(**apart))
        return SignalToys.joined(parts)

    def _drawn(self, group: ToyGroup, seed: int, numbers: list[int]) -> FloatArray:
        """Return the spectra of some toys at each point, shape (points, T, B)."""
        inside = self.setting.inside(group.peak)
        expected = self.setting.without_spurious(FixedModel.by(group)).counts
        counts = np.repeat(group.counts[None], len(self.points), axis=0)
        for row, number in enumerate(numbers):
            rng = signal_toy_stream(seed, number)
            for index, point in enumerate(self.points):
                wider = float(rng.uniform(0.9, 1.1)) if self.drawn_width else 1.0
                signal = point.events * self._template(group.peak, point.mass_GeV, wider)
                counts[index, row, inside] = rng.poisson((expected + signal)[inside])
        return counts

    def _template(self, peak: Peak, mass_GeV: float, wider: float) -> FloatArray:
        """Return the entries per bin of one event; the window holds all but 0.04 % of it."""
        mass, signal = np.array([mass_GeV]), self.setting.signal
        mean, width = mass + signal.offset_GeV(mass), wider * signal.width_GeV(mass)
        share = signal.shares(mass)[0, peak.channel]
        return np.asarray(share * bin_fractions(peak.low_GeV, peak.high_GeV, mean, width)[0])


def _shown(group: ToyGroup, wanted: Sequence[InjectionPoint]) -> SignalToys:
    """Return what toys show, each with a point of its own."""
    mass, true_events = (np.array([getattr(p, n) for p in wanted]) for n in ("mass_GeV", "events"))
    found = AtTruth.of(group, mass, true_events)
    away = found.events - true_events
    shown = SignalToys(
        root=np.sign(away) * np.sqrt(found.rise),
        pull=away / found.error,
        cls=found.cls,
        **{name: np.full(len(mass), np.nan) for name in ("found_pull", "mass_rise", "mass_GeV")},
        converged=found.converged,
    )
    rows = np.flatnonzero([point.sigma >= MEASURED_SIGMA for point in wanted])
    if len(rows):
        _as_found(some(group, rows), mass[rows], true_events[rows], shown, rows)
    return shown


def _as_found(
    group: ToyGroup, mass: FloatArray, events: FloatArray, shown: SignalToys, rows: Indices
) -> None:
    """Fill in what is found where the scan's maximum is."""
    masses = group.masses_GeV
    best = BestFits.of(group, masses[group.largest()[1]], (masses[0], masses[-1]))
    rise, converged = best.rise_at_mass(mass)
    error = best.minima.error(group.peak.strength)
    shown.found_pull[rows] = (best.events - events) / error
    shown.mass_rise[rows], shown.mass_GeV[rows] = rise, best.mass_GeV
    shown.converged[rows] &= converged
