"""A score as a table: the bins of the joint histogram, the half that has not seen the event."""

from typing import Literal

import cloudpickle
import numpy as np
import numpy.typing as npt
import pytest

from processors import score as room
from processors.diphoton import Filling, Settings
from processors.histograms import Binning, fill, joint
from processors.score import NOWHERE, ScoreTable
from processors.selection import Interval, Selection

AXES = (Binning("n_jets", 4, 0, 4), Binning("isolation", 7, 0.4, 1.1))
CELLS = 6 * 9
PHOTONS = ("photon1_pT", "photon2_pT", "photon1_eta", "photon2_eta", "photon1_phi", "photon2_phi")
EVERYTHING = Selection({})
Columns = dict[str, npt.NDArray[np.generic]]
Which = Literal["all", "spectrum"]


def table(edges: tuple[float, ...] = (-np.inf, 0.0, 0.5), *, seed: int = 1) -> ScoreTable:
    folds = np.random.default_rng(seed).normal(size=(2, CELLS)).astype(np.float32)
    return ScoreTable(AXES, folds, edges, f"digest {seed}")


def columns(events: int, seed: int = 2) -> Columns:
    rng = np.random.default_rng(seed)
    photons = {name: rng.uniform(0, 3, events) for name in PHOTONS}
    photons |= {name: rng.uniform(50, 600, events) for name in PHOTONS[:2]}
    return {
        **photons,
        "n_jets": rng.poisson(2, events),
        "isolation": rng.normal(0.75, 0.3, events).astype(np.float32),
    }


def settings(
    score: ScoreTable | None, *, histograms: Which = "all", selection: Selection = EVERYTHING
) -> Settings:
    return Settings(
        columns=AXES,
        mass=Binning("m_yy", 30, 0, 3000, "GeV"),
        window=Interval(400, 1100),
        cut_variables=AXES,
        score=score,
        histograms=histograms,
        selection=selection,
    )


def test_cells_are_the_bins_of_the_joint_histogram_edges_and_nan_included() -> None:
    near = np.linspace(0.4, 1.1, 8)
    special = np.concatenate(
        [near, np.nextafter(near, -9), np.nextafter(near, 9), [np.nan, np.inf, -np.inf, 1e300]]
    )
    rng = np.random.default_rng(3)
    isolation = np.concatenate([special, rng.normal(0.75, 0.4, 20_000)])
    with np.errstate(over="ignore"):
        narrow = isolation.astype(np.float32)
    for values in (isolation, narrow):
        jets = rng.integers(-2, 7, len(values))
        cells = room.cell_numbers({"n_jets": jets, "isolation": values}, AXES)
        histogram = joint(AXES)
        fill(histogram, np.zeros(len(jets), int), np.zeros(len(jets), int), jets, values)
        counted = np.bincount(cells.astype(int), minlength=CELLS)
        assert np.array_equal(counted, histogram.view(flow=True)[0, 0].ravel())


def test_simulation_gets_the_other_half_and_data_the_mean() -> None:
    score, events = table(), columns(5000)
    cells = room.cell_numbers(events, AXES).astype(int)
    half = np.arange(5000) & 1
    seen_by_the_other = np.where(half == 0, score.folds[1][cells], score.folds[0][cells])
    mean = score.folds.astype(np.float64).mean(axis=0)[cells]
    for values, simulated in ((seen_by_the_other, True), (mean, False)):
        expected = np.digitize(values, score.edges) - 1
        found = room.category_index(score, events, half, simulated=simulated)
        assert np.array_equal(found, expected)


def test_a_score_of_one_cut_selects_and_has_one_category() -> None:
    score, events = table((0.3,)), columns(1000)
    found = room.category_index(score, events, np.zeros(1000, int), simulated=True)
    cells = room.cell_numbers(events, AXES).astype(int)
    assert np.array_equal(found == NOWHERE, score.folds[1][cells] < np.float32(0.3))
    assert score.names == ("all",)
    assert score.step == ("score >= 0.3",)
    assert table().names == ("score_1", "score_2", "score_3")
    assert table().step == ()


