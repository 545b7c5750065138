r"""Fixed background models: what a search whose background function is settled expects of a truth.

The upcrossings of the look-elsewhere formula are those of toys of the frozen model, as the
analysis counts them; the expected errors of a signal are those of the truth without fluctuations.
Toys of the frozen model, the largest significance of each found by fits, tell whether the formula
holds.
"""

import re
from collections.abc import Sequence
from dataclasses import astuple, dataclass, replace

import numpy as np

from analysis.results.scan import Upcrossings
from analysis.settings.search import Search
from analysis.statistics.background.entries import Flags, Option
from analysis.statistics.background.families import Function
from analysis.statistics.background.tournament import Tournament, decide_all
from analysis.statistics.resonance.look_elsewhere import upcrossings
from analysis.statistics.resonance.peak import Peak
from analysis.statistics.resonance.scan import ChannelModel, Spectra
from analysis.statistics.resonance.toys import Experiment, ToyGroup, experiment
from analysis.statistics.spectra.bins import Bins, between
from analysis.statistics.spectra.signal_model import SignalModel
from analysis.statistics.spectra.streams import fixed_toy_stream
from analysis.validation.columns import Columns
from tools.arrays import FloatArray

_NAME = re.compile(r"(.+), (\S+) to (\S+) GeV")


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

    def inside(self, low_GeV: FloatArray, high_GeV: FloatArray) -> Flags:
        """Return which bins are in the range."""
        return between(low_GeV, high_GeV, self.low_GeV, self.high_GeV)

    def model(
        self, edges_GeV: tuple[FloatArray, FloatArray], counts: FloatArray,
        masses_GeV: FloatArray, spurious: FloatArray, name: str = "all",
    ) -> ChannelModel:  # fmt: skip
        """Return a channel with so many events in its bins, to be fitted with the function."""
        bins = Bins(*edges_GeV, counts, counts)
        return ChannelModel(bins, self.function, masses_GeV, spurious, name)


@dataclass(frozen=True, slots=True)
class FixedModel:
    """What each channel is fitted with."""

    channels: tuple[Ranged, ...]

    @classmethod
    def of(cls, options: Sequence[Option]) -> "FixedModel":
        """Return what tournaments chose."""
        return cls(tuple(Ranged(o.function, o.low_GeV, o.high_GeV) for o in options))

    @classmethod
    def by(cls, group: ToyGroup) -> "FixedModel":
        """Return what toys are fitted with."""
        peak, background = group.peak, group.peak.background
        found = zip(background.functions, background.groups, strict=True)
        edges = peak.low_GeV, peak.high_GeV
        ends = [(f, [edge[own.bins] for edge in edges]) for f, own in found]
        return cls(tuple(Ranged(f, float(low.min()), float(high.max())) for f, (low, high) in ends))

    @property
    def names(self) -> tuple[str, ...]:
        """Of each channel, for people."""
        return tuple(channel.name for channel in self.channels)

    @property
    def name(self) -> str:
        """For people."""
        return "as chosen on the truth" if len(self.channels) > 1 else self.names[0]


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

    def spectra(self, held: FixedModel, spurious: FloatArray) -> Spectra:
        """Return the truth without fluctuations, to be fitted with these functions.

        Parameters
        ----------
        held : FixedModel
        spurious : ndarray, shape (M, C)
            One standard deviation of the spurious signal at each mass of the scan, events.
        """
        low, high = self.tournament.low_GeV, self.tournament.high_GeV
        channels = []
        for ranged, expected, own in zip(held.channels, self.expected, spurious.T, strict=True):
            inside = ranged.inside(low, high)
            edges = low[inside], high[inside]
            channels.append(ranged.model(edges, expected[inside], self.masses_GeV, own))
        return Spectra.of(channels, self.signal, self.search.systematics)

    def without_spurious(self, held: FixedModel) -> Spectra:
        """Return the same with no spurious signal."""
        return self.spectra(held, np.zeros((len(self.masses_GeV), len(self.expected))))

    def inside(self, peak: Peak) -> Flags:
        """Return which bins of a fit are in the window, where no tournament looks."""
        window = self.search.window
        return between(peak.low_GeV, peak.high_GeV, window.low_GeV, window.high_GeV)

    def same(self, ranged: Ranged) -> FixedModel:
        """Return this function for all channels."""
        return FixedModel((ranged,) * len(self.expected))

    def named(self, names: Sequence[str]) -> FixedModel:
        """Return the functions, and their ranges, of these names."""
        known = {function.name: function for function in self.tournament.functions(0)}
        found = [match for name in names if (match := _NAME.fullmatch(name))]
        return FixedModel(tuple(Ranged(known[m[1]], float(m[2]), float(m[3])) for m in found))

    def chosen(self, ranges: tuple[str, ...] = ("full", "window")) -> tuple[FixedModel, FloatArray]:
        """Return what the tournament chooses on the truth itself, and the spurious signals."""
        tournament = replace(self.tournament, ranges=ranges)
        expected = [each[None] for each in self.expected]
        decided = decide_all([tournament] * len(expected), expected)
        spurious = [np.interp(self.masses_GeV, d.masses_GeV, d.spurious[0]) for d in decided]
        return FixedModel.of([d.chosen for d in decided]), np.stack(spurious, axis=-1)


@dataclass(frozen=True, slots=True, eq=False)
class FixedExpectation(Columns):
    """What is expected with a function."""

    counted: FloatArray
    """the numbers of `Upcrossings`"""
    errors: FloatArray
    """of a signal at each mass of the scan, events"""

    @classmethod
    def of(
        cls, spectra: Spectra, masses_GeV: FloatArray, *, seed: int, toys: int
    ) -> "FixedExpectation":
        """Count upcrossings, and fit the truth without fluctuations."""
        counted = upcrossings(spectra, spectra.counts, masses_GeV, seed=seed, toys=toys)
        errors = spectra.scan(masses_GeV).signal_error_events
        return cls(np.array(astuple(counted), dtype=float), errors)

    @property
    def crossings(self) -> Upcrossings:
        """Of the formula for the global significance."""
        level, mean, error, toys = map(float, self.counted)
        return Upcrossings(level, mean, error, int(toys))


@dataclass(frozen=True, slots=True, eq=False)
class FixedToys(Columns):
    """Toys of a fixed background model."""

    largest_z: FloatArray

    @classmethod
    def of(
        cls, spectra: Spectra, masses_GeV: FloatArray, *, seed: int, numbers: range
    ) -> "FixedToys":
        """Return some of a seed's toys."""
        drawn = [fixed_toy_stream(seed, number).poisson(spectra.counts) for number in numbers]
        counts, size = np.array(drawn, dtype=float), len(drawn)
        spurious = np.repeat(spectra.spurious(masses_GeV)[None], size, axis=0)
        group = ToyGroup(np.arange(size), spectra.peak, counts, masses_GeV, spurious, np.ones(size))
        return cls(group.largest()[0])
