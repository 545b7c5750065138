"""The calibration campaign, small: its toys, its numbers, and the page that is made of them.

Seeds are pinned; each bound on toys states how often a right program would miss it with another.
"""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from analysis.calibration import __main__ as command
from analysis.calibration import campaigns
from analysis.calibration.background import empty_toys
from analysis.calibration.campaigns import run
from analysis.calibration.checks import Check
from analysis.calibration.frozen import Held, Setting, expectation, largest
from analysis.calibration.injection import Point, Width, injected_toys
from analysis.calibration.report import document, page, summary
from analysis.calibration.size import Size
from analysis.calibration.truths import GENERATOR, KNOWN, OUTSIDE, efficiency, generator_events
from analysis.search import Search
from analysis.statistics.families import Function
from analysis.statistics.signal_model import plain_signal
from analysis.statistics.tournament import Tournament
from tools.recipe import background_recipe, make_events
from tools.samples import Catalogue

DOCS = Path(__file__).parent.parent / "docs"


@pytest.fixture(scope="module")
def setting(search: Search) -> Setting:
    """The generator's spectrum behind the course's cuts."""
    signal = plain_signal(30.0)
    tournament = Tournament.of(search, signal, 14_000.0)
    expected = KNOWN[GENERATOR].scaled(
        tournament.low_GeV, tournament.high_GeV, (400.0, 1100.0), 3_000.0
    )
    return Setting(search, signal, 14_000.0, expected)


def test_truths_are_what_the_generator_makes(search: Search, catalogue: Catalogue) -> None:
    events = make_events(background_recipe(), np.random.default_rng(1), 30_000)
    passing = np.ones(30_000, dtype=bool)
    for column, cut in search.optimise.course_cuts.items():
        passing &= events[column] < cut
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
    held = Held(Function("exp", 3), 400.0, 1100.0)
    none = np.zeros(len(setting.masses_GeV))
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
    size = Size(3, 2, 4, 2, 2, 200, 2)
    for name, value in {
        "OUTSIDE": {"bent": OUTSIDE["bent"]},
        "INJECTED_GeV": (750.0,),
        "INJECTED_SIGMA": (1.0, 5.0),
        "KNOWN_GeV": (750.0,),
        "KNOWN_SIGMA": (5.0,),
    }.items():
        monkeypatch.setattr(campaigns, name, value)
    said: list[str] = []
    results = run(catalogue, few, size, seed=1, workers=1, say=said.append)
    found = document(results, workers=1)
    sections = {check["section"] for check in found["checks"]}
    assert sections == {"local", "global", "formula", "injection", "outside", "optimum", "speed"}
    judged, missed = summary(found)
    assert 0 <= missed < judged
    z = [c["observed"] for c in found["checks"] if c["what"] == "Z / order 3"]
    assert len(z) == 10
    assert min(z) > 0.9
    assert max(z) < 1.6
    assert sum(found["choices"]["bent, 3,150 events"].values()) == pytest.approx(1, abs=1e-3)
    assert said[-1].startswith("upcrossings of")
    out = tmp_path / "statistics.json"
    out.write_text(json.dumps(found))
    command.main(["--page", "--out", str(out)])
    assert (tmp_path / command.PAGE).read_text() == page(found)
    assert f"{judged - missed} of {judged} numbers" in capsys.readouterr().out


def test_the_command_runs_what_it_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, object] = {}

    def no_toys(_catalogue: Catalogue, _search: Search, size: Size, **more: object) -> None:
        asked.update(more, size=size)

    told = json.loads((DOCS / "statistics.json").read_text())
    monkeypatch.setattr(command, "run", no_toys)
    monkeypatch.setattr(
        command, "document", lambda _results, *, workers: {**told, "workers": workers}
    )
    out = tmp_path / "statistics.json"
    command.main(["--toys", "500", "--seed", "7", "--workers", "3", "--out", str(out)])
    assert asked["size"] == Size(500, 500, 800, 160, 50, 500, 500)
    assert (asked["seed"], asked["workers"]) == (7, 3)
    assert f"seed {told['seed']}, 3 workers" in (tmp_path / command.PAGE).read_text()


@pytest.mark.parametrize(
    ("low", "high", "meets"),
    [(None, None, None), (0.9, 1.1, True), (1.01, None, False), (None, 0.99, False), (1, 1, True)],
)
def test_a_number_meets_what_was_wanted(
    low: float | None, high: float | None, *, meets: bool | None
) -> None:
    assert Check("local", "here", "what", 1.0, 0.1, low, high).meets is meets


def test_the_page_is_made_of_the_document() -> None:
    told = json.loads((DOCS / "statistics.json").read_text())
    assert (DOCS / command.PAGE).read_text() == page(told)
    judged, missed = summary(told)
    text = page(told)
    assert text.count("✗") == missed + 1  # and once in the legend
    assert f"**{judged - missed} of {judged} numbers are what was wanted.**" in text
    size = told["size"]  # of a run that `python -m analysis.calibration --toys ...` repeats
    assert size == {name: getattr(Size.of(size["local"]), name) for name in Size.__slots__}
    assert size["local"] >= 2_000
