"""Files of any layout become chunks with lists of photons: what is in them, and what is refused."""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pyarrow as pa
import pytest
import uproot

from tests.photon_files import (
    EVENTS,
    edm4hep,
    expected,
    nanoaod,
    photons,
    weights,
    write_parquet,
    write_rntuple,
    write_tree,
)
from tools.chunks import TREE, verify_part
from tools.convert import FILES, convert
from tools.errors import InputError, XyyError
from tools.executors import Execution, Session
from tools.manifest import Manifest, SampleChunks, read_manifest
from tools.sample_chunks import chunks_key
from tools.samples import Catalogue, read_catalogue

Made = Mapping[str, ak.Array]


def read(manifest: Manifest, sample: str = "background") -> ak.Array:
    """Return the events of a sample by plain uproot, once its chunks are as they were written."""
    found = []
    for part in manifest.samples[sample].parts:
        path = manifest.folder / part.path
        verify_part(path, part)
        with uproot.open({str(path): None}) as file:
            found.append(file[TREE].arrays())
    return ak.concatenate(found)


def masses(events: ak.Array) -> np.ndarray:
    """Return the masses of the two photons of largest pT."""
    return expected({name: events[f"photons.{name}"] for name in ("pt", "eta", "phi")})


def stored(chunks: SampleChunks) -> dict[str, tuple[str, str, str]]:
    return {each.name: (each.type, each.unit, each.source) for each in chunks.stored}


def ledger(folder: Path, sample: str = "background") -> dict[str, Any]:
    told: dict[str, Any] = json.loads((folder / "conversion.json").read_text(encoding="utf-8"))
    return {**told["samples"][sample], "complete": told["complete"]}


# ---- the files of the world ----------------------------------------------------------------------


def test_masses_of_the_files_of_the_world(
    world: Path, catalogue: Catalogue, tmp_path: Path
) -> None:
    reference = json.loads((world / "reference.json").read_text(encoding="utf-8"))["files"]
    for name, wanted in reference.items():
        if "n_entries" not in wanted:
            continue
        manifest = convert(catalogue, [("background", world / name)], tmp_path / name)
        found = masses(read(manifest))
        assert manifest.samples["background"].entries == wanted["n_entries"]
        assert len(found) == wanted["n_events_ge2_photons"]
        told = (found.mean(), found.std(), found.min(), found.max())
        keys = ("m_yy_mean_GeV", "m_yy_std_GeV_ddof0", "m_yy_min_GeV", "m_yy_max_GeV")
        accuracy = 1e-6 if wanted["jagged"] else 1e-5
        assert told == pytest.approx([wanted[key] for key in keys], rel=accuracy), name


def test_columns_of_open_data_to_the_last_bit(
    world: Path, catalogue: Catalogue, tmp_path: Path
) -> None:
    paths = sorted(world.glob("odeo2025_like_*.root"))
    assert len(paths) == 3
    for path in paths:
        manifest = convert(catalogue, [("background", path)], tmp_path / path.stem)
        events, sources = read(manifest), stored(manifest.samples["background"])
        needed = {"photon_pt", "photon_eta", "photon_phi", "photon_isTightID", "photon_isTightIso",
                  "photon_ptcone20", "trigP", "mcWeight", "ScaleFactor_PILEUP",
                  "ScaleFactor_PHOTON", "xsec", "filteff", "kfac", "sum_of_weights",
                  "eventNumber", "runNumber"}  # fmt: skip
        assert needed <= {source for _, _, source in sources.values()}
        with uproot.open({str(path): "analysis"}) as tree:
            assert tree.num_entries == manifest.samples["background"].entries
            for name, (kind, _, source) in sources.items():
                ours, theirs = events[name], tree[source].array()
                assert ak.array_equal(ours, theirs, dtype_exact=True), name
                assert ak.to_numpy(ak.flatten(ours, axis=None)).dtype == kind


# ---- layouts -------------------------------------------------------------------------------------


def in_MeV(made: Made) -> dict[str, ak.Array]:
    return {**made, "pt": ak.values_astype(1000 * made["pt"], "f4")}


