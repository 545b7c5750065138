"""Photon files after random edits: each one refused with a message, or read as it was.

All but the RNTuple (uproot writes none into it) have checksums, so that an edit which is not
noticed must be one of no consequence. They are read as `xyy inspect` reads them, in a process that
may die without an end of the program.
"""

import os
import random
from collections.abc import Callable
from pathlib import Path

import pytest
import uproot

from analysis.inspection.files import inspect_files
from analysis.inspection.look import Question
from tests.hostile.source_edits import edited
from tests.photon_files import edm4hep, nanoaod, photons, write_parquet, write_rntuple, write_tree
from tools.checkout import checkout
from tools.layouts import read_layouts
from tools.samples import Catalogue

EDITS = int(2_000 * float(os.environ.get("XYY_HOSTILE", "0.05")))
LZ4 = {"compression": uproot.LZ4(1)}


def nano_tree(path: Path) -> Path:
    return write_tree(path, "Events", nanoaod(photons()), **LZ4)


def nano_rntuple(path: Path) -> Path:
    return write_rntuple(path, "Events", nanoaod(photons()), **LZ4)


def nano_parquet(path: Path) -> Path:
    return write_parquet(path, nanoaod(photons()), write_page_checksum=True)


def edm4hep_tree(path: Path) -> Path:
    return write_tree(path, "events", edm4hep(photons()), **LZ4)


@pytest.mark.parametrize("write", [nano_tree, nano_rntuple, nano_parquet, edm4hep_tree])
def test_edited_photon_files(
    write: Callable[[Path], Path], catalogue: Catalogue, tmp_path: Path
) -> None:
    question = Question(
        layouts=read_layouts(checkout() / "datasets" / "layouts"), window_GeV=(400.0, 1100.0),
        unblinded=True, identify=False,
    )  # fmt: skip
    whole = write(tmp_path / "whole.root")
    content, files = whole.read_bytes(), [str(whole)]
    for number in range(EDITS):
        files.append(str(tmp_path / f"edit_{number}.root"))
        rng = random.Random(f"{write.__name__} {number}")  # noqa: S311 - no secret
        Path(files[-1]).write_bytes(edited(content, rng))
    first, *others = inspect_files(files, question, catalogue)
    assert first.usable
    used = [each for each in others if each.usable]
    for each in used if write is not nano_rntuple else ():
        assert (each.m_yy_GeV, each.entries) == (first.m_yy_GeV, first.entries), each.file
    for each in others:
        assert not any("makes xyy fail" in problem.what for problem in each.problems), each
    assert 0 < len(used) < EDITS
