"""Scores: the numbers of the course's samples, correlated columns, guards that can fail, the file.

All seeds are pinned. Samples are drawn as `tools.recipe` makes them, 100,000 background events, and
ten times as many with another seed.
"""

import json
from dataclasses import replace
from functools import cache
from itertools import combinations, pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from analysis.results.codec import from_json, to_json
from analysis.results.score import ScoreFile
from analysis.selection.scores import (
    choose,
    figure_of_merit,
    likelihood_ratio,
    record,
    training,
)
from analysis.selection.scores.choose import ScoreChoice
from analysis.selection.scores.score_file import document_of, read_score
from analysis.selection.scores.sculpting import sculpting
from analysis.selection.scores.training import Sample
from analysis.settings.search_file import read_search
from processors.histograms import Binning, Counts, joint
from tests.formula import mass_by_formula
from tools.errors import InputError
from tools.json_file import write_json
from tools.recipe import Floats, Recipe, Resonance, background_recipe, make_events, signal_recipe

AXES = (
    Binning("n_jets", 12, 0, 12),
    Binning("n_leptons", 10, 0, 10),
    Binning("photon1_isolation", 40, 0.5, 1.1),
    Binning("photon2_isolation", 40, 0.5, 1.1),
)
DEMANDS = read_search(Path(__file__).parents[2] / "analysis" / "search.toml").score
EXPECTED = {"background": 1_352_704.6, "signal_500": 1191.66, "signal_1000": 1191.66}
RECIPES: dict[str, Recipe] = {
    "background": background_recipe(),
    "signal_500": signal_recipe(Resonance(500.0)),
    "signal_1000": signal_recipe(Resonance(1000.0)),
}


def filled(axes: tuple[Binning, ...], columns: dict[str, npt.NDArray[np.generic]]) -> Counts:
    """Return a joint histogram; ``m_yy`` says where the window is."""
    mass = columns["m_yy"].astype(np.float64)
    region = ((mass < 400) | (mass >= 1100)).astype(int)
    histogram = joint(axes)
    half = np.arange(len(mass)) % 2
    histogram.fill(half, region, *(columns[axis.name] for axis in axes))
    return histogram


@cache
def simulated(background: int, signal: int, seed: int) -> dict[str, Counts]:
    out = {}
    for number, (name, recipe) in enumerate(RECIPES.items()):
        rng = np.random.default_rng([seed, number])
        left, total = (background if name == "background" else signal), joint(AXES)
        while left:
            events = make_events(recipe, rng, min(left, 100_000))
            left -= min(left, 100_000)
            total += filled(AXES, {**events, "m_yy": mass_by_formula(events)})
        out[name] = total
    return out


def sample_of(joints: dict[str, Counts]) -> Sample:
    weights = {
        name: EXPECTED[name] / float(np.asarray(histogram.view(flow=True)).sum())
        for name, histogram in joints.items()
    }
    return training.sample_of(training.Simulated(joints, weights, "background"))


@pytest.fixture(scope="module")
def sample() -> Sample:
    return sample_of(simulated(100_000, 10_000, 1))


@pytest.fixture(scope="module")
def large() -> Sample:
    return sample_of(simulated(1_000_000, 100_000, 2))


@pytest.fixture(scope="module")
def choice(sample: Sample) -> ScoreChoice:
    return choose.choose(sample, DEMANDS)


def test_the_numbers_of_the_course(choice: ScoreChoice) -> None:
    """One cut 11.5 or more, at least 6 categories 14.5 or more, the bound 17.6.

    Truth (from the recipe's densities): 17.60 unbinned, 17.47 in these bins.
    """
    rows = record.rows(choice, "signal_500")
    assert choice.chosen.kind == "likelihood_ratio"
    assert len(choice.chosen.edges) >= 6
    assert rows["score_cut"][0] > 11.5
    assert rows["categories"][0] > 14.5
    value, error = rows["bound"]
    assert error < 0.5
    assert value == pytest.approx(17.47, abs=3 * error)
    assert rows["score_cut"][0] < rows["categories"][0] < value
    heavy = record.rows(choice, "signal_1000")
    assert heavy["categories"][0] == pytest.approx(rows["categories"][0], rel=0.1)


