"""What is read is a regular file of a bounded size, whose name is text."""

import os
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from analysis.game.scoreboard import read_claim
from analysis.workflow.spectrum_file import read_spectrum
from tools.convert import convert
from tools.errors import InputError
from tools.json_file import read_json
from tools.reading import TEXT_BYTES, read_text
from tools.sample_chunks import chunks_key
from tools.samples import Catalogue
from tools.settings_table import read_toml

Command = Callable[..., int]
READERS: dict[str, Callable[[Path], object]] = {
    "text": read_text,
    "settings": read_toml,
    "spectrum": read_spectrum,
    "claim": read_claim,
    "result": lambda path: read_json(path, made_by="xyy report"),
}


@pytest.mark.parametrize("name", READERS)
def test_pipes_devices_and_files_of_absurd_size(tmp_path: Path, name: str) -> None:
    pipe, large = tmp_path / "pipe", tmp_path / "large"
    os.mkfifo(pipe)  # nobody writes: to open it would take forever
    with pytest.raises(InputError, match=r"pipe is no regular file but a pipe, a socket or a dev"):
        READERS[name](pipe)
    with pytest.raises(InputError, match=r"/dev/zero is no regular file but a pipe, a socket or"):
        READERS[name](Path("/dev/zero"))
    with large.open("wb") as stream:
        stream.truncate(3 << 30)
    with pytest.raises(InputError, match=r"large has 3,?221 MB"):
        READERS[name](large)


def test_event_files_that_are_none(catalogue: Catalogue, tmp_path: Path) -> None:
    pipe = tmp_path / "data.csv"
    os.mkfifo(pipe)
    for path in (pipe, Path("/dev/zero")):
        with pytest.raises(InputError, match=r"is no regular file but a pipe"):
            convert(catalogue, [("data", path)], tmp_path / "out")
        with pytest.raises(InputError, match=r"is no regular file but a pipe"):
            chunks_key(catalogue, catalogue.sample("data"), [path])


def test_a_text_of_the_largest_size(tmp_path: Path) -> None:
    path = tmp_path / "text"
    path.write_bytes(b"a\r\nb\r")
    assert read_text(path, 5) == "a\nb\n"
    with pytest.raises(InputError, match=r"nothing that belongs here has more than 0 MB"):
        read_text(path, 4)
    assert TEXT_BYTES > 100e6


def test_csv_files_that_were_never_written_whole(catalogue: Catalogue, tmp_path: Path) -> None:
    """A disk gives zeros: at the end, in gigabytes, or in the middle of a field nobody uses."""
    header = ",".join(["", *(column.name for column in catalogue.columns)])
    row = ",".join(["0"] * header.count(",")) + ",0\n"
    long, hole = tmp_path / "long.csv", tmp_path / "hole.csv"
    long.write_text(f"{header}\n{row * 10_000}", encoding="utf-8")
    os.truncate(long, 3 << 30)
    code = (
        "from pathlib import Path; from tools.csvfile import read_header\n"
        f"read_header(Path({str(long)!r}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (1 << 28, 1 << 28)),
    )
    assert "does not end in a line of text but in 1,048,576 bytes or more without" in done.stderr
    hole.write_bytes(f"{header}\n".encode() + 9_999 * row.encode() + b"\0" * 4096 + row.encode())
    with pytest.raises(InputError, match=r"hole.csv, line 10001 holds zero bytes: the file"):
        convert(catalogue, [("data", hole)], tmp_path / "out")


def test_a_last_line_without_end_in_a_long_file(catalogue: Catalogue, tmp_path: Path) -> None:
    header = ",".join(["", *(column.name for column in catalogue.columns)])
    row = "1000," + ",".join(["0.25"] * len(catalogue.columns)) + "\n"
    path = tmp_path / "data.csv"
    path.write_text(f"{header}\n{row * 40_000}{row[:-3]}", encoding="utf-8")  # 3 MB
    with pytest.raises(InputError, match=r"line 40002: the last line has no line end"):
        convert(catalogue, [("data", path)], tmp_path / "out")


def test_names_that_are_not_utf8(
    program: Command, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    odd, good = tmp_path / os.fsdecode(b"signal_500\xff.csv"), tmp_path / "signal_500.csv"
    for path in (odd, good):
        path.write_bytes(b"a\n1\n")
    out = tmp_path / os.fsdecode(b"out\xff")
    for words in (
        ("convert", f"signal_500={odd}", "--out", tmp_path / "out"),
        ("convert", good, "--out", out),
        ("convert", good, "--samples", odd, "--out", tmp_path / "out"),
        ("process", odd),
        ("infer", "--spectrum", odd),
    ):
        assert program(*words) == 2
        message = capfd.readouterr().err
        assert "xff" in message.replace("udcff", "xff")
        assert message.endswith("this name is not UTF-8; rename the file or folder\n")
    assert sorted(tmp_path.iterdir()) == sorted([odd, good])


def test_a_folder_whose_name_is_not_utf8(
    program: Command,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    odd = tmp_path / os.fsdecode(b"here\xff")
    odd.mkdir()
    monkeypatch.chdir(odd)
    assert program("status", ".") == 2
    assert "not UTF-8" in capfd.readouterr().err
