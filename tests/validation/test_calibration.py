"""The calibration campaign, small: its toys, its numbers, and the page that is made of them.

Seeds are pinned; each bound on toys states how often a right program would miss it with another.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from analysis.results.calibration import ToyNumbers
from analysis.results.checks import Check
from analysis.results.codec import to_json
from analysis.settings.search import Search
from analysis.statistics.background.families import Function
from analysis.statistics.background.tournament import Tournament, decide_all
from analysis.statistics.spectra.signal_model import plain_signal
from analysis.validation import __main__ as command
from analysis.validation import plan
from analysis.validation import toy_campaigns as campaigns
from analysis.validation.background_toys import empty_toys
from analysis.validation.categories import CATEGORIES, Selection, Selections, selections
from analysis.validation.fixed_model import Held, Ranged, Setting, expectation, largest
from analysis.validation.gain import JUDGED_GeV, Pair, gains
from analysis.validation.plan import Plan, one_spectrum, six_categories
from analysis.validation.sensitivity import MASSES_GeV
from analysis.validation.signal_toys import Point, Width, injected_toys, points
from analysis.validation.size import ONE_SPECTRUM, WITH_CATEGORIES, in_proportion
from analysis.validation.toy_campaigns import Campaigns, run
from analysis.validation.toy_checks import _part
from analysis.validation.toy_report import document, page, read_calibration
from analysis.validation.truths import GENERATOR, KNOWN, OUTSIDE, efficiency, generator_events
from tools.json_file import write_json
from tools.recipe import background_recipe, make_events
from tools.samples import Catalogue

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(scope="module")
def setting(search: Search) -> Setting:
    """The generator's spectrum behind the course's cuts."""
    signal = plain_signal(30.0)
    tournament = Tournament.of(search, signal, 14_000.0)
    expected = KNOWN[GENERATOR].scaled(
        tournament.low_GeV, tournament.high_GeV, (400.0, 1100.0), 3_000.0
    )
    return Setting(search, signal, 14_000.0, (expected,))


@pytest.fixture(scope="module")
def selected(search: Search, catalogue: Catalogue) -> Selections:
    """Categories and cuts, as the campaign has them."""
    return selections(catalogue, search, seed=1)


@pytest.fixture(scope="module")
def divided(search: Search, catalogue: Catalogue) -> Setting:
    """An exponential in two channels, few functions to choose from."""
    few = replace(search, peak=replace(search.peak, families=("exp",), max_parameters=5))
    parts = Selection(np.array([0.7, 0.1]), np.array([0.3, 0.5]))
    return Plan(catalogue, few).setting(KNOWN["exponential of 120 GeV"], 20_000.0, parts)


def test_truths_are_what_the_generator_makes(search: Search, catalogue: Catalogue) -> None:
    events = make_events(background_recipe(), np.random.default_rng(1), 30_000)
    passing = np.ones(30_000, dtype=bool)
    for column, cut in search.optimise.course_cuts.items():
        passing &= events[column].astype(np.float64) < cut
    part = efficiency(search)
    # 4 standard deviations: 6e-5
    assert passing.mean() == pytest.approx(part, abs=4 * np.sqrt(part / 30_000))
    mass = background_recipe().spectrum.draw(np.random.default_rng(2), 1_000_000)
    total = 1298.1 * 12_865 * 0.081
    expected = generator_events(catalogue, search) / total
    inside = np.mean((mass > 400) & (mass < 1100))
    assert inside == pytest.approx(expected, abs=4 * np.sqrt(expected / 1e6))
    edges = np.array([100.0, 200.0, 400.0, 700.0, 1100.0, 2000.0])
    shape = KNOWN[GENERATOR].scaled(edges[:-1], edges[1:], (400.0, 1100.0), expected * 1e6)
    counted, _ = np.histogram(mass, edges)
    assert np.all(np.abs(counted - shape) < 4.5 * np.sqrt(shape))  # 3e-5


def test_a_truth_is_scaled_to_its_window() -> None:
    edges = np.linspace(100, 2000, 191)
    for truth in OUTSIDE.values():
        events = truth.scaled(edges[:-1], edges[1:], (400.0, 1100.0), 3150.0)
        assert events[(edges[:-1] >= 400) & (edges[1:] <= 1100)].sum() == pytest.approx(3150)
        assert np.all(events > 0)


def test_empty_toys_show_nothing_and_do_not_depend_on_their_batch(setting: Setting) -> None:
    whole = empty_toys(setting, seed=3, numbers=range(8), scans=4)
    parts = [
        empty_toys(setting, seed=3, numbers=numbers, scans=4) for numbers in (range(4), range(4, 8))
    ]
    joined = parts[0] + parts[1]
    assert joined.fixed_z == pytest.approx(whole.fixed_z, abs=1e-3)
    assert [joined.held[i] for i in joined.choice] == [whole.held[i] for i in whole.choice]
    # 24 standard normal numbers: their mean is within 5/sqrt(8) (three of a toy correlate): 6e-7
    assert abs(whole.fixed_z.mean()) < 5 / np.sqrt(8)
    assert np.abs(whole.fixed_z).max() < 5  # 2e-5
    assert np.isnan(joined.largest_z[4:]).all()
    assert np.all(joined.largest_z[:4] >= joined.fixed_z[:4].max(axis=1) - 0.05)


def test_what_is_injected_is_found(setting: Setting) -> None:
    wanted = (Point(625.0, 0.0, 0.0), Point(750.0, 8.0, 150.0))
    none, strong = injected_toys(setting, wanted, Width(drawn=False), seed=4, numbers=range(16))
    for found in (none, strong):
        assert found.converged.all()
        assert abs(found.root.mean()) < 1.25  # 5 standard deviations: 6e-7
        assert 0.4 < found.root.std() < 1.8  # 16 normal numbers: 1e-4
        assert np.sign(found.root) == pytest.approx(np.sign(found.pull))
    assert none.cls == pytest.approx(1.0)
    assert np.mean(strong.cls >= 0.05) > 0.6  # of 16, 6 or more missed at 5 %: 1e-4
    assert np.isnan(none.mass_GeV).all()
    assert np.abs(strong.mass_GeV - 750).max() < 60  # 9 expected errors
    assert np.mean(strong.mass_rise < 4) > 0.6  # of 16, 7 or more beyond two deviations: 1e-6
    assert np.median(strong.found_pull) == pytest.approx(np.median(strong.pull), abs=0.6)


def test_a_drawn_width_is_another_toy(setting: Setting) -> None:
    wanted = (Point(750.0, 8.0, 150.0),)
    (nominal,) = injected_toys(setting, wanted, Width(drawn=False), seed=4, numbers=range(2))
    (drawn,) = injected_toys(setting, wanted, Width(drawn=True), seed=4, numbers=range(2))
    assert not np.array_equal(nominal.root, drawn.root)


def test_the_formula_is_that_of_frozen_toys(setting: Setting) -> None:
    held, none = setting.same(Ranged(Function("exp", 3), 400.0, 1100.0))
    expected = expectation(setting, held, none, seed=5, toys=400)
    z = largest(setting, held, none, seed=6, numbers=range(300))
    p = expected.crossings.p(2.5)
    # 4 standard deviations of the toys, and 20 % of the formula: below 6e-5
    assert np.mean(z > 2.5) == pytest.approx(p, abs=4 * np.sqrt(p / 300) + 0.2 * p)
    assert np.all(np.diff(expected.errors) < 0)  # a falling background
    again = largest(setting, held, none, seed=6, numbers=range(100, 110))
    assert again == pytest.approx(z[100:110], abs=1e-3)


def test_a_whole_campaign_tells_all_its_numbers(
    search: Search,
    catalogue: Catalogue,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    few = replace(search, peak=replace(search.peak, families=("exp",), max_parameters=5))
    size = ToyNumbers(3, 2, 4, 2, 2, 200, 2)
    for name, value in {
        "OUTSIDE": {"bent": OUTSIDE["bent"]},
        "INJECTED_GeV": (750.0,),
        "INJECTED_SIGMA": (1.0, 5.0),
        "KNOWN_GeV": (750.0,),
        "KNOWN_SIGMA": (5.0,),
    }.items():
        monkeypatch.setattr(plan, name, value)
    said: list[str] = []
    results = run(one_spectrum(catalogue, few, size, 1), workers=1, say=said.append)
    found = document(results, workers=1)
    sections = {check.section for check in found.checks}
    assert sections == {"local", "global", "formula", "injection", "outside", "optimum", "speed"}
    judged, missed = found.judged
    assert 0 <= missed < judged
    z = [c.observed for c in found.checks if c.what == "Z / order 3"]
    assert len(z) == 10
    assert min(z) > 0.9
    assert max(z) < 1.6
    assert sum(found.choices["bent, 3,150 events"].values()) == pytest.approx(1, abs=1e-3)
    assert said[-1].startswith("upcrossings of")
    out = tmp_path / "statistics.json"
    write_json(out, to_json(found))
    command.main(["--page", "--out", str(out)])
    assert (tmp_path / "statistics_calibration.md").read_text() == page(found)
    assert f"{judged - missed} of {judged} numbers" in capsys.readouterr().out


def test_six_categories_are_those_of_the_score(selected: Selections) -> None:
    """As in `tests/selection/test_scores.py`: combined s 14.5 or more, 9.2 with the best cuts."""
    parts, cuts = selected.categories, selected.cuts
    background, signal = 50_528.8, 1_191.66
    assert len(parts.background) == len(parts.signal) == CATEGORIES
    assert np.all(np.diff(parts.signal / parts.background) > 0)  # ever purer
    lowest = parts.background[0] / parts.background.sum()
    assert 0.5 < lowest < 0.8
    assert parts.background.sum() <= 1
    assert 0.8 < parts.signal.sum() <= 1
    each = signal * parts.signal / np.sqrt(background * parts.background)
    assert np.sqrt(np.sum(each**2)) > 14.5
    s = float(signal * cuts.signal[0] / np.sqrt(background * cuts.background[0]))
    assert s == pytest.approx(9.2, abs=0.3)


def test_limits_with_categories_are_lower_than_with_cuts(
    search: Search, catalogue: Catalogue, selected: Selections
) -> None:
    """1.5 times or more at 500, 750 and 1000 GeV, with the same function in the same range."""
    few = replace(search, peak=replace(search.peak, families=("exp",), max_parameters=4))
    plain, truth = Plan(catalogue, few), KNOWN["exponential of 120 GeV"]
    pair = Pair(
        plain.setting(truth, plain.events, selected.categories),
        plain.setting(truth, plain.events, selected.cuts),
        1_191.66,
    )
    found = gains(pair)
    assert [gain.judged for gain in found] == [True, True, True, False]
    where = np.isin(MASSES_GeV, JUDGED_GeV)
    for gain in found:
        assert np.all(gain.limits[where] > 1.5)
        assert np.all(gain.z > 1.4 * gain.z_of_cuts)
    # The design's Asimov Z of six categories at 500 GeV, of orders 1, 2 and 3, width known.
    assert [gain.z[0] for gain in found[:3]] == pytest.approx([15.3, 14.0, 10.9], rel=0.04)


def test_toys_of_channels_are_decided_apart_and_fitted_together(divided: Setting) -> None:
    whole = empty_toys(divided, seed=3, numbers=range(6), scans=6)
    parts = [empty_toys(divided, seed=3, numbers=n, scans=6) for n in (range(2), range(2, 6))]
    joined = parts[0] + parts[1]
    assert joined.fixed_z == pytest.approx(whole.fixed_z, abs=1e-3)
    assert whole.spurious.shape == (6, len(divided.masses_GeV), 2)
    assert np.abs(whole.fixed_z).max() < 5  # 18 standard normal numbers: 1e-5
    for toy, index in enumerate(whole.choice):
        tournaments = divided.experiment.tournaments
        decided = decide_all(tournaments, divided.experiment.draw(3, [toy]))
        assert whole.held[index] == Held.of([each.chosen for each in decided])


def test_windows_are_drawn_to_the_sidebands_of_a_toy(divided: Setting) -> None:
    one = empty_toys(divided, seed=3, numbers=range(4), scans=4)
    three = empty_toys(divided, seed=3, numbers=range(4), scans=0, windows=3)
    assert three.fixed_z[::3] == pytest.approx(one.fixed_z, abs=2e-3)  # the toy itself is the first
    assert three.choice.reshape(4, 3).std(axis=1).tolist() == [0, 0, 0, 0]
    assert np.isnan(three.largest_z).all()
    assert np.abs(np.diff(three.fixed_z.reshape(4, 3, 3), axis=1)).min() > 1e-6
    assert np.abs(three.fixed_z).max() < 5  # 36 standard normal numbers: 2e-5
    alone = empty_toys(divided, seed=3, numbers=range(2, 4), scans=4, windows=3)
    assert alone.fixed_z == pytest.approx(three.fixed_z[6:], abs=2e-3)


def test_toys_with_the_same_sidebands_have_the_error_of_their_spread() -> None:
    """Ten toys of four equal spectra each know no more than ten."""
    where = np.repeat([True, False, True, False, False, True, False, False, False, False], 4)
    assert _part(where, 4) == pytest.approx((0.3, np.sqrt(0.3 * 0.7 / 10), 40))
    assert _part(where, 1)[1] == pytest.approx(np.sqrt(0.3 * 0.7 / 40))
    assert _part(np.zeros(40, dtype=bool), 4)[1] == pytest.approx(np.sqrt(39) / 40 / np.sqrt(40))


def test_a_channel_cut_in_two_is_the_same_measurement(setting: Setting) -> None:
    """The same function in halves of a spectrum: the errors of the whole."""
    (expected,) = setting.expected
    halves = replace(
        setting, expected=(expected / 2, expected / 2), signal=plain_signal(30.0, channels=2)
    )
    ranged = Ranged(Function("exp", 3), 400.0, 1100.0)
    masses = np.array([500.0, 750.0])
    one, two = (each.spectra(*each.same(ranged)).scan(masses) for each in (setting, halves))
    assert two.signal_error_events == pytest.approx(one.signal_error_events, rel=1e-4)


def test_what_is_injected_into_channels_is_found(divided: Setting) -> None:
    none, strong = points(divided, (750.0,), (0.0, 8.0))
    assert none.events == 0
    shown = injected_toys(divided, (none, strong), Width(drawn=True), seed=5, numbers=range(10))
    for found in shown:
        assert found.converged.all()
        assert abs(found.root.mean()) < 5 / np.sqrt(10)  # 6e-7
        assert 0.3 < found.root.std() < 2  # 10 normal numbers: 3e-4
    assert np.abs(shown[1].mass_GeV - 750).max() < 60  # 9 expected errors or more
    assert np.median(shown[1].found_pull) == pytest.approx(np.median(shown[1].pull), abs=0.6)


def test_a_campaign_of_categories_tells_all_its_numbers(
    search: Search,
    catalogue: Catalogue,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    two = Selection(np.array([0.3, 0.01]), np.array([0.4, 0.3]))
    selected = Selections(two, Selection(np.array([0.03]), np.array([0.3])))
    few = replace(search, peak=replace(search.peak, families=("exp",), max_parameters=5))
    monkeypatch.setattr(plan, "selections", lambda *_which, **_more: selected)
    monkeypatch.setattr(plan, "INJECTED_GeV", (750.0,))
    monkeypatch.setattr(plan, "INJECTED_SIGMA", (5.0,))
    monkeypatch.setattr(plan, "OUTSIDE_CATEGORIES", ("bent",))
    monkeypatch.setattr(campaigns, "COMPARED", 1)
    results = run(six_categories(catalogue, few, ToyNumbers(3, 2, 4, 2, 2, 200, 2), 1), workers=1)
    # Nearly every toy has a combination of its own: expected is what the truth chooses.
    for _, name, toys in results.empties():
        expected = [results.expectation(name, held) for held in toys.held]
        assert all(each is expected[0] for each in expected)
    compared = [choice for choice in results.expected if not choice.name.endswith("frozen")]
    assert len(compared) == 2
    found = document(results, workers=1)
    sections = {check.section for check in found.checks}
    assert sections == {"local", "global", "formula", "injection", "outside", "gain", "speed"}
    assert found.parts is not None
    assert found.parts.signal == pytest.approx(selected.categories.signal, abs=1e-5)
    assert sum(found.parts.background) == pytest.approx(1, abs=1e-4)
    for name in ("generator, six categories: category 2", "bent, six categories: category 1"):
        assert sum(found.choices[name].values()) == pytest.approx(1, abs=1e-3)
    events = found.window_events["generator, six categories"]
    assert events == pytest.approx(50_528.8 * selected.categories.background.sum(), rel=1e-4)
    out = tmp_path / "few.json"
    write_json(out, to_json(found))
    command.main(["--page", "--categories", "--out", str(out)])
    text = (tmp_path / "few_calibration.md").read_text()
    assert "calibration --categories --page" in text
    assert "Six categories of the likelihood ratio" in text


def test_the_command_runs_what_it_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, object] = {}

    def no_plan(_catalogue: Catalogue, _search: Search, size: ToyNumbers, seed: int) -> None:
        asked.update(size=size, seed=seed)

    def no_toys(_campaigns: Campaigns, **more: object) -> None:
        asked.update(more)

    told = read_calibration(DOCS / "statistics.json")
    monkeypatch.setattr(command, "one_spectrum", no_plan)
    monkeypatch.setattr(command, "six_categories", no_plan)
    monkeypatch.setattr(command, "run", no_toys)
    monkeypatch.setattr(
        command, "document", lambda _results, *, workers: replace(told, workers=workers)
    )
    out = tmp_path / "statistics.json"
    command.main(["--toys", "500", "--seed", "7", "--workers", "3", "--out", str(out)])
    assert asked["size"] == ToyNumbers(500, 500, 800, 160, 50, 500, 500)
    assert (asked["seed"], asked["workers"]) == (7, 3)
    assert f"seed {told.seed}, 3 workers" in command.page_of(out).read_text()
    command.main(["--categories", "--out", str(out)])
    assert asked["size"] == WITH_CATEGORIES


@pytest.mark.parametrize(
    ("low", "high", "meets"),
    [(None, None, None), (0.9, 1.1, True), (1.01, None, False), (None, 0.99, False), (1, 1, True)],
)
def test_a_number_meets_what_was_wanted(
    low: float | None, high: float | None, *, meets: bool | None
) -> None:
    check = Check("local", "here", "what", 1.0, 0.1, low, high)
    assert check.meets is meets
    assert replace(check, observed=1.02).meets is meets, "it is judged before it is rounded"
    assert Check("local", "here", "what", np.nan, None, low, high).meets is None


@pytest.mark.parametrize(
    ("file", "whole", "least"),
    [(command.DOCUMENT, ONE_SPECTRUM, 2_000), (command.OF_CATEGORIES, WITH_CATEGORIES, 250)],
)
def test_the_page_is_made_of_the_document(
    file: Path, whole: ToyNumbers, least: int, tmp_path: Path
) -> None:
    told, again = read_calibration(DOCS / file.name), tmp_path / file.name
    write_json(again, to_json(told))
    assert again.read_bytes() == (DOCS / file.name).read_bytes()
    assert command.page_of(DOCS / file.name).read_text() == page(told)
    judged, missed = told.judged
    text = page(told)
    assert text.count("✗") == missed + 1  # and once in the legend
    assert f"**{judged - missed} of {judged} numbers are what was wanted.**" in text
    # of a run that `python -m analysis.validation --toys ...` repeats
    assert told.size == in_proportion(whole, told.size.local)
    assert told.size.local >= least
