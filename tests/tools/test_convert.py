"""Conversion: what comes in comes out, whole or not at all, fast and in constant memory."""

import shutil
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import pytest
import uproot

from tools.chunks import PART_EVENTS, TREE, DamagedChunkError, verify_part, write_part
from tools.convert import FILES, convert
from tools.digests import digest_file, digest_text
from tools.errors import InputError, XyyError
from tools.manifest import Manifest, read_manifest
from tools.sample_chunks import chunks_key
from tools.samples import Catalogue, read_catalogue

NARROW = """
collision_energy = "14 TeV"
luminosity = "1 / pb"
ignore = [""]
[samples.a]
kind = "data"
files = ["a*.csv"]
[samples.b]
kind = "signal"
mass = "500 GeV"
cross_section = "2 pb"
filter_efficiency = 0.5
events = 10
files = ["b*"]
[columns.x]
unit = "GeV"
type = "float32"
axis = { bins = 10, low = 0, high = 1 }
meaning = "a number"
[columns.n]
unit = "1"
type = "int16"
axis = { bins = 10, low = 0, high = 10 }
meaning = "a count"
"""


@pytest.fixture
def narrow(tmp_path: Path) -> Catalogue:
    """Two columns and two samples, for files that are long but small."""
    path = tmp_path / "narrow.toml"
    path.write_text(NARROW, encoding="utf-8")
    return read_catalogue(path)


def narrow_events(events: int, seed: int = 1) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {"x": rng.normal(0, 100, events), "n": rng.poisson(3.0, events).astype("int16")}


def write_narrow(path: Path, events: dict[str, np.ndarray]) -> Path:
    index = np.arange(len(events["x"]))
    pa_csv.write_csv(pa.table({"": index, **events}), path)
    return path


def read_sample(manifest: Manifest, name: str) -> dict[str, np.ndarray]:
    """Return all events of a sample, as the chunks hold them."""
    parts = manifest.samples[name].parts
    for part in parts:
        verify_part(manifest.folder / part.path, part)
    arrays: list[dict[str, np.ndarray]] = []
    for part in parts:
        with uproot.open({str(manifest.folder / part.path): TREE}) as tree:
            assert tree.num_entries == part.entries == part.clusters[-1]
            for branch in tree.branches:
                assert tuple(branch.entry_offsets) == part.clusters
            arrays.append(tree.arrays(library="np"))
    return {key: np.concatenate([a[key] for a in arrays]) for key in arrays[0]}


