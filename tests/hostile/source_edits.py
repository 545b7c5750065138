"""Edit source files at random and convert them: started by `test_source_files.py`, see there.

``source_edits.py KIND FIRST STOP FOLDER`` prints a line of JSON for every edit when it begins, and
one when it ends. Every edit has a seed of its own, which is its number.
"""

import csv
import io
import json
import random
import re
import shutil
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import uproot

from tools.convert import convert
from tools.errors import XyyError
from tools.samples import Catalogue, read_catalogue

Events = dict[str, np.ndarray]
SETTINGS = """
collision_energy = "14 TeV"
luminosity = "1 / pb"
ignore = [""]
[samples.a]
kind = "data"
files = ["a"]
"""
COLUMN = """
[columns.{name}]
unit = "1"
type = "{type}"
axis = {{ bins = 10, low = 0, high = 1 }}
meaning = "a number"
"""
TYPES = {"pT": "float32", "eta": "float64", "n": "int16", "flag": "int8"}
EVENTS = 2_000
PIECE = 500
"""events in a basket, a cluster, a row group"""
LENGTHS = (0, 1, -1, 2, 127, 128, 255, 256, 2**15, 2**16 - 1, 2**24, 2**30, 2**31 - 1, -(2**31))
LENGTHS_64 = (*LENGTHS, 2**32, 2**40, 2**62, -(2**62), 10**9)
SPOTS = re.compile(rb"T(Tree|Branch|Leaf|Basket|ObjArray|List)|RNTuple|RBlob|PAR1|pT|eta|flag")


def events() -> Events:
    """Return few different numbers: packed, every piece has a checksum in ROOT files."""
    rng = np.random.default_rng(1)
    return {
        "pT": rng.choice(np.linspace(20, 900, 40), EVENTS),
        "eta": rng.choice(np.linspace(-2.5, 2.5, 40), EVENTS),
        "n": rng.integers(0, 8, EVENTS, dtype="i2"),
        "flag": rng.integers(0, 2, EVENTS, dtype="i1"),
    }


def _pieces(whole: Events) -> list[Events]:
    starts = range(0, EVENTS, PIECE)
    return [{k: v[start : start + PIECE] for k, v in whole.items()} for start in starts]


def _write_csv(path: Path, whole: Events) -> None:
    rows = zip(range(EVENTS), *(values.tolist() for values in whole.values()), strict=True)
    with path.open("w", newline="") as stream:
        csv.writer(stream, lineterminator="\n").writerows([["", *whole], *rows])


def _write_tree(path: Path, whole: Events) -> None:
    with uproot.recreate(path, compression=uproot.LZ4(1)) as file:
        file.mktree("Events", {name: values.dtype for name, values in whole.items()})
        for piece in _pieces(whole):
            file["Events"].extend(piece)


def _write_ntuple(path: Path, whole: Events) -> None:
    with uproot.recreate(path, compression=uproot.LZ4(1)) as file:
        file.mkrntuple("Events", _pieces(whole)[0])
        for piece in _pieces(whole)[1:]:
            file["Events"].extend(piece)


def _write_parquet(path: Path, whole: Events) -> None:
    pq.write_table(pa.table(whole), path, row_group_size=PIECE, write_page_checksum=True)


WRITERS: dict[str, Callable[[Path, Events], None]] = {
    "csv": _write_csv,
    "tree": _write_tree,
    "ntuple": _write_ntuple,
    "parquet": _write_parquet,
}


def edited(content: bytes, rng: random.Random) -> bytes:
    """Return what a disk, a copy or a hand may have made of a file."""
    data = bytearray(content)
    for _ in range(rng.choice((1, 1, 1, 2, 5))):
        rng.choice(EDITS)(data, rng)
    return bytes(data)


def _place(data: bytearray, rng: random.Random) -> int:
    """Return a place: half of them where a file says what it holds."""
    if rng.random() < 0.5 and (spots := [found.end() for found in SPOTS.finditer(data)]):
        return min(rng.choice(spots) + rng.randrange(120), max(len(data) - 1, 0))
    return rng.randrange(max(len(data), 1))


def _flip(data: bytearray, rng: random.Random) -> None:
    if data:
        data[_place(data, rng)] ^= 1 << rng.randrange(8)


def _byte(data: bytearray, rng: random.Random) -> None:
    if data:
        data[_place(data, rng)] = rng.choice((0, 255, 10, 13, 34, 44, rng.randrange(256)))


def _length(data: bytearray, rng: random.Random) -> None:
    """Change a number of bytes or of things, wherever one may be."""
    size, place = rng.choice((2, 4, 4, 4, 8)), _place(data, rng)
    order: Literal["big", "little"] = rng.choice(("big", "little"))
    old = int.from_bytes(data[place : place + size], order)
    new = rng.choice((rng.choice(LENGTHS_64 if size == 8 else LENGTHS), old + 1, old - 1, 2 * old))
    data[place : place + size] = (new % 256**size).to_bytes(size, order)


