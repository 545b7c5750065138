"""Strengths to first order: those of the full fit where they are small, and only there."""

import numpy as np
import pytest
from scipy.stats import norm

from analysis.statistics.background.families import Function
from analysis.statistics.background.poisson import model, scoring_fit
from analysis.statistics.minimiser.projection import project
from analysis.statistics.resonance.peak import Peak
from analysis.statistics.spectra.bins import Bins
from analysis.statistics.spectra.signal_model import plain_signal

EDGES = np.arange(400.0, 1101.0, 10)
MASSES = np.array([500.0, 620.0, 750.0, 880.0, 1000.0])
TEMPLATES = np.diff(norm.cdf((EDGES - MASSES[:, None]) / 30), axis=1)


def background(events: float) -> np.ndarray:
    contents = -np.diff(np.exp(-EDGES / 110))
    return np.asarray(events * contents / contents.sum())


def both(counts: np.ndarray, truth: np.ndarray) -> tuple[np.ndarray, ...]:
    """Return projected strengths and errors of some spectra, and those of their full fits."""
    bins = Bins(EDGES[:-1], EDGES[1:], truth, truth)
    functions = model((Function("exp", 2),), (bins,))
    fit = scoring_fit(counts, functions)
    found, uncertainty = project(counts, fit.expected, functions.slopes(fit.theta), TEMPLATES)
    peak = Peak.of(functions, (bins,), plain_signal(30.0))
    rows, masses = len(counts), len(MASSES)
    best = peak.fit(
        np.repeat(counts, masses, axis=0),
        peak.at(np.repeat(fit.theta, masses, axis=0), np.tile(MASSES, rows)),
    )
    shape = (rows, masses)
    return (
        found,
        uncertainty,
        best.values[:, peak.strength].reshape(shape),
        best.error(peak.strength).reshape(shape),
    )


def test_small_signals_are_those_of_the_full_fit() -> None:
    """A tenth of an error at each mass, on an Asimov set: to a hundredth of the error."""
    truth = background(50_000)
    *_, errors = both(truth[None], truth)
    counts = truth + 0.1 * errors[0][:, None] * TEMPLATES
    found, uncertainty, full, error = both(counts, truth)
    assert np.diag(full / error) == pytest.approx(0.1, abs=2e-3)
    assert found / error == pytest.approx(full / error, abs=2e-3)
    assert uncertainty == pytest.approx(error, rel=5e-3)


def test_fluctuations_are_those_of_the_full_fit() -> None:
    """To a fifth of an error, up to three of them, with 50,000 events."""
    truth = background(50_000)
    counts = np.random.default_rng(20240520).poisson(truth, (40, len(truth))).astype(float)
    found, uncertainty, full, error = both(counts, truth)
    assert np.abs(full / error).max() > 2
    assert found / uncertainty == pytest.approx(full / error, abs=0.2)


def test_a_signal_of_many_errors_is_not_of_first_order() -> None:
    """A control that the comparison above can fail."""
    truth = background(3_000)
    found, uncertainty, full, error = both((truth + 200 * TEMPLATES[4])[None], truth)
    assert full[0, 4] == pytest.approx(200, rel=1e-3)
    assert found[0, 4] / uncertainty[0, 4] > 1.2 * full[0, 4] / error[0, 4]


def test_spectra_are_projected_as_if_they_were_alone() -> None:
    truth = background(5_000)
    counts = np.random.default_rng(20240521).poisson(truth, (3, len(truth))).astype(float)
    strengths, errors, *_ = both(counts, truth)
    for row in range(3):
        strength, error, *_ = both(counts[[row]], truth)
        assert strength[0] == pytest.approx(strengths[row], rel=1e-6, abs=1e-6)
        assert error[0] == pytest.approx(errors[row], rel=1e-6)
