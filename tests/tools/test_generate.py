"""The course's samples: equal to the real ones, and pure functions of seed, sample and chunk."""

import json
import os
import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import uproot
from pyarrow import csv
from scipy import stats

from tests.formula import mass_by_formula
from tools.checkout import find_settings
from tools.chunks import PART_EVENTS, TREE
from tools.errors import InputError
from tools.event_files import FILE_CHUNKS
from tools.generate import (
    DEFAULT_SEED,
    chunk_sizes,
    generate_sample,
    plan_sample,
    sample_named,
)
from tools.manifest import read_manifest
from tools.recipe import Events, Resonance
from tools.samples import Catalogue, read_catalogue


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


def read_course_file(path: Path) -> Events:
    table = csv.read_csv(path)
    return {name: table[name].to_numpy() for name in table.column_names if name}


def equal(one: Events, two: Events) -> bool:
    return all(np.array_equal(one[name], two[name]) for name in one)


# ---- the physics ---------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("mass", [500, 1000])
def test_signal_looks_like_the_real_file(
    catalogue: Catalogue, course_data: Path, mass: int, seed: int
) -> None:
    """17 tests for each of 2 files; with 3 seeds: false alarm of all below 0.03, seeds pinned."""
    real = read_course_file(course_data / f"signal_{mass}.csv")
    made = plan_sample(catalogue, f"signal_{mass}", seed=seed, events=200_000).chunk(0)
    for events in (real, made):
        events["m_yy"] = mass_by_formula(events)
        floats = {name: values.astype(np.float64) for name, values in events.items()}
        events["cos dphi"] = np.cos(floats["photon1_phi"] - floats["photon2_phi"])
        events["pT1 pT2"] = floats["photon1_pT"] * floats["photon2_pT"]
        events["eta2 - dEta"] = floats["photon2_eta"] - floats["dEta"]
    for name in set(real) - {"missing_energy"}:
        if name in ("n_jets", "n_leptons"):
            counts = [np.bincount(np.minimum(e[name], 10).astype(int)) for e in (real, made)]
            pvalue = stats.chi2_contingency(counts).pvalue
        else:
            pvalue = stats.ks_2samp(real[name], made[name]).pvalue
        assert pvalue > 0.0003, name


def significance(signal: Events, background: Events, **cuts: float) -> float:
    """S / sqrt(B) in the window, weighted as in the course."""
    yields = []
    for events, expected in ((signal, 1191.6558), (background, 1_352_704.6065)):
        mass = mass_by_formula(events)
        kept = (mass > 400) & (mass < 1100)
        for name, cut in cuts.items():
            kept &= events[name].astype(np.float64) < cut
        yields.append(expected * kept.mean())
    return float(yields[0] / np.sqrt(yields[1]))


@pytest.mark.parametrize("source", ["generated", "real"])
def test_default_samples_give_the_courses_numbers(
    catalogue: Catalogue, request: pytest.FixtureRequest, source: str
) -> None:
    background = plan_sample(catalogue, "background", seed=DEFAULT_SEED).chunk(0)
    assert background["n_jets"].size == 100_000
    if source == "generated":
        signal = plan_sample(catalogue, "signal_500", seed=DEFAULT_SEED).chunk(0)
    else:
        signal = read_course_file(request.getfixturevalue("course_data") / "signal_500.csv")
    assert signal["n_jets"].size == 10_000
    assert significance(signal, background) == pytest.approx(5.30, abs=0.10)
    assert significance(signal, background, n_jets=5) == pytest.approx(5.78, abs=0.10)
    scan = [significance(signal, background, n_jets=cut) for cut in range(1, 11)]
    assert max(scan) == pytest.approx(5.83, abs=0.10)
    assert 1 + int(np.argmax(scan)) == 6
    by_hand = {"n_jets": 6, "n_leptons": 7, "photon1_isolation": 0.8, "photon2_isolation": 0.8}
    assert significance(signal, background, **by_hand) == pytest.approx(9.1, abs=0.6)


def test_other_seeds_scatter_around_the_courses_numbers(catalogue: Catalogue) -> None:
    """What `tools.generate` says about its default seed; deterministic, no false alarm."""
    found = {}
    for seed in (2043, *range(100, 116)):
        background = plan_sample(catalogue, "background", seed=seed).chunk(0)
        signal = plan_sample(catalogue, "signal_500", seed=seed).chunk(0)
        found[seed] = (
            significance(signal, background, n_jets=5),
            significance(
                signal,
                background,
                n_jets=6,
                n_leptons=7,
                photon1_isolation=0.8,
                photon2_isolation=0.8,
            ),
        )
    assert found.pop(2043)[0] == pytest.approx(5.90, abs=0.005)
    jets, by_hand = np.array(list(found.values())).T
    assert 0.04 < jets.std(ddof=1) < 0.07
    assert 0.15 < by_hand.std(ddof=1) < 0.30
    assert jets.mean() == pytest.approx(5.78, abs=0.05)
    assert by_hand.mean() == pytest.approx(9.1, abs=0.2)