def physlite(made: Made) -> dict[str, Any]:
    columns = {f"AnalysisPhotonsAuxDyn:{name}": each for name, each in in_MeV(made).items()}
    columns["AnalysisPhotonsAuxDyn:ptcone20"] = in_MeV(made)["pt"]
    columns["EventInfoAuxDyn:runNumber"] = np.full(EVENTS, 300000, "u4")
    columns["EventInfoAuxDyn:eventNumber"] = np.arange(EVENTS, dtype="u8") + 2**63
    lists = [[each, 0.5] for each in weights()]
    columns["EventInfoAuxDyn:mcEventWeights"] = ak.values_astype(ak.Array(lists), "f4")
    return columns


def mini(made: Made) -> dict[str, Any]:
    columns: dict[str, Any] = {f"photon_{name}": each for name, each in in_MeV(made).items()}
    columns |= {"photon_E": columns["photon_pt"], "photon_ptcone30": columns["photon_pt"]}
    columns |= {"photon_isTightID": made["pt"] > 40, "trigP": np.arange(EVENTS) % 3 > 0}
    columns |= {"runNumber": np.full(EVENTS, 7, "i4"), "eventNumber": np.arange(EVENTS, dtype="i4")}
    return columns | {"mcWeight": weights(), "SumWeights": np.full(EVENTS, 123.5, "f4")}


def scouting(made: Made) -> dict[str, Any]:
    columns = {f"ScoutingPhoton_{name}": each for name, each in made.items()}
    return columns | {"ScoutingPhoton_r9": made["eta"], "run": np.full(EVENTS, 1, "u4")}


def as_physlite(path: Path, made: Made) -> Path:
    return write_rntuple(path, "EventData", physlite(made))


def as_mini(path: Path, made: Made) -> Path:
    return write_tree(path, "mini", mini(made))


def as_edm4hep(path: Path, made: Made) -> Path:
    return write_tree(path, "events", edm4hep(made))


def as_scouting(path: Path, made: Made) -> Path:
    return write_tree(path, "Events", scouting(made))


def as_nano_rntuple(path: Path, made: Made) -> Path:
    return write_rntuple(path, "Events", nanoaod(made))


def as_nano_parquet(path: Path, made: Made) -> Path:
    return write_parquet(path, nanoaod(made))


LAYOUTS: dict[str, tuple[Callable[[Path, Made], Path], str]] = {
    "physlite": (as_physlite, "atlas-physlite"),
    "2020": (as_mini, "atlas-open-data-2020"),
    "edm4hep": (as_edm4hep, "edm4hep"),
    "scouting": (as_scouting, "cms-scouting"),
    "rntuple": (as_nano_rntuple, "nanoaod"),
    "parquet": (as_nano_parquet, "nanoaod"),
}


@pytest.mark.parametrize("name", LAYOUTS)
def test_each_layout(name: str, catalogue: Catalogue, tmp_path: Path) -> None:
    write, layout = LAYOUTS[name]
    path = write(tmp_path / f"{name}.root", photons())
    manifest = convert(catalogue, [("background", path)], tmp_path / "out")
    chunks = manifest.samples["background"]
    assert (chunks.layout, chunks.entries, chunks.generated) == (layout, EVENTS, False)
    assert masses(read(manifest)) == pytest.approx(expected(photons()), rel=1e-6)
    assert manifest == read_manifest(tmp_path / "out")


def test_what_is_told_once_per_event_is_exact(catalogue: Catalogue, tmp_path: Path) -> None:
    columns = nanoaod(photons()) | {
        "HLT_DiPhoton30": np.arange(EVENTS) % 2 == 0, "HLT_Mu50": np.ones(EVENTS, "?"),
        "Photon_cutBased": ak.values_astype(ak.local_index(photons()["pt"]), "i1"),
        "Pileup_nTrueInt": np.arange(EVENTS, dtype="f4"),
    }  # fmt: skip
    manifest = convert(
        catalogue,
        [("background", write_tree(tmp_path / "a.root", "Events", columns))],
        tmp_path / "out",
    )
    events, kinds = read(manifest), stored(manifest.samples["background"])
    assert kinds["event"] == ("uint64", "", "event")
    assert kinds["photons.cutBased"] == ("int8", "", "Photon_cutBased")
    assert kinds["photons.pt"] == ("float32", "GeV", "Photon_pt")
    assert kinds["photons.phi"] == ("float32", "rad", "Photon_phi")
    assert kinds["HLT_DiPhoton30"][0] == "bool"
    assert "HLT_Mu50" not in kinds
    assert events["event"].tolist() == [2**63 + n for n in range(EVENTS)]
    for name in ("run", "HLT_DiPhoton30", "Pileup_nTrueInt"):
        assert np.array_equal(events[name], columns[name])
    assert np.array_equal(events["lumi"], columns["luminosityBlock"])
    assert np.array_equal(events["weight"], columns["genWeight"])
    assert ak.array_equal(events["photons.cutBased"], columns["Photon_cutBased"])


