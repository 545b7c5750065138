"""A resonance that is known belongs to both hypotheses: what is beside it is seen as it is."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import norm

from analysis.settings.search import Systematics
from analysis.statistics.background.families import Function
from analysis.statistics.background.poisson import scoring_fit
from analysis.statistics.resonance.peak_curve import Given
from analysis.statistics.resonance.scan import ChannelModel, Spectra
from analysis.statistics.spectra.bins import Bins
from analysis.statistics.spectra.signal_model import plain_signal

EDGES = np.arange(400.0, 1101.0, 10)
MASSES = np.linspace(500, 1000, 51)
ERRORS = Systematics(luminosity=0.0, efficiency=0.0, energy_scale=0.005, resolution=0.06)
SHARES = (0.6, 0.2)


def peak(mass_GeV: float, events: float) -> np.ndarray:
    return np.asarray(events * np.diff(norm.cdf(EDGES, mass_GeV, 30)))


def spectra(peaks: np.ndarray, *known: Given, spurious: float = 1.0) -> Spectra:
    """Return two categories, without fluctuations, and what is known of them."""
    falling = -np.diff(np.exp(-EDGES / 120))
    channels = []
    for share in SHARES:
        counts = 20_000 * share * falling / falling.sum() + peaks * share / sum(SHARES)
        bins, ends = Bins(EDGES[:-1], EDGES[1:], counts, counts), np.array([400.0, 1100.0])
        channels.append(ChannelModel(bins, Function("exp", 2), ends, np.full(2, spurious)))
    found = Spectra.of(channels, plain_signal(30.0, SHARES), ERRORS)
    return replace(found, peak=replace(found.peak, given=known))


def test_the_derivatives_are_those_of_the_expectation() -> None:
    """Against differences: all parameters, of categories too."""
    both = spectra(peak(600, 700), Given(600.0, 690.0), Given(850.0, 30.0))
    likelihood, rows = both.peak, np.arange(1)
    theta = scoring_fit(both.counts[None], likelihood.background).theta
    values = likelihood.at(theta, np.array([725.0]), 50.0)
    values[:, likelihood.mass + 1], values[:, likelihood.mass + 2] = 0.3, -0.4
    curve = likelihood.curve(np.array([725.0]), np.array([[5.0, 3.0]]))
    every = ["background", "signal", "mass", "shape", "spurious", "given"]
    free = np.array(likelihood.indices(every))
    assert free.tolist() == list(range(likelihood.size))
    slopes = curve.slopes(values, rows, free)[0]
    for column, index in enumerate(free):
        step = 1e-4 * max(1.0, abs(values[0, index]))
        ends = [values.copy(), values.copy()]
        ends[0][0, index] += step
        ends[1][0, index] -= step
        up, down = (curve.expected(end, rows)[0] for end in ends)
        by_difference = (up - down) / (2 * step)
        assert slopes[:, column] == pytest.approx(
            by_difference, abs=1e-5 * np.abs(by_difference).max()
        )


def test_beside_a_known_resonance_nothing_is_seen_that_is_not_there() -> None:
    x = peak(600, 700)
    unknown = spectra(x).scan(MASSES)
    assert unknown.z.min() < -4  # the background bends under the peak
    given = spectra(x, Given(590.0, 650.0)).scan(MASSES)
    assert given.converged.all()
    assert np.abs(given.z).max() < 1e-3
    # On top of the known one there is nothing to tell two from one.
    away = np.abs(MASSES - 600) > 2 * 30
    assert np.abs(given.signal_events[away]).max() < 0.1


def test_a_second_resonance_is_measured_as_if_it_were_alone() -> None:
    x, second = peak(600, 700), peak(850, 60)
    at = np.array([850.0])
    alone = spectra(second).scan(at)
    given = spectra(x + second, Given(600.0, 690.0)).scan(at)
    unknown = spectra(x + second).scan(at)
    assert given.signal_events[0] == pytest.approx(60, abs=0.1)
    # Events of the first take a little of what is known of the background.
    assert alone.z[0] * 0.95 < given.z[0] < alone.z[0]
    assert unknown.z[0] < 0.75 * alone.z[0]
