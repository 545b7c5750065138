"""What the operating system says is told with its place and what to do, however deep it lies."""

import errno
import os
import resource
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tools.errors import InputError, XyyError
from tools.system_errors import exit_code, reason, told, told_by_any, writing

Command = Callable[..., int]
FULL = Path("/dev/full")
needs_full = pytest.mark.skipif(not FULL.exists(), reason="/dev/full is not there")


def xyy(*words: object, **options: Any) -> "subprocess.CompletedProcess[str]":
    program = Path(sys.executable).with_name("xyy")
    done: subprocess.CompletedProcess[str] = subprocess.run(
        [program, *map(str, words)], stderr=subprocess.PIPE, text=True, check=False, **options
    )
    return done


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, "No space left on device; free space there"),
        (errno.EDQUOT, "your quota there is used up"),
        (errno.EROFS, "Read-only file system; nothing can be written there"),
        (errno.EACCES, "Permission denied; you may not"),
        (errno.ELOOP, "its symbolic links lead in a circle"),
        (errno.ENAMETOOLONG, "give it a shorter name"),
        (errno.EMFILE, "raise `ulimit -n`"),
        (errno.EIO, "the disk or its connection fails"),
        (errno.ENOLCK, "its file system has no locks"),
        (errno.EPIPE, "whoever was to read it has ended"),
    ],
)
def test_each_error_has_its_place_its_name_and_what_to_do(number: int, words: str) -> None:
    error = OSError(number, "a library's own words")
    assert str(told(error, "results/x.json")).startswith(f"results/x.json: {os.strerror(number)}; ")
    assert words in str(told(error, "results/x.json"))
    assert reason(error) == os.strerror(number)
    wrong_names = (errno.ELOOP, errno.ENAMETOOLONG)
    assert exit_code(error) == (2 if number in wrong_names else 1)


def test_the_path_that_an_error_names_counts_unless_nobody_chose_it() -> None:
    named = OSError(errno.EIO, "", "data.csv")
    assert str(told(named, "chunks")).startswith("data.csv: Input/output error")
    ours = OSError(errno.ENOSPC, "", "chunks/.xyy-0123456789abcdef.tmp")
    assert str(told(ours, "chunks/part.root")).startswith("chunks/part.root: No space")
    with pytest.raises(XyyError, match=r"^data\.csv: Input/output"), writing(Path("chunks")):
        raise named
    with pytest.raises(XyyError, match=r"^cannot write chunks: No space"), writing(Path("chunks")):
        raise OSError(errno.ENOSPC, "")


def deep(cause: BaseException) -> BaseException:
    """Return an error that buries its cause as libraries do."""
    outer = ValueError("cannot unpack")
    outer.__cause__ = cause
    return outer


def test_what_lies_deep_is_found_and_what_is_no_business_of_the_system_is_not() -> None:
    assert "not enough memory; use fewer" in str(told_by_any(deep(MemoryError())))
    assert "x.zip: No space left" in str(told_by_any(deep(OSError(errno.ENOSPC, "", "x.zip"))))
    assert "not enough memory" in str(told_by_any(RuntimeError("can't start new thread")))
    assert told_by_any(deep(FileNotFoundError(errno.ENOENT, "", "tried"))) is None
    assert told_by_any(KeyError("a defect")) is None
    assert told_by_any(ImportError("no module of this name")) is None


@needs_full
@pytest.mark.parametrize("library", ["pyarrow", "zipfile", "matplotlib", "pandas"])
def test_errors_of_libraries_are_those_of_the_system(library: str) -> None:
    """Each writes to a full disk in its own way."""
    match = r"^(cannot write x|/dev/full): No space left on device; free space"
    with pytest.raises(XyyError, match=match), writing(Path("x")):
        write_with(library)