def files_below(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def same(left: dict[str, np.ndarray], right: dict[str, np.ndarray]) -> bool:
    return list(left) == list(right) and all(
        left[key].dtype == right[key].dtype and np.array_equal(left[key], right[key])
        for key in left
    )


# ---- what comes in comes out ---------------------------------------------------------------------


@pytest.mark.parametrize("name", ["signal_500", "signal_1000"])
def test_real_course_files(
    catalogue: Catalogue, course_data: Path, tmp_path: Path, name: str
) -> None:
    path = course_data / f"{name}.csv"
    manifest = convert(catalogue, [(None, path)], tmp_path / "out")
    assert manifest == read_manifest(tmp_path / "out")
    chunks = manifest.samples[name]
    assert (chunks.entries, len(chunks.parts), chunks.kind) == (10_000, 1, "signal")
    assert chunks.sources[0].digest == digest_file(path)
    assert (chunks.sources[0].name, chunks.sources[0].bytes) == (path.name, path.stat().st_size)
    assert (chunks.cross_section_pb, chunks.filter_efficiency) == (5.4, 0.17)
    assert chunks.mass_GeV == float(name.removeprefix("signal_"))

    stored, real = read_sample(manifest, name), pytest.importorskip("pandas").read_csv(path)
    assert list(stored) == list(real)[1:] == [column.name for column in catalogue.columns]
    for column in catalogue.columns:
        assert stored[column.name].dtype == column.type
        assert np.array_equal(stored[column.name], real[column.name].to_numpy().astype(column.type))


def test_chunks_of_a_long_file_in_order(narrow: Catalogue, tmp_path: Path) -> None:
    """Many blocks of text, two full chunks and a bit of a third."""
    events = narrow_events(2 * PART_EVENTS + 12_345)
    path = write_narrow(tmp_path / "a.csv", events)
    assert path.stat().st_size > 20_000_000
    told: list[int] = []
    manifest = convert(narrow, [(None, path)], tmp_path / "out", progress=told.append)
    parts = manifest.samples["a"].parts
    assert [part.entries for part in parts] == [PART_EVENTS, PART_EVENTS, 12_345]
    assert parts[1].clusters == (0, 125_000, 250_000, 375_000, 500_000)
    assert parts[2].clusters == (0, 12_345)
    assert [part.path for part in parts] == [f"a/part-0000{i}.root" for i in range(3)]
    assert same(read_sample(manifest, "a"), {"x": events["x"].astype("float32"), "n": events["n"]})
    assert told == sorted(told)
    assert told[-1] == manifest.samples["a"].entries


def test_exactly_full_chunks_make_no_empty_one(narrow: Catalogue, tmp_path: Path) -> None:
    path = write_narrow(tmp_path / "a.csv", narrow_events(PART_EVENTS))
    parts = convert(narrow, [(None, path)], tmp_path / "out").samples["a"].parts
    assert [part.entries for part in parts] == [PART_EVENTS]


def test_files_of_one_sample_are_joined_in_the_given_order(
    narrow: Catalogue, tmp_path: Path
) -> None:
    first, second = narrow_events(1_000, seed=1), narrow_events(500, seed=2)
    paths = [write_narrow(tmp_path / "a1.csv", first), write_narrow(tmp_path / "a2.csv", second)]
    manifest = convert(narrow, [(None, path) for path in reversed(paths)], tmp_path / "out")
    chunks = manifest.samples["a"]
    assert [part.entries for part in chunks.parts] == [500, 1_000]
    assert [source.name for source in chunks.sources] == ["a2.csv", "a1.csv"]
    expected = np.concatenate([second["n"], first["n"]])
    assert np.array_equal(read_sample(manifest, "a")["n"], expected)


def test_what_people_s_programs_do_to_csv_files(narrow: Catalogue, tmp_path: Path) -> None:
    """Byte-order mark, CRLF, quotes, spaces, empty lines, order of columns, ignored text."""
    path = tmp_path / "a.csv"
    path.write_bytes(
        b'\xef\xbb\xbf"n","" , x\r\n3.0,first,-2.5e-1\r\n\r\n"4","it, is", +.5\r\n'
        b"-32768,,3.4028234e38\r\n"
    )
    stored = read_sample(convert(narrow, [(None, path)], tmp_path / "out"), "a")
    assert stored["x"].tolist() == [-0.25, 0.5, float(np.finfo("float32").max)]
    assert stored["n"].tolist() == [3, 4, -32768]


def test_quotes_that_swallow_lines(narrow: Catalogue, tmp_path: Path) -> None:
    """Two stray quotes would make one event of two, in a field that is not even used."""
    path = tmp_path / "a.csv"
    path.write_bytes(b'n,x,\n1,2.5,c\n2,2.5,"a\n3,3.5,"b\n4,4.5,c\n')
    with pytest.raises(
        InputError, match=r"from line 2 on: a quoted field goes over a line end; wri"
    ):
        convert(narrow, [(None, path)], tmp_path / "out")


def write_tree(path: Path, events: dict[str, np.ndarray]) -> None:
    with uproot.recreate(path) as file:
        file["h"] = np.histogram([1.0, 2.0])
        for part in (0, 1):  # two clusters
            half = {key: array[part::2] for key, array in events.items()}
            if part == 0:
                file.mktree("folder/tree", {key: array.dtype for key, array in half.items()})
            file["folder/tree"].extend(half)


def write_ntuple(path: Path, events: dict[str, np.ndarray]) -> None:
    with uproot.recreate(path) as file:
        file.mkrntuple("other", {"z": events["x"]})
        file.mkrntuple(
            "Events", {key: np.concatenate([a[0::2], a[1::2]]) for key, a in events.items()}
        )


def write_parquet(path: Path, events: dict[str, np.ndarray]) -> None:
    table = pa.table({key: np.concatenate([a[0::2], a[1::2]]) for key, a in events.items()})
    pq.write_table(table, path, row_group_size=70_001)


WRITERS: dict[str, Callable[[Path, dict[str, np.ndarray]], None]] = {
    "b.root": write_tree,
    "b_ntuple.root": write_ntuple,
    "b.parquet": write_parquet,
}


@pytest.mark.parametrize("name", WRITERS)
@pytest.mark.parametrize("types", [("float64", "int64"), ("float32", "uint8"), (">f8", "float64")])
def test_root_and_parquet(
    narrow: Catalogue, tmp_path: Path, name: str, types: tuple[str, str]
) -> None:
    events = narrow_events(210_000)
    given = {"n": events["n"].astype(types[1]), "x": events["x"].astype(types[0])}
    if name != "b.root":  # the others hold what the machine has
        given["x"] = given["x"].astype(given["x"].dtype.newbyteorder("="))
    path = tmp_path / name
    WRITERS[name](path, given)
    manifest = convert(narrow, [(None, path)], tmp_path / "out")
    stored = read_sample(manifest, "b")
    expected = {
        "x": np.concatenate([events["x"][0::2], events["x"][1::2]]).astype("float32"),
        "n": np.concatenate([events["n"][0::2], events["n"][1::2]]),
    }
    assert same(stored, expected)
    assert manifest.samples["b"].sources[0].digest == digest_file(path)


def test_a_colon_in_the_path(narrow: Catalogue, tmp_path: Path) -> None:
    """After a colon, uproot expects the name of a tree."""
    folder = tmp_path / "run:1"
    folder.mkdir()
    write_tree(folder / "b.root", narrow_events(10))
    assert convert(narrow, [(None, folder / "b.root")], folder / "out").samples["b"].entries == 10


# ---- the manifest --------------------------------------------------------------------------------


def test_samples_are_added_and_replaced(narrow: Catalogue, tmp_path: Path) -> None:
    out = tmp_path / "out"
    long = write_narrow(tmp_path / "a.csv", narrow_events(PART_EVENTS + 10))
    short = write_narrow(tmp_path / "a_short.csv", narrow_events(10))
    other = write_narrow(tmp_path / "b.csv", narrow_events(20, seed=2))
    convert(narrow, [(None, long)], out)
    both = convert(narrow, [(None, other)], out)
    assert {name: chunks.entries for name, chunks in both.samples.items()} == {
        "a": PART_EVENTS + 10,
        "b": 20,
    }
    replaced = convert(narrow, [(None, short)], out)
    assert replaced == read_manifest(out)
    assert replaced.samples["b"] == both.samples["b"]
    assert read_sample(replaced, "a")["n"].size == 10
    # The second chunk of the long file is gone, and so is everything temporary.
    left = ["a/part-00000.root", "b/part-00000.root", "conversion.json", "manifest.json"]
    assert sorted(files_below(out)) == left


def test_content_is_of_the_bytes_and_the_columns_only(narrow: Catalogue, tmp_path: Path) -> None:
    path = write_narrow(tmp_path / "a.csv", narrow_events(10))
    elsewhere = tmp_path / "folder" / "renamed.csv"
    elsewhere.parent.mkdir()
    shutil.copy(path, elsewhere)
    other = write_narrow(tmp_path / "a2.csv", narrow_events(10, seed=2))

    def content(catalogue: Catalogue, *paths: Path) -> str:
        inputs = [("a", path) for path in paths]
        return convert(catalogue, inputs, tmp_path / digest_text(str(paths))).samples["a"].content

    sample = narrow.sample("a")
    wider = replace(narrow, columns=(replace(narrow.columns[0], type="float64"), narrow.columns[1]))
    assert content(narrow, path) == content(narrow, elsewhere)
    assert chunks_key(narrow, sample, [path]) == chunks_key(narrow, sample, [elsewhere])
    different = [(path,), (other,), (path, other), (other, path)]
    assert len({content(narrow, *paths) for paths in different}) == 4
    keys = {chunks_key(narrow, sample, paths) for paths in different}
    keys |= {chunks_key(wider, sample, [path]), chunks_key(narrow, narrow.sample("b"), [path])}
    keys |= {chunks_key(narrow, replace(narrow.sample("b"), cross_section_pb=3.0), [path])}
    assert len(keys) == 7


def test_a_chunk_is_verified(narrow: Catalogue, tmp_path: Path) -> None:
    events = narrow_events(1_000)
    part = write_part(tmp_path, "a/part-00000.root", narrow.columns, [events], generated=False)
    path = tmp_path / part.path
    verify_part(path, part)
    whole = path.read_bytes()
    for spot in (0, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:spot] + bytes([whole[spot] ^ 1]) + whole[spot + 1 :])
        with pytest.raises(DamagedChunkError, match=r"part-00000.root has another checksum.*again"):
            verify_part(path, part)
    path.write_bytes(whole[:-100])
    with pytest.raises(DamagedChunkError, match=r"has [\d,]+ bytes where the manifest says [\d,]+"):
        verify_part(path, part)
    path.unlink()
    with pytest.raises(DamagedChunkError, match=r"is missing; convert its sample again") as caught:
        verify_part(path, part)
    assert caught.value.exit_code == 1
    path.symlink_to(path)
    with pytest.raises(DamagedChunkError, match=r"cannot be read \(.*\); convert its sample again"):
        verify_part(path, part)


