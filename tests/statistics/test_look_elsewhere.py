"""Global significances: the formula, the upcrossings that it needs, counted toys, and far tails."""

import numpy as np
import pytest
from scipy.stats import beta, binom, norm

from analysis.results.scan import Upcrossings
from analysis.settings.search import Search
from analysis.statistics.background.families import Function
from analysis.statistics.resonance.look_elsewhere import (
    LEVEL_Z,
    combined,
    counted_toys,
    excludes,
    near_threshold,
    significance,
    upcrossings,
)
from analysis.statistics.resonance.peak import MassScan
from analysis.statistics.resonance.peak_curve import Given
from analysis.statistics.resonance.scan import ChannelModel, Spectra
from analysis.statistics.spectra.bins import Bins
from analysis.statistics.spectra.signal_model import plain_signal
from tests.many_scans import scans

EDGES = np.arange(400.0, 1101.0, 10)
MASSES = np.linspace(500, 1000, 51)
SEED, TOYS = 20240540, 300


def spectra(search: Search, events: float, spurious: float = 0.0) -> Spectra:
    contents = -np.diff(np.exp(-EDGES / 115))
    counts = events * contents / contents.sum()
    bins = Bins(EDGES[:-1], EDGES[1:], counts, counts)
    masses = np.array([500.0, 1000.0])
    channel = ChannelModel(bins, Function("exp", 2), masses, np.full(2, spurious))
    return Spectra.of([channel], plain_signal(30.0), search.systematics)


@pytest.fixture(scope="module")
def many(search: Search) -> tuple[Spectra, MassScan]:
    """Full likelihood scans of the very toys whose upcrossings are counted to first order."""
    found = spectra(search, 11_220.0)
    rng = np.random.default_rng([SEED, 0x6C6565])
    counts = rng.poisson(found.counts, (TOYS, len(found.counts))).astype(float)
    return found, scans(MASSES, found, counts)


def test_upcrossings_are_those_of_full_scans(many: tuple[Spectra, MassScan]) -> None:
    """The same toys: the first order misses or adds one crossing in twenty at most."""
    found, scans = many
    assert scans.converged.mean() > 0.999
    counted = upcrossings(found, MASSES, seed=SEED, toys=TOYS)
    crossed = np.sum((scans.z[:, :-1] < LEVEL_Z) & (scans.z[:, 1:] >= LEVEL_Z), axis=1)
    assert counted.mean == pytest.approx(crossed.mean(), rel=0.05)
    assert counted.error == pytest.approx(crossed.std() / np.sqrt(TOYS), rel=0.1)
    assert counted.toys == TOYS
    again = upcrossings(found, MASSES, seed=SEED, toys=TOYS)
    other = upcrossings(found, MASSES, seed=SEED + 1, toys=TOYS)
    assert again == counted != other
    # Two independent means: five of their errors, a false alarm of a pinned seed in 6e-7.
    assert abs(other.mean - counted.mean) < 5 * np.hypot(other.error, counted.error)


@pytest.mark.parametrize(("mass_GeV", "again"), [(750.0, True), (520.0, False)])
def test_a_scan_that_goes_on_behind_a_given_resonance_begins_again(
    search: Search, mass_GeV: float, *, again: bool
) -> None:
    """Where it is above the level there, it has crossed; but not where it only begins behind it."""
    x = Given(mass_GeV, 300.0)
    found = spectra(search, 11_220.0)
    peak = found.peak.templates(np.array([mass_GeV]))[0]
    found = found.with_counts(found.counts + x.events * peak).with_given([x])
    rng = np.random.default_rng([SEED, 0x6C6565])
    counts = rng.poisson(found.counts, (TOYS, len(found.counts))).astype(float)
    seen = np.abs(MASSES - mass_GeV) > 60.0
    above = (scans(MASSES, found, counts).z >= LEVEL_Z) & seen
    crossed = np.sum(above[:, 1:] & ~above[:, :-1], axis=1)
    if not again:
        crossed -= above[:, np.argmax(seen)]
    ours = upcrossings(found, MASSES, seed=SEED, toys=TOYS)
    assert ours.mean == pytest.approx(crossed.mean(), rel=0.05)


def test_the_formula_is_what_toys_show(many: tuple[Spectra, MassScan]) -> None:
    """Largest z of 300 toys, at 2 and 2.5: four binomial errors, a false alarm in 1e-4 each."""
    found, scans = many
    counted = upcrossings(found, MASSES, seed=SEED + 1)
    largest = scans.z.max(axis=1)
    for local_z in (2.0, 2.5):
        p = counted.p(local_z)
        error = np.sqrt(p * (1 - p) / TOYS)
        assert abs(np.mean(largest >= local_z) - p) < 4 * error


def test_a_spurious_signal_lets_fewer_scans_cross(search: Search) -> None:
    found = spectra(search, 11_220.0, spurious=60.0)
    without = spectra(search, 11_220.0)
    counted = [upcrossings(each, MASSES, seed=SEED, toys=200).mean for each in (found, without)]
    assert counted[0] < 0.8 * counted[1]


