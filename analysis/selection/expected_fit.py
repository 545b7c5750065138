"""What each selection lets the fit expect: the Asimov significance with a free background.

The figure of merit of a selection counts events on a known background. The search fits: the
background of every category is free, and what it knows is the shape. So beside the figure of merit
stands the significance of the combined fit of the window, to the simulation's expectation without
fluctuations (arXiv:1007.1727): an exponential of a polynomial of third order in each category, the
same for every selection, so that selections are compared and nothing else.

Mass spectra are those before the selection, times what a category keeps: the columns are
independent of the mass (where they are not, no score is used).
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from analysis.settings.search import Search
from analysis.statistics.background.families import Function
from analysis.statistics.background.prediction import predict_from_simulation
from analysis.statistics.resonance.scan import ChannelModel, Spectra
from analysis.statistics.spectra.bins import Bins
from analysis.statistics.spectra.inputs import InferenceInputs, SimulatedSpectrum
from analysis.statistics.spectra.signal_model import signal_model, simulated_peak
from processors.histograms import Counts
from tools.arrays import FloatArray
from tools.samples import Catalogue

FUNCTION = Function("exp", 3)


@dataclass(frozen=True, slots=True, eq=False)
class Shares:
    """What a selection keeps, category by category."""

    background: FloatArray
    """shape (categories,)"""
    signals: Mapping[str, FloatArray]
    """of each signal, shape (categories,)"""


def expected_z(
    shares: Mapping[str, Shares],
    spectra: Mapping[str, Counts],
    weights: Mapping[str, float],
    catalogue: Catalogue,
    search: Search,
) -> dict[str, dict[str, float]]:
    """Return the expected local significance of each signal, at its mass, for each selection.

    Parameters
    ----------
    shares : mapping of str to Shares
        By selection.
    spectra : mapping of str to Hist
        The mass before any selection, of background and signals.
    weights : mapping of str to float
        Expected events per simulated one.
    catalogue : Catalogue
    search : Search
    """
    simulated = {
        name: _simulated(name, spectra[name], weights[name], catalogue) for name in spectra
    }
    bins = _background(simulated, catalogue, search)
    signals = {name: s for name, s in simulated.items() if s.mass_GeV is not None}
    return {what: _expected(bins, signals, kept, search) for what, kept in shares.items()}


def _simulated(
    name: str, spectrum: Counts, weight: float, catalogue: Catalogue
) -> SimulatedSpectrum:
    sample, counts = catalogue.sample(name), np.asarray(spectrum.view(), np.float64)
    return SimulatedSpectrum(
        edges_GeV=np.asarray(spectrum.axes[0].edges),
        counts={"all": counts},
        weight=weight,
        generated_events=int(np.asarray(spectrum.view(flow=True)).sum()),
        mass_GeV=sample.mass_GeV,
        cross_section_pb=sample.cross_section_pb,
        filter_efficiency=sample.filter_efficiency,
    )


def _background(
    simulated: Mapping[str, SimulatedSpectrum], catalogue: Catalogue, search: Search
) -> Bins:
    """Return the expected background before the selection in the bins of the window, smooth."""
    inputs = InferenceInputs(
        simulation=simulated,
        luminosity_invpb=catalogue.luminosity_invpb,
        data_luminosity_invpb=catalogue.luminosity_invpb,
        collision_energy_GeV=catalogue.collision_energy_GeV,
    )
    (background,) = predict_from_simulation(inputs, search).backgrounds
    window = search.window
    steps = round((window.high_GeV - window.low_GeV) / search.fit.bin_GeV)
    edges = np.linspace(window.low_GeV, window.high_GeV, steps + 1)
    events = background.chosen.fitted.events(edges[:-1], edges[1:])
    return Bins(edges[:-1], edges[1:], events, events)


def _expected(
    bins: Bins, signals: Mapping[str, SimulatedSpectrum], kept: Shares, search: Search
) -> dict[str, float]:
    """Return the expected significance of each signal with one selection."""
    masses = search.signal.masses_GeV
    nothing = np.zeros(len(masses))
    channels = []
    for number, share in enumerate(kept.background):
        events = share * bins.counts
        own = Bins(bins.low_GeV, bins.high_GeV, events, events)
        channels.append(ChannelModel(own, FUNCTION, masses, nothing, f"{number}"))
    signal = signal_model(
        [
            simulated_peak(
                s.peak_GeV, s.edges_GeV,
                [share * s.counts["all"] for share in kept.signals[name]], s.generated_events,
            )
            for name, s in signals.items()
        ]
    )  # fmt: skip
    spectra = Spectra.of(channels, signal, search.systematics)
    names = list(signals)
    at = np.array([signals[name].peak_GeV for name in names])
    events = np.array(
        [s.weight * kept.signals[n].sum() * s.counts["all"].sum() for n, s in signals.items()]
    )
    return dict(zip(names, map(float, spectra.asimov_z(at, events)), strict=True))
