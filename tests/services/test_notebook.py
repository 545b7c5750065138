"""`make notebook`, for root as well: JupyterLab with the course's notebook, on loopback alone."""

import json
import sys
import urllib.request
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).parent.parent.parent


def test_make_notebook_serves_the_course_on_loopback(
    run_daemon: Callable[..., AbstractContextManager[object]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("BROWSER", "true")  # which opens nothing
    for kind in ("CONFIG", "DATA", "RUNTIME"):
        monkeypatch.setenv(f"JUPYTER_{kind}_DIR", str(tmp_path / kind))
    ready = f"{sys.prefix}/.ready"
    command = ("make", "-C", ROOT, f"VENV={sys.prefix}", f"--old-file={ready}", "notebook")
    with run_daemon(command, lambda: any(tmp_path.glob("RUNTIME/jpserver-*.json"))):
        (file,) = tmp_path.glob("RUNTIME/jpserver-*.json")
        server = json.loads(file.read_text())
        notebook = ROOT.joinpath("docs", "course.ipynb").relative_to(server["root_dir"])
        address = f"{server['url']}api/contents/{notebook}?token={server['token']}"
        with urllib.request.urlopen(address, timeout=30) as answer:  # noqa: S310 - http, and ours
            cells = json.load(answer)["content"]["cells"]
    assert server["hostname"] == "localhost"
    assert server["token"]
    course = nbformat.read(ROOT / "docs" / "course.ipynb", as_version=4)
    assert [cell["source"] for cell in cells] == [cell.source for cell in course.cells]