# ---- whole or not at all -------------------------------------------------------------------------


@pytest.fixture
def converted(narrow: Catalogue, tmp_path: Path) -> Path:
    """A folder with an older version of sample a."""
    out = tmp_path / "out"
    convert(narrow, [(None, write_narrow(tmp_path / "a_old.csv", narrow_events(30)))], out)
    return out


def new_inputs(tmp_path: Path) -> list[tuple[str | None, Path]]:
    """Return a new version of sample a, and sample b."""
    return [
        (None, write_narrow(tmp_path / "a.csv", narrow_events(PART_EVENTS + 10_000, seed=3))),
        (None, write_narrow(tmp_path / "b.csv", narrow_events(20, seed=4))),
    ]


@pytest.mark.parametrize("when", [1, 400_000, PART_EVENTS + 10_000])
def test_ctrl_c_while_reading(
    narrow: Catalogue, tmp_path: Path, converted: Path, when: int
) -> None:
    def interrupt(events: int) -> None:
        if events >= when:
            raise KeyboardInterrupt

    inputs, before = new_inputs(tmp_path), files_below(converted)
    for out in (converted, tmp_path / "new"):
        with pytest.raises(KeyboardInterrupt):
            convert(narrow, inputs, out, progress=interrupt)
    assert files_below(converted) == before
    assert sorted(path.name for path in converted.iterdir()) == [
        "a",
        "conversion.json",
        "manifest.json",
    ]
    assert not (tmp_path / "new").exists()


