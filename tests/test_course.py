"""The course's reference numbers and the demonstration, through the whole chain."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from analysis import cli
from tools.generate import DEFAULT_SEED
from tools.samples import Catalogue
from tools.universe import truth_of

ROOT = Path(__file__).parent.parent


def xyy(*words: object) -> None:
    """Run the program in this process; it must succeed."""
    with pytest.raises(SystemExit) as end:
        cli.main([*(str(word) for word in words), "--quiet"])
    assert not end.value.code


def document(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(path.read_text())
    return content


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The default samples, as CSV files."""
    folder = tmp_path_factory.mktemp("course")
    xyy("generate", "--out", folder / "csv")
    return folder


def optimised(folder: Path, name: str, *files: Path) -> dict[str, Any]:
    xyy("convert", *files, "--out", folder / name / "chunks")
    xyy("process", folder / name / "chunks", "--out", folder / name)
    xyy("optimise", folder / name)
    return document(folder / name / "selection.json")


def check_course_numbers(selection: dict[str, Any]) -> None:
    s = selection["significance"]
    assert s["none"] == pytest.approx(5.30, abs=0.10)
    assert s["n_jets<5"] == pytest.approx(5.78, abs=0.10)
    assert s["best_n_jets"] == pytest.approx(5.83, abs=0.10)
    best = max(selection["n_jets_scan"], key=lambda row: float(row["s"]))
    assert best["cut"] == 6
    assert s["course_cuts"] == pytest.approx(9.1, abs=0.6)
    assert s["best_cuts"] == pytest.approx(9.2, abs=0.4)
    assert selection["reference_signal"] == "signal_500"
    assert selection["background_fractions_from"] == "whole sample"


def test_the_default_samples_give_the_courses_numbers(generated: Path) -> None:
    files = sorted((generated / "csv").glob("*.csv"))
    check_course_numbers(optimised(generated, "generated", *files))
    cutflow = document(generated / "generated" / "cutflow.json")
    assert cutflow["signal_500"][0]["sumw"] == pytest.approx(1191.66, abs=0.005)
    assert cutflow["background"][0]["sumw"] == pytest.approx(1_352_704.6, abs=0.05)
    assert cutflow["background"][0]["sumw2"] == pytest.approx(1e5 * 13.5270458**2, rel=1e-6)


def test_the_real_signal_gives_the_courses_numbers(generated: Path, course_data: Path) -> None:
    files = [generated / "csv" / "background.csv", course_data / "signal_500.csv"]
    selection = optimised(generated, "real", *files, course_data / "signal_1000.csv")
    check_course_numbers(selection)
    assert set(selection["by_signal"]) == {"signal_500", "signal_1000"}


def test_the_demonstration_tells_the_truth(
    catalogue: Catalogue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, quick_file: Path
) -> None:
    """`make demo` without figures, toys and most limits: its resonance is found, measured right."""
    (number,) = re.findall(r"xyy run --universe (\d+)", (ROOT / "Makefile").read_text())
    truth = truth_of(DEFAULT_SEED, int(number), catalogue)
    monkeypatch.chdir(tmp_path)  # no course files here: all samples are generated
    words = ("--until", "infer", "--search", str(quick_file), "--out", "demo")
    xyy("run", "--universe", number, "--unblind", "demo", *words)
    verdict = document(tmp_path / "demo" / "verdict.json")
    assert truth.exists
    assert verdict["decision"] == "discovery"
    assert verdict["local_z"] > 5
    for result, true in (
        (verdict["mass_GeV"], truth.mass_GeV),
        (verdict["cross_section_pb"], truth.cross_section_pb),
    ):
        # Within 3 standard deviations, of a fixed seed: no false alarm.
        assert abs(result["value"] - true) < 3 * (result["high"] - result["low"]) / 2
