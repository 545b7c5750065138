"""How one event is made: the mass comes back, and each column follows its law."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from scipy import stats

from tests.formula import mass_by_formula
from tools.checkout import find_settings
from tools.landau import truncated_landau
from tools.recipe import (
    COLUMNS,
    Continuum,
    Events,
    Floats,
    Resonance,
    background_recipe,
    make_events,
    missing_energy_at,
    photon_pair,
    signal_recipe,
)
from tools.samples import read_catalogue


def floats_of(events: Events) -> dict[str, Floats]:
    """Return all columns as floats, counts too."""
    return {name: values.astype(np.float64) for name, values in events.items()}


@pytest.fixture(scope="module")
def background() -> Events:
    return make_events(background_recipe(), np.random.default_rng(1), 400_000)


@pytest.fixture(scope="module")
def signal() -> Events:
    return make_events(signal_recipe(Resonance(500.0)), np.random.default_rng(2), 400_000)


@pytest.mark.parametrize(
    "spectrum",
    [Continuum(), Resonance(150.0), Resonance(500.0), Resonance(1000.0), Resonance(14_000.0)],
)
def test_the_notebooks_formula_gives_the_drawn_mass(spectrum: Resonance | Continuum) -> None:
    mass = spectrum.draw(np.random.default_rng(3), 300_000)
    pair = photon_pair(np.random.default_rng(4), mass)
    np.testing.assert_allclose(mass_by_formula(pair), np.abs(mass), rtol=1e-9)


def test_collimated_pairs_keep_their_mass() -> None:
    """50 GeV from 450 GeV of pT: cosh - cos is a difference of nearly equal numbers."""
    mass = np.full(300_000, 50.0)
    pair = photon_pair(np.random.default_rng(5), mass)
    np.testing.assert_allclose(mass_by_formula(pair), mass, rtol=1e-12)
    stored = {name: values.astype("f4").astype("f8") for name, values in pair.items()}
    # What float32 columns keep of it.
    np.testing.assert_allclose(mass_by_formula(stored), mass, rtol=2e-5)


def the_course_loop(rng: np.random.Generator, masses: Floats) -> dict[str, Floats]:
    """Redraw both pT and phi until cosh(deta) >= 1: as the course's files were made."""
    rows = []
    for mass in masses:
        while True:
            pt1 = truncated_landau(rng, 1, mpv=200.0, eta=20.0)[0]
            pt2 = truncated_landau(rng, 1, mpv=250.0, eta=20.0)[0]
            phi1, phi2 = rng.uniform(0, 2 * np.pi, 2)
            cosh = mass**2 / (2 * pt1 * pt2) + np.cos(phi1 - phi2)
            if cosh >= 1:
                rows.append((pt1, pt2, phi1, phi2, np.arccosh(cosh)))
                break
    names = ("photon1_pT", "photon2_pT", "photon1_phi", "photon2_phi", "dEta")
    return dict(zip(names, np.array(rows).T, strict=True))


@pytest.mark.parametrize(("mass", "events"), [(80.0, 4_000), (250.0, 8_000), (500.0, 8_000)])
def test_equals_the_course_loop(mass: float, events: int) -> None:
    loop = the_course_loop(np.random.default_rng(6), np.full(events, mass))
    fast = photon_pair(np.random.default_rng(7), np.full(200_000, mass))
    for sample in (loop, fast):
        difference = sample["photon1_phi"] - sample["photon2_phi"]
        sample["dphi"] = np.arccos(np.cos(difference))
        sample["pT1 pT2"] = sample["photon1_pT"] * sample["photon2_pT"]
    for name in loop:  # 21 tests at 1e-4: false alarm 2e-3
        assert stats.ks_2samp(loop[name], fast[name]).pvalue > 1e-4, name


def test_angles_and_eta(signal: Events, background: Events) -> None:
    for events in map(floats_of, (signal, background)):
        for phi in (events["photon1_phi"], events["photon2_phi"]):
            assert phi.min() >= 0
            assert phi.max() < 2 * np.pi
        separation = np.abs(events["photon1_eta"] - events["photon2_eta"])
        np.testing.assert_allclose(events["dEta"], separation, atol=2e-15)
        assert events["dEta"].min() >= 0
        assert stats.kstest(events["photon2_eta"], "norm").pvalue > 1e-4  # false alarm 1e-4, each
        above = np.count_nonzero(events["photon1_eta"] > events["photon2_eta"])
        assert stats.binomtest(above, 400_000).pvalue > 1e-4


def test_wraps_phi_at_both_ends() -> None:
    """phi1 = 0 puts every second photon at -dphi or its mirror image: wrapped into [0, 2 pi)."""

    class Zero(np.random.Generator):
        calls = 0

        def random(self, *args: Any, **kwargs: Any) -> Any:
            # The second call is phi1 (both pT and dphi in the first, as all pairs pass at 3 TeV).
            self.calls += 1
            return np.zeros(*args) if self.calls == 2 else super().random(*args, **kwargs)

    pair = photon_pair(Zero(np.random.PCG64(8)), np.full(10_000, 3000.0))
    assert not pair["photon1_phi"].any()
    assert pair["photon2_phi"].min() >= 0
    assert pair["photon2_phi"].max() < 2 * np.pi
    assert stats.kstest(pair["photon2_phi"] / (2 * np.pi), "uniform").pvalue > 1e-4