class Killed(BaseException):
    """What a test raises in place of an interrupt or a kill."""


def changes_of_the_disk(
    monkeypatch: pytest.MonkeyPatch, stop_at: int, *, before: bool, dead: bool
) -> list[str]:
    """Raise `Killed` before or after change `stop_at` of the disk; if `dead`, at later ones too.

    Returns the list to which the changes are added as they happen.
    """
    done: list[str] = []

    def watched(owner: object, name: str) -> None:
        real = getattr(owner, name)

        def change(*args: Any, **kwargs: Any) -> Any:
            done.append(name)
            if (before and len(done) == stop_at) or (dead and len(done) > stop_at):
                raise Killed
            answer = real(*args, **kwargs)
            if len(done) == stop_at:
                raise Killed
            return answer

        monkeypatch.setattr(owner, name, change)

    for name in ("replace", "mkdir", "unlink", "rmdir"):
        watched(Path, name)
    watched(shutil, "rmtree")
    return done


def stops() -> Iterator[tuple[int, bool]]:
    for stop_at in range(1, 60):
        yield from ((stop_at, True), (stop_at, False))


@pytest.mark.parametrize("dead", [False, True], ids=["interrupted", "killed"])
def test_stopped_at_every_change_of_the_disk(
    narrow: Catalogue, tmp_path: Path, *, dead: bool
) -> None:
    """The manifest never names what is not there; the next conversion ends like any other."""
    old = write_narrow(tmp_path / "a_old.csv", narrow_events(30))
    kept = write_narrow(tmp_path / "b.csv", narrow_events(20, seed=4))
    new = write_narrow(tmp_path / "a.csv", narrow_events(40, seed=3))
    states = set()
    for stop_at, before in stops():
        out = tmp_path / f"out-{stop_at}-{before}"
        convert(narrow, [(None, old), (None, kept)], out)
        with pytest.MonkeyPatch.context() as patch:
            done = changes_of_the_disk(patch, stop_at, before=before, dead=dead)
            try:
                convert(narrow, [(None, new)], out)
            except Killed:
                pass
            else:
                assert len(done) < stop_at
                break
        left = read_manifest(out)
        entries = {name: read_sample(left, name)["n"].size for name in left.samples}
        states.add(entries.get("a"))
        assert entries["b"] == 20
        if not dead and done[stop_at - 1] not in {"rmtree", "rmdir"}:  # while clearing up
            names = sorted(path.name for path in out.iterdir() if path.name != FILES)
            assert names == ["a", "b", "conversion.json", "manifest.json"]
        again = convert(narrow, [(None, new)], out)
        assert read_sample(again, "a")["n"].size == 40
        assert sorted(files_below(out)) == [
            "a/part-00000.root",
            "b/part-00000.root",
            "conversion.json",
            "manifest.json",
        ]
        assert sorted(path.name for path in out.iterdir()) == [
            "a",
            "b",
            "conversion.json",
            "manifest.json",
        ]
    else:
        pytest.fail("the conversion was never finished")
    # Old or new; only a process that was killed in mid-exchange leaves the sample unknown.
    assert states == ({30, 40, None} if dead else {30, 40})


