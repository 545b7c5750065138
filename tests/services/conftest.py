"""Real services on loopback for the tests of this folder: nginx, XRootD, Slurm and dask; Chromium.

All they write is in one temporary folder, on free ports, beside whatever else runs here. Each is a
session of its own that the kernel ends with this process (``setpriv --pdeathsig``); Slurm's jobs,
which are not its children, are cancelled, and at the end whatever still carries the folder's name
in its environment is killed. ``make test`` does not come here, ``make test-services`` does.
"""

import contextlib
import getpass
import os
import platform
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NoReturn

import pytest

from tools.manifest import Manifest

collect_ignore = ["roofit_fits.py", "root_files.py"]
"""for a Python with ROOT, which ours has not"""
PACKAGES = ("xrootd-server", "slurm-wlm", "munge", "nginx-light", "chromium")
PROGRAMS = (
    *("nginx", "xrootd", "munged", "slurmctld", "slurmd", "chromium"),
    *("sbatch", "squeue", "scancel", "scontrol", "sinfo", "setpriv"),
)
MARK = "XYY_SERVICES"
"""Variable with the folder's name, in the environment of all that is started."""
ROOT = os.geteuid() == 0
INSTALL_SECONDS = 300
"""for ROOT"""
_reasons: list[str] = []


def skipped(reason: str) -> NoReturn:
    """End the session: a service cannot be had."""
    _reasons.append(reason)
    pytest.exit(reason, returncode=1)


@pytest.fixture(scope="session", name="skipped")
def _skipped() -> Callable[[str], NoReturn]:
    """`skipped`, for the tests' own fixtures."""
    return skipped


def pytest_unconfigure() -> None:
    for reason in _reasons:
        sys.stdout.write(f"SKIPPED: {reason}\n")


def have_programs() -> None:
    """Find what the services need; install it if that was asked for."""
    os.environ["PATH"] += os.pathsep + "/usr/sbin"
    if missing() and ROOT and os.environ.get("XYY_INSTALL_SERVICES") == "1":
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        for words in (("update",), ("install", "--yes", "--no-install-recommends", *PACKAGES)):
            subprocess.run(("apt-get", "--quiet", *words), env=environment, check=False)
    if missing():
        skipped(
            f"{', '.join(missing())} not found; `apt-get install {' '.join(PACKAGES)}`, "
            "or XYY_INSTALL_SERVICES=1 as root"
        )


def missing() -> list[str]:
    return [program for program in PROGRAMS if shutil.which(program) is None]


@pytest.fixture(scope="session")
def place() -> Iterator[Path]:
    """A folder that every daemon can read; all that was started with it ends with it."""
    have_programs()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # `kill` ends it as Ctrl-C does
    place = Path(tempfile.mkdtemp(prefix="xyy-services-"))
    place.chmod(0o755)
    os.environ[MARK] = str(place)
    try:
        yield place
    finally:
        for number in marked(place):
            with contextlib.suppress(ProcessLookupError):
                os.kill(number, signal.SIGKILL)
        shutil.rmtree(place, ignore_errors=True)


def marked(place: Path) -> dict[int, str]:
    """Return the processes that were started with `place`, with their command lines."""
    found = {}
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            environment = (process / "environ").read_bytes().split(b"\0")
            if f"{MARK}={place}".encode() in environment and int(process.name) != os.getpid():
                words = (process / "cmdline").read_bytes().replace(b"\0", b" ")
                found[int(process.name)] = words.decode(errors="replace")
    return found


