"""A search of one's own: the two settings files, changed as a user would, and really run."""

import json
import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from analysis import cli
from analysis.folder.histogram_file import read_histograms
from analysis.settings.new_analysis import new_analysis
from analysis.settings.search_file import read_search
from tools.generate import DEFAULT_SEED
from tools.samples import read_catalogue
from tools.universe import generate_universe

ROOT = Path(__file__).parents[2]
WINDOW = (350.0, 900.0)


def xyy(*words: object) -> int:
    """Run the program in this process; return its exit code."""
    with pytest.raises(SystemExit) as end:
        cli.main([str(word) for word in words])
    return int(end.value.code or 0)


def change(path: Path, *changes: tuple[str, str]) -> None:
    text = path.read_text(encoding="utf-8")
    for old, new in changes:
        assert old in text, f"{old!r} is not in {path.name}"
        text = text.replace(old, new)
    path.write_text(text, encoding="utf-8")


def test_both_files_are_valid_and_as_good_as_the_courses(tmp_path: Path) -> None:
    new_analysis(tmp_path / "mine")
    samples = read_catalogue(tmp_path / "mine" / "samples.toml")
    course = read_catalogue(ROOT / "datasets" / "course.toml")
    assert samples.columns == course.columns
    assert samples.luminosity_invpb == course.luminosity_invpb
    assert samples.samples["background"].files[0] == "my_background.csv"
    assert samples.samples["data"].files[:2] == ("my_data*.csv", "universe_*.csv")
    search = read_search(tmp_path / "mine" / "search.toml")
    assert search.window == read_search(ROOT / "analysis" / "search.toml").window
    for name in ("samples.toml", "search.toml"):
        text = (tmp_path / "mine" / name).read_text()
        first, *others = text.splitlines()
        assert first.startswith(("# What your data are", "# What you decide"))
        assert sum("#" in line for line in others) > 10
        assert "task 3.4" not in text


def test_files_that_are_there_are_not_overwritten(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "search.toml").write_text("years of work")
    assert xyy("new-analysis", mine) == 2
    assert f"{mine / 'search.toml'} is there already and is not" in capsys.readouterr().err
    assert [path.name for path in mine.iterdir()] == ["search.toml"]
    assert (mine / "search.toml").read_text() == "years of work"
    assert xyy("new-analysis", mine / "search.toml") == 2
    assert "is a file; name a folder" in capsys.readouterr().err


def test_the_next_commands_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mine = tmp_path / "my search"
    assert xyy("new-analysis", mine) == 0
    told = capsys.readouterr().out
    commands = [line for line in told.splitlines() if line.startswith("  xyy ")]
    assert len(commands) == 2
    for command in commands:
        words = shlex.split(command)
        assert words[:2] == ["xyy", "run"]
        assert words[words.index("--samples") + 1] == str(mine / "samples.toml")
        assert words[words.index("--search") + 1] == str(mine / "search.toml")
    assert xyy("new-analysis", tmp_path / "quiet", "--quiet") == 0
    assert capsys.readouterr().out == ""


@pytest.fixture(scope="module")
def mine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An analysis with a signal, a luminosity and a window of its own, and with its own files."""
    mine = tmp_path_factory.mktemp("place") / "mine"
    new_analysis(mine)
    samples = mine / "samples.toml"
    text = samples.read_text(encoding="utf-8")
    start, end = text.index("[samples.signal_750]"), text.index("# The observed events")
    samples.write_text(text[:start] + text[end:], encoding="utf-8")
    change(
        samples,
        ('"1298.1 / pb"', '"0.1 / fb"'),
        ("signal_500", "signal_600"),
        ('mass = "500 GeV"', 'mass = "600 GeV"'),
        ("events = 100_000", "events = 20_000"),
        ("events = 10_000", "events = 2_000"),
    )
    change(
        mine / "search.toml",
        ('low = "400 GeV"\nhigh = "1100 GeV"', 'low = "350 GeV"\nhigh = "900 GeV"'),
        ('low = "500 GeV", high = "1000 GeV", step = "10 GeV"',
         'low = "450 GeV", high = "800 GeV", step = "25 GeV"'),
        ('low = "500 GeV", high = "1000 GeV", step = "25 GeV"',
         'low = "450 GeV", high = "800 GeV", step = "350 GeV"'),
        ('reference_signal = "signal_500"', 'reference_signal = "signal_600"'),
        (', "dijet", "cms-diphoton", "bernstein"]', "]"),
        ('families = ["exp", "atlas-diphoton"]', 'families = ["exp"]'),
        ("global_toys = 1000", "global_toys = 0"),
        ('method = "best"', 'method = "cuts"'),
        ('kind = "best"', 'kind = "likelihood_ratio"'),
    )  # fmt: skip
    words = ("--samples", samples, "--out", mine, "--quiet")
    assert xyy("generate", "background", "signal_600", *words) == 0
    for name in ("background", "signal_600"):
        (mine / f"{name}.csv").rename(mine / f"my_{name}.csv")
    universe = generate_universe(read_catalogue(samples), 3, mine, seed=DEFAULT_SEED)
    universe.rename(mine / "my_data.csv")
    return mine


@pytest.fixture(scope="module")
def settings(mine: Path) -> tuple[object, ...]:
    return ("--samples", mine / "samples.toml", "--search", mine / "search.toml")


@pytest.fixture(scope="module")
def results(mine: Path, settings: tuple[object, ...]) -> Path:
    """What `xyy run` makes of it, blind."""
    words = ("--data", mine / "my_data.csv", "--out", mine / "results", "--until", "infer")
    assert xyy("run", *settings, *words, "--chunks", mine / "chunks", "--quiet") == 0
    return mine / "results"


def test_a_small_analysis_really_runs_with_them(results: Path) -> None:
    def read(name: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((results / name).read_text())
        return found

    verdict, counting, limits = map(read, ("verdict.json", "counting.json", "limits.json"))
    assert verdict["blinded"] is True
    assert counting["window_GeV"] == list(WINDOW)
    assert counting["predicted_events"] > 0
    assert limits["mass_GeV"] == [450.0, 800.0]
    assert all(limits["expected_pb"]["0"])
    # All from files of their own names, which say that they were generated.
    assert read("run.json")["generated_samples"] == ["background", "signal_600"]
    flow = read("cutflow.json")
    assert set(flow) == {"background", "signal_600", "data", "provenance"}
    # 0.1 / fb of 5.4 pb with a filter that keeps 17 %
    assert flow["signal_600"][0]["sumw"] == pytest.approx(100 * 5.4 * 0.17)
    histograms = read_histograms(results / "histograms.zip", only="before/m_yy")
    counts, edges = histograms["data"]["before/m_yy"].to_numpy()
    inside = (edges[:-1] >= WINDOW[0]) & (edges[1:] <= WINDOW[1])
    assert counts[inside].sum() == 0 < np.sum(counts)


def test_its_results_are_exported_with_the_same_settings(
    results: Path, settings: tuple[object, ...]
) -> None:
    assert xyy("export", "hepdata", results, *settings, "--quiet") == 0
    text = (results / "export" / "hepdata" / "submission.yaml").read_text()
    assert "blind from 350 to 900 GeV" in text