def _count(data: bytearray, rng: random.Random) -> None:
    """Change what says how many events there are, somewhere."""
    order, size = rng.choice(("big", "little")), rng.choice((2, 4, 4, 8))
    count = rng.choice((EVENTS, *range(PIECE, EVENTS, PIECE)))
    places = [found.start() for found in re.finditer(re.escape(count.to_bytes(size, order)), data)]
    if places:
        place, new = rng.choice(places), count + rng.choice((-PIECE, PIECE, 1, -1, 100, 256, 2**14))
        data[place : place + size] = (new % 256**size).to_bytes(size, order)


def _remove(data: bytearray, rng: random.Random) -> None:
    place = _place(data, rng)
    del data[place : place + rng.choice((1, 1, 4, 100, 4096))]


def _insert(data: bytearray, rng: random.Random) -> None:
    size = rng.choice((1, 1, 4, 100, 4096))
    place = _place(data, rng)
    data[place:place] = rng.choice((bytes(size), rng.randbytes(size), data[place : place + size]))


def _zeros(data: bytearray, rng: random.Random) -> None:
    """As of a page that was never written."""
    place, size = _place(data, rng), rng.choice((16, 512, 4096))
    data[place : place + size] = bytes(len(data[place : place + size]))


def _move(data: bytearray, rng: random.Random) -> None:
    """Write one piece of the file over another one."""
    size = rng.choice((8, 64, 1024))
    source, place = _place(data, rng), _place(data, rng)
    piece = data[source : source + size]
    data[place : place + len(piece)] = piece


def _cut(data: bytearray, rng: random.Random) -> None:
    del data[rng.randrange(max(len(data), 1)) :]


EDITS = (_flip, _flip, _flip, _byte, _byte, _length, _length, _length, _count, _count, _remove,
         _insert, _zeros, _move, _cut)  # fmt: skip


def read_csv(path: Path) -> Events:
    """Return the events as Python's own reader has them."""
    text = path.read_bytes().decode("utf-8-sig", errors="replace")
    rows = [row for row in csv.reader(io.StringIO(text, newline="")) if row]
    header = [name.strip() for name in rows[0]]
    return {name: np.array([float(row[header.index(name)]) for row in rows[1:]]) for name in TYPES}


def read_parquet(path: Path) -> Events:
    """Return the events as another library has them."""
    table = pl.read_parquet(path)
    return {name: table[name].to_numpy() for name in TYPES}


READERS: dict[str, Callable[[Path], Events]] = {"csv": read_csv, "parquet": read_parquet}


def converted(catalogue: Catalogue, path: Path, out: Path) -> Events | None:
    """Return what the chunks hold; None if the file was refused."""
    try:
        manifest = convert(catalogue, [("a", path)], out)
    except XyyError as error:
        if error.exit_code != 2 or str(path) not in str(error) or len(str(error)) > 2000:
            raise AssertionError(f"not a message for a damaged file: {error}") from error
        if out.exists():
            raise AssertionError("something is left") from error
        return None
    arrays = [
        uproot.open({str(out / part.path): "Events"}).arrays(library="np")
        for part in manifest.samples["a"].parts
    ]
    return {name: np.concatenate([a[name] for a in arrays]) for name in TYPES}


def same(left: Events, right: Events) -> bool:
    """Return whether both are the same events, as chunks store them."""
    return all(
        len(left[name]) == len(right[name])
        and np.array_equal(np.asarray(left[name]).astype(kind), right[name].astype(kind))
        for name, kind in TYPES.items()
    )


def attempt(kind: str, catalogue: Catalogue, path: Path, whole: Events) -> str:
    """Convert an edited file; return what came of it."""
    out = path.with_name("out")
    try:
        found = converted(catalogue, path, out)
        if found is None:
            return "refused"
        if same(found, whole):
            return "equal"
        other = kind in READERS and same(found, READERS[kind](path))
        return "other input" if other else "WRONG"  # noqa: TRY300 - else would be further down
    except BaseException:  # noqa: BLE001 - a panic of a Rust library is one
        return traceback.format_exc()
    finally:
        shutil.rmtree(out, ignore_errors=True)


def peak_MiB() -> float:
    """Return the largest memory since the last call, on Linux."""
    (line,) = re.findall(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    Path("/proc/self/clear_refs").write_text("5")
    return int(line) / 1024


def tell(what: dict[str, object]) -> None:
    """Write a line of JSON for the test."""
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


def main(kind: str, first: int, stop: int, folder: Path) -> None:
    """Try the edits of some numbers."""
    settings = SETTINGS + "".join(COLUMN.format(name=n, type=t) for n, t in TYPES.items())
    (folder / "samples.toml").write_text(settings)
    catalogue, path, whole = read_catalogue(folder / "samples.toml"), folder / "a", events()
    WRITERS[kind](path, whole)
    content = path.read_bytes()
    if attempt(kind, catalogue, path, whole) != "equal":
        raise AssertionError("the good file is not accepted")
    peak_MiB()
    for number in range(first, stop):
        tell({"edit": number})
        rng = random.Random(f"{kind} {number}")  # noqa: S311
        path.write_bytes(edited(content, rng))
        end = attempt(kind, catalogue, path, whole)
        tell({"edit": number, "end": end, "peak_MiB": peak_MiB()})


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4]))
