"""A folder that every user may write to, like /tmp: what others plant there is never followed."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

NOBODY = "65534"
PLANT = """
import os, sys
folder, precious = sys.argv[1:]
os.mkdir(f"{folder}/theirs", 0o777)
os.chmod(f"{folder}/theirs", 0o1777)
os.symlink(precious, f"{folder}/theirs/.xyy.lock")
os.mkdir(f"{folder}/pipe", 0o777)
os.chmod(f"{folder}/pipe", 0o1777)
os.mkfifo(f"{folder}/pipe/.xyy.lock", 0o666)
for number in range(1, 70_000):  # whatever process comes, by the names of the file and the process
    os.symlink(precious, f"{folder}/.signal_500.csv.{number}.tmp")
for name in (".xyy.new", ".xyy.old", ".xyy-0123456789abcdef.tmp"):
    os.symlink(os.path.dirname(precious), f"{folder}/{name}")
"""
PRECIOUS = "years of work"


@pytest.fixture
def shared() -> Iterator[tuple[Path, Path]]:
    """A folder for everybody where another user planted links, and what they lead to."""
    if os.geteuid() != 0:
        pytest.skip("only root can be another user")
    place = Path(tempfile.mkdtemp(prefix="xyy-shared-"))
    place.chmod(0o755)
    folder, home = place / "shared", place / "home"
    folder.mkdir()
    folder.chmod(0o1777)
    home.mkdir()
    (home / "precious").write_text(PRECIOUS)
    try:
        words = ("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "--")
        code = (sys.executable, "-c", PLANT, str(folder), str(home / "precious"))
        subprocess.run([*words, *code], check=True)
        yield folder, home
    finally:
        shutil.rmtree(place)


def xyy(*words: object) -> "subprocess.CompletedProcess[str]":
    program = Path(sys.executable).with_name("xyy")
    return subprocess.run(
        [program, *map(str, words)], capture_output=True, text=True, check=False, timeout=60
    )


def test_planted_links_are_not_followed(shared: tuple[Path, Path]) -> None:
    folder, home = shared
    done = xyy("generate", "signal_500", "--events", 100, "--out", folder, "--quiet")
    assert (done.returncode, done.stderr) == (0, "")
    assert not (folder / "signal_500.csv").is_symlink()
    for planted in ("theirs", "pipe"):
        done = xyy("generate", "signal_500", "--events", 100, "--out", folder / planted)
        assert done.returncode == 2
        assert f"{folder / planted / '.xyy.lock'} is a link, a folder, a pipe" in done.stderr
        assert os.listdir(folder / planted) == [".xyy.lock"]
    done = xyy("convert", folder / "signal_500.csv", "--out", folder, "--quiet")
    assert (done.returncode, done.stderr) == (0, "")
    assert (home / "precious").read_text() == PRECIOUS
    assert os.listdir(home) == ["precious"]
    assert (folder / ".signal_500.csv.1.tmp").is_symlink()  # theirs, and not ours to remove
    assert (folder / ".xyy-0123456789abcdef.tmp").is_symlink()
