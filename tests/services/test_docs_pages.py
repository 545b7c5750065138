"""The README and the pages that take long, followed word by word; the others: `test_docs.py`.

The README comes first in a folder that is empty, and after it every page in the order of its table.
Behind the demonstration, and in the game, a search file is laid there that makes analyses shorter.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.pages import LONG, README, follow, in_order

SAMPLES = ("background", "signal_500", "signal_750", "signal_1000")


@pytest.fixture
def empty(tmp_path: Path) -> Path:
    folder = tmp_path / "empty"
    folder.mkdir()
    return folder


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory, quick_file: Path) -> dict[str, str]:
    """Lay the reader's own files where the README says: real ones, as far as there are."""
    theirs, program = tmp_path_factory.mktemp("theirs"), Path(sys.executable).with_name("xyy")
    for words in (SAMPLES, ("--universe", "7")):
        command = [program, "generate", *words, "--out", theirs, "--quiet"]
        subprocess.run(command, check=True)
    for file in Path(os.environ.get("XYY_COURSE_DATA", theirs)).glob("signal_*.csv"):
        if file.parent != theirs:
            shutil.copyfile(file, theirs / file.name)
    lay = f"mkdir datasets; cp '{theirs}'/[bs]*.csv datasets; cp '{theirs}'/u*.csv observed.csv"
    shorter = f"mkdir -p analysis; cp '{quick_file}' analysis/search.toml"
    return {
        "xyy run --universe 0\n": shorter,
        "xyy run --data group_03.root\n": shorter,
        "xyy run --data observed.csv  ": lay,
    }


def test_all_pages_can_be_followed_one_after_the_other(empty: Path, given: dict[str, str]) -> None:
    first, *others = in_order()
    printed = follow(first, empty, given)
    (verdict,) = re.findall(r"ends with it:\n\n((?: {4}.*\n)+)", first.read_text(encoding="utf-8"))
    for line in verdict.splitlines():
        assert line.strip() == "..." or line[4:] in printed
    for page in others:
        follow(page, empty, given)


@pytest.mark.parametrize(
    "page", [page for page in in_order() if page.name in LONG - {README.name}], ids=lambda p: p.name
)
def test_a_page_can_be_followed_in_an_empty_folder(
    page: Path, empty: Path, given: dict[str, str]
) -> None:
    follow(page, empty, given)
