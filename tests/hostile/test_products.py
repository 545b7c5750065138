"""Random edits of manifests and of result files: read as before, or refused with a message.

`XYY_HOSTILE` says which part of 5,000 edits is made; without it a twentieth.
"""

import json
import os
import random
import resource
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from coffea.processor import ProcessorABC

from analysis.folder.folder import Folder, Project
from analysis.report.folder_results import read_results
from analysis.report.summary import verdict_summary
from analysis.settings.search_file import read_search
from analysis.settings.settings_check import check_manifest
from analysis.workflow.make import refuse_stale_histograms, refuse_stale_results
from analysis.workflow.stages import status
from processors.schema import DiphotonSchema
from tests.hostile.json_edits import edited
from tools import executors
from tools.errors import XyyError
from tools.executors import Execution
from tools.manifest import MANIFEST_NAME, Manifest, read_manifest
from tools.samples import Catalogue, read_catalogue

EDITS = round(5000 * float(os.environ.get("XYY_HOSTILE", "0.05")))
SECONDS, MEMORY_KB, LONGEST = 20, 1 << 20, 2000
Command = Callable[..., int]


def tried(place: Path, seed: int, look: Callable[[], object], right: object) -> str:
    """Edit a file, look, and put it back: what was seen is right, or an `XyyError` was raised."""
    whole = place.read_bytes()
    place.write_bytes(edited(whole.decode(), random.Random(seed)))  # noqa: S311 - a test's
    start = time.monotonic()
    try:
        seen = look()
    except XyyError as error:
        told = str(error)
    else:
        assert seen == right, f"edit {seed} of {place.name}"
        return "as before"
    finally:
        assert time.monotonic() - start < SECONDS
        place.write_bytes(whole)
    assert told.isprintable()
    assert len(told) < LONGEST
    return "refused"


@pytest.fixture(autouse=True)
def _flat() -> Iterator[None]:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    yield
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < MEMORY_KB


# ---- manifests -----------------------------------------------------------------------------------


class Counts(ProcessorABC):  # type: ignore[misc] # coffea is untyped
    """Number and sum of jets: whole numbers that every event changes."""

    def process(self, events: Any) -> dict[str, Any]:
        jets = events.n_jets
        counted = {"events": len(jets), "jets": int(np.sum(jets))}
        return {events.metadata["dataset"]: counted}

    def postprocess(self, accumulator: Any) -> None:
        pass


def processed(path: Path, catalogue: Catalogue) -> dict[str, dict[str, int]]:
    """Read a manifest and process its chunks; lost events are an XyyError."""
    manifest = read_manifest(path)
    check_manifest(manifest, catalogue, ["n_jets"])
    outcome = executors.run(
        Counts(), executors.plan(manifest, list(manifest.samples)), schema=DiphotonSchema,
        execution=Execution(), columns=["n_jets"],
    )  # fmt: skip
    for ledger in outcome.ledger.values():
        if not ledger.complete:
            assert all(lost.error for lost in ledger.failed)
            raise XyyError("lost")
    return {name: outcome.outputs[name] for name in outcome.ledger}


def test_manifests(in_twenty_files: Manifest, catalogue: Catalogue, tmp_path: Path) -> None:
    place = tmp_path / "chunks"
    shutil.copytree(in_twenty_files.folder, place)
    right = processed(place, catalogue)
    ends = Counter(
        tried(place / MANIFEST_NAME, seed, lambda: processed(place, catalogue), right)
        for seed in range(EDITS // 2)
    )
    assert ends["refused"] > EDITS // 20


# ---- results -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def opened(tiny_blind: Path, program: Command, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of an unblinded `xyy run`, its chunks beside it."""
    place = tmp_path_factory.mktemp("opened")
    shutil.copytree(tiny_blind.parent, place, dirs_exist_ok=True)
    run = json.loads((tiny_blind / "run.json").read_text())["provenance"]["command"]
    words = [str(place / "chunks") if w == str(tiny_blind.parent / "chunks") else w for w in run]
    out = ("--out", place / "blind", "--quiet", "--unblind", "it is time")
    assert program("run", *words, *out) == 0
    return place / "blind"


def seen(folder: Folder, tiny: Path) -> object:
    """Look at a folder as `report` and `status` do; return what they would show."""
    catalogue, search = read_catalogue(tiny / "samples.toml"), read_search(tiny / "search.toml")
    project = Project(folder, catalogue, search)
    stages = status(project)
    refuse_stale_histograms(project)
    refuse_stale_results(project)
    read_results(folder, catalogue, search)
    if any(state != "up to date" for _, state in stages):
        raise XyyError("`status` tells it")
    return verdict_summary(folder)


def test_results(opened: Path, tiny: Path) -> None:
    folder = Folder(opened)
    right = seen(folder, tiny)
    files = sorted(path for path in opened.glob("*.json"))
    ends = Counter(
        tried(files[seed % len(files)], seed, lambda: seen(folder, tiny), right)
        for seed in range(EDITS // 2)
    )
    assert ends["refused"] > EDITS // 20
