"""Shared inputs: the course's settings, and small generated samples in chunks."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

from analysis.search import Search, read_search
from tools.generate import DEFAULT_SEED, generate_sample
from tools.manifest import Manifest, read_manifest
from tools.samples import Catalogue, read_catalogue

# Reproducible, and not failed by a busy machine.
settings.register_profile("steady", deadline=None, derandomize=True)
settings.load_profile("steady")

ROOT = Path(__file__).parent.parent
SMALL = {"background": 12_000, "signal_500": 3_000, "signal_750": 2_000, "signal_1000": 2_000}


@pytest.fixture(scope="session")
def catalogue() -> Catalogue:
    """The course's samples file."""
    return read_catalogue(ROOT / "datasets" / "course.toml")


@pytest.fixture(scope="session")
def search() -> Search:
    """The course's decisions."""
    return read_search(ROOT / "analysis" / "search.toml")


@pytest.fixture(scope="session")
def course_data() -> Path:
    """The folder of the real course files, from the variable XYY_COURSE_DATA."""
    folder = os.environ.get("XYY_COURSE_DATA")
    if not folder:
        pytest.skip("XYY_COURSE_DATA is not set: no real course files")
    return Path(folder)


@pytest.fixture(scope="session")
def chunks(catalogue: Catalogue, tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    """Small samples and the data of a small universe, as chunks."""
    folder = tmp_path_factory.mktemp("chunks")
    for name, events in SMALL.items():
        generate_sample(
            catalogue, name, folder, seed=DEFAULT_SEED, events=events, file_format="root"
        )
    return read_manifest(folder)
