"""The house: who may import whom, one list of packages, and a front door that opens at once."""

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent
ROOMS = ("tools", "processors", "analysis")
MAY_IMPORT = {"tools": {"tools"}, "processors": {"processors"}, "analysis": set(ROOMS)}
CONDA_NAMES = {"python-duckdb": "duckdb", "python-xxhash": "xxhash"}
HEAVY = ("numpy", "awkward", "coffea", "uproot", "hist", "scipy", "pyhf", "matplotlib", "pyarrow")


@pytest.mark.parametrize("room", ROOMS)
def test_rooms_import_only_whom_they_may(room: str) -> None:
    for path in (ROOT / room).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names: list[str] = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0, f"{path}: a relative import"
                names = [node.module or ""]
            for name in names:
                top = name.split(".")[0]
                assert top not in ROOMS or top in MAY_IMPORT[room], f"{path} imports {name}"
                assert top != "pickle", f"{path} unpickles"


def requirements(project: dict[str, Any]) -> list[str]:
    found: list[str] = sum(project["optional-dependencies"].values(), project["dependencies"])
    return found


def test_conda_installs_the_same_packages_with_the_same_bounds() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    # "...; sys_platform == ..." does not hold for conda
    wanted = {requirement.split(";")[0] for requirement in requirements(project)}
    listed = set()
    for line in (ROOT / "environment.yml").read_text().splitlines():
        if match := re.fullmatch(r"  - ([a-z][a-z0-9-]*)(>=.*)?", line):
            listed.add(CONDA_NAMES.get(match[1], match[1]) + (match[2] or ""))
    assert listed - wanted == {"pip", "conda-forge", f"python{project['requires-python']}"}
    assert wanted <= listed


def test_the_lock_holds_every_package_with_hashes_and_nothing_of_this_machine() -> None:
    lock = (ROOT / "requirements.lock").read_text()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    for requirement in requirements(project):
        name = re.split(r"[>=]", requirement)[0]
        assert re.search(rf"^{name}==\S+.* \\$", lock, re.MULTILINE), name
    assert "://" not in lock
    pinned = re.findall(r"^\S+==", lock, re.MULTILINE)
    assert len(pinned) > 50
    assert lock.count("--hash=sha256:") >= len(pinned)


def test_versions_agree() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert f"version: {version}\n" in (ROOT / "CITATION.cff").read_text()


def imported_by(code: str) -> set[str]:
    listing = f"{code}\nimport sys; print(*sys.modules)"
    out = subprocess.run(
        [sys.executable, "-c", listing], capture_output=True, text=True, check=False
    )
    return {name.split(".")[0] for name in out.stdout.splitlines()[-1].split()}


def test_help_imports_nothing_heavy() -> None:
    code = "import analysis.cli\ntry: analysis.cli.main(['--help'])\nexcept SystemExit: pass"
    assert imported_by(code).isdisjoint(HEAVY)


def test_reading_the_samples_file_imports_nothing_heavy() -> None:
    code = (
        "import pathlib; from tools.samples import read_catalogue\n"
        f"read_catalogue(pathlib.Path({str(ROOT / 'datasets/course.toml')!r}))"
    )
    assert imported_by(code).isdisjoint(HEAVY)


def test_a_refused_file_costs_no_heavy_import(tmp_path: Path) -> None:
    """Pyarrow and numpy read; the slow ones (uproot, awkward, coffea) wait for a good header."""
    path = tmp_path / "signal_500.csv"
    path.write_text("a;b\n1;2\n")
    words = ["convert", str(path), "--out", str(tmp_path / "out")]
    code = f"import analysis.cli\ntry: analysis.cli.main({words!r})\nexcept SystemExit: pass"
    assert imported_by(code).isdisjoint({*HEAVY} - {"numpy", "pyarrow"})


@pytest.mark.parametrize("room", ROOMS)
def test_what_is_no_code_is_packed_with_it(room: str) -> None:
    tables = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    packed = [path for pattern in tables["package-data"].get(room, []) for path in
              (ROOT / room).glob(pattern)]  # fmt: skip
    there = [path for path in (ROOT / room).rglob("*") if path.suffix not in {".py", ".pyc"}]
    assert sorted(packed) == sorted(path for path in there if path.is_file())


SHOWN = ("bench", "commands", "export", "game", "report")
NO_RESULTS = {
    "canonical", "write_private", "_open_document",  # the bytes that are sealed
    "observes_background",  # a workspace, as pyhf defines it
    "_command",  # what typer was given
    "_by_section",  # what the page's template takes
    "drawn", "is_drawn", "_frame", "_axis",  # whatever a figure draws
    "document",  # provenance of a measurement
}  # fmt: skip
"""functions that take or return mappings which are no results"""


def functions_of_mappings(room: str) -> set[str]:
    """Return the functions of a room that take or return what could be a result read by key."""
    place = ROOT / "analysis" / room
    found = set()
    for path in sorted(place.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef):
                given = [each.annotation for each in (*node.args.args, *node.args.kwonlyargs)]
                words = " ".join(ast.unparse(each) for each in (*given, node.returns) if each)
                if "dict[str, Any]" in words or "Mapping[str, Any]" in words:
                    found.add(node.name)
    return found


@pytest.mark.parametrize("room", SHOWN)
def test_whoever_shows_results_takes_them_typed(room: str) -> None:
    assert functions_of_mappings(room) <= NO_RESULTS


def test_every_exception_is_one() -> None:
    assert set().union(*map(functions_of_mappings, SHOWN)) == NO_RESULTS