def test_the_samples_are_tuned_and_not_only_the_seed(catalogue: Catalogue) -> None:
    """Two million background events, with 4 times the statistical error of what depends on them."""
    plan = plan_sample(catalogue, "background", seed=1, events=2_000_000)
    chunks = [plan.chunk(index) for index in range(4)]
    background = {name: np.concatenate([c[name] for c in chunks]) for name in chunks[0]}
    signal = plan_sample(catalogue, "signal_500", seed=1, events=200_000).chunk(0)
    assert significance(signal, background) == pytest.approx(5.30, abs=0.04)
    assert significance(signal, background, n_jets=5) == pytest.approx(5.78, abs=0.06)
    assert significance(signal, background, n_jets=6) == pytest.approx(5.83, abs=0.06)


def test_weights_sum_to_the_courses(tmp_path: Path, catalogue: Catalogue) -> None:
    generate_sample(catalogue, "background", tmp_path, file_format="root")
    generate_sample(catalogue, "signal_1000", tmp_path, file_format="root")
    sums = {}
    for name, chunks in read_manifest(tmp_path).samples.items():
        weight = catalogue.weight(catalogue.samples[name], chunks.entries)
        sums[name] = weight * chunks.entries
    assert sums["background"] == pytest.approx(1_352_704.6, abs=0.05)
    assert sums["signal_1000"] == pytest.approx(1191.66, abs=0.005)


# ---- chunks --------------------------------------------------------------------------------------


def test_chunk_sizes() -> None:
    assert chunk_sizes(1) == (1,)
    assert chunk_sizes(PART_EVENTS) == (PART_EVENTS,)
    assert chunk_sizes(3 * PART_EVENTS + 1) == (PART_EVENTS,) * 3 + (1,)


def test_a_chunk_made_alone_is_that_of_the_whole(tmp_path: Path, catalogue: Catalogue) -> None:
    events = FILE_CHUNKS * PART_EVENTS + 1234
    generate_sample(catalogue, "background", tmp_path, seed=5, events=events, file_format="root")
    plan = plan_sample(catalogue, "background", seed=5, events=events)
    alone = pickle.loads(pickle.dumps(plan)).chunk(FILE_CHUNKS)
    with uproot.open(tmp_path / "background" / "part-00001.root") as file:
        for column in catalogue.columns:
            stored = file[TREE][column.name].array(library="np")
            np.testing.assert_array_equal(stored, alone[column.name].astype(column.type))
    longer = plan_sample(catalogue, "background", seed=5, events=events + PART_EVENTS)
    assert equal(plan.chunk(1), longer.chunk(1))


def test_equal_seeds_give_equal_files(tmp_path: Path, catalogue: Catalogue) -> None:
    paths = [
        generate_sample(catalogue, "signal_620", tmp_path / str(run), seed=seed, events=2000)
        for run, seed in enumerate((7, 7, 8))
    ]
    contents = [path.read_bytes() for path in paths]
    assert contents[0] == contents[1]
    assert contents[0] != contents[2]
    assert paths[0] == tmp_path / "0" / "signal_620.csv"


def test_samples_seeds_and_chunks_are_independent(catalogue: Catalogue) -> None:
    """Correlations of what must have nothing in common: 20 of them, false alarm 1.3e-3."""
    streams = [
        plan_sample(catalogue, name, seed=seed, events=PART_EVENTS + 50_000).chunk(1)
        for name, seed in (
            ("signal_500", 1), ("signal_501", 1), ("signal_500", 2), ("background", 1)
        )
    ]  # fmt: skip
    streams.append(plan_sample(catalogue, "signal_500", seed=1, events=50_000).chunk(0))
    for column in ("photon1_pT", "photon2_eta"):  # drawn early, drawn late
        values = np.array([events[column] for events in streams])
        correlations = np.corrcoef(values)[np.triu_indices(5, 1)]
        assert np.abs(correlations).max() < 4 / np.sqrt(50_000)


# ---- files ---------------------------------------------------------------------------------------


def test_csv_and_root_hold_the_same_events(tmp_path: Path, catalogue: Catalogue) -> None:
    csv_path = generate_sample(catalogue, "signal_750", tmp_path, seed=3)
    generate_sample(catalogue, "signal_750", tmp_path, seed=3, file_format="root")
    written = read_course_file(csv_path)
    with uproot.open(tmp_path / "signal_750" / "part-00000.root") as file:
        for column in catalogue.columns:
            stored = file[TREE][column.name].array(library="np")
            np.testing.assert_array_equal(stored, written[column.name].astype(column.type))
    mean = mass_by_formula(written).mean()
    np.testing.assert_allclose(mean, 750, atol=1.5)  # 5 standard deviations


