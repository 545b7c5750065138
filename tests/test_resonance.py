"""The signal-plus-background fit: mass, events and significance, with and without X."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
from scipy.stats import norm

from analysis.search import Search
from analysis.statistics.efficiency import Efficiency
from analysis.statistics.families import Function
from analysis.statistics.resonance import Interval, Resonance, asimov_z, fit_resonance, scan_truth
from analysis.statistics.sidebands import fit_sidebands
from analysis.statistics.spectra import Bins, Channel
from analysis.statistics.spurious import choose_function
from tools.errors import InputError

EDGES = np.arange(0.0, 3001.0)
SIGNAL_PER_PB = 1298.1 * 0.17 * 0.423
EFFICIENCY = Efficiency((500.0, 1000.0), (0.423, 0.423), (0.005, 0.005))


def falling(events: float, tau: float = 106.1, tail: float = 0.0015) -> np.ndarray:
    left = np.maximum(EDGES - 50, 0)
    return -np.diff(events * ((1 - tail) * np.exp(-left / tau) + tail * np.exp(-left / (4 * tau))))


def peak(mass: float, width: float = 30.0) -> np.ndarray:
    return np.diff(norm.cdf(EDGES, mass, width))


def random_falling(rng: np.random.Generator) -> np.ndarray:
    """Return the expected background of a random universe behind the course's cuts."""
    events = 1_352_704.6 * rng.uniform(0.98, 1.02) * rng.uniform(0.055, 0.065)
    return falling(events, 106.1 * rng.uniform(0.95, 1.05), 0.0015 * rng.uniform(0.5, 1.5))


def found_in(counts: np.ndarray, search: Search) -> tuple[Resonance, Function, float]:
    """Return the fit as the program does it: sidebands, function under the peak, peak."""
    channel = Channel("all", EDGES, np.asarray(counts, dtype=float))
    background = fit_sidebands(channel, search.window, search.fit, sqrt_s_GeV=14_000.0)
    under = choose_function(background, search.fit, search.signal, sqrt_s_GeV=14_000.0)
    bins = channel.bins(background.low_GeV, background.high_GeV, background.bin_GeV)
    fit = fit_resonance((bins,), (under.function,), (EFFICIENCY,), search.signal)
    return fit, under.function, background.low_GeV


@dataclass
class Toy:
    mass: float
    events: float
    expected_z: float
    fit: Resonance


@pytest.fixture(scope="module")
def toys(search: Search) -> list[Toy]:
    """40 universes with X, as the course draws them."""
    rng = np.random.default_rng(20240201)
    found = []
    for _ in range(40):
        truth, mass = random_falling(rng), rng.uniform(500, 1000)
        events, width = SIGNAL_PER_PB * rng.uniform(0.5, 6), 30 * rng.uniform(0.9, 1.1)
        fit, function, low = found_in(rng.poisson(truth + events * peak(mass, width)), search)
        expected = asimov_z(
            (Channel("all", EDGES, truth).bins(low, 2000, 10),),
            (function,),
            (EFFICIENCY,),
            search.signal,
            mass_GeV=mass,
            events=events,
        )
        found.append(Toy(mass, events, expected, fit))
    return found


def pull(truth: float, interval: Interval | None) -> float:
    assert interval is not None
    error = (
        interval.high - interval.value if truth > interval.value else interval.value - interval.low
    )
    return (interval.value - truth) / error


def test_every_expected_resonance_is_found_at_its_mass(toys: list[Toy]) -> None:
    """Of about 37 masses one is more than 3 errors away in 10 % of such tests; two in 0.5 %."""
    strong = [toy for toy in toys if toy.expected_z > 5]
    assert len(strong) > 30
    assert all(toy.fit.z > 3 for toy in strong)
    pulls = np.array([pull(toy.mass, toy.fit.mass_GeV) for toy in strong])
    assert np.sum(np.abs(pulls) > 3) <= 1
    # 37 pulls: the mean is known to 0.16, the width to 0.12.
    assert abs(pulls.mean()) < 0.5
    assert 0.6 < pulls.std() < 1.4


