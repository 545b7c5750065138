"""The process of the command: whatever its streams, signals and modes are, the work is done."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from tools.manifest import Manifest

XYY = Path(sys.executable).with_name("xyy")
ENGINES = {
    "iterative": (),
    "futures": ("--executor", "futures", "--workers", "2"),
    "dask": ("--executor", "dask", "--workers", "2"),
}
HANGS_SECONDS = 300.0


def shell(line: str, cwd: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a line of shell, in which `xyy` is the program."""
    return subprocess.run(
        ["/bin/bash", "-c", line], cwd=cwd, capture_output=True, text=True, errors="replace",
        check=False,
        env={**os.environ, "PATH": f"{XYY.parent}:{os.environ['PATH']}", **variables},
    )  # fmt: skip


@pytest.fixture
def place(chunks: Manifest, tmp_path: Path) -> Path:
    """A folder with chunks in it."""
    shutil.copytree(chunks.folder, tmp_path / "chunks")
    return tmp_path


# ---- streams -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("streams", "code", "told"),
    [
        ("2>&-", 0, ""),
        ("2>/dev/full", 0, ""),
        ("--executor futures --workers 2 <&- 2>&-", 0, ""),
        (">&-", 1, "xyy: standard output: Bad file descriptor; send it elsewhere"),
        (">/dev/full", 1, "xyy: standard output: No space left on device; send it elsewhere"),
        ("| true", 0, ""),
    ],
)
def test_streams_that_take_nothing_do_not_stop_the_work(
    place: Path, streams: str, code: int, told: str
) -> None:
    if "/dev/full" in streams and not Path("/dev/full").exists():
        pytest.skip("no /dev/full here")
    line = f"set -o pipefail; xyy process chunks --out out --json --quiet {streams}"
    done = shell(line, place)
    assert (done.returncode, done.stderr[: len(told)]) == (code, told)
    assert done.stderr.count("\n") == bool(told)
    assert sorted(os.listdir(place / "out")) == [
        *("checkpoints", "cutflow.json", "histograms.zip", "ledger.json", "run.json")
    ]


@pytest.mark.parametrize("encoding", ["ascii", "ascii:strict", "latin-1"])
def test_no_encoding_is_too_small(tmp_path: Path, encoding: str) -> None:
    for words in ("--help", "infer --help", "universe make --help"):
        done = shell(f"xyy {words}", tmp_path, PYTHONIOENCODING=encoding)
        assert (done.returncode, done.stderr) == (0, "")
        assert "Usage: xyy" in done.stdout
    done = shell(
        "xyy process 'caf\u00e9\u03c3' --out x", tmp_path, PYTHONIOENCODING="latin-1:strict"
    )
    assert done.returncode == 2
    assert "\\u03c3 is not there" in done.stderr


@pytest.mark.parametrize("mode", ["PYTHONOPTIMIZE", "PYTHONDEVMODE"])
def test_modes_of_python_make_no_difference(place: Path, mode: str) -> None:
    one, other = (
        shell("xyy process --help", place),
        shell("xyy process --help", place, **{mode: "2"}),
    )
    assert (other.stdout, other.stderr) == (one.stdout, "")
    done = shell("xyy process chunks --out out --quiet", place, **{mode: "2"})
    assert (done.returncode, done.stderr) == (0, "")
    words = f"{sys.executable} -OO {XYY} process --help"
    assert shell(words, place).stdout == one.stdout


# ---- files of the user with names of libraries --------------------------------------------------


@pytest.mark.parametrize("engine", ENGINES)
def test_files_of_the_user_are_not_run(place: Path, engine: str) -> None:
    for name in ("signal", "random", "copy", "queue", "socket", "selectors", "numpy", "tools"):
        (place / f"{name}.py").write_text(f"import os\nos.write(1, b'{name} is run')\n")
    done = shell(f"xyy process chunks --out out --quiet {' '.join(ENGINES[engine])}", place)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    (place / "elsewhere").mkdir()
    assert shell("xyy process ../chunks --out out --quiet", place / "elsewhere").returncode == 0
    ours, theirs = (place / "out", place / "elsewhere" / "out")
    assert (ours / "histograms.zip").read_bytes() == (theirs / "histograms.zip").read_bytes()


@pytest.mark.parametrize("engine", ENGINES)
def test_no_folder_for_temporary_files_is_too_deep(place: Path, engine: str) -> None:
    """The path of a socket is not, which multiprocessing makes there."""
    (deep := place / ("deep" * 25)).mkdir()
    line = f"xyy process chunks --out out --quiet {' '.join(ENGINES[engine])}"
    done = shell(line, place, TMPDIR=str(deep))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert os.listdir(deep) == []


# ---- signals -------------------------------------------------------------------------------------

