"""Where dask's scheduler and workers are: on this machine, in a batch system, or already running.

A scheduler runs the code of anyone who reaches its port, and every user of a machine reaches its
loopback. So ours talk TLS, here and in a batch system, with certificates made for the occasion; an
existing one on another machine must have a ``tls://`` address (``--insecure`` says otherwise).
dask's dashboard has no password and shows files, code and logs to all of them, so ours have none.

Batch systems are described in dask-jobqueue's own file, as every site knows it.
"""

import ipaddress
import json
import os
import shutil
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from tempfile import gettempdir
from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, urlsplit

from tools import temporary
from tools.errors import InputError, XyyError
from tools.executors.execution import Execution
from tools.pool import WORKER_ENVIRONMENT
from tools.system_errors import told_by_any

if TYPE_CHECKING:
    from distributed import Security, SpecCluster

LOOPBACK = "127.0.0.1"
_NO_DASHBOARD = {"dashboard": False, "dashboard_address": f"{LOOPBACK}:0"}
"""Its server listens, on any free port, and has nothing to say: see `settings`."""
_HERE = {**WORKER_ENVIRONMENT, "DASK_LOGGING__DISTRIBUTED": "critical"}
ENVIRONMENT = (*_HERE, "PYTHONHASHSEED")
"""What dask's nannies set, for the workers that they start and, in passing, for themselves."""
_MEMORY_RULES = ("target", "spill", "pause")
_LONGEST_SOCKET = 107
"""bytes of the path of a socket, on Linux (unix(7))"""
_IMPORTED = ("distributed", "coffea.processor")
_SUBMIT = {"slurm": "sbatch", "htcondor": "condor_submit"}
_NEEDED = {"slurm": ("cores", "memory"), "htcondor": ("cores", "memory", "disk")}
_ADAPTIVE = {"interval": "500ms", "target_duration": "1s"}
"""So that a few tasks of a second for each worker are a reason to start it."""


def scheduler_address(execution: Execution) -> str:
    """Return the address of the existing scheduler of `execution`.

    Raises
    ------
    InputError
        If it is none, its scheduler file cannot be read, or it would be open to others.
    """
    text = str(execution.scheduler)
    address = text if "://" in text else _in_file(Path(text)) or f"tcp://{text}"
    parts = urlsplit(address)
    if parts.scheme not in {"tcp", "tls"} or not parts.hostname or not _port(parts):
        raise InputError(
            f"--scheduler {text}: neither a scheduler file nor an address like tcp://HOST:PORT or "
            "tls://HOST:PORT"
        )
    if parts.scheme == "tcp" and not _is_loopback(parts.hostname) and not execution.insecure:
        raise InputError(
            f"--scheduler {address}: without TLS anyone on the network could run code as you; start"
            " the scheduler with TLS (tls://HOST:PORT), or accept it with --insecure"
        )
    return address


def _port(parts: SplitResult) -> int | None:
    try:
        return parts.port
    except ValueError:
        return None


def _in_file(path: Path) -> str | None:
    """Return the address in a scheduler file, or None if there is no such file."""
    if not path.is_file():
        return None
    try:
        return str(json.loads(path.read_text(encoding="utf-8"))["address"])
    except (OSError, ValueError, KeyError, TypeError):
        raise InputError(f"--scheduler {path}: it is no scheduler file of dask") from None


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def settings(execution: Execution, place: Path) -> dict[str, Any]:
    """Return the dask settings under which a cluster of ours lives, with its files in `place`."""
    return {
        "temporary-directory": str(place),
        "distributed.nanny.pre-spawn-environ": _HERE,
        # Workers keep what they freed (see `memory`): dask would take it for a leak.
        **{f"distributed.worker.memory.{rule}": False for rule in _MEMORY_RULES},
        "distributed.worker.multiprocessing-method": "forkserver" if _forked() else "spawn",
        "distributed.comm.timeouts.connect": "15s",
        "distributed.scheduler.http.routes": [],
        "distributed.worker.http.routes": [],
        # Here nobody takes workers away: who loses one is taken apart at once (see `in_dask`).
        **({} if execution.cluster else {"distributed.scheduler.allowed-failures": 0}),
    }


def _forked() -> bool:
    """Return whether workers here are forked from a process that has imported what they need.

    Then the second one and every replacement starts at once. Libraries of other systems do not bear
    it, nor does it work where the path of its socket is too long for one: by a deep TMPDIR.
    """
    socket = os.fsencode(f"{gettempdir()}/pymp-01234567/listener-01234567")
    return sys.platform == "linux" and len(socket) <= _LONGEST_SOCKET


def start(
    execution: Execution, place: Path, problems: list[str], opened: ExitStack
) -> "SpecCluster":
    """Return a cluster of our own, whose workers are starting.

    Parameters
    ----------
    execution : Execution
    place : Path
        A private folder, for as long as the cluster lives.
    problems : list of str
        What prevents jobs from being submitted is added to it, later.
    opened : ExitStack
        What is left to be done when the cluster is closed is added to it.

    Raises
    ------
    InputError
        If the batch system is not here, or not described.
    XyyError
        If the cluster cannot be started.
    """
    try:
        if execution.cluster is None:
            return _on_this_machine(execution, place)
        return _in_batch_system(execution, problems, opened)
    except (OSError, RuntimeError, ValueError) as error:
        where = execution.cluster or "this machine"
        raise XyyError(f"dask workers cannot be started on {where}: {_why(error)}") from error