def test_units_and_sums_of_weights(catalogue: Catalogue, tmp_path: Path) -> None:
    path = as_mini(tmp_path / "mini.root", photons())
    manifest = convert(catalogue, [("background", path)], tmp_path / "out")
    events, chunks = read(manifest), manifest.samples["background"]
    assert chunks.sum_of_weights == 123.5
    for name in ("photons.pt", "photons.ptcone30"):
        assert stored(chunks)[name][1] == "GeV"
        flat = ak.to_numpy(ak.flatten(events[name]))
        assert flat == pytest.approx(ak.to_numpy(ak.flatten(photons()["pt"])), rel=1e-6)
    assert ak.array_equal(events["photons.isTightID"], photons()["pt"] > 40)
    assert (ledger(tmp_path / "out")["runs"], ledger(tmp_path / "out")["luminosity_blocks"]) == (
        1, None,
    )  # fmt: skip


def test_the_sum_of_weights_of_a_tree_of_its_own(catalogue: Catalogue, tmp_path: Path) -> None:
    path = tmp_path / "nano.root"
    with uproot.recreate(path) as file:
        file["Events"] = nanoaod(photons())
        file["Runs"] = {"genEventSumw": np.array([10.0, 2.5]), "run": np.array([1, 2])}
    manifest = convert(catalogue, [("background", path)], tmp_path / "out")
    assert manifest.samples["background"].sum_of_weights == 12.5


def test_declared_columns_are_kept_as_they_are_declared(
    catalogue: Catalogue, tmp_path: Path
) -> None:
    n_jets = next(column for column in catalogue.columns if column.name == "n_jets")
    own = replace(catalogue, columns=(n_jets,))
    path = write_tree(
        tmp_path / "a.root", "Events", nanoaod(photons()) | {"n_jets": np.arange(EVENTS) % 9}
    )
    manifest = convert(own, [("background", path)], tmp_path / "out")
    assert stored(manifest.samples["background"])["n_jets"][0] == n_jets.type
    assert read(manifest)["n_jets"].tolist() == [n % 9 for n in range(EVENTS)]
    path = write_tree(
        tmp_path / "b.root", "Events", nanoaod(photons()) | {"n_jets": np.full(EVENTS, -1)}
    )
    with pytest.raises(InputError, match=r"b.root, entry 0 \(from 0\), column n_jets: -1 is below"):
        convert(own, [("background", path)], tmp_path / "out")


def test_a_layout_of_ones_own_goes_before_the_known_ones(
    catalogue: Catalogue, tmp_path: Path
) -> None:
    samples = tmp_path / "samples.toml"
    samples.write_text(
        catalogue.path.read_text(encoding="utf-8")
        + """
[layouts.mine]
about = "NanoAOD with an attribute of ours"
trees = ["Events"]
units = { momentum = "GeV", angle = "rad" }

[layouts.mine.photons]
pt = "Photon_pt"
eta = "Photon_eta"
phi = "Photon_phi"

[layouts.mine.photons.attributes]
score = "Photon_ours"

[layouts.mine.events]
keep = ["genWeight"]
""",
        encoding="utf-8",
    )
    path = write_tree(
        tmp_path / "a.root", "Events", nanoaod(photons()) | {"Photon_ours": photons()["eta"]}
    )
    manifest = convert(read_catalogue(samples), [("background", path)], tmp_path / "out")
    assert manifest.samples["background"].layout == "mine"
    assert list(stored(manifest.samples["background"])) == [
        "photons.pt", "photons.eta", "photons.phi", "photons.score", "genWeight",
    ]  # fmt: skip


