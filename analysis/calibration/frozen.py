r"""Functions held: what a search whose background function is settled expects of a truth.

The upcrossings of the look-elsewhere formula are those of toys of the frozen model, as the
analysis counts them; the expected errors of a signal are those of the truth without fluctuations.
Toys of the frozen model, the largest significance of each found by fits, tell whether the formula
holds.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from analysis.results.scan import Upcrossings
from analysis.settings.search import Search
from analysis.statistics.background.entries import Flags, Option
from analysis.statistics.background.families import Function
from analysis.statistics.background.tournament import Tournament, decide_all
from analysis.statistics.resonance.look_elsewhere import upcrossings
from analysis.statistics.resonance.peak import Peak
from analysis.statistics.resonance.scan import ChannelModel, Spectra
from analysis.statistics.resonance.toys import Experiment, Group, experiment
from analysis.statistics.spectra.bins import Bins, FloatArray
from analysis.statistics.spectra.signal_model import SignalModel


@dataclass(frozen=True, slots=True)
class Ranged:
    """A function in a range."""

    function: Function
    low_GeV: float
    high_GeV: float

    @property
    def name(self) -> str:
        """For people."""
        return f"{self.function.name}, {self.low_GeV:g} to {self.high_GeV:g} GeV"


@dataclass(frozen=True, slots=True)
class Held:
    """What each channel is fitted with."""

    channels: tuple[Ranged, ...]

    @classmethod
    def of(cls, options: Sequence[Option]) -> "Held":
        """Return what tournaments chose."""
        return cls(tuple(Ranged(o.function, o.low_GeV, o.high_GeV) for o in options))

    @classmethod
    def by(cls, group: Group) -> "Held":
        """Return what toys are fitted with."""
        peak, background = group.peak, group.peak.background
        found = zip(background.functions, background.groups, strict=True)
        edges = peak.low_GeV, peak.high_GeV
        ends = [(f, [edge[own.bins] for edge in edges]) for f, own in found]
        return cls(tuple(Ranged(f, float(low.min()), float(high.max())) for f, (low, high) in ends))

    @property
    def name(self) -> str:
        """For people."""
        several = len(self.channels) > 1
        return "as chosen on the truth" if several else self.channels[0].name


@dataclass(frozen=True, slots=True, eq=False)
class Setting:
    """One truth, and the search that looks at it."""

    search: Search
    signal: SignalModel
    sqrt_s_GeV: float
    expected: tuple[FloatArray, ...]
    """events of each channel in the bins of the tournament"""

    @property
    def tournament(self) -> Tournament:
        """How functions are chosen."""
        return Tournament.of(self.search, self.signal, self.sqrt_s_GeV)

    @property
    def experiment(self) -> Experiment:
        """What toys are drawn from."""
        return experiment(self.search, self.signal, self.expected, self.sqrt_s_GeV)

    @property
    def masses_GeV(self) -> FloatArray:
        """Masses of the scan."""
        return np.asarray(self.search.signal.masses_GeV)

    def spectra(self, held: Held, spurious: FloatArray) -> Spectra:
        """Return the truth without fluctuations, to be fitted with these functions.

        Parameters
        ----------
        held : Held
        spurious : ndarray, shape (M, C)
            One standard deviation of the spurious signal at each mass of the scan, events.
        """
        parts = zip(held.channels, self.expected, spurious.T, strict=True)
        channels = [self._channel(ranged, *part) for ranged, *part in parts]
        return Spectra.of(channels, self.signal, self.search.systematics)

    def _channel(self, ranged: Ranged, expected: FloatArray, spurious: FloatArray) -> ChannelModel:
        tournament = self.tournament
        low, high = tournament.low_GeV, tournament.high_GeV
        inside = (low > ranged.low_GeV - 1e-6) & (high < ranged.high_GeV + 1e-6)
        bins = Bins(low[inside], high[inside], expected[inside], expected[inside])
        return ChannelModel(bins, ranged.function, self.masses_GeV, spurious)

    def inside(self, peak: Peak) -> Flags:
        """Return which bins of a fit are in the window, where no tournament looks."""
        window = self.search.window
        above = peak.low_GeV >= window.low_GeV - 1e-6
        return np.asarray(above & (peak.high_GeV <= window.high_GeV + 1e-6))

    def same(self, ranged: Ranged) -> tuple[Held, FloatArray]:
        """Return this function for all channels, and no spurious signals."""
        channels = len(self.expected)
        return Held((ranged,) * channels), np.zeros((len(self.masses_GeV), channels))

    def chosen(self, ranges: tuple[str, ...] = ("full", "window")) -> tuple[Held, FloatArray]:
        """Return what the tournament chooses on the truth itself, and the spurious signals."""
        tournament = replace(self.tournament, ranges=ranges)
        expected = [each[None] for each in self.expected]
        decided = decide_all([tournament] * len(expected), expected)
        spurious = [np.interp(self.masses_GeV, d.masses_GeV, d.spurious[0]) for d in decided]
        return Held.of([d.chosen for d in decided]), np.stack(spurious, axis=-1)


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