def test_signal_and_significance_are_those_injected(toys: list[Toy]) -> None:
    strong = [toy for toy in toys if toy.expected_z > 5]
    pulls = np.array([pull(toy.events, toy.fit.signal_events) for toy in strong])
    assert abs(pulls.mean()) < 0.5
    assert 0.6 < pulls.std() < 1.5
    differences = np.array([toy.fit.z - toy.expected_z for toy in strong])
    assert abs(differences.mean()) < 0.8
    assert all(toy.fit.width_GeV == pytest.approx(30, abs=6) for toy in strong)


def test_empty_spectra_rarely_show_a_local_three_sigma(search: Search) -> None:
    """40 spectra, 2.5 % of them expected: more than 5 in 1e-4 of such tests."""
    rng = np.random.default_rng(20240202)
    z = [found_in(rng.poisson(random_falling(rng)), search)[0].z for _ in range(40)]
    assert np.sum(np.array(z) > 3) <= 5
    assert max(z) < 5
    assert 1.0 < np.mean(z) < 2.2


@pytest.mark.parametrize("mass", [500.0, 625.0, 1000.0])
def test_a_peak_without_fluctuations_is_returned(search: Search, mass: float) -> None:
    counts = falling(80_000) + 400 * peak(mass)
    fit, function, _ = found_in(counts, search)
    assert fit.mass_GeV is not None
    assert fit.signal_events is not None
    assert fit.mass_GeV.value == pytest.approx(mass, abs=2)
    assert fit.mass_GeV.low < mass < fit.mass_GeV.high
    error = (fit.signal_events.high - fit.signal_events.low) / 2
    # The background is not quite one of ours: by half an error at most, by choice of function.
    assert fit.signal_events.value == pytest.approx(400, abs=0.7 * error)
    assert fit.z == pytest.approx(fit.scan.z.max(), abs=0.1)
    assert fit.signal_per_bin[0].sum() == pytest.approx(fit.signal_events.value, rel=1e-3)
    assert function.family == "exp"


def test_a_dip_has_a_negative_signal_and_no_significance(search: Search) -> None:
    """Everywhere fewer events than the background: z is 0, the signed scan says how many fewer."""
    truth = Channel("all", EDGES, falling(80_000)).bins(100, 2000, 10)
    narrow = replace(search.signal, low_GeV=700, high_GeV=760)
    dip = Channel("all", EDGES, 60 * peak(730)).bins(100, 2000, 10)
    counts = np.maximum(truth.counts - dip.counts, 0)
    bins = Bins(truth.low_GeV, truth.high_GeV, counts, counts)
    fit = fit_resonance((bins,), (Function("exp", 4),), (EFFICIENCY,), narrow)
    assert fit.z == 0
    assert fit.mass_GeV is fit.signal_events is fit.width_GeV is None
    assert np.all(fit.scan.z < 0)
    assert fit.scan.signal_events.min() == pytest.approx(-60, abs=10)
    assert not fit.signal_per_bin[0].any()


def test_two_channels_with_one_resonance_are_one_measurement(search: Search) -> None:
    """Splitting a spectrum at random changes neither mass nor signal by much."""
    rng = np.random.default_rng(20240203)
    counts = rng.poisson(falling(80_000) + 300 * peak(700)).astype(float)
    share = rng.binomial(counts.astype(int), 0.3).astype(float)
    whole = Channel("all", EDGES, counts).bins(100, 2000, 10)
    parts = [
        Channel("part", EDGES, values).bins(100, 2000, 10) for values in (share, counts - share)
    ]
    function = Function("exp", 3)
    efficiencies = [Efficiency((700.0,), (0.423 * part,), (0.0,)) for part in (0.3, 0.7)]
    one = fit_resonance((whole,), (function,), (EFFICIENCY,), search.signal)
    two = fit_resonance(parts, (function, function), efficiencies, search.signal)
    assert one.mass_GeV is not None
    assert two.mass_GeV is not None
    assert one.signal_events is not None
    assert two.signal_events is not None
    assert two.mass_GeV.value == pytest.approx(one.mass_GeV.value, abs=3)
    assert two.signal_events.value == pytest.approx(one.signal_events.value, rel=0.1)
    assert len(two.background) == len(two.signal_per_bin) == 2
    shares = [values.sum() for values in two.signal_per_bin]
    assert shares[0] / sum(shares) == pytest.approx(0.3, abs=1e-3)