def test_types_that_need_care(catalogue: Catalogue, tmp_path: Path) -> None:
    """Float16, small row groups, options without a missing value, a dictionary."""
    columns = nanoaod(photons()) | {"Photon_r9": ak.values_astype(photons()["pt"], "f2")}
    columns["genWeight"] = pa.array(weights()).dictionary_encode()
    path = write_parquet(tmp_path / "a.parquet", columns, row_group_size=7)
    manifest = convert(catalogue, [("background", path)], tmp_path / "out")
    events = read(manifest)
    assert len(manifest.samples["background"].parts) == 1
    assert np.array_equal(events["weight"], weights())
    wanted = ak.values_astype(columns["Photon_r9"], "f4")
    assert ak.array_equal(events["photons.r9"], wanted, dtype_exact=True)


def test_extends_of_several_sizes(catalogue: Catalogue, tmp_path: Path) -> None:
    columns = nanoaod(photons(2000))
    pieces = [{name: each[start:stop] for name, each in columns.items()}
              for start, stop in ((0, 1000), (1000, 1000), (1000, 2000))]  # fmt: skip
    path = write_tree(tmp_path / "a.root", "Events", *pieces)
    manifest = convert(catalogue, [("background", path)], tmp_path / "out")
    assert ak.array_equal(read(manifest)["photons.pt"], columns["Photon_pt"])


def test_a_missing_value_is_named_with_its_entry(catalogue: Catalogue, tmp_path: Path) -> None:
    run = [3] * EVENTS
    columns = nanoaod(photons()) | {"run": pa.array([*run[:17], None, *run[18:]], pa.uint32())}
    path = write_parquet(tmp_path / "a.parquet", columns)
    with pytest.raises(InputError, match=r"a.parquet, entry 17 \(from 0\), column run: the value"):
        convert(catalogue, [("background", path)], tmp_path / "out")


def test_what_stands_once_per_event_is_one_number(catalogue: Catalogue, tmp_path: Path) -> None:
    """But for weights, of which the first is the nominal one: a list of three is no run."""
    path = tmp_path / "a.root"
    with uproot.recreate(path) as file:
        file["Events"] = nanoaod(photons()) | {"run": np.ones((EVENTS, 3), "u4")}
    message = r"a.root, entry 0 \(from 0\), column run: 3 numbers in a list, where one is wanted"
    with pytest.raises(InputError, match=message):
        convert(catalogue, [("background", path)], tmp_path / "out")


def test_a_missing_attribute_is_named_with_its_entry(catalogue: Catalogue, tmp_path: Path) -> None:
    pt = ak.to_list(photons()["pt"])
    entry = next(number for number, event in enumerate(pt) if len(event) == 2)
    r9: list[list[float | None]] = [[0.5] * len(event) for event in pt]
    r9[entry][1] = None
    path = write_parquet(tmp_path / "a.parquet", nanoaod(photons()) | {"Photon_r9": ak.Array(r9)})
    with pytest.raises(InputError, match=rf"entry {entry} \(from 0\), column Photon_r9: the value"):
        convert(catalogue, [("background", path)], tmp_path / "out")


def test_samples_of_ntuples_need_no_declared_columns(tmp_path: Path) -> None:
    samples = tmp_path / "samples.toml"
    samples.write_text(
        'collision_energy = "13 TeV"\nluminosity = "1 / fb"\n'
        '[samples.data]\nkind = "data"\nfiles = ["nano.root"]\ngood_data = "good.json"\n',
        encoding="utf-8",
    )
    path = write_tree(tmp_path / "nano.root", "Events", nanoaod(photons()))
    inputs: list[tuple[str | None, Path | str]] = [(None, path)]
    with pytest.raises(InputError, match=r"good.json is not there; check its name and folder"):
        convert(read_catalogue(samples), inputs, tmp_path / "out")
    (tmp_path / "good.json").write_text('{"3": [[0, 1]]}', encoding="utf-8")
    manifest = convert(read_catalogue(samples), inputs, tmp_path / "out")
    assert manifest.samples["data"].entries == 100
    assert read_manifest(tmp_path / "out") == manifest


