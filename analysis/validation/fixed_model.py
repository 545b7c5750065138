r"""Fixed background models: what a search with a settled function expects of a test spectrum.

The upcrossings of the look-elsewhere formula are those of toys of the fixed model, as the analysis
counts them; the expected uncertainties of a signal are those of the test spectrum without
fluctuations. Toys of the fixed model, the largest significance of each found by fits, tell whether
the formula holds.
"""

from collections.abc import Sequence
from dataclasses import astuple, dataclass, replace

import numpy as np

from analysis.results.scan import GlobalToys, Upcrossings
from analysis.settings.search import Search
from analysis.statistics.background.entries import Flags, Option
from analysis.statistics.background.model_selection import ModelSelection, select_all
from analysis.statistics.resonance.look_elsewhere import counted_toys, upcrossings
from analysis.statistics.resonance.scan import ChannelModel, Spectra
from analysis.statistics.resonance.toys import Experiment, ToyGroup
from analysis.statistics.spectra.bins import Bins, between
from analysis.statistics.spectra.signal_model import SignalModel
from analysis.statistics.spectra.streams import fixed_toy_stream
from tools.arrays import Columns, FloatArray

FixedModel = tuple[Option, ...]
"""what each channel is fitted with: a function in a range"""


def names_of(model: Sequence[Option]) -> tuple[str, ...]:
    """Return the functions' names, and their ranges, as they are kept and shown."""
    return tuple(option.name for option in model)


def title_of(model: FixedModel) -> str:
    """Return what a model is called in a table: of several channels it would be too long."""
    return "as chosen on the truth" if len(model) > 1 else model[0].name


@dataclass(frozen=True, slots=True, eq=False)
class FixedExpectation(Columns):
    """What is expected with a function."""

    counted: FloatArray
    """the numbers of `Upcrossings`"""
    errors: FloatArray
    """expected uncertainty of a signal at each mass of the scan, events"""

    @property
    def crossings(self) -> Upcrossings:
        """Upcrossings in the formula for the global significance."""
        level, mean, error, toys = map(float, self.counted)
        return Upcrossings(level, mean, error, int(toys))


@dataclass(frozen=True, slots=True, eq=False)
class LargestZ(Columns):
    """The largest significance of each toy over the masses of the scan."""

    largest_z: FloatArray

    def counted(self, z: float) -> GlobalToys:
        """Count toys with at least some significance."""
        return counted_toys(len(self.largest_z), int(np.sum(self.largest_z >= z)))


@dataclass(frozen=True, slots=True, eq=False)
class Setting:
    """One test spectrum, and the search that looks at it."""

    search: Search
    signal: SignalModel
    sqrt_s_GeV: float
    expected: tuple[FloatArray, ...] = ()
    """events of each channel in the bins of the model selection; none of the search alone"""

    @property
    def model_selection(self) -> ModelSelection:
        """How functions are chosen; its bins are those of the spectra."""
        return ModelSelection.of(self.search, self.signal, self.sqrt_s_GeV)

    @property
    def masses_GeV(self) -> FloatArray:
        """Masses of the scan."""
        return np.asarray(self.search.signal.masses_GeV)

    @property
    def window_events(self) -> float:
        """Events of all channels in the window."""
        window = self.search.window
        inside = self.model_selection.inside(window.low_GeV, window.high_GeV)
        return float(sum(expected[inside].sum() for expected in self.expected))

    @property
    def toys(self) -> Experiment:
        """What toys are drawn from."""
        model_selections = (self.model_selection,) * len(self.expected)
        return Experiment(model_selections, self.expected, self.search)

    def counts(self, model: FixedModel, spectra: Sequence[FloatArray]) -> FloatArray:
        """Return what a fit reads of some channels' spectra, one channel after the other."""
        where = [self.model_selection.inside(each.low_GeV, each.high_GeV) for each in model]
        channels = zip(spectra, where, strict=True)
        return np.concatenate([own[..., inside] for own, inside in channels], axis=-1)

    def fixed(self, model: FixedModel, spurious: FloatArray | None = None) -> Spectra:
        """Return the test spectrum without fluctuations, to be fitted with these functions.

        Parameters
        ----------
        model : tuple of Option
        spurious : ndarray, shape (M, C), optional
            One standard deviation of the spurious signal at each mass of the scan, events; without,
            there is none.
        """
        if spurious is None:
            spurious = np.zeros((len(self.masses_GeV), len(self.expected)))
        channels, rules = [], self.model_selection
        for option, events, own in zip(model, self.expected, spurious.T, strict=True):
            where = rules.inside(option.low_GeV, option.high_GeV)
            bins = Bins(rules.low_GeV, rules.high_GeV, events, events).some(where)
            channels.append(ChannelModel(bins, option.function, self.masses_GeV, own))
        return Spectra.of(channels, self.signal, self.search.systematics)

    def window(self, group: ToyGroup) -> tuple[Flags, FloatArray]:
        """Return a fit's bins in the window, which no model selection reads; its events."""
        peak, window = group.peak, self.search.window
        inside = between(peak.low_GeV, peak.high_GeV, window.low_GeV, window.high_GeV)
        return inside, self.counts(group.options, self.expected)[inside]

    def named(self, names: Sequence[str]) -> FixedModel:
        """Return the functions, and their ranges, of these names."""
        model_selection = self.model_selection
        full = [("full", low, model_selection.high_GeV[-1]) for low in model_selection.lows_GeV]
        window = ("window", model_selection.window.low_GeV, model_selection.window.high_GeV)
        options = [
            Option(*ends, f) for ends in (*full, window) for f in model_selection.functions(0)
        ]
        known = {option.name: option for option in options}
        return tuple(known[name] for name in names)

    def chosen(self, ranges: tuple[str, ...] = ("full", "window")) -> tuple[FixedModel, FloatArray]:
        """Return what is selected on the test spectrum itself, and the spurious signals."""
        model_selection = replace(self.model_selection, ranges=ranges)
        expected = [each[None] for each in self.expected]
        decided = select_all([model_selection] * len(expected), expected)
        spurious = [np.interp(self.masses_GeV, d.masses_GeV, d.spurious[0]) for d in decided]
        return tuple(d.chosen for d in decided), np.stack(spurious, axis=-1)

    def expectation(
        self, model: FixedModel, spurious: FloatArray | None, _the_only: range = range(1),
        *, seed: int, toys: int,
    ) -> FixedExpectation:  # fmt: skip
        """Count upcrossings, and fit the test spectrum without fluctuations."""
        spectra, masses = self.fixed(model, spurious), self.masses_GeV
        counted = upcrossings(spectra, masses, seed=seed, toys=toys)
        # Kept tasks are arrays: the four numbers of a small result are one, too.
        numbers = np.array(astuple(counted), dtype=float)
        return FixedExpectation(numbers, spectra.scan(masses).signal_error_events)

    def fixed_toys(
        self, model: FixedModel, spurious: FloatArray | None, numbers: range, *, seed: int
    ) -> LargestZ:
        """Return what some toys of a fixed background model show."""
        spectra, masses = self.fixed(model, spurious), self.masses_GeV
        # A stream for each toy: it is the same one in whatever task it is drawn.
        drawn = [fixed_toy_stream(seed, number).poisson(spectra.counts) for number in numbers]
        counts, size = np.array(drawn, dtype=float), len(drawn)
        sizes = np.repeat(spectra.spurious(masses)[None], size, axis=0)
        group = ToyGroup(np.arange(size), spectra.peak, counts, masses, sizes, np.ones(size))
        return LargestZ(group.largest()[0])