def test_the_formula_is_gross_and_vitells() -> None:
    """Reference: the sum p + N exp(-z^2/2) with N(0) = 2.1, computed by hand to three digits."""
    crossings = Upcrossings(0.0, 2.1, 0.1, 8000)
    sums = [-np.log1p(-crossings.p(z)) for z in (2.0, 2.5, 3.0, 3.5, 4.0)]
    assert sums == pytest.approx([0.307, 0.0985, 0.0247, 0.00483, 0.000736], rel=5e-3)
    # A level that is not zero is that many fewer upcrossings.
    higher = Upcrossings(1.0, 2.1 * np.exp(-0.5), 0.1, 8000)
    assert higher.p(3.3) == pytest.approx(crossings.p(3.3))
    assert 0 < crossings.p(0.0) < 1


@pytest.mark.parametrize("global_z", [0.5, 1.0, 2.0, 3.0, 5.0, 8.0])
def test_the_local_significance_of_a_global_one(global_z: float) -> None:
    crossings = Upcrossings(1.0, 1.3, 0.05, 1000)
    local_z = crossings.local_z(global_z)
    assert local_z > global_z
    assert norm.isf(crossings.p(local_z)) == pytest.approx(global_z, abs=1e-6)


@pytest.mark.parametrize("local_z", [5.0, 20.0, 35.0, 35.5, 35.9, 36.5, 40.0, 60.0])
def test_far_out_p_underflows_and_z_does_not(local_z: float) -> None:
    """The logarithms of p and of a normal tail agree, where p itself is no float any more."""
    crossings = Upcrossings(1.0, 1.3, 0.05, 1000)
    found = combined(crossings, local_z, None)
    log_sum = np.logaddexp(norm.logsf(local_z), np.log(1.3) + (1 - local_z**2) / 2)
    log_p = log_sum if log_sum < -30 else np.log(-np.expm1(-np.exp(log_sum)))
    assert norm.logsf(found.z) == pytest.approx(log_p, abs=2e-2)
    assert 0 < found.z < local_z
    assert found.p == pytest.approx(np.exp(log_p))


def test_significances_have_no_sign() -> None:
    assert significance(0.9) == 0
    assert significance(norm.sf(4.2)) == pytest.approx(4.2)
    assert significance(0.0) == np.inf


@pytest.mark.parametrize(("exceeding", "toys"), [(0, 1000), (1, 1000), (30, 1000), (10, 10)])
def test_counted_toys_have_clopper_and_pearsons_interval(exceeding: int, toys: int) -> None:
    counted = counted_toys(toys, exceeding)
    low, high = counted.p_low, counted.p_high
    tail = norm.sf(1)
    below = beta.ppf(tail, exceeding, toys - exceeding + 1) if exceeding else 0.0
    above = beta.isf(tail, exceeding + 1, toys - exceeding) if exceeding < toys else 1.0
    assert low == pytest.approx(below, abs=2e-5)
    assert high == pytest.approx(above, abs=2e-5)
    assert low <= counted.p <= high


def test_toys_decide_where_they_exclude_the_formula() -> None:
    crossings = Upcrossings(1.0, 1.3, 0.05, 1000)
    formula = combined(crossings, 3.0, None)
    assert formula.method == "gross-vitells"
    assert formula.p == formula.gross_vitells_p == crossings.p(3.0)
    assert formula.z == pytest.approx(norm.isf(formula.p))
    some = combined(crossings, 3.0, counted_toys(1000, 20))
    assert (some.method, some.p) == ("gross-vitells", formula.p)
    assert some.toys == counted_toys(1000, 20)
    many = combined(crossings, 3.0, counted_toys(1000, 80))
    assert (many.method, many.p) == ("toys", 0.08)
    assert many.z == pytest.approx(norm.isf(0.08))
    assert many.gross_vitells_p == formula.p
    none = combined(crossings, 6.0, counted_toys(1000, 0))
    assert none.method == "gross-vitells"
    # Where none of many exceeds a large p, no more is known than that it is smaller.
    wrong = combined(crossings, 2.0, counted_toys(1000, 0))
    assert (wrong.method, wrong.p) == ("toys", counted_toys(1000, 0).p_high)


@pytest.mark.parametrize("toys", [200, 1000, 10_000])
@pytest.mark.parametrize("global_z", [2.7, 2.8, 2.9, 3.1, 3.2, 3.3])
def test_the_word_that_a_right_formula_says_is_not_changed_by_chance(
    global_z: float, toys: int
) -> None:
    p, threshold = norm.sf(global_z), norm.sf(3.0)
    numbers = np.arange(500)
    probability = binom.pmf(numbers, toys, p)
    likely = numbers[probability > 1e-9]
    assert probability[likely].sum() == pytest.approx(1, abs=1e-5)
    overruled = [n for n in likely if excludes(counted_toys(toys, int(n)), p)]
    other = [n for n in overruled if (n / toys < threshold) != (p < threshold)]
    assert probability[overruled].sum() < 0.0011  # of the 99.9 %
    assert probability[other].sum() < 0.01


def test_toys_are_generated_near_a_threshold(search: Search) -> None:
    near = {z: near_threshold(z, search.decision) for z in (2.69, 2.71, 3.0, 3.29, 3.31, 5.0)}
    assert near == {2.69: False, 2.71: True, 3.0: True, 3.29: True, 3.31: False, 5.0: False}