def test_a_layout_that_is_named_is_the_one(catalogue: Catalogue, tmp_path: Path) -> None:
    """A file of flat events is none of NanoAOD, and may be read as pairs."""
    rng = np.random.default_rng(1)
    columns: dict[str, Any] = {
        c.name: np.ones(EVENTS, "i1") if c.is_integer else rng.uniform(1, 3, EVENTS).astype("f4")
        for c in catalogue.columns
    }
    path = write_tree(tmp_path / "a.root", "Events", columns)
    inputs: list[tuple[str | None, Path | str]] = [("background", path)]
    with pytest.raises(InputError, match=r"no layout fits its columns \(nanoaod misses Photon_pt"):
        convert(catalogue, inputs, tmp_path / "out", layout="nanoaod")
    with pytest.raises(InputError, match=r"b.root lacks the columns"):
        convert(catalogue, [("background", as_mini(tmp_path / "b.root", photons()))],
                tmp_path / "out", layout="course")  # fmt: skip
    assert convert(catalogue, inputs, tmp_path / "out").samples["background"].layout == ""


# ---- good data ----------------------------------------------------------------------------------


def test_good_runs_and_blocks_are_kept_and_counted(catalogue: Catalogue, tmp_path: Path) -> None:
    (tmp_path / "good.json").write_text('{"3": [[1, 1], [3, 9]], "4": [[1, 9]]}', encoding="utf-8")
    data = replace(catalogue.sample("data"), good_data=tmp_path / "good.json")
    own = replace(catalogue, samples={**catalogue.samples, "data": data})
    path = write_tree(tmp_path / "a.root", "Events", nanoaod(photons()))
    manifest = convert(own, [("data", path)], tmp_path / "out")
    lumi = nanoaod(photons())["luminosityBlock"]
    kept = ak.to_numpy(read(manifest, "data")["event"]) - np.uint64(2**63)
    assert kept.tolist() == np.flatnonzero((lumi == 1) | (lumi == 3)).tolist()
    told = ledger(tmp_path / "out", "data")
    assert (told["runs"], told["luminosity_blocks"], told["events"]) == (1, 2, 100)
    assert (told["files"][0]["entries"], told["files"][0]["events"]) == (EVENTS, 100)
    whole = convert(catalogue, [("data", path)], tmp_path / "whole").samples["data"]
    assert whole.content != manifest.samples["data"].content
    assert chunks_key(own, data, [path]) != chunks_key(catalogue, catalogue.sample("data"), [path])


def test_good_data_need_runs_and_blocks(catalogue: Catalogue, tmp_path: Path) -> None:
    (tmp_path / "good.json").write_text('{"3": [[1, 1]]}', encoding="utf-8")
    data = replace(catalogue.sample("data"), good_data=tmp_path / "good.json")
    own = replace(catalogue, samples={**catalogue.samples, "data": data})
    path = as_mini(tmp_path / "mini.root", photons())
    with pytest.raises(InputError, match=r"mini.root does not tell run and luminosity block of it"):
        convert(own, [("data", path)], tmp_path / "out")


# ---- several files -------------------------------------------------------------------------------


def part_of_nano(path: Path, start: int, **more: Any) -> Path:
    """Write NanoAOD with event numbers from some number on."""
    columns = nanoaod(photons(seed=start + 1)) | more
    columns["event"] = columns["event"] + np.uint64(start)
    return write_tree(path, "Events", columns)


@pytest.fixture
def four(tmp_path: Path) -> list[tuple[str | None, Path | str]]:
    return [
        ("data", part_of_nano(tmp_path / f"{n}.root", 1000 * n, luminosityBlock=np.full(EVENTS, n)))
        for n in range(4)
    ]


