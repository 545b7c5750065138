"""Which code makes a number: a result of another version of it is never taken for today's.

A digest is of what the code does: of its parsed statements, without comments and docstrings. It is
of named modules and of everything of ours that they import, so that nothing which decides can be
forgotten, and a caption, which nothing that decides imports, is in no digest of a number.
"""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from tools.digests import digest_text

_ROOT = Path(__file__).parent.parent
_ABOUT = ("type_ignores", "type_comment", "type_params", "kind")
"""fields that do nothing when the code runs, or that not every Python has"""
_TEMPLATES = {".html", ".js"}


def code_digest(*names: str) -> str:
    """Return the digest of modules of ours.

    Parameters
    ----------
    *names : str
        Modules (``tools.recipe``) and packages (``processors``: all that is in them, templates,
        too).

    Raises
    ------
    LookupError
        If there is no such module.
    """
    paths = sorted({path for name in names for path in _files(name)})
    return digest_text(*(text for path in paths for text in (_name(path), _does(path))))


def behind(*names: str) -> tuple[str, ...]:
    """Return modules and all that they import from the same top-level packages, sorted.

    What is imported inside of functions counts; what is imported for type checkers alone does not.

    Parameters
    ----------
    *names : str
        Modules or packages.

    Raises
    ------
    LookupError
        If there is no such module.

    Examples
    --------
    >>> behind("processors.kinematics")
    ('processors.kinematics',)
    """
    rooms = {name.split(".")[0] for name in names}
    waiting = {_name(path) for name in names for path in _files(name) if path.suffix == ".py"}
    found: set[str] = set()
    while waiting:
        module = waiting.pop()
        found.add(module)
        imported = {_module(name) for name in _imports(_file(module)) if _room(name) in rooms}
        waiting |= imported - found
    return tuple(sorted(found))


def _room(name: str) -> str:
    return name.split(".", maxsplit=1)[0]


def _file(module: str) -> Path:
    """Return the file of a module, or the one that makes a folder a package."""
    place = _ROOT.joinpath(*module.split("."))
    alone = place.with_name(f"{place.name}.py")
    return alone if alone.is_file() else place / "__init__.py"


def _files(name: str) -> list[Path]:
    """Return the file of a module, or all files of a package."""
    file = _file(name)
    files = [path for path in file.parent.rglob("*") if path.suffix in {".py", *_TEMPLATES}]
    if not file.is_file():
        raise LookupError(f"there is no module {name} in {_ROOT}")
    return files if file.name == "__init__.py" else [file]


def _module(name: str) -> str:
    """Return the module of what is imported, which may be a name in it."""
    return name if _file(name).is_file() else name.rpartition(".")[0]


def _name(path: Path) -> str:
    """Return the name of the module of a file, or of a template."""
    return ".".join(path.relative_to(_ROOT).with_suffix("").parts).removesuffix(".__init__")


@cache
def _parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


@cache
def _does(path: Path) -> str:
    """Return what a file does."""
    if path.suffix in _TEMPLATES:
        return path.read_text(encoding="utf-8")
    written: list[str] = []
    _write(_parsed(path), written)
    return " ".join(written)


@cache
def _imports(path: Path) -> frozenset[str]:
    """Return the names that a module imports."""
    return frozenset(_imported(_parsed(path)))


def _write(node: object, out: list[str]) -> None:
    """Append what parsed code does: the same in all versions of Python."""
    if isinstance(node, ast.AST):
        out.append(type(node).__name__)
        for field in node._fields:
            value = getattr(node, field, None)
            if value is not None and value != [] and field not in _ABOUT:
                out.append(field)
                _write(value, out)
        out.append(")")
    elif isinstance(node, list):
        for item in node:
            if not _is_docstring(item):
                _write(item, out)
    else:
        out.append(repr(node))


def _is_docstring(node: object) -> bool:
    """Return whether a statement is a text alone, which does nothing."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _imported(node: ast.AST) -> Iterator[str]:
    """Yield the names that code imports when it runs."""
    if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
        return
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        yield from (f"{node.module}.{alias.name}" for alias in node.names)
    for child in ast.iter_child_nodes(node):
        yield from _imported(child)
