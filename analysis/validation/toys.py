r"""Toys of the whole procedure, without a resonance and with one: what it says of them.

Every toy is decided on its own sidebands and fitted with what it chose. As no selection of
functions reads the window, several windows can be drawn to the sidebands of a toy, and what is
decided is decided once.

*Without a resonance* kept are the local significances at three fixed masses, the largest of the
scan, and what was chosen with which spurious signal: global significance and expected uncertainty
follow from that (`fixed_model`). More windows are toys of the whole procedure, too, but not
independent quite (the functions are the same, and those of the full range are fitted to the same
sidebands): `toy_report` takes the uncertainties from the spread between toys.

*With a resonance* all points (mass and strength) share the sidebands of a toy; background and
signal in the window are drawn anew for each point. Compared are, on each toy,

=============  ==================================================================================
at the truth   S at the injected mass, of either sign: sign(S - S0) sqrt(D(S0) - D(S)), the pull of
               the quoted (profile-likelihood) interval, which covers where it is below 1; and the
               plain (S - S0)/error, whose error shrinks with a downward fluctuation
as found       S at the fitted mass; and whether the mass's interval, D(M0) - D(M) <= 1 from the
               scan's maximum, covers
limit          CLs of S0 by the asymptotic formula of q~ (arXiv:1007.1727): a limit covers where it
               is at least 5 %
=============  ==================================================================================

The unit of the injected strengths is the expected uncertainty of S without a signal.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from analysis.statistics.background.entries import Flags, Indices
from analysis.statistics.resonance.peak import Peak
from analysis.statistics.resonance.toys import ToyGroup
from analysis.statistics.spectra.signal_model import bin_fractions
from analysis.statistics.spectra.streams import signal_toy_stream, window_toy_stream
from analysis.validation.fits import AtTruth, BestFits, nearest, some
from analysis.validation.fixed_model import Setting, names_of
from analysis.validation.rates import FIXED_GeV
from tools.arrays import Columns, FloatArray

MEASURED_SIGMA = 3.0
"""from which on the mass is measured"""


@dataclass(frozen=True, slots=True, eq=False)
class BackgroundToys(Columns):
    """What T spectra showed; those with the same sidebands follow each other."""

    number: Indices
    """of the toy; those decided alike stand together, shape (T,)"""
    fixed_z: FloatArray
    """signed, at the masses `FIXED_GeV`, shape (T, 3)"""
    largest_z: FloatArray
    """of the scan, shape (T,); NaN where it was not looked for"""
    functions: npt.NDArray[np.str_]
    """what was chosen, shape (T, C)"""
    spurious: FloatArray
    """at each mass of the scan, shape (T, M, C)"""
    passes: Flags
    """whether the choice is good enough"""

    def choices(self) -> dict[tuple[str, ...], Flags]:
        """Return what was chosen, the first first, and which toys chose it."""
        rows = [tuple(map(str, names)) for names in self.functions]
        return {
            names: np.array([row == names for row in rows], dtype=bool)
            for names in dict.fromkeys(rows)
        }


def background_toys(
    setting: Setting, numbers: range, *, seed: int, scans: int, windows: int = 1
) -> BackgroundToys:
    """Return what some toys show.

    Parameters
    ----------
    setting : Setting
    numbers : range
        Which toys of the seed.
    seed : int
    scans : int
        If the first of them is below this number they are scanned; else they are fitted at the
        fixed masses only.
    windows : int
        Drawn to the sidebands of each toy.
    """
    toys, where, parts = setting.toys, nearest(setting.masses_GeV, FIXED_GeV), []
    for decided in toys.groups(toys.draw(seed, numbers)):
        group = _redrawn(setting, decided, windows, seed, [numbers[t] for t in decided.toys])
        own = len(group.toys)
        z = group.fit(np.tile(where, own), np.repeat(np.arange(own), len(where)))
        scanned = numbers[0] < scans
        shown = BackgroundToys(
            number=numbers[0] + group.toys,
            fixed_z=z.reshape(own, len(where)),
            largest_z=group.largest()[0] if scanned else np.full(own, np.nan),
            functions=np.array([names_of(group.options)] * own),
            spurious=group.spurious,
            passes=group.passes.astype(bool),
        )
        parts.append(shown)
    return BackgroundToys.joined(parts)


def _redrawn(
    setting: Setting, group: ToyGroup, windows: int, seed: int, numbers: list[int]
) -> ToyGroup:
    """Return each toy followed by others with its sidebands."""
    inside, expected = setting.window(group)
    redrawn = some(group, np.repeat(np.arange(len(group.toys)), windows))
    for row, number in enumerate(numbers):
        rng = window_toy_stream(seed, number)
        # The first of the windows is the toy itself, so that more windows do not change it.
        others = slice(row * windows + 1, (row + 1) * windows)
        redrawn.counts[others, inside] = rng.poisson(expected, (windows - 1, len(expected)))
    return redrawn


@dataclass(frozen=True, slots=True)
class InjectionPoint:
    """What is injected."""

    mass_GeV: float
    sigma: float
    """strength in expected uncertainties of S"""
    events: float


@dataclass(frozen=True, slots=True, eq=False)
class SignalToys(AtTruth):
    """What T toys showed at each of some points, shape (T, points); of one point (T,).

    What is found where the scan's maximum is: NaN if too little is injected to look for it.
    """

    found_pull: FloatArray
    """(S - S0)/error at the fitted mass"""
    mass_pull: FloatArray
    """of the true mass"""
    mass_GeV: FloatArray
    """fitted"""

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
        """Inject in units of the uncertainty that the test spectrum's function expects."""
        scanned = setting.masses_GeV
        errors = setting.fixed(*setting.chosen()).scan(scanned).signal_error_events
        points = tuple(
            InjectionPoint(mass, sigma, sigma * float(np.interp(mass, scanned, errors)))
            for mass in masses_GeV
            for sigma in sigmas
        )
        return cls(setting, points, drawn_width)

    def toys(self, numbers: range, *, seed: int) -> SignalToys:
        """Return what some toys show."""
        toys, parts = self.setting.toys, []
        for group in toys.groups(toys.draw(seed, numbers)):
            counts = self._drawn(group, seed, [numbers[int(toy)] for toy in group.toys])
            rows = np.tile(np.arange(len(group.toys)), len(self.points))
            # All points at once: the sidebands, and with them the functions, are the same.
            stacked = replace(some(group, rows), counts=counts.reshape(len(rows), -1))
            shown = _shown(stacked, [p for p in self.points for _ in group.toys])
            apart = {
                name: values.reshape(len(counts), -1).T for name, values in shown.arrays().items()
            }
            parts.append(SignalToys(**apart))
        return SignalToys.joined(parts)

    def _drawn(self, group: ToyGroup, seed: int, numbers: list[int]) -> FloatArray:
        """Return the spectra of some toys at each point, shape (points, T, B)."""
        inside, expected = self.setting.window(group)
        counts = np.repeat(group.counts[None], len(self.points), axis=0)
        for row, number in enumerate(numbers):
            # A stream for each toy, all points in their order: a toy does not depend on its batch.
            rng = signal_toy_stream(seed, number)
            for index, point in enumerate(self.points):
                wider = float(rng.uniform(0.9, 1.1)) if self.drawn_width else 1.0
                signal = point.events * one_event(group.peak, point.mass_GeV, wider)
                counts[index, row, inside] = rng.poisson(expected + signal[inside])
        return counts


