"""Made-up photons: the pair's mass comes back, and its photons are where decays put them."""

import awkward as ak
import numpy as np
import pytest

from tools.ntuple_generator import CONTINUUM, HIGGS
from tools.photon_events import HIGHEST_ETA, LOWEST_PT_GeV, PairSource, PhotonBlock, make_photons
from tools.recipe import Resonance

EVENTS = 20_000


def events_of(source: PairSource, seed: int = 3) -> PhotonBlock:
    return make_photons(np.random.default_rng(seed), EVENTS, source)


def lists(block: PhotonBlock) -> ak.Array:
    columns = {"pt": block.pt, "eta": block.eta, "phi": block.phi}
    records = ak.zip({name: each.astype(np.float64) for name, each in columns.items()})
    return ak.unflatten(records, block.counts)


@pytest.mark.parametrize("source", [HIGGS, CONTINUUM])
def test_the_mass_of_the_pair_comes_back(source: PairSource) -> None:
    block = events_of(source)
    two, found = block.counts == 2, lists(block)
    one, other = (found[two][:, place] for place in (0, 1))
    square = 2 * one.pt * other.pt * (np.cosh(one.eta - other.eta) - np.cos(one.phi - other.phi))
    ratio = ak.to_numpy(np.sqrt(square)) / block.mass[two]
    same = np.abs(ratio - 1) < 1e-5
    assert 0.9 < same.mean() < 1  # else one of the pair is lost, and the third object found
    both = one.pt * np.exp(1j * one.phi) + other.pt * np.exp(1j * other.phi)
    pt = np.abs(ak.to_numpy(both))[same]
    assert np.mean(pt) == pytest.approx(source.pt_GeV, rel=0.1)


def test_photons_are_where_a_detector_finds_them() -> None:
    block = events_of(CONTINUUM)
    assert block.counts.sum() == block.pt.size == block.eta.size == block.likeness.size
    assert block.pt.min() > LOWEST_PT_GeV
    assert np.abs(block.eta).max() < HIGHEST_ETA
    assert {block.pt.dtype, block.eta.dtype, block.phi.dtype} == {np.dtype(np.float32)}
    ordered = ak.sort(lists(block).pt, ascending=False)
    leading = ak.to_numpy(ak.fill_none(ak.pad_none(ordered, 2, clip=True), 0.0))
    assert np.array_equal(block.leading_pt, leading[:, 0])
    assert np.array_equal(block.second_pt, leading[:, 1])


def test_fakes_look_worse() -> None:
    good, bad = (
        events_of(PairSource(Resonance(125.0, 1.7), pt_GeV=35.0, isotropic=True, fake=part))
        for part in (0.0, 1.0)
    )
    assert np.median(good.likeness) > np.median(bad.likeness) + 0.2
    assert np.median(good.tracks) < np.median(bad.tracks) / 2
    assert np.median(good.cone) < np.median(bad.cone) - 1


def test_some_are_of_another_source() -> None:
    rng = np.random.default_rng(1)
    heavy = PairSource(Resonance(500.0, 1.0), pt_GeV=10.0, isotropic=True, fake=0.0)
    block = make_photons(rng, EVENTS, HIGGS, (heavy, 0.1))
    assert np.mean(block.mass > 300) == pytest.approx(0.1, abs=0.01)
