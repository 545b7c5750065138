"""`xyy inspect`: anything at all, one clear message each, never a traceback."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pytest

from analysis.inspection.look import OneFile, Question, look
from analysis.results.freeze import Openings
from tests.odd_files import MESSAGES, USED, write_odd_files
from tests.photon_files import (
    expected,
    nanoaod,
    photons,
    write_parquet,
    write_tree,
)
from tools.checkout import checkout
from tools.convert import convert
from tools.layouts import read_layouts
from tools.photons import photons_of
from tools.samples import Catalogue

Found = dict[str, dict[str, Any]]
Program = Callable[..., int]
Inspect = Callable[..., tuple[int, Found]]


def run(*words: object, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run the program as it is installed."""
    program = "from analysis.start import main; main()"
    command = [sys.executable, "-c", program, "inspect", *map(str, words)]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


@pytest.fixture
def inspect(program: Program, capsys: pytest.CaptureFixture[str]) -> Inspect:
    """Return exit code, and what was found of each file by its name."""

    def run(*words: object) -> tuple[int, Found]:
        code = program("inspect", "--json", *words)
        found = json.loads(capsys.readouterr().out)
        return code, {Path(each["file"]).name: each for each in found}

    return run


def what(found: dict[str, Any]) -> str:
    """Return the problems of a file in one text."""
    return " | ".join(f"{p['what']} @ {p['where']} @ {p['do']}" for p in found["problems"])


# ---- the files of the world ----------------------------------------------------------------------


def test_every_file_of_the_world_is_recognised(
    world: Path, inspect: Inspect, tmp_path: Path
) -> None:
    reference = json.loads((world / "reference.json").read_text())["files"]
    for name, wanted in reference.items():
        reason = ("--unblinded", "a test", "--chunks", tmp_path / "chunks")
        data = name in {"odeo2025_like_data.root", "higgsdna_singles_47088b40.parquet"}
        code, found = inspect(world / name, *(reason if data else ()))
        seen, mass = found[name], found[name]["m_yy_GeV"]
        assert (code, seen["usable"], seen["problems"]) == (0, True, [])
        if "n_entries" not in wanted:
            assert seen["entries"] == wanted["cutflow"][0][1]
            assert seen["layout"] == "atlas-open-data-2025"
            continue
        assert seen["entries"] == wanted["n_entries"]
        assert seen["events_with_two_photons"] == wanted["n_events_ge2_photons"]
        accuracy = 1e-6 if wanted["jagged"] else 1e-5
        keys = ("m_yy_mean_GeV", "m_yy_std_GeV_ddof0", "m_yy_min_GeV", "m_yy_max_GeV")
        for key, number in zip(keys, ("mean", "std", "min", "max"), strict=True):
            assert mass[number] == pytest.approx(wanted[key], rel=accuracy), (name, key)


# ---- odd and damaged files -----------------------------------------------------------------------


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> tuple[int, Found]:
    """All the odd files in one call: its exit code, and what was found."""
    folder = tmp_path_factory.mktemp("odd")
    write_odd_files(folder)
    every = sorted(path.name for path in folder.iterdir())
    done = run("--json", *every, "root://nowhere.example//a.root", folder=folder)
    assert "Traceback" not in done.stdout + done.stderr
    return done.returncode, {each["file"]: each for each in json.loads(done.stdout)}


def test_every_odd_file_is_looked_at(odd: tuple[int, Found]) -> None:
    code, found = odd
    assert code == 2
    assert found.keys() == {*USED, *MESSAGES}


@pytest.mark.parametrize("name", MESSAGES)
def test_a_file_that_cannot_be_used(name: str, odd: tuple[int, Found]) -> None:
    kind, told, remedy = MESSAGES[name]
    found = odd[1][name]
    assert (found["format"], found["usable"], found["next"]) == (kind, False, None)
    assert told in what(found)
    assert remedy in what(found)
    assert all(p["where"].startswith(name) and p["what"] and p["do"] for p in found["problems"])
    assert len(what(found)) < 1500


@pytest.mark.parametrize("name", USED)
def test_a_file_that_can(name: str, odd: tuple[int, Found]) -> None:
    found = odd[1][name]
    assert (found["format"], found["usable"], found["problems"]) == (USED[name], True, [])


def test_what_is_found_of_a_file(odd: tuple[int, Found]) -> None:
    found, masses = odd[1]["Fotos für später.root"], expected(photons())
    assert (found["tree"], found["layout"], found["entries"]) == ("Events", "nanoaod", 200)
    assert found["events_with_two_photons"] == len(masses)
    assert found["m_yy_GeV"]["mean"] == pytest.approx(masses.mean(), rel=1e-6)
    assert sum(found["spectrum"]["events"]) == len(masses)
    assert found["columns"]["event"] == "uint64_t"


def test_what_is_no_problem_is_a_note(odd: tuple[int, Found]) -> None:
    found = odd[1]
    assert found["zero.root"]["notes"] == ["it holds no events"]
    assert (found["zero.root"]["entries"], found["zero.root"]["m_yy_GeV"]) == (0, None)
    assert found["single.root"]["notes"] == ["no event has two photons"]
    (note,) = found["cycles.root"]["notes"]
    assert note.startswith("Events;2 is the newest state of the tree, and the one that is read; Ev")


