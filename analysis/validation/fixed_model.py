r"""Fixed background models: what a search with a settled function expects of a test spectrum.

The upcrossings of the look-elsewhere formula are those of toys of the fixed model, as the analysis
counts them; the expected uncertainties of a signal are those of the test spectrum without
fluctuations. Toys of the fixed model, the largest significance of each found by fits, tell whether
the formula holds.
"""

from collections.abc import Sequence
from dataclasses import astuple, dataclass, replace

import numpy as np

from analysis.results.scan import Upcrossings
from analysis.settings.search import Search
from analysis.statistics.background.entries import Flags, Option
from analysis.statistics.background.tournament import Tournament, decide_all
from analysis.statistics.resonance.look_elsewhere import upcrossings
from analysis.statistics.resonance.scan import ChannelModel, Spectra
from analysis.statistics.resonance.toys import Experiment, ToyGroup
from analysis.statistics.spectra.bins import Bins, between
from analysis.statistics.spectra.signal_model import SignalModel
from analysis.statistics.spectra.streams import fixed_toy_stream
from analysis.validation.tasks import Columns
from tools.arrays import FloatArray

FixedModel = tuple[Option, ...]
"""what each channel is fitted with: a function in a range"""


def names_of(model: Sequence[Option]) -> tuple[str, ...]:
    """Return the functions' names, and their ranges, as they are kept and shown."""
    return tuple(option.name for option in model)


def title_of(model: FixedModel) -> str:
    """Return what a model is called in a table: of several channels it would be too long."""
    return "as chosen on the truth" if len(model) > 1 else model[0].name


@dataclass(frozen=True, slots=True, eq=False)
class Setup:
    """What a search knows of the spectra it looks at: its settings, and a resonance's shape."""

    search: Search
    signal: SignalModel
    sqrt_s_GeV: float

    @property
    def tournament(self) -> Tournament:
        """How functions are chosen; its bins are those of the spectra."""
        return Tournament.of(self.search, self.signal, self.sqrt_s_GeV)

    @property
    def masses_GeV(self) -> FloatArray:
        """Masses of the scan."""
        return np.asarray(self.search.signal.masses_GeV)

    def experiment(self, expected: Sequence[FloatArray]) -> Experiment:
        """Return what toys are drawn from whose channels are expected to be like this."""
        tournaments = (self.tournament,) * len(expected)
        return Experiment(tournaments, tuple(expected), self.search)

    def inside(self, option: Option) -> Flags:
        """Return which bins of the tournament a function is fitted to."""
        low, high = self.tournament.low_GeV, self.tournament.high_GeV
        return between(low, high, option.low_GeV, option.high_GeV)

    def counts(self, model: FixedModel, spectra: Sequence[FloatArray]) -> FloatArray:
        """Return what a fit reads of some channels' spectra, one channel after the other."""
        channels = zip(model, spectra, strict=True)
        return np.concatenate([own[..., self.inside(option)] for option, own in channels], axis=-1)

    def spectra(
        self, model: FixedModel, expected: Sequence[FloatArray], spurious: FloatArray
    ) -> Spectra:
        """Return spectra, to be fitted with these functions.

        Parameters
        ----------
        model : tuple of Option
        expected : sequence of ndarray
            Events of each channel in the bins of the tournament.
        spurious : ndarray, shape (M, C)
            One standard deviation of the spurious signal at each mass of the scan, events.
        """
        low, high = self.tournament.low_GeV, self.tournament.high_GeV
        channels = []
        for option, events, own in zip(model, expected, spurious.T, strict=True):
            where = self.inside(option)
            bins = Bins(low[where], high[where], events[where], events[where])
            channels.append(ChannelModel(bins, option.function, self.masses_GeV, own))
        return Spectra.of(channels, self.signal, self.search.systematics)


@dataclass(frozen=True, slots=True, eq=False)
class Setting(Setup):
    """One test spectrum, and the search that looks at it."""

    expected: tuple[FloatArray, ...]
    """events of each channel in the bins of the tournament"""

    @property
    def toys(self) -> Experiment:
        """What toys are drawn from."""
        return self.experiment(self.expected)

    def fixed(self, model: FixedModel, spurious: FloatArray | None = None) -> Spectra:
        """Return the test spectrum without fluctuations, to be fitted with these functions.

        Parameters
        ----------
        model : tuple of Option
        spurious : ndarray, shape (M, C), optional
            As in `spectra`; without, there is no spurious signal.
        """
        if spurious is None:
            spurious = np.zeros((len(self.masses_GeV), len(self.expected)))
        return self.spectra(model, self.expected, spurious)

    def window(self, group: ToyGroup) -> tuple[Flags, FloatArray]:
        """Return which bins of a fit lie in the window, which no tournament reads; its events."""
        peak, window = group.peak, self.search.window
        inside = between(peak.low_GeV, peak.high_GeV, window.low_GeV, window.high_GeV)
        return inside, self.counts(group.options, self.expected)[inside]

    def named(self, names: Sequence[str]) -> FixedModel:
        """Return the functions, and their ranges, of these names."""
        tournament = self.tournament
        full = [("full", low, tournament.high_GeV[-1]) for low in tournament.lows_GeV]
        window = ("window", tournament.window.low_GeV, tournament.window.high_GeV)
        options = [Option(*ends, f) for ends in (*full, window) for f in tournament.functions(0)]
        known = {option.name: option for option in options}
        return tuple(known[name] for name in names)

    def chosen(self, ranges: tuple[str, ...] = ("full", "window")) -> tuple[FixedModel, FloatArray]:
        """Return what is selected on the test spectrum itself, and the spurious signals."""
        tournament = replace(self.tournament, ranges=ranges)
        expected = [each[None] for each in self.expected]
        decided = decide_all([tournament] * len(expected), expected)
        spurious = [np.interp(self.masses_GeV, d.masses_GeV, d.spurious[0]) for d in decided]
        return tuple(d.chosen for d in decided), np.stack(spurious, axis=-1)


@dataclass(frozen=True, slots=True, eq=False)
class FixedExpectation(Columns):
    """What is expected with a function."""

    counted: FloatArray
    """the numbers of `Upcrossings`"""
    errors: FloatArray
    """expected uncertainty of a signal at each mass of the scan, events"""

    @classmethod
    def of(
        cls, spectra: Spectra, masses_GeV: FloatArray, *, seed: int, toys: int
    ) -> "FixedExpectation":
        """Count upcrossings, and fit the test spectrum without fluctuations."""
        counted = upcrossings(spectra, masses_GeV, seed=seed, toys=toys)
        errors = spectra.scan(masses_GeV).signal_error_events
        # Kept tasks are arrays: the four numbers of a small result are one, too.
        return cls(np.array(astuple(counted), dtype=float), errors)

    @property
    def crossings(self) -> Upcrossings:
        """Upcrossings in the formula for the global significance."""
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
        # A stream for each toy: it is the same one in whatever task it is drawn.
        drawn = [fixed_toy_stream(seed, number).poisson(spectra.counts) for number in numbers]
        counts, size = np.array(drawn, dtype=float), len(drawn)
        spurious = np.repeat(spectra.spurious(masses_GeV)[None], size, axis=0)
        group = ToyGroup(np.arange(size), spectra.peak, counts, masses_GeV, spurious, np.ones(size))
        return cls(group.largest()[0])
