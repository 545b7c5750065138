"""What the inference starts from: selected spectra, luminosities, what is known of the samples.

The caller reads files and fills these; everything after them is a function of them alone. Spectra
are integer counts, channel by channel: the categories of a score, or one channel ``"all"``. A
simulated event has one weight for its sample, so that its Poisson errors are never lost in a sum of
weights.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from analysis.settings.search import Window
from analysis.statistics.spectra.bins import Channel
from analysis.statistics.spectra.signal_model import Interpolated, SignalModel, SimulatedPeak
from tools.arrays import FloatArray
from tools.errors import InputError
from tools.names import listed

Counts = Mapping[str, npt.NDArray[Any]]
"""channel -> counts of the fine bins"""


@dataclass(frozen=True, slots=True, eq=False)
class Spectrum:
    """Selected observed events."""

    edges_GeV: FloatArray
    """edges of the fine bins, the same for all spectra"""
    counts: Counts
    blinded: bool = False
    """whether the window is blinded: its bins are never read, whatever they hold"""
    unselected_counts: npt.NDArray[Any] | None = None
    """the spectrum before the selection, for the comparison of luminosities"""

    def channels(self) -> tuple[Channel, ...]:
        """Return the spectrum of each channel."""
        return tuple(Channel(name, self.edges_GeV, counts) for name, counts in self.counts.items())


@dataclass(frozen=True, slots=True, eq=False)
class SimulatedSpectrum:
    """Selected simulated events of one sample."""

    edges_GeV: FloatArray
    counts: Counts
    """events, not sums of weights"""
    weight: float
    """weight of each event, for the simulation's luminosity"""
    generated_events: int
    """events before any selection"""
    mass_GeV: float | None = None
    """mass of the resonance; None for background"""
    cross_section_pb: float | None = None
    """cross-section of a signal before the filter"""
    filter_efficiency: float | None = None
    """filter efficiency of a signal"""
    unselected_counts: npt.NDArray[Any] | None = None
    """spectrum of a background before the selection. If given, a channel's shape is taken from
    it, scaled to the channel's events: many more events, right if the selection does not depend on
    the mass"""

    @property
    def peak_GeV(self) -> float:
        """Mass of a signal's resonance.

        Raises
        ------
        ValueError
            For a background, which has none.
        """
        if self.mass_GeV is None:
            raise ValueError("a background has no mass")
        return self.mass_GeV


