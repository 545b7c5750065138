"""`xyy convert`: damaged files and others are told of, one message each, and end nothing."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.odd_files import MESSAGES, USED, write_odd_files

SAME_EVENTS = {"whole.root", "root.parquet", "parquet.root", "rntuple.root", "cycles.root"}
"""files that are good for themselves"""
REFUSED = {name: told for name, told in MESSAGES.items() if name not in SAME_EVENTS}


def run(*words: object, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run the program as it is installed."""
    program = "from analysis.start import main; main()"
    command = [sys.executable, "-c", program, "convert", *map(str, words)]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("odd")
    write_odd_files(folder)
    return folder


@pytest.fixture(scope="module")
def skipped(folder: Path) -> tuple[int, str, dict[str, str | None]]:
    """All the odd files in one call: exit code, what it says, and why each file is refused."""
    files = [f"background={name}" for name in (*USED, *REFUSED) if "://" not in name]
    done = run(*files, "--out", "out", "--skip-damaged", "--workers", "2", folder=folder)
    assert "Traceback" not in done.stdout + done.stderr
    told = json.loads((folder / "out/conversion.json").read_text(encoding="utf-8"))
    why = {each["file"]: each["refused"] for each in told["samples"]["background"]["files"]}
    return done.returncode, done.stderr, why


def test_damaged_files_are_left_out_and_listed(
    skipped: tuple[int, str, dict[str, str | None]],
) -> None:
    code, message, why = skipped
    assert code == 1
    assert {name for name, reason in why.items() if reason is None} == USED.keys()
    assert f"left out: {len(why) - len(USED)} files; the others are converted" in message


@pytest.mark.parametrize("name", [name for name in REFUSED if "://" not in name])
def test_why_a_file_is_refused(name: str, skipped: tuple[int, str, dict[str, str | None]]) -> None:
    _, told, remedy = MESSAGES[name]
    reason = skipped[2][name]
    assert reason is not None
    assert told in reason
    assert remedy in reason
    assert reason.startswith(name) or name in reason
    assert len(reason) < 1500


@pytest.mark.parametrize("name", ["half.root", "nan.root", "GeV.root", "pipe.root", "cut.parquet"])
def test_one_refused_file_is_wrong_input(name: str, folder: Path) -> None:
    done = run(f"data={name}", "--out", f"out-{name}", folder=folder)
    _, told, _ = MESSAGES[name]
    assert (done.returncode, "Traceback" in done.stderr) == (2, False)
    assert told in done.stderr
    assert not (folder / f"out-{name}").exists()


WITHOUT = ("-dac_override", "-dac_read_search")
"""what lets root read everything"""


@pytest.mark.parametrize(
    "words", [("inspect",), ("convert", "--out", "out-none")], ids=["inspect", "convert"]
)
def test_no_permission(words: tuple[str, ...], folder: Path) -> None:
    path = folder / "secret.root"
    path.write_bytes((folder / "single.root").read_bytes())
    path.chmod(0)
    name, *options = words
    program = "from analysis.start import main; main()"
    word = str(path) if name == "inspect" else f"data={path}"
    command = [sys.executable, "-c", program, name, word, *options]
    if os.geteuid() == 0:
        if shutil.which("setpriv") is None:
            pytest.skip("this user may read everything")
        drop = [f"--{which}={','.join(WITHOUT)}" for which in ("inh-caps", "bounding-set")]
        command = [str(shutil.which("setpriv")), *drop, *command]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    path.unlink()
    said = done.stdout + done.stderr
    assert (done.returncode, "Traceback" in said) == (2, False)
    assert "cannot be read (Permission denied); check its permissions" in " ".join(said.split())


def test_patterns_and_layouts(folder: Path) -> None:
    done = run("data=singl*.root", "--out", "one", "--layout", "nanoaod", folder=folder)
    assert done.returncode == 0
    assert "data: 200 events of nanoaod in 1 chunk" in done.stderr
    done = run("data=single.root", "--out", "two", "--layout", "edm4hep", folder=folder)
    assert done.returncode == 2
    assert "edm4hep misses" in done.stderr


def test_what_was_there_before_is_told(folder: Path) -> None:
    told = [
        run(f"data={name}.root", "--out", "again", folder=folder).stderr
        for name in ("single", "single", "Fotos für später")
    ]
    assert "in 1 chunk\n" in told[0]
    assert "in 1 chunk (as before)\n" in told[1]
    assert "in 1 chunk (in place of 200 others)\n" in told[2]
    assert all("\nin again\n" in each for each in told)


def test_a_file_is_missing_after_the_equals_sign(folder: Path) -> None:
    done = run("background=", "--out", "none", folder=folder)
    assert done.returncode == 2
    assert "background=: no file stands after the equals sign" in done.stderr
