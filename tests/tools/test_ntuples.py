"""The same photons from every format and layout, bit for bit where no unit is changed."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pyarrow as pa
import pytest
import uproot

from tests.photon_files import (
    add_tree,
    edm4hep,
    nanoaod,
    photons,
    write_parquet,
    write_rntuple,
    write_tree,
)
from tools import ntuples
from tools.checkout import checkout
from tools.errors import InputError
from tools.layouts import Match, read_layouts, recognise
from tools.ntuples import Tree, open_ntuple
from tools.photons import photons_of

LAYOUTS = read_layouts(checkout() / "datasets" / "layouts")


def read(path: Path) -> tuple[Match, Tree, ak.Array]:
    """Return what a file is recognised as, and all its photons."""
    with open_ntuple(path) as file:
        trees = {tree.name: tree for tree in file.trees}
        found = recognise(LAYOUTS, {name: tree.columns for name, tree in trees.items()})
        tree = trees[found.tree]
        pieces, first = [], 0
        for arrays in file.lists(tree, found.wanted):
            pieces.append(photons_of(found, arrays, str(path), first))
            first += len(pieces[-1])
    return found, tree, ak.concatenate(pieces)


def in_nanoaod(made: dict[str, ak.Array], path: Path) -> Path:
    return write_tree(path, "Events", nanoaod(made))


def in_rntuple(made: dict[str, ak.Array], path: Path) -> Path:
    return write_rntuple(path, "Events", nanoaod(made))


def in_parquet(made: dict[str, ak.Array], path: Path) -> Path:
    return write_parquet(path, nanoaod(made))


def with_extension_types(made: dict[str, ak.Array], path: Path) -> Path:
    ak.to_parquet(ak.zip(nanoaod(made), depth_limit=1), path)
    return path


def in_pieces(made: dict[str, ak.Array], path: Path) -> Path:
    columns = nanoaod(made)
    cuts = (slice(0, 150), slice(0, 0), slice(150, 200))
    return write_tree(path, "Events", *({n: c[cut] for n, c in columns.items()} for cut in cuts))


def scouting(made: dict[str, ak.Array], path: Path) -> Path:
    return write_tree(path, "Events", {f"ScoutingPhoton_{n}": each for n, each in made.items()})


def in_mev(made: dict[str, ak.Array]) -> dict[str, ak.Array]:
    return {**made, "pt": ak.values_astype(made["pt"], "f8") * 1000}


def physlite(made: dict[str, ak.Array], path: Path) -> Path:
    columns = {f"AnalysisPhotonsAuxDyn:{n}": each for n, each in in_mev(made).items()}
    return write_rntuple(path, "EventData", columns)


def atlas_2020(made: dict[str, ak.Array], path: Path) -> Path:
    columns = {f"photon_{n}": each for n, each in in_mev(made).items()}
    return write_tree(path, "mini", {**columns, "photon_E": columns["photon_pt"]})


def edm4hep_tree(made: dict[str, ak.Array], path: Path) -> Path:
    return write_tree(path, "events", edm4hep(made))


def edm4hep_records(made: dict[str, ak.Array]) -> dict[str, ak.Array]:
    columns = edm4hep(made)
    before = "ReconstructedParticles."
    momentum = ak.zip({axis: columns[f"{before}momentum.{axis}"] for axis in "xyz"})
    particles = ak.zip({"energy": columns[f"{before}energy"], "momentum": momentum})
    index = ak.zip({"index": columns["Photon_objIdx.index"]})
    return {"ReconstructedParticles": particles, "Photon_objIdx": index}


def edm4hep_rntuple(made: dict[str, ak.Array], path: Path) -> Path:
    return write_rntuple(path, "events", edm4hep_records(made))


def edm4hep_parquet(made: dict[str, ak.Array], path: Path) -> Path:
    return write_parquet(path, edm4hep_records(made))


def polar_vectors(made: dict[str, ak.Array], path: Path) -> Path:
    return write_parquet(path, {"photonp4": ak.zip(made)})


def cartesian_vectors(made: dict[str, ak.Array], path: Path) -> Path:
    columns = edm4hep(made)
    components = {
        name: columns[f"ReconstructedParticles.momentum.{axis}"][:, 1:]
        for name, axis in (("fX", "x"), ("fY", "y"), ("fZ", "z"))
    }
    return write_rntuple(path, "events", {"photonp4": ak.zip({"fP": ak.zip(components)})})


EXACT = (
    in_nanoaod, in_rntuple, in_parquet, with_extension_types, in_pieces, scouting, polar_vectors,
)  # fmt: skip
ROUNDED = (
    polar_vectors,
    cartesian_vectors,
    physlite,
    atlas_2020,
    edm4hep_tree,
    edm4hep_rntuple,
    edm4hep_parquet,
)


@pytest.mark.parametrize("write", EXACT)
def test_the_numbers_are_those_that_were_written(
    write: Callable[..., Path], tmp_path: Path
) -> None:
    made = photons()
    _, tree, found = read(write(made, tmp_path / "file.root"))
    assert tree.entries == len(found) == 200
    for name, each in made.items():
        assert ak.array_equal(found[name], ak.values_astype(each, "f8"))


@pytest.mark.parametrize("write", ROUNDED)
def test_units_and_components_are_made_standard(write: Callable[..., Path], tmp_path: Path) -> None:
    made = photons()
    *_, found = read(write(made, tmp_path / "file.root"))
    for name, each in made.items():
        assert ak.all(ak.isclose(found[name], each, rtol=1e-12, atol=1e-12))


def test_pairs_in_columns_of_numbers(tmp_path: Path) -> None:
    path = tmp_path / "pairs.csv"
    path.write_text("pt1,eta1,phi1,pt2,eta2,phi2\n50,0.5,1,60,-0.5,2\n70,0,0,1e2,1,1\n")
    _, tree, found = read(path)
    assert (tree.format, tree.entries) == ("csv", None)
    assert ak.to_list(found.pt) == [[50.0, 60.0], [70.0, 100.0]]
    assert ak.to_list(found.eta) == [[0.5, -0.5], [0.0, 1.0]]


@pytest.mark.parametrize("write", [in_nanoaod, in_rntuple, in_parquet])
def test_a_file_without_events(write: Callable[..., Path], tmp_path: Path) -> None:
    none = {name: each[:0] for name, each in photons().items()}
    path = write(none, tmp_path / "file.root")
    with open_ntuple(path) as file:
        (tree,) = file.trees
        arrays = list(file.lists(tree, ["Photon_pt"]))
    assert tree.entries == sum(len(each["Photon_pt"]) for each in arrays) == 0


@pytest.mark.parametrize("write", [in_nanoaod, in_rntuple, in_parquet])
def test_steps_do_not_change_what_is_read(
    write: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(photons(), tmp_path / "file.root")
    *_, whole = read(path)
    monkeypatch.setattr(ntuples, "STEP_EVENTS", 7)
    *_, pieces = read(path)
    assert ak.array_equal(whole, pieces)


# ---- trees ---------------------------------------------------------------------------------------


def test_a_tree_in_a_folder_and_the_newest_of_two_states(tmp_path: Path) -> None:
    path, columns = tmp_path / "file.root", nanoaod(photons())
    with uproot.recreate(path) as file:
        add_tree(file, "ntuples/Events", columns)
        add_tree(file, "ntuples/Events", {name: each[:50] for name, each in columns.items()})
        add_tree(file, "Runs", {"run": np.arange(3)})
    found, tree, read_photons = read(path)
    assert (found.tree, tree.passed_over) == ("ntuples/Events;2", ("ntuples/Events;1",))
    assert len(read_photons) == 50


def test_columns_have_the_types_that_the_file_says(tmp_path: Path) -> None:
    path = in_nanoaod(photons(), tmp_path / "file.root")
    with open_ntuple(path) as file:
        (tree,) = file.trees
    assert tree.columns["Photon_pt"] == "float[]"
    assert tree.columns["event"] == "uint64_t"


# ---- what is refused -----------------------------------------------------------------------------


def lists(values: pa.Array) -> dict[str, Any]:
    offsets = pa.array([0, 2, len(values)], pa.int32())
    return dict.fromkeys(
        ("Photon_pt", "Photon_eta", "Photon_phi"), pa.ListArray.from_arrays(offsets, values)
    )


def test_half_precision_and_dictionaries_are_numbers(tmp_path: Path) -> None:
    half = pa.array(np.array([50.0, 40.0, 30.5], "f2"))
    for values in (half, pa.array([50.0, 40.0, 30.5]).dictionary_encode()):
        *_, found = read(write_parquet(tmp_path / "a.parquet", lists(values)))
        assert ak.to_list(found.pt) == [[50.0, 40.0], [30.5]]


ODD = {
    "decimals": (lists(pa.array([1, 2, 3]).cast(pa.decimal128(21))), r"no numbers \(list<.*deci"),
    "texts": (lists(pa.array(["a", "b", "c"])), r"holds no numbers \(list<.*string"),
    "a missing value": (
        lists(pa.array([1.0, 2.0, None])),
        r"entry 1 \(from 0\), column Photon_pt: the value is missing \(None\)",
    ),
    "a missing list": (
        dict.fromkeys(lists(pa.array([1.0, 2.0])), pa.array([[1.0], [2.0], None])),
        r"entry 2 \(from 0\), column Photon_pt: the value is missing \(None\)",
    ),
    "one number per event": (
        dict.fromkeys(lists(pa.array([1.0, 2.0])), pa.array([1.0, 2.0])),
        r"column Photon_pt holds float64, where the layout nanoaod has one list of numbers per",
    ),
    "lists of lists": (
        dict.fromkeys(lists(pa.array([1.0, 2.0])), pa.array([[[1.0]], [[2.0]]])),
        r"column Photon_pt holds var \* var \* float64, where the layout nanoaod has one list",
    ),
    "other numbers of photons": (
        {**lists(pa.array([1.0, 2.0, 3.0])), "Photon_phi": pa.array([[1.0, 2.0], []])},
        r"entry 1 \(from 0\): Photon_pt and Photon_phi have different numbers of photons",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", ODD)
def test_columns_that_hold_something_else(what: str, tmp_path: Path) -> None:
    columns, message = ODD[what]
    with pytest.raises(InputError, match=message):
        read(write_parquet(tmp_path / "a.parquet", columns))


def test_vectors_of_no_known_kind(tmp_path: Path) -> None:
    path = write_parquet(tmp_path / "a.parquet", {"photonp4": ak.zip({"x": photons()["pt"]})})
    with pytest.raises(InputError, match=r"a\.parquet: its Lorentz vectors are of no known kind"):
        read(path)


def test_an_index_that_points_to_no_particle(tmp_path: Path) -> None:
    columns = edm4hep(photons())
    index = ak.to_list(columns["Photon_objIdx.index"])
    entry = next(i for i, event in enumerate(index) if len(event) == 2)
    for wrong in (7, -1):
        index[entry][1] = wrong
        wrong_index = ak.values_astype(ak.Array(index), "i4")
        path = write_tree(
            tmp_path / "a.root", "events", {**columns, "Photon_objIdx.index": wrong_index}
        )
        with pytest.raises(InputError, match=rf"entry {entry} \(from 0\): an index points to no"):
            read(path)


def offsets_of(path: Path) -> Iterator[int]:
    """Yield where the offsets of the lists of ``Photon_pt`` are, in an uncompressed file."""
    with uproot.open({str(path): None}) as file:
        branch = file["Events"]["Photon_pt"]
        start, size = branch.member("fBasketSeek")[0], branch.member("fBasketBytes")[0]
        entries = int(branch.num_entries)
    end = start + size
    yield from range(end - 4 * entries, end, 4)


def test_lists_that_end_behind_their_content(tmp_path: Path) -> None:
    """Awkward may end the process on such offsets."""
    path = write_tree(tmp_path / "a.root", "Events", nanoaod(photons()), compression=None)
    whole, places = path.read_bytes(), list(offsets_of(path))[:-1:9]
    for place in places:
        for offset in (2**31 - 1, 10**6, -5):
            wrong = offset.to_bytes(4, "big", signed=True)
            path.write_bytes(whole[:place] + wrong + whole[place + 4 :])
            with pytest.raises(InputError, match=r"a\.root cannot be read as ROOT"):
                read(path)
