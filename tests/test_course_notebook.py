"""The course as a notebook: its two forms agree, and it runs and gives the course's numbers."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jupytext
import nbformat
import pytest

DOCS = Path(__file__).parent.parent / "docs"
NOTEBOOK, TEXT = DOCS / "course.ipynb", DOCS / "course.py"
TASKS = ("1.1", "1.2", "1.3", "1.4", "1.5", "2.1", "2.2", "3.1", "3.2", "3.3", "3.4", "3.5", "4.1",
         "4.2", "4.3", "4.4", "5.1", "5.2a", "5.2b")  # fmt: skip


def test_the_notebook_is_its_text() -> None:
    """Whoever changes one runs `jupytext --sync docs/course.py`."""
    notebook, text = nbformat.read(NOTEBOOK, as_version=4), jupytext.read(TEXT)
    cells = [[(cell.cell_type, cell.source) for cell in form.cells] for form in (notebook, text)]
    assert cells[0] == cells[1]
    nbformat.validate(notebook)
    # Without outputs: they would be old as soon as anything changes, and large.
    assert not any(cell.get("outputs") for cell in notebook.cells)
    assert NOTEBOOK.stat().st_size < 1_000_000


def test_the_tasks_are_those_of_the_course_in_its_order() -> None:
    text = TEXT.read_text(encoding="utf-8")
    assert tuple(re.findall(r"^# ## Task (\S+):", text, re.MULTILINE)) == TASKS


@pytest.fixture(scope="module")
def printed(execute: Callable[[Any, Path], None], tmp_path_factory: pytest.TempPathFactory) -> str:
    """What the notebook prints, executed from top to bottom where nothing is at hand."""
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    execute(notebook, tmp_path_factory.mktemp("notebook"))
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    assert not [o.text for o in outputs if o.output_type == "stream" and o.name == "stderr"]
    return "".join(o.text for o in outputs if o.output_type == "stream")


@pytest.mark.parametrize(
    ("pattern", "value", "error"),
    [
        (r"s = ([\d.]+) \(the course: 5\.3\)", 5.3, 0.1),
        (r"n_jets < 5: s = ([\d.]+) \(the course", 5.78, 0.1),
        (r"n_jets < 6, s = ([\d.]+) \(the course", 5.83, 0.1),
        (r"by hand: s = ([\d.]+) \(the course", 9.1, 0.6),
        (r"the course's way: Z = (-?[\d.]+)", 0.0, 3.0),
        (r"z = ([\d.]+) \(the course's Z", 2.7, 0.5),
        (r"mass: ([\d.]+) \+", 597.0, 9.0),
        (r"cross-section: ([\d.]+) \+", 5.23, 1.3),
    ],
)
def test_it_gives_the_courses_numbers(
    printed: str, pattern: str, value: float, error: float
) -> None:
    found = re.search(pattern, printed)
    assert found, printed
    assert float(found[1]) == pytest.approx(value, abs=error)


def test_it_says_where_every_sample_comes_from(printed: str) -> None:
    for name in ("background", "signal_500", "signal_750", "signal_1000"):
        assert re.search(rf"^{name} +(generated, not real|\S+{name}\.csv)", printed, re.MULTILINE)
    assert "generated: universe 5" in printed
