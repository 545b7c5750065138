"""The whole way: a true verdict, a shut window, and runs that can be killed anywhere."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from analysis import cli
from analysis.folder.folder import PRODUCTS, Folder
from analysis.results.limits import MassLimits
from analysis.results.verdict import Verdict
from tools.generate import DEFAULT_SEED
from tools.samples import read_catalogue
from tools.universe import Truth, generate_universe, truth_of

ROOT = Path(__file__).parents[2]
QUICK = ("--until", "infer", "--quiet", "--workers", 1)


def xyy(*words: object) -> int:
    """Run the program in this process; return its exit code."""
    with pytest.raises(SystemExit) as end:
        cli.main([str(word) for word in words])
    return int(end.value.code or 0)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, quick_file: Path) -> Path:
    """A folder with a samples file of a fifth of the course's luminosity, and small simulation."""
    place = tmp_path_factory.mktemp("place")
    shutil.copy(quick_file, place / "quick.toml")
    text = (ROOT / "datasets" / "course.toml").read_text()
    text = text.replace('"1298.1 / pb"', '"259.62 / pb"')
    text = text.replace("= 100_000", "= 60_000").replace("= 10_000", "= 4_000")
    (place / "small.toml").write_text(text)
    return place


@pytest.fixture(scope="module")
def universe(place: Path) -> tuple[int, Truth]:
    """The first universe with a resonance that nobody can miss."""
    catalogue = read_catalogue(place / "small.toml")
    for number in range(100):
        truth = truth_of(DEFAULT_SEED, number, catalogue)
        if (truth.mass_GeV or 0.0) > 600 and truth.cross_section_pb > 3:
            return number, truth
    raise AssertionError("no such universe among the first hundred")


def run(place: Path, out: str, *words: object) -> int:
    folders = ("--out", place / out, "--chunks", place / "chunks")
    settings = ("--samples", place / "small.toml", "--search", place / "quick.toml")
    return xyy("run", *settings, *folders, *words)


def content(folder: Path) -> dict[str, bytes]:
    """Return every file's bytes, provenance left out; not the checkpoints, which are of chunks."""
    files = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.name != ".xyy.lock" and path.parent.name != "checkpoints":
            data = path.read_bytes()
            if path.suffix == ".json":
                document = json.loads(data)
                document.pop("provenance", None)
                data = json.dumps(document).encode()
            files[str(path.relative_to(folder))] = data
    return files


def read(folder: Path, name: str) -> dict[str, object]:
    document: dict[str, object] = json.loads((folder / name).read_text())
    return document


@pytest.fixture(scope="module")
def opened(place: Path, universe: tuple[int, Truth]) -> Path:
    """A finished, unblinded run with figures and page."""
    words = ("--universe", universe[0], "--unblind", "the test says so", "--quiet")
    assert run(place, "opened", *words) == 0
    return place / "opened"


@pytest.fixture(scope="module")
def csv(place: Path, universe: tuple[int, Truth]) -> Path:
    """The same universe's data as a CSV file."""
    catalogue = read_catalogue(place / "small.toml")
    return generate_universe(catalogue, universe[0], place, seed=DEFAULT_SEED, file_format="csv")


def test_the_verdict_is_the_truth(opened: Path, universe: tuple[int, Truth]) -> None:
    truth, verdict = universe[1], read(opened, "verdict.json")
    assert verdict["decision"] == "discovery"
    assert verdict["complete"] is True
    assert verdict["blinded"] is False
    assert verdict["after_unblinding"] is None
    mass, cross_section = verdict["mass_GeV"], verdict["cross_section_pb"]
    for result, true in ((mass, truth.mass_GeV), (cross_section, truth.cross_section_pb)):
        assert isinstance(result, dict)
        # 4 standard deviations either way, of a fixed seed: no false alarm.
        width = max(result["high"] - result["value"], result["value"] - result["low"])
        assert abs(result["value"] - true) < 4 * width


