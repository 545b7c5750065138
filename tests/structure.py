"""The structure of the code, read from its imports: the packages' graph, circles, lines of code.

``python tests/structure.py draw`` writes picture and table of ``docs/architecture.md`` anew,
``lines`` counts the lines of code of each package, ``imports`` lists who imports whom. Imports
inside of functions and for type checkers count like all others.
"""

import argparse
import ast
import io
import sys
import tokenize
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

ROOT = Path(__file__).parents[1]
TOP = ("tools", "processors", "analysis")
PAGE = ROOT / "docs" / "architecture.md"
PICTURE = ("<!-- made by `python tests/structure.py draw` -->\n", "<!-- end of what was made -->")
"""what stands before and behind the picture and the table on the page"""
Graph = dict[str, set[str]]
"""of each node those that it imports"""


@dataclass(frozen=True)
class Lines:
    """Lines of one or several files."""

    code: int = 0
    """with imports; without blank lines, comments and docstrings"""
    comments: int = 0
    """lines with a comment, alone or behind code"""
    all: int = 0
    """every line"""

    def __add__(self, other: "Lines") -> "Lines":
        return Lines(self.code + other.code, self.comments + other.comments, self.all + other.all)


@cache
def parsed(path: Path) -> ast.Module:
    """Return the syntax tree of a file."""
    return ast.parse(path.read_text(encoding="utf-8"))


def modules() -> dict[str, Path]:
    """Return the files of all modules by their dotted names."""
    found = {}
    for path in sorted(path for top in TOP for path in (ROOT / top).rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imported(path: Path, names: Mapping[str, Path]) -> set[str]:
    """Return which of the modules a file imports, wherever in it."""
    found = set()
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            inner = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= inner & names.keys() or {node.module}
    return found & names.keys()


def package_of(module: str) -> str:
    """Return the node of the packages' graph that a module belongs to.

    That is a top-level package, a package or module of `analysis`, or a package of its statistics.
    """
    top, *inner = module.split(".")
    if top != "analysis" or not inner:
        return top
    if inner[0] == "statistics" and (ROOT.joinpath(*module.split(".")[:3])).is_dir():
        return ".".join(inner[:2])
    return inner[0]


def file_graph() -> Graph:
    """Return which module imports which."""
    names = modules()
    return {name: imported(path, names) - {name} for name, path in names.items()}


def package_graph() -> Graph:
    """Return which package imports which."""
    graph: Graph = defaultdict(set)
    for name, others in file_graph().items():
        graph[package_of(name)] |= {package_of(other) for other in others} - {package_of(name)}
    return dict(graph)


def circle(graph: Graph) -> list[str]:
    """Return the nodes of a circle, if there is one."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def behind(graph: Graph, node: str) -> set[str]:
    """Return all that a node imports, through others as well; the graph has no circles."""
    return graph[node].union(*(behind(graph, other) for other in graph[node]))


def reduced(graph: Graph) -> Graph:
    """Return the graph without the arrows that others imply."""
    return {
        node: others - set().union(*(behind(graph, other) for other in others))
        for node, others in graph.items()
    }


def from_the_top(graph: Graph) -> list[str]:
    """Return the nodes so that each comes before all that it imports."""
    sorter, floors = TopologicalSorter(graph), list[list[str]]()
    sorter.prepare()
    while sorter.is_active():
        floors.append(sorted(sorter.get_ready()))
        sorter.done(*floors[-1])
    return [node for floor in floors[::-1] for node in floor if node != "analysis"]


def picture() -> str:
    """Return the packages' graph for the page, in mermaid's words."""
    if found := circle(package_graph()):
        sys.exit(f"a circle of imports: {' -> '.join(found)}")
    graph = reduced(package_graph())
    order = from_the_top(graph)
    names = {node: node.replace(".", "_") for node in order}
    lines = ["```mermaid", "flowchart TD"]
    lines += [f"  {names[node]}[{node}]" for node in order]
    lines += [f"  {names[a]} --> {names[b]}" for a in order for b in sorted(graph[a])]
    return "\n".join([*lines, "```", ""])


def place_of(node: str) -> Path:
    """Return the folder or file of a node of the packages' graph."""
    folder = ROOT.joinpath(*(() if node in TOP else ("analysis",)), *node.split("."))
    return folder if folder.is_dir() else folder.with_suffix(".py")


def table() -> str:
    """Return the packages with the first sentence of each, for the page."""
    rows = ["| package | what is in it |", "|---|---|"]
    for node in from_the_top(package_graph()):
        place = place_of(node)
        path = place / "__init__.py" if place.is_dir() else place
        if text := ast.get_docstring(parsed(path)):
            link = f"../{place.relative_to(ROOT).as_posix()}"
            rows.append(f"| [{node}]({link}) | {text.splitlines()[0]} |")
    return "\n".join([*rows, ""])


def page() -> str:
    """Return the text of the page with its picture and table as they are now."""
    before, rest = PAGE.read_text(encoding="utf-8").split(PICTURE[0])
    made = f"{picture()}\n{table()}"
    return f"{before}{PICTURE[0]}{made}{PICTURE[1]}{rest.split(PICTURE[1])[1]}"


def _docstrings(tree: ast.Module) -> Iterator[int]:
    for node in ast.walk(tree):
        value = node.value if isinstance(node, ast.Expr) else None
        if isinstance(value, ast.Constant) and isinstance(value.value, str):
            yield from range(value.lineno, (value.end_lineno or value.lineno) + 1)


_NO_CODE = {
    tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT,
    tokenize.ENDMARKER,
}  # fmt: skip


def lines_of(path: Path) -> Lines:
    """Count the lines of a file."""
    text = path.read_text(encoding="utf-8")
    code, comments = set[int](), set[int]()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            comments.add(token.start[0])
        elif token.type not in _NO_CODE:
            code |= set(range(token.start[0], token.end[0] + 1))
    code -= set(_docstrings(parsed(path)))
    return Lines(len(code), len(comments), len(text.splitlines()))


def lines() -> dict[str, Lines]:
    """Return the lines of each package."""
    found: dict[str, Lines] = defaultdict(Lines)
    for name, path in modules().items():
        found[package_of(name)] += lines_of(path)
    return dict(found)


def counted_lines() -> str:
    """Return the lines of each package, for people."""
    counted = lines()
    inner = (each for name, each in counted.items() if name not in ("tools", "processors"))
    counted["analysis, all"] = sum(inner, start=Lines())
    return "".join(
        f"{name:24}{each.code:7} code{each.comments:6} comments{each.all:7} lines\n"
        for name, each in counted.items()
    )


def main() -> None:
    """Draw, count or list."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("draw", "lines", "imports"))
    what = parser.parse_args().what
    if what == "draw":
        PAGE.write_text(page(), encoding="utf-8")
    elif what == "lines":
        sys.stdout.write(counted_lines())
    else:
        for name, others in sorted(package_graph().items()):
            sys.stdout.write(f"{name}: {', '.join(sorted(others))}\n")


if __name__ == "__main__":
    main()
