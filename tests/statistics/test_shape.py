"""The shape search as a whole: decided blind, observed after, and its cross-checks."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import norm

from analysis.settings.search import Search
from analysis.statistics.background.prediction import Prediction, predict
from analysis.statistics.resonance.shape import ShapeSearch, search_shape, sideband_counts
from analysis.statistics.resonance.work import Work
from analysis.statistics.spectra.bins import Channel
from analysis.statistics.spectra.signal_model import plain_signal

EDGES = np.arange(0.0, 3001.0)
SQRT_S = 14_000.0
MASS = 640.0


def falling(events: float) -> np.ndarray:
    left = np.maximum(EDGES - 50, 0)
    above = events * (0.9985 * np.exp(-left / 106.1) + 0.0015 * np.exp(-left / 424.4))
    return np.asarray(-np.diff(above))


def channel(signal: float, seed: int) -> Channel:
    expected = falling(81_000.0) + signal * np.diff(norm.cdf(EDGES, MASS, 30))
    return Channel("all", EDGES, np.random.default_rng(seed).poisson(expected).astype(float))


def searched(data: Channel, search: Search, *, blind: bool = False, toys: int = 0) -> ShapeSearch:
    prediction: Prediction = predict((data,), search, sqrt_s_GeV=SQRT_S)
    return search_shape(
        prediction,
        None if blind else (data,),
        search,
        plain_signal(30.0),
        np.full(len(search.signal.masses_GeV), 300.0),
        sqrt_s_GeV=SQRT_S,
        work=Work(toys=toys),
    )


@pytest.fixture(scope="module")
def found(quick: Search) -> ShapeSearch:
    return searched(channel(400.0, 20240590), quick)


def test_what_is_decided_and_expected_does_not_see_the_window(
    found: ShapeSearch, quick: Search
) -> None:
    """Blind, with the window poisoned: bit for bit what it is when open, and nothing observed."""
    data = channel(400.0, 20240590)
    counts = data.counts.copy()
    counts[400:1100] = np.nan
    blind = searched(replace(data, counts=counts), quick, blind=True)
    assert blind.observed is None
    assert blind.decisions[0].chosen == found.decisions[0].chosen
    assert np.array_equal(blind.decisions[0].spurious, found.decisions[0].spurious)
    assert np.array_equal(blind.expected.counts, found.expected.counts)
    assert blind.expected_z is not None
    assert found.expected_z is not None
    assert np.array_equal(blind.expected_z, found.expected_z)
    sidebands = sideband_counts(data, found.model_selection, quick)
    assert sidebands.sum() == data.counts[100:400].sum() + data.counts[1100:2000].sum()
    assert not sidebands[30:100].any()


def test_a_resonance_is_found_where_it_is(found: ShapeSearch, quick: Search) -> None:
    """Expected at about 8 sigma; five errors of mass and strength, 1e-6 of a pinned seed."""
    observed = found.observed
    assert observed is not None
    assert observed.measurement is not None
    masses = quick.signal.masses_GeV
    assert abs(masses[observed.scan.best] - MASS) <= 20
    assert observed.scan.local_z == observed.scan.z.max() > 5
    for truth, profile in ((MASS, observed.measurement.mass), (400, observed.measurement.signal)):
        interval = profile.interval
        assert abs(interval.value - truth) < 5 * (interval.high - interval.low) / 2
    assert found.expected_z is not None
    expected = found.expected_z[int(np.argmin(np.abs(masses - MASS)))] * 400 / 300
    assert abs(observed.scan.local_z - expected) < 4
    assert observed.excess.global_significance.method == "gross-vitells"
    assert 0 < observed.excess.global_significance.z < observed.scan.local_z


def test_the_envelope_profiles_what_passes(found: ShapeSearch) -> None:
    observed = found.observed
    assert observed is not None
    assert observed.functions.envelope.shape == observed.scan.z.shape
    best = observed.scan.best
    assert 3 < observed.functions.envelope[best] <= observed.scan.z[best] + 0.5


def test_the_result_is_stable(found: ShapeSearch) -> None:
    """Range, order and binning: within three errors, all of the same data."""
    observed = found.observed
    assert observed is not None
    first, *others = observed.stability
    assert first.used
    assert not any(item.used for item in others)
    assert first.local_z == observed.scan.local_z
    what = " ".join(item.what for item in others)
    assert "bins of 5 GeV" in what
    assert "range" in what
    for item in others:
        error = first.strength.high - first.strength.value
        assert abs(item.strength.value - first.strength.value) < 3 * error


def test_a_spectrum_without_an_excess_has_no_measurement(quick: Search) -> None:
    """Everywhere in a short range of masses fewer events than the background."""
    data = channel(0.0, 20240591)
    hole = 400 * np.diff(norm.cdf(EDGES, 700, 30))
    counts = np.maximum(data.counts - np.round(hole), 0)
    narrow = replace(quick, signal=replace(quick.signal, low_GeV=690.0, high_GeV=710.0))
    observed = searched(replace(data, counts=counts), narrow).observed
    assert observed is not None
    assert observed.measurement is None
    assert observed.scan.local_z == 0
    assert np.all(observed.scan.z < 0)
    assert observed.excess.global_significance.z == 0 or observed.excess.global_significance.p > 0.3


def test_where_nothing_passes_the_warning_says_what_limits(quick: Search) -> None:
    strict = replace(quick, peak=replace(quick.peak, families=("exp",), max_parameters=4,
                                         spurious_signal=1e-6))  # fmt: skip
    notes = searched(channel(0.0, 20240592), strict, blind=True).warnings
    assert any(
        note.startswith(
            "no background function passes the test of spurious signals (1e-06 uncertainties)"
        )
        for note in notes
    )


def test_systematics_limited_is_said_from_half_an_error_on(quick: Search) -> None:
    """A thousand times the course's luminosity and four parameters: several errors are faked."""
    stiff = replace(quick, peak=replace(quick.peak, families=("exp",), max_parameters=4))
    counts = np.random.default_rng(20240593).poisson(falling(1.35e9)).astype(float)
    notes = searched(Channel("all", EDGES, counts), stiff, blind=True).warnings
    (note,) = (note for note in notes if "spurious signals (0.2" in note)
    assert "exp 3, 400 to 1100 GeV, has" in note
    assert note.endswith("the search is systematics limited")
