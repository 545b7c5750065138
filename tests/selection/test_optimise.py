"""The selection: the optimum against brute force, errors against their scatter, honest refusals."""

import itertools
from dataclasses import replace

import numpy as np
import pytest

from analysis.selection import optimise as room
from analysis.selection.optimise import CutYields
from analysis.selection.scores.training import Simulated
from analysis.settings.search import Optimise, Search
from processors.histograms import Binning, Counts, joint
from tools.errors import InputError

VARIABLES = (Binning("n_jets", 4, 0, 4), Binning("isolation", 5, 0.5, 1.0))


@pytest.fixture
def settings(search: Search) -> Optimise:
    return replace(
        search.optimise,
        axes={},
        course_cuts={"n_jets": 2, "isolation": 0.8},
        min_background_events=5,
        reference_signal="signal",
    )


def sample(
    rng: np.random.Generator, events: int, *, jets: float, isolation: float, window: float
) -> tuple[Counts, dict[str, np.ndarray]]:
    columns: dict[str, np.ndarray] = {
        "half": np.arange(events) % 2,
        "window": rng.random(events) < window,
        "n_jets": rng.poisson(jets, events),
        "isolation": rng.normal(isolation, 0.15, events),
    }
    histogram = joint(VARIABLES)
    for region, mask in enumerate((columns["window"], ~columns["window"])):
        part = {name: values[mask] for name, values in columns.items()}
        histogram.fill(part["half"], region, part["n_jets"], part["isolation"])
    return histogram, columns


@pytest.fixture
def samples() -> tuple[dict[str, Counts], dict[str, dict[str, np.ndarray]]]:
    rng = np.random.default_rng(1)
    signal, signal_columns = sample(rng, 2000, jets=1.0, isolation=0.65, window=0.95)
    background, background_columns = sample(rng, 4000, jets=2.0, isolation=0.8, window=0.1)
    histograms = {"background": background, "signal": signal}
    return histograms, {"background": background_columns, "signal": signal_columns}


def test_the_optimum_is_that_of_brute_force_over_all_cuts(
    samples: tuple[dict[str, Counts], dict[str, dict[str, np.ndarray]]],
    settings: Optimise,
) -> None:
    histograms, columns = samples
    signal, background = columns["signal"], columns["background"]
    best = (0.0, (0.0, 0.0))
    jets_cuts = [*np.arange(0, 5), np.inf]
    isolation_cuts = [*np.linspace(0.5, 1.0, 6), np.inf]
    in_window = np.count_nonzero(background["window"])
    for jets, isolation in itertools.product(jets_cuts, isolation_cuts):
        s_mask = (signal["n_jets"] < jets) & (signal["isolation"] < isolation) & signal["window"]
        b_mask = (background["n_jets"] < jets) & (background["isolation"] < isolation)
        if b_mask.sum() < 5 or not s_mask.any():
            continue
        s, b = 0.5 * s_mask.sum(), 3.0 * in_window * b_mask.mean()
        best = max(best, (s / np.sqrt(b), (jets, isolation)))
    weights = {"background": 3.0, "signal": 0.5}
    found = room.optimise(Simulated(histograms, weights, "background"), settings)
    assert found.tables["signal"]["best_cuts"][0] == pytest.approx(best[0], rel=1e-12)
    expected = {
        name: cut for name, cut in zip(("n_jets", "isolation"), best[1], strict=True) if cut < 9
    }
    assert found.cuts == pytest.approx(expected)


def test_quoted_errors_are_the_scatter_over_simulations(settings: Optimise) -> None:
    """200 pairs of samples: the scatter is known to 5 %; asked is agreement within 20 % (4 sd)."""
    rng = np.random.default_rng(2)
    values, errors = [], []
    for _ in range(200):
        signal, _ = sample(rng, 500, jets=1.0, isolation=0.65, window=0.95)
        background, _ = sample(rng, 1000, jets=2.0, isolation=0.8, window=0.1)
        grid = room.grid_of(background)
        figure = room.merit(
            room.yields(signal, 1.0), room.yields(background, 1.0), settings, independent=True
        )
        index = grid.index({"n_jets": 2, "isolation": 0.8})
        values.append(figure.value[index])
        errors.append(figure.error[index])
    assert np.std(values) == pytest.approx(np.mean(errors), rel=0.2)


