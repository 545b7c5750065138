"""Events with lists of photons: what a processor sees of them, and what ours fills."""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pytest
from coffea.processor import IterativeExecutor, Runner

from analysis.settings.settings_check import check_manifest
from processors.diphoton import DiphotonProcessor, Settings, photon_pair
from processors.histograms import Binning, Counts
from processors.kinematics import PHOTON_COLUMNS
from processors.pairs import leading_pair, leading_photons
from processors.schema import DiphotonSchema
from processors.selection import Interval, Selection
from tests.photon_files import EVENTS, expected, nanoaod, photons, write_tree
from tools import executors
from tools.chunks import TREE
from tools.convert import convert
from tools.errors import InputError
from tools.executors import Execution
from tools.executors.function import WorkFunction
from tools.manifest import Manifest
from tools.samples import Catalogue
from tools.sources import merged

WINDOW = Interval(60, 100)
COLUMNS = tuple(
    Binning(f"photon{number}_{name}", 20, low, high)
    for name, low, high in (("pT", 0, 200), ("eta", -3, 3), ("phi", -4, 4), ("r9", 0, 1))
    for number in (1, 2)
)
SETTINGS = Settings(
    columns=COLUMNS, mass=Binning("m_yy", 300, 0, 300, "GeV"), window=WINDOW,
    cut_variables=(Binning("photon1_r9", 10, 0, 1),),
    selection=Selection({"photon1_r9": Interval(max=0.8)}),
)  # fmt: skip


def r9(made: Mapping[str, ak.Array]) -> ak.Array:
    values = np.random.default_rng(3).uniform(0, 1, int(ak.sum(ak.num(made["pt"])))).astype("f4")
    return ak.unflatten(values, ak.num(made["pt"]))


def write(path: Path, made: Mapping[str, ak.Array], **more: Any) -> Path:
    return write_tree(path, "Events", nanoaod(made) | {"Photon_r9": r9(made)} | more)


