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
from dataclasses import replace

import numpy as np

from analysis.settings.search import Search
from analysis.statistics.background.families import Function
from analysis.statistics.background.prediction import predict_from_simulation
from analysis.statistics.resonance.scan import ChannelModel, Spectra
from analysis.statistics.spectra.bins import Bins, bin_edges
from analysis.statistics.spectra.inputs import InferenceInputs, SimulatedSpectrum
from processors.histograms import Counts
from tools.arrays import FloatArray
from tools.samples import Catalogue

FUNCTION = Function("exp", 3)
Fractions = dict[str, FloatArray]
"""sample -> fraction of its events that each category of a selection keeps, shape (categories,)"""


def expected_z(
    shares: Mapping[str, Fractions],
    spectra: Mapping[str, Counts],
    weights: Mapping[str, float],
    catalogue: Catalogue,
    search: Search,
) -> dict[str, dict[str, float]]:
    """Return the expected local significance of each signal, at its mass, for each selection.

    Parameters
    ----------
    shares : mapping of str to Fractions
        By selection.
    spectra : mapping of str to Hist
        The mass before any selection, of background and signals.
    weights : mapping of str to float
        Expected events per simulated one.
    catalogue : Catalogue
    search : Search
    """
    inputs = InferenceInputs(
        simulation={n: _simulated(n, spectra[n], weights[n], catalogue) for n in spectra},
        luminosity_invpb=catalogue.luminosity_invpb,
        data_luminosity_invpb=catalogue.luminosity_invpb,
        collision_energy_GeV=catalogue.collision_energy_GeV,
    )
    # The expected background before the selection in the bins of the window, smooth.
    (background,) = predict_from_simulation(inputs, search).backgrounds
    edges = bin_edges(search.window.low_GeV, search.window.high_GeV, search.fit.bin_GeV)
    events = background.fitted.events(edges[:-1], edges[1:])
    bins = Bins(edges[:-1], edges[1:], events, events)
    return {what: _expected(bins, inputs, kept, search) for what, kept in shares.items()}


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


def _expected(
    bins: Bins, inputs: InferenceInputs, kept: Fractions, search: Search
) -> dict[str, float]:
    """Return the expected significance of each signal with one selection."""
    masses = search.signal.masses_GeV
    channels, simulation = [], {}
    (background,) = kept.keys() - inputs.signals.keys()
    for number, fraction in enumerate(kept[background]):
        own = replace(bins, counts=fraction * bins.counts, variances=fraction * bins.counts)
        channels.append(ChannelModel(own, FUNCTION, masses, np.zeros(len(masses)), f"{number}"))
    # The columns do not depend on the mass: a category has the whole spectrum, scaled.
    for name, sample in inputs.simulation.items():
        parts = {f"{c}": fraction * sample.counts["all"] for c, fraction in enumerate(kept[name])}
        simulation[name] = replace(sample, counts=parts)
    signal, signals = replace(inputs, simulation=simulation).signal_model(), inputs.signals
    at = np.array([sample.peak_GeV for sample in signals.values()])
    events = np.array(
        [s.weight * kept[n].sum() * s.counts["all"].sum() for n, s in signals.items()]
    )
    z = Spectra.of(channels, signal, search.systematics).asimov_z(at, events)
    return dict(zip(signals, map(float, z), strict=True))
