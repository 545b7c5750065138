"""Every fit of a scan ends in the lowest minimum, behind a strong resonance too."""

import numpy as np
import pytest
from scipy.stats import norm

from analysis.settings.search import Systematics
from analysis.statistics.background.families import Function
from analysis.statistics.background.poisson import scoring_fit
from analysis.statistics.resonance.peak import ALL_BUT_MASS, NO_SIGNAL
from analysis.statistics.resonance.scan import ChannelModel, Spectra
from analysis.statistics.spectra.bins import Bins
from analysis.statistics.spectra.signal_model import plain_signal

EDGES = np.arange(400.0, 1201.0, 10)
MASSES = np.linspace(500, 1000, 26)
SHARES = {"background": (0.6, 0.3, 0.03, 0.003), "signal": (0.2, 0.3, 0.3, 0.2)}
ERRORS = Systematics(luminosity=0.0, efficiency=0.0, energy_scale=0.0, resolution=0.06)


def strong(mass_GeV: float, seed: int, spurious: float) -> Spectra:
    """Return four categories with 900 events of a resonance, the purest nearly empty beside it."""
    rng, falling = np.random.default_rng(seed), -np.diff(np.exp(-EDGES / 120))
    peak, channels = np.diff(norm.cdf(EDGES, mass_GeV, 30)), []
    for background, signal, order in zip(*SHARES.values(), (3, 4, 5, 4), strict=True):
        expected = 20_000 * background * falling / falling.sum() + 900 * signal * peak
        counts, ends = rng.poisson(expected).astype(float), np.array([400.0, 1200.0])
        bins, faked = Bins(EDGES[:-1], EDGES[1:], counts, counts), np.full(2, spurious * signal)
        channels.append(ChannelModel(bins, Function("exp", order), ends, faked))
    return Spectra.of(channels, plain_signal(30.0, SHARES["signal"]), ERRORS)


def from_random_starts(spectra: Spectra, *, signal: bool, seed: int, times: int = 3) -> np.ndarray:
    """Return the least deviances of fits that start two errors off, shape (M,)."""
    peak, rng, rows = spectra.peak, np.random.default_rng(seed), np.tile(MASSES, times)
    fit = scoring_fit(spectra.counts[None], peak.background)
    root = np.linalg.cholesky(fit.covariance[0])
    off = np.clip(2 * rng.normal(size=(len(rows), peak.background.size)), -4, 4) @ root.T
    start = peak.at(fit.theta + off, rows, np.abs(rng.normal(0, 50, len(rows))) * signal)
    found = peak.fit(
        np.repeat(spectra.counts[None], len(rows), axis=0), start,
        spurious=spectra.spurious(rows), free=ALL_BUT_MASS if signal else NO_SIGNAL,
    )  # fmt: skip
    return np.asarray(found.deviance.reshape(times, -1).min(axis=0))


@pytest.mark.parametrize(("mass", "seed"), [(760.0, 2), (660.0, 3)])
def test_no_random_start_finds_a_lower_minimum(mass: float, seed: int) -> None:
    """No false alarm: all is a function of the seeds."""
    spectra = strong(mass, seed, spurious=4.0)
    scan = spectra.scan(MASSES)
    assert scan.local_z > 12
    assert scan.z.min() < -4  # deficits behind it end where nothing is expected
    best = np.minimum(from_random_starts(spectra, signal=True, seed=seed), scan.deviance)
    null = np.minimum(from_random_starts(spectra, signal=False, seed=seed), scan.null_deviance)
    assert scan.null_deviance == pytest.approx(null, abs=0.01)
    z = np.sqrt(np.maximum(null - best, 0))
    assert np.abs(scan.z) == pytest.approx(z, abs=0.05)
    assert scan.converged.mean() > 0.85


def test_without_spurious_signals_there_is_one_null_hypothesis() -> None:
    deviance = strong(560.0, 1, spurious=0.0).scan(MASSES).null_deviance
    assert np.ptp(deviance) < 1e-3