def test_manifest_says_what_was_made(tmp_path: Path, catalogue: Catalogue) -> None:
    path = generate_sample(catalogue, "signal_820.5", tmp_path, events=10, file_format="root")
    assert path == tmp_path / "manifest.json"
    chunks = read_manifest(path).samples["signal_820.5"]
    assert (chunks.kind, chunks.entries, chunks.generated) == ("signal", 10, True)
    assert (chunks.mass_GeV, chunks.cross_section_pb) == (820.5, 5.4)
    assert chunks.filter_efficiency == 0.17
    assert chunks.sources == ()


def test_content_follows_what_determines_the_events(catalogue: Catalogue) -> None:
    base = plan_sample(catalogue, "signal_500", seed=1)
    again = plan_sample(catalogue, "signal_500", seed=1)
    columns = catalogue.columns
    assert base.content(columns) == again.content(columns)
    others = [
        plan_sample(catalogue, "signal_500", seed=2),
        plan_sample(catalogue, "signal_500", seed=1, events=9_999),
        plan_sample(catalogue, "signal_500.0", seed=1),
        plan_sample(catalogue, "background", seed=1),
        replace(base, recipe=replace(base.recipe, n_jets_mean=3.1)),
    ]
    contents = {plan.content(columns) for plan in (base, *others)}
    contents.add(base.content(columns[:-1]))
    assert len(contents) == 7


def test_fewer_events_leave_no_old_part(tmp_path: Path, catalogue: Catalogue) -> None:
    for events in (FILE_CHUNKS * PART_EVENTS + 1, 1000):
        generate_sample(catalogue, "background", tmp_path, events=events, file_format="root")
    named = json.loads((tmp_path / "manifest.json").read_text())["samples"]["background"]["parts"]
    assert [part["path"] for part in named] == ["background/part-00000.root"]
    assert [path.name for path in (tmp_path / "background").iterdir()] == ["part-00000.root"]


def test_progress_counts_events(tmp_path: Path, catalogue: Catalogue) -> None:
    for file_format in ("csv", "root"):
        steps: list[int] = []
        generate_sample(
            catalogue, "background", tmp_path, events=1234,
            file_format=file_format, progress=steps.append,
        )  # fmt: skip
        assert steps == [1234]


# ---- which samples there are ---------------------------------------------------------------------


def test_any_mass_can_be_had(catalogue: Catalogue) -> None:
    made = sample_named(catalogue, "signal_900")
    assert (made.name, made.kind, made.mass_GeV) == ("signal_900", "signal", 900.0)
    assert (made.cross_section_pb, made.events) == (5.4, 10_000)
    assert plan_sample(catalogue, "signal_900", seed=0).recipe.spectrum == Resonance(900.0)


def test_a_declared_name_has_its_declared_mass(catalogue: Catalogue) -> None:
    declared = replace(catalogue.samples["signal_500"], mass_GeV=620.0)
    other = replace(catalogue, samples={**catalogue.samples, "signal_500": declared})
    assert plan_sample(other, "signal_500", seed=0).recipe.spectrum == Resonance(620.0)


@pytest.mark.parametrize("name", ["backgrund", "signal_", "signal_5e2", "signal_-5", "data"])
def test_refuses_an_unknown_sample(tmp_path: Path, catalogue: Catalogue, name: str) -> None:
    with pytest.raises(InputError) as caught:
        generate_sample(catalogue, name, tmp_path)
    assert str(caught.value) == (
        f"{name!r} is not a sample that can be generated from {catalogue.path}; known: background, "
        "signal_500, signal_750, signal_1000, signal_<mass in GeV> "
        "(observed data are those of a universe)"
    )
    assert not list(tmp_path.iterdir())


def test_without_a_declared_signal_there_is_none(catalogue: Catalogue) -> None:
    only = replace(catalogue, samples={"background": catalogue.samples["background"]})
    with pytest.raises(InputError, match=r"known: background \(observed"):
        plan_sample(only, "signal_600", seed=0)


@pytest.mark.parametrize("events", [0, -5])
def test_refuses_to_make_nothing(tmp_path: Path, catalogue: Catalogue, events: int) -> None:
    with pytest.raises(InputError, match=f"background: cannot generate {events} events; ask for"):
        generate_sample(catalogue, "background", tmp_path, events=events)


@pytest.mark.parametrize("mass", ["0", "149.9", "14001"])
def test_refuses_an_impossible_mass(catalogue: Catalogue, mass: str) -> None:
    with pytest.raises(InputError, match=f"a mass of {mass} GeV.*between 150 and 14000 GeV"):
        plan_sample(catalogue, f"signal_{mass}", seed=0)


def test_refuses_a_negative_seed(catalogue: Catalogue) -> None:
    with pytest.raises(InputError, match="the seed must be zero or positive, not -1"):
        plan_sample(catalogue, "background", seed=-1)


def test_the_hllhc_samples_are_planned_alike() -> None:
    catalogue = read_catalogue(find_settings("datasets/hllhc.toml"))
    plan = plan_sample(catalogue, "background", seed=1)
    assert sum(plan.sizes) == 20_000_000
    assert plan.chunk(39)["n_jets"].size == PART_EVENTS
