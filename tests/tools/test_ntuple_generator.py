"""Generated photon ntuples: as real files are, known as generated, the same for the same seed."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pytest
import uproot

from tools import ntuple_generator
from tools.checkout import checkout
from tools.errors import InputError
from tools.layouts import read_layouts
from tools.marks import GENERATED
from tools.ntuple_columns import NTUPLE_FORMATS
from tools.ntuple_generator import NTUPLES, normalisation, write_ntuple
from tools.tables import is_generated

LAYOUTS, SEED, EVENTS = tuple(NTUPLE_FORMATS), 5, 20_000
NAMES = {
    "nanoaod": ("Photon_", "event", "genWeight"),
    "atlas-open-data-2025": ("photon_", "eventNumber", "mcWeight"),
}
"""prefix of photons, event number and weight"""
Program = Callable[..., int]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All files of all layouts, each in a folder of its layout's name."""
    folder = tmp_path_factory.mktemp("ntuples")
    for layout in LAYOUTS:
        (folder / layout).mkdir()
        for name, sample in NTUPLES.items():
            path = folder / layout / f"{name}.root"
            write_ntuple(path, sample, layout, seed=SEED, events=EVENTS)
    return folder


def read(folder: Path, layout: str, name: str) -> ak.Array:
    with uproot.open(folder / layout / f"{name}.root") as file:
        return file[NTUPLE_FORMATS[layout].tree].arrays()


def photons(events: ak.Array, layout: str) -> ak.Array:
    prefix = NAMES[layout][0]
    return ak.zip({
        name: ak.values_astype(events[prefix + name], "f8") for name in ("pt", "eta", "phi")
    })  # fmt: skip


def masses(found: ak.Array) -> Any:
    """Return the masses of the two leading photons, of events with two."""
    ordered = found[ak.argsort(found.pt, ascending=False)]
    one, two = (ordered[ak.num(ordered) > 1][:, place] for place in (0, 1))
    angles = np.cosh(one.eta - two.eta) - np.cos(one.phi - two.phi)
    return ak.to_numpy(np.sqrt(2 * one.pt * two.pt * angles))


# ---- what is in the files ------------------------------------------------------------------------


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_file_is_usable_and_its_layout_known(
    layout: str, made: Path, program: Program, capsys: pytest.CaptureFixture[str]
) -> None:
    files = sorted((made / layout).glob("*.root"))
    assert [path.stem for path in files] == sorted(NTUPLES)
    assert program("inspect", "--json", *files) == 0
    for path, found in zip(files, json.loads(capsys.readouterr().out), strict=True):
        assert (found["usable"], found["problems"], found["layout"]) == (True, [], layout)
        assert (found["entries"], found["simulated"]) == (EVENTS, path.stem != "data")
        assert 35 < found["median_pt_GeV"] < 60


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_signal_is_a_peak_and_the_rest_falls(layout: str, made: Path) -> None:
    signal = masses(photons(read(made, layout, "ggH125"), layout))
    assert np.median(signal) == pytest.approx(125.0, abs=0.1)
    assert np.mean(np.abs(signal - 125.0) < 5.0) > 0.85
    counts, _ = np.histogram(
        masses(photons(read(made, layout, "yy"), layout)), [70, 90, 110, 130, 150, 170]
    )
    assert np.all(np.diff(counts) < 0)


def test_the_events_are_the_same_in_each_layout(made: Path) -> None:
    for name, sample in NTUPLES.items():
        one, two = (read(made, layout, name) for layout in LAYOUTS)
        assert ak.array_equal(*(photons(a, b) for a, b in zip((one, two), LAYOUTS, strict=True)))
        for column, other in zip(NAMES[LAYOUTS[0]][1:], NAMES[LAYOUTS[1]][1:], strict=True):
            if sample.simulated or column == "event":
                assert ak.array_equal(one[column], two[other])


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name", NTUPLES)
def test_events_are_as_odd_as_real_ones(layout: str, name: str, made: Path) -> None:
    events = read(made, layout, name)
    found, numbers = photons(events, layout), ak.to_numpy(events[NAMES[layout][1]])
    assert events[NTUPLE_FORMATS[layout].counter].tolist() == ak.num(found).tolist()
    assert set(ak.num(found).tolist()) == {0, 1, 2, 3}
    assert numbers.dtype == np.uint64
    assert len(np.unique(numbers)) == EVENTS
    assert np.mean(numbers >= 2**63) == 0.5
    two, three = (found.pt[ak.num(found) == n] for n in (2, 3))
    assert 0.3 < ak.mean(two[:, 0] < two[:, 1]) < 0.7
    assert 0.5 < ak.mean(ak.argmin(three, axis=1) == 1) < 1.0
    assert ak.any((np.abs(found.eta) > 1.37) & (np.abs(found.eta) < 1.52))
    assert ak.all(np.abs(found.phi) <= np.float32(np.pi))