def test_every_engine_makes_the_same_chunks(
    catalogue: Catalogue, four: list[tuple[str | None, Path | str]], tmp_path: Path
) -> None:
    made = {}
    for engine in ("iterative", "futures", "dask"):
        start = partial(Session, Execution(engine=engine, workers=2))
        manifest = convert(catalogue, four, tmp_path / engine, start=start)
        parts = manifest.samples["data"].parts
        made[engine] = [(part.path, part.entries, part.content) for part in parts]
    assert made["iterative"] == made["futures"] == made["dask"]
    assert [entries for _, entries, _ in made["dask"]] == [EVENTS] * 4
    told = ledger(tmp_path / "dask", "data")
    assert (told["complete"], told["runs"], told["luminosity_blocks"]) == (True, 1, 4)
    assert [Path(each["file"]).name for each in told["files"]] == [f"{n}.root" for n in range(4)]


def test_what_was_finished_is_not_read_again(
    catalogue: Catalogue, four: list[tuple[str | None, Path | str]], tmp_path: Path
) -> None:
    bad, out = tmp_path / "2.root", tmp_path / "out"
    whole = bad.read_bytes()
    bad.write_bytes(whole[:-100])
    with pytest.raises(InputError, match=r"2.root is cut off"):
        convert(catalogue, four, out)
    kept = {path: path.stat().st_mtime_ns for path in out.glob(f"{FILES}/*/done.json")}
    inodes = {path.stat().st_ino for path in out.glob(f"{FILES}/*/part-*.root")}
    assert (len(kept), len(inodes), [path.name for path in out.iterdir()]) == (3, 3, [FILES])
    bad.write_bytes(whole)
    manifest = convert(catalogue, four, out)
    parts = [out / part.path for part in manifest.samples["data"].parts]
    assert inodes < {path.stat().st_ino for path in parts}
    assert len(read(manifest, "data")) == 4 * EVENTS
    assert not (out / FILES).exists()


def test_a_kept_chunk_that_rotted_is_made_again(
    catalogue: Catalogue, four: list[tuple[str | None, Path | str]], tmp_path: Path
) -> None:
    out, bad = tmp_path / "out", tmp_path / "3.root"
    whole = bad.read_bytes()
    bad.write_bytes(b"")
    with pytest.raises(InputError):
        convert(catalogue, four, out)
    bad.write_bytes(whole)
    for path in out.glob(f"{FILES}/*/part-*.root"):
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
    assert len(read(convert(catalogue, four, out), "data")) == 4 * EVENTS


def test_all_refused_files_are_told_at_once(
    catalogue: Catalogue, four: list[tuple[str | None, Path | str]], tmp_path: Path
) -> None:
    for name in ("1.root", "2.root"):
        (tmp_path / name).write_bytes(b"")
    with pytest.raises(InputError) as caught:
        convert(catalogue, four, tmp_path / "out")
    message = str(caught.value)
    assert message.startswith("2 of 4 files are refused")
    assert "1.root is empty" in message
    assert "2.root is empty" in message
    assert "--skip-damaged" in message


def test_refused_files_are_skipped_and_listed(
    catalogue: Catalogue, four: list[tuple[str | None, Path | str]], tmp_path: Path
) -> None:
    (tmp_path / "1.root").write_bytes(b"")
    out = tmp_path / "out"
    manifest = convert(catalogue, four, out, skip_damaged=True)
    chunks = manifest.samples["data"]
    assert chunks.entries == 3 * EVENTS
    (refused,) = chunks.refused
    assert (refused.name, "is empty (0 bytes)" in refused.reason) == ("1.root", True)
    assert manifest == read_manifest(out)
    told = ledger(out, "data")
    assert not told["complete"]
    assert "is empty (0 bytes)" in told["files"][1]["refused"]
    assert [each["events"] for each in told["files"]] == [EVENTS, None, EVENTS, EVENTS]


def test_nothing_but_refused_files(catalogue: Catalogue, tmp_path: Path) -> None:
    path = tmp_path / "a.root"
    path.write_bytes(b"")
    with pytest.raises(InputError, match=r"(?s)a.root is empty.*no events for the sample data"):
        convert(catalogue, [("data", path)], tmp_path / "out", skip_damaged=True)
    assert not (tmp_path / "out").exists()