def test_killed_while_reading(narrow: Catalogue, tmp_path: Path, converted: Path) -> None:
    """SIGKILL leaves temporary files, which the next conversion removes."""
    inputs = new_inputs(tmp_path)
    code = textwrap.dedent(f"""
        import os, signal
        from pathlib import Path
        from tools.convert import convert
        from tools.samples import read_catalogue

        def kill(events):
            if events > {PART_EVENTS}:
                os.kill(os.getpid(), signal.SIGKILL)

        convert(read_catalogue(Path({str(narrow.path)!r})), [(None, Path({str(inputs[0][1])!r}))],
                Path({str(converted)!r}), progress=kill)
    """)
    manifest = read_manifest(converted)
    done = subprocess.run([sys.executable, "-c", code], check=False)
    assert done.returncode == -signal.SIGKILL
    assert (converted / ".xyy.new").exists()
    assert read_manifest(converted) == manifest
    assert read_sample(manifest, "a")["n"].size == 30
    convert(narrow, inputs, converted)
    assert sorted(path.name for path in converted.iterdir()) == [
        "a",
        "b",
        "conversion.json",
        "manifest.json",
    ]


def test_a_write_that_fails(narrow: Catalogue, tmp_path: Path, converted: Path) -> None:
    """As on a full disk, but with a limit on the size of files (EFBIG in place of ENOSPC)."""
    inputs, before = new_inputs(tmp_path), files_below(converted)
    code = textwrap.dedent(f"""
        import resource
        from pathlib import Path
        import uproot
        from tools.convert import convert
        from tools.errors import XyyError
        from tools.samples import read_catalogue

        resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, resource.RLIM_INFINITY))
        for out in ({str(converted)!r}, {str(tmp_path / "new")!r}):
            try:
                convert(read_catalogue(Path({str(narrow.path)!r})),
                        [(None, Path({str(inputs[0][1])!r}))], Path(out))
            except XyyError as error:
                print(error.exit_code, error)
    """)
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True
    )
    lines = done.stdout.splitlines()
    assert len(lines) == 2
    for line in lines:
        assert line.startswith("1 cannot write ")
        assert "File too large; files there may not be so large (`ulimit -f`" in line
    assert files_below(converted) == before
    assert sorted(path.name for path in converted.iterdir()) == [
        "a",
        "conversion.json",
        "manifest.json",
    ]
    assert not (tmp_path / "new").exists()