def test_every_product_is_there(opened: Path) -> None:
    names = {path.name for path in opened.iterdir()} - {".xyy.lock"}
    assert {*PRODUCTS, "checkpoints"} == names | {"score.json"}
    assert names == {
        "run.json", "histograms.zip", "cutflow.json", "ledger.json", "selection.json",
        "freeze.json", "unblinding.json", "background.json", "counting.json", "scan.json",
        "limits.json", "verdict.json", "claim.json", "workspaces", "figures", "report.html",
        "report.json", "checkpoints",
    }  # fmt: skip
    assert read(opened, "run.json")["generated_samples"] == [
        "background", "signal_500", "signal_750", "signal_1000",
    ]  # fmt: skip


def test_a_second_run_does_nothing(
    place: Path, opened: Path, universe: tuple[int, Truth], capsys: pytest.CaptureFixture[str]
) -> None:
    times = {p: p.stat().st_mtime_ns for p in opened.rglob("*") if p.name != "run.json"}
    assert run(place, "opened", "--universe", universe[0], "--quiet") == 0
    assert {p: p.stat().st_mtime_ns for p in opened.rglob("*") if p.name != "run.json"} == times
    assert xyy("status", opened) == 0
    out = capsys.readouterr().out
    assert out.count("up to date") == 6
    assert "blinded   no" in out
    assert "complete  yes" in out