def _why(error: BaseException) -> str:
    """Return what dask says, and what it had from somebody else."""
    said = str(error).removesuffix(".")
    while error.__cause__ is not None:
        error = error.__cause__
    cause = told_by_any(error) or f"{type(error).__name__}: {error}"
    return said if cause.endswith(f": {said}") else f"{said} ({cause})"


def _on_this_machine(execution: Execution, place: Path) -> "SpecCluster":
    from distributed import LocalCluster
    from distributed.utils import get_mp_context

    if _forked():
        get_mp_context().set_forkserver_preload(list(_IMPORTED))
    cluster = LocalCluster(
        n_workers=0 if execution.adaptive else execution.workers,
        threads_per_worker=1,
        memory_limit=None,
        security=_certificates(place),
        dashboard_address=None,
        scheduler_kwargs=_NO_DASHBOARD,
        death_timeout=execution.patience,
    )
    if execution.adaptive:
        cluster.adapt(minimum=1, maximum=execution.workers, **_ADAPTIVE)
    return cluster


def _in_batch_system(execution: Execution, problems: list[str], opened: ExitStack) -> "SpecCluster":
    import dask_jobqueue

    kinds = {"slurm": dask_jobqueue.SLURMCluster, "htcondor": dask_jobqueue.HTCondorCluster}
    kind, described = kinds[str(execution.cluster)], description(execution)
    exports = {
        **WORKER_ENVIRONMENT,
        **{f"DASK_DISTRIBUTED__WORKER__MEMORY__{rule.upper()}": "False" for rule in _MEMORY_RULES},
        "DASK_DISTRIBUTED__WORKER__HTTP__ROUTES": "[]",
    }
    cluster = kind(
        job_cls=_telling(kind.job_cls, problems),
        processes=described["processes"] or described["cores"],
        security=None if execution.insecure else _certificates(_shared(described, opened)),
        job_script_prologue=[
            *(f"export {name}={value}" for name, value in exports.items()),
            *(described["job-script-prologue"] or ()),
        ],
        scheduler_options={**described["scheduler-options"], **_NO_DASHBOARD},
        worker_extra_args=[*(described["worker-extra-args"] or ()), "--no-dashboard"],
    )
    if execution.adaptive:
        cluster.adapt(minimum_jobs=1, maximum_jobs=execution.workers, **_ADAPTIVE)
    else:
        cluster.scale(jobs=execution.workers)
    return cluster


def _shared(described: Mapping[str, Any], opened: ExitStack) -> Path:
    """Return a private folder that the jobs can see, until all is closed."""
    inside = Path(described["shared-temp-directory"] or ".").expanduser().absolute()
    return opened.enter_context(temporary.folder(".xyy-tls-", inside=inside))


def _certificates(folder: Path) -> "Security":
    """Make certificates for TLS, in files of a private folder that only the user can read."""
    from distributed import Security

    made: dict[str, Any] = Security.temporary().get_tls_config_for_role("worker")
    files = {name: str(folder / name) for name in ("ca_file", "cert", "key")}
    for name, file in files.items():
        with open(file, "x", encoding="ascii", opener=_private) as stream:
            stream.write(made[name])
    roles = {
        f"tls_{role}_{name}": files[name]
        for role in ("client", "scheduler", "worker")
        for name in ("cert", "key")
    }
    return Security(require_encryption=True, tls_ca_file=files["ca_file"], **roles)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, mode=0o600)


def description(execution: Execution) -> dict[str, Any]:
    """Return what dask-jobqueue's file says of the jobs of the batch system.

    Raises
    ------
    InputError
        If jobs cannot be submitted here, or the file does not say how large they are.
    """
    import dask
    import dask_jobqueue  # noqa: F401 - its defaults come with it

    name = str(execution.cluster)
    if shutil.which(_SUBMIT[name]) is None:
        raise InputError(
            f"--cluster {name}: there is no {_SUBMIT[name]} here; run xyy where jobs are submitted"
        )
    described: dict[str, Any] = dask.config.get(f"jobqueue.{name}")
    missing = [key for key in _NEEDED[name] if described[key] is None]
    if missing:
        raise InputError(
            f"--cluster {name}: dask-jobqueue is not told the {' and '.join(missing)} of a job; "
            f"write them, and the queue, under `jobqueue: {name}:` in ~/.config/dask/jobqueue.yaml"
        )
    return described


def _telling(kind: type[Any], problems: list[str]) -> type[Any]:
    """Return a kind of job that tells why it could not be submitted; dask only logs it."""

    class Job(kind):  # type: ignore[misc]
        async def start(self) -> None:
            try:
                await super().start()
            except Exception as error:
                said = str(error).partition("stderr:")[2] or str(error)  # of the submit command
                problems.append(" ".join(said.split()))
                raise

    return Job


def slots(execution: Execution) -> int:
    """Return how many tasks a cluster of our own can do at once when all its workers are there."""
    cores = 1 if execution.cluster is None else int(description(execution)["cores"])
    return execution.workers * cores