def test_a_folder_that_cannot_be_made(narrow: Catalogue, tmp_path: Path) -> None:
    path = write_narrow(tmp_path / "a.csv", narrow_events(10))
    with pytest.raises(XyyError, match=r"cannot write .*out/.xyy.new: Not a directory; a f") as e:
        convert(narrow, [(None, path)], path / "out")
    assert e.value.exit_code == 1


def test_files_that_change_while_others_are_read(narrow: Catalogue, tmp_path: Path) -> None:
    first = write_narrow(tmp_path / "a1.csv", narrow_events(10))
    second = write_narrow(tmp_path / "a2.csv", narrow_events(20))
    inputs = [(None, first), (None, second)]

    def append(_events: int) -> None:
        with second.open("a", encoding="utf-8") as file:
            file.write("20,1.")

    with pytest.raises(
        InputError, match=r"a2.csv, line 22: the last line has no line end: the file"
    ):
        convert(narrow, inputs, tmp_path / "out", progress=append)
    write_narrow(second, narrow_events(20))

    def remove(_events: int) -> None:
        second.unlink(missing_ok=True)

    with pytest.raises(InputError, match=r"a2.csv is not there; check its name and folder"):
        convert(narrow, inputs, tmp_path / "new", progress=remove)
    assert [path.name for path in (tmp_path / "new").iterdir()] == [".xyy.files"]


def test_a_file_that_changes_while_it_is_read(narrow: Catalogue, tmp_path: Path) -> None:
    path = write_narrow(tmp_path / "a.csv", narrow_events(20))

    def append(_events: int) -> None:
        write_narrow(path, narrow_events(30))

    with pytest.raises(InputError, match=r"a.csv changed while it was read; run it again"):
        convert(narrow, [(None, path)], tmp_path / "out", progress=append)
    assert not (tmp_path / "out").exists()


# ---- cost ----------------------------------------------------------------------------------------


def course_like(catalogue: Catalogue, path: Path, events: int) -> Path:
    """Write a file like the course's, whose numbers have 16 to 18 digits."""
    rng = np.random.default_rng(5)
    numbers = [
        rng.poisson(3.0, 10_000).astype(float) if column.is_integer else rng.gamma(20, 10, 10_000)
        for column in catalogue.columns
    ]
    rows = zip(range(10_000), *(array.tolist() for array in numbers), strict=True)
    lines = "".join(",".join(map(str, row)) + "\n" for row in rows).encode()
    with path.open("wb") as file:
        file.write(",".join(["", *(column.name for column in catalogue.columns)]).encode() + b"\n")
        for _ in range(events // 10_000):
            file.write(lines)
    return path


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_memory_does_not_grow_with_the_file(catalogue: Catalogue, tmp_path: Path) -> None:
    """A few blocks of text and one cluster are in memory, of a small file and of a large one."""
    code = textwrap.dedent(f"""
        import re, sys
        from pathlib import Path
        from tools.convert import convert
        from tools.samples import read_catalogue
        convert(read_catalogue(Path({str(catalogue.path)!r})), [("signal_500", Path(sys.argv[1]))],
                Path({str(tmp_path / "out")!r}))
        # Not ru_maxrss: a child inherits that of the process that started it.
        print(re.search(r"VmHWM:\\s*(\\d+) kB", Path("/proc/self/status").read_text())[1])
    """)
    peaks = []
    for events in (100_000, 1_600_000):
        path = course_like(catalogue, tmp_path / "a.csv", events)
        done = subprocess.run(
            [sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True
        )
        peaks.append(int(done.stdout) / 1024)
        path.unlink()
    assert peaks[1] < 1.25 * peaks[0]  # measured: 1.1; the events more are 71 MiB in the chunks
