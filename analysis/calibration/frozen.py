r"""Functions held: what a search whose background function is settled expects of a truth.

The upcrossings of the look-elsewhere formula are those of toys of the frozen model, as the
analysis counts them; the expected errors of a signal are those of the truth without fluctuations.
Toys of the frozen model, the largest significance of each found by fits, tell whether the formula
holds.
"""

from dataclasses import dataclass, replace

import numpy as np

from analysis.search import Search
from analysis.statistics.entries import Option
from analysis.statistics.families import Function
from analysis.statistics.look_elsewhere import Upcrossings, upcrossings
from analysis.statistics.resonance import ChannelModel, Spectra
from analysis.statistics.signal_model import SignalModel
from analysis.statistics.spectra import Bins, FloatArray
from analysis.statistics.tournament import Tournament
from analysis.statistics.toys import Group


@dataclass(frozen=True, slots=True)
class Held:
    """A function in a range."""

    function: Function
    low_GeV: float
    high_GeV: float

    @classmethod
    def of(cls, option: Option) -> "Held":
        """Return what a tournament chose."""
        return cls(option.function, option.low_GeV, option.high_GeV)

    @classmethod
    def by(cls, group: Group) -> "Held":
        """Return what toys are fitted with."""
        peak = group.peak
        (function,) = peak.background.functions
        return cls(function, float(peak.low_GeV[0]), float(peak.high_GeV[-1]))

    @property
    def name(self) -> str:
        """For people."""
        return f"{self.function.name}, {self.low_GeV:g} to {self.high_GeV:g} GeV"


@dataclass(frozen=True, slots=True, eq=False)
class Setting:
    """One truth, and the search that looks at it."""

    search: Search
    signal: SignalModel
    sqrt_s_GeV: float
    expected: FloatArray
    """events in the bins of the tournament"""

    @property
    def tournament(self) -> Tournament:
        """How functions are chosen."""
        return Tournament.of(self.search, self.signal, self.sqrt_s_GeV)

    @property
    def masses_GeV(self) -> FloatArray:
        """Masses of the scan."""
        return np.asarray(self.search.signal.masses_GeV)

    def spectra(self, held: Held, spurious: FloatArray) -> Spectra:
        """Return the truth without fluctuations, to be fitted with a function.

        Parameters
        ----------
        held : Held
        spurious : ndarray
            One standard deviation of the spurious signal at each mass of the scan, events.
        """
        tournament = self.tournament
        low, high = tournament.low_GeV, tournament.high_GeV
        inside = (low > held.low_GeV - 1e-6) & (high < held.high_GeV + 1e-6)
        expected = self.expected[inside]
        bins = Bins(low[inside], high[inside], expected, expected)
        model = ChannelModel(bins, held.function, self.masses_GeV, spurious)
        return Spectra.of((model,), self.signal, self.search.systematics)

    def chosen(self, ranges: tuple[str, ...] = ("full", "window")) -> tuple[Held, FloatArray]:
        """Return what the tournament chooses on the truth itself, and the spurious signals."""
        decided = replace(self.tournament, ranges=ranges).decide(self.expected[None])
        spurious = np.interp(self.masses_GeV, decided.masses_GeV, decided.spurious[0])
        return Held.of(decided.chosen), np.asarray(spurious)


@dataclass(frozen=True, slots=True, eq=False)
class Expectation:
    """What is expected with a function."""

    crossings: Upcrossings
    errors: FloatArray
    """of a signal at each mass of the scan, events"""


def expectation(
    setting: Setting, held: Held, spurious: FloatArray, *, seed: int, toys: int
) -> Expectation:
    """Return upcrossings and expected errors of a truth fitted with a function."""
    spectra, masses = setting.spectra(held, spurious), setting.masses_GeV
    crossings = upcrossings(spectra, spectra.counts, masses, seed=seed, toys=toys)
    return Expectation(crossings, spectra.scan(masses).signal_error_events[0])


def largest(
    setting: Setting, held: Held, spurious: FloatArray, *, seed: int, numbers: range
) -> FloatArray:
    """Return the largest significance of some toys of the frozen model."""
    spectra, masses = setting.spectra(held, spurious), setting.masses_GeV
    counts = np.array(
        [np.random.default_rng([seed, n]).poisson(spectra.counts) for n in numbers], dtype=float
    )
    size = len(counts)
    nuisances = np.repeat(spectra.spurious(masses)[None], size, axis=0)
    group = Group(np.arange(size), spectra.peak, counts, masses, nuisances, np.ones(size))
    return group.largest()[0]