def test_a_file_without_events_is_counted(catalogue: Catalogue, tmp_path: Path) -> None:
    columns = nanoaod(photons())
    none = {name: each[:0] for name, each in columns.items()}
    paths = [write_tree(tmp_path / "a.root", "Events", none),
             write_rntuple(tmp_path / "b.root", "Events", none),
             write_tree(tmp_path / "c.root", "Events", columns)]  # fmt: skip
    manifest = convert(catalogue, [("background", path) for path in paths], tmp_path / "out")
    assert manifest.samples["background"].entries == EVENTS
    assert [each["entries"] for each in ledger(tmp_path / "out")["files"]] == [0, 0, EVENTS]
    with pytest.raises(InputError, match=r"a.root: no events for the sample background"):
        convert(catalogue, [("background", paths[0])], tmp_path / "none")


# ---- what files say of each other ----------------------------------------------------------------


def test_the_same_events_in_two_files(catalogue: Catalogue, tmp_path: Path) -> None:
    first = part_of_nano(tmp_path / "a.root", 0)
    second = part_of_nano(tmp_path / "b.root", 150)
    message = (
        r"b.root, first in entry 0 \(from 0\): events that are in .*a.root, too "
        r"\(entry 150 there\): 50, and every one would count twice"
    )
    shifted = {"luminosityBlock": (np.arange(EVENTS, dtype="u4") + 150) // 50}
    second = part_of_nano(tmp_path / "b.root", 150, **shifted)
    with pytest.raises(InputError, match=message):
        convert(catalogue, [("data", first), ("data", second)], tmp_path / "out")
    # Simulated events of these numbers are others: their photons differ.
    both: list[tuple[str | None, Path | str]] = [("background", first), ("background", second)]
    assert convert(catalogue, both, tmp_path / "out").samples["background"].entries == 400


def test_the_same_file_under_two_names(catalogue: Catalogue, tmp_path: Path) -> None:
    first = part_of_nano(tmp_path / "a.root", 0)
    second = tmp_path / "b.root"
    second.write_bytes(first.read_bytes())
    with pytest.raises(InputError, match=r"a.root of background and b.root of signal_500 have the"):
        convert(catalogue, [("background", first), ("signal_500", second)], tmp_path / "out")


def test_a_flag_that_not_all_files_have_is_left_out(catalogue: Catalogue, tmp_path: Path) -> None:
    flag = np.ones(EVENTS, "?")
    first = part_of_nano(tmp_path / "a.root", 0, HLT_Photon20=flag, HLT_Photon30=flag)
    second = part_of_nano(tmp_path / "b.root", 1000, HLT_Photon30=flag)
    manifest = convert(catalogue, [("data", first), ("data", second)], tmp_path / "out")
    kinds = stored(manifest.samples["data"])
    assert ("HLT_Photon20" in kinds, "HLT_Photon30" in kinds) == (False, True)


def test_columns_that_not_all_files_have(catalogue: Catalogue, tmp_path: Path) -> None:
    first = part_of_nano(tmp_path / "a.root", 0)
    second = part_of_nano(tmp_path / "b.root", 1000, Photon_r9=photons(seed=1001)["pt"])
    with pytest.raises(InputError, match=r"both of data: .* is in .* and not in .*; make two"):
        convert(catalogue, [("data", first), ("data", second)], tmp_path / "out")


# ---- a folder with something in it --------------------------------------------------------------


def test_a_link_in_place_of_our_folder_is_not_followed(
    catalogue: Catalogue, tmp_path: Path
) -> None:
    """What it leads to is somebody's: nothing there is removed, whatever becomes of the files."""
    theirs = tmp_path / "theirs"
    (theirs / "thesis").mkdir(parents=True)
    out, bad = tmp_path / "out", tmp_path / "bad.root"
    out.mkdir()
    bad.write_bytes(b"")
    for path in (bad, part_of_nano(tmp_path / "a.root", 0)):
        (out / FILES).symlink_to(theirs)
        if path == bad:
            with pytest.raises(InputError):
                convert(catalogue, [("data", path)], out)
        else:
            convert(catalogue, [("data", path)], out)
        assert (theirs / "thesis").is_dir()
        assert not (out / FILES).is_symlink()


def test_a_file_of_the_ledger_s_name_is_not_replaced(catalogue: Catalogue, tmp_path: Path) -> None:
    path, out = part_of_nano(tmp_path / "a.root", 0), tmp_path / "out"
    out.mkdir()
    (out / "conversion.json").write_text('{"EUR": 1.1}', encoding="utf-8")
    with pytest.raises(InputError, match=r"conversion.json is there, was not written by xyy"):
        convert(catalogue, [("data", path)], out)
    assert [each.name for each in out.iterdir()] == ["conversion.json"]
    (out / "conversion.json").unlink()
    for _ in range(2):
        convert(catalogue, [("data", path)], out)


# ---- words --------------------------------------------------------------------------------------


def test_data_with_weights_of_a_generator_are_noted(catalogue: Catalogue, tmp_path: Path) -> None:
    path = part_of_nano(tmp_path / "a.root", 0)
    notes: list[str] = []
    convert(catalogue, [("data", path)], tmp_path / "out", log=notes.append)
    assert notes == [
        f"{path}: it is converted as data, and has weights as simulation has (column genWeight)"
    ]
    notes.clear()
    convert(catalogue, [("background", path)], tmp_path / "other", log=notes.append)
    plain = part_of_nano(tmp_path / "b.root", 0, genWeight=np.ones(EVENTS, "f4"))
    convert(catalogue, [("data", plain)], tmp_path / "plain", log=notes.append)
    assert notes == []


def test_events_of_one_sample_are_not_those_of_another(
    catalogue: Catalogue, tmp_path: Path
) -> None:
    """In whatever format they come; observed and simulated events are never the same."""
    first = part_of_nano(tmp_path / "a.root", 0)
    second = part_of_nano(tmp_path / "b.root", 0, genWeight=np.full(EVENTS, 2, "f4"))
    with pytest.raises(InputError, match=r"b.root, first in entry 0 .*: events that are in .*a"):
        convert(catalogue, [("background", first), ("signal_500", second)], tmp_path / "out")
    convert(catalogue, [("background", first), ("data", second)], tmp_path / "out")


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_simulation_has_weights(catalogue: Catalogue, tmp_path: Path, wrong: float) -> None:
    """Of data they are no more than a mark."""
    weights = np.ones(EVENTS, "f4")
    weights[7:] = wrong
    path = part_of_nano(tmp_path / "a.root", 0, genWeight=weights)
    with pytest.raises(InputError, match=r"a.root, entry 7 \(from 0\), column genWeight: the"):
        convert(catalogue, [("background", path)], tmp_path / "out")
    notes: list[str] = []
    assert convert(catalogue, [("data", path)], tmp_path / "out", log=notes.append).samples
    assert notes == []


def test_a_chunk_is_not_converted_again(catalogue: Catalogue, tmp_path: Path) -> None:
    path = part_of_nano(tmp_path / "a.root", 0)
    convert(catalogue, [("data", path)], tmp_path / "out")
    with pytest.raises(InputError, match=r"part-00000.root is a chunk of xyy; name the file that"):
        convert(catalogue, [("data", tmp_path / "out/data/part-00000.root")], tmp_path / "again")


@pytest.mark.parametrize("part", ["data", "data/part-00000.root"])
def test_who_names_a_part_is_told_the_folder(
    catalogue: Catalogue, tmp_path: Path, part: str
) -> None:
    out = tmp_path / "out"
    convert(catalogue, [("data", part_of_nano(tmp_path / "a.root", 0))], out)
    with pytest.raises(InputError, match=rf"{part} is a part of .* name their folder, {out}$"):
        read_manifest(out / part)


def test_a_sample_behind_the_equals_sign(catalogue: Catalogue, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"a.root=data: the sample stands before the equals sign"):
        convert(catalogue, [("a.root", Path("data"))], tmp_path / "out")


# ---- memory and death ----------------------------------------------------------------------------


def test_a_disk_that_is_full_is_no_fault_of_a_file(catalogue: Catalogue, tmp_path: Path) -> None:
    path = part_of_nano(tmp_path / "a.root", 0)
    out = tmp_path / "a.root" / "out"
    with pytest.raises(XyyError, match="cannot"):
        convert(catalogue, [("data", path)], out, skip_damaged=True)
