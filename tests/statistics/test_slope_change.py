"""What is left of a significance if the slope of the background may change."""

import numpy as np
import pytest
from scipy.stats import norm

from analysis.settings.search import Systematics
from analysis.statistics.background.families import Function
from analysis.statistics.resonance.scan import ChannelModel, Spectra
from analysis.statistics.resonance.slope_change import mean_slope, places, systematic_z
from analysis.statistics.spectra.bins import Bins
from analysis.statistics.spectra.signal_model import plain_signal

EDGES = np.arange(400.0, 1101.0, 10)
MASSES = np.linspace(500, 1000, 51)
NO_ERRORS = Systematics(luminosity=0.0, efficiency=0.0, energy_scale=0.0, resolution=0.0)


def falling(events: float, tau_beyond: float = 120.0, corner: float = 650.0) -> np.ndarray:
    """Return an exponential of 120 GeV, of another slope beyond a corner."""
    beyond = np.maximum(EDGES - corner, 0)
    left = 120 * (np.exp((corner - np.minimum(EDGES, corner)) / 120) - 1) - tau_beyond * (
        1 - np.exp(-beyond / tau_beyond)
    )
    return np.asarray(events * -np.diff(left) / (left[0] - left[-1]))


def spectra(counts: np.ndarray, function: Function) -> Spectra:
    bins, ends = Bins(EDGES[:-1], EDGES[1:], counts, counts), np.array([400.0, 1100.0])
    channel = ChannelModel(bins, function, ends, np.zeros(2))
    return Spectra.of([channel], plain_signal(30.0), NO_ERRORS)


@pytest.mark.parametrize("family", ["exp", "bernstein"])
def test_a_corner_is_no_resonance(family: str) -> None:
    """A million events without fluctuations, of a slope that changes by 17 %."""
    found = spectra(falling(1e6, 100.0), Function(family, 3 if family == "exp" else 5))
    scan = found.scan(MASSES)
    assert scan.local_z > 3
    assert systematic_z(found, float(scan.mass_GeV[scan.best])) < 0.6 * scan.local_z


@pytest.mark.parametrize(("events", "least", "most"), [(5e3, 0.95, 1.0), (1e6, 0.4, 0.8)])
def test_it_costs_little_in_few_events_and_much_in_many(
    events: float, least: float, most: float
) -> None:
    """Of 7 sigma; 8 with an exponential alone."""
    signal = 200 * np.sqrt(events / 5000) * np.diff(norm.cdf(EDGES, 700, 30))
    found = spectra(falling(events) + signal, Function("exp", 3))
    z = float(found.scan(np.array([700.0])).z[0])
    assert least < systematic_z(found, 700.0) / z <= most


def test_a_deficit_has_no_significance() -> None:
    counts = falling(5e4) - 200 * np.diff(norm.cdf(EDGES, 700, 30))
    assert systematic_z(spectra(counts, Function("exp", 2)), 700.0) == 0


def test_the_mean_slope_of_an_exponential_is_its_own() -> None:
    bins = spectra(falling(1e4), Function("exp", 1)).channels[0].bins
    assert mean_slope(bins, bins.counts) == pytest.approx(1 / 120, rel=1e-9)


def test_there_is_a_bin_beyond_every_place() -> None:
    """Else the change is no parameter at all: of a last bin that is wider than the resolution."""
    edges = np.array([100, 120, 150, 200, 280, 400, 600, 1000, 2000.0])
    bins = Bins(edges[:-1], edges[1:], np.ones(8), np.ones(8))
    found = places(bins, 30.0)
    assert (found[0], found[-1]) == (130.0, 1000.0)
    assert len(found) == 30
