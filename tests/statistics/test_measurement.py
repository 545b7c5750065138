"""Mass and strength of a resonance: intervals, contour, nuisance parameters; universes with X."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pytest
from iminuit import Minuit
from scipy.special import xlogy
from scipy.stats import norm

from analysis.results.values import Estimate
from analysis.settings.search import Search, Systematics
from analysis.statistics.background.families import Function
from analysis.statistics.resonance.measurement import Measurement, measure
from analysis.statistics.resonance.scan import ChannelModel, Spectra
from analysis.statistics.spectra.bins import Bins
from analysis.statistics.spectra.signal_model import plain_signal

EDGES = np.arange(400.0, 1101.0, 10)
CENTRES = (EDGES[1:] + EDGES[:-1]) / 2
MASSES = np.linspace(500, 1000, 51)
REACH = (500.0, 1000.0)
SPURIOUS = 8.0
ERRORS = Systematics(luminosity=0.0, efficiency=0.0, energy_scale=0.004, resolution=0.06)


def background(events: float = 11_220.0, tau: float = 115.0) -> np.ndarray:
    contents = -np.diff(np.exp(-EDGES / tau))
    return np.asarray(events * contents / contents.sum())


def peak(mass: float, width: float = 30.0) -> np.ndarray:
    return np.diff(norm.cdf(EDGES, mass, width))


def spectra(
    counts: np.ndarray, systematics: Systematics = ERRORS, spurious: float = SPURIOUS
) -> Spectra:
    bins = Bins(EDGES[:-1], EDGES[1:], counts, counts)
    model = ChannelModel(bins, Function("exp", 1), np.array(REACH), np.full(2, spurious))
    return Spectra.of([model], plain_signal(30.0), systematics)


@pytest.fixture(scope="module")
def counts() -> np.ndarray:
    rng = np.random.default_rng(20240570)
    return np.asarray(rng.poisson(background() + 150 * peak(712.0)), dtype=float)


@pytest.fixture(scope="module")
def measured(counts: np.ndarray) -> Measurement:
    return measure(spectra(counts), 720.0, bounds_GeV=REACH)


Deviance = Callable[[float, float, float, float, float, float, float], float]


def written_out(counts: np.ndarray) -> Deviance:
    """Return the same likelihood with the background's bin integrals in closed form."""

    def deviance(
        a: float, b: float, s: float, m: float, width: float, scale: float, eta: float
    ) -> float:
        falling = np.diff(np.exp(a + b / 100 * (EDGES - 700)) * 100 / b)
        shape = np.diff(norm.cdf(EDGES, m * (1 + 0.004 * scale), 30 * (1 + 0.06 * width)))
        mu = falling + (s + SPURIOUS * eta) * shape
        likelihood = 2 * np.sum(mu - counts + xlogy(counts, counts / mu))
        return float(likelihood + width**2 + scale**2 + eta**2)

    return deviance


@pytest.fixture(scope="module")
def minuit(counts: np.ndarray) -> Minuit:
    """Fit it with iminuit, with its own profiles."""
    found = Minuit(written_out(counts), a=2.0, b=-0.87, s=150, m=712, width=0, scale=0, eta=0)
    found.errordef, found.strategy, found.tol = 1.0, 2, 1e-4
    found.migrad()
    found.minos("s", "m")
    assert found.valid
    return found


@pytest.mark.parametrize(("name", "profile"), [("m", "mass"), ("s", "signal")])
def test_intervals_are_minos(
    measured: Measurement, minuit: Minuit, name: str, profile: str
) -> None:
    """To 2 % of the error, on both sides."""
    found: Estimate = getattr(measured, profile).interval
    error = minuit.errors[name]
    assert found.value == pytest.approx(minuit.values[name], abs=0.01 * error)
    other = minuit.merrors[name]
    assert found.high - found.value == pytest.approx(other.upper, rel=0.02)
    assert found.low - found.value == pytest.approx(other.lower, rel=0.02)
    assert getattr(measured, profile).closed
    assert measured.warnings == ()


def test_the_local_significance_is_that_of_the_fitted_mass(
    measured: Measurement, minuit: Minuit, counts: np.ndarray
) -> None:
    scan = spectra(counts).scan(np.array([measured.mass.interval.value]))
    assert measured.local_z == pytest.approx(scan.z[0], abs=1e-2)
    assert measured.local_z >= spectra(counts).scan(MASSES).z.max() - 1e-3
    assert measured.width_GeV == pytest.approx(30 * (1 + 0.06 * minuit.values["width"]), abs=0.05)


def test_profiles_and_contour_are_lowest_at_the_best_fit(measured: Measurement) -> None:
    for profile in (measured.mass, measured.signal):
        assert profile.rises.min() == pytest.approx(0, abs=1e-3)
        lowest = profile.values[np.argmin(profile.rises)]
        assert lowest == pytest.approx(profile.interval.value, rel=1e-6)
    contour = measured.contour
    at = np.unravel_index(np.argmin(contour.delta_deviance), contour.delta_deviance.shape)
    assert contour.delta_deviance[at] == pytest.approx(0, abs=1e-3)
    assert contour.mass_GeV[at[0]] == pytest.approx(measured.mass.interval.value)
    assert contour.strength[at[1]] == pytest.approx(measured.signal.interval.value)
    # The profile is the contour's lowest value along the other axis.
    along = contour.delta_deviance.min(axis=1)
    expected = np.interp(contour.mass_GeV, measured.mass.values, measured.mass.rises)
    assert along == pytest.approx(expected, abs=0.15)
    assert contour.delta_deviance[[0, -1]].min() > 5.99