def test_an_independent_simulation_of_ten_times_the_size_agrees(
    sample: Sample, large: Sample, choice: ScoreChoice
) -> None:
    """Within 3 %; the mean table, that of data, is worth the same."""
    chosen = choice.chosen
    for edges in (chosen.edges, (chosen.cut,)):
        quoted, error = figure_of_merit.yields_of(sample, chosen.scores, edges).significance(
            "signal_500"
        )
        true = figure_of_merit.yields_of(large, chosen.scores, edges)
        assert quoted == pytest.approx(true.significance("signal_500")[0], rel=0.03)
        assert error < 0.03 * quoted
        mean = chosen.folds.mean(axis=0)
        of_data = figure_of_merit.yields_of(large, (mean, mean), edges)
        assert of_data.significance("signal_500")[0] == pytest.approx(
            true.significance("signal_500")[0], rel=0.02
        )
        both = [y.signals["signal_500"] for y in (of_data, true)]
        assert both[0] == pytest.approx(both[1], rel=0.03)


def test_trees_are_nearly_as_good_where_columns_are_independent(
    large: Sample, choice: ScoreChoice
) -> None:
    worth = {
        name: each.yields(large).significance("signal_500")[0]
        for name, each in choice.candidates.items()
    }
    assert worth["trees"] == pytest.approx(worth["likelihood_ratio"], rel=0.05)
    assert worth["trees"] < worth["likelihood_ratio"]


PAIR = (Binning("x", 30, -3.0, 3.0), Binning("y", 30, -3.0, 3.0))


def correlated(seed: int) -> Sample:
    """Return signal along the diagonal, background across it: one column tells nothing."""
    rng = np.random.default_rng(seed)
    out = {}
    for name, correlation, events in (("background", -0.6, 60_000), ("signal_500", 0.6, 10_000)):
        xy = rng.multivariate_normal([0, 0], [[1, correlation], [correlation, 1]], events)
        mass = rng.choice([200.0, 500.0], events, p=[0.9, 0.1])
        if name != "background":
            mass[:] = 500.0
        out[name] = filled(PAIR, {"x": xy[:, 0], "y": xy[:, 1], "m_yy": mass})
    return sample_of(out)


def test_trees_win_where_columns_are_correlated() -> None:
    sample = correlated(5)
    demands = replace(DEMANDS, background_events=100.0)
    chosen = choose.choose(sample, demands)
    assert chosen.chosen.kind == "trees"
    assert chosen.advantage > max(0.2, 5 * chosen.advantage_error)
    forced = choose.choose(sample, replace(demands, kind="likelihood_ratio"))
    assert forced.chosen.kind == "likelihood_ratio"


def test_the_error_of_the_advantage_is_its_scatter(large: Sample, choice: ScoreChoice) -> None:
    """20 samples: the scatter is known to 16 %; asked is agreement within a factor 1.6 (3 sd)."""
    values, errors = [], []
    for seed in range(10, 30):
        other = thinned(large, seed)
        one, two = choice.candidates["trees"], choice.candidates["likelihood_ratio"]
        value, error = choose.advantage(other, one, two, np.random.default_rng(seed))
        values.append(value)
        errors.append(error)
    assert 1 / 1.6 < np.std(values) / np.mean(errors) < 1.6


def thinned(sample: Sample, seed: int) -> Sample:
    """Return another sample of the course's size: a tenth of the large one."""
    rng = np.random.default_rng(seed)

    def drawn(counts: Floats) -> Floats:
        out, there = np.zeros_like(counts), counts > 0
        out[there] = rng.poisson(0.1 * counts[there])
        return out

    return replace(
        sample,
        signals={name: drawn(counts) for name, counts in sample.signals.items()},
        background=drawn(sample.background),
        weights={name: 10 * weight for name, weight in sample.weights.items()},
        background_weight=10 * sample.background_weight,
    )


