"""The processor: counts by hand, chunks that add up, lazy reading, and a window that stays shut."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import numpy.typing as npt
import pytest
import uproot
from coffea.nanoevents import NanoEventsFactory

from analysis.settings.search import Search
from analysis.workflow.process import processor_settings
from processors.diphoton import DiphotonProcessor, Settings, photon_pair
from processors.histograms import REGIONS, Counts
from processors.schema import DiphotonSchema
from processors.selection import Interval, Selection
from tools.manifest import Manifest
from tools.samples import Catalogue

CUTS = Selection({"n_jets": Interval(max=6), "photon1_isolation": Interval(max=0.8)})


@pytest.fixture(scope="module")
def settings(catalogue: Catalogue, search: Search) -> Settings:
    return processor_settings(catalogue.columns, search, CUTS)


@pytest.fixture(scope="module")
def path(chunks: Manifest) -> Path:
    return chunks.folder / chunks.samples["background"].parts[0].path


@pytest.fixture(scope="module")
def columns(path: Path) -> dict[str, npt.NDArray[np.generic]]:
    with uproot.open(path) as file:
        arrays: dict[str, npt.NDArray[np.generic]] = file["Events"].arrays(library="np")
    return arrays


def events_of(path: Path, **metadata: Any) -> Any:
    return NanoEventsFactory.from_root(
        {str(path): "Events"},
        schemaclass=DiphotonSchema,
        mode="virtual",
        metadata={"dataset": "x", **metadata},
    ).events()


def process(path: Path, settings: Settings, **metadata: Any) -> dict[str, Counts]:
    return DiphotonProcessor(settings).process(events_of(path, **metadata))["x"]


def test_histograms_hold_what_numpy_counts(
    path: Path, settings: Settings, columns: dict[str, npt.NDArray[np.generic]]
) -> None:
    out = process(path, settings, kind="background")
    jets = columns["n_jets"].astype(np.int64)
    isolation = columns["photon1_isolation"].astype(np.float64)
    mass = photon_pair(columns).mass
    selected = (jets < 6) & (isolation < 0.8)
    window = (mass >= 400) & (mass < 1100)
    edges = np.arange(0, 3001)
    assert (out["spectrum"].view()[0] == np.histogram(mass[selected], edges)[0]).all()
    assert (out["before/m_yy"].view() == np.histogram(mass, edges)[0]).all()
    assert (out["after/n_jets"].view() == np.bincount(jets[selected], minlength=25)[:25]).all()
    relaxed = np.bincount(jets[isolation < 0.8], minlength=25)[:25]
    assert (out["n_minus_1/n_jets"].view() == relaxed).all()
    assert "n_minus_1/photon2_isolation" not in out
    flow = out["cutflow"]
    assert list(flow.axes["step"]) == ["all events", "n_jets < 6", "photon1_isolation < 0.8"]
    assert flow.view()[:, REGIONS.index("window")].tolist() == [
        np.count_nonzero(window),
        np.count_nonzero(window & (jets < 6)),
        np.count_nonzero(window & selected),
    ]
    assert flow.view()[-1].sum() == np.count_nonzero(selected)


def test_the_joint_histogram_evaluates_a_selection_in_each_half(
    path: Path, settings: Settings, columns: dict[str, npt.NDArray[np.generic]]
) -> None:
    joint = process(path, settings, kind="background")["joint"]
    window = Interval(400, 1100).contains(photon_pair(columns).mass)
    jets, isolation = (columns[name].astype(float) for name in ("n_jets", "photon2_isolation"))
    passing = (jets < 6) & (isolation < 0.77)
    below = joint.view(flow=True)[:, :, :7, :, :, :19]  # bins below 6 and below 0.77
    for half in (0, 1):
        chosen = passing & (np.arange(len(passing)) % 2 == half)
        assert below[half, 0].sum() == np.count_nonzero(chosen & window)
        assert below[half, 1].sum() == np.count_nonzero(chosen & ~window)


@pytest.mark.parametrize("kind", ["data", "signal"])
def test_chunks_add_up_to_the_whole(path: Path, settings: Settings, kind: str) -> None:
    whole = process(path, settings, kind=kind)
    events = events_of(path, kind=kind)
    processor = DiphotonProcessor(settings)
    pieces = []
    for start, stop in ((0, 1), (1, 4567), (4567, len(events))):
        piece = events[start:stop]
        piece.attrs["@original_array"] = None
        piece.behavior = events.behavior
        metadata = {**events.metadata, "entrystart": start}
        piece = ak.with_parameter(piece, "metadata", metadata)
        pieces.append(processor.process(piece)["x"])
    for name, histogram in whole.items():
        merged = pieces[0][name] + pieces[1][name] + pieces[2][name]
        assert merged == histogram, name


def test_blind_data_fill_nothing_inside_the_window(path: Path, settings: Settings) -> None:
    blind = process(path, settings, kind="data")
    undeclared = process(path, settings)
    simulated = process(path, settings, kind="background")
    assert blind["spectrum"].view()[0, 400:1100].sum() == 0
    assert blind["before/m_yy"].view()[400:1100].sum() == 0
    window = REGIONS.index("window")
    assert blind["joint"].view(flow=True)[:, window].sum() == 0
    assert blind["cutflow"].view()[:, window].tolist() == [0, 0, 0]
    sidebands = simulated["cutflow"][0, "sideband"]
    for name in ("before/photon1_pT", "before/cos_theta_star", "before/n_jets"):
        assert blind[name].sum(flow=True) == sidebands, name
    assert all(blind[name] == undeclared[name] for name in blind)


def test_unblinded_data_are_filled_like_simulation(path: Path, settings: Settings) -> None:
    opened = process(path, replace(settings, unblinded=True), kind="data")
    simulated = process(path, settings, kind="signal")
    assert all(opened[name] == simulated[name] for name in simulated)


def test_the_light_job_reads_and_fills_no_more_than_it_needs(
    path: Path, settings: Settings
) -> None:
    light = replace(settings, histograms="spectrum")
    out = process(path, light, kind="background")
    assert set(out) == {"spectrum", "cutflow"}
    full = process(path, settings, kind="background")
    assert out["spectrum"] == full["spectrum"]
    assert out["cutflow"].view()[:, 0].tolist() == full["cutflow"].view().sum(axis=1).tolist()
    hidden = process(path, light, kind="data")
    assert hidden["spectrum"].view()[0, 400:1100].sum() == 0
    assert hidden["cutflow"] == process(path, settings, kind="data")["cutflow"]
    read: list[Any] = []
    events = NanoEventsFactory.from_root(
        {str(path): "Events"},
        schemaclass=DiphotonSchema,
        mode="virtual",
        metadata={"dataset": "x"},
        access_log=read,
    ).events()
    DiphotonProcessor(light).process(events)
    assert {entry.branch for entry in read} == set(light.needed())


def test_photons_are_vectors(path: Path, columns: dict[str, npt.NDArray[np.generic]]) -> None:
    photons = events_of(path).photons
    assert ak.num(photons, axis=1).to_list() == [2] * len(columns["n_jets"])
    pair = photons[:, 0] + photons[:, 1]
    mass = photon_pair(columns).mass
    heavy = mass > 400  # float32 vectors lose digits where photons are collimated
    assert np.allclose(np.asarray(pair.mass)[heavy], mass[heavy], rtol=1e-4)
    assert (np.asarray(photons[:, 1].isolation) == columns["photon2_isolation"]).all()


def test_an_empty_chunk_fills_empty_histograms(path: Path, settings: Settings) -> None:
    events = events_of(path, kind="background")[:0]
    out = DiphotonProcessor(settings).process(events)["x"]
    assert all(histogram.sum(flow=True) in (0, 0.0) for name, histogram in out.items())