def test_pulls_are_iminuits_and_fixing_a_nuisance_reproduces_its_impact(
    measured: Measurement, minuit: Minuit, counts: np.ndarray
) -> None:
    names = {"resolution": "width", "energy scale": "scale", "spurious signal": "eta"}
    assert {nuisance.name for nuisance in measured.nuisances} == set(names)
    sizes = [max(abs(n.impact_up), abs(n.impact_down)) for n in measured.nuisances]
    assert sizes == sorted(sizes, reverse=True)
    best = minuit.values["s"]
    for nuisance in measured.nuisances:
        name = names[nuisance.name]
        assert nuisance.pull == pytest.approx(minuit.values[name], abs=0.02)
        assert nuisance.pull_error == pytest.approx(minuit.errors[name], rel=0.05)
        for side, impact in ((1, nuisance.impact_up), (-1, nuisance.impact_down)):
            fixed = Minuit(written_out(counts), *minuit.values)
            fixed.errordef, fixed.strategy = 1.0, 2
            fixed.values[name], fixed.fixed[name] = nuisance.pull + side * nuisance.pull_error, True
            fixed.migrad()
            assert impact == pytest.approx(fixed.values["s"] - best, abs=0.3)


def test_what_is_in_the_bins_is_the_fit(measured: Measurement, counts: np.ndarray) -> None:
    below, above = measured.per_bin
    assert above.sum() == pytest.approx(measured.signal.interval.value, rel=1e-3)
    assert (below + above).sum() == pytest.approx(counts.sum(), rel=1e-3)
    assert measured.goodness_of_fit.background_only is not None
    assert measured.goodness_of_fit.with_signal is not None
    assert measured.goodness_of_fit.background_only < 0.1 < measured.goodness_of_fit.with_signal


def test_a_profile_that_is_not_closed_is_a_parabolas_and_said_to_be() -> None:
    """No resonance: some fluctuation at the end of the range, whose mass goes on beyond it."""
    rng = np.random.default_rng(20240571)
    flat = rng.poisson(background(2_000.0)).astype(float)
    found = spectra(flat)
    scan = found.scan(MASSES)
    start = float(MASSES[np.argmax(scan.z)])
    measured = measure(found, start, bounds_GeV=(start, start))
    if measured.mass.closed:
        measured = measure(found, start, bounds_GeV=(start + 25, start + 25))
    assert not measured.mass.closed
    assert (
        "the interval of the mass is a parabola's: its profile is not closed" in measured.warnings
    )


def test_intervals_scale_with_the_error_of_the_factor() -> None:
    scaled = Estimate(100, 90, 120).scaled(0.5, relative_error=0.1)
    assert scaled.value == 50
    assert scaled.high == pytest.approx(50 + np.hypot(10, 5))
    assert scaled.low == pytest.approx(50 - np.hypot(5, 5))


@dataclass(frozen=True)
class Universe:
    mass: float
    events: float
    expected_z: float
    found: Measurement


@pytest.fixture(scope="module")
def universes(search: Search) -> list[Universe]:
    """24 universes with X: the steps of the program, scan, maximum, measurement."""
    rng, made = np.random.default_rng(20240572), []
    for _ in range(24):
        truth = background(11_220 * rng.uniform(0.9, 1.1), 115 * rng.uniform(0.95, 1.05))
        mass, width = rng.uniform(500, 1000), 30 * rng.uniform(0.9, 1.1)
        events = 93 * rng.uniform(1.5, 6)
        data = spectra(
            rng.poisson(truth + events * peak(mass, width)).astype(float), search.systematics, 3.0
        )
        start = float(MASSES[np.argmax(data.scan(MASSES).z)])
        expected = spectra(truth, search.systematics, 3.0).asimov_z(
            np.array([mass]), np.array([events])
        )
        found = measure(data, start, bounds_GeV=REACH)
        made.append(Universe(mass, events, float(expected[0]), found))
    return made


def pull(truth: float, interval: Estimate) -> float:
    above = truth > interval.value
    error = interval.high - interval.value if above else interval.value - interval.low
    return (interval.value - truth) / error


def test_every_expected_resonance_is_found_with_its_mass_and_strength(
    universes: list[Universe],
) -> None:
    """About 20 pulls: mean known to 0.22, width to 0.16; four errors, 1e-4 of false alarm each."""
    strong = [each for each in universes if each.expected_z > 5]
    assert len(strong) >= 15
    for true, profile in (("mass", "mass"), ("events", "signal")):
        pulls = np.array(
            [pull(getattr(u, true), getattr(u.found, profile).interval) for u in strong]
        )
        assert abs(pulls.mean()) < 0.9
        assert 0.4 < pulls.std() < 1.7
        assert np.sum(np.abs(pulls) > 3) <= 1
    differences = np.array([u.found.local_z - u.expected_z for u in strong])
    assert abs(differences.mean()) < 1.0
    assert all(abs(u.found.width_GeV - 30) < 6 for u in strong)


def test_a_width_without_an_error_stays(counts: np.ndarray) -> None:
    fixed = replace(ERRORS, resolution=0.0, energy_scale=0.0)
    found = measure(spectra(counts, fixed, 0.0), 710.0, bounds_GeV=REACH)
    assert found.width_GeV == 30
    assert all(nuisance.impact_up == 0 for nuisance in found.nuisances)