@pytest.mark.parametrize("name", ["ggH125", "yy"])
def test_weights_have_both_signs_and_the_sums_that_are_told(name: str, made: Path) -> None:
    nano, atlas = (read(made, layout, name) for layout in LAYOUTS)
    weights = ak.to_numpy(nano.genWeight)
    exact = weights.astype(np.float64)
    assert weights.dtype == np.float32
    assert 0.05 < np.mean(weights < 0) < 0.2
    assert not np.any(np.abs(weights) == 1)  # as in data
    for column, value in (
        ("num_events", EVENTS),
        ("sum_of_weights", exact.sum()),
        ("sum_of_weights_squared", (exact**2).sum()),
    ):
        assert ak.to_numpy(atlas[column]) == pytest.approx(np.full(EVENTS, value), rel=1e-12)
    with uproot.open(made / "nanoaod" / f"{name}.root") as file:
        assert file["Runs"].arrays(library="np") == {
            "run": 1,
            "genEventCount": EVENTS,
            "genEventSumw": pytest.approx(exact.sum(), rel=1e-12),
            "genEventSumw2": pytest.approx((exact**2).sum(), rel=1e-12),
        }


def test_data_have_no_weights(made: Path) -> None:
    assert "genWeight" not in read(made, "nanoaod", "data").fields
    atlas = read(made, "atlas-open-data-2025", "data")
    for column in ("mcWeight", "ScaleFactor_PILEUP", "ScaleFactor_PHOTON"):
        assert ak.all(atlas[column] == 1)
    for column in ("sum_of_weights", "num_events", "xsec", "channelNumber"):
        assert ak.all(atlas[column] == 0)
    with uproot.open(made / "nanoaod" / "data.root") as file:
        assert file.keys(cycle=False) == ["Events"]


def test_data_are_what_simulation_expects_at_their_luminosity(made: Path) -> None:
    """Events with two photons behind the trigger, in the region of the resonance and below."""
    luminosity = re.search(r"of ([\d.]+) / pb", normalisation(NTUPLES["data"], EVENTS))
    assert luminosity is not None

    def yields(name: str) -> tuple[Any, Any]:
        events = read(made, "atlas-open-data-2025", name)
        weight = np.ones(EVENTS) * events.ScaleFactor_PILEUP * events.ScaleFactor_PHOTON
        if name != "data":
            factor = events.xsec * events.filteff * events.kfac / events.sum_of_weights
            weight = weight * events.mcWeight * factor * float(luminosity[1])
        kept = events.trigP & (events.photon_n > 1)
        mass = masses(photons(events[kept], "atlas-open-data-2025"))
        chosen, edges = ak.to_numpy(weight[kept]), [80, 120, 130, 200]
        one, two = (np.histogram(mass, edges, weights=chosen**n)[0] for n in (1, 2))
        return one, two

    (seen, error), *simulated = (yields(name) for name in ("data", "ggH125", "yy"))
    expected = sum(each for each, _ in simulated)
    variance = error + sum(each for _, each in simulated)
    assert np.all(np.abs(seen - expected) < 4 * np.sqrt(variance))


def test_the_signal_is_in_the_data(made: Path, tmp_path: Path) -> None:
    """What is above the mean of the neighbours is what the cross-sections say, and significant."""
    path, events = tmp_path / "nanoaod" / "data.root", 500_000
    write_ntuple(path, NTUPLES["data"], "nanoaod", seed=SEED, events=events)
    edges = np.arange(116.0, 137.0, 6.0)
    left, middle, right = np.histogram(
        masses(photons(read(tmp_path, "nanoaod", "data"), "nanoaod")), edges
    )[0]
    signal = masses(photons(read(made, "nanoaod", "ggH125"), "nanoaod"))
    share = np.mean(np.abs(signal - 125.0) < 3.0) * signal.size / EVENTS
    excess, error = middle - (left + right) / 2, np.sqrt(1.5 * middle)
    assert excess == pytest.approx(share * events * 0.1101 / 25.1101, abs=4 * error)
    assert excess > 5 * error


