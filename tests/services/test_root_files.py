"""Files that ROOT itself wrote, in the ways of the world: their masses are found, and converted.

They are written by `root_files.py`, in an environment of its own.
"""

import json
import subprocess
from pathlib import Path

import awkward as ak
import pytest
import uproot

from analysis.inspection.files import inspect_files
from analysis.inspection.found import Inspection
from analysis.inspection.look import Question
from tests.photon_files import expected, photons
from tools.checkout import checkout
from tools.chunks import TREE
from tools.convert import convert
from tools.layouts import read_layouts
from tools.samples import Catalogue

SCRIPT, SECONDS = Path(__file__).with_name("root_files.py"), 300
LAYOUTS = {
    "2025.root": "atlas-open-data-2025",
    "2020.root": "atlas-open-data-2020",
    "deep.root": "atlas-open-data-2025",
    "dots.root": "atlas-physlite",
    "cycles.root": "atlas-open-data-2025",
    "tlorentz.root": "lorentz-vectors",
    "polar.root": "split-vectors",
    "cartesian.root": "cartesian",
    "nano.root": "nanoaod",
    "physlite.root": "atlas-physlite",
}
OTHERS = ("empty.root", "whole.root")


@pytest.fixture(scope="module")
def folder(root_python: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files."""
    folder = tmp_path_factory.mktemp("root_files")
    made = photons()
    events = [
        list(zip(*each, strict=True))
        for each in zip(*(ak.to_list(made[name]) for name in ("pt", "eta", "phi")), strict=True)
    ]
    question = folder / "question.json"
    question.write_text(json.dumps(events), encoding="utf-8")
    done = subprocess.run(
        (root_python, SCRIPT, question, folder),
        capture_output=True, text=True, timeout=SECONDS, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def found(folder: Path, catalogue: Catalogue) -> dict[str, Inspection]:
    """What is found of each file."""
    asked = Question(
        layouts=read_layouts(checkout() / "datasets" / "layouts"), window_GeV=(400.0, 1100.0),
        unblinded=True, identify=False,
    )  # fmt: skip
    names = (*LAYOUTS, *OTHERS)
    seen = inspect_files([str(folder / name) for name in names], asked, catalogue)
    return dict(zip(names, seen, strict=True))


@pytest.mark.parametrize("name", LAYOUTS)
def test_masses_are_those_that_root_was_given(name: str, found: dict[str, Inspection]) -> None:
    seen, masses = found[name], expected(photons())
    assert (seen.layout, seen.usable, seen.entries) == (LAYOUTS[name], True, 200)
    assert seen.events_with_two_photons == len(masses)
    assert seen.m_yy_GeV is not None
    told = (seen.m_yy_GeV.mean, seen.m_yy_GeV.std, seen.m_yy_GeV.min, seen.m_yy_GeV.max)
    wanted = (masses.mean(), masses.std(), masses.min(), masses.max())
    assert told == pytest.approx(wanted, rel=1e-6)


def test_which_tree_is_read_is_told(found: dict[str, Inspection]) -> None:
    assert found["deep.root"].tree == "ntuples/analysis"
    assert found["cycles.root"].tree == "analysis;2"
    assert "analysis;1 holds other events" in found["cycles.root"].notes[0]


def test_empty_vectors_everywhere(found: dict[str, Inspection]) -> None:
    seen = found["empty.root"]
    assert (seen.entries, seen.photons, seen.usable) == (50, 0, True)
    assert seen.notes == ("no event has two photons",)


def test_whole_vectors_that_uproot_does_not_read(found: dict[str, Inspection]) -> None:
    (problem,) = found["whole.root"].problems
    assert "not split into its components, which uproot cannot read" in problem.what
    assert problem.do == "write it split, or pt, eta and phi"


@pytest.mark.parametrize("name", LAYOUTS)
def test_chunks_hold_what_root_was_given(
    name: str, folder: Path, catalogue: Catalogue, tmp_path: Path
) -> None:
    notes: list[str] = []
    manifest = convert(catalogue, [("data", folder / name)], tmp_path, log=notes.append)
    chunks = manifest.samples["data"]
    (part,) = chunks.parts
    with uproot.open({str(tmp_path / part.path): TREE}) as tree:
        events = tree.arrays()
    polar = {key: events[f"photons.{key}"] for key in ("pt", "eta", "phi")}
    assert (chunks.layout, chunks.entries) == (LAYOUTS[name], 200)
    assert expected(polar) == pytest.approx(expected(photons()), rel=1e-6)
    stored = {each.name for each in chunks.stored}
    if "event" in stored:
        assert events["event"].tolist() == [2**63 + n for n in range(200)]
    if name in {"2025.root", "2020.root", "deep.root", "cycles.root"}:
        assert ak.array_equal(events["photons.isTightID"], photons()["eta"] > 0)
        assert "event" in stored
    choice = ["analysis;2 is read, the newest state of the tree, and not analysis;1"]
    assert [note.partition(": ")[2] for note in notes] == (choice if name == "cycles.root" else [])


def test_a_file_of_empty_vectors_is_converted(
    folder: Path, catalogue: Catalogue, tmp_path: Path
) -> None:
    manifest = convert(catalogue, [("data", folder / "empty.root")], tmp_path)
    assert manifest.samples["data"].entries == 50
    with uproot.open({str(tmp_path / manifest.samples["data"].parts[0].path): TREE}) as tree:
        assert tree["nphotons"].array().tolist() == [0] * 50
