"""Toys of the whole procedure: the same in any batch and by any worker; their largest z."""

from dataclasses import replace

import numpy as np
import pytest

from analysis.settings.search import Search
from analysis.statistics.background.model_selection import ModelSelection
from analysis.statistics.resonance.toys import BATCH, Experiment, largest_significances
from analysis.statistics.spectra.signal_model import plain_signal

EDGES = np.arange(100.0, 2001.0, 10)
SEED = 20240580


def falling(events: float) -> np.ndarray:
    left = EDGES - 50
    return -np.diff(events * (0.9985 * np.exp(-left / 106.1) + 0.0015 * np.exp(-left / 424.4)))


def experiment(search: Search, *truths: np.ndarray) -> Experiment:
    signal = plain_signal(30.0, [1 / len(truths)] * len(truths))
    model_selections = (ModelSelection.of(search, signal, 14_000.0),) * len(truths)
    return Experiment(model_selections, truths, search)


@pytest.fixture(scope="module")
def toys(quick: Search) -> Experiment:
    return experiment(quick, falling(81_000.0))


@pytest.fixture(scope="module")
def largest(toys: Experiment) -> np.ndarray:
    return largest_significances(toys, seed=SEED, number=BATCH + 10, workers=1)


def test_a_toy_is_its_number(toys: Experiment) -> None:
    """Drawn alone, among others, or in another order: the same events; others of another seed."""
    (together,) = toys.draw(SEED, range(20))
    for number in (0, 7, 19):
        (alone,) = toys.draw(SEED, [number])
        assert np.array_equal(alone[0], together[number])
    (some,) = toys.draw(SEED, [19, 3])
    assert np.array_equal(some, together[[19, 3]])
    (other,) = toys.draw(SEED + 1, [0])
    assert not np.array_equal(other[0], together[0])
    assert not np.array_equal(together[0], together[1])


def test_toys_are_the_truth_with_poisson_errors(toys: Experiment) -> None:
    """300 toys, chi-square of the sums: 5 sigma, 1e-6 of false alarm."""
    (drawn,) = toys.draw(SEED, range(300))
    total, expected = drawn.sum(axis=0), 300 * toys.truths[0]
    big = expected > 20
    chi2 = np.sum((total[big] - expected[big]) ** 2 / expected[big])
    assert abs(chi2 - big.sum()) < 5 * np.sqrt(2 * big.sum())


def test_a_toys_result_does_not_depend_on_its_batch(toys: Experiment, largest: np.ndarray) -> None:
    """Other companions, other borders of batches: bit for bit not (fits end a hair apart)."""
    shifted = largest_significances(toys, seed=SEED, number=20, workers=1, first=BATCH - 10)
    assert shifted == pytest.approx(largest[BATCH - 10 : BATCH + 10], abs=2e-3)
    few = largest_significances(toys, seed=SEED, number=5, workers=1)
    assert few == pytest.approx(largest[:5], abs=2e-3)


def test_workers_change_nothing(toys: Experiment, largest: np.ndarray) -> None:
    """The same batches in two processes: bit for bit."""
    assert np.array_equal(
        largest_significances(toys, seed=SEED, number=BATCH + 10, workers=2), largest
    )


def test_the_largest_is_that_of_a_full_scan(toys: Experiment, quick: Search) -> None:
    """100 toys, every mass fitted: to 1 % of z, and where no mass shows an excess, 0."""
    counts = toys.draw(SEED, range(100))
    groups = list(toys.groups(counts))
    assert sorted(np.concatenate([group.toys for group in groups])) == list(range(100))
    assert len(groups) > 1
    masses = len(quick.signal.masses_GeV)
    for group in groups:
        rows = len(group.toys)
        z = group.fit(np.tile(np.arange(masses), rows), np.repeat(np.arange(rows), masses))
        scan = z.reshape(rows, masses)
        found, where = group.largest()
        assert found == pytest.approx(np.maximum(scan.max(axis=1), 0), rel=0.01, abs=1e-3)
        best = np.argmax(scan, axis=1)
        assert np.mean(np.abs(where - best) <= 1) > 0.95
        first = group.first_order()
        assert first.shape == scan.shape
        # The first order is a guide: half a sigma at most away where it matters, up to 3.
        assert np.abs(first - scan)[np.abs(scan) < 3].max() < 0.7


def test_every_toy_chooses_its_own_background(toys: Experiment) -> None:
    counts = toys.draw(SEED, range(30))
    for group in toys.groups(counts):
        assert group.passes.all()
        decided = toys.model_selections[0].decide(counts[0][group.toys])
        names = {decided.options[index].function for index in decided.choice}
        assert names == set(group.peak.background.functions)
        assert group.spurious.shape == (len(group.toys), len(group.masses_GeV), 1)
        at = np.searchsorted(group.masses_GeV, decided.masses_GeV)
        assert group.spurious[:, at, 0] == pytest.approx(decided.spurious, rel=0.02, abs=1e-3)


def test_signals_in_toys_are_found(toys: Experiment) -> None:
    """400 events at 750 GeV, expected at 10 sigma or more: each of 10 toys shows 7 and the mass."""
    from scipy.stats import norm

    signal = 400 * np.diff(norm.cdf(EDGES, 750, 30))
    loud = replace(toys, truths=(toys.truths[0] + signal,))
    for group in loud.groups(loud.draw(SEED, range(10))):
        z, where = group.largest()
        assert np.all(z > 7)
        assert np.all(np.abs(group.masses_GeV[where] - 750) <= 20)


def test_categories_are_drawn_and_decided_separately(quick: Search) -> None:
    two = experiment(quick, falling(40_000.0), falling(41_000.0))
    counts = two.draw(SEED, range(6))
    assert len(counts) == 2
    assert not np.array_equal(*counts)
    z = largest_significances(two, seed=SEED, number=6, workers=1)
    assert np.all((z >= 0) & (z < 5))