def test_flags_mean_what_they_say(made: Path) -> None:
    events = read(made, "atlas-open-data-2025", "yy")
    for kind in ("ID", "Iso"):
        loose, tight = (events[f"photon_is{level}{kind}"] for level in ("Loose", "Tight"))
        assert ak.all(loose | ~tight)
        assert 0.4 < ak.mean(tight) < ak.mean(loose) < 0.95
    ordered = ak.sort(events.photon_pt, ascending=False)
    leading = ak.fill_none(ak.pad_none(ordered, 2), 0.0)
    above = (leading[:, 0] > 35) & (leading[:, 1] > 25)
    assert not ak.any(events.trigP & ~above)
    assert 0.95 < ak.mean(events.trigP[above]) < 1.0
    energy = events.photon_pt * np.cosh(events.photon_eta)
    assert ak.all(np.abs(events.photon_e / energy - 1) < 1e-6)
    nano = read(made, "nanoaod", "yy")
    assert ak.all(nano.Photon_mvaID_WP90 | ~nano.Photon_mvaID_WP80)
    assert ak.all(nano.Photon_electronVeto != nano.Photon_pixelSeed)
    assert not ak.any(nano.Photon_isScEtaEB & nano.Photon_isScEtaEE)


# ---- how it is stored ----------------------------------------------------------------------------


REAL = {"nanoaod": "coffea_nano_dy.root", "atlas-open-data-2025": "odeo2025_like_ggH125.root"}
NEWER = {"nPhoton": "int32_t", "Photon_cutBased": "int32_t[]"}
"""NanoAOD's files of other years: the count is unsigned there, or the name another"""


@pytest.mark.parametrize("layout", LAYOUTS)
def test_columns_have_the_types_of_real_files(layout: str, made: Path, course_data: Path) -> None:
    path, tree = course_data / "photons" / REAL[layout], NTUPLE_FORMATS[layout].tree
    if not path.is_file():
        pytest.skip("there are no photon files beside the course's")
    with uproot.open(path) as real, uproot.open(made / layout / "ggH125.root") as file:
        wanted = {
            name: re.sub(r"std::vector<(.*)>", r"\1[]", kind)
            for name, kind in real[tree].typenames().items()
        }
        for name, kind in file[tree].typenames().items():
            assert kind == NEWER.get(name, wanted.get(name)), name


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name", NTUPLES)
def test_files_are_marked_and_fast_to_read(layout: str, name: str, made: Path) -> None:
    path = made / layout / f"{name}.root"
    assert is_generated(path)
    with uproot.open(path) as file:
        assert {file[key].title for key in file.keys(cycle=False)} == {GENERATED}
        pt = file[NTUPLE_FORMATS[layout].tree][f"{NAMES[layout][0]}pt"]
        assert file.file.compression == uproot.LZ4(1)
        assert pt.interpretation == uproot.AsJagged(uproot.AsDtype(">f4"))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_same_seed_gives_the_same_events(layout: str, made: Path, tmp_path: Path) -> None:
    number = NAMES[layout][1]
    for name, sample in NTUPLES.items():
        again, other = (
            write_ntuple(tmp_path / f"{seed}.root", sample, layout, seed=seed, events=EVENTS)
            for seed in (SEED, SEED + 1)
        )
        with uproot.open(again) as file, uproot.open(other) as file_of_another:
            tree = NTUPLE_FORMATS[layout].tree
            assert ak.array_equal(file[tree].arrays(), read(made, layout, name))
            numbers = (ak.to_numpy(each[tree][number].array()) for each in (file, file_of_another))
            assert np.intersect1d(*numbers).size == 0


@pytest.mark.parametrize("layout", LAYOUTS)
def test_many_events_are_written_in_blocks(
    layout: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ntuple_generator, "BLOCK_EVENTS", 1000)
    told: list[int] = []
    path = tmp_path / layout / "yy.root"
    write_ntuple(path, NTUPLES["yy"], layout, seed=1, events=2500, progress=told.append)
    assert told == [1000, 2000, 2500]
    events, (_, number, weight) = read(tmp_path, layout, "yy"), NAMES[layout]
    low = ak.to_numpy(events[number]) & np.uint64(2**63 - 1)
    assert np.all(np.diff(low) == 1)
    assert len(np.unique(ak.to_numpy(events[weight]))) > 2400  # no block is another's again
    if layout == "atlas-open-data-2025":
        total = ak.sum(ak.values_astype(events.mcWeight, "f8"))
        assert events.sum_of_weights[-1] == pytest.approx(total, rel=1e-12)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name", NTUPLES)
