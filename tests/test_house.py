"""The house: who may import whom, one list of packages, and a front door that opens at once."""

import ast
import copy
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


PATHS, TYPES = modules(), (ast.Subscript, ast.BinOp, ast.Name, ast.Attribute)
SHOWN = ("bench", "commands", "export", "game", "report")
BY_KEY = re.compile(r"\b(dict|Mapping|MutableMapping)\[str, (typing\.)?Any\]")


class WrittenOut(ast.NodeTransformer):
    """Puts in place of each name of a type what the name stands for, wherever it was given."""

    def __init__(self, module: str) -> None:
        self.module = module

    def visit_Name(self, node: ast.Name) -> ast.expr:
        module, name = self.module, node.id
        for each in parsed(PATHS[module]).body if module in PATHS else ():
            if isinstance(each, ast.ImportFrom) and each.module:
                for alias in each.names:
                    if (alias.asname or alias.name) == name:
                        return written_out(each.module, ast.Name(alias.name))
            elif isinstance(each, ast.Assign | ast.AnnAssign) and isinstance(each.value, TYPES):
                targets = each.targets if isinstance(each, ast.Assign) else [each.target]
                if any(isinstance(target, ast.Name) and target.id == name for target in targets):
                    return written_out(module, each.value)
        return node

    def visit_Constant(self, node: ast.Constant) -> ast.expr:
        """Read a type that is a text, as of what is imported for type checkers alone."""
        try:
            text = ast.parse(node.value, mode="eval") if isinstance(node.value, str) else None
        except SyntaxError:
            return node  # a text that is no type, as in `Annotated`
        return node if text is None else written_out(self.module, text.body)


def written_out(module: str, annotation: ast.expr) -> ast.expr:
    """Return a type as it would be written without names of types of ours."""
    found: ast.expr = WrittenOut(module).visit(copy.deepcopy(annotation))
    return found


def is_by_key(module: str, annotation: ast.expr) -> bool:
    """Return whether a type holds a mapping of whatever, by that name or another."""
    return bool(BY_KEY.search(ast.unparse(written_out(module, annotation))))


def functions_of_mappings(module: str, tree: ast.Module) -> set[str]:
    """Return the functions of a module that take or return what could be a result read by key."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            args = (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)
            given = [*(each.annotation for each in args), node.returns]
            if any(each is not None and is_by_key(module, each) for each in given):
                found.add(node.name)
    return found


@pytest.mark.parametrize("room", SHOWN)
def test_whoever_shows_results_takes_them_typed(room: str) -> None:
    for name, _, tree in of_analysis():
        if name.split(".")[1] == room:
            taken = functions_of_mappings(name, tree)
            assert not taken, f"{name}: {taken}"


def test_another_name_of_a_mapping_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = {
        "made": "Curve = dict[str, Any]\nCurves = list[Curve]\nNumber = float",
        "used": "from made import Curve as Drawn, Curves, Number",
    }
    for name, text in code.items():
        (tmp_path / f"{name}.py").write_text(text)
        monkeypatch.setitem(PATHS, name, tmp_path / f"{name}.py")

    def found(code: str) -> set[str]:
        return functions_of_mappings("used", ast.parse(code))

    assert found("def f(x: list[Drawn]) -> None: ...") == {"f"}
    assert found("def f() -> 'Curves | None': ...") == {"f"}
    assert found("def f() -> Mapping[str, typing.Any]: ...") == {"f"}
    assert found("def f(x: Number, y: Annotated[str, 'a text']) -> dict[str, float]: ...") == set()


HANDED_ON = {"analysis.folder.folder", "analysis.results.codec"}
"""where a file's content is raw: on its way from the file to the codec"""
READERS = {"read_json", "read_sealed", "read", "read_if_there", "origin", "to_json"}
"""functions that return the content of a JSON file"""


def is_raw(node: ast.expr, raw: set[str]) -> bool:
    """Return whether an expression is the content of a JSON file: read here, or named in `raw`."""
    match node:
        case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)):
            return name in READERS
        case ast.BoolOp(values=values):
            return any(is_raw(value, raw) for value in values)
        case ast.NamedExpr(value=value):
            return is_raw(value, raw)
        case ast.Subscript(value=value):
            return is_raw(value, raw)
        case ast.Name(id=name):
            return name in raw
    return False


def read_by_key(tree: ast.Module) -> list[str]:
    """Return where a key of a JSON file is read by its name."""
    found = []
    for function in (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)):
        raw = {
            target.id
            for node in ast.walk(function)
            if isinstance(node, ast.Assign) and is_raw(node.value, set())
            for target in node.targets
            if isinstance(target, ast.Name)
        }
        for node in ast.walk(function):
            match node:
                case (
                    ast.Subscript(value=value, ctx=ast.Load())
                    | ast.Call(func=ast.Attribute(value=value, attr="get" | "pop" | "setdefault"))
                ) if is_raw(value, raw):
                    found.append(f"{function.name}: {ast.unparse(node)}")
    return found


def test_json_is_read_and_written_by_the_codec() -> None:
    for name, _, tree in of_analysis():
        assert not any(
            isinstance(node, ast.Import) and node.names[0].name == "json" for node in ast.walk(tree)
        ), f"{name} writes or reads JSON itself: tools.json_file does"
        if name not in HANDED_ON:
            assert read_by_key(tree) == [], name


def test_a_key_that_is_read_is_seen() -> None:
    code = """def f(folder):
        document = folder.read_if_there("scan.json") or {}
        return document["a"], document.get("b"), folder.read("x")["provenance"], settings["c"]"""
    assert read_by_key(ast.parse(code)) == [
        "f: document['a']",
        "f: document.get('b')",
        "f: folder.read('x')['provenance']",
    ]


IMPORTS = {
    "start": "cli tools",
    "cli": "commands tools",
    "commands": (
        "bench export folder game inspection processors report results selection settings "
        "statistics.resonance tools validation workflow"
    ),
    "bench": "processors results settings tools workflow",
    "export": (
        "folder processors report results statistics.counting statistics.limits "
        "statistics.spectra tools workflow"
    ),
    "validation": (
        "folder game processors report results selection settings statistics "
        "statistics.background statistics.counting statistics.limits statistics.minimiser "
        "statistics.resonance statistics.spectra tools workflow"
    ),
    "workflow": (
        "folder processors report results selection settings statistics statistics.background "
        "statistics.resonance statistics.spectra tools"
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
    "statistics.counting": "tools",
    "statistics.resonance": (
        "results settings statistics.background statistics.minimiser statistics.spectra tools"
    ),
    "statistics.background": "results settings statistics.minimiser statistics.spectra tools",
    "inspection": "folder processors results settings tools",
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
