"""Shared inputs: the course's settings, and small generated samples in chunks."""

import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings
from threadpoolctl import threadpool_limits

from analysis.search import Search
from analysis.search_file import read_search
from tools.chunks import write_part
from tools.generate import DEFAULT_SEED, generate_sample
from tools.manifest import Manifest, read_manifest
from tools.pool import cores
from tools.recipe import Events, background_recipe, make_events
from tools.samples import Catalogue, read_catalogue

# Reproducible, and not failed by a busy machine.
settings.register_profile("steady", deadline=None, derandomize=True)
settings.load_profile("steady")

ROOT = Path(__file__).parent.parent
LONGEST = ("test_pipeline.py", "test_game.py", "test_report.py", "test_dask.py", "test_closure.py")
"""They come first, so that in the end nobody waits for one of them."""
SMALL = {"background": 12_000, "signal_500": 3_000, "signal_750": 2_000, "signal_1000": 2_000}


@pytest.hookimpl(optionalhook=True)  # there is none without pytest-xdist
def pytest_xdist_auto_num_workers() -> int:
    """Take one process more than cores: some tests wait, for a worker that dies or a server."""
    return cores() + 1


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest files first, each as it was."""
    items.sort(key=lambda i: LONGEST.index(i.path.name) if i.path.name in LONGEST else len(LONGEST))


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> Iterator[None]:
    """Do linear algebra in one thread, as `xyy` does; another number of them rounds otherwise."""
    with threadpool_limits(1):
        yield


@pytest.fixture(scope="session")
def catalogue() -> Catalogue:
    """The course's samples file."""
    return read_catalogue(ROOT / "datasets" / "course.toml")


@pytest.fixture(scope="session")
def search() -> Search:
    """The course's decisions."""
    return read_search(ROOT / "analysis" / "search.toml")


@pytest.fixture(scope="session")
def quick(search: Search) -> Search:
    """The course's decisions with cuts, limits at three masses, two families, no toys."""
    return replace(
        search,
        optimise=replace(search.optimise, method="cuts"),
        peak=replace(
            search.peak, families=("exp", "atlas-diphoton"), max_parameters=6, global_toys=0
        ),
        limits=replace(search.limits, masses=replace(search.limits.masses, step_GeV=250.0)),
    )


@pytest.fixture(scope="session")
def quick_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same as `quick`, as a search file for the command line."""
    text = (ROOT / "analysis" / "search.toml").read_text(encoding="utf-8")
    for old, new in (
        ('step = "25 GeV"', 'step = "250 GeV"'),
        (', "dijet", "cms-diphoton", "bernstein"]', "]"),
        ("max_parameters = 7\nspurious_signal", "max_parameters = 6\nspurious_signal"),
        ("global_toys = 1000", "global_toys = 0"),
        ('method = "best"', 'method = "cuts"'),
    ):
        assert text.count(old) == 1, f"{old!r} is not once in search.toml"
        text = text.replace(old, new)
    path = tmp_path_factory.mktemp("search") / "quick.toml"
    path.write_text(text, encoding="utf-8")
    return path


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


@pytest.fixture(scope="session")
def in_twenty_files(
    catalogue: Catalogue, chunks: Manifest, tmp_path_factory: pytest.TempPathFactory
) -> Manifest:
    """The small samples, background and data (of another seed) in twenty chunks each."""
    folder = tmp_path_factory.mktemp("in_twenty_files")
    shutil.copytree(chunks.folder, folder, dirs_exist_ok=True)
    manifest = read_manifest(folder)
    background = manifest.samples["background"]
    for name, kind, seed in (("background", "background", 5), ("data", "data", 6)):
        events = make_events(background_recipe(), np.random.default_rng(seed), SMALL["background"])
        parts = [
            write_part(
                folder, f"{name}/part-{index:05d}.root", catalogue.columns, [piece], generated=True
            )
            for index, piece in enumerate(_pieces(events, 20))
        ]
        sample = replace(background, kind=kind, parts=tuple(parts), content=f"seed {seed}")
        manifest = manifest.with_sample(name, sample)
    manifest.write()
    return manifest


def _pieces(events: Events, count: int) -> Iterator[Events]:
    size = len(events["n_jets"]) // count
    for index in range(count):
        yield {name: array[index * size : (index + 1) * size] for name, array in events.items()}