def test_the_categories_are_those_of_brute_force(sample: Sample, choice: ScoreChoice) -> None:
    """All ways to take 1 to 4 categories from 12 bins, against dynamic programming."""
    scores = choice.candidates["likelihood_ratio"].scores
    fine = np.concatenate([[-np.inf], np.linspace(-3, 4, 11)])
    yields = figure_of_merit.yields_of(sample, scores, fine)
    demands = replace(DEMANDS, most_categories=4, least_categories=4, background_events=50.0)
    best: tuple[float, tuple[float, ...]] = (0.0, ())
    for number in range(1, 5):
        for firsts in combinations(range(len(fine)), number):
            groups = [slice(a, b) for a, b in pairwise([*firsts, len(fine)])]
            parts = yields.merged(groups)
            if parts.passing.min() < 50 or parts.sideband.min() < 500:
                continue
            worth = parts.squared("signal_500").sum() + 1e-9 * number
            best = max(best, (worth, tuple(fine[list(firsts)])))
    found = figure_of_merit.best_categories(yields, fine, demands, ["signal_500"])
    assert found == best[1]
    cuts = [yields.merged([slice(i, None)]) for i in range(len(fine))]
    values = [c.squared("signal_500")[0] if c.passing[0] >= 50 else 0.0 for c in cuts]
    one = replace(demands, most_categories=1)
    cut = figure_of_merit.best_categories(yields, fine, one, ["signal_500"])
    assert cut == (fine[np.argmax(values)],)


def test_quoted_errors_are_the_scatter_over_simulations(large: Sample, choice: ScoreChoice) -> None:
    """40 samples: the scatter is known to 11 %; asked is agreement within 34 % (3 sd)."""
    values, errors, chosen = [], [], choice.chosen
    for seed in range(100, 140):
        value, error = chosen.yields(thinned(large, seed)).significance("signal_500")
        values.append(value)
        errors.append(error)
    assert np.std(values) == pytest.approx(np.mean(errors), rel=0.34)


def test_a_smoothed_ratio_is_closer_to_the_truth_and_bridges_empty_bins() -> None:
    """Two Gaussians of one width: the log ratio is a straight line, in the tails too."""
    rng, edges = np.random.default_rng(3), np.linspace(-4, 5, 46)
    s, b = (np.histogram(rng.normal(m, 1, n), edges)[0] for m, n in ((0, 3000), (1, 30_000)))
    found = likelihood_ratio.log_ratio(s.astype(float), b.astype(float))
    centres = (edges[1:] + edges[:-1]) / 2
    assert np.abs(found - (0.5 - centres)).max() < 0.5
    # A jump that the counts prove stays: 10,000 events in each of six bins.
    s = np.array([1e4, 1e4, 9e4, 1e4, 1e4, 1e4])
    jumpy = likelihood_ratio.log_ratio(s, np.full(6, 1e4))
    assert jumpy[2] - jumpy[1] == pytest.approx(np.log(9), rel=0.02)
    assert likelihood_ratio.log_ratio(np.array([5.0]), np.array([7.0])) == 0.0


BINS = np.linspace(50, 1250, 61)
IN_WINDOW = (BINS[:-1] >= 400) & (BINS[:-1] < 1100)


def trial(rng: np.random.Generator, slope: float) -> tuple[Floats, Floats]:
    """Return spectra of what a cut on a column keeps and of the rest; its mean moves with mass."""
    mass = 50 + rng.exponential(106.1, 100_000)
    keep = rng.normal(slope * mass / 1000.0, 1.0) > 1.0
    kept, rest = (np.histogram(mass[m], BINS)[0].astype(float) for m in (keep, ~keep))
    return kept, rest


def test_a_column_that_follows_the_mass_is_flagged_and_an_independent_one_is_not() -> None:
    """100 trials each. Independent: expected 0.1 flags, more than 2: 2e-4.

    Correlated: mean moves by half a width per TeV (rank correlation 0.05), all 100 are flagged.
    """
    rng = np.random.default_rng(7)
    alarms = sum(sculpting(*trial(rng, 0.0), IN_WINDOW, weight=13.5).flagged for _ in range(100))
    assert alarms <= 2
    found = [sculpting(*trial(rng, 0.5), IN_WINDOW, weight=13.5) for _ in range(100)]
    assert sum(each.flagged for each in found) == 100
    assert all(each.size_events > 3 * each.error_events for each in found)