@pytest.fixture(scope="module")
def manifest(catalogue: Catalogue, tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    """The same photons as simulation and as data."""
    folder = tmp_path_factory.mktemp("lists")
    flag = np.arange(EVENTS) % 2 == 0
    paths = [write(folder / f"{name}.root", photons(), HLT_Photon20=flag) for name in "ab"]
    (folder / "b.root").write_bytes(paths[1].read_bytes() + b" ")  # the same file twice is refused
    inputs: list[tuple[str | None, Path | str]] = [("background", paths[0]), ("data", paths[1])]
    return convert(catalogue, inputs, folder / "chunks")


def filled(
    manifest: Manifest, sample: str, settings: Settings = SETTINGS, **how: Any
) -> dict[str, Counts]:
    items = executors.plan(manifest, [sample], chunk_events=how.pop("chunk_events", None))
    outcome = executors.run(
        DiphotonProcessor(settings), items, schema=DiphotonSchema, execution=Execution(**how),
        columns=settings.needed(),
    )  # fmt: skip
    assert outcome.ledger[sample].complete, outcome.ledger[sample].failed
    found: dict[str, Counts] = outcome.outputs[sample]
    return found


def pairs_by_hand() -> list[tuple[int, float, float, float]]:
    """Return entry, mass, r9 and pT of the leading photon, by a plain loop over events."""
    made, found = photons(), []
    lists = zip(*(ak.to_list(each) for each in (*made.values(), r9(made))), strict=True)
    masses = iter(expected(made))
    for entry, (pt, _eta, _phi, shape) in enumerate(lists):
        if len(pt) > 1:
            first = pt.index(max(pt))
            found.append((entry, next(masses), shape[first], pt[first]))
    return found


# ---- pairs ---------------------------------------------------------------------------------------


def test_the_pair_is_that_of_largest_pt_and_ties_go_by_order() -> None:
    rng = np.random.default_rng(1)
    counts = rng.integers(0, 7, 3000)
    pt = rng.integers(1, 9, counts.sum()).astype("f4")  # with many ties
    found = leading_photons(counts, pt)
    start, both = 0, []
    for count in counts:
        order = sorted(range(count), key=lambda i: -pt[start + i])
        both += [[start + i for i in order[:2]]] if count > 1 else []
        start += count
    assert np.array_equal(found.has_two, counts > 1)
    assert np.array_equal(np.transpose([found.first, found.second]), both)


def test_no_events_and_no_pairs() -> None:
    none = leading_photons(np.zeros(0, int), np.zeros(0))
    assert (none.has_two.size, none.first.size) == (0, 0)
    alone = leading_photons(np.array([1, 0, 1]), np.array([5.0, 6.0]))
    assert (int(alone.has_two.sum()), alone.second.size) == (0, 0)


def test_one_event_with_very_many_photons() -> None:
    pt = np.arange(5000.0) % 4999
    found = leading_photons(np.array([2, 5000, 1]), np.concatenate([[1.0, 2.0], pt, [3.0]]))
    assert (found.first.tolist(), found.second.tolist()) == ([1, 2 + 4998], [0, 2 + 4997])


def test_masses_of_pairs_are_those_of_a_loop() -> None:
    made = {name: ak.values_astype(each, "f8") for name, each in photons().items()}
    has_two, pair = leading_pair(ak.zip(made))
    assert np.array_equal(has_two, ak.num(made["pt"]) > 1)
    assert pair.mass == pytest.approx(expected(made), rel=1e-12, abs=1e-12)


# ---- events --------------------------------------------------------------------------------------


class Seen:
    """Keeps the events that it is given."""

    def process(self, events: Any) -> Any:
        return events


def test_events_have_photons_with_vector_behaviour_and_attributes(manifest: Manifest) -> None:
    (item,) = executors.plan(manifest, ["background"])
    function = WorkFunction(Seen(), DiphotonSchema, columns=None)
    events = function(item, Path(item.filename).read_bytes())
    assert ak.array_equal(events.photons.r9, r9(photons()))
    assert events.event[0] == 2**63
    assert events.HLT_Photon20.tolist() == [n % 2 == 0 for n in range(EVENTS)]
    two = events.photons[ak.num(events.photons) > 1]
    two = two[ak.argsort(two.pt, ascending=False)]
    masses = (two[:, 0] + two[:, 1]).mass
    assert ak.to_numpy(masses) == pytest.approx(expected(photons()), rel=1e-4)
    assert events.metadata["dataset"] == "background"


def test_a_part_of_a_chunk_has_its_photons_only(manifest: Manifest) -> None:
    items = executors.plan(manifest, ["background"], chunk_events=70)
    function = WorkFunction(Seen(), DiphotonSchema, columns=["photon2_r9"])
    found = [function(item, Path(item.filename).read_bytes()).photons for item in items]
    assert [len(each) for each in found] == [70, 70, 60]
    assert found[0].fields == ["pt", "eta", "phi", "r9", "mass"]
    assert ak.array_equal(ak.concatenate([each.pt for each in found]), photons()["pt"])


def test_flat_events_have_the_same_pairs(chunks: Manifest) -> None:
    (item, *_) = executors.plan(chunks, ["background"])
    events = WorkFunction(Seen(), DiphotonSchema, None)(item, Path(item.filename).read_bytes())
    has_two, pair = leading_pair(events.photons)
    assert has_two.all()
    stored = photon_pair({name: np.asarray(events[name]) for name in PHOTON_COLUMNS})
    assert pair.mass == pytest.approx(stored.mass, rel=1e-12)
    assert {"pt", "eta", "phi", "mass", "isolation"} <= set(events.photons.fields)
    central = events.photons[abs(events.photons.eta) < 1.0]
    counts = sum(abs(events[f"photon{number}_eta"]) < 1.0 for number in (1, 2))
    assert ak.array_equal(ak.num(central), counts)
    assert set(counts) == {0, 1, 2}


# ---- our own processor ---------------------------------------------------------------------------


def test_histograms_hold_what_a_loop_counts(manifest: Manifest) -> None:
    out, pairs = filled(manifest, "background"), pairs_by_hand()
    selected = [pair for pair in pairs if pair[2] < 0.8]
    flow = dict(zip(out["cutflow"].axes[0], out["cutflow"].view().sum(axis=1), strict=True))
    assert flow == {
        "all events": EVENTS, "two photons": len(pairs), "photon1_r9 < 0.8": len(selected),
    }  # fmt: skip
    edges = np.arange(301)
    counted = np.histogram([mass for _, mass, _, _ in selected], edges)[0]
    assert np.array_equal(out["spectrum"].view()[0], counted)
    pt = np.histogram([pair[3] for pair in pairs], np.linspace(0, 200, 21))[0]
    assert np.array_equal(out["before/photon1_pT"].view(), pt)
    odd = sum(entry % 2 for entry, *_ in pairs)
    assert out["joint"].view(flow=True)[1].sum() == odd
    inside = sum(bool(WINDOW.contains(np.array([mass]))[0]) for _, mass, _, _ in pairs)
    assert out["cutflow"].view()[1].tolist() == [inside, len(pairs) - inside]


@pytest.mark.parametrize("which", ["all", "spectrum"])
def test_any_engine_and_any_chunks_fill_the_same(manifest: Manifest, which: Any) -> None:
    settings = replace(SETTINGS, histograms=which)
    first = filled(manifest, "background", settings)
    for how in ({"chunk_events": 7}, {"engine": "futures", "workers": 2, "chunk_events": 64}):
        other = filled(manifest, "background", settings, **how)
        assert other.keys() == first.keys()
        assert all(other[name] == first[name] for name in first)


def test_a_runner_of_coffea_fills_the_same(manifest: Manifest) -> None:
    run = Runner(IterativeExecutor(status=False), schema=DiphotonSchema, metadata_cache={})
    (item,) = executors.plan(manifest, ["background"])
    fileset = {"mine": {"files": [item.filename], "metadata": {"kind": "background"}}}
    out = run(fileset, DiphotonProcessor(SETTINGS), treename=TREE)["mine"]
    ours = filled(manifest, "background")
    assert out.keys() == ours.keys()
    assert all(out[name] == ours[name] for name in ours)


def test_flat_samples_and_lists_in_one_run(
    manifest: Manifest, chunks: Manifest, catalogue: Catalogue
) -> None:
    both = merged([manifest, chunks.only(["signal_500"])])
    columns = tuple(Binning(name, 20, -4, 200) for name in PHOTON_COLUMNS)
    settings = Settings(columns=columns, mass=SETTINGS.mass, window=WINDOW)
    check_manifest(both, catalogue, settings.needed())
    for name, where in (("background", manifest), ("signal_500", chunks)):
        alone, together = filled(where, name, settings), filled(both, name, settings)
        assert all(alone[each] == together[each] for each in alone)
    steps = {name: list(filled(both, name, settings)["cutflow"].axes[0]) for name in both.samples}
    assert steps["background"] == ["all events", "two photons"]
    assert steps["signal_500"] == ["all events"]


def test_blind_data_are_filled_outside_the_window_only(manifest: Manifest) -> None:
    out, pairs = filled(manifest, "data"), pairs_by_hand()
    outside = [pair for pair in pairs if not WINDOW.contains(np.array([pair[1]]))[0]]
    single = EVENTS - len(pairs)
    assert out["cutflow"].view()[:2].tolist() == [[0, single + len(outside)], [0, len(outside)]]
    assert out["spectrum"].view()[0, 60:100].sum() == 0
    opened = filled(manifest, "data", replace(SETTINGS, unblinded=True))
    assert opened["cutflow"].view()[0].sum() == EVENTS


def test_replaced_events_in_the_window_change_nothing(
    manifest: Manifest, catalogue: Catalogue, tmp_path: Path
) -> None:
    made = {name: ak.to_list(each) for name, each in photons().items()}
    shapes = ak.to_list(r9(photons()))
    inside = [entry for entry, mass, *_ in pairs_by_hand() if 60 <= mass < 100]
    assert len(inside) > 15
    for entry in inside:
        made["pt"][entry], made["eta"][entry] = [40.0, 41.0, 3.0], [0.1, 0.0, 1.0]
        made["phi"][entry], shapes[entry] = [0.0, 3.0, 1.0], [0.3, 0.2, 0.1]
    others = {name: ak.values_astype(ak.Array(each), "f4") for name, each in made.items()}
    flag = np.arange(EVENTS) % 2 == 0
    shape = ak.values_astype(ak.Array(shapes), "f4")
    path = write_tree(
        tmp_path / "c.root", "Events", nanoaod(others) | {"Photon_r9": shape, "HLT_Photon20": flag}
    )
    replaced = convert(catalogue, [("data", path)], tmp_path / "chunks")
    for settings in (SETTINGS, replace(SETTINGS, histograms="spectrum")):
        before, after = filled(manifest, "data", settings), filled(replaced, "data", settings)
        assert all(before[name] == after[name] for name in before)


def test_a_column_that_a_sample_does_not_have(manifest: Manifest, catalogue: Catalogue) -> None:
    check_manifest(manifest, catalogue, ["photon1_pT", "photon2_r9", "HLT_Photon20"])
    message = (
        r"the chunks of background \(nanoaod\) have no column 'photon1_r8' \(is it 'photon1_r9'\?\)"
    )
    with pytest.raises(InputError, match=message):
        check_manifest(manifest, catalogue, ["photon1_r8"])


def test_what_is_kept_of_lists_is_used_again(manifest: Manifest, tmp_path: Path) -> None:
    settings = SETTINGS
    items = executors.plan(manifest, ["background"])
    stored = {each.name: each.type for each in manifest.samples["background"].stored}
    kept = executors.Checkpoints(
        folder=tmp_path, made_by={"background": "x"}, processor=DiphotonProcessor(settings),
        schema=DiphotonSchema, columns=stored,
    )  # fmt: skip
    run = partial(
        executors.run, DiphotonProcessor(settings), items, schema=DiphotonSchema,
        execution=Execution(), columns=settings.needed(), checkpoints=kept,
    )  # fmt: skip
    first, second = run(), run()
    assert (first.resumed_events, second.resumed_events) == (0, EVENTS)
    both = zip(*(each.outputs["background"].values() for each in (first, second)), strict=True)
    assert all(one == other for one, other in both)


def test_a_chunk_that_rotted_is_listed(manifest: Manifest, tmp_path: Path) -> None:
    (item,) = executors.plan(manifest, ["background"])
    content = bytearray(Path(item.filename).read_bytes())
    content[len(content) // 2] ^= 1
    (tmp_path / "background").mkdir()
    (tmp_path / "background/part-00000.root").write_bytes(content)
    assert TREE.encode() in content
    moved = replace(manifest, folder=tmp_path)
    outcome = executors.run(
        DiphotonProcessor(SETTINGS), executors.plan(moved, ["background"]), schema=DiphotonSchema,
        execution=Execution(), columns=SETTINGS.needed(),
    )  # fmt: skip
    (failure,) = outcome.ledger["background"].failed
    assert "has another checksum than the manifest says" in failure.error
