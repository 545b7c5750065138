"""The calibration campaign, small: its toys, its numbers, and the page that is made of them.

Seeds are pinned; each bound on toys states how often a right program would miss it with another.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from analysis.results.calibration import SearchCalibration, ToyNumbers
from analysis.results.checks import Check, judged
from analysis.results.codec import to_json
from analysis.settings.search import Search
from analysis.statistics.background.entries import Option
from analysis.statistics.background.families import Function
from analysis.statistics.background.model_selection import select_all
from analysis.statistics.spectra.signal_model import plain_signal
from analysis.validation import __main__ as command
from analysis.validation import plan
from analysis.validation.categories import (
    CATEGORIES,
    CategoryFractions,
    CourseSelections,
    selections,
)
from analysis.validation.documents import read_calibration
from analysis.validation.fixed_model import Setting, names_of
from analysis.validation.pages import page_of_toys
from analysis.validation.plan import (
    GENERATOR,
    KNOWN,
    OUTSIDE,
    WITH_CATEGORIES,
    CourseSettings,
    ToyCampaigns,
    in_proportion,
    integrals,
    one_spectrum,
    run_toys,
    six_categories,
)
from analysis.validation.rates import fraction_of
from analysis.validation.sensitivity import JUDGED_GeV, MASSES_GeV, Pair, gains
from analysis.validation.tasks import workshop
from analysis.validation.toy_report import checks, document
from analysis.validation.toys import BackgroundToys, Injection, InjectionPoint, background_toys
from tools.executors import Execution
from tools.executors.kept import Workshop
from tools.json_file import write_json
from tools.recipe import background_recipe, make_events
from tools.samples import Catalogue

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(scope="module")
def setting(search: Search, catalogue: Catalogue) -> Setting:
    """The generator's spectrum behind the course's cuts."""
    return CourseSettings(catalogue, search).of(KNOWN[GENERATOR], 3_000.0)


@pytest.fixture(scope="module")
def selected(search: Search, catalogue: Catalogue) -> CourseSelections:
    """Categories and cuts, as the campaign has them."""
    return selections(catalogue, search, seed=1)


@pytest.fixture(scope="module")
def divided(search: Search, catalogue: Catalogue) -> Setting:
    """An exponential in two channels, few functions to choose from."""
    few = replace(search, peak=replace(search.peak, families=("exp",), max_parameters=5))
    parts = CategoryFractions(np.array([0.7, 0.1]), np.array([0.3, 0.5]))
    return CourseSettings(catalogue, few).of(KNOWN["exponential of 120 GeV"], 20_000.0, parts)


def in_order(toys: BackgroundToys) -> BackgroundToys:
    """Return toys by number: those decided alike stand together else."""
    return toys.some(np.argsort(toys.number, kind="stable"))


def test_truths_are_what_the_generator_makes(search: Search, catalogue: Catalogue) -> None:
    events = make_events(background_recipe(), np.random.default_rng(1), 30_000)
    passing = np.ones(30_000, dtype=bool)
    for column, cut in search.optimise.course_cuts.items():
        passing &= events[column].astype(np.float64) < cut
    course = CourseSettings(catalogue, search)
    part = course.efficiency
    # 4 standard deviations: 6e-5
    assert passing.mean() == pytest.approx(part, abs=4 * np.sqrt(part / 30_000))
    mass = background_recipe().spectrum.draw(np.random.default_rng(2), 1_000_000)
    total = 1298.1 * 12_865 * 0.081
    expected = course.events / total
    inside = np.mean((mass > 400) & (mass < 1100))
    assert inside == pytest.approx(expected, abs=4 * np.sqrt(expected / 1e6))
    edges = np.array([100.0, 200.0, 400.0, 700.0, 1100.0, 2000.0])
    shape = integrals(KNOWN[GENERATOR], edges[:-1], edges[1:])
    shape *= 1e6 * expected / shape[2:4].sum()
    counted, _ = np.histogram(mass, edges)
    assert np.all(np.abs(counted - shape) < 4.5 * np.sqrt(shape))  # 3e-5


def test_a_truth_is_scaled_to_its_window(search: Search, catalogue: Catalogue) -> None:
    edges = np.linspace(100, 2000, 191)
    for truth in OUTSIDE.values():
        (events,) = CourseSettings(catalogue, search).of(truth, 3150.0).expected
        assert events[(edges[:-1] >= 400) & (edges[1:] <= 1100)].sum() == pytest.approx(3150)
        assert np.all(events > 0)


def test_empty_toys_show_nothing_and_do_not_depend_on_their_batch(setting: Setting) -> None:
    whole = in_order(background_toys(setting, seed=3, numbers=range(8), scans=4))
    parts = [
        background_toys(setting, seed=3, numbers=numbers, scans=4)
        for numbers in (range(4), range(4, 8))
    ]
    joined = in_order(BackgroundToys.joined(parts))
    assert joined.fixed_z == pytest.approx(whole.fixed_z, abs=1e-3)
    assert joined.functions.tolist() == whole.functions.tolist()
    # 24 standard normal numbers: their mean is within 5/sqrt(8) (three of a toy correlate): 6e-7
    assert abs(whole.fixed_z.mean()) < 5 / np.sqrt(8)
    assert np.abs(whole.fixed_z).max() < 5  # 2e-5
    assert np.isnan(joined.largest_z[4:]).all()
    assert np.all(joined.largest_z[:4] >= joined.fixed_z[:4].max(axis=1) - 0.05)


def test_what_is_injected_is_found(setting: Setting) -> None:
    wanted = (InjectionPoint(625.0, 0.0, 0.0), InjectionPoint(750.0, 8.0, 150.0))
    shown = Injection(setting, wanted, drawn_width=False).toys(seed=4, numbers=range(16))
    none, strong = shown.at([0]), shown.at([1])
    for found in (none, strong):
        assert found.converged.all()
        assert abs(found.pull.mean()) < 1.25  # 5 standard deviations: 6e-7
        assert 0.4 < found.pull.std() < 1.8  # 16 normal numbers: 1e-4
        assert np.sign(found.pull) == pytest.approx(np.sign(found.plain_pull))
    assert none.cls == pytest.approx(1.0)
    assert np.mean(strong.cls >= 0.05) > 0.6  # of 16, 6 or more missed at 5 %: 1e-4
    assert np.isnan(none.mass_GeV).all()
    assert np.abs(strong.mass_GeV - 750).max() < 60  # 9 expected errors
    assert (
        np.mean(np.abs(strong.mass_pull) < 2) > 0.6
    )  # of 16, 7 or more beyond two deviations: 1e-6
    assert np.median(strong.found_pull) == pytest.approx(np.median(strong.plain_pull), abs=0.6)


def test_a_drawn_width_is_another_toy(setting: Setting) -> None:
    wanted = (InjectionPoint(750.0, 8.0, 150.0),)
    nominal = Injection(setting, wanted, drawn_width=False).toys(seed=4, numbers=range(2))
    drawn = Injection(setting, wanted).toys(seed=4, numbers=range(2))
    assert not np.array_equal(nominal.pull, drawn.pull)


def test_the_formula_is_that_of_frozen_toys(setting: Setting) -> None:
    model = (Option("window", 400.0, 1100.0, Function("exp", 3)),)
    assert setting.named(names_of(model)) == model
    expected = setting.expectation(model, None, seed=5, toys=400)
    z = setting.fixed_toys(model, None, range(300), seed=6).largest_z
    p = expected.crossings.p(2.5)
    # 4 standard deviations of the toys, and 20 % of the formula: below 6e-5
    assert np.mean(z > 2.5) == pytest.approx(p, abs=4 * np.sqrt(p / 300) + 0.2 * p)
    assert np.all(np.diff(expected.errors) < 0)  # a falling background
    again = setting.fixed_toys(model, None, range(100, 110), seed=6)
    assert again.largest_z == pytest.approx(z[100:110], abs=1e-3)


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
    with workshop(tmp_path, "digest", Execution(), said.append) as shop:
        results = run_toys(one_spectrum(catalogue, few, size, 1), shop)
        again = run_toys(one_spectrum(catalogue, few, size, 1), shop)
    assert "toys: 13 of 13 tasks are there already" in said
    first, second = (
        [check for check in checks(each) if check.section != "speed"] for each in (results, again)
    )
    assert repr(first) == repr(second)
    found = document(results, workers=1)
    sections = {check.section for check in found.checks}
    assert sections == {"local", "global", "formula", "injection", "outside", "optimum", "speed"}
    number, missed = judged(found.checks)
    assert 0 <= missed < number
    z = [c.observed for c in found.checks if c.what == "Z / order 3"]
    assert len(z) == 10
    assert min(z) > 0.9
    assert max(z) < 1.6
    assert sum(found.choices["bent, 3,150 events"].values()) == pytest.approx(1, abs=1e-3)
    out = tmp_path / "statistics.json"
    write_json(out, to_json(found))
    command.main(["--page", "--out", str(out)])
    assert (tmp_path / "statistics_calibration.md").read_text() == page_of_toys(found)
    assert f"{number - missed} of {number} numbers" in capsys.readouterr().out


def test_six_categories_are_those_of_the_score(selected: CourseSelections) -> None:
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
    search: Search, catalogue: Catalogue, selected: CourseSelections
) -> None:
    """1.5 times or more at 500, 750 and 1000 GeV, with the same function in the same range."""
    few = replace(search, peak=replace(search.peak, families=("exp",), max_parameters=4))
    plain, truth = CourseSettings(catalogue, few), KNOWN["exponential of 120 GeV"]
    pair = Pair(
        plain.of(truth, plain.events, selected.categories),
        plain.of(truth, plain.events, selected.cuts),
        1_191.66,
    )
    found = list(gains(pair))
    assert [gain.judged for gain in found] == [True, True, True, False]
    where = np.isin(MASSES_GeV, JUDGED_GeV)
    for gain in found:
        assert np.all(gain.limits[where] > 1.5)
        assert np.all(gain.z > 1.4 * gain.z_of_cuts)
    # The design's Asimov Z of six categories at 500 GeV, of orders 1, 2 and 3, width known.
    assert [gain.z[0] for gain in found[:3]] == pytest.approx([15.3, 14.0, 10.9], rel=0.04)


def test_toys_of_channels_are_decided_apart_and_fitted_together(divided: Setting) -> None:
    whole = in_order(background_toys(divided, seed=3, numbers=range(6), scans=6))
    parts = [background_toys(divided, seed=3, numbers=n, scans=6) for n in (range(2), range(2, 6))]
    joined = in_order(BackgroundToys.joined(parts))
    assert joined.fixed_z == pytest.approx(whole.fixed_z, abs=1e-3)
    assert whole.spurious.shape == (6, len(divided.masses_GeV), 2)
    assert np.abs(whole.fixed_z).max() < 5  # 18 standard normal numbers: 1e-5
    for toy, functions in enumerate(whole.functions):
        model_selections = divided.toys.model_selections
        decided = select_all(model_selections, divided.toys.draw(3, [toy]))
        assert tuple(functions) == names_of([each.chosen for each in decided])


def test_windows_are_drawn_to_the_sidebands_of_a_toy(divided: Setting) -> None:
    one = in_order(background_toys(divided, seed=3, numbers=range(4), scans=4))
    three = in_order(background_toys(divided, seed=3, numbers=range(4), scans=0, windows=3))
    assert three.fixed_z[::3] == pytest.approx(one.fixed_z, abs=2e-3)  # the toy itself is the first
    assert all(len({tuple(each) for each in own}) == 1 for own in three.functions.reshape(4, 3, 2))
    assert np.isnan(three.largest_z).all()
    assert np.abs(np.diff(three.fixed_z.reshape(4, 3, 3), axis=1)).min() > 1e-6
    assert np.abs(three.fixed_z).max() < 5  # 36 standard normal numbers: 2e-5
    alone = in_order(background_toys(divided, seed=3, numbers=range(2, 4), scans=4, windows=3))
    assert alone.fixed_z == pytest.approx(three.fixed_z[6:], abs=2e-3)


def test_toys_with_the_same_sidebands_have_the_error_of_their_spread() -> None:
    """Ten toys of four equal spectra each know no more than ten."""
    where = np.repeat([True, False, True, False, False, True, False, False, False, False], 4)
    found = fraction_of(where, together=4)
    assert (found.value, found.error, found.n) == (0.3, 0.1449, 40)  # sqrt(0.3 x 0.7 / 10)
    assert fraction_of(where).error == pytest.approx(np.sqrt(0.3 * 0.7 / 40), rel=1e-3)
    none = fraction_of(np.zeros(40, dtype=bool), together=4)
    assert none.error == pytest.approx(np.sqrt(39) / 40 / np.sqrt(40), rel=1e-3)


def test_a_channel_cut_in_two_is_the_same_measurement(setting: Setting) -> None:
    """The same function in halves of a spectrum: the errors of the whole."""
    (expected,) = setting.expected
    signal = plain_signal(30.0, (0.5, 0.5))
    halves = replace(setting, expected=(expected / 2, expected / 2), signal=signal)
    option = Option("window", 400.0, 1100.0, Function("exp", 3))
    masses = np.array([500.0, 750.0])
    one, two = (s.fixed((option,) * len(s.expected)).scan(masses) for s in (setting, halves))
    assert two.signal_error_events == pytest.approx(one.signal_error_events, rel=1e-4)


def test_what_is_injected_into_channels_is_found(divided: Setting) -> None:
    injection = Injection.of(divided, (750.0,), (0.0, 8.0))
    assert injection.points[0].events == 0
    both = injection.toys(seed=5, numbers=range(10))
    shown = both.at([0]), both.at([1])
    for found in shown:
        assert found.converged.all()
        assert abs(found.pull.mean()) < 5 / np.sqrt(10)  # 6e-7
        assert 0.3 < found.pull.std() < 2  # 10 normal numbers: 3e-4
    assert np.abs(shown[1].mass_GeV - 750).max() < 60  # 9 expected errors or more
    assert np.median(shown[1].found_pull) == pytest.approx(np.median(shown[1].plain_pull), abs=0.6)


def test_a_campaign_of_categories_tells_all_its_numbers(
    search: Search,
    catalogue: Catalogue,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    two = CategoryFractions(np.array([0.3, 0.01]), np.array([0.4, 0.3]))
    selected = CourseSelections(two, CategoryFractions(np.array([0.03]), np.array([0.3])))
    few = replace(search, peak=replace(search.peak, families=("exp",), max_parameters=5))
    monkeypatch.setattr(plan, "selections", lambda *_which, **_more: selected)
    monkeypatch.setattr(plan, "INJECTED_GeV", (750.0,))
    monkeypatch.setattr(plan, "INJECTED_SIGMA", (5.0,))
    monkeypatch.setattr(plan, "OUTSIDE_CATEGORIES", ("bent",))
    monkeypatch.setattr(plan, "COMPARED", 1)
    thrown = six_categories(catalogue, few, ToyNumbers(3, 2, 4, 2, 2, 200, 2), 1)
    with workshop(tmp_path, "digest", Execution(), print) as shop:
        results = run_toys(thrown, shop)
    # Nearly every toy has a combination of its own: expected is what the truth chooses.
    for name, toys in {**results.background, **results.outside}.items():
        expected = [results.expectation(name, functions) for functions in toys.choices()]
        assert all(each is expected[0] for each in expected)
    compared = [functions for _, functions in results.expected if functions]
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
    assert "analysis.validation --categories --page" in text
    assert "Six categories of the likelihood ratio" in text


def test_the_command_runs_what_it_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, object] = {}

    def no_plan(_catalogue: Catalogue, _search: Search, size: ToyNumbers, seed: int) -> None:
        asked.update(size=size, seed=seed)

    def no_toys(_campaigns: ToyCampaigns, shop: Workshop) -> None:
        asked.update(execution=shop.session.execution, folder=shop.kept.folder)

    told = read_calibration(SearchCalibration, DOCS / "statistics.json")
    for name, usual in command.PLANS.items():
        none = replace(
            usual,
            campaigns=no_plan,
            run=no_toys,
            document=lambda _results, *, workers: replace(told, workers=workers),
        )
        monkeypatch.setitem(command.PLANS, name, none)
    out = tmp_path / "statistics.json"
    command.main(["--toys", "500", "--seed", "7", "--workers", "3", "--out", str(out)])
    assert asked["size"] == ToyNumbers(500, 500, 800, 160, 50, 500, 500)
    assert (asked["seed"], asked["execution"]) == (7, Execution("futures", 3))
    assert f"seed {told.seed}, 3 workers" in command.page_beside(out).read_text()
    kept = tmp_path / "kept"
    command.main(
        ["--categories", "--out", str(out), "--executor", "iterative", "--kept", str(kept)]
    )
    assert asked["size"] == WITH_CATEGORIES
    assert asked["folder"] == kept


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


@pytest.mark.parametrize("name", command.PLANS)
def test_the_page_is_made_of_the_document(name: str, tmp_path: Path) -> None:
    own = command.PLANS[name]
    made = DOCS / own.file
    told, again = read_calibration(own.kind, made), tmp_path / own.file
    write_json(again, to_json(told))
    assert again.read_bytes() == made.read_bytes()
    text = own.page(told)
    assert command.page_beside(made).read_text() == text
    number, missed = judged(told.checks)
    assert text.count("✗") == missed + 1  # and once in the legend
    assert f"**{number - missed} of {number} numbers are what was wanted.**" in text


def test_what_is_published_is_what_the_command_makes() -> None:
    spectra, resonances = (command.PLANS[n] for n in ("open spectra", "several resonances"))
    assert read_calibration(spectra.kind, DOCS / spectra.file).size == spectra.size
    assert read_calibration(resonances.kind, DOCS / resonances.file).toys == resonances.size


@pytest.mark.parametrize(("name", "least"), [("one spectrum", 2_000), ("six categories", 250)])
def test_what_is_published_is_of_many_toys(name: str, least: int) -> None:
    own = command.PLANS[name]
    told = read_calibration(SearchCalibration, DOCS / own.file)
    # of a run that `python -m analysis.validation --toys ...` repeats
    assert told.size == in_proportion(own.size, told.size.local)
    assert told.size.local >= least