def test_the_stages_one_by_one_give_what_run_gives(
    place: Path, opened: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`infer` and `report` by hand, on a finished run: its figures are those of this verdict."""
    folder = place / "by_hand"
    shutil.copytree(opened, folder, ignore=shutil.ignore_patterns("verdict.json"))
    options = ("--samples", place / "small.toml", "--search", place / "quick.toml")
    assert xyy("infer", folder, *options) == 0
    assert xyy("report", folder, *options, "--quiet") == 0
    out = capsys.readouterr().out
    assert out.startswith("DISCOVERY: there is a resonance\n  local significance ")
    assert out.isascii(), "it can be pasted anywhere"
    assert max(map(len, out.splitlines())) < 140
    for words in (
        "mass          ",
        "cross-section ",
        " observed, ",
        "% CLs upper limit",
        "generated",
        "X -> yy, data: universe_",
        "samples: small (14 TeV, 259.62 /pb)",
    ):
        assert words in out
    assert content(folder) == content(opened)
    assert xyy("infer", folder, *options, "--json") == 0
    assert json.loads(capsys.readouterr().out) == read(folder, "verdict.json")


def test_limits_of_an_earlier_call_say_what_they_are_beside(place: Path, opened: Path) -> None:
    """As of a call that claimed nothing; computed again they need no word."""
    folder = Folder(place / "earlier")
    options = ("--samples", place / "small.toml", "--search", place / "quick.toml", "--quiet")
    shutil.copytree(opened, folder.path)
    limits = folder.load(MassLimits, made_by="")
    assert len(limits.given) == 1
    folder.save(replace(limits, given=()), inputs=folder.made_from("limits.json"))
    told = "limits: those of an earlier call are beside none, while the resonances that are claimed"
    for part, number in (("background", 1), ("limits", 0)):
        assert xyy("infer", folder.path, *options, "--only", part) == 0
        warnings = folder.load(Verdict, made_by="").warnings
        assert [note.startswith(told) for note in warnings].count(True) == number
    assert folder.load(MassLimits, made_by="").given == limits.given
    assert xyy("infer", folder.path, *options, "--only", "counting") == 0
    assert not any(note.startswith(told) for note in folder.load(Verdict, made_by="").warnings)


def test_a_blind_folder_says_so(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(place, "told", "--until", "infer") == 0
    out, err = capsys.readouterr()
    assert "signal_750: 259.62 / pb x 5.4 pb x 0.17 = 238.33 expected events; / 4,000 sim" in err
    assert out.startswith("NO VERDICT YET: ")
    assert "expected for 500 GeV at 5.4 pb: " in out


def test_csv_and_generated_chunks_give_the_same_results(
    place: Path, opened: Path, csv: Path
) -> None:
    words: tuple[object, ...] = ("--data", csv, "--unblind", "the test says so", *QUICK)
    words += ("--executor", "futures", "--workers", 2, "--chunk-events", 37_123)
    assert run(place, "from_csv", *words) == 0
    ours, theirs = content(place / "from_csv"), content(opened)
    for name in ours:
        if name != "run.json":
            assert ours[name] == theirs[name], name


def test_while_blind_nothing_observed_is_told(place: Path, csv: Path) -> None:
    assert run(place, "blind", "--data", csv, *QUICK) == 0
    verdict, counting = (
        read(place / "blind", "verdict.json"),
        read(place / "blind", "counting.json"),
    )
    assert verdict["blinded"] is True
    for key in ("decision", "local_z", "global_z", "mass_GeV", "cross_section_pb"):
        assert verdict[key] is None, key
    assert counting["observed_events"] is None
    assert counting["z"] is None
    limit = counting["limit"]
    assert isinstance(limit, dict)
    assert limit["observed_pb"] is None
    assert limit["expected_pb"]["0"] > 0


@pytest.mark.parametrize(
    ("killed_by", "after"),
    [
        (signal.SIGKILL, "run.json"),
        (signal.SIGINT, "selection.json"),
        (signal.SIGKILL, "unblinding.json"),
        (signal.SIGINT, "figures"),
    ],
)
def test_a_killed_run_is_finished_by_the_next_one(
    place: Path, opened: Path, universe: tuple[int, Truth], killed_by: signal.Signals, after: str
) -> None:
    out = place / f"killed_{after.removesuffix('.json')}"
    words = ["run", "--samples", place / "small.toml", "--search", place / "quick.toml",
             "--out", out, "--chunks", place / "chunks", "--universe", universe[0],
             "--unblind", "the test says so", "--quiet"]  # fmt: skip
    if after == "figures":
        shutil.copytree(opened, out, ignore=shutil.ignore_patterns("figures", "report*"))
    else:
        words += ["--until", "infer"]
    command = [sys.executable, "-c", "from analysis.cli import main; main()", *map(str, words)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        deadline = time.monotonic() + 600
        while not (out / after).exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        process.send_signal(killed_by)
        _, err = process.communicate(timeout=300)
    assert process.returncode == (130 if killed_by == signal.SIGINT else -signal.SIGKILL)
    assert "Traceback" not in err
    assert xyy(*words) == 0
    ours, whole = content(out), content(opened)
    assert ours.keys() <= whole.keys()
    assert ours == {name: whole[name] for name in ours}
    assert "verdict.json" in ours


def test_a_second_run_in_the_same_folder_is_refused(
    opened: Path, place: Path, universe: tuple[int, Truth], capsys: pytest.CaptureFixture[str]
) -> None:
    script = (
        "import pathlib, sys; from tools.locks import one_writer\n"
        "with one_writer(pathlib.Path(sys.argv[1])): print('in', flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", script, str(opened)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as first:
        assert first.stdout is not None
        assert first.stdout.readline() == "in\n"
        assert run(place, "opened", "--universe", universe[0]) == 2
        assert f"is in use by xyy (process {first.pid} on" in capsys.readouterr().err
        first.communicate()


def test_a_folder_of_other_data_is_refused_and_replaced_only_by_force(
    place: Path, universe: tuple[int, Truth], capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("--universe", universe[0], "--unblind", "now", "--until", "freeze", "--quiet")
    assert run(place, "claimed", *words) == 0
    assert run(place, "claimed", "--quiet") == 2
    assert "holds another analysis" in capsys.readouterr().err
    assert run(place, "claimed", "--force", "--until", "freeze", "--quiet") == 0


def test_decisions_changed_after_unblinding_are_refused_or_stamped(
    place: Path, universe: tuple[int, Truth], capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("--universe", universe[0], *QUICK)
    assert run(place, "changed", *words, "--unblind", "the test says so") == 0
    before = content(place / "changed")
    text = (place / "quick.toml").read_text()
    assert "confidence_level = 0.95" in text
    search = place / "search.toml"
    search.write_text(text.replace("confidence_level = 0.95", "confidence_level = 0.9"))
    assert run(place, "changed", *words, "--search", search) == 4
    assert "decisions changed after unblinding: search.limits" in capsys.readouterr().err
    assert content(place / "changed") == before
    reason = ("--after-unblinding", "the referee wants 90 %")
    assert run(place, "changed", *words, "--search", search, *reason) == 0
    assert read(place / "changed", "verdict.json")["after_unblinding"] == reason[1]


def test_incomplete_data_are_refused(
    place: Path, universe: tuple[int, Truth], capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("--universe", universe[0], *QUICK)
    assert run(place, "lost", *words, "--until", "chunks") == 0
    (folder,) = (place / "chunks").glob("universe_*")
    part = next(folder.rglob("part-*.root"))
    intact = part.read_bytes()
    try:
        part.write_bytes(intact[:-1])
        assert run(place, "lost", *words) == 4
        assert "the data are incomplete" in capsys.readouterr().err
        assert not (place / "lost" / "verdict.json").exists()
    finally:
        part.write_bytes(intact)
    assert run(place, "lost", *words) == 0
    assert read(place / "lost", "verdict.json")["complete"] is True


def test_lost_simulation_is_marked_and_after_repair_all_is_as_if_nothing_had_happened(
    place: Path, opened: Path, universe: tuple[int, Truth], capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("--universe", universe[0], "--unblind", "the test says so", *QUICK)
    (part,) = (place / "chunks").glob("signal_750-*/*/part-*.root")
    intact = part.read_bytes()
    try:
        part.write_bytes(intact[:-1])
        assert run(place, "lost_signal", *words) == 1
        assert f"first {part} entries 0-4000: has" in capsys.readouterr().err
        assert run(place, "lost_signal", *words, "--allow-incomplete") == 0
    finally:
        part.write_bytes(intact)
    for name in ("ledger.json", "selection.json", "verdict.json", "background.json"):
        assert read(place / "lost_signal", name)["complete"] is False
    assert (place / "lost_signal" / "checkpoints").is_dir()
    # The repaired simulation chooses the selection: decisions change after unblinding.
    assert run(place, "lost_signal", *words, "--after-unblinding", "a file was damaged") == 0
    ours, whole = content(place / "lost_signal"), content(opened)
    assert ours["histograms.zip"] == whole["histograms.zip"]
    assert ours["selection.json"] == whole["selection.json"]
    assert read(place / "lost_signal", "verdict.json")["complete"] is True


def test_some_samples_without_files_are_refused_or_generated(
    place: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "datasets").mkdir()
    options = ("--samples", place / "small.toml", "--quiet")
    assert xyy("generate", "signal_500", "--out", "datasets", *options) == 0
    assert xyy("run", *options, "--until", "optimise") == 2
    err = capsys.readouterr().err
    assert "files of some samples are missing: background, signal_750, signal_1000" in err
    assert "--generate-missing" in err
    assert os.listdir(tmp_path) == ["datasets"]
    words = ("--generate-missing", "--until", "optimise", "--chunks", place / "chunks")
    assert xyy("run", *options, *words) == 0
    assert read(tmp_path / "results" / "small", "run.json")["generated_samples"] == [
        "background", "signal_500", "signal_750", "signal_1000",  # signal_500 is no real file
    ]  # fmt: skip


def test_without_data_the_results_are_the_expected_ones(place: Path) -> None:
    assert run(place, "expected", *QUICK) == 0
    verdict = read(place / "expected", "verdict.json")
    assert verdict["decision"] is None
    counting = read(place / "expected", "counting.json")
    assert counting["observed_events"] is None
    rehearsal = counting["rehearsal"]
    assert isinstance(rehearsal, dict)
    assert set(rehearsal) == {
        "background_only", "with_signal_500", "with_signal_750", "with_signal_1000",
    }  # fmt: skip


def test_a_full_disk_ends_with_1_and_nothing_half(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=300k", "tmpfs", str(disk)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("a small disk cannot be mounted here")
    try:
        for words in (("generate", "signal_500"), ("generate", "signal_500", "--format", "root")):
            assert xyy(*words, "--out", disk / "out") == 1
            assert "No space left on device; free space" in capsys.readouterr().err
            assert [path for path in disk.rglob("*") if path.is_file()] == []
    finally:
        subprocess.run(["umount", str(disk)], check=True)
