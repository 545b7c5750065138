"""Mean, width and efficiency between the simulated masses, and what is no signal."""

import csv
from pathlib import Path

import numpy as np
import pytest

from analysis.statistics.spectra.signal_model import (
    SignalModel,
    SimulatedPeak,
    plain_signal,
)
from processors.kinematics import PhotonPair
from tools.errors import InputError
from tools.recipe import Resonance, make_events, signal_recipe

EDGES = np.arange(0.0, 3001.0)
HIGHEST = {
    "n_jets": 6.0,
    "n_leptons": 7.0,
    "photon1_isolation": 0.8,
    "photon2_isolation": 0.8,
}
"""the course's own cuts"""
PHOTONS = [f"photon{i}_{name}" for name in ("pT", "eta", "phi") for i in (1, 2)]


def selected(mass: float, events: dict[str, np.ndarray], *, cut: bool = True) -> SimulatedPeak:
    """Return the peak of some events behind the course's cuts."""
    kept = np.ones(len(events["n_jets"]), dtype=bool)
    for name, highest in HIGHEST.items():
        kept &= (events[name] < highest) | (not cut)
    m_yy = PhotonPair(*(events[name] for name in PHOTONS)).mass
    counts = np.histogram(m_yy[kept], EDGES)[0].astype(float)
    return SimulatedPeak.of(mass, EDGES, [counts], len(kept))


def generated(mass: float, events: int, seed: int = 20240530) -> SimulatedPeak:
    rng = np.random.default_rng([seed, int(mass)])
    return selected(mass, make_events(signal_recipe(Resonance(mass)), rng, events))


@pytest.mark.parametrize("events", [10_000, 100_000])
def test_a_mass_left_out_is_found_again(events: int) -> None:
    """Mean to 0.5 %, width to 5 %, efficiency to three errors (0.3 % false alarm of a seed).

    With ten times the course's events the errors are of a third, and linear is still good enough.
    """
    out = generated(750.0, events)
    model = SignalModel.of([generated(500.0, events), generated(1000.0, events)])
    mass = np.array([750.0])
    assert 750 + model.offset_GeV(mass)[0] == pytest.approx(out.mean_GeV, rel=5e-3)
    assert model.width_GeV(mass)[0] == pytest.approx(out.width_GeV, rel=0.05)
    value, error = model.total_efficiency(mass)
    found = out.selected.sum() / out.generated
    of_found = np.sqrt(found * (1 - found) / out.generated)
    assert abs(value[0] - found) < 3 * np.hypot(error[0], of_found)
    assert model.warnings == ()


def test_the_moments_are_those_drawn() -> None:
    """4,000 events or so: four errors, a false alarm in 1e-4."""
    peak = generated(750.0, 10_000)
    assert abs(peak.mean_GeV - 750) < 4 * peak.mean_error_GeV
    assert abs(peak.width_GeV - 30) < 4 * peak.width_error_GeV
    events = peak.selected.sum()
    assert peak.mean_error_GeV == pytest.approx(30 / np.sqrt(events), rel=0.1)
    assert peak.width_error_GeV == pytest.approx(30 / np.sqrt(2 * events), rel=0.1)
    assert abs(peak.kurtosis) < 4 * np.sqrt(24 / events)


def test_the_real_samples_are_gaussians_of_30_GeV(course_data: Path) -> None:
    """The measured moments of the course's own files, and an interpolation between two of them."""
    peaks = []
    for mass in (500.0, 1000.0):
        with (course_data / f"signal_{mass:g}.csv").open(newline="") as file:
            rows = list(csv.DictReader(file))
        events = {
            name: np.array([float(row[name]) for row in rows]) for name in (*HIGHEST, *PHOTONS)
        }
        peak = selected(mass, events, cut=False)
        assert peak.generated == 10_000
        assert peak.mean_GeV == pytest.approx(mass, abs=0.5)
        assert peak.width_GeV == pytest.approx(30, abs=0.4)
        assert abs(peak.kurtosis) < 0.1
        peaks.append(selected(mass, events))
    real = SignalModel.of(peaks)
    ours = generated(750.0, 10_000)
    at = np.array([750.0])
    assert 750 + real.offset_GeV(at)[0] == pytest.approx(ours.mean_GeV, rel=5e-3)
    assert real.width_GeV(at)[0] == pytest.approx(ours.width_GeV, rel=0.05)


def peak(
    mass: float, *, width: float = 30.0, selected: tuple[float, ...] = (400.0,)
) -> SimulatedPeak:
    return SimulatedPeak(mass, mass + 1, 0.5, width, 0.3, 0.0, np.array(selected), 1000)


