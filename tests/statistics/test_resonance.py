"""The scan for a resonance: sign, size and frequency of what it finds, in one spectrum or many."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import norm

from analysis.settings.search import Search, Systematics
from analysis.statistics.background.families import Function
from analysis.statistics.resonance.peak import MassScan
from analysis.statistics.resonance.scan import ChannelModel, Spectra
from analysis.statistics.spectra.bins import Bins
from analysis.statistics.spectra.signal_model import plain_signal
from tests.many_scans import scans

EDGES = np.arange(400.0, 1101.0, 10)
MASSES = np.linspace(500, 1000, 51)
EXACT = Systematics(luminosity=0.0, efficiency=0.0, energy_scale=0.0, resolution=0.0)


def background(events: float = 11_220.0) -> np.ndarray:
    contents = -np.diff(np.exp(-EDGES / 115))
    return np.asarray(events * contents / contents.sum())


def peak(mass: float, width: float = 30.0) -> np.ndarray:
    return np.diff(norm.cdf(EDGES, mass, width))


def channel(counts: np.ndarray, spurious: float = 0.0, order: int = 2) -> ChannelModel:
    bins = Bins(EDGES[:-1], EDGES[1:], counts, counts)
    ends = np.array([500.0, 1000.0])
    return ChannelModel(bins, Function("exp", order), ends, np.full(2, spurious))


def spectra(counts: np.ndarray, spurious: float = 0.0, systematics: Systematics = EXACT) -> Spectra:
    return Spectra.of([channel(counts, spurious)], plain_signal(30.0), systematics)


@pytest.fixture(scope="module")
def empty(search: Search) -> MassScan:
    """Scans of 300 spectra without a resonance."""
    counts = np.random.default_rng(20240560).poisson(background(), (300, 70)).astype(float)
    return scans(MASSES, spectra(background(), systematics=search.systematics), counts)


def test_z_of_empty_spectra_is_standard_normal(empty: MassScan) -> None:
    """At three masses; four errors of mean (0.058) and width (0.041): 1e-4 of false alarm each."""
    assert empty.converged.mean() > 0.999
    for index in (0, 25, 50):
        z = empty.z[:, index]
        assert abs(z.mean()) < 0.23
        assert abs(z.std() - 1) < 0.17


def test_between_two_masses_of_a_scan_little_is_lost() -> None:
    """In the middle of a step of one resolution, and of a third of one, as the scan goes."""
    found = spectra(background() + 235 * peak(600)).scan(600 + 30 * np.array([0.0, 1 / 6, 1 / 2]))
    assert found.z / found.z[0] == pytest.approx([1, 0.99, 0.90], abs=0.005)


def test_three_sigma_somewhere_is_rare(empty: MassScan) -> None:
    """2.5 % of 300 are 7.5: more than 19 in 2e-4 of such tests; and some pass 2, as they must."""
    largest = empty.z.max(axis=1)
    assert np.sum(largest > 3) <= 19
    assert np.sum(largest > 2) >= 30


def test_strength_error_and_z_belong_together(empty: MassScan) -> None:
    """To first order z is strength over error; with many events to a tenth."""
    ratio = empty.signal_events / empty.signal_error_events
    assert np.array_equal(np.sign(empty.z), np.sign(empty.signal_events))
    assert ratio[:, :10] == pytest.approx(empty.z[:, :10], abs=0.25)
    rise = empty.null_deviance - empty.deviance
    assert np.all(rise > -1e-6)
    assert empty.z**2 == pytest.approx(np.maximum(rise, 0))


@pytest.mark.parametrize("mass", [500.0, 625.0, 750.0, 1000.0])
def test_a_peak_without_fluctuations_is_returned(mass: float) -> None:
    scan = spectra(background() + 200 * peak(mass)).scan(MASSES)
    at = int(np.argmin(np.abs(MASSES - mass)))
    assert abs(MASSES[int(np.argmax(scan.z))] - mass) <= 5
    if MASSES[at] == mass:
        assert scan.signal_events[at] == pytest.approx(200, rel=1e-3)
        assert scan.deviance[at] == pytest.approx(0, abs=1e-4)
    assert scan.converged.all()


def test_a_dip_has_a_negative_strength_and_z() -> None:
    scan = spectra(background() - 60 * peak(730)).scan(np.array([700.0, 730.0, 760.0]))
    assert np.all(scan.z < 0)
    assert scan.signal_events[1] == pytest.approx(-60, rel=1e-2)


def test_many_spectra_are_scanned_as_if_each_were_alone(empty: MassScan, search: Search) -> None:
    counts = np.random.default_rng(20240560).poisson(background(), (300, 70)).astype(float)
    many = spectra(background(), systematics=search.systematics)
    for row in (0, 150, 299):
        scan = replace(many, counts=counts[row]).scan(MASSES)
        assert scan.z == pytest.approx(empty.z[row], abs=1e-4)
        error = empty.signal_error_events[row]
        assert scan.signal_events / error == pytest.approx(
            empty.signal_events[row] / error, abs=1e-3
        )


def test_the_expected_significance_is_that_of_the_asimov_set() -> None:
    found = spectra(background(), systematics=replace(EXACT, resolution=0.06))
    masses = np.array([500.0, 700.0, 1000.0])
    z = [found.asimov_z(masses, np.full(3, events)) for events in (0.0, 1.0, 2.0, 300.0)]
    assert z[0] == pytest.approx(0, abs=1e-2)
    assert z[2] / z[1] == pytest.approx(2, rel=0.05)
    with_peak = spectra(background() + 300 * peak(700), systematics=replace(EXACT, resolution=0.06))
    assert with_peak.scan(masses).z[1] == pytest.approx(z[3][1], rel=1e-4)


def test_spurious_signals_are_interpolated_and_lower_z() -> None:
    ends = np.array([500.0, 1000.0])
    rising = replace(channel(background()), spurious_events=np.array([10.0, 30.0]))
    found = Spectra.of([rising], plain_signal(30.0), EXACT)
    assert rising.masses_GeV.tolist() == ends.tolist()
    assert found.spurious(np.array([400.0, 500.0, 750.0, 1000.0]))[:, 0].tolist() == [
        10, 10, 20, 30,
    ]  # fmt: skip
    masses, events = np.array([750.0]), np.array([20.0])
    without = spectra(background()).asimov_z(masses, events)[0]
    with_it = found.asimov_z(masses, events)[0]
    error = 20 / without
    assert with_it == pytest.approx(20 / np.hypot(error, 20), rel=0.05)


def test_channels_share_one_resonance() -> None:
    """A spectrum split in two, 30 to 70: the same scan, and a peak divided in the same way."""
    counts = background() + 200 * peak(700)
    shares = (0.3, 0.7)
    both = Spectra.of([channel(x * counts) for x in shares], plain_signal(30.0, shares), EXACT)
    one, two = spectra(counts).scan(MASSES), both.scan(MASSES)
    assert two.z == pytest.approx(one.z, abs=1e-3)
    assert two.signal_events == pytest.approx(one.signal_events, abs=0.05)
    (template,) = both.peak.templates(np.array([700.0]))
    own = [template[group.bins].sum() for group in both.peak.background.groups]
    assert own == pytest.approx(shares, rel=1e-6)