def test_a_background_that_depends_on_the_mass_is_noticed(settings: Optimise) -> None:
    rng = np.random.default_rng(3)
    in_window, _ = sample(rng, 1000, jets=1.0, isolation=0.8, window=1.0)
    outside, _ = sample(rng, 9000, jets=3.0, isolation=0.8, window=0.0)
    signal, _ = sample(rng, 2000, jets=1.0, isolation=0.65, window=1.0)
    histograms = {"background": in_window + outside, "signal": signal}
    weights = {"background": 1.0, "signal": 1.0}
    found = room.optimise(Simulated(histograms, weights, "background"), settings)
    assert found.independence_pvalues["n_jets"] < 1e-6
    assert not found.independent


def test_independence_is_seldom_denied_where_it_holds() -> None:
    """False alarm: p < 1e-3 in 100 independent samples, expected 0.1, more than 3: 4e-6."""
    rng = np.random.default_rng(4)
    alarms = 0
    for _ in range(100):
        background, _ = sample(rng, 2000, jets=2.0, isolation=0.8, window=0.1)
        alarms += room.independence(background)["n_jets"] < 1e-3
    assert alarms <= 3


def test_the_two_halves_are_checked_against_each_other(
    samples: tuple[dict[str, Counts], dict[str, dict[str, np.ndarray]]],
    settings: Optimise,
) -> None:
    histograms, columns = samples
    even = room.yields(histograms["signal"], 0.5, half=0)
    whole = room.yields(histograms["signal"], 0.5)
    odd = room.yields(histograms["signal"], 0.5, half=1)
    assert even.weight == 1.0
    assert (even.window + odd.window == whole.window).all()
    assert even.anywhere[-1, -1] == np.count_nonzero(columns["signal"]["half"] == 0)
    optimism = room.optimise(
        Simulated(histograms, {"background": 3.0, "signal": 0.5}, "background"), settings
    ).optimism
    assert optimism.chosen_on_half is not None
    assert optimism.chosen_on_half > 0
    assert optimism.checked_on_other_half is not None
    assert optimism.checked_on_other_half > 0


def test_the_asimov_significance_approaches_its_limits(settings: Optimise) -> None:
    asimov = replace(settings, figure_of_merit="asimov")
    small = room.figure_of_merit(1.0, 1e6, asimov)
    assert small == pytest.approx(1e-3, rel=1e-5)
    exact = room.figure_of_merit(10.0, 20.0, asimov)
    nearly = room.figure_of_merit(10.0, 20.0, replace(asimov, background_error=1e-5))
    assert nearly == pytest.approx(exact, rel=1e-6)
    # Dominated by a 10 % error on 1e6 events: s / sigma_b.
    loose = room.figure_of_merit(1000.0, 1e6, replace(asimov, background_error=0.1))
    assert loose == pytest.approx(1000 / 1e5, rel=0.01)


def test_refusals(
    samples: tuple[dict[str, Counts], dict[str, dict[str, np.ndarray]]],
    settings: Optimise,
) -> None:
    histograms, _ = samples
    weights = {"background": 3.0, "signal": 0.5}
    with pytest.raises(InputError, match="reference_signal: 'x' is not among the signals: signal"):
        room.optimise(
            Simulated(histograms, weights, "background"), replace(settings, reference_signal="x")
        )
    with pytest.raises(InputError, match=r"isolation < 0\.77 is not at an edge"):
        room.optimise(
            Simulated(histograms, weights, "background"),
            replace(settings, course_cuts={"isolation": 0.77}),
        )
    with pytest.raises(InputError, match=r"\[optimise\]: pt is not among its axes"):
        room.optimise(
            Simulated(histograms, weights, "background"), replace(settings, course_cuts={"pt": 1})
        )
    with pytest.raises(InputError, match="no selection keeps enough simulated background"):
        room.optimise(
            Simulated(histograms, weights, "background"),
            replace(settings, min_background_events=1e9),
        )


def test_of_equal_selections_the_loosest_is_chosen(settings: Optimise) -> None:
    flat = CutYields(window=np.full((3, 3), 50.0), anywhere=np.full((3, 3), 500.0), weight=1.0)
    assert room.best(room.merit(flat, flat, settings)) == (2, 2)