def test_the_size_of_sculpting_has_the_error_that_it_states() -> None:
    """200 independent trials: pulls of mean 0 +- 0.07 and width 1 +- 0.05; asked: 4 sd."""
    rng, pulls = np.random.default_rng(8), []
    for _ in range(200):
        each = sculpting(*trial(rng, 0.0), IN_WINDOW, weight=1.0)
        pulls.append(each.size_events / each.error_events)
    assert abs(np.mean(pulls)) < 0.28
    assert 0.8 < np.std(pulls) < 1.2


def test_sculpting_without_events_says_nothing() -> None:
    nothing, spectrum = np.zeros(60), np.full(60, 100.0)
    for kept, rest in ((nothing, spectrum), (spectrum, nothing)):
        each = sculpting(kept, rest, IN_WINDOW, weight=2.0)
        assert (each.size_events, each.flagged, each.pvalue) == (0.0, False, 1.0)
    two = sculpting(
        np.array([30.0, 300.0]), np.array([1e3, 1e4]), np.array([True, False]), weight=2
    )
    assert two.size_events == 0.0
    assert two.error_events == pytest.approx(2 * np.sqrt(30 + 30**2 * (1 / 300 + 1e-3 + 1e-4)))


def test_guards_find_nothing_in_the_course_and_something_where_there_is(
    sample: Sample, choice: ScoreChoice
) -> None:
    section = record.section(choice, "signal_500")
    assert section.flags == ()
    assert section.independence_pvalue > 1e-3
    assert section.optimism.elsewhere > 13.5
    assert len(section.categories) == len(choice.chosen.edges)
    assert min(category.sideband_data_events for category in section.categories) >= 500
    total = np.sqrt(sum(category.s**2 for category in section.categories))
    assert total == pytest.approx(choice.chosen.yields(sample).significance("signal_500")[0])
    # Make the background's jets depend on the mass.
    bent = sample.background.copy().reshape(2, 2, *sample.shape)
    bent[:, 0, :5] *= 3
    changed = replace(sample, background=bent.reshape(sample.background.shape))
    flags = record.section(replace(choice, sample=changed), "signal_500").flags
    assert any("depends on the mass" in flag for flag in flags)
    assert any("distorts the mass spectrum" in flag for flag in flags)


def test_a_score_of_noise_is_overtrained(sample: Sample, choice: ScoreChoice) -> None:
    """The raw ratio of cells, most of them with one event."""
    ratio = [
        np.log((sample.signal_to_learn(h) + 0.01) / (sample.background_to_learn(h) + 0.01))
        for h in (0, 1)
    ]
    folds = np.stack(ratio).astype(np.float32)
    demands = replace(DEMANDS, background_events=50.0)
    noise = choose.candidate("trees", folds, sample, demands)
    assert record.overtraining(sample, noise, "signal_500").flagged
    assert not record.overtraining(sample, choice.chosen, "signal_500").flagged
    found = record.optimism(sample, choice.chosen, DEMANDS, "signal_500")
    assert found.elsewhere == pytest.approx(found.there, rel=0.1)


def test_there_must_be_something_to_learn() -> None:
    axes = (Binning("n_jets", 3, 0, 3), Binning("n_leptons", 3, 0, 3))
    joints = {"background": joint(axes), "signal_500": joint(axes)}
    empty = training.sample_of(training.Simulated(joints, dict.fromkeys(joints, 1.0), "background"))
    assert empty.shape == (5, 5)
    with pytest.raises(InputError, match="no simulated event of signal_500 is in the window"):
        empty.signal_to_learn(0)
    with pytest.raises(InputError, match="no simulated background event"):
        empty.background_to_learn(0)


