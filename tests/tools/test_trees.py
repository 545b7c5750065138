"""ROOT files that hold several trees, or say different things in different places."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import uproot

from tools.convert import convert
from tools.errors import InputError
from tools.samples import Catalogue, read_catalogue
from tools.trees import RootFile

EVENTS = 40
SETTINGS = """
collision_energy = "14 TeV"
luminosity = "1 / pb"
[samples.a]
kind = "data"
files = ["*"]
[columns.x]
unit = "1"
type = "float64"
axis = { bins = 10, low = 0, high = 1 }
meaning = "a number"
"""


@pytest.fixture
def one(tmp_path: Path) -> Catalogue:
    """One column, for files of any kind."""
    (tmp_path / "one.toml").write_text(SETTINGS, encoding="utf-8")
    return read_catalogue(tmp_path / "one.toml")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "events.root"


def numbers(events: int = EVENTS, first: float = 0.0) -> dict[str, np.ndarray]:
    return {"x": first + np.arange(events, dtype="f8")}


def write(path: Path, *trees: tuple[str, dict[str, np.ndarray]]) -> None:
    with uproot.recreate(path) as file:
        for name, arrays in trees:
            file.mktree(name, {key: array.dtype for key, array in arrays.items()})
            for half in (slice(0, EVENTS // 2), slice(EVENTS // 2, None)):  # two baskets
                file[name].extend({key: array[half] for key, array in arrays.items()})


def refused(one: Catalogue, path: Path, message: str) -> None:
    out = path.with_name("out")
    with pytest.raises(InputError, match=message) as caught:
        convert(one, [("a", path)], out)
    assert caught.value.exit_code == 2
    assert str(path) in str(caught.value)
    assert len(str(caught.value)) < 1_500
    assert not out.exists()


# ---- which tree ----------------------------------------------------------------------------------


def test_two_trees_of_one_name(one: Catalogue, path: Path) -> None:
    write(path, ("Events", numbers()), ("Events", numbers(first=7.0)))
    refused(one, path, r"two trees of one name, Events;2 and Events;1, with different events")
    with uproot.recreate(path) as file:
        for first in (0.0, 7.0):
            file.mkrntuple("Events", numbers(first=first))
    refused(one, path, r"two trees of one name, Events;2 and Events;1")


def test_a_tree_beside_its_own_backup(one: Catalogue, path: Path) -> None:
    """ROOT's AutoSave leaves the tree as it was some time ago, with the baskets of that time."""
    write(path, ("Events", numbers()))
    path.write_bytes(listed_twice(path))
    with uproot.open({str(path): None}) as file:
        assert sorted(file.keys()) == ["Events;1", "Events;2"]
    assert convert(one, [("a", path)], path.with_name("out")).samples["a"].entries == EVENTS


def listed_twice(path: Path) -> bytes:
    """Return a file whose directory has its tree with another cycle, too: a list at its end."""
    whole = path.read_bytes()
    with uproot.open({str(path): None}) as file:
        seek, size = file._fSeekKeys, file._fNbytesKeys  # noqa: SLF001 - not told otherwise
    old, place = whole[seek : seek + size], len(whole)
    start = int.from_bytes(old[14:16], "big")  # fKeylen, behind which there are 4 bytes of a count
    key = old[start + 4 :]
    key = key[: int.from_bytes(key[14:16], "big")]
    keys = b"\0\0\0\2" + key[:16] + b"\0\2" + key[18:] + key
    head = _int(start + len(keys)) + old[4:6] + _int(len(keys)) + old[10:18] + _int(place)
    new = bytearray(whole + head + old[22:start] + keys)
    for value, instead in ((size, start + len(keys)), (seek, place)):
        spot = whole.index(_int(value), 100)
        new[spot : spot + 4] = _int(instead)
    new[12:16] = _int(len(new))  # fEND
    return bytes(new)


def _int(value: int) -> bytes:
    return value.to_bytes(4, "big")


def test_a_tree_in_a_folder_beside_another(one: Catalogue, path: Path) -> None:
    write(path, ("Events", numbers()), ("old/Events", numbers(first=7.0)))
    refused(one, path, r"holds several trees \(Events, old/Events\); call the one to convert `Eve")
    write(path, ("Runs", numbers(3)), ("old/Events", numbers(first=7.0)))
    assert convert(one, [("a", path)], path.with_name("out")).samples["a"].entries == EVENTS


def test_a_hundred_trees(one: Catalogue, path: Path) -> None:
    with uproot.recreate(path) as file:
        for index in range(30):
            file.mktree(f"tree{index}", {"x": "f8"})
    refused(one, path, r"\(tree0, .*, tree9 and 20 more\)")
    with uproot.recreate(path) as file:
        for index in range(30):
            file[f"h{index}"] = np.histogram([1.0, 2.0])
    refused(one, path, r"but h0 \(TH1D\), .* and 20 more; name a file with flat events")


# ---- what a file says twice ----------------------------------------------------------------------


def places(content: bytes, number: int, size: int) -> Iterator[int]:
    for found in re.finditer(re.escape(number.to_bytes(size, "big")), content):
        yield found.start()


