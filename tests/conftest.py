"""Shared inputs: the course's settings, and small generated samples in chunks."""

import os
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from hypothesis import settings
from threadpoolctl import threadpool_limits

from analysis import cli
from analysis.settings.search import Search
from analysis.settings.search_file import read_search
from tools.chunks import write_part
from tools.digests import digest_text
from tools.generate import DEFAULT_SEED, generate_sample
from tools.manifest import Manifest, read_manifest
from tools.pool import cores
from tools.recipe import Events, background_recipe, make_events
from tools.samples import Catalogue, Kind, read_catalogue
from tools.universe import truth_of

# Reproducible, and not failed by a busy machine.
settings.register_profile("steady", deadline=None, derandomize=True)
settings.load_profile("steady")

ROOT = Path(__file__).parent.parent
LONGEST = ("test_pipeline.py", "test_game.py", "test_report.py", "test_dask.py", "test_closure.py")
"""They come first, so that in the end nobody waits for one of them."""
Command = Callable[..., int]
ORDER = os.environ.get("XYY_TEST_ORDER", "")
"""Any text: the tests are run in the order that it gives, files and what is in them."""
REPEAT = int(os.environ.get("XYY_REPEAT", "1"))
"""How often tests with the marker `chance` are run."""
SMALL = {"background": 12_000, "signal_500": 3_000, "signal_750": 2_000, "signal_1000": 2_000}


@pytest.hookimpl(optionalhook=True)  # there is none without pytest-xdist
def pytest_xdist_auto_num_workers() -> int:
    """Take one process more than cores: some tests wait, for a worker that dies or a server."""
    return cores() + 1


def pytest_report_header() -> str:
    """Tell how to have the same order again."""
    hashes = os.environ.get("PYTHONHASHSEED", "")
    return f"order: XYY_TEST_ORDER={ORDER} PYTHONHASHSEED={hashes}" if ORDER else ""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest files first, each as it was; or all by chance, if that was asked for.

    The order of some tests does not depend on which others there are, so that it can be narrowed
    down which of them disturb each other.
    """
    if ORDER:
        items.sort(key=lambda i: (by_chance(i.nodeid.split("::")[0]), by_chance(i.nodeid)))
        return
    items.sort(key=lambda i: LONGEST.index(i.path.name) if i.path.name in LONGEST else len(LONGEST))


def by_chance(name: str) -> str:
    return digest_text(ORDER, name)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Repeat what hangs on chance."""
    if REPEAT > 1 and metafunc.definition.get_closest_marker("chance"):
        metafunc.fixturenames.append("repetition")
        metafunc.parametrize("repetition", range(REPEAT))


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
def program() -> Command:
    """Run the program in this process; return its exit code."""

    def run(*words: object) -> int:
        with pytest.raises(SystemExit) as end:
            cli.main([str(word) for word in words])
        return int(end.value.code or 0)

    return run


@pytest.fixture(scope="session")
def quickest_file(quick_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with one family of functions, and a scan in steps of 25 GeV."""
    text = quick_file.read_text(encoding="utf-8")
    text = text.replace('families = ["exp", "atlas-diphoton"]', 'families = ["exp"]')
    text = text.replace('step = "10 GeV"', 'step = "25 GeV"')
    path = tmp_path_factory.mktemp("search") / "quickest.toml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def tiny(quickest_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ``samples.toml`` and ``search.toml`` that are done in seconds.

    A twentieth of the course's luminosity, few columns, and the quickest decisions with one cut.
    """
    place = tmp_path_factory.mktemp("tiny")
    samples = (ROOT / "datasets" / "course.toml").read_text(encoding="utf-8")
    samples = samples.replace('"1298.1 / pb"', '"64.905 / pb"')
    samples = samples.replace("= 100_000", "= 30_000").replace("= 10_000", "= 3_000")
    head, *columns = re.split(r"^(?=\[columns\.)", samples, flags=re.MULTILINE)
    kept = [text for text in columns if re.match(r"\[columns\.(photon._(pT|eta|phi)|n_jets)", text)]
    (place / "samples.toml").write_text("".join([head, *kept]), encoding="utf-8")
    search = quickest_file.read_text(encoding="utf-8")
    search = re.sub(r"^(n_leptons|photon._isolation) = .*\n", "", search, flags=re.MULTILINE)
    (place / "search.toml").write_text(search, encoding="utf-8")
    return place


@pytest.fixture(scope="session")
def tiny_universe(tiny: Path) -> int:
    """The loudest universe above 600 GeV of the first sixty with these settings."""
    catalogue = read_catalogue(tiny / "samples.toml")
    truths = [truth_of(DEFAULT_SEED, number, catalogue) for number in range(60)]
    loud = [(t.cross_section_pb or 0.0) * ((t.mass_GeV or 0.0) > 600) for t in truths]
    return int(np.argmax(loud))


@pytest.fixture(scope="session")
def tiny_blind(
    tiny: Path, tiny_universe: int, program: Command, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A blind folder of `xyy run` with these settings, without figures; its chunks beside it."""
    place = tmp_path_factory.mktemp("tiny_blind")
    files = ("--samples", tiny / "samples.toml", "--search", tiny / "search.toml")
    folders = ("--chunks", place / "chunks", "--out", place / "blind")
    words = ("--until", "infer", "--quiet")
    assert program("run", "--universe", tiny_universe, *files, *folders, *words) == 0
    return place / "blind"


@pytest.fixture(scope="session")
def course_data() -> Path:
    """The folder of the real course files, from the variable XYY_COURSE_DATA."""
    folder = os.environ.get("XYY_COURSE_DATA")
    if not folder:
        pytest.skip("XYY_COURSE_DATA is not set: no real course files")
    return Path(folder)


@pytest.fixture(scope="session")
def world(course_data: Path) -> Path:
    """Folder of photon files of the world, with their reference values."""
    folder = course_data / "photons"
    if not (folder / "reference.json").is_file():
        pytest.skip("there are no photon files beside the course's")
    return folder


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
    kinds: tuple[tuple[Kind, int], ...] = (("background", 5), ("data", 6))
    for name, seed in kinds:
        events = make_events(background_recipe(), np.random.default_rng(seed), SMALL["background"])
        parts = [
            write_part(
                folder, f"{name}/part-{index:05d}.root", catalogue.columns, [piece], generated=True
            )
            for index, piece in enumerate(_pieces(events, 20))
        ]
        sample = replace(background, kind=name, parts=tuple(parts), content=f"seed {seed}")
        manifest = manifest.with_sample(name, sample)
    manifest.write()
    return manifest


def _pieces(events: Events, count: int) -> Iterator[Events]:
    size = len(events["n_jets"]) // count
    for index in range(count):
        yield {name: array[index * size : (index + 1) * size] for name, array in events.items()}


@pytest.fixture(scope="session")
def execute() -> Callable[[Any, Path], None]:
    """Run a notebook's cells in a folder.

    Not by TCP, whose ports are chosen first and taken later, at times by somebody else.
    """
    from nbclient import NotebookClient
    from traitlets.config import Config

    def run(notebook: Any, folder: Path) -> None:
        with TemporaryDirectory() as short:  # as names of sockets have to be
            NotebookClient(
                notebook, timeout=1200, startup_timeout=600, kernel_name="python3",
                resources={"metadata": {"path": str(folder)}},
                config=Config(
                    KernelManager={"transport": "ipc", "connection_file": f"{short}/kernel.json"}
                ),
            ).execute()  # fmt: skip

    return run