def test_a_single_event_is_a_file(layout: str, name: str, tmp_path: Path) -> None:
    for seed in range(5):  # of which some have no photons
        path = tmp_path / layout / f"{name}.root"
        write_ntuple(path, NTUPLES[name], layout, seed=seed, events=1)
        assert len(read(tmp_path, layout, name)) == 1


def test_nothing_is_no_file(tmp_path: Path) -> None:
    for events, seed, message in ((0, 1, "cannot generate 0 events"), (5, -1, "the seed must be")):
        with pytest.raises(InputError, match=message):
            write_ntuple(tmp_path / "yy.root", NTUPLES["yy"], "nanoaod", seed=seed, events=events)
    assert list(tmp_path.iterdir()) == []


# ---- the command ---------------------------------------------------------------------------------


def test_the_command_writes_the_samples_that_are_named(
    tmp_path: Path, program: Program, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("generate", "--layout", "nanoaod", "--events", 500, "--out", tmp_path)
    assert program(*words, "data", "yy", "data") == 0
    err = capsys.readouterr().err
    assert f"{tmp_path / 'data.root'}: yy with some H -> yy, as data of 19.91 / pb\n" in err
    assert f"{tmp_path / 'yy.root'}: simulation of yy without a resonance, 25 pb\n" in err
    assert sorted(path.name for path in tmp_path.glob("[!.]*")) == ["data.root", "yy.root"]


def test_without_names_and_numbers_all_are_small(tmp_path: Path, program: Program) -> None:
    assert program("generate", "--layout", LAYOUTS[1], "--out", tmp_path / LAYOUTS[1], "-q") == 0
    sizes = {name: len(read(tmp_path, LAYOUTS[1], name)) for name in NTUPLES}
    assert sizes == {"ggH125": 10_000, "yy": 20_000, "data": 20_000}


def test_the_layouts_of_the_command_are_those_that_can_be_written(
    tmp_path: Path, program: Program, capsys: pytest.CaptureFixture[str]
) -> None:
    for layout in read_layouts(checkout() / "datasets" / "layouts"):
        out = tmp_path / layout
        code = program("generate", "yy", "--layout", layout, "--events", 5, "--out", out)
        assert code == (0 if layout in NTUPLE_FORMATS else 2)
    assert "'nanoaod'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--universe", "3"], "leave --universe out"),
        (["--format", "root", "--workers", "2"], "leave --format, --workers out"),
        (["--samples", "datasets/hllhc.toml"], "leave --samples out"),
        (["ggh125"], "'ggh125' is not an ntuple that can be generated (is it 'ggH125'?)"),
        (["yy", "background"], "name some of ggH125, yy, data"),
    ],
)
def test_what_makes_no_sense_is_refused(
    words: list[str],
    message: str,
    tmp_path: Path,
    program: Program,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "out"
    assert program("generate", "--layout", "nanoaod", "--out", out, *words) == 2
    assert message in capsys.readouterr().err
    assert not out.exists()


def test_only_what_was_generated_is_replaced_and_with_force_only(
    tmp_path: Path, program: Program, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("generate", "--layout", "nanoaod", "--events", 50, "--out", tmp_path, "-q")
    path = tmp_path / "yy.root"
    assert program(*words, "yy") == 0
    before = path.read_bytes()
    assert program(*words) == 2
    assert f"{path}: there already, and generated; give --force" in capsys.readouterr().err
    assert [p.name for p in tmp_path.glob("*.root")] == ["yy.root"]
    assert program(*words, "yy", "--seed", 8, "--force") == 0
    assert path.read_bytes() != before
    with uproot.recreate(tmp_path / "data.root") as file:
        file.mktree("Events", {"run": "u4"}).extend({"run": np.arange(3, dtype="u4")})
    foreign = (tmp_path / "data.root").read_bytes()
    assert program(*words, "data", "yy", "--force") == 2
    assert "data.root: not written by `xyy generate`, and never rep" in capsys.readouterr().err
    with pytest.raises(InputError, match="never replaced"):
        write_ntuple(tmp_path / "data.root", NTUPLES["data"], "nanoaod", seed=1)
    assert (tmp_path / "data.root").read_bytes() == foreign
