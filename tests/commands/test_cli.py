"""The command line: exit codes and messages of the contract, command by command."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from analysis import cli
from tools.checkout import find_settings
from tools.manifest import MANIFEST_NAME, Manifest


def xyy(*words: object) -> int:
    """Run the program in this process; return its exit code."""
    with pytest.raises(SystemExit) as end:
        cli.main([str(word) for word in words])
    return int(end.value.code or 0)


@pytest.fixture(scope="module")
def processed(chunks: Manifest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the histograms of the small samples, and the selection chosen from them."""
    folder = tmp_path_factory.mktemp("processed")
    assert xyy("process", chunks.folder, "--out", folder, "--quiet") == 0
    assert xyy("optimise", folder, "--quiet") == 0
    return folder


def test_axes_are_those_of_the_samples_file(
    chunks: Manifest, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Not those of the day of the conversion: what a stage was made from is what counts now."""
    text = find_settings("datasets/course.toml").read_text(encoding="utf-8")
    own = tmp_path / "own.toml"
    own.write_text(
        text.replace("bins = 100, low = 0, high = 1500", "bins = 50, low = 0, high = 1000")
    )
    out = tmp_path / "out"
    assert xyy("process", chunks.folder, "--samples", own, "--out", out, "--quiet") == 0
    assert xyy("optimise", out, "--quiet") == 0
    assert xyy("status", out) == 0
    assert "optimise  up to date" in capsys.readouterr().out


def test_requirements_of_no_use_are_told(chunks: Manifest, tmp_path: Path) -> None:
    search = tmp_path / "search.toml"
    text = find_settings("analysis/search.toml").read_text(encoding="utf-8")
    require = '["n_jets > -1", "n_jets < 8", "photon1_pT > 1e6"]'
    search.write_text(f"{text}\n[events]\nrequire = {require}\n", encoding="utf-8")
    out = tmp_path / "out"
    assert xyy("process", chunks.folder, "--search", search, "--out", out, "--quiet") == 0
    told = json.loads((out / "cutflow.json").read_text())["signal_500"]
    notes = {row["cut"]: row.get("note") for row in told}
    assert notes == {
        "all events": None, "n_jets > -1": "removes nothing", "n_jets < 8": None,
        "two photons": None, "photon1_pT > 1e6": "leaves nothing",
    }  # fmt: skip
    assert told[-1]["events"] == 0


def test_help_groups_the_commands(capsys: pytest.CaptureFixture[str]) -> None:
    assert xyy("--help") == 0
    out = capsys.readouterr().out
    places = [out.index(f"─ {panel} ─") for panel in ("Pipeline", "Check", "Classroom")]
    assert places == sorted(places)


@pytest.mark.parametrize(
    "command",
    ["generate", "convert", "process", "optimise", "freeze", "unblind", "infer", "report", "run",
     "inspect", "status", "plan", "bench"],
)  # fmt: skip
def test_every_command_explains_itself_with_an_example(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert xyy(command, "--help") == 0
    assert f"Example: xyy {command}" in capsys.readouterr().out


def test_the_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert xyy("--version") == 0
    assert capsys.readouterr().out == "xyy 0.1.0\n"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["fly"], "No such command 'fly'"),
        (["run", "--fly"], "No such option"),
        (["process", "m", "--out", "x", "--executor", "slurm"], "'iterative', 'futures'"),
        (["status", "/nowhere"], "does not exist"),
        (["run", "--seed", "-1"], "Invalid value for '--seed'"),
        (["run", "--seed", str(1 << 128)], "Invalid value for '--seed'"),
        (["run", "--seed", "1" * 5000], "Invalid value for '--seed'"),
        (["run", "--workers", "1000000000"], "Invalid value for '--workers'"),
        (["run", "--workers", "5000"], "--workers: 1,024 processes at most on one machine"),
        (["infer", "--workers", "5000"], "Invalid value for '--workers'"),
        (["run", "--universe", "1" * 300], "Invalid value for '--universe'"),
        (["run", "--chunk-events", "1" * 30], "Invalid value for '--chunk-events'"),
        (["generate", "--events", "1000000000000000000", "--out", "x"], "value for '--events'"),
        (["generate", "--events", "1e18", "--out", "x"], "Invalid value for '--events'"),
        (["infer", "--toys", "1000000000"], "Invalid value for '--toys'"),
        (["infer", "--limit-toys", "1000000000"], "Invalid value for '--limit-toys'"),
        (["universe", "make", "--groups", "1000000", "--out", "x"], "value for '--groups'"),
        (["closure", "--universes", "10000000000", "--out", "x"], "--universes: 0 to 1,000,000"),
        (["closure", "--quick", "--masses", "600,nan", "--out", "x"], "nan is not between 500 and"),
        (["closure", "--quick", "--masses", "7" * 400, "--out", "x"], "inf is not between 500 and"),
        (["bench", "--events", "1000000000000"], "Invalid value for '--events'"),
    ],
)
def test_wrong_use_exits_with_2(
    words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert xyy(*words) == 2
    assert message in " ".join(capsys.readouterr().err.replace("│", " ").split())


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["run", "--samples", "no.toml"], "no.toml is neither in"),
        (["process", "nowhere", "--out", "x"], "nowhere is not there; make it with `xyy convert`"),
        (["run", "--universe", "1", "--data", "x.csv"], "exclude each other"),
        (["run", "--unblind", "now"], "there are no data to open"),
        (["generate", "higgs", "--out", "x"], "signal_"),
        (["generate", "signal_500", "--universe", "3", "--out", "x"], "takes no sample names"),
        (["convert", "nowhere.csv", "--out", "x"], "nowhere.csv"),
        (["run", "--executor", "dask", "--wait", "nan"], "xyy: --wait: nan is not between 0 and 1"),
        (["run", "--executor", "dask", "--wait=-5"], "-5 is not between 0 and 1,000,000 seconds"),
    ],
)
def test_bad_input_exits_with_2_and_leaves_nothing(
    words: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert xyy(*words) == 2
    err = capsys.readouterr().err
    assert message in err
    assert err.count("\n") == 1
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_debug_shows_the_traceback(tmp_path: Path) -> None:
    script = "from analysis.cli import main; main(['process', 'nowhere', '--out', 'x', '--debug'])"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert "Traceback" in done.stderr
    assert "InputError: nowhere is not there" in done.stderr


def test_generate_and_convert_from_csv_to_chunks(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    csv, out = tmp_path / "csv", tmp_path / "chunks"
    assert xyy("generate", "signal_600", "--events", 500, "--seed", 3, "--out", csv) == 0
    assert xyy("convert", f"signal_500={csv / 'signal_600.csv'}", "--out", out) == 0
    assert "signal_500: 500 events in 1 chunk" in capsys.readouterr().err
    document = json.loads((out / MANIFEST_NAME).read_text())
    assert document["samples"]["signal_500"]["entries"] == 500


def test_process_prints_the_ledger(
    chunks: Manifest, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--only", "signal_500", "--histograms", "spectrum", "--json", "--quiet"]
    assert xyy("process", chunks.folder, "--out", tmp_path, *words) == 0
    ledger = json.loads(capsys.readouterr().out)
    assert ledger["complete"] is True
    assert list(ledger["samples"]) == ["signal_500"]
    assert ledger["samples"]["signal_500"]["processed_events"] == 3000


def test_the_course_table_is_printed(processed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert xyy("optimise", processed) == 0
    out = capsys.readouterr().out
    assert "the course's four cuts" in out
    assert "chosen for signal_500" in out


def test_a_selection_is_chosen_against_one_background(
    processed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = Path("datasets/course.toml").read_text(encoding="utf-8")
    second = """
[samples.jets]
kind = "background"
cross_section = "5 pb"
filter_efficiency = 0.1
events = 10
files = ["jets.csv"]
"""
    samples = tmp_path / "two.toml"
    samples.write_text(text + second, encoding="utf-8")
    assert xyy("optimise", processed, "--samples", samples) == 2
    message = '2 samples have kind = "background" (background, jets), and the selection is chosen'
    assert message in capsys.readouterr().err


def test_lost_chunks_exit_with_1_and_the_outputs_are_marked(
    chunks: Manifest, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = json.loads((chunks.folder / MANIFEST_NAME).read_text())
    part = broken["samples"]["signal_750"]["parts"][0]
    part["path"] = "gone.root"
    for sample in broken["samples"].values():
        for other in sample["parts"]:
            other["path"] = str(chunks.folder / other["path"])
    path = tmp_path / "manifest.json"
    path.write_text(json.dumps(broken))
    assert xyy("process", path, "--out", tmp_path / "out") == 1
    assert "events were lost in 1 chunk" in capsys.readouterr().err
    ledger = json.loads((tmp_path / "out" / "ledger.json").read_text())
    assert ledger["complete"] is False
    assert ledger["samples"]["signal_750"]["failed"][0]["file"].endswith("gone.root")
    assert ledger["samples"]["background"]["failed"] == []


def test_freeze_and_unblind_by_hand(
    processed: Path, chunks: Manifest, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "copy"
    folder.mkdir()
    for name in ("selection.json", "score.json", "ledger.json", "cutflow.json", "histograms.zip"):
        (folder / name).write_bytes((processed / name).read_bytes())
    assert xyy("unblind", folder, "--reason", "too early") == 2
    assert "fix the decisions first with `xyy freeze" in capsys.readouterr().err
    assert xyy("freeze", folder) == 0
    assert xyy("unblind", folder, "--reason", "now") == 0
    selection = json.loads((folder / "selection.json").read_text())
    selection["cuts"]["n_jets"] = {"min": None, "max": 3}
    (folder / "selection.json").write_text(json.dumps(selection))
    words = ["process", chunks.folder, "--out", folder, "--selection", folder / "selection.json"]
    assert xyy(*words) == 4
    assert "decisions changed after unblinding: selection.n_jets" in capsys.readouterr().err
    assert xyy(*words, "--after-unblinding", "the referee asked") == 0


def test_only_a_checkout_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("tools.checkout.checkout", lambda: tmp_path)
    assert xyy("run") == 2
    assert "is not a checkout of xyy; install with `pip install -e .`" in capsys.readouterr().err