def test_the_expected_significance_grows_as_it_should(search: Search) -> None:
    bins = Channel("all", EDGES, falling(80_000, tail=0)).bins(100, 2000, 10)
    z = [
        asimov_z(
            (bins,),
            (Function("exp", 3),),
            (EFFICIENCY,),
            search.signal,
            mass_GeV=700,
            events=events,
        )
        for events in (0.0, 1.0, 2.0, 500.0)
    ]
    assert z[0] == pytest.approx(0, abs=1e-2)
    assert z[2] / z[1] == pytest.approx(2, rel=0.02)
    assert 15 < z[3] < 30


def test_a_fixed_width_stays_fixed(search: Search) -> None:
    counts = Channel("all", EDGES, falling(80_000) + 400 * peak(700, 36)).bins(100, 2000, 10)
    widths = []
    for error in (0.0, 0.06, 0.3):
        signal = replace(search.signal, resolution_error=error)
        fit = fit_resonance((counts,), (Function("exp", 3),), (EFFICIENCY,), signal)
        widths.append(fit.width_GeV)
    assert widths[0] == 30
    assert widths[0] < widths[1] < widths[2] == pytest.approx(36, abs=1)


def test_the_function_under_a_peak_is_chosen_by_what_it_fakes(search: Search) -> None:
    """Before the cuts the function that predicts the count fakes peaks; another is used."""
    rng = np.random.default_rng(20240204)
    channel = Channel("all", EDGES, rng.poisson(falling(1_352_704)).astype(float))
    background = fit_sidebands(channel, search.window, search.fit, sqrt_s_GeV=14_000.0)
    under = choose_function(background, search.fit, search.signal, sqrt_s_GeV=14_000.0)
    assert len(under.function.parameters) > len(background.chosen.function.parameters)
    lax = choose_function(
        background, replace(search.fit, spurious_signal=99), search.signal, sqrt_s_GeV=14_000.0
    )
    assert lax.function == background.chosen.function
    assert max(item.errors for item in lax.spurious) > 1
    assert max(item.errors for item in under.spurious) <= search.fit.spurious_signal
    assert {item.truth for item in under.spurious} == {truth.name for truth in background.truths}
    strict = replace(search.fit, spurious_signal=0.001)
    best = choose_function(background, strict, search.signal, sqrt_s_GeV=14_000.0)
    assert "local significances are uncertain by as much" in best.warnings[0]
    blank = choose_function(
        replace(background, truths=()), search.fit, search.signal, sqrt_s_GeV=14_000.0
    )
    assert blank.function == background.chosen.function
    assert "the spurious signal is not known" in blank.warnings[0]


def test_a_true_function_fakes_nothing(search: Search) -> None:
    edges = np.linspace(100, 2000, 191)
    counts = -np.diff(80_000 * np.exp(-edges / 110))
    scan = scan_truth(
        Bins(edges[:-1], edges[1:], counts, counts), Function("exp", 2), search.signal
    )
    assert np.abs(scan.signal_events / scan.signal_error_events).max() < 0.01


def test_intervals_scale_with_the_error_of_the_factor() -> None:
    scaled = Interval(100, 90, 120).scaled(0.5, relative_error=0.1)
    assert scaled.value == 50
    assert scaled.high == pytest.approx(50 + np.hypot(10, 5))
    assert scaled.low == pytest.approx(50 - np.hypot(5, 5))


def test_the_efficiency_is_linear_between_the_samples() -> None:
    efficiency = Efficiency.of([(1000, 5000, 10_000), (500, 4000, 10_000), (750, 4200, 10_000)])
    assert efficiency.masses_GeV == (500, 750, 1000)
    assert efficiency.at(875)[0] == pytest.approx(0.46)
    assert efficiency.at(500) == (0.4, pytest.approx(np.sqrt(0.4 * 0.6 / 10_000)))
    # Between two samples the errors of both enter; outside it is the last sample's.
    assert efficiency.at(625)[1] < efficiency.at(500)[1]
    assert efficiency.at(2000) == efficiency.at(1000)


@pytest.mark.parametrize(
    ("samples", "message"),
    [
        ([], "one for each mass is needed"),
        ([(500, 1, 10), (500, 2, 10)], "one for each mass is needed"),
        ([(500, 0, 10)], "signal of 500 GeV: 0 of 10 events selected; loosen the selection"),
        ([(500, 11, 10)], "signal of 500 GeV: 11 of 10 events selected"),
    ],
)
def test_an_efficiency_needs_events(samples: list[tuple[float, float, int]], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Efficiency.of(samples)