def test_wherever_a_tree_tells_its_entries(one: Catalogue, path: Path) -> None:
    """Each number that may be one of entries, one by one: refused, or of no consequence."""
    write(path, ("Events", numbers()))
    whole, refusals = path.read_bytes(), []
    out = path.with_name("out")
    for size in (4, 8):
        for place in [*places(whole, EVENTS, size), *places(whole, EVENTS // 2, size)]:
            for new in (1, EVENTS // 2 - 1, EVENTS - 1, EVENTS + 1, 2 * EVENTS, 2**31 - 1):
                path.write_bytes(whole[:place] + new.to_bytes(size, "big") + whole[place + size :])
                try:
                    convert(one, [("a", path)], out)
                except InputError as error:
                    refusals.append(str(error))
                    continue
                part = uproot.open({str(out / "a" / "part-00000.root"): "Events"})
                assert part["x"].array(library="np").tolist() == numbers()["x"].tolist()
    told = " ".join(refusals)
    assert "the tree says that it has 39 entries, and x holds 40" in told
    assert "the tree says that it has 80 entries, and x holds 40" in told
    assert "basket 0 of x has 20 entries for 19" in told


def test_a_type_that_is_told_twice(one: Catalogue, path: Path) -> None:
    """TLeafD and TLeafL are one bit apart; 8 bytes of a float make a good integer."""
    write(path, ("Events", numbers()))
    whole = path.read_bytes()
    assert b"TLeafD\0@" in whole
    path.write_bytes(whole.replace(b"TLeafD\0@", b"TLeafL\0@"))
    refused(one, path, r"x says that it holds float64 and int64\): it is damaged; get it again")


@pytest.mark.parametrize("seed", range(20))
def test_a_damaged_list_of_pages(one: Catalogue, path: Path, seed: int) -> None:
    with uproot.recreate(path, compression=None) as file:
        file.mkrntuple("Events", numbers())
    with uproot.open({str(path): "Events"}) as ntuple:
        link = ntuple.ntuple.footer.cluster_group_records[0].page_list_link.locator
    data = bytearray(path.read_bytes())
    data[link.offset + seed * link.num_bytes // 20] ^= 1
    path.write_bytes(data)
    refused(one, path, r"a list of pages has another checksum than the file says|is damaged")


def test_pages_with_checksums(course_data: Path, tmp_path: Path) -> None:
    """ROOT writes one for each page."""
    source = course_data / "photons" / "coffea_nano_dy_rntuple.root"
    if not source.is_file():
        pytest.skip("there is no RNTuple of ROOT's own")
    data = bytearray(source.read_bytes())
    with RootFile(source) as file:
        before = [arrays["run"] for arrays in file.events().arrays(["run", "event"], 1000)]
    with uproot.open({str(source): "Events"}) as ntuple:
        inner = ntuple.ntuple
        (field,) = (f.field_id for f in ntuple.fields if f.name == "event")
        (column,) = (c.idx for c in inner.column_records if c.field_id == field)
        page = inner.page_link_list[0][column].pages[0]
    assert len(before) >= 1
    assert page.has_checksum
    data[page.locator.offset + page.locator.num_bytes // 2] ^= 1
    path = tmp_path / "damaged.root"
    path.write_bytes(data)
    with (
        RootFile(path) as file,
        pytest.raises(ValueError, match=r"a page has another checksum than the file says"),
    ):
        list(file.events().arrays(["run", "event"], 1000))


# ---- what is no plain number ---------------------------------------------------------------------


def parquet(path: Path, values: pa.Array) -> None:
    pq.write_table(pa.table({"x": values}), path)


def tree(path: Path, values: np.ndarray) -> None:
    with uproot.recreate(path) as file:
        file.mktree("Events", {"x": (values.dtype, values.shape[1:])}).extend({"x": values})


TYPES: dict[str, tuple[Callable[[Path, Any], None], Any, str]] = {
    "decimal": (parquet, pa.array([1, 2]).cast(pa.decimal128(21, 2)), r"decimal128\(21, 2\)"),
    "string": (parquet, pa.array(["1", "2"]), "string"),
    "list": (parquet, pa.array([[1.0], [2.0]]), "list<.*double>"),
    "bool": (parquet, pa.array([True, False]), "bool"),
    "timestamp": (parquet, pa.array([1, 2], pa.timestamp("us")), r"timestamp\[us\]"),
    "struct": (parquet, pa.array([{"a": 1}]), "struct<a: int64>"),
    "dictionary": (parquet, pa.array(["a"]).dictionary_encode(), "dictionary<.*>"),
    "null": (parquet, pa.array([None]), "null"),
    "tree of arrays": (tree, np.ones((3, 2)), r"double\[2\]"),
    "tree of bools": (tree, np.array([True, False]), "bool"),
}


@pytest.mark.parametrize("case", TYPES)
def test_columns_of_other_types(one: Catalogue, path: Path, case: str) -> None:
    writer, values, kind = TYPES[case]
    writer(path, values)
    refused(one, path, rf"column x holds no plain numbers \({kind}\); store one integer or float")


def test_an_ntuple_of_lists(one: Catalogue, path: Path) -> None:
    import awkward as ak

    with uproot.recreate(path) as file:
        file.mkrntuple("Events", {"x": ak.Array([[1.0], [2.0, 3.0]])})
    refused(one, path, r"column x holds no plain numbers \(std::vector<double>\)")