def test_entries_with_a_bad_value_are_named(odd: tuple[int, Found]) -> None:
    entry = int(np.flatnonzero(ak.num(photons()["pt"]) == 3)[4])
    (problem,) = (p for p in odd[1]["nan.root"]["problems"] if "NaN" in p["what"])
    assert problem["where"] == f"nan.root, first in entry {entry} (from 0), column Photon_pt"


# ---- layouts -------------------------------------------------------------------------------------


def test_a_layout_may_be_named(
    inspect: Inspect,
    program: Program,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    mini = {f"photon_{name}": each for name, each in photons().items()}
    path = write_tree(tmp_path / "a.root", "tree", mini)
    code, found = inspect(path, "--layout", "atlas-open-data-2025")
    assert (code, found["a.root"]["layout"]) == (0, "atlas-open-data-2025")
    assert program("inspect", path, "--layout", "atlas") == 2
    assert "there is no layout atlas; name one of atlas-" in capsys.readouterr().err


def test_a_chunk_is_known_with_its_folder(
    inspect: Inspect, catalogue: Catalogue, tmp_path: Path
) -> None:
    path = write_tree(tmp_path / "a.root", "Events", nanoaod(photons()))
    convert(catalogue, [("background", path)], tmp_path / "chunks")
    code, found = inspect(tmp_path / "chunks/background/part-00000.root")
    seen, masses = found["part-00000.root"], expected(photons())
    assert (code, seen["layout"], seen["entries"]) == (0, "xyy-chunk", 200)
    assert seen["m_yy_GeV"]["mean"] == pytest.approx(masses.mean(), rel=1e-6)
    words = "--samples MY-SAMPLES.toml --search MY-SEARCH.toml"  # of the course's not all are there
    folder = os.path.relpath(tmp_path / "chunks")
    assert seen["next"] == f"xyy process {folder} --out results/mine {words}"


# ---- blindness -----------------------------------------------------------------------------------


def heavy(seed: int, inside: float) -> dict[str, np.ndarray]:
    """Return flat pairs, of which every other one has a mass in the window of the search."""
    rng = np.random.default_rng(seed)
    outside = np.random.default_rng(0).choice([20.0, 90.0, 150.0, 700.0], 100)
    pt = np.where(np.arange(100) % 2, outside, inside + rng.uniform(0.0, 5.0, 100))
    zero = np.zeros(100)
    return {"pt1": pt, "eta1": zero, "phi1": zero, "pt2": pt, "eta2": zero, "phi2": zero + np.pi}


def test_data_in_the_window_change_no_byte(
    program: Program, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, told = tmp_path / "a.parquet", []
    for seed, inside in ((1, 300.0), (2, 400.0)):
        write_parquet(path, heavy(seed, inside))
        for words in ((), ("--json",)):
            assert program("inspect", path, *words) == 0
            told.append(capsys.readouterr().out)
    assert told[:2] == told[2:]
    (found,) = json.loads(told[1])
    assert found["m_yy_GeV"] is None
    assert "may be data" in found["m_yy_reason"]
    assert sum(found["spectrum"]["events"]) == 50
    assert "░" in told[0]


@pytest.mark.parametrize("filler", [1.0, 0.0, -1.0, -999.0, np.nan])
def test_weights_that_say_nothing_are_those_of_data(
    inspect: Inspect, tmp_path: Path, filler: float
) -> None:
    columns = nanoaod(photons())
    weights = np.full(200, filler, "f4")
    both = np.where(np.arange(200) < 150, 1.5, max(filler, 0.0)).astype("f4")
    for name, each in (("data", weights), ("both", both), ("simulation", columns["genWeight"])):
        write_tree(tmp_path / f"{name}.root", "Events", {**columns, "genWeight": each})
    for name in ("data", "both") if np.isfinite(filler) else ("data",):
        _, found = inspect(tmp_path / f"{name}.root")
        one = found[f"{name}.root"]
        assert (one["m_yy_GeV"], one["blind_GeV"]) == (None, [400, 1100])
    _, found = inspect(tmp_path / "simulation.root")
    assert found["simulation.root"]["m_yy_GeV"] is not None


def test_a_few_weights_of_zero_stay_blind_by_themselves(inspect: Inspect, tmp_path: Path) -> None:
    """Simulation has some; data behind them, in the window, show nothing."""
    told, hidden = [], 4  # with a mass in the window
    for mass in (500.0, 900.0):
        made = {**heavy(1, 300.0), "genWeight": np.where(np.arange(100) == hidden, 0.0, 1.5)}
        for name in ("pt1", "pt2"):
            made[name] = np.where(np.arange(100) == hidden, mass / 2, made[name])
        _, found = inspect(write_parquet(tmp_path / "a.parquet", made))
        told.append(found["a.parquet"])
    assert told[0] == told[1]
    assert told[0]["m_yy_GeV"] is not None
    assert sum(told[0]["spectrum"]["events"]) == 99


@pytest.mark.parametrize("factor", [1.0, 1e-3, 1e3])
def test_a_wrong_unit_opens_no_window(inspect: Inspect, tmp_path: Path, factor: float) -> None:
    """Pairs in the window are replaced by others in it; in whatever unit, nothing shows."""
    told = []
    for seed, inside in ((1, 300.0), (2, 400.0)):
        made = heavy(seed, inside)
        made |= {name: factor * made[name] for name in ("pt1", "pt2")}
        _, found = inspect(write_parquet(tmp_path / "a.parquet", made))
        told.append(found)
    assert told[0] == told[1]


def test_marks_for_missing_values_are_no_photons(inspect: Inspect, tmp_path: Path) -> None:
    made = {**heavy(1, 300.0), "genWeight": np.full(100, 1.5)}
    made["eta2"] = np.full(100, -999.0)
    code, found = inspect(write_parquet(tmp_path / "a.parquet", made))
    assert code == 2
    assert "photons whose eta is NaN, infinite or beyond 20: 100" in what(found["a.parquet"])


def test_events_are_known_by_run_and_number(inspect: Inspect, tmp_path: Path) -> None:
    """By their number alone they are not: every run begins again."""
    for name, seed in (("a", 1), ("b", 2)):
        write_parquet(tmp_path / f"{name}.parquet", {**heavy(seed, 300.0), "event": np.arange(100)})
    code, found = inspect(tmp_path / "a.parquet", tmp_path / "b.parquet")
    assert (code, [each["problems"] for each in found.values()]) == (0, [[], []])


def test_unblinding_is_recorded_among_the_chunks(
    inspect: Inspect,
    program: Program,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path, chunks = write_parquet(tmp_path / "a.parquet", heavy(1, 300.0)), tmp_path / "chunks"
    _, found = inspect(path, "--unblinded", "to see whether it works", "--chunks", chunks)
    assert found["a.parquet"]["m_yy_GeV"]["max"] == pytest.approx(1400.0, rel=1e-6)
    (record,) = chunks.glob(f"*/{Openings.FILE}")
    (opening,) = json.loads(record.read_text())["openings"]
    assert opening["reason"] == "xyy inspect: to see whether it works"
    assert program("inspect", path, "--unblinded", " ", "--chunks", chunks) == 2
    assert "needs a reason in words" in capsys.readouterr().err
    shutil.rmtree(chunks)
    chunks.write_text("no folder")
    assert program("inspect", path, "--unblinded", "why not", "--chunks", chunks) == 2
    assert "m_yy" not in capsys.readouterr().out


def test_a_chunk_of_data_is_not_opened_by_itself(
    program: Program, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Folders know their data by the files that chunks were made of."""
    assert program("generate", "background", "--events", 500, "--out", tmp_path, "--quiet") == 0
    source, out = tmp_path / "background.csv", tmp_path / "chunks"
    assert program("convert", f"data={source}", "--out", out, "--quiet") == 0
    (part,) = out.glob("data/*.root")
    capsys.readouterr()
    words = ("--unblinded", "curious", "--chunks", tmp_path / "kept")
    assert program("inspect", part, *words) == 2
    told = capsys.readouterr()
    assert "is a chunk of data that xyy converted" in told.err
    assert "m_yy" not in told.out
    assert program("inspect", source, *words) == 0


def test_a_file_that_changes_while_it_is_read_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_parquet(tmp_path / "a.parquet", heavy(1, 300.0))

    whole = photons_of

    def replaced(*words: Any) -> ak.Array:
        write_parquet(path, heavy(2, 400.0))
        return whole(*words)

    question = Question(read_layouts(checkout() / "datasets" / "layouts"), (400, 1100), True, True)
    assert look(OneFile(str(path), question)).found.usable
    monkeypatch.setattr("tools.photons.photons_of", replaced)
    found = look(OneFile(str(path), question)).found
    assert "changed while it was read" in found.problems[0].what
    assert found.m_yy_GeV is None


def test_a_file_that_vanishes_takes_no_other_with_it(inspect: Inspect, tmp_path: Path) -> None:
    path = write_parquet(tmp_path / "a.parquet", heavy(1, 300.0))
    code, found = inspect(path, tmp_path / "gone.parquet")
    assert (code, found["a.parquet"]["usable"], found["gone.parquet"]["usable"]) == (2, True, False)


# ---- what people read ----------------------------------------------------------------------------


def test_the_lines_end_with_the_next_command(
    program: Program, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert program("generate", "signal_500", "--events", "100", "--out", tmp_path, "--quiet") == 0
    path = tmp_path / "signal_500.csv"
    assert program("inspect", path) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == str(path)
    assert lines[-1] == f"  next      xyy convert {path} --out results/chunks"
    other = shutil.copy(path, tmp_path / "my own.csv")
    assert program("inspect", other) == 0
    assert (
        f"  next      xyy convert 'SAMPLE={other}' --out results/chunks" in capsys.readouterr().out
    )
