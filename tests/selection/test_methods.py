"""Scores in the analysis: which selection is used, and that every stage uses the same."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from analysis import cli
from analysis.folder.folder import SELECTION
from analysis.folder.histogram_file import read_histograms
from analysis.selection.expected_fit import expected_z
from analysis.selection.methods import select
from analysis.selection.scores.score_file import read_score_of
from analysis.selection.scores.training import Simulated
from analysis.settings.search import Search
from processors.histograms import Counts
from tools.errors import InputError, RefusedError
from tools.json_file import write_sealed
from tools.samples import Catalogue, read_catalogue

ROOT = Path(__file__).parents[2]
NAMES = ("background", "signal_500", "signal_750", "signal_1000")


def xyy(*words: object) -> int:
    """Run the program in this process; return its exit code."""
    with pytest.raises(SystemExit) as end:
        cli.main([str(word) for word in words])
    return int(end.value.code or 0)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, quick_file: Path) -> Path:
    """A folder with a fifth of the course's luminosity, small simulation, and few categories."""
    place = tmp_path_factory.mktemp("scores")
    text = quick_file.read_text(encoding="utf-8")
    for old, new in (
        ('method = "cuts"', 'method = "best"'),
        ("most_categories = 8", "most_categories = 3"),
        ("least_categories = 6", "least_categories = 3"),
        ("\nbackground_events = 500", "\nbackground_events = 200"),
    ):
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    (place / "quick.toml").write_text(text, encoding="utf-8")
    text = (ROOT / "datasets" / "course.toml").read_text(encoding="utf-8")
    text = text.replace('"1298.1 / pb"', '"259.62 / pb"')
    text = text.replace("= 100_000", "= 60_000").replace("= 10_000", "= 4_000")
    (place / "small.toml").write_text(text, encoding="utf-8")
    return place


def run(place: Path, out: str, *words: object) -> int:
    folders = ("--out", place / out, "--chunks", place / "chunks")
    settings = ("--samples", place / "small.toml", "--search", place / "quick.toml")
    return xyy("run", *settings, *folders, "--universe", 4, "--quiet", *words)


@pytest.fixture(scope="module")
def opened(place: Path) -> Path:
    """An unblinded run (universe 4: 5.4 pb at 695 GeV)."""
    assert run(place, "opened", "--unblind", "the test says so", "--until", "infer") == 0
    return place / "opened"


