"""The pages: every command parses, every block can be followed, every message is a real one.

In the pages of `docs` and in the README ``xyy ...`` in a code block or between backticks is read by
the program's own parser, and a ``text`` block on the page of errors must stand so in the code.
What the blocks of a page do: `pages.py`. The pages that take long: `services/test_docs_pages.py`.
"""

import ast
import re
import shlex
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import typer

from analysis import cli
from tests.pages import (
    DOCS,
    DONE_OTHERWISE,
    FEWER,
    LONG,
    NOT_DONE,
    README,
    ROOT,
    blocks,
    change_settings,
    follow,
    in_order,
    steps,
)

PAGES = [README, ROOT / "datasets" / "README.md", *sorted(DOCS.glob("*.md"))]
PLACEHOLDERS = {"K": "1", "N": "1", "SEED": "1"}
LEAST_LITERAL = 20
"""characters of a message that do not depend on the case"""


def commands(text: str) -> list[str]:
    """Return the `xyy` commands of a Markdown text: lines of code, and code in a sentence."""
    text = text.replace("\\\n", " ")
    prose = re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    spans = [span.replace("\n", " ") for span in re.findall(r"(?<!`)`([^`]+)`(?!`)", prose)]
    found = []
    for line in [*text.splitlines(), *spans]:
        match = re.match(r"\s*(?:\$ )?(xyy(?: .*)?)$", line)
        if match:
            found.append(re.split(r"\s+#|\s+[|>]", match[1])[0].strip())
    return found


def parse(command: str) -> None:
    """Read a command as the program would; a usage error is raised."""
    words = [PLACEHOLDERS.get(word, word) for word in shlex.split(command)][1:]
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


# ---- following the pages -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "page", [page for page in in_order() if page.name not in LONG], ids=lambda page: page.name
)
def test_a_page_can_be_followed_in_an_empty_folder(page: Path, tmp_path: Path) -> None:
    folder = tmp_path / "empty"
    folder.mkdir()
    follow(page, folder)


def test_every_page_with_something_to_do_is_followed() -> None:
    assert not LONG - {page.name for page in in_order()}
    assert {page for page in PAGES if list(steps(page))} == set(in_order())
    kinds = {"sh", "python", "toml", "json", "yaml", "text", "mermaid"}
    assert {block.language for page in PAGES for block in blocks(page)} <= kinds


def test_every_command_is_in_a_block_that_is_followed() -> None:
    text = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)
    assert not re.findall(r"^ {4}((?:xyy|make) .*)", text, re.MULTILINE)
    for typed in DONE_OTHERWISE:
        assert re.search(rf"^ *{re.escape(typed)}\b", text, re.MULTILINE), typed
    for words in (*FEWER, *NOT_DONE):
        assert words in text


def test_a_page_that_does_not_work_is_noticed(tmp_path: Path) -> None:
    page, folder = tmp_path / "page.md", tmp_path / "empty"
    folder.mkdir()
    python = "```python\n{}\n```\n\n"
    page.write_text(f"{python.format('a = 1')}{python.format('print(a)  # 1')}```sh\ntrue\n```\n")
    follow(page, folder)
    page = page.rename(tmp_path / "wrong.md")
    page.write_text("```sh\ntrue\n```\n\n```python\nprint(2)  # 1\n```\n")
    with pytest.raises(AssertionError, match=r"wrong\.md"):
        follow(page, folder)
    page = page.rename(tmp_path / "fails.md")
    page.write_text("```sh\nxyy status nowhere\ntrue\n```\n")
    with pytest.raises(AssertionError, match=r"(?s)fails\.md.*nowhere"):
        follow(page, folder)


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
