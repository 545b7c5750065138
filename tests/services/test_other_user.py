"""What another user of the machine can do to a run, while it lasts: nothing."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from distributed import Security
from distributed.core import rpc

from tools.manifest import Manifest

XYY = Path(sys.executable).with_name("xyy")
ATTACK = """
import asyncio, glob, json, os, sys, urllib.request
from distributed import Client, Security
from distributed.core import rpc

async def answer(address, security):
    try:
        keys = security.get_connection_args("client")
        async with asyncio.timeout(5), rpc(address, connection_args=keys) as there:
            return repr(await there.identity())
    except Exception:
        return None

async def answers(ports):
    tries = [answer(f"{how}://127.0.0.1:{port}", security) for port in ports
             for how, security in (("tcp", Security()), ("tls", own))]
    return [each for each in await asyncio.gather(*tries) if each is not None]

def entered(address, security):
    try:
        with Client(address, timeout=3, security=security, set_as_default=False) as client:
            return client.run_on_scheduler(os.getuid)
    except Exception:
        return None

def page(port, path):
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=1) as answer:
            return answer.read(200).decode(errors="replace")
    except Exception:
        return None

def secret(path):
    try:
        with open(path, "rb") as stream:
            return b"PRIVATE KEY" in stream.read()
    except OSError:
        return False

scheduler, ports, processes, folder = json.loads(sys.argv[1])
own = Security.temporary()
entered("tcp://127.0.0.1:9", None), page(9, "/")  # imports all that the user may not read
os.setgroups([]); os.setgid(65534); os.setuid(65534)
pages = ("/status", "/info/main/workers.html", "/json/counts.json", "/health", "/")
files = [f"/proc/{p}/{name}" for p in processes for name in ("environ", "cmdline")]
files += glob.glob(f"{folder}/**", recursive=True)
print(json.dumps({
    "answers": asyncio.run(answers(ports)),
    "plain": entered(f"tcp://127.0.0.1:{scheduler}", None),
    "own keys": entered(f"tls://127.0.0.1:{scheduler}", own),
    "pages": [text for port in ports for path in pages if (text := page(port, path))],
    "keys": [path for path in files if secret(path)],
}))
"""


@pytest.fixture
def dask_run(chunks: Manifest, tmp_path: Path) -> Iterator[psutil.Process]:
    """A run with dask under umask 000, with workers at work; it is held while the test lasts."""
    if os.geteuid() != 0:
        pytest.skip("only root can become another user")
    (tmp_path / "temporary").mkdir()
    tmp_path.chmod(0o755)
    words = ("process", chunks.folder / "manifest.json", "--out", tmp_path / "out",
             "--executor", "dask", "--workers", 2, "--chunk-events", 1)  # fmt: skip
    process = subprocess.Popen(
        [str(word) for word in (XYY, *words)],
        env={**os.environ, "TMPDIR": str(tmp_path / "temporary")},
        umask=0, start_new_session=True, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stderr is not None
    try:
        assert "2 of 2 tasks at once" in process.stderr.readline()
        yield psutil.Process(process.pid)
        assert process.poll() is None, "the run was over before the attack"
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate()
    assert process.returncode == 143
    assert os.listdir(tmp_path / "temporary") == []


def scheduler_of(ports: list[int], folder: Path) -> int:
    """Return the port of the scheduler, which answers to whoever has the keys of the run."""
    ca, cert, key = (str(folder / name) for name in ("ca_file", "cert", "key"))
    security = Security(
        require_encryption=True, tls_ca_file=ca, tls_client_cert=cert, tls_client_key=key
    )

    async def kind(port: int) -> str:
        keys, address = security.get_connection_args("client"), f"tls://127.0.0.1:{port}"
        try:
            async with asyncio.timeout(10), rpc(address, connection_args=keys) as there:
                return str((await there.identity())["type"])
        except (OSError, TypeError):  # the empty dashboards, and the server of forks
            return "other"

    async def kinds() -> list[str]:
        return await asyncio.gather(*map(kind, ports))

    found = dict(zip(asyncio.run(kinds()), ports, strict=True))
    assert {"Scheduler", "Worker", "Nanny"} <= set(found)
    return found["Scheduler"]


def test_nobody_else_gets_into_dask(dask_run: psutil.Process, tmp_path: Path) -> None:
    ours = [dask_run, *dask_run.children(recursive=True)]
    ports = sorted(
        {place.laddr.port for each in ours for place in each.net_connections("tcp")
         if place.status == psutil.CONN_LISTEN}
    )  # fmt: skip
    (folder,) = (tmp_path / "temporary").glob("xyy-dask-*")
    about = [scheduler_of(ports, folder), ports, [each.pid for each in ours], str(folder.parent)]
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", ATTACK, json.dumps(about)],
        capture_output=True, text=True, check=False, timeout=200,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    nothing: dict[str, object] = {
        "answers": [],
        "plain": None,
        "own keys": None,
        "pages": [],
        "keys": [],
    }
    assert json.loads(done.stdout) == nothing
    assert folder.stat().st_mode & 0o777 == 0o700
    assert (folder / "key").stat().st_mode & 0o777 == 0o600
    for each in ours:
        environment, words = each.environ(), each.cmdline()
        assert not any("PRIVATE KEY" in text for text in (*environment.values(), *words))