@pytest.fixture
def processed(opened: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    return Path(shutil.copytree(opened, tmp_path / "processed"))


def read(folder: Path, name: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((folder / name).read_text(encoding="utf-8"))
    return document


def joints(folder: Path) -> dict[str, Counts]:
    return {n: h["joint"] for n, h in read_histograms(folder / "histograms.zip").items()}


@pytest.fixture(scope="module")
def simulated(opened: Path) -> tuple[dict[str, Counts], dict[str, float], Catalogue]:
    """Joint histograms and weights of the simulation."""
    catalogue = read_catalogue(opened.parent / "small.toml")
    histograms = {name: joints(opened)[name] for name in NAMES}
    weights = {
        name: catalogue.weight(catalogue.sample(name), 60_000 if name == "background" else 4_000)
        for name in NAMES
    }
    return histograms, weights, catalogue


def test_categories_are_used_and_frozen(opened: Path) -> None:
    selection, score = read(opened, "selection.json"), read(opened, "score.json")
    assert selection["method"] == "categories"
    assert selection["cuts"] == {}
    assert selection["score_digest"] == score["digest"]
    assert read(opened, "freeze.json")["decisions"]["score"] == score["digest"]
    values = selection["significance"]
    assert isinstance(values, dict)
    order = ("none", "best_cuts", "score_cut", "categories", "bound")
    assert list(order) == sorted(order, key=lambda row: values[row])
    assert values["final"] == values["categories"]
    fits = selection["expected_fit_z"]
    assert isinstance(fits, dict)
    for name in NAMES[1:]:
        assert fits["categories"][name] > 1.2 * fits["cuts"][name]


def test_every_stage_has_the_categories(opened: Path) -> None:
    names = ["score_1", "score_2", "score_3"]
    assert read(opened, "score.json")["categories"] == names
    for named in read_histograms(opened / "histograms.zip").values():
        assert list(named["spectrum"].axes["category"]) == names
    verdict, background = read(opened, "verdict.json"), read(opened, "background.json")
    assert list(background["channels"]) == names
    assert verdict["decision"] == "discovery"
    fit = verdict["fit"]
    assert isinstance(fit, dict)
    assert list(fit["by_channel"]) == list(fit["channels"]) == names
    assert fit["compatibility"]["degrees_of_freedom"] == 2
    assert fit["compatibility"]["pvalue"] > 1e-3  # a false alarm in 0.1 % of seeds
    both = fit["cross_section_pb"]
    inside = sum(
        each["cross_section_pb"]["low"] < both["value"] < each["cross_section_pb"]["high"]
        for each in fit["by_channel"].values()
    )
    assert inside >= 1  # of three intervals of 68 %: none in 3 %
    # The count takes the best of them, one after the other from the top.
    assert read(opened, "counting.json")["channels"] == names[-1:] or (
        read(opened, "counting.json")["channels"] == names[-2:]
    )
    limits = read(opened, "limits.json")
    hidden = [reason is not None for reason in limits["reasons"]]
    away = limits["mass_GeV"][hidden.index(False)]
    workspace = read(opened / "workspaces", f"mass_{away:g}.json")
    channels = {channel["name"].rsplit("_bin", 1)[0] for channel in workspace["channels"]}
    assert len(channels) >= 3


def test_expected_yields_are_what_was_filled(opened: Path) -> None:
    """To the event: the table's bins are those of the joint histogram."""
    section = read(opened, "selection.json")["score"]
    spectrum = read_histograms(opened / "histograms.zip")["background"]["spectrum"]
    filled = np.asarray(spectrum.view(flow=True)).sum(axis=1)[:3]
    said = [each["simulated_background_events"] for each in section["categories"]]
    assert filled.tolist() == said


@pytest.mark.parametrize("engine", ["iterative", "futures", "dask"])
def test_the_same_on_every_executor_and_in_any_chunks(
    opened: Path, place: Path, engine: str
) -> None:
    out = place / engine
    parts = {p.parent.parent for p in (place / "chunks").rglob("*.root")}
    manifest = next(p for p in parts if (p / "background").is_dir()) / "manifest.json"
    settings = ("--samples", place / "small.toml", "--search", place / "quick.toml", "--quiet")
    how = ("--executor", engine, "--workers", 2, "--chunk-events", 7_919)
    selection = ("--selection", opened / "selection.json", "--no-checkpoints")
    assert xyy("process", manifest, "--out", out, *settings, *how, *selection) == 0
    there = read_histograms(opened / "histograms.zip")
    for name, named in read_histograms(out / "histograms.zip").items():
        for key, histogram in named.items():
            assert histogram == there[name][key], (name, key)


def test_one_cut_and_no_score(place: Path) -> None:
    assert run(place, "one_cut", "--method", "score", "--until", "process") == 0
    selection = read(place / "one_cut", "selection.json")
    assert (selection["method"], selection["cuts"]) == ("score", {})
    (histograms, *_) = read_histograms(place / "one_cut" / "histograms.zip").values()
    assert list(histograms["spectrum"].axes["category"]) == ["all"]
    assert list(histograms["cutflow"].axes["step"])[1].startswith("score >= ")
    assert run(place, "one_cut", "--method", "cuts", "--until", "process") == 0
    assert not (place / "one_cut" / "score.json").exists()
    cuts = read(place / "one_cut", "selection.json")["cuts"]
    assert isinstance(cuts, dict)
    assert set(cuts) <= {"n_jets", "n_leptons", "photon1_isolation", "photon2_isolation"}
    assert len(cuts) >= 2


def test_a_score_that_is_not_the_chosen_one_is_refused(
    processed: Path, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Damaged, of other columns, or another one: exit 2 with the reason."""
    words = ("--samples", place / "small.toml", "--search", place / "quick.toml", "--quiet")
    good = read(processed, "score.json")
    axes = good["axes"]
    assert isinstance(axes, list)
    renamed = [{**axes[0], "name": "muons"}, *axes[1:]]
    for changes, message in (
        ({"edges": [0.5]}, "its digest is not that of its content"),
        ({"format": "mine"}, "is not of the format"),
        ({"axes": renamed}, "is damaged"),
    ):
        (processed / "score.json").write_text(json.dumps({**good, **changes}))
        assert xyy("infer", processed, *words) == 2
        assert message in capsys.readouterr().err
    (processed / "score.json").write_text(json.dumps(good))
    selection = read(processed, "selection.json")
    write_sealed(processed / "selection.json", {**selection, "score_digest": "0"}, free=["cuts"])
    assert xyy("infer", processed, *words) == 2
    assert "not the score that selection.json was chosen with" in capsys.readouterr().err
    (processed / "score.json").unlink()
    assert xyy("infer", processed, *words) == 2
    assert "score.json" in capsys.readouterr().err


def bent(joint: Counts) -> Counts:
    """Return a background whose first column depends on the mass: one bin up in the window."""
    moved, view = joint.copy(), np.asarray(joint.view(flow=True))
    moved.view(flow=True)[:, 0] = np.roll(view[:, 0], 1, axis=1)
    return moved


def test_a_column_that_follows_the_mass_leaves_the_cuts(
    simulated: tuple[dict[str, Counts], dict[str, float], Catalogue], opened: Path
) -> None:
    from analysis.settings.search_file import read_search

    histograms, weights, _ = simulated
    search = read_search(opened.parent / "quick.toml")
    wrong = {**histograms, "background": bent(histograms["background"])}
    selected = select(Simulated(wrong, weights, "background"), search)
    assert selected.selection.background_fractions_from == "window only"
    assert selected.selection.method == "cuts"
    assert selected.selection.flags["categories"]
    assert selected.score is None


def test_what_is_asked_for_is_taken_or_refused(
    simulated: tuple[dict[str, Counts], dict[str, float], Catalogue], search: Search
) -> None:
    histograms, weights, _ = simulated
    demanding = replace(search, score=replace(search.score, background_events=1e9))
    selected = select(Simulated(histograms, weights, "background"), demanding)
    assert selected.selection.method == "cuts"
    assert "no category keeps" in selected.selection.flags["categories"][0]
    asked = replace(demanding, optimise=replace(search.optimise, method="categories"))
    with pytest.raises(InputError, match="no category keeps"):
        select(Simulated(histograms, weights, "background"), asked)


def test_columns_that_make_the_mass_are_refused(
    simulated: tuple[dict[str, Counts], dict[str, float], Catalogue], search: Search
) -> None:
    """With exit code 4, unless it is forced or no score is used."""
    histograms, weights, _ = simulated
    leaking = {}
    for name, joint in histograms.items():
        renamed = joint.project("half", "region", "n_jets", "photon1_isolation")
        renamed.axes[2].__dict__["name"] = "photon1_pT"
        leaking[name] = renamed
    own = replace(search.optimise, course_cuts={})
    with pytest.raises(RefusedError, match="photon1_pT would learn the diphoton mass"):
        select(Simulated(leaking, weights, "background"), replace(search, optimise=own))
    cuts = replace(search, optimise=replace(own, method="cuts"))
    assert select(Simulated(leaking, weights, "background"), cuts).selection.method == "cuts"
    forced = replace(search, optimise=own, score=replace(search.score, mass_columns=True))
    assert select(Simulated(leaking, weights, "background"), forced).selection.score is not None


def test_more_categories_let_expect_more(
    simulated: tuple[dict[str, Counts], dict[str, float], Catalogue], opened: Path, search: Search
) -> None:
    histograms, weights, catalogue = simulated
    selected = select(Simulated(histograms, weights, "background"), search)
    masses = {n: h["before/m_yy"] for n, h in read_histograms(opened / "histograms.zip").items()}
    spectra = {name: masses[name] for name in NAMES}
    found = expected_z(selected.shares, spectra, weights, catalogue, search)
    for name in NAMES[1:]:
        assert found["cuts"][name] > 0
        assert found["categories"][name] > found["score"][name]
        assert found["categories"][name] > found["cuts"][name]


def test_a_folder_tells_which_score_it_has(opened: Path) -> None:
    from analysis.settings.search_file import read_search

    search = read_search(opened.parent / "quick.toml")
    score = read_score_of(opened / SELECTION, search)
    assert score is not None
    assert score.names == ("score_1", "score_2", "score_3")
    other = replace(search.optimise, axes=dict(list(search.optimise.axes.items())[1:]))
    with pytest.raises(InputError, match=r"was trained on n_jets, .*, not on n_leptons"):
        read_score_of(opened / SELECTION, replace(search, optimise=other))