@dataclass(frozen=True, slots=True)
class InferenceInputs:
    """Everything that the inference needs beside the search file."""

    simulation: Mapping[str, SimulatedSpectrum]
    luminosity_invpb: float
    """luminosity that the simulation's weights stand for"""
    data_luminosity_invpb: float
    """luminosity of the observed data"""
    collision_energy_GeV: float
    data: Spectrum | None = None
    complete: bool = True
    """whether no event was lost on the way"""
    after_unblinding: str | None = None
    """why decisions were changed after unblinding, if they were"""

    def __post_init__(self) -> None:
        kinds = [sample.mass_GeV is None for sample in self.simulation.values()]
        if all(kinds) or not any(kinds):
            raise InputError(
                "the inference needs a simulated background and at least one simulated signal; "
                f"there are: {listed(self.simulation) or 'none'}"
            )
        spectra: list[Spectrum | SimulatedSpectrum] = [*self.simulation.values()]
        if self.data is not None:
            spectra.append(self.data)
        if len({tuple(spectrum.counts) for spectrum in spectra}) > 1:
            raise InputError("the samples have different channels; process them together")
        if len({tuple(spectrum.edges_GeV) for spectrum in spectra}) > 1:
            raise InputError("the samples have different bins of mass; process them together")

    def only(self, names: Collection[str]) -> "InferenceInputs":
        """Return the inputs of some channels."""

        def kept(counts: Counts) -> Counts:
            return {name: each for name, each in counts.items() if name in names}

        simulation = {n: replace(s, counts=kept(s.counts)) for n, s in self.simulation.items()}
        data = None if self.data is None else replace(self.data, counts=kept(self.data.counts))
        return replace(self, simulation=simulation, data=data)

    @property
    def closed(self) -> str | None:
        """Why nothing of the window can be told; None if it can."""
        if self.data is None:
            return "there are no data: expected results only, from the simulation"
        if self.data.blinded:
            return "the data are blind: expected results only; unblind them with `xyy unblind`"
        return None

    @property
    def luminosity_ratio(self) -> float:
        """Data's luminosity over the simulation's."""
        return self.data_luminosity_invpb / self.luminosity_invpb

    @property
    def channel_names(self) -> tuple[str, ...]:
        """Names of the selection categories."""
        return tuple(next(iter(self.simulation.values())).counts)

    @property
    def signals(self) -> dict[str, SimulatedSpectrum]:
        """The simulated signals."""
        return {name: s for name, s in self.simulation.items() if s.mass_GeV is not None}

    @property
    def backgrounds(self) -> tuple[SimulatedSpectrum, ...]:
        """The simulated backgrounds."""
        return tuple(sample for sample in self.simulation.values() if sample.mass_GeV is None)

    def background_channels(self) -> tuple[Channel, ...]:
        """Return the expected background of each channel, at the simulation's luminosity."""
        return tuple(
            added(name, [_weighted(sample, name) for sample in self.backgrounds])
            for name in self.channel_names
        )

    def unselected(self) -> tuple[Channel, Channel] | None:
        """Return the expected background and the data before the selection, if both are there."""
        data, backgrounds = self.data, self.backgrounds
        if data is None or data.unselected_counts is None:
            return None
        if any(sample.unselected_counts is None for sample in backgrounds):
            return None
        name, edges = "before the selection", data.edges_GeV
        pairs = [(np.asarray(b.unselected_counts, np.float64), b.weight) for b in backgrounds]
        expected = [Channel(name, edges, n * weight, n * weight**2) for n, weight in pairs]
        return added(name, expected), Channel(name, edges, data.unselected_counts)

    def signal_model(self) -> SignalModel:
        """Return what a resonance of any mass looks like.

        Raises
        ------
        InputError
            If two signals have the same mass, or one lost all its events to the selection.
        """
        return SignalModel.of([self._peak(sample) for sample in self.signals.values()])

    def _peak(self, sample: SimulatedSpectrum) -> SimulatedPeak:
        counts = [np.asarray(sample.counts[name], np.float64) for name in self.channel_names]
        return SimulatedPeak.of(sample.peak_GeV, sample.edges_GeV, counts, sample.generated_events)

    def benchmark_pb(self) -> Interpolated:
        """Return the cross-section that the simulated signals stand for, by mass."""
        return self._by_mass([known(sample, name)[0] for name, sample in self.signals.items()])

    def filter_efficiency(self) -> Interpolated:
        """Return the filter efficiency of a signal, by mass."""
        return self._by_mass([known(sample, name)[1] for name, sample in self.signals.items()])

    def _by_mass(self, values: Sequence[float]) -> Interpolated:
        masses = np.array([sample.peak_GeV for sample in self.signals.values()])
        order = np.argsort(masses)
        return Interpolated(masses[order], np.array(values)[order], np.zeros(len(masses)))

    def events_per_pb(self, signal: SignalModel, mass_GeV: FloatArray) -> FloatArray:
        """Return selected data events of all channels per pb of cross-section, at some masses."""
        efficiency, _ = signal.total_efficiency(mass_GeV)
        per_pb = self.data_luminosity_invpb * self.filter_efficiency().at(mass_GeV) * efficiency
        return np.asarray(per_pb)


def known(sample: SimulatedSpectrum, name: str) -> tuple[float, float]:
    """Return a signal's cross-section in pb and its filter efficiency.

    Raises
    ------
    InputError
        If one is missing.
    """
    if sample.cross_section_pb is None or sample.filter_efficiency is None:
        raise InputError(f"signal {name}: its cross-section and filter efficiency must be known")
    return sample.cross_section_pb, sample.filter_efficiency


def added(name: str, parts: Sequence[Channel]) -> Channel:
    """Return the sum of some spectra, with their variances."""
    counts = np.sum([part.counts for part in parts], axis=0)
    own = [part.counts if part.variances is None else part.variances for part in parts]
    return Channel(name, parts[0].edges_GeV, counts, np.sum(own, axis=0))


def signal_channels(sample: SimulatedSpectrum) -> tuple[Channel, ...]:
    """Return a signal's expected spectrum in each channel, at the simulation's luminosity."""
    return tuple(_weighted(sample, name) for name in sample.counts)


def window_events(channels: Iterable[Channel], window: Window) -> tuple[float, float]:
    """Return the sum of weights in the window, and its variance, over some channels."""
    sums = [channel.inside(window) for channel in channels]
    return sum(events for events, _ in sums), sum(variance for _, variance in sums)


def _weighted(sample: SimulatedSpectrum, name: str) -> Channel:
    counts, weight = np.asarray(sample.counts[name], dtype=np.float64), sample.weight
    if sample.unselected_counts is not None and sample.unselected_counts.sum() > 0:
        unselected = np.asarray(sample.unselected_counts, dtype=np.float64)
        weight *= counts.sum() / unselected.sum()
        counts = unselected
    # All events of a sample weigh the same: the variance is that of the count, scaled.
    return Channel(name, sample.edges_GeV, counts * weight, counts * weight**2)