def test_columns_are_the_declared_ones_in_their_order(signal: Events) -> None:
    catalogue = read_catalogue(find_settings("datasets/course.toml"))
    assert tuple(signal) == COLUMNS == tuple(column.name for column in catalogue.columns)
    for column in catalogue.columns:
        values = signal[column.name]
        assert values.shape == (400_000,)
        assert values.dtype == (np.int64 if column.is_integer else np.float64)
        assert np.isfinite(values).all()
        assert column.min is None or values.min() >= column.min


def counts_pvalue(counts: npt.NDArray[np.generic], law: Any) -> float:
    """Chi-square against a discrete law, with what is above 15 in one bin."""
    observed = np.bincount(np.minimum(counts.astype(np.int64), 16), minlength=17)
    expected = np.append(law.pmf(np.arange(16)), law.sf(15)) * counts.size
    return float(stats.chisquare(observed, expected * observed.sum() / expected.sum()).pvalue)


def test_background_laws(background: Events) -> None:
    """Seven tests at 1e-4: false alarm 7e-4."""
    exponential, tail = stats.expon(50, 106.1), stats.expon(50, 4 * 106.1)
    assert stats.kstest(
        mass_by_formula(background), lambda m: 0.9985 * exponential.cdf(m) + 0.0015 * tail.cdf(m)
    ).pvalue > 1e-4  # fmt: skip
    beyond = np.count_nonzero(mass_by_formula(background) > 1100)
    expected = 400_000 * (0.9985 * exponential.sf(1100) + 0.0015 * tail.sf(1100))
    assert stats.poisson(expected).sf(beyond - 1) > 5e-5
    assert stats.poisson(expected).cdf(beyond) > 5e-5
    jets = stats.nbinom(8.5, 8.5 / (8.5 + 4.48))
    assert counts_pvalue(background["n_jets"], jets) > 1e-4
    assert counts_pvalue(background["n_leptons"], stats.poisson(3.6)) > 1e-4
    near = floats_of(background)["missing_energy"] < 13
    for name in ("photon1_isolation", "photon2_isolation"):
        assert stats.kstest(background[name][near], stats.norm(0.85, 0.10).cdf).pvalue > 1e-4


def test_signal_laws(signal: Events) -> None:
    """Eight tests at 1e-4: false alarm 8e-4."""
    floats = floats_of(signal)
    for name, mpv, eta in (("average_jet_pT", 105.44, 20.24), ("lead_jets_dPhi", 0.295, 0.497)):
        landau = stats.landau(0.22278 + np.log(np.pi / 2), np.pi / 2)
        u = (floats[name] - mpv) / eta
        assert stats.kstest(u, lambda x, law=landau: law.cdf(x) / law.cdf(55)).pvalue > 1e-4
    assert stats.kstest(mass_by_formula(signal), stats.norm(500, 30).cdf).pvalue > 1e-4
    for name in ("n_jets", "n_leptons"):
        assert counts_pvalue(signal[name], stats.poisson(3)) > 1e-4
    near = floats["missing_energy"] < 13
    for name in ("photon1_isolation", "photon2_isolation"):
        assert stats.kstest(signal[name][near], stats.norm(0.75, 0.10).cdf).pvalue > 1e-4
    core, tail = stats.norm(0, 0.1492), stats.t(1.12, scale=0.0678)
    missing = signal["missing_energy"]

    def law(x: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        return np.asarray(2 * (0.436 * core.cdf(x) + 0.564 * tail.cdf(x)) - 1)

    assert stats.kstest(missing, law).pvalue > 1e-4


def test_isolation_outliers(signal: Events) -> None:
    """Half of the events with much missing energy have both isolations far off, no others."""
    floats = floats_of(signal)
    off = np.abs(floats["photon1_isolation"] - 0.75) > 0.6  # six widths of the others
    both = off & (np.abs(floats["photon2_isolation"] - 0.75) > 0.6)
    many = floats["missing_energy"] > 13
    assert not off[~many].any()  # false alarm 400,000 x 2e-9 = 8e-4
    each = 2 * stats.norm.sf(0.6 / 1.5)
    # 0.5 of the events, each with this probability; false alarms 1e-4.
    assert stats.binomtest(int(off.sum()), int(many.sum()), 0.5 * each).pvalue > 1e-4
    assert stats.binomtest(int(both.sum()), int(many.sum()), 0.5 * each**2).pvalue > 1e-4


def test_columns_do_not_depend_on_the_mass(background: Events) -> None:
    """The four cut variables: rank correlations with m_yy, false alarm 3e-5 each."""
    mass = mass_by_formula(background)
    for name in ("n_jets", "n_leptons", "photon1_isolation", "photon2_isolation"):
        correlation = stats.spearmanr(mass, background[name]).statistic
        assert abs(correlation) < 4.2 / np.sqrt(mass.size), name


def test_missing_energy_between_the_measured_masses() -> None:
    assert missing_energy_at(500).tail_nu == 1.12
    assert missing_energy_at(625).core == pytest.approx((0.436 + 0.414) / 2)
    assert missing_energy_at(875).core_width == pytest.approx((0.1271 + 0.1308) / 2)
    assert missing_energy_at(200) == missing_energy_at(500)
    assert missing_energy_at(3000) == missing_energy_at(1000)


def test_no_events() -> None:
    events = make_events(background_recipe(), np.random.default_rng(9), 0)
    assert all(values.shape == (0,) for values in events.values())
