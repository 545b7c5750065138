"""Worker processes: same results, one clear message, and nothing left behind."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import cloudpickle
import pytest

from tools.ending import SIGNALS
from tools.errors import XyyError
from tools.executors import Execution, Session
from tools.executors import survived as survived_anywhere
from tools.generate import generate_sample
from tools.locks import one_writer
from tools.pool import completed, cores, one_by_one, survived
from tools.samples import Catalogue

# Workers cannot import this module: what it defines goes to them by value.
cloudpickle.register_pickle_by_value(sys.modules[__name__])


def square(number: int) -> tuple[int, int]:
    return number**2, os.getpid()


def fail_at_three(number: int) -> int:
    if number == 3:
        raise XyyError("no more than two")
    return number


def die_at_three(number: int) -> int:
    if number == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def environment(_number: int) -> str | None:
    return os.environ.get("PYTHONSAFEPATH")


def test_all_results_come_from_as_many_processes_as_wanted() -> None:
    here = dict(completed(square, range(5), 1, what="squares"))
    assert here == {number: (number**2, os.getpid()) for number in range(5)}
    there = dict(completed(square, range(5), 2, what="squares"))
    assert {number: result for number, (result, _) in there.items()} == {
        number: result for number, (result, _) in here.items()
    }
    assert os.getpid() not in {process for _, process in there.values()}
    assert 1 <= cores() <= (os.cpu_count() or 1)


def test_a_folder_of_the_user_cannot_shadow_ours() -> None:
    assert dict(completed(environment, range(1), 2, what="look")) == {0: "1"}


def test_the_first_failure_is_raised_as_it_is() -> None:
    with pytest.raises(XyyError, match=r"^no more than two$"):
        list(completed(fail_at_three, range(100), 2, what="some"))


def test_a_dead_worker_is_told_in_one_message() -> None:
    message = r"^some numbers: a worker died .* memory for 2 workers\); run it again"
    with pytest.raises(XyyError, match=message):
        list(completed(die_at_three, range(100), 2, what="some numbers"))


def deaf(_number: int) -> set[int]:
    return set(signal.pthread_sigmask(signal.SIG_BLOCK, []))


def test_a_worker_leaves_signals_to_its_parent() -> None:
    assert dict(completed(deaf, range(2), 2, what="look"))[0] >= set(SIGNALS)
    assert deaf(0) == set()


# ---- the command, ended from outside -------------------------------------------------------------


def group(leader: int) -> set[int]:
    """Return the processes of a group that still run."""
    listing = subprocess.run(
        ["ps", "-A", "-o", "pid=,pgid=,stat="], capture_output=True, text=True, check=True
    )
    lines = (line.split() for line in listing.stdout.splitlines())
    return {int(p) for p, g, state in lines if int(g) == leader and not state.startswith("Z")}


def wait_until_gone(leader: int, seconds: float = 120.0) -> None:
    end = time.monotonic() + seconds
    while left := group(leader):
        assert time.monotonic() < end, f"still there: {left}"
        time.sleep(0.1)


@pytest.fixture
def running(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Start to generate more than can be made in this test, in a process group of its own."""
    words = ["generate", "background", "--events", "500000000", "--format", "root"]
    start = [sys.executable, "-c", "from analysis.start import main; main()", *words]
    process = subprocess.Popen(
        [*start, "--workers", "2", "--out", "made", "--quiet"],
        cwd=tmp_path, start_new_session=True, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    end = time.monotonic() + 300
    while not list(tmp_path.glob("made/.xyy.new/background/part-*.root")):
        assert process.poll() is None
        assert time.monotonic() < end, "no chunk in five minutes"
        time.sleep(0.05)
    yield process
    for left in group(process.pid):
        os.kill(left, signal.SIGKILL)
    process.communicate()


def test_ctrl_c_leaves_no_file_and_no_process(
    running: subprocess.Popen[str], tmp_path: Path
) -> None:
    os.killpg(running.pid, signal.SIGINT)  # as a terminal does: to all of them
    _, errors = running.communicate(timeout=300)
    assert running.returncode == 130
    assert errors == "xyy: interrupted; nothing is half written, run it again\n"
    wait_until_gone(running.pid)
    assert list(tmp_path.iterdir()) == []


def test_workers_end_with_a_killed_parent(
    running: subprocess.Popen[str], tmp_path: Path, catalogue: Catalogue
) -> None:
    running.kill()
    running.wait()
    wait_until_gone(running.pid)
    assert not (tmp_path / "made" / "manifest.json").exists()
    with one_writer(tmp_path / "made"):
        generate_sample(catalogue, "background", tmp_path / "made", events=9, file_format="root")
    left = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.*"))
    assert left == ["made/background/part-00000.root", "made/manifest.json"]


def test_a_killed_worker_ends_it_all(running: subprocess.Popen[str], tmp_path: Path) -> None:
    listing = subprocess.run(
        ["ps", "-A", "-o", "pid=,ppid=,args="], capture_output=True, text=True, check=True
    )
    lines = [line.split(maxsplit=2) for line in listing.stdout.splitlines()]
    workers = [
        int(p) for p, parent, words in lines if int(parent) == running.pid and "popen_loky" in words
    ]
    assert len(workers) == 2
    os.kill(workers[0], signal.SIGKILL)
    _, errors = running.communicate(timeout=300)
    assert running.returncode == 1
    assert errors.startswith("xyy: generating background: a worker died (killed, or not enough")
    assert errors.count("\n") == 1
    wait_until_gone(running.pid)
    assert list(tmp_path.iterdir()) == []


def test_a_task_that_ends_its_process_is_told_and_the_others_go_on() -> None:
    assert list(one_by_one(die_at_three, [1, 3, 3, 4])) == [(1, 1), (3, None), (3, None), (4, 4)]


@pytest.mark.parametrize("workers", [1, 2])
def test_others_are_done_whoever_ends_a_process(workers: int) -> None:
    tasks = [1, 2, 3, 4, 5, 3, 6]
    wanted = {number: None if task == 3 else task for number, task in enumerate(tasks)}
    assert dict(survived(die_at_three, tasks, workers)) == wanted


def test_a_worker_of_dask_that_dies_takes_its_task_alone() -> None:
    execution = Execution(engine="dask", workers=2)
    with Session(execution) as session:
        done = dict(survived_anywhere(die_at_three, [1, 3, 4], session, what="test"))
    assert done == {0: 1, 1: None, 2: 4}
