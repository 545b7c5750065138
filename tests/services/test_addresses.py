"""Chunks on real servers: the same results as from local files, and clear losses."""

import json
import os
import re
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.photon_files import nanoaod, photons, write_tree

if TYPE_CHECKING:
    from tests.services.conftest import FileServer, Finished

    Xyy = Callable[..., Finished]
DASK = ("--executor", "dask", "--workers", "2")
EACH_SERVER = pytest.mark.parametrize("name", ["nginx", "xrootd"])


def manifest_at(store: Path, folder: Path, place: Callable[[str], str]) -> Path:
    """Write the manifest of `store` with every part's path replaced."""
    document = json.loads((store / "manifest.json").read_text())
    for sample in document["samples"].values():
        for part in sample["parts"]:
            part["path"] = place(part["path"])
    path = folder / "manifest.json"
    path.write_text(json.dumps(document))
    return path


def results(folder: Path) -> tuple[bytes, dict[str, Any], dict[str, Any]]:
    """Return histograms, cutflow and ledger, without their provenance."""
    cutflow, ledger = (
        {key: value for key, value in json.loads(path.read_text()).items() if key != "provenance"}
        for path in (folder / "cutflow.json", folder / "ledger.json")
    )
    return (folder / "histograms.zip").read_bytes(), cutflow, ledger


@pytest.fixture(scope="module")
def local(store: Path, xyy: "Xyy", tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The results from local files."""
    folder = tmp_path_factory.mktemp("local")
    assert xyy("process", store, "--out", folder).code == 0
    return folder


@EACH_SERVER
@pytest.mark.parametrize("how", [(), (*DASK, "--chunk-events", "5000")], ids=["iterative", "dask"])
def test_results_are_those_of_local_files(
    store: Path,
    local: Path,
    xyy: "Xyy",
    tmp_path: Path,
    request: pytest.FixtureRequest,
    name: str,
    how: tuple[str, ...],
) -> None:
    server: FileServer = request.getfixturevalue(name)
    manifest = manifest_at(store, tmp_path, lambda path: f"{server.address}/{path}")
    run = xyy("process", manifest, "--out", tmp_path / "out", *how)
    assert run.code == 0, run.said
    assert results(tmp_path / "out") == results(local)
    assert results(local)[2]["complete"]


@EACH_SERVER
def test_a_missing_file_is_listed_with_its_address_and_the_rest_goes_on(
    store: Path, xyy: "Xyy", tmp_path: Path, request: pytest.FixtureRequest, name: str
) -> None:
    server: FileServer = request.getfixturevalue(name)
    part = json.loads((store / "manifest.json").read_text())["samples"]["signal_750"]["parts"][0]
    gone = f"{server.address}/gone.root"
    manifest = manifest_at(
        store, tmp_path, lambda path: gone if path == part["path"] else f"{server.address}/{path}"
    )
    run = xyy("process", manifest, "--out", tmp_path / "out")
    assert (run.code, gone in run.said) == (1, True), run.said
    ledger = results(tmp_path / "out")[2]
    (lost,) = ledger["samples"].pop("signal_750")["failed"]
    assert lost["file"] == gone
    assert "404 Not Found" in lost["error"] or "no such file" in lost["error"]
    assert not any(entry["failed"] for entry in ledger["samples"].values())


@pytest.mark.parametrize(
    ("how", "words"),
    [("stopped", ()), ("hangs", ()), ("stopped", DASK)],
    ids=["stopped-iterative", "hangs-iterative", "stopped-dask"],
)
def test_a_dead_xrootd_server_is_told_within_20_seconds(
    store: Path,
    spare_xrootd: "FileServer",
    xyy: "Xyy",
    tmp_path: Path,
    how: str,
    words: tuple[str, ...],
) -> None:
    if how == "stopped":
        spare_xrootd.process.terminate()
        spare_xrootd.process.wait()
    else:
        os.kill(spare_xrootd.process.pid, signal.SIGSTOP)
    manifest = manifest_at(store, tmp_path, lambda path: f"{spare_xrootd.address}/{path}")
    run = xyy("process", manifest, "--out", tmp_path / "out", *words)
    (seconds,) = re.findall(r"events in ([0-9.]+) s", run.said)  # without the program's own start
    assert float(seconds) < (60 if words else 20)  # dask's start is in it, on a machine in use
    assert run.code == 1
    assert f"{spare_xrootd.address}/" in run.said
    ledger = results(tmp_path / "out")[2]
    lost = [failure["error"] for each in ledger["samples"].values() for failure in each["failed"]]
    assert len(lost) == len(ledger["samples"])
    assert any("no answer from its server" in error for error in lost)


def test_a_repaired_server_gives_what_was_missing(
    store: Path, local: Path, nginx: "FileServer", xyy: "Xyy", tmp_path: Path
) -> None:
    manifest = manifest_at(store, tmp_path, lambda path: f"{nginx.address}/{path}")
    part = (
        store
        / json.loads((store / "manifest.json").read_text())["samples"]["background"]["parts"][0][
            "path"
        ]
    )
    shutil.move(part, part.with_suffix(".away"))
    assert xyy("process", manifest, "--out", tmp_path / "out").code == 1
    shutil.move(part.with_suffix(".away"), part)
    assert xyy("process", manifest, "--out", tmp_path / "out", "--resume").code == 0
    assert results(tmp_path / "out") == results(local)


@EACH_SERVER
def test_photon_files_are_inspected_and_converted_from_there(
    store: Path, xyy: "Xyy", tmp_path: Path, request: pytest.FixtureRequest, name: str
) -> None:
    server: FileServer = request.getfixturevalue(name)
    local = write_tree(store / "nano.root", "Events", nanoaod(photons()))
    place = f"{server.address}/nano.root"
    assert xyy("inspect", place).code == 0
    for number, source in enumerate((place, local)):
        run = xyy("convert", f"background={source}", "--out", tmp_path / str(number))
        assert run.code == 0, run.said
    there, here = (
        json.loads((tmp_path / str(number) / "manifest.json").read_text())["samples"]["background"]
        for number in (0, 1)
    )
    assert (there["content"], there["sources"]) == (here["content"], here["sources"])
    gone = xyy("convert", f"background={place}x", "--out", tmp_path / "gone")
    assert (gone.code, f"{place}x cannot be fetched" in gone.said) == (2, True), gone.said
