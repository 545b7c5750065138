"""Chunks behind addresses: same histograms as local ones; no server can hold up or fool a run."""

import json
import socket
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from http import HTTPStatus
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
import pytest

from analysis import cli
from analysis.settings.search import Search
from analysis.workflow.process import processor_settings
from processors.diphoton import DiphotonProcessor
from processors.schema import DiphotonSchema
from processors.selection import Selection
from tools import executors, remote
from tools.chunks import DamagedChunkError, verify_content
from tools.errors import InputError
from tools.executors import Execution, Outcome
from tools.manifest import Manifest, Part
from tools.remote import DeadServerError, RemoteError
from tools.samples import Catalogue

HANGS_S = 60.0
"""for what ends at once, or never"""


class Handler(SimpleHTTPRequestHandler):
    """Serves whole files, no ranges; the first folder of a path is what goes wrong with them."""

    server: "Server"

    def do_GET(self) -> None:
        trouble, _, self.path = self.path[1:].partition("/")
        if trouble == "once" and self.path not in self.server.cut:  # only the first time
            self.server.cut.add(self.path)
            trouble = "cut"
        {"moved": self._move, "deaf": self._wait, "nonsense": self._babble}.get(
            trouble, partial(self._serve, trouble)
        )()

    def _move(self) -> None:
        self.send_response(HTTPStatus.FOUND)
        self.send_header("Location", f"/good/{self.path}")
        self.end_headers()

    def _wait(self) -> None:
        """Answer nothing more; end when the client hangs up."""
        self.connection.settimeout(HANGS_S)
        self.rfile.read()

    def _babble(self) -> None:
        self.wfile.write(b"no HTTP at all\r\n\r\n")

    def _serve(self, trouble: str) -> None:
        path = Path(self.directory) / self.path
        if not path.is_file():
            self.send_error(HTTPStatus.NOT_FOUND)
            return
        content = bytearray(path.read_bytes())
        half = len(content) // 2
        if trouble == "flipped":
            content[half] ^= 1
        if trouble == "other":
            content += b"more"
        self.send_response(HTTPStatus.OK)
        if trouble != "endless":
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if trouble == "drips":
            for byte in content:
                self.wfile.write(bytes([byte]))
                time.sleep(0.05)
        elif trouble == "endless":
            while True:
                self.wfile.write(content)
        elif trouble in {"cut", "stalls"}:
            self.wfile.write(content[:half])
            self._wait() if trouble == "stalls" else None
        else:
            self.wfile.write(content)

    def log_message(self, *_about: object) -> None:
        pass


class Server(ThreadingHTTPServer):
    def __init__(self, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), partial(Handler, directory=str(folder)))
        self.cut: set[str] = set()

    def handle_error(self, *_about: object) -> None:
        pass  # clients hang up, as they should


@pytest.fixture(scope="module")
def server(chunks: Manifest) -> Iterator[str]:
    """The address of a server of the small samples' folder."""
    with Server(chunks.folder) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


class Clock:
    """A clock that goes on when it is told to, and by `step` whenever one looks at it."""

    def __init__(self, step: float = 0.0) -> None:
        self.now, self.step = 1000.0, step

    def monotonic(self) -> float:
        self.now += self.step
        return self.now


