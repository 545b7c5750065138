"""Photon files behind addresses: inspected and converted like local ones, or told why not."""

import resource
import signal
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from analysis import cli
from analysis.inspection.files import inspect_files
from analysis.inspection.look import Question
from tests.photon_files import nanoaod, photons, write_tree
from tests.tools.test_remote import Server
from tools import remote
from tools.convert import FILES, convert
from tools.errors import InputError
from tools.layouts import known_layouts
from tools.remote import DeadServerError, RemoteError, download
from tools.samples import Catalogue


@pytest.fixture
def address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A server of a folder with a photon file."""
    monkeypatch.setattr(remote, "_failing", {})
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    folder = tmp_path / "served"
    folder.mkdir()
    write_tree(folder / "nano.root", "Events", nanoaod(photons()))
    (folder / "login.root").write_bytes(b"<!DOCTYPE html><html>please log in</html>")
    with Server(folder) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_a_file_comes_whole(address: str, tmp_path: Path) -> None:
    download(f"{address}/good/nano.root", tmp_path / "here")
    assert (tmp_path / "here").read_bytes() == (tmp_path / "served/nano.root").read_bytes()


@pytest.mark.parametrize(
    ("place", "message"),
    [
        ("good/gone.root", r"gone.root cannot be fetched: its server answers 404 Not Found"),
        ("cut/nano.root", r"nano.root came with [\d,]+ of [\d,]+ bytes: cut off on its way"),
    ],
)
def test_a_file_that_does_not_come(address: str, place: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(RemoteError, match=message):
        download(f"{address}/{place}", tmp_path / "here")


@pytest.mark.parametrize("place", ["deaf/nano.root", "stalls/nano.root"])
def test_a_server_that_never_answers(
    address: str, place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote, "SILENCE_S", 0.3)
    with pytest.raises(DeadServerError, match=r"no answer from its server \(timed out\); is it up"):
        download(f"{address}/{place}", tmp_path / "here")


def test_an_address_of_an_unknown_kind(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"ftp://host/a.root cannot be read; addresses start wi"):
        download("ftp://host/a.root", tmp_path / "here")


@pytest.mark.parametrize("place", ["http://[::1/a.root", "http://127.0.0.1:1/\u00e9.root"])
def test_what_is_no_address(place: str, tmp_path: Path) -> None:
    with pytest.raises(RemoteError, match=r"\.root is no address \(.*\); write letters"):
        download(place, tmp_path / "here")


@pytest.fixture
def _here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have files looked at in this process, where limits can be set."""

    def one_by_one(function: Callable[[Any], Any], tasks: Sequence[Any]) -> Iterator[Any]:
        return ((task, function(task)) for task in tasks)

    monkeypatch.setattr("analysis.inspection.files.one_by_one", one_by_one)


@pytest.mark.usefixtures("_here")
def test_inspect_gives_up_a_server_that_never_answers(
    address: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(remote, "SILENCE_S", 0.3)
    with pytest.raises(SystemExit) as end:
        cli.main(["inspect", f"{address}/deaf/nano.root"])
    assert end.value.code == 2
    said = " ".join(capsys.readouterr().out.split())
    assert said.count("PROBLEM") == 1
    assert "cannot be fetched: no answer from its server (timed out); is it up?" in said


@pytest.mark.usefixtures("_here")
def test_a_full_disk_is_a_problem_of_one_file(
    address: str, catalogue: Catalogue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    question = Question(known_layouts({}, catalogue.path), (400.0, 1100.0), True, False)
    places = [f"{address}/good/nano.root", str(tmp_path / "served/nano.root")]
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    try:
        there, local = inspect_files(places, question, catalogue)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)
    assert there.problems[0].what == "it cannot be kept while it is looked at (File too large)"
    assert (there.problems[0].where, local.entries, local.problems) == (places[0], 200, ())


def test_it_is_inspected_and_converted(address: str, catalogue: Catalogue, tmp_path: Path) -> None:
    question = Question(known_layouts({}, catalogue.path), (400.0, 1100.0), True, False)
    names = ("good/nano.root", "good/login.root", "good/gone.root")
    places = [f"{address}/{name}" for name in names]
    good, login, gone = inspect_files(places, question, catalogue)
    assert (good.file, good.layout, good.entries) == (places[0], "nanoaod", 200)
    assert good.next == f"xyy convert SAMPLE={places[0]} --out results/chunks"
    assert "is a web page" in login.problems[0].what
    assert login.problems[0].where == places[1]
    assert "404 Not Found" in gone.problems[0].what
    manifest = convert(catalogue, [("background", places[0])], tmp_path / "out")
    local = convert(catalogue, [("background", tmp_path / "served/nano.root")], tmp_path / "local")
    one, other = (each.samples["background"] for each in (manifest, local))
    assert (one.content, one.sources) == (other.content, other.sources)
    assert [part.content for part in one.parts] == [part.content for part in other.parts]
    assert sorted(path.name for path in (tmp_path / "out").rglob("*.root")) == ["part-00000.root"]


def test_what_does_not_come_is_told_with_its_address(
    address: str, catalogue: Catalogue, tmp_path: Path
) -> None:
    for name, message in (("login", "is a web page"), ("gone", "404 Not Found")):
        place = f"{address}/good/{name}.root"
        with pytest.raises(InputError, match=message) as caught:
            convert(catalogue, [("background", place)], tmp_path / "out")
        assert str(caught.value).startswith(place)
        assert FILES not in str(caught.value)
    assert not (tmp_path / "out").exists()
