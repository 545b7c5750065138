"""The house: who may import whom, one list of packages, and a front door that opens at once."""

import ast
import re
import subprocess
import sys
import tomllib
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.structure import (
    PAGE,
    Graph,
    circle,
    file_graph,
    lines_of,
    modules,
    package_graph,
    page,
    parsed,
)

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
    assert functions_of_mappings(room) == set()


IMPORTS = {
    "start": "cli tools",
    "cli": "commands tools",
    "commands": (
        "bench export folder game processors report results selection settings "
        "statistics.resonance tools validation workflow"
    ),
    "bench": "processors results settings tools workflow",
    "export": (
        "folder processors report results settings statistics.counting statistics.limits "
        "statistics.spectra tools workflow"
    ),
    "validation": (
        "folder game processors report results selection settings statistics "
        "statistics.background statistics.minimiser statistics.resonance statistics.spectra "
        "tools workflow"
    ),
    "workflow": (
        "folder processors report results selection settings statistics statistics.resonance "
        "statistics.spectra tools"
    ),
    "report": (
        "folder processors results selection settings statistics statistics.counting "
        "statistics.spectra tools"
    ),
    "statistics": (
        "results settings statistics.background statistics.counting statistics.limits "
        "statistics.resonance statistics.spectra tools"
    ),
    "selection": (
        "processors results settings statistics.background statistics.resonance "
        "statistics.spectra tools"
    ),
    "statistics.limits": (
        "results settings statistics.background statistics.minimiser statistics.resonance "
        "statistics.spectra tools"
    ),
    "statistics.counting": "settings statistics.background statistics.spectra tools",
    "statistics.resonance": (
        "results settings statistics.background statistics.minimiser statistics.spectra tools"
    ),
    "statistics.background": "settings statistics.minimiser statistics.spectra tools",
    "folder": "processors results settings tools",
    "game": "results tools",
    "statistics.spectra": "processors settings tools",
    "results": "processors tools",
    "settings": "processors tools",
    "statistics.minimiser": "tools",
    "processors": "",
    "tools": "",
    "analysis": "",
}
"""who imports whom: packages, those of `analysis` and of its statistics, in the order of floors"""
MAX_PLACES, MAX_FILE_LINES, MAX_FUNCTION_LINES = 16, 400, 60


def test_packages_import_whom_is_written_here() -> None:
    assert package_graph() == {name: set(others.split()) for name, others in IMPORTS.items()}


@pytest.mark.parametrize("graph", [file_graph, package_graph])
def test_no_circle(graph: Callable[[], Graph]) -> None:
    assert circle(graph()) == []


def test_a_circle_is_found() -> None:
    assert circle({"a": {"b"}, "b": {"c"}, "c": {"b"}}) in (["b", "c", "b"], ["c", "b", "c"])


def test_the_picture_is_of_these_imports() -> None:
    assert PAGE.read_text(encoding="utf-8") == page()


def test_few_places_stand_directly_under_analysis() -> None:
    inner = {name.split(".")[1] for name in modules() if name.startswith("analysis.")}
    assert len(inner) <= MAX_PLACES


def of_analysis() -> Iterator[tuple[str, Path, ast.Module]]:
    for name, path in modules().items():
        if name.startswith("analysis."):
            yield name, path, parsed(path)


def test_no_class_name_twice() -> None:
    names = Counter(
        node.name
        for _, _, tree in of_analysis()
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
    )
    assert [name for name, times in names.items() if times > 1] == []


def test_no_module_name_twice_in_a_package() -> None:
    places = Counter((*name.split(".")[1:2], path.stem) for name, path, _ in of_analysis())
    assert [place for place, n in places.items() if n > 1 and place[-1] != "__init__"] == []


def test_files_and_functions_are_short() -> None:
    for name, path, tree in of_analysis():
        assert lines_of(path).all <= MAX_FILE_LINES, name
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef) and not name.startswith("analysis.commands."):
                length = (node.end_lineno or node.lineno) - node.lineno + 1
                assert length <= MAX_FUNCTION_LINES, f"{name}.{node.name}"