@contextlib.contextmanager
def daemon(
    place: Path, command: Sequence[object], ready: Callable[[], bool], *, user: str = ""
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a daemon in the foreground, from when it is `ready`; `user` is who it is for root."""
    name = Path(str(command[0])).name
    drop = (f"--reuid={user}", f"--regid={user}", "--clear-groups") if user and ROOT else ()
    words = ("setpriv", "--pdeathsig", "TERM", *drop, "--", *map(str, command))
    log = place / f"{name}.log"
    with log.open("ab") as out:
        process = subprocess.Popen(words, stdout=out, stderr=out, start_new_session=True)
    try:
        if not soon(lambda: process.poll() is not None or ready(), seconds=120) or process.poll():
            said = log.read_text(errors="replace").strip().splitlines() or ["it says nothing"]
            skipped(f"{name} does not start: {said[-1]}")
        yield process
    finally:
        for number in (signal.SIGCONT, signal.SIGTERM):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, number)
        try:
            process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@pytest.fixture(scope="session")
def run_daemon(place: Path) -> Callable[..., contextlib.AbstractContextManager[object]]:
    """`daemon`, of the tests' place."""
    return partial(daemon, place)


@pytest.fixture(scope="session")
def running(place: Path) -> Callable[[], set[int]]:
    """What says which processes run that were started here."""
    return lambda: set(marked(place))


def soon(condition: Callable[[], bool], *, seconds: float) -> bool:
    """Return whether a condition comes true within a time."""
    give_up = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > give_up:
            return False
        time.sleep(0.1)
    return True


def free_port() -> int:
    """Return a port that is free now; another program can take it before the daemon: 1e-4."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


def listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


@dataclass(frozen=True)
class Finished:
    """A run of the program that came to its end."""

    code: int
    said: str
    """on stderr, in one line"""


@pytest.fixture(scope="session")
def xyy(place: Path) -> Callable[..., Finished]:
    """The program, in a process of its own, in a folder of its own."""
    program = Path(sys.executable).with_name("xyy")

    def run(*words: object) -> Finished:
        command = [str(word) for word in (program, *words)]
        done = subprocess.run(
            command, cwd=place, capture_output=True, text=True, timeout=120, check=False
        )
        return Finished(done.returncode, " ".join(done.stderr.split()))

    return run


@pytest.fixture(scope="session")
def store(place: Path, chunks: Manifest) -> Path:
    """The small samples, where the servers can read them."""
    store = Path(shutil.copytree(chunks.folder, place / "store"))
    for folder in (store, *(each for each in store.rglob("*") if each.is_dir())):
        folder.chmod(0o755)  # the tests' own are for their user alone
    return store


@dataclass(frozen=True)
class FileServer:
    """A running server of `store`."""

    address: str
    process: subprocess.Popen[bytes]


@pytest.fixture(scope="session")
def nginx(place: Path, store: Path) -> Iterator[FileServer]:
    port, folder = free_port(), place / "nginx"
    folder.mkdir()
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    (folder / "nginx.conf").write_text(
        f"""\
daemon off; master_process off; pid {folder}/pid; error_log stderr;
events {{ }}
http {{
  {"".join(f"{kind}_temp_path {folder}/{kind}; " for kind in kinds)}
  access_log off; sendfile on;
  server {{ listen 127.0.0.1:{port}; root {store}; }}
}}
"""
    )
    command = ("nginx", "-p", folder, "-e", "stderr", "-c", folder / "nginx.conf")
    with daemon(place, command, lambda: listens(port)) as process:
        yield FileServer(f"http://127.0.0.1:{port}", process)


@pytest.fixture(scope="session")
def xrootd(place: Path, store: Path) -> Iterator[FileServer]:
    with xrootd_server(place, store, "xrootd") as server:
        yield server


@pytest.fixture
def spare_xrootd(place: Path, store: Path) -> Iterator[FileServer]:
    """One that a test may stop."""
    with xrootd_server(place, store, f"spare-{free_port()}") as server:
        yield server


@contextlib.contextmanager
def xrootd_server(place: Path, store: Path, name: str) -> Iterator[FileServer]:
    """Run an XRootD server; it refuses to be root."""
    port, folder = free_port(), place / name
    folder.mkdir()
    (folder / "xrootd.cfg").write_text(
        f"""\
all.export /
all.adminpath {folder}/admin
all.pidpath {folder}/run
oss.localroot {store}
xrd.port {port}
xrd.network nodnr
"""
    )
    if ROOT:
        shutil.chown(folder, "xrootd", "xrootd")
    command = ("xrootd", "-c", folder / "xrootd.cfg", "-n", name)
    with daemon(place, command, lambda: listens(port), user="xrootd") as process:
        yield FileServer(f"root://127.0.0.1:{port}/", process)


class Slurm:
    """A running cluster of one node with two cores."""

    def __init__(self, place: Path) -> None:
        self.place = place

    def asked(self, *command: str) -> list[str]:
        """Return the lines that a command of Slurm prints, without their header."""
        words = (command[0], "--noheader", *command[1:])
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        return done.stdout.splitlines()

    def running(self) -> list[str]:
        """Return the numbers of the running jobs."""
        return self.asked("squeue", "--states=RUNNING", "--format=%i")

    def state(self, job: str) -> str:
        """Return what became of a job."""
        (state,) = self.asked("squeue", "--states=all", f"--jobs={job}", "--format=%T")
        return state

    def processes(self) -> list[str]:
        """Return the command lines of all dask workers that were started here."""
        return [words for words in marked(self.place).values() if "dask" in words]

    def cancel_all(self) -> None:
        """Cancel all jobs and wait for their end."""
        subprocess.run(("scancel", f"--user={getpass.getuser()}"), check=False)
        soon(lambda: not self.asked("squeue"), seconds=20)


@pytest.fixture(scope="session")
def slurm(place: Path) -> Iterator[Slurm]:
    """The cluster; the variables that its clients need are set."""
    cluster = Slurm(place)
    folder = place / "slurm"
    for part in ("state", "spool", "munge", "jobs"):
        (folder / part).mkdir(parents=True, mode=0o755)
    configuration = slurm_configuration(folder)
    os.environ.update(SLURM_CONF=str(configuration), DASK_CONFIG=str(dask_configuration(folder)))
    key = folder / "munge" / "key"
    key.touch(mode=0o600)
    key.write_bytes(os.urandom(128))
    own = folder / "munge"
    files = (f"--{kind}-file={own / kind}" for kind in ("key", "pid", "log", "seed"))
    command = ("munged", "--foreground", "--force", f"--socket={own / 'socket'}", *files)
    with contextlib.ExitStack() as stack:
        stack.enter_context(daemon(place, command, (own / "socket").exists))
        stack.enter_context(
            daemon(
                place,
                ("slurmctld", "-D", "-f", configuration),
                lambda: bool(cluster.asked("sinfo")),
            )
        )
        stack.enter_context(
            daemon(
                place,
                ("slurmd", "-D", "-f", configuration),
                lambda: cluster.asked("sinfo", "--format=%T") == ["idle"],
            )
        )
        stack.callback(cluster.cancel_all)
        yield cluster


def slurm_configuration(folder: Path) -> Path:
    host, me = platform.node().split(".")[0], getpass.getuser()
    path = folder / "slurm.conf"
    path.write_text(
        f"""\
ClusterName=xyy
SlurmctldHost={host}(127.0.0.1)
SlurmUser={me}
SlurmdUser={me}
AuthInfo=socket={folder}/munge/socket
SlurmctldPort={free_port()}
SlurmdPort={free_port()}
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
MpiDefault=none
ReturnToService=2
KillWait=2
SlurmdParameters=config_overrides
NodeName={host} NodeAddr=127.0.0.1 CPUs=2 RealMemory=16000
PartitionName=debug Nodes={host} Default=YES
"""
    )
    return path


def dask_configuration(folder: Path) -> Path:
    """Write what dask-jobqueue reads, as a site's administrators would."""
    path = folder / "jobqueue.yaml"
    path.write_text(
        f"""\
jobqueue:
  slurm:
    queue: debug
    interface: lo
    cores: 1
    processes: 1
    memory: 2GiB
    walltime: "00:10:00"
    local-directory: {folder}/jobs
    log-directory: {folder}/jobs
"""
    )
    return path


def python_with_root(place: Path) -> tuple[Path | None, str]:
    """Return a Python that has ROOT, installed if that was asked for; or None and the reason."""
    for there in (sys.executable, shutil.which("python3") or sys.executable):
        asked = (there, "-c", "import ROOT; ROOT.RooSimultaneous")
        if not subprocess.run(asked, capture_output=True, check=False).returncode:
            return Path(there), ""
    if os.environ.get("XYY_INSTALL_SERVICES") != "1":
        return None, "no Python on the PATH has it; XYY_INSTALL_SERVICES=1 installs it for the test"
    python = place / "bin" / "python"
    commands: tuple[list[str | Path], ...] = (
        [sys.executable, "-m", "venv", place],
        [python, "-m", "pip", "install", "--quiet", "root"],
    )
    try:
        for command in commands:
            done = subprocess.run(
                command, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False
            )
            if done.returncode:
                return None, (done.stderr.strip() or done.stdout.strip()).splitlines()[-1]
    except subprocess.TimeoutExpired:
        return None, f"not installed within {INSTALL_SECONDS} s"
    return python, ""


@pytest.fixture(scope="session")
def root_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of an environment with ROOT."""
    python, reason = python_with_root(tmp_path_factory.mktemp("root"))
    if python is None and os.environ.get("XYY_INSTALL_SERVICES") == "1":
        pytest.fail(f"no ROOT: {reason}")
    if python is None:
        pytest.skip(f"no ROOT: {reason}")
    return python
