"""Generated events in files: the course's CSV, ROOT chunks and their manifest."""

import os
import pickle
import sys
import weakref
from dataclasses import asdict, replace
from pathlib import Path

import cloudpickle
import numpy as np
import pytest
import uproot
from pyarrow import csv

from tools.checkout import find_settings
from tools.chunks import TREE, verify_part
from tools.digests import digest_text
from tools.errors import InputError, XyyError
from tools.event_files import (
    check_columns,
    check_format,
    write_chunks,
    write_csv,
    write_file,
)
from tools.manifest import SampleChunks, manifest_for, read_manifest
from tools.marks import GENERATED
from tools.pool import cores
from tools.recipe import Events, background_recipe, make_events
from tools.samples import Catalogue, read_catalogue

# Workers cannot import this module: what it defines goes to them by value.
cloudpickle.register_pickle_by_value(sys.modules[__name__])
HEADER = (
    ",photon1_pT,photon2_pT,photon1_phi,photon2_phi,photon1_eta,photon2_eta,dEta,n_jets,"
    "average_jet_pT,lead_jets_dPhi,n_leptons,photon1_isolation,photon2_isolation,missing_energy\n"
)


ABOUT = SampleChunks(kind="background", parts=(), generated=True)


class SmallPlan:
    """Some chunks of background; the one numbered `broken` cannot be made."""

    def __init__(self, *sizes: int, broken: int | None = None) -> None:
        self.sizes = sizes
        self.broken = broken

    def chunk(self, index: int) -> Events:
        if index == self.broken:
            raise OSError(28, "No space left on device")
        return make_events(background_recipe(), np.random.default_rng(index), self.sizes[index])


class OneAtATime(SmallPlan):
    """Fails if any array of a chunk is still alive when the next chunk is made."""

    alive: tuple[weakref.ref[object], ...] = ()

    def chunk(self, index: int) -> Events:
        assert not any(reference() is not None for reference in self.alive)
        events = super().chunk(index)
        self.alive = tuple(weakref.ref(values) for values in events.values())
        return events


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return read_catalogue(find_settings("datasets/course.toml"))


@pytest.fixture(scope="module")
def course_data() -> Path:
    """Return the folder of the course's public files."""
    folder = os.environ.get("XYY_COURSE_DATA")
    if not folder:
        pytest.skip("XYY_COURSE_DATA does not name the folder of the course's files")
    return Path(folder)


def test_csv_reads_back_with_every_digit(tmp_path: Path, catalogue: Catalogue) -> None:
    plan = SmallPlan(3000, 2000, 1)
    steps: list[int] = []
    write_csv(tmp_path / "some.csv", catalogue.columns, plan, steps.append)
    assert steps == [3000, 5000, 5001]
    table = csv.read_csv(tmp_path / "some.csv")
    assert table.column_names == [GENERATED, *(column.name for column in catalogue.columns)]
    assert table[GENERATED].to_pylist() == list(range(5001))
    for column in catalogue.columns:
        expected = np.concatenate([plan.chunk(index)[column.name] for index in range(3)])
        np.testing.assert_array_equal(table[column.name].to_numpy(), expected)


def test_csv_looks_like_the_courses(tmp_path: Path, catalogue: Catalogue) -> None:
    write_csv(tmp_path / "some.csv", catalogue.columns, SmallPlan(100))
    content = (tmp_path / "some.csv").read_bytes()
    assert content.startswith((GENERATED + HEADER).encode())
    assert content.endswith(b"\n")
    assert b'"' not in content
    assert b"\r" not in content
    for number, line in enumerate(content.decode().splitlines()[1:]):
        fields = line.split(",")
        assert fields[0] == str(number)
        for count in (fields[8], fields[11]):
            assert count == f"{int(float(count))}.0"


def test_header_is_that_of_the_real_file(course_data: Path) -> None:
    with (course_data / "signal_500.csv").open(encoding="ascii", newline="") as real:
        assert real.readline() == HEADER


def test_files_read_back(tmp_path: Path, catalogue: Catalogue) -> None:
    plan = SmallPlan(300, 200, 100, 400, 500)
    steps: list[int] = []
    path = write_chunks(tmp_path, "some", catalogue.columns, plan, ABOUT, steps.append)
    assert path == tmp_path / "manifest.json"
    assert steps == [1000, 1500]
    parts = read_manifest(path).samples["some"].parts
    assert [part.path for part in parts] == ["some/part-00000.root", "some/part-00001.root"]
    assert [part.clusters for part in parts] == [(0, 1000), (0, 500)]
    for part, chunks in zip(parts, (range(4), range(4, 5)), strict=True):
        verify_part(tmp_path / part.path, part)
        with uproot.open(tmp_path / part.path) as file:
            for column in catalogue.columns:
                stored = file[TREE][column.name].array(library="np")
                expected = [plan.chunk(i)[column.name].astype(column.type) for i in chunks]
                np.testing.assert_array_equal(stored, np.concatenate(expected))


def test_a_worker_writes_the_same_events(tmp_path: Path, catalogue: Catalogue) -> None:
    plan = SmallPlan(*[300] * 5)
    here = write_file(plan, 1, tmp_path, "here", catalogue.columns)
    sent = pickle.loads(pickle.dumps(plan))
    there = write_file(sent, 1, tmp_path, "there", catalogue.columns)
    assert here.content == there.content
    assert there.path == "there/part-00001.root"
    assert write_file(plan, 0, tmp_path, "here", catalogue.columns).content != here.content