def one_event(peak: Peak, mass_GeV: float, wider: float) -> FloatArray:
    """Return the entries per bin of one event; the window holds all but 0.1 % of it."""
    mass, signal = np.array([mass_GeV]), peak.signal
    mean, width = mass + signal.offset_GeV(mass), wider * signal.width_GeV(mass)
    share = signal.shares(mass)[0, peak.channel]
    return np.asarray(share * bin_fractions(peak.low_GeV, peak.high_GeV, mean, width)[0])


def _shown(group: ToyGroup, wanted: Sequence[InjectionPoint]) -> SignalToys:
    """Return what toys show, each with a point of its own."""
    mass, events = (np.array([getattr(p, n) for p in wanted]) for n in ("mass_GeV", "events"))
    unknown = {n: np.full(len(mass), np.nan) for n in ("found_pull", "mass_pull", "mass_GeV")}
    shown = SignalToys(**AtTruth.of(group, mass, events).arrays(), **unknown)
    # Of a weaker signal the largest excess is mostly another one.
    rows = np.flatnonzero([point.sigma >= MEASURED_SIGMA for point in wanted])
    if len(rows):
        measured = some(group, rows)
        best = BestFits.of(measured, group.masses_GeV[measured.largest()[1]])
        error = best.minima.error(group.peak.strength)
        shown.found_pull[rows] = (best.events - events[rows]) / error
        shown.mass_GeV[rows] = best.mass_GeV
        shown.mass_pull[rows], converged = best.mass_pull(mass[rows])
        shown.converged[rows] &= converged
    return shown
