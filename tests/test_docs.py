"""The pages: every command in them parses, every marked block runs, every message is a real one.

In the pages of `docs` and in the README

- ``xyy ...`` in a code block or between backticks is read by the program's own parser;
- a ``python`` block is run, in the order of the page, with the names of the blocks before it; a
  line ``print(...)  # text`` must print that text;
- a ``sh run`` block is run, line by line; a plain ``sh`` block costs too much, or needs a cluster;
- a ``toml FILE`` block is what to change in a copy of a settings file: it is done there;
- a ``text`` block on the page of errors is a message: it must stand so in the code.

All blocks of a page share a folder that holds nothing but the two settings files.
"""

import ast
import contextlib
import glob
import io
import re
import shlex
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import typer

from analysis import cli

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", ROOT / "datasets" / "README.md", *sorted(DOCS.glob("*.md"))]
SETTINGS = ("analysis/search.toml", "datasets/course.toml")
PLACEHOLDERS = {"K": "1", "N": "1", "SEED": "1", "[how]": ""}
LEAST_LITERAL = 20
"""characters of a message that do not depend on the case"""


@dataclass(frozen=True)
class Block:
    """A fenced block of a page."""

    language: str
    about: str
    text: str


def blocks(page: Path) -> list[Block]:
    text = page.read_text(encoding="utf-8")
    fenced = re.findall(r"^```(\w*) ?(.*?)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return [Block(*found) for found in fenced]


def commands(text: str) -> list[str]:
    """Return the `xyy` commands of a Markdown text: lines of code, and code in a sentence."""
    prose = re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    spans = [span.replace("\n", " ") for span in re.findall(r"(?<!`)`([^`]+)`(?!`)", prose)]
    found = []
    for line in [*text.splitlines(), *spans]:
        match = re.match(r"(?:    )?\s*(?:\$ )?(?:\.venv/bin/)?(xyy(?: .*)?)$", line)
        if match:
            found.append(re.split(r"\s+#|\s+[|>]", match[1])[0].strip())
    return found


def parse(command: str) -> None:
    """Read a command as the program would; a usage error is raised."""
    words = [PLACEHOLDERS.get(word, word) for word in shlex.split(command)][1:]
    words = [word for word in words if word]
    parser: Any = typer.main.get_command(cli.app)
    while words and not words[0].startswith("-") and hasattr(parser, "commands"):
        assert words[0] in parser.commands, f"there is no command `{command}`"
        parser, words = parser.commands[words[0]], words[1:]
    if hasattr(parser, "commands"):
        assert words in ([], ["--help"], ["--version"]), command
        return
    if not words or words == ["--help"]:
        return
    try:
        parser.make_context("xyy", list(words))
    except Exception as error:  # it is typer's own, under changing names
        # The results folder of an example need not be there.
        if "does not exist" not in str(error):
            raise


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_of_a_page_parses(page: Path) -> None:
    for command in commands(page.read_text(encoding="utf-8")):
        parse(command)


def test_commands_are_found_and_wrong_ones_noticed() -> None:
    text = "Type `xyy status DIR`.\n\n    xyy run --universe K  # now\n\n```sh\n$ xyy fly\n```\n"
    assert commands(text) == ["xyy run --universe K", "xyy fly", "xyy status DIR"]
    parse("xyy run --universe K")
    with pytest.raises(AssertionError, match="there is no command `xyy fly`"):
        parse("xyy fly")
    with pytest.raises(Exception, match="No such option"):
        parse("xyy run --fly")


def leaves(parser: Any, name: str = "xyy") -> Iterator[tuple[str, Any]]:
    """Return every command with its full name."""
    for word, command in parser.commands.items():
        if hasattr(command, "commands"):
            yield from leaves(command, f"{name} {word}")
        else:
            yield f"{name} {word}", command


def test_every_help_has_an_example_that_parses() -> None:
    found = dict(leaves(typer.main.get_command(cli.app)))
    assert len(found) >= 16
    for name, command in found.items():
        examples = re.findall(r"Example: `([^`]+)`", command.help)
        assert examples, f"{name} --help has no example"
        for example in examples:
            assert example.startswith(name)
            parse(example)


# ---- running the blocks --------------------------------------------------------------------------


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the two settings files, to run a page's blocks in."""
    for name in SETTINGS:
        (tmp_path / name).parent.mkdir()
        shutil.copy(ROOT / name, tmp_path / name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def marked(page: Path) -> list[Block]:
    """Return the blocks of a page that are to be run."""
    return [
        block
        for block in blocks(page)
        if block.language == "python"
        or (block.language == "sh" and block.about == "run")
        or (block.language == "toml" and block.about)
    ]


@pytest.mark.parametrize("page", [p for p in PAGES if marked(p)], ids=lambda page: page.name)
def test_the_marked_blocks_of_a_page_run(page: Path, place: Path) -> None:
    names: dict[str, Any] = {"__name__": f"page_{page.stem}"}
    for block in marked(page):
        if block.language == "python":
            run_python(block.text, names)
        elif block.language == "sh":
            for line in block.text.splitlines():
                run_line(line)
        else:
            change_settings(place / block.about, block.text)


def run_python(text: str, names: dict[str, Any]) -> None:
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(text, "<page>", "exec"), names)  # noqa: S102 - the project's own pages
    told = re.findall(r"^ *print\(.*\)  # (.+)$", text, re.MULTILINE)
    if told:
        assert printed.getvalue().splitlines() == told


def run_line(line: str) -> None:
    words = shlex.split(line, comments=True)
    if not words:
        return
    words = [path for word in words for path in sorted(glob.glob(word)) or [word]]  # noqa: PTH207
    if words[0] == "xyy":
        with pytest.raises(SystemExit) as end:
            cli.main([*words[1:], *(["--quiet"] if "--help" not in words else [])])
        assert not end.value.code, line
    elif words[0] == "cp":
        shutil.copy(words[1], words[2])
    elif words[0] == "mkdir":
        Path(words[-1]).mkdir(parents=True, exist_ok=True)
    else:
        raise AssertionError(f"a page runs {words[0]}")


def change_settings(path: Path, changes: str) -> None:
    """Set the entries of a TOML file to those of a block; a table that is not there is added."""
    text = path.read_text(encoding="utf-8")
    for change in re.split(r"^(?=\[)", changes, flags=re.MULTILINE):
        header, *lines = change.strip().splitlines() or [""]
        if header and not header.startswith("["):
            header, lines = "", [header, *lines]
        tables = re.split(r"^(?=\[)", text, flags=re.MULTILINE)
        place = [
            i for i, t in enumerate(tables) if t.split("]")[0] + "]" == header.split("]")[0] + "]"
        ]
        if header and not place:
            text += f"\n{change.strip()}\n"
            continue
        index = place[0] if header else 0
        for line in filter(None, lines):
            key = re.escape(line.split("=")[0].strip())
            tables[index], count = re.subn(
                rf"^{key} *=.*$", lambda _, new=line: new, tables[index], flags=re.MULTILINE
            )
            if not count:
                tables[index] = tables[index].rstrip("\n") + f"\n{line}\n\n"
        text = "".join(tables)
    path.write_text(text, encoding="utf-8")


def test_settings_are_changed_where_they_stand(tmp_path: Path) -> None:
    path = tmp_path / "a.toml"
    peak = "[peak]\nlow = 3\n"
    path.write_text(f'n = 1\n\n[fit]  # a\nlow = "1"  # b\nhigh = 2\n\n{peak}')
    change_settings(path, 'n = 2\n\n[fit]\nlow = "5"\nnew = 7\n\n[own.x]\nterms = [1]\n')
    changed = 'n = 2\n\n[fit]  # a\nlow = "5"\nhigh = 2\nnew = 7\n\n'
    assert path.read_text() == f"{changed}{peak}\n[own.x]\nterms = [1]\n"


# ---- the page of errors --------------------------------------------------------------------------


@cache
def patterns() -> tuple[tuple[int, re.Pattern[str]], ...]:
    """Return every text of the program as a pattern, with the length of what is fixed in it."""
    files = [
        path for room in ("tools", "processors", "analysis") for path in (ROOT / room).rglob("*.py")
    ]
    trees = (ast.parse(path.read_text(encoding="utf-8")) for path in files)
    nodes = (node for tree in trees for node in ast.walk(tree))
    return tuple(pattern(node) for node in nodes if isinstance(node, ast.JoinedStr | ast.Constant))


def pattern(node: ast.JoinedStr | ast.Constant) -> tuple[int, re.Pattern[str]]:
    parts = node.values if isinstance(node, ast.JoinedStr) else [node]
    fixed, text = 0, ""
    for part in parts:
        if isinstance(part, ast.Constant) and isinstance(part.value, str):
            fixed += len(part.value)
            text += re.escape(" ".join(f".{part.value}.".split())[1:-1])
        else:
            text += ".*?"
    return fixed, re.compile(text, re.DOTALL)


def messages() -> list[str]:
    return [b.text.strip() for b in blocks(DOCS / "errors.md") if b.language == "text"]


@pytest.mark.parametrize("message", messages(), ids=lambda message: message[:40])
def test_a_message_on_the_page_of_errors_is_one_of_the_programs(message: str) -> None:
    assert is_real(message)


def test_an_invented_message_is_none_of_the_programs() -> None:
    assert not is_real("xyy: data.csv, line 3, column dEta: the number is bad; try another one")


def is_real(message: str) -> bool:
    text = " ".join(message.removeprefix("xyy: ").split())
    return any(fixed >= LEAST_LITERAL and found.search(text) for fixed, found in patterns())


def test_every_page_is_in_the_index_and_every_link_leads_somewhere() -> None:
    index = (DOCS / "README.md").read_text(encoding="utf-8")
    for page in DOCS.glob("*.md"):
        assert page.name == "README.md" or f"({page.name})" in index, page.name
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name}: {target}"