@pytest.mark.parametrize("histograms", ["all", "spectrum"])
@pytest.mark.parametrize("simulated", [True, False])
def test_the_processor_fills_the_categories(histograms: Which, *, simulated: bool) -> None:
    """Against a mask for each category; in two blocks, the second begins at an odd event."""
    events, score = columns(4001), table((-0.5, 0.0, 0.5))
    cuts = Selection({"n_jets": Interval(max=3)})
    chosen = settings(score, histograms=histograms, selection=cuts)
    filling = Filling(chosen, blind=False, simulated=simulated)
    odd = np.arange(4001) & 1
    for part in (slice(0, 1501), slice(1501, None)):
        filling.add({name: values[part] for name, values in events.items()}, odd[part])
    out = filling.histograms()
    found = room.category_index(score, events, odd, simulated=simulated)
    plain = settings(None, histograms="spectrum", selection=cuts)
    for number, name in enumerate(score.names):
        rows = found == number
        alone = Filling(plain, blind=False)
        alone.add({key: values[rows] for key, values in events.items()}, odd[rows])
        expected = alone.histograms()["spectrum"].view(flow=True)[0]
        category = out["spectrum"].axes[0].index(name)
        assert np.array_equal(out["spectrum"].view(flow=True)[category], expected)
        assert expected.sum() > 50
    passing = (found != NOWHERE) & (events["n_jets"].astype(np.int64) < 3)
    steps = dict(zip(out["cutflow"].axes[0], out["cutflow"].view().sum(axis=1), strict=True))
    assert steps["score >= -0.5"] == np.count_nonzero(passing)


def test_categories_of_everything_add_up_to_the_spectrum_without_a_score() -> None:
    events, outputs = columns(3000), []
    for score in (table(), None):
        filling = Filling(settings(score), blind=True, simulated=False)
        filling.add(events, np.arange(3000) & 1)
        outputs.append(filling.histograms())
    with_score, without = outputs
    total = with_score["spectrum"].view(flow=True).sum(axis=0)
    assert np.array_equal(total, without["spectrum"].view(flow=True)[0])
    for name in set(without) - {"spectrum"}:
        assert with_score[name] == without[name], name
    # Nothing is cut, so all is the same after as before.
    assert with_score["after/n_jets"] == with_score["before/n_jets"]
    blind = with_score["spectrum"].project("m_yy").view()[400:1100]
    assert blind.sum() == 0


def test_settings_are_told_apart_by_the_score_and_name_its_columns() -> None:
    one, other = settings(table()), settings(table(seed=5))
    assert repr(one) != repr(other)
    assert len(repr(one)) < 2000  # no table in it
    assert "isolation" in settings(table(), histograms="spectrum").needed()
    back = cloudpickle.loads(cloudpickle.dumps(one.score))
    assert np.array_equal(back.lookup, table().lookup)
    assert repr(back) == repr(one.score)


def test_refusals() -> None:
    folds = np.zeros((2, CELLS), np.float32)
    broken = folds.copy()
    broken[0, 3] = np.nan
    for tables, edges, message in (
        (folds[:, 1:], (0.0,), r"tables of shape \(2, 53\), not \(2, 54\)"),
        (broken, (0.0,), "no number"),
        (folds, (), "0 categories"),
        (folds, (0.0, 0.0), "do not rise"),
        (folds, (0.0, np.nan), "do not rise"),
        (folds, (0.0, np.inf), "do not rise"),
    ):
        with pytest.raises(ValueError, match=message):
            ScoreTable(AXES, tables, edges, "")
    with pytest.raises(ValueError, match="at most 2,000,000"):
        room.cell_count([Binning("a", 2000, 0, 1), Binning("b", 1000, 0, 1)])
    with pytest.raises(ValueError, match="0 cells of no columns"):
        room.cell_count([])
    with pytest.raises(ValueError, match="needs columns"):
        room.cell_numbers({}, ())