ENDS = {
    signal.SIGINT: (130, "xyy: interrupted; nothing is half written, run it again\n"),
    signal.SIGTERM: (143, "xyy: terminated; run again with --resume\n"),
    signal.SIGHUP: (129, "xyy: terminated; run again with --resume\n"),
}


def started(words: list[str], place: Path) -> subprocess.Popen[str]:
    """Start the program in a session of its own, with a folder of its own for temporary files."""
    (place / "temporary").mkdir(exist_ok=True)
    return subprocess.Popen(
        [XYY, *words], cwd=place, start_new_session=True, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "TMPDIR": str(place / "temporary")},
    )  # fmt: skip


def left_of(session: int) -> list[str]:
    """Return what still runs of a session, and the guards of its folders, after five seconds."""

    def there() -> list[str]:
        found = []
        for process in psutil.process_iter(["cmdline", "status"]):
            try:
                ours = os.getsid(process.pid) == session
            except ProcessLookupError:
                continue
            if ours and process.info["status"] != psutil.STATUS_ZOMBIE:
                found.append(" ".join(process.info["cmdline"] or ()))
        return found

    end = time.monotonic() + 5
    while (found := there()) and time.monotonic() < end:
        time.sleep(0.1)
    return found


def until(condition: Callable[[], object]) -> None:
    end = time.monotonic() + HANGS_SECONDS
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


@pytest.mark.parametrize("number", ENDS)
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("whom", [os.kill, os.killpg], ids=["process", "group"])
def test_a_signal_ends_it_in_order(
    place: Path, number: signal.Signals, engine: str, whom: Callable[[int, int], None]
) -> None:
    process = started(["process", "chunks", "--out", "out", "--quiet", *ENGINES[engine]], place)
    until((place / "out" / "checkpoints").exists)
    time.sleep(random.Random(f"{number}{engine}{whom}").uniform(0, 2))  # noqa: S311 - when is no secret
    whom(process.pid, number)
    _, told = process.communicate(timeout=HANGS_SECONDS)
    assert (process.returncode, told) in (ENDS[number], (0, ""))
    assert left_of(process.pid) == []
    assert os.listdir(place / "temporary") == []
    assert shell("xyy process chunks --out out --resume --quiet", place).returncode == 0


@pytest.mark.parametrize("engine", ["futures", "dask"])
def test_so_does_the_end_of_the_process_itself(place: Path, engine: str) -> None:
    process = started(["process", "chunks", "--out", "out", "--quiet", *ENGINES[engine]], place)
    until((place / "out" / "checkpoints").exists)
    if engine == "dask":
        until(lambda: os.listdir(place / "temporary"))
    process.kill()
    _, told = process.communicate(timeout=HANGS_SECONDS)
    assert told == ""
    assert left_of(process.pid) == []
    end = time.monotonic() + 5
    while os.listdir(place / "temporary") and time.monotonic() < end:
        time.sleep(0.1)
    assert os.listdir(place / "temporary") == []


def test_a_bench_takes_its_events_along(tmp_path: Path) -> None:
    process = started(["bench", "--quick"], tmp_path)
    until(lambda: list((tmp_path / "temporary").glob("xyy-bench-*/**/*.root")))
    process.terminate()
    _, told = process.communicate(timeout=HANGS_SECONDS)
    assert (process.returncode, told.splitlines()[-1]) == (143, "xyy: terminated; run it again")
    assert left_of(process.pid) == []
    assert os.listdir(tmp_path / "temporary") == []


def test_a_signal_that_nothing_can_be_raised_at_comes_again(tmp_path: Path) -> None:
    (tmp_path / "finalised.py").write_text(
        "import signal, time\n"
        "from tools import ending\n"
        "class Finalised:\n"
        "    def __del__(self):\n"
        "        signal.raise_signal(signal.SIGTERM)\n"
        "ending.in_order()\n"
        "try:\n"
        "    Finalised()\n"
        "    time.sleep(60)\n"
        "except KeyboardInterrupt:\n"
        "    print('unwound by', ending.received())\n"
    )
    done = shell(f"{sys.executable} finalised.py", tmp_path)
    assert (done.stdout, done.stderr) == ("unwound by 15\n", "")


def test_what_is_ignored_stays_so(place: Path) -> None:
    """As after ``nohup``."""
    line = "trap '' HUP; xyy process chunks --out out --quiet & sleep 0.5; kill -HUP $!; wait $!"
    done = shell(line, place)
    assert (done.returncode, done.stderr) == (0, "")


def test_ctrl_c_on_the_way_to_the_first_line_ends_in_no_traceback(tmp_path: Path) -> None:
    """From where our first file is read on: Python's own first milliseconds are its own."""
    (tmp_path / "sitecustomize.py").write_text("import os; os.kill(os.getpid(), 2); 1 + 1\n")
    done = shell("xyy --help", tmp_path, PYTHONPATH=str(tmp_path))
    assert (done.returncode, done.stderr) == (130, "xyy: interrupted; run it again\n")
