"""What photons and events have to be: against loops in Python, blind, in any chunks."""

import json
import math
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pytest

from analysis.settings.requirements_check import check_requirements
from processors.diphoton import DiphotonProcessor, Settings
from processors.histograms import Binning, Counts
from processors.requirements import Requirements, choose
from processors.schema import DiphotonSchema
from processors.selection import Interval
from tests.photon_files import nanoaod, photons, write_tree
from tools import executors
from tools.convert import convert
from tools.errors import InputError
from tools.executors import Execution
from tools.manifest import Manifest
from tools.samples import Catalogue

WINDOW = Interval(60, 100)
REQUIRED = Requirements(
    photons=("pt > 0.02*TeV", "not 1.37 <= abs(eta) < 1.52", "r9 / pt < 0.02"),
    events=("photon2_pT / m_yy > 0.2", "HLT_Photon20", "sum(photons.pt) < 300*GeV", "m_yy > 30"),
)
SETTINGS = Settings(
    columns=(Binning("photon1_pT", 20, 0, 200), Binning("photon2_r9", 20, 0, 1)),
    mass=Binning("m_yy", 300, 0, 300, "GeV"), window=WINDOW, required=REQUIRED,
    cut_variables=(Binning("photon1_r9", 10, 0, 1),),
)  # fmt: skip
EVENTS = 3000


def made(seed: int = 5) -> dict[str, Any]:
    """Return columns of a NanoAOD file."""
    lists = photons(EVENTS, seed)
    values = np.random.default_rng(seed).uniform(0, 1, int(ak.sum(ak.num(lists["pt"]))))
    r9 = ak.unflatten(values.astype("f4"), ak.num(lists["pt"]))
    return nanoaod(lists) | {"Photon_r9": r9, "HLT_Photon20": np.arange(EVENTS) % 3 != 0}