def test_workers_write_the_same_sample(tmp_path: Path, catalogue: Catalogue) -> None:
    """All of the manifest but sizes and checksums: a file carries its first name and the time."""
    plan, entries = SmallPlan(*range(3000, 3012)), []
    for workers in (1, 2):
        steps: list[int] = []
        out = tmp_path / str(workers)
        path = write_chunks(
            out, "some", catalogue.columns, plan, ABOUT, steps.append, workers=workers
        )
        assert (len(steps), steps[-1], steps) == (3, sum(plan.sizes), sorted(steps))
        manifest = read_manifest(path)
        for part in manifest.samples["some"].parts:
            verify_part(out / part.path, part)
        entry = asdict(manifest.samples["some"])
        entries.append(
            {**entry, "parts": [{**p, "bytes": 0, "checksum": ""} for p in entry["parts"]]}
        )
    assert entries[0] == entries[1]


def test_a_failing_worker_leaves_nothing(tmp_path: Path, catalogue: Catalogue) -> None:
    plan = SmallPlan(*[50] * 12, broken=1)
    with pytest.raises(XyyError, match=r"cannot write .*: No space left on device; free space"):
        write_chunks(tmp_path / "out", "one", catalogue.columns, plan, ABOUT, workers=2)
    assert not list(tmp_path.iterdir())


def test_only_large_samples_start_workers(tmp_path: Path, catalogue: Catalogue) -> None:
    """Made in this process or not: only here does the plan keep what it is told."""
    for chunks, workers, here in ((11, 2, True), (12, 2, False), (12, None, cores() == 1)):
        plan, out = OneAtATime(*[5] * chunks), tmp_path / f"{chunks}-{workers}"
        write_chunks(out, "some", catalogue.columns, plan, ABOUT, workers=workers)
        assert bool(plan.alive) == here


def test_only_one_chunk_is_in_memory(tmp_path: Path, catalogue: Catalogue) -> None:
    write_csv(tmp_path / "some.csv", catalogue.columns, OneAtATime(1000, 1000, 1000))
    write_chunks(tmp_path, "some", catalogue.columns, OneAtATime(1000, 1000, 1000), ABOUT)


def test_csv_is_whole_or_not_there(tmp_path: Path, catalogue: Catalogue) -> None:
    path = tmp_path / "some.csv"
    write_csv(path, catalogue.columns, SmallPlan(100))
    old = path.read_bytes()
    with pytest.raises(XyyError, match=r"cannot write .*some\.csv: No space left on device"):
        write_csv(path, catalogue.columns, SmallPlan(3000, 2000, broken=1))
    assert path.read_bytes() == old
    assert list(tmp_path.iterdir()) == [path]


def test_manifest_keeps_the_other_samples(tmp_path: Path, catalogue: Catalogue) -> None:
    about = replace(ABOUT, kind="signal", mass_GeV=600.0, content="given")
    write_chunks(tmp_path, "one", catalogue.columns, SmallPlan(100), about)
    write_chunks(tmp_path, "two", catalogue.columns, SmallPlan(100), ABOUT)
    samples = read_manifest(tmp_path).samples
    assert list(samples) == ["one", "two"]
    assert samples["one"] == replace(about, parts=samples["one"].parts)
    # Without a content of its own, a sample has that of its events.
    assert samples["two"].content == digest_text(samples["two"].parts[0].content)


def test_new_chunks_replace_the_old_ones(tmp_path: Path, catalogue: Catalogue) -> None:
    """All or none: a failure leaves the old chunks, a success none of them."""
    write_chunks(tmp_path, "one", catalogue.columns, SmallPlan(100, 100, 100), ABOUT)
    before = read_manifest(tmp_path).samples
    with pytest.raises(XyyError, match=r"cannot write .*: No space left on device"):
        write_chunks(tmp_path, "one", catalogue.columns, SmallPlan(50, 50, broken=1), ABOUT)
    assert read_manifest(tmp_path).samples == before
    for part in before["one"].parts:
        verify_part(tmp_path / part.path, part)
    write_chunks(tmp_path, "one", catalogue.columns, SmallPlan(50), ABOUT)
    assert read_manifest(tmp_path).samples["one"].entries == 50
    files = [str(path.relative_to(tmp_path)) for path in sorted(tmp_path.rglob("*"))]
    assert files == ["manifest.json", "one", "one/part-00000.root"]


def test_refuses_a_manifest_of_other_columns(tmp_path: Path, catalogue: Catalogue) -> None:
    manifest_for(tmp_path, catalogue.columns[:-1]).write()
    with pytest.raises(InputError, match=r"manifest\.json declares other columns; choose another"):
        manifest_for(tmp_path, catalogue.columns)


def test_refuses_columns_that_it_cannot_make(catalogue: Catalogue) -> None:
    check_columns(replace(catalogue, columns=catalogue.columns[::-1]))
    column = replace(catalogue.columns[0], name="photon3_pT")
    with pytest.raises(InputError, match=r"course\.toml, \[columns\.photon3_pT\]: not a column"):
        check_columns(replace(catalogue, columns=(*catalogue.columns, column)))
    with pytest.raises(InputError, match="no columns are declared that could be generated"):
        check_columns(replace(catalogue, columns=()))


def test_refuses_an_unknown_format() -> None:
    check_format("root")
    with pytest.raises(InputError, match=r"'parquet' is not a format.*use csv or root"):
        check_format("parquet")