def test_between_the_samples_everything_is_linear_and_beyond_them_constant() -> None:
    model = SignalModel.of(
        [peak(1000.0, width=40.0, selected=(500.0, 100.0)), peak(500.0, selected=(400.0, 300.0))]
    )
    masses = np.array([300.0, 500.0, 625.0, 1000.0, 2000.0])
    assert model.offset_GeV(masses).tolist() == [1] * 5
    assert model.width_GeV(masses).tolist() == [30, 30, 32.5, 40, 40]
    value, error = model.total_efficiency(masses)
    assert value == pytest.approx([0.7, 0.7, 0.675, 0.6, 0.6])
    assert model.shares(masses)[1] == pytest.approx([4 / 7, 3 / 7])
    assert model.shares(masses).sum(axis=1) == pytest.approx([1] * 5)
    # Between two samples the errors of both enter, with their weights.
    alone = np.sqrt([0.4 * 0.6 + 0.3 * 0.7, 0.5 * 0.5 + 0.1 * 0.9]) / np.sqrt(1000)
    assert error[[0, 1, 3, 4]] == pytest.approx(alone[[0, 0, 1, 1]])
    assert error[2] == pytest.approx(np.hypot(0.75 * alone[0], 0.25 * alone[1]))


def test_the_width_of_the_bins_is_taken_off() -> None:
    rng = np.random.default_rng(20240531)
    m_yy = rng.normal(700, 30, 200_000)
    coarse = np.arange(0.0, 3001.0, 30)
    found = SimulatedPeak.of(700.0, coarse, [np.histogram(m_yy, coarse)[0]], 200_000)
    assert found.width_GeV == pytest.approx(30, abs=5 * found.width_error_GeV)
    assert np.hypot(30, 30 / np.sqrt(12)) > 30 + 5 * found.width_error_GeV


def test_a_few_events_far_away_do_not_count_and_tails_are_told() -> None:
    rng = np.random.default_rng(20240532)
    core = np.histogram(rng.normal(700, 30, 10_000), EDGES)[0].astype(float)
    far = core.copy()
    far[2900] = 5
    assert SimulatedPeak.of(700.0, EDGES, [far], 10_005).width_GeV == pytest.approx(30, abs=1)
    tails = core + np.histogram(rng.normal(690, 75, 3_000), EDGES)[0]
    found = SimulatedPeak.of(700.0, EDGES, [tails], 13_000)
    assert found.kurtosis > 0.5
    (note,) = SignalModel.of([found, peak(500.0)]).warnings
    assert note.startswith("the signal of 700 GeV is no Gaussian (excess kurtosis")


def test_masses_beyond_the_simulated_ones_are_told() -> None:
    model = SignalModel.of([peak(500.0), peak(1000.0)])
    assert model.extrapolated(np.array([500.0, 750.0, 1000.0])) == ()
    (note,) = model.extrapolated(np.array([480.0, 500.0, 1000.0, 1020.0, 1040.0]))
    assert note.startswith("signals are simulated from 500 to 1000 GeV: at 3 masses searched beyon")


def test_a_plain_signal_is_where_its_mass_is() -> None:
    masses = np.array([200.0, 700.0])
    for model in (plain_signal(13.0), plain_signal(lambda m: 0.01 * m, (0.5, 0.5))):
        assert isinstance(model, SignalModel)
        assert model.offset_GeV(masses).tolist() == [0, 0]
        assert model.total_efficiency(masses)[0] == pytest.approx([1, 1])
    assert plain_signal(13.0).width_GeV(masses).tolist() == [13, 13]
    assert model.width_GeV(masses).tolist() == [2, 7]
    assert model.shares(masses).tolist() == [[0.5, 0.5]] * 2


@pytest.mark.parametrize(
    ("peaks", "message"),
    [
        ([], r"one for each mass is needed, not \(\)"),
        ([peak(500.0), peak(500.0)], r"one for each mass is needed, not \(500\.0, 500\.0\)"),
        ([peak(500.0, selected=(0.0,))], "signal of 500 GeV: 0 of 1000 events selected; loosen"),
        ([peak(500.0, selected=(900.0, 200.0))], "signal of 500 GeV: 1100 of 1000 events"),
    ],
)
def test_a_model_needs_samples_with_events(peaks: list[SimulatedPeak], message: str) -> None:
    with pytest.raises(InputError, match=message):
        SignalModel.of(peaks)


def test_shares_that_add_up_to_a_rounding_more_than_all_are_all() -> None:
    """Categories without a lowest edge keep every event."""
    more = 1000 * (1 + 4e-16)
    assert more > 1000
    for kept in ((more,), (700.0, more - 700.0)):
        value, error = SignalModel.of([peak(500.0, selected=kept)]).total_efficiency(500.0)
        assert value == pytest.approx(1.0)
        assert np.isfinite(error)


def test_a_sample_without_events_has_no_peak() -> None:
    empty = SimulatedPeak.of(500.0, EDGES, [np.zeros(3000)], 100)
    with pytest.raises(InputError, match="0 of 100 events selected"):
        SignalModel.of([empty])
