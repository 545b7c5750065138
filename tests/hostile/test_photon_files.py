"""Photon files after random edits: each one refused with a message, or read as it was.

All but the RNTuple (uproot writes none into it) have checksums, so that an edit which is not
noticed must be one of no consequence. They are read as `xyy inspect` reads them, in a process that
may die without an end of the program.
"""

import os
import random
from collections.abc import Callable
from pathlib import Path

import awkward as ak
import pytest
import uproot

from analysis.inspection.files import inspect_files
from analysis.inspection.look import Question
from tests.hostile.source_edits import edited
from tests.photon_files import edm4hep, nanoaod, photons, write_parquet, write_rntuple, write_tree
from tools.chunks import TREE
from tools.file_conversion import Converted, FileTask
from tools.layouts import known_layouts
from tools.ntuple_conversion import convert_file
from tools.pool import survived
from tools.samples import Catalogue

EDITS = int(2_000 * float(os.environ.get("XYY_HOSTILE", "0.05")))
LZ4 = {"compression": uproot.LZ4(1)}


def nano_tree(path: Path) -> Path:
    # Without weights, which no compression makes smaller: uproot stores such baskets as they are.
    return write_tree(path, "Events", nanoaod(photons(), simulated=False), **LZ4)


def nano_rntuple(path: Path) -> Path:
    return write_rntuple(path, "Events", nanoaod(photons()), **LZ4)


def nano_parquet(path: Path) -> Path:
    return write_parquet(path, nanoaod(photons()), write_page_checksum=True)


def edm4hep_tree(path: Path) -> Path:
    return write_tree(path, "events", edm4hep(photons()), **LZ4)


WRITERS = (nano_tree, nano_rntuple, nano_parquet, edm4hep_tree)


def edited_files(write: Callable[[Path], Path], folder: Path) -> list[str]:
    """Return a good file and its edits."""
    whole = write(folder / "whole.root")
    content, files = whole.read_bytes(), [str(whole)]
    for number in range(EDITS):
        files.append(str(folder / f"edit_{number}.root"))
        rng = random.Random(f"{write.__name__} {number}")  # noqa: S311 - no secret
        Path(files[-1]).write_bytes(edited(content, rng))
    return files


@pytest.mark.parametrize("write", WRITERS)
def test_edited_photon_files(
    write: Callable[[Path], Path], catalogue: Catalogue, tmp_path: Path
) -> None:
    question = Question(
        layouts=known_layouts({}, catalogue.path), window_GeV=(400.0, 1100.0),
        unblinded=True, identify=False,
    )  # fmt: skip
    first, *others = inspect_files(edited_files(write, tmp_path), question, catalogue)
    assert first.usable
    used = [each for each in others if each.usable]
    for each in used if write is not nano_rntuple else ():
        assert (each.m_yy_GeV, each.entries) == (first.m_yy_GeV, first.entries), each.file
    for each in others:
        assert not any("makes xyy fail" in problem.what for problem in each.problems), each
    assert 0 < len(used) < EDITS


def events_of(task: FileTask, done: Converted) -> ak.Array:
    paths = [str(task.folder / part.path) for part in done.parts]
    return uproot.concatenate([{path: TREE} for path in paths])


@pytest.mark.parametrize("write", WRITERS)
def test_edited_photon_files_are_converted(
    write: Callable[[Path], Path], catalogue: Catalogue, tmp_path: Path
) -> None:
    layouts, sample = known_layouts({}, catalogue.path), catalogue.sample("background")
    tasks = [
        FileTask(file, sample, catalogue, layouts, tmp_path / "out" / str(number))
        for number, file in enumerate(edited_files(write, tmp_path))
    ]
    results = dict(survived(convert_file, tasks, 2))
    first = results.pop(0)
    assert isinstance(first, Converted)
    done = [each for each in results.values() if isinstance(each, Converted)]
    # Without a name a column is not the one that the layout keeps: it may be missing.
    same = [each for each in done if each.stored == first.stored and write is not nano_rntuple]
    wanted = events_of(tasks[0], first)
    for number, each in results.items():
        if isinstance(each, Converted) and each in same:
            assert ak.array_equal(events_of(tasks[number], each), wanted), tasks[number].file
    for result in results.values():
        assert "makes xyy fail" not in getattr(result, "reason", ""), result
    assert 0 < len(done) < EDITS
