"""A dask worker of another Python, with the same dask: refused with one message, and at once."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from tests.services.conftest import Finished

    Xyy = Callable[..., Finished]
    Daemon = Callable[..., AbstractContextManager[subprocess.Popen[bytes]]]
INSTALL_SECONDS = 180
DASK = [f"{name}=={metadata.version(name)}" for name in ("dask", "distributed")]


def interpreters() -> dict[int, Path]:
    """Return Pythons by minor version, ours left out: those on the PATH, and pyenv's."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    folders = [*map(Path, os.environ["PATH"].split(os.pathsep)), *pyenv.glob("versions/*/bin")]
    found: dict[int, Path] = {}
    for path in sorted(path for folder in folders for path in folder.glob("python3*")):
        if path.name.removeprefix("python3.").isdecimal():  # no python3.12-config
            asked = (path, "-c", "import ensurepip, sys; print(sys.version_info[1])")
            said = subprocess.run(asked, capture_output=True, text=True, check=False).stdout.strip()
            if said:  # pyenv's shims of versions that are not chosen say nothing
                found.setdefault(int(said), path)
    found.pop(sys.version_info.minor, None)
    return found


def installed(python: Path, folder: Path) -> str:
    """Make an environment of `python` with dask in it; return why that cannot be, or nothing."""
    commands: tuple[list[str | Path], ...] = (
        [python, "-m", "venv", folder],
        [folder / "bin" / "python", "-m", "pip", "install", "--quiet", *DASK],
    )
    try:
        for command in commands:
            done = subprocess.run(
                command, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False
            )
            if done.returncode:
                return (done.stderr.strip() or done.stdout.strip() or "no venv").splitlines()[-1]
    except subprocess.TimeoutExpired:
        return f"not within {INSTALL_SECONDS} s"
    return ""


@pytest.fixture(scope="module")
def another_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of an environment with our dask and another Python."""
    reasons = []
    found = interpreters()
    for minor in sorted(found, reverse=True):  # dask has given up the old ones
        python = found[minor]
        folder = tmp_path_factory.mktemp(python.name)
        reason = installed(python, folder)
        if not reason:
            return folder / "bin" / "python"
        reasons.append(f"{python}: {reason}")
    pytest.skip(f"no other Python to be had with {' '.join(DASK)}: {'; '.join(reasons) or 'none'}")


def test_a_worker_of_another_python_is_refused(
    store: Path,
    xyy: "Xyy",
    run_daemon: "Daemon",
    running: Callable[[], set[int]],
    another_python: Path,
    tmp_path: Path,
) -> None:
    file = tmp_path / "scheduler.json"
    scheduler = (sys.executable, "-m", "distributed.cli.dask_scheduler", "--host=127.0.0.1",
                 "--port=0", "--no-dashboard", f"--scheduler-file={file}")  # fmt: skip
    worker = (another_python, "-m", "distributed.cli.dask_worker", f"--scheduler-file={file}",
              "--nthreads=1", "--no-nanny", "--no-dashboard", f"--local-directory={tmp_path}",
              "--name=other")  # fmt: skip
    before = running()
    with run_daemon(scheduler, file.is_file), run_daemon(worker, lambda: True):
        start = time.monotonic()
        run = xyy("process", store, "--out", tmp_path / "out", "--scheduler", file)
        seconds = time.monotonic() - start
    # A worker starts processes of its own; what is left when it is gone would be ours.
    assert running() <= before
    assert seconds < 60
    assert run.code == 1
    assert run.said.startswith(("waiting for a dask worker", "xyy: "))
    said = run.said[run.said.index("xyy: ") :]
    assert said.startswith("xyy: the worker tcp://127.0.0.1:")
    assert f"(here 3.{sys.version_info.minor}." in said
    assert said.endswith("give it the same environment as here")
    assert not (tmp_path / "out").exists()
