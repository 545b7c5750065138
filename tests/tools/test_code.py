"""A number is of the code that makes it: of what that does, and of all of it."""

from dataclasses import fields
from pathlib import Path

import pytest

from analysis.folder.decisions import PARTS, program_version
from tools import code
from tools.code import behind, code_digest

SOURCE = '''"""A module."""
from tools.names import listed

LEAST = 3
"""how many there are"""

def least(values: list[float]) -> float:
    """Return the least."""
    return min(values[:LEAST])
'''


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder of a program of two modules and a page."""
    monkeypatch.setattr(code, "_ROOT", tmp_path)
    (tmp_path / "room" / "page").mkdir(parents=True)
    (tmp_path / "room" / "__init__.py").touch()
    (tmp_path / "room" / "page" / "__init__.py").touch()
    (tmp_path / "room" / "page" / "page.html").write_text("<p>")
    (tmp_path / "room" / "numbers.py").write_text(SOURCE)
    return tmp_path


def forget() -> None:
    """A program does not change while it runs; here it does."""
    for known in (code._parsed, code._does, code._imports):  # noqa: SLF001
        known.cache_clear()


def digest_of(tree: Path, text: str) -> str:
    forget()
    (tree / "room" / "numbers.py").write_text(text)
    return code_digest("room.numbers")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"""A module."""', '"""Another text."""'),
        ('"""how many there are"""', ""),
        ('"""Return the least."""', '"""Return the smallest of the first."""'),
        ("    return", "    # a reason\n    return"),
        ("LEAST = 3\n", "LEAST   =   (3)  # why\n"),
    ],
)
def test_a_comment_or_a_docstring_makes_no_other_program(tree: Path, old: str, new: str) -> None:
    assert digest_of(tree, SOURCE.replace(old, new)) == digest_of(tree, SOURCE)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("LEAST = 3", "LEAST = 4"),
        ("LEAST = 3", "LEAST = 3.0"),
        ("LEAST = 3", "LEAST: int = 3"),
        ("min(", "max("),
        ("values[:LEAST]", "values[LEAST:]"),
        ("def least(", "def smallest("),
        ("import listed", "import listed as shown"),
    ],
)
def test_what_may_change_a_number_makes_another_program(tree: Path, old: str, new: str) -> None:
    assert digest_of(tree, SOURCE.replace(old, new)) != digest_of(tree, SOURCE)


@pytest.mark.parametrize("name", ["room.nothing", "nowhere", "room.numbers.least", "tools"])
def test_a_module_that_is_not_there_is_an_error(tree: Path, name: str) -> None:
    assert (tree / "room").is_dir()
    for function in (code_digest, behind):
        with pytest.raises(LookupError, match=f"no module {name}"):
            function(name)


def test_a_package_is_all_that_is_in_it(tree: Path) -> None:
    before = code_digest("room.page"), code_digest("room.numbers")
    forget()
    (tree / "room" / "page" / "page.html").write_text("<div>")
    assert code_digest("room.page") != before[0]
    assert code_digest("room.numbers") == before[1]
    assert code_digest("room") != code_digest("room.page", "room.numbers")


def test_what_is_behind_a_package_is_its_modules(tree: Path) -> None:
    assert behind("room.page") == ("room.page",)
    assert behind("room") == ("room", "room.numbers", "room.page")
    assert (tree / "room" / "page" / "page.html").is_file()


def test_what_is_imported_is_followed_within_the_same_package(tree: Path) -> None:
    (tree / "room" / "first.py").write_text(
        "import room.numbers\n"
        "from typing import TYPE_CHECKING\n"
        "if TYPE_CHECKING:\n    from room.typed import Typed\n"
        "def later():\n    from room.second import one\n    from tools import pool\n"
    )
    (tree / "room" / "second.py").write_text("from room import third\n")
    (tree / "room" / "third.py").write_text("from room.first import later\n")
    (tree / "room" / "typed.py").write_text("class Typed: ...\n")
    assert behind("room.first") == ("room.first", "room.numbers", "room.second", "room.third")


def test_the_program_is_all_that_decides_and_no_figure() -> None:
    assert {each.name for each in fields(program_version())} == {"version", *PARTS}
    selection, statistics = (
        behind("analysis.selection.methods"),
        behind("analysis.statistics.inference"),
    )
    assert {
        "analysis.selection.methods",
        "analysis.selection.expected_fit",
        "analysis.selection.optimise",
    } <= {*selection}
    assert "analysis.selection.scores.choose" in selection
    assert {"analysis.statistics.resonance.toys", "analysis.statistics.limits.band"} <= {
        *statistics
    }
    shown = (
        "analysis.report.plots",
        "analysis.report.page",
        "analysis.commands",
        "analysis.report.summary",
    )
    for stage in (
        "analysis.selection.methods",
        "analysis.statistics.inference",
        "analysis.workflow.infer_folder",
    ):
        assert not [name for name in behind(stage) if name.startswith(shown)]