@pytest.fixture(scope="module")
def manifest(catalogue: Catalogue, tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    folder = tmp_path_factory.mktemp("required")
    paths = {name: write_tree(folder / f"{name}.root", "Events", made(seed))
             for seed, name in enumerate(("background", "data"))}  # fmt: skip
    return convert(catalogue, [*paths.items()], folder / "chunks")


def run(manifest: Manifest, settings: Settings, **how: Any) -> dict[str, Mapping[str, Counts]]:
    items = executors.plan(manifest, list(manifest.samples), chunk_events=how.pop("events", None))
    outcome = executors.run(
        DiphotonProcessor(settings), items, schema=DiphotonSchema, columns=settings.needed(),
        execution=Execution(**how),
    )  # fmt: skip
    assert not any(sample.failed for sample in outcome.ledger.values())
    return outcome.outputs


def by_hand(columns: Mapping[str, Any]) -> tuple[list[int], list[float]]:
    """Return how many events pass each step, and the masses of those that pass all."""
    flow, masses = [0] * 9, []
    lists = [ak.to_list(columns[f"Photon_{name}"]) for name in ("pt", "eta", "phi", "r9")]
    for flag, *event in zip(columns["HLT_Photon20"].tolist(), *lists, strict=True):
        some = [*zip(*event, strict=True)]
        steps = [True, flag, len(some) > 1]
        for good in (
            lambda p: p[0] > 20,
            lambda p: not 1.37 <= abs(p[1]) < 1.52,
            lambda p: p[3] / p[0] < 0.02,
        ):
            some = [photon for photon in some if good(photon)]
            steps.append(len(some) > 1)
        if all(steps):
            one, two = sorted(some, key=lambda p: -p[0])[:2]
            angles = math.cosh(one[1] - two[1]) - math.cos(one[2] - two[2])
            mass = math.sqrt(2 * one[0] * two[0] * angles)
            steps += [two[0] / mass > 0.2, sum(p[0] for p in some) < 300, mass > 30]
        for number in range(len(steps)):
            flow[number] += all(steps[: number + 1])
        if all(steps) and len(steps) == len(flow):
            masses.append(mass)
    return flow, masses


def test_steps_and_masses_are_those_of_a_loop(manifest: Manifest) -> None:
    found = run(manifest, replace(SETTINGS, unblinded=True))
    for seed, name in enumerate(("background", "data")):
        flow, masses = by_hand(made(seed))
        assert found[name]["cutflow"].view().sum(axis=1).tolist() == flow
        assert list(found[name]["cutflow"].axes["step"]) == list(REQUIRED.steps)
        expected, _ = np.histogram(masses, 300, (0, 300))
        assert found[name]["spectrum"].view().sum(axis=0).tolist() == expected.tolist()
        assert 20 < len(masses) < EVENTS / 2
        for when in ("before/m_yy", "joint"):
            assert found[name][when].sum(flow=True) == len(masses)


def test_the_spectrum_alone_is_the_same(manifest: Manifest) -> None:
    everything = run(manifest, replace(SETTINGS, unblinded=True))
    alone = run(manifest, replace(SETTINGS, unblinded=True, histograms="spectrum"))
    for name in everything:
        assert alone[name]["spectrum"] == everything[name]["spectrum"]
        flow = everything[name]["cutflow"].view().sum(axis=1)
        assert alone[name]["cutflow"].view().sum(axis=1).tolist() == flow.tolist()


@pytest.mark.parametrize(
    "how", [{"events": 1}, {"events": 997}, {"engine": "futures", "workers": 2, "events": 500}]
)
def test_chunks_and_engines_make_no_difference(manifest: Manifest, how: dict[str, Any]) -> None:
    if how["events"] == 1:
        manifest = replace(manifest, samples={"data": manifest.samples["data"]})
    expected, found = run(manifest, SETTINGS), run(manifest, SETTINGS, **how)
    for name, histograms in expected.items():
        for key, histogram in histograms.items():
            assert found[name][key] == histogram, key


def test_nothing_of_the_window_is_seen(
    catalogue: Catalogue, manifest: Manifest, tmp_path: Path
) -> None:
    """At each step an event in the window is as if it were not there, whatever else it has."""
    columns = made(1)
    lists = {name: columns[f"Photon_{name}"] for name in ("pt", "eta", "phi")}
    pairs = ak.argsort(lists["pt"], ascending=False)[:, :2]
    hard = {name: each[pairs] for name, each in lists.items()}
    two = ak.num(pairs) == 2
    a, b = ({n: ak.to_numpy(v[two][:, i]) for n, v in hard.items()} for i in (0, 1))
    angles = np.cosh(a["eta"] - b["eta"]) - np.cos(a["phi"] - b["phi"])
    mass = np.zeros(EVENTS)
    mass[ak.to_numpy(two)] = np.sqrt(2 * a["pt"] * b["pt"] * angles)
    # All of their photons are turned round the beam: every mass of every pair stays as it was.
    inside = (mass > 60) & (mass < 100) & (ak.to_numpy(ak.num(lists["pt"])) == 2)
    assert inside.sum() > 50
    columns["Photon_eta"] = ak.where(inside, -lists["eta"], lists["eta"])
    columns["Photon_r9"] = ak.where(inside, columns["Photon_r9"] * 0.3, columns["Photon_r9"])
    columns["HLT_Photon20"] = np.where(inside, ~columns["HLT_Photon20"], columns["HLT_Photon20"])
    path = write_tree(tmp_path / "data.root", "Events", columns)
    other = convert(catalogue, [("data", path)], tmp_path / "chunks")
    blind, changed = run(manifest, SETTINGS)["data"], run(other, SETTINGS)["data"]
    assert all(changed[name] == blind[name] for name in blind)
    opened = replace(SETTINGS, unblinded=True)
    assert run(other, opened)["data"]["cutflow"] != run(manifest, opened)["data"]["cutflow"]
    assert blind["cutflow"].view()[:, 0].tolist() == [0] * 9


def test_flat_events_have_two_photons_which_stay_the_first_and_the_second() -> None:
    columns = {"photon1_pT": [30.0, 50.0, 60.0], "photon2_pT": [40.0, 45.0, 10.0],
               "photon1_eta": [0.1, 1.4, 0.0], "photon2_eta": [1.0, 0.0, 0.0],
               "photon1_phi": [0.0, 0.0, 0.0], "photon2_phi": [3.0, 3.0, 3.0],
               "photon1_isolation": [0.5, 0.5, 0.5], "n_jets": [2.0, 3.0, 4.0]}  # fmt: skip
    events = DiphotonSchema.events({n: np.array(v) for n, v in columns.items()}, {"dataset": "a"})
    required = Requirements(photons=("pt > 20",), events=("n_jets < 4", "photon1_isolation < 1"))
    found = choose(events, required, ["photon1_pT", "n_jets"], WINDOW)
    assert found.rows.tolist() == [0, 1]
    assert found.columns["photon1_pT"].tolist() == [30, 50]
    assert found.flow.sum(axis=1).tolist() == [3, 2, 2, 2, 2]
    assert required.steps[1:] == ("n_jets < 4", "two photons", "two photons, pt > 20",
                                  "photon1_isolation < 1")  # fmt: skip


def test_the_pair_may_be_that_of_another_quantity() -> None:
    lists = {"pt": [[50.0, 40.0, 30.0]], "eta": [[0.0, 0.1, 0.2]], "phi": [[0.0, 1.0, 2.0]],
             "mva": [[0.2, np.nan, 0.9]]}  # fmt: skip
    columns = {f"photons.{name}": ak.Array(values) for name, values in lists.items()}
    events = DiphotonSchema.events(columns, {"dataset": "a"})
    found = choose(events, Requirements(order="mva"), ["photon1_pT", "photon2_pT"], WINDOW)
    assert (found.columns["photon1_pT"].tolist(), found.columns["photon2_pT"].tolist()) == (
        [30.0], [50.0],
    )  # fmt: skip


WRONG = {
    ("photons", "pT > 1"): r"\[photons\], require 1, on nanoaod chunks of background: 'pT > 1', "
    r"character 1: there is no 'pT' \(is it 'pt'\?\); write one of these instead: pt, eta, phi",
    ("photons", "HLT_Photon20"): r"there is no 'HLT_Photon20'",
    ("photons", "pt > eta"): r"> is of different units, GeV and 1",
    ("photons", "pt"): r"it is a number \(GeV\) of each photon; what is true or false is wanted",
    ("photons", "abs(eta) < 1.52 or abs(eta) > 1.37"): r"is always true: it requires nothing; to",
    ("photons", "pt > 50 and pt < 40"): r"is always false: nothing would be left",
    ("events", "photons.pt > 20"): r"of each photon; what is true or false of the event is wanted",
    ("events", "m_yy > photon1_eta"): r"> is of different units, GeV and 1",
    ("events", "HLT_Photon20 == 1"): r"== takes numbers, and gets what is true or false",
    (
        "events",
        "HLT_Foton20",
    ): r"\[events\], require 1, .*there is no 'HLT_Foton20' \(is it 'HLT",
    ("events", "pt > 20"): r"there is no 'pt'",
}


@pytest.mark.parametrize(("table", "text"), WRONG)
def test_what_is_wrong_is_told_before_the_first_event(
    manifest: Manifest, table: str, text: str
) -> None:
    wrong: dict[str, Any] = {table: (text,)}
    required = Requirements(**wrong)
    with pytest.raises(InputError, match=WRONG[table, text]):
        check_requirements(required, manifest)


def test_what_is_right_is_not(manifest: Manifest) -> None:
    check_requirements(REQUIRED, manifest)
    check_requirements(Requirements(), manifest)
    with pytest.raises(InputError, match=r"\[photons\], order, on .*: there is no 'energy'"):
        check_requirements(Requirements(order="energy"), manifest)


ODEO = Requirements(
    photons=("pt > 25", "abs(eta) < 2.37 and not 1.37 <= abs(eta) < 1.52", "isTightID",
             "isTightIso", "ptcone20 / pt < 0.055"),
    events=("trigP", "photon1_pT / m_yy > 0.35 and photon2_pT / m_yy > 0.25", "105 <= m_yy < 160"),
)  # fmt: skip
FILES = {"odeo2025_like_yy.root": "background", "odeo2025_like_ggH125.root": "signal_500",
         "odeo2025_like_data.root": "data"}  # fmt: skip


@pytest.mark.parametrize("file", FILES)
def test_the_cutflow_of_open_data_is_that_of_a_loop(
    catalogue: Catalogue, tmp_path: Path, file: str
) -> None:
    if "XYY_COURSE_DATA" not in os.environ:
        pytest.skip("XYY_COURSE_DATA is not set: no real photon files")
    folder = Path(os.environ["XYY_COURSE_DATA"]) / "photons"
    reference = json.loads((folder / "reference.json").read_text(encoding="utf-8"))
    made = convert(catalogue, [(FILES[file], folder / file)], tmp_path / "chunks")
    check_requirements(ODEO, made)
    settings = replace(SETTINGS, columns=(), cut_variables=(), required=ODEO, unblinded=True)
    flow = run(made, settings)[FILES[file]]["cutflow"]
    found = dict(zip(flow.axes["step"], flow.view().sum(axis=1).tolist(), strict=True))
    steps = ("all events", "trigP", "two photons, ptcone20 / pt < 0.055", *ODEO.after)
    told = reference["files"][file]["cutflow"]
    assert [found[step] for step in steps] == [events for _, events, _ in told]


def test_workers_of_dask_need_no_more_than_is_sent(manifest: Manifest) -> None:
    expected = run(manifest, SETTINGS)
    found = run(manifest, SETTINGS, engine="dask", workers=1, events=1000)
    for name, histograms in expected.items():
        assert all(found[name][key] == histogram for key, histogram in histograms.items())