def write_with(library: str) -> None:
    if library == "pyarrow":
        import pyarrow as pa

        with pa.OSFile(str(FULL), "wb") as sink:
            sink.write(b"0" * 100_000)
    elif library == "zipfile":
        with FULL.open("wb") as stream, zipfile.ZipFile(stream, "w") as archive:
            archive.writestr("a", os.urandom(100_000))
    elif library == "matplotlib":
        from matplotlib.figure import Figure

        Figure().savefig(FULL, format="png")
    else:
        import pandas as pd

        pd.DataFrame({"n": range(10_000)}).to_csv(FULL)


@needs_full
@pytest.mark.parametrize("buffered", ["", "1"])
@pytest.mark.parametrize("words", [("--version",), ("--help",), ("generate", "--help")])
def test_a_full_standard_output_is_named(words: tuple[str, ...], buffered: str) -> None:
    with FULL.open("w") as full:
        done = xyy(*words, stdout=full, env={**os.environ, "PYTHONUNBUFFERED": buffered})
    assert (done.returncode, done.stderr) == (
        1, "xyy: standard output: No space left on device; send it elsewhere\n",
    )  # fmt: skip


@pytest.mark.parametrize("limit_MB", [60, 150, 250, 400])
def test_a_limit_of_memory_says_so(tmp_path: Path, limit_MB: int) -> None:
    """From the first import to the first event; where a C library ends us, it says it itself."""
    (tmp_path / "manifest.json").write_text("{}")

    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (limit_MB << 20, limit_MB << 20))

    words = (
        "generate",
        "signal_500",
        "--events",
        "10",
        "--format",
        "root",
        "--out",
        tmp_path / "o",
    )
    done = xyy(*words, preexec_fn=limited, stdout=subprocess.PIPE)
    if done.returncode:
        assert done.returncode == 1
        assert "emory" in done.stderr
        assert "defect" not in done.stderr
        assert "Traceback" not in done.stderr


def places(tmp_path: Path) -> list[tuple[Path, str]]:
    """Return what cannot be a folder, each with what is said of it."""
    (tmp_path / "file").write_text("x")
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    return [
        (tmp_path / "file", "file is a file"),
        (tmp_path / "file" / "below", "file is a file"),
        (tmp_path / "dangling", "that leads nowhere"),
        (tmp_path / "dangling" / "below", "that leads nowhere"),
        (tmp_path / "loop", "Too many levels of symbolic links"),
        (tmp_path / "loop" / "below", "Too many levels of symbolic links"),
        (tmp_path / ("x" * 300), "File name too long"),
    ]


@pytest.mark.parametrize(
    "words",
    [
        ("generate", "signal_500", "--events", "10", "--out"),
        ("convert", "signal_500.csv", "--out"),
        ("process", "chunks", "--out"),
        ("run", "--out"),
        ("run", "--out", "good", "--chunks"),
        ("closure", "--quick", "--out"),
        ("universe", "make", "--groups", "1", "--out"),
        ("infer", "--spectrum", "s.csv", "--resolution", "30", "--masses", "500:700:25", "--out"),
        ("new-analysis",),
        ("bench", "--quick", "--out"),
    ],
)
def test_what_cannot_be_a_folder_is_wrong_use(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    program: Command,
    capsys: pytest.CaptureFixture[str],
    words: tuple[str, ...],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert program("generate", "signal_500", "--events", "50", "--out", ".", "--quiet") == 0
    assert program("convert", "signal_500.csv", "--out", "chunks", "--quiet") == 0
    edges = range(300, 1300, 10)
    lines = [f"{low},{low + 10},{1300 - low}" for low in edges]
    Path("s.csv").write_text("\n".join(["low,high,events", *lines]))
    capsys.readouterr()
    for place, why in places(tmp_path):
        given = place / "bench.json" if words[0] == "bench" else place
        assert program(*words, given) == 2, place
        said = capsys.readouterr().err
        assert str(place) in said.replace("\n", "")
        assert why in said or "is a file" in said
        assert not Path("good").exists()


def test_wrong_names_are_bad_input() -> None:
    assert exit_code(NotADirectoryError(errno.ENOTDIR, "")) == InputError.exit_code
    assert exit_code(ValueError()) == XyyError.exit_code