@pytest.fixture(autouse=True)
def _fresh(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No servers known to be dead, no proxy, and a temporary folder to see."""
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    monkeypatch.setattr(remote, "_failing", {})
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture(scope="module")
def processor(catalogue: Catalogue, search: Search) -> DiphotonProcessor:
    return DiphotonProcessor(processor_settings(catalogue.columns, search, Selection({})))


@pytest.fixture
def nobody() -> Iterator[str]:
    """Host and port that nobody listens on, nor can until the test ends."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{taken.getsockname()[1]}"


def moved(manifest: Manifest, base: str) -> Manifest:
    """Return the same manifest with every part behind an address."""
    samples = {
        name: replace(
            sample, parts=tuple(replace(part, path=f"{base}/{part.path}") for part in sample.parts)
        )
        for name, sample in manifest.samples.items()
    }
    return replace(manifest, samples=samples)


def run(manifest: Manifest, processor: DiphotonProcessor, **how: Any) -> Outcome:
    items = executors.plan(
        manifest, list(manifest.samples), chunk_events=how.pop("chunk_events", None)
    )
    return executors.run(processor, items, schema=DiphotonSchema, execution=Execution(**how))


def fetch(address: str, part: Part) -> bytes:
    """Return a checked chunk's bytes."""
    content = remote.fetch(address, part.bytes)
    verify_content(content, part, name=address)
    return content


@pytest.fixture
def part(chunks: Manifest) -> Part:
    return chunks.samples["signal_500"].parts[0]


@pytest.mark.parametrize(
    ("folder", "how"),
    [
        ("good", {"chunk_events": 5000}),
        ("moved", {"engine": "futures", "workers": 2}),
        ("once", {}),
    ],
)
def test_histograms_are_those_of_local_files_bit_for_bit(
    chunks: Manifest, processor: DiphotonProcessor, server: str, folder: str, how: dict[str, Any]
) -> None:
    local = run(chunks, processor)
    fetched = run(moved(chunks, f"{server}/{folder}"), processor, **how)
    assert fetched.ledger == local.ledger
    assert all(sample.complete for sample in fetched.ledger.values())
    assert set(fetched.outputs) == set(chunks.samples)
    for name, named in local.outputs.items():
        for kind, histogram in named.items():
            there = fetched.outputs[name][kind]
            assert np.array_equal(histogram.view(flow=True), there.view(flow=True)), (name, kind)


def test_a_chunk_comes_whole_and_leaves_no_file(
    chunks: Manifest, part: Part, server: str, tmp_path: Path
) -> None:
    there = fetch(f"{server}/good/{part.path}", part)
    assert there == (chunks.folder / part.path).read_bytes()
    assert not list((tmp_path / "temporary").iterdir())


def test_no_more_is_taken_than_the_manifest_says(part: Part, server: str) -> None:
    """The server sends for ever."""
    tracemalloc.start()
    try:
        with pytest.raises(DamagedChunkError, match=r"endless/.* came with more bytes where the m"):
            fetch(f"{server}/endless/{part.path}", part)
        assert tracemalloc.get_traced_memory()[1] < 2 * part.bytes + (4 << 20)
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("trouble", "error", "message"),
    [
        ("cut", DamagedChunkError, "came with .* bytes where the manifest .* cut off on"),
        ("other", DamagedChunkError, "came with .* bytes .* or another file; run again, or put"),
        ("flipped", DamagedChunkError, "has another checksum than the manifest says"),
        ("deaf", DeadServerError, r"no answer from its server \(timed out\); is it up\?"),
        ("stalls", DeadServerError, r"no answer from its server \(timed out\); is it up\?"),
        ("drips", DeadServerError, r"no answer from its server \(slower than 100 kB/s\)"),
        ("nonsense", DeadServerError, r"no answer from its server \(.*no HTTP at all"),
    ],
)
def test_what_a_server_does_wrong_is_told_with_the_address(
    part: Part, server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    trouble: str, error: type[Exception], message: str,
) -> None:  # fmt: skip
    """The server itself ends nothing of it."""
    if trouble in {"deaf", "stalls"}:
        monkeypatch.setattr(remote, "SILENCE_S", 0.4)
    if trouble == "drips":
        monkeypatch.setattr(remote, "time", Clock(step=5.0))
    address = f"{server}/{trouble}/{part.path}"
    with pytest.raises(error, match=message) as caught:
        fetch(address, part)
    assert str(caught.value).startswith(address)
    assert not list((tmp_path / "temporary").iterdir())


def test_a_missing_file_is_told_with_the_address_and_does_not_condemn_its_server(
    part: Part, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote, "PATIENCE_S", 0)
    for _ in range(2):
        with pytest.raises(
            RemoteError, match=r"x\.root cannot be fetched: its server answers 404 N"
        ):
            fetch(f"{server}/good/x.root", part)
    assert fetch(f"{server}/good/{part.path}", part)