def test_too_many_cells_and_too_few_events_are_refused(sample: Sample, choice: ScoreChoice) -> None:
    axes = (Binning("a", 1500, 0, 1), Binning("b", 1500, 0, 1))
    with pytest.raises(InputError, match=r"\[optimise.axes\]: 2,256,004 cells of a, b"):
        training.sample_of(
            training.Simulated({"background": joint(axes)}, {"background": 1.0}, "background")
        )
    with pytest.raises(InputError, match=r"no category keeps 1e\+12 expected data events"):
        demands = replace(DEMANDS, sideband_events=1e12)
        choose.candidate("trees", choice.chosen.folds, sample, demands)
    scores = choice.chosen.scores
    fine = figure_of_merit.fine_edges(sample, scores)
    yields = figure_of_merit.yields_of(sample, scores, fine)
    with pytest.raises(InputError, match=r"and 1e\+12 simulated background events"):
        demands = replace(DEMANDS, background_events=1e12)
        figure_of_merit.best_categories(yields, fine, demands, ["signal_500"])


@pytest.fixture
def files(choice: ScoreChoice, tmp_path: Path) -> dict[str, Path]:
    joints = simulated(100_000, 10_000, 1)
    told = record.training_record(choice, joints, {"n_jets": 0.5})
    paths = {}
    for kind, each in choice.candidates.items():
        document = document_of(replace(choice, chosen=each), each.edges, told)
        paths[kind] = tmp_path / f"{kind}.json"
        write_json(paths[kind], to_json(document))
    return paths


@pytest.mark.parametrize("kind", choose.KINDS)
def test_a_score_is_read_back_as_it_was(
    kind: str, files: dict[str, Path], sample: Sample, choice: ScoreChoice
) -> None:
    table = read_score(files[kind], sample.axes)
    assert np.array_equal(table.folds, choice.candidates[kind].folds)
    assert table.edges == choice.candidates[kind].edges
    assert files[kind].stat().st_size < {"likelihood_ratio": 20_000, "trees": 2_000_000}[kind]
    written = json.loads(files[kind].read_text())
    document = from_json(ScoreFile, written, files[kind])
    assert json.loads(json.dumps(to_json(document))) == written
    assert document.training.inputs == tuple(axis.name for axis in AXES)
    assert set(document.training.histograms) == set(EXPECTED)
    assert document.categories == table.names


def test_damaged_and_foreign_scores_are_refused(files: dict[str, Path], tmp_path: Path) -> None:
    path = tmp_path / "changed.json"

    def refused(which: str, message: str, **changes: object) -> None:
        write_json(path, {**json.loads(files[which].read_text()), **changes})
        with pytest.raises(InputError, match=message) as caught:
            read_score(path, AXES)
        assert caught.value.exit_code == 2

    for kind in choose.KINDS:
        document = json.loads(files[kind].read_text())
        shorter = [*document["axes"][:3], {**document["axes"][3], "bins": 39}]
        refused(kind, "is not of the format", format="ONNX")
        refused(kind, "digest is not that of its content", edges=[*document["edges"][:-1], 9.0])
        refused(kind, "is damaged .*do not rise", edges=[1.0, 1.0])
        refused(kind, "is damaged .*kind 'magic'", kind="magic")
        refused(kind, "is damaged .*another length", axes=shorter)
        refused(kind, "is damaged", folds=document["folds"][:1])
        refused(kind, "is damaged", folds=[{"table": "!"}] * 2)
        refused(kind, r"None is no list @ \.folds; it is damaged", folds=None)
        refused(kind, "another.*it is damaged", another=1)
        refused(kind, "is damaged", folds=[{}, {}])
        refused(kind, "is damaged", folds=[{"terms": {}, "table": ""}] * 2)
    ratio = json.loads(files["likelihood_ratio"].read_text())
    terms = {"a": [0.0], **ratio["folds"][0]["terms"]}
    refused("likelihood_ratio", "terms of other columns", folds=[{"terms": terms}] * 2)
    with pytest.raises(InputError, match=r"was trained on n_jets, .*, not on n_jets, met"):
        read_score(files["trees"], (AXES[0], Binning("met", 4, 0, 1)))
    with pytest.raises(InputError, match="12 bins of n_jets from 0 to 12, not 11 from 0 to 11"):
        read_score(files["trees"], (Binning("n_jets", 11, 0, 11), *AXES[1:]))
    with pytest.raises(InputError, match="is not there; make it with `xyy optimise`"):
        read_score(tmp_path / "none.json", AXES)
    path.write_text(files["trees"].read_text()[:1000])
    with pytest.raises(InputError, match="cannot be read as JSON"):
        read_score(path, AXES)