def test_a_dead_server_is_given_up_for_a_while(
    part: Part, nobody: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    address, clock = f"http://{nobody}/part.root", Clock()
    monkeypatch.setattr(remote, "time", clock)
    for _ in range(2):  # it may be back soon
        with pytest.raises(DeadServerError, match=r"/part\.root .*: no .* \(Connection refused\)"):
            fetch(address, part)
        clock.now += remote.PATIENCE_S
    with pytest.raises(DeadServerError, match=r" was not tried, as http://.*:\d+ does not ans"):
        fetch(address, part)
    clock.now += remote.PAUSE_S
    with pytest.raises(DeadServerError, match="Connection refused"):
        fetch(address, part)


def test_a_server_that_recovers_is_forgiven(
    part: Part, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    monkeypatch.setattr(remote, "time", clock)
    for _ in range(3):
        with pytest.raises(DeadServerError):
            fetch(f"{server}/nonsense/{part.path}", part)
        clock.now += 0.6 * remote.PATIENCE_S
        assert fetch(f"{server}/good/{part.path}", part)


def test_an_impossible_address_is_told(part: Part) -> None:
    with pytest.raises(RemoteError, match=r"no answer from its server \(nonnumeric port: 'port'"):
        fetch("http://127.0.0.1:port/part.root", part)


def test_an_address_of_an_unknown_kind_is_bad_input(chunks: Manifest) -> None:
    manifest = moved(chunks, "s3://bucket")
    with pytest.raises(InputError, match=r"names s3://bucket/back.*start with root://, .*ht"):
        executors.plan(manifest, list(manifest.samples))


def test_addresses_survive_the_plan_and_paths_stay_relative_to_the_manifest(
    chunks: Manifest, server: str
) -> None:
    (local,) = executors.plan(chunks, ["signal_500"])
    (there,) = executors.plan(moved(chunks, f"{server}/good"), ["signal_500"])
    part = chunks.samples["signal_500"].parts[0].path
    assert local.filename == str((chunks.folder / part).resolve())
    assert there.filename == f"{server}/good/{part}"


def test_without_the_package_it_says_what_to_install(
    part: Part, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "XRootD", None)
    monkeypatch.setitem(sys.modules, "XRootD.client", None)
    with pytest.raises(RemoteError, match=r"root://h//p needs the package xrootd: `pip install x"):
        fetch("root://h//p", part)


def test_a_dead_xrootd_server_is_told_with_the_address(part: Part, nobody: str) -> None:
    """And given up: XRootD's own defaults let it take minutes."""
    pytest.importorskip("XRootD")
    address = f"root://{nobody}//store/part.root"
    start = time.monotonic()
    with pytest.raises(DeadServerError, match=r"part\.root .*: no answer from .*Connection error"):
        fetch(address, part)
    assert time.monotonic() - start < HANGS_S


def test_process_lists_the_chunks_of_a_dead_server_and_does_the_others(
    chunks: Manifest, nobody: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    address = f"http://{nobody}"
    dead, here = moved(chunks, address), moved(chunks, str(chunks.folder.resolve()))
    samples = {**here.samples, "signal_750": dead.samples["signal_750"]}
    manifest = replace(chunks, folder=tmp_path, samples=samples).write()
    words = ["process", str(manifest), "--out", str(tmp_path / "out"), "--quiet"]
    with pytest.raises(SystemExit) as end:
        cli.main(words)
    assert end.value.code == 1
    message = " ".join(capsys.readouterr().err.split())
    assert f"first {address}/signal_750/" in message
    ledger = json.loads((tmp_path / "out" / "ledger.json").read_text())
    (lost,) = ledger["samples"]["signal_750"]["failed"]
    assert lost["file"] == dead.samples["signal_750"].parts[0].path
    assert lost["error"].startswith(
        f"{lost['file']} cannot be fetched: no answer from its server (C"
    )
    assert all(
        entry["processed_events"] == chunks.samples[name].entries
        for name, entry in ledger["samples"].items()
        if name != "signal_750"
    )
