"""The likelihood of a peak: derivatives, the optimum of the design, nuisances, channels."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
from scipy.stats import norm

from analysis.settings.search import Systematics
from analysis.statistics.background.families import Function
from analysis.statistics.background.poisson import model, scoring_fit
from analysis.statistics.minimiser.scoring import Part, minimise
from analysis.statistics.resonance.peak import ALL_BUT_MASS, NO_SIGNAL, Peak
from analysis.statistics.resonance.peak_curve import PeakCurve
from analysis.statistics.spectra.bins import Bins
from analysis.statistics.spectra.signal_model import Interpolated, SignalModel, plain_signal

EDGES = np.arange(400.0, 1100.5, 5)
LOW, HIGH = EDGES[:-1], EDGES[1:]
MASSES = np.array([500.0, 600, 750, 900, 1000])

BEFORE, AFTER = (50_500.0, 1192.0), (11_220.0, 953.0)
"""background in the window and signal at 5.4 pb, before and after a selection that keeps 80 %"""
OPTIMUM = {
    (BEFORE, 1): (6.6, 10.9, 19.1, 32.0, 42.6),
    (BEFORE, 2): (6.2, 9.5, 19.1, 28.9, 32.1),
    (BEFORE, 3): (5.0, 9.4, 16.4, 28.3, 29.5),
    (AFTER, 1): (10.8, 17.3, 27.2, 39.3, 47.7),
    (AFTER, 2): (10.1, 14.7, 27.1, 35.7, 33.6),
    (AFTER, 3): (8.1, 14.6, 22.3, 33.6, 32.9),
}
"""Z expected at `MASSES` of an exponential's Asimov set, tau = 120 GeV, with the exponent's order.

Computed with iminuit's profile likelihood, independently of this code, to the digits given.
"""


def exponential(events: float, tau: float = 120.0) -> np.ndarray:
    contents = -np.diff(np.exp(-EDGES / tau))
    return np.asarray(events * contents / contents.sum())


def gaussian(mass: np.ndarray, width: float = 30.0) -> np.ndarray:
    return np.diff(norm.cdf((EDGES - mass[:, None]) / width), axis=1)


def errors(resolution: float, energy_scale: float = 0.0) -> Systematics:
    return Systematics(0.0, 0.0, energy_scale=energy_scale, resolution=resolution)


def peak_on(
    background: np.ndarray,
    order: int = 2,
    signal: float | SignalModel = 30.0,
    *,
    width_error: float = 0.0,
    scale_error: float = 0.0,
) -> tuple[Peak, np.ndarray]:
    """Return a likelihood, and the background's parameters fitted to its content."""
    bins = Bins(LOW, HIGH, background, background)
    fitted = model((Function("exp", order),), (bins,))
    shape = plain_signal(signal) if isinstance(signal, float) else signal
    peak = Peak.of(fitted, (bins,), shape, errors(width_error, scale_error))
    return peak, scoring_fit(background[None], fitted).theta


def expected_z(
    peak: Peak,
    theta: np.ndarray,
    counts: np.ndarray,
    spurious: np.ndarray | None = None,
    masses: np.ndarray = MASSES,
) -> np.ndarray:
    start = peak.at(theta, masses)
    best = peak.fit(counts, start, spurious=spurious)
    null = peak.fit(counts, start, spurious=spurious, free=NO_SIGNAL)
    assert best.converged.all()
    assert null.converged.all()
    return np.asarray(np.sqrt(null.deviance - best.deviance))


@pytest.mark.parametrize(("sample", "order"), OPTIMUM)
def test_the_optimum_is_reached(sample: tuple[float, float], order: int) -> None:
    """97 % or more of each expected significance is asked for; what is there is there to 1 %."""
    events, signal = sample
    background = exponential(events)
    peak, theta = peak_on(background, order)
    z = expected_z(peak, theta, background + signal * gaussian(MASSES))
    reference = np.array(OPTIMUM[sample, order])
    assert np.all(z >= 0.97 * reference)
    assert z == pytest.approx(reference, rel=0.012)


def test_the_signal_is_returned_with_its_error() -> None:
    """The errors `dxs` and `dM` of the design's table: order 1, width fixed, mass free."""
    background = exponential(50_500)
    peak, theta = peak_on(background, 1)
    counts = background + 1192 * gaussian(MASSES)
    best = peak.fit(counts, peak.at(theta, MASSES))
    assert best.values[:, peak.strength] == pytest.approx(1192, rel=1e-4)
    free = peak.fit(counts, peak.at(theta, MASSES + 8), free=(*ALL_BUT_MASS, "mass"))
    assert free.values[:, peak.mass] == pytest.approx(MASSES, abs=0.05)
    relative = free.error(peak.strength) / 1192
    assert relative == pytest.approx([0.158, 0.095, 0.058, 0.039, 0.034], abs=0.0011)
    # dM of the same table.
    assert free.error(peak.mass) == pytest.approx([5.3, 3.5, 2.0, 1.4, 1.2], abs=0.12)


def test_the_derivatives_are_those_of_the_expectation() -> None:
    rng = np.random.default_rng(20240510)
    two = [
        Bins(LOW, HIGH, n, n * w) for n, w in ((exponential(3000), 1.0), (exponential(900), 2.5))
    ]
    background = model((Function("exp", 2), Function("bernstein", 2)), two)
    masses = np.array([500.0, 1000.0])
    signal = SignalModel(
        offset=Interpolated(masses, np.array([1.0, -2.0]), np.zeros(2)),
        width=Interpolated(masses, np.array([28.0, 33.0]), np.zeros(2)),
        efficiency=tuple(
            Interpolated(masses, np.array(values), np.zeros(2))
            for values in ([0.3, 0.2], [0.1, 0.4])
        ),
    )
    peak = Peak.of(background, two, signal, errors(0.06, 0.01))
    assert peak.size == background.size + 6
    curve = peak.curve(np.array([620.0, 880.0]), np.array([[20.0, 5.0], [3.0, 9.0]]))
    values = np.zeros((2, peak.size))
    values[:, : background.size] = background.start
    values[:, peak.strength], values[:, peak.mass] = (90.0, -4.0), (633.0, 871.0)
    values[:, peak.mass + 1 :] = rng.normal(0, 1, (2, 4))
    rows, step = np.arange(2), 1e-4
    slopes = curve.slopes(values, rows, np.arange(peak.size))
    for index in range(peak.size):
        up, down = values.copy(), values.copy()
        up[:, index] += step
        down[:, index] -= step
        numeric = (curve.expected(up, rows) - curve.expected(down, rows)) / (2 * step)
        scale = np.abs(slopes[..., index]).max() + 1e-9
        assert slopes[..., index] / scale == pytest.approx(numeric / scale, abs=1e-5), index
    for free in ([peak.strength, peak.size - 1], [*range(peak.strength + 1), peak.mass]):
        assert curve.slopes(values, rows, np.array(free)) == pytest.approx(slopes[..., free])


@dataclass(frozen=True)
class Dense:
    """A curve all of whose bins are said to depend on all parameters."""

    curve: PeakCurve

    def expected(self, values: np.ndarray, rows: np.ndarray) -> np.ndarray:
        return self.curve.expected(values, rows)

    def parts(self, values: np.ndarray, rows: np.ndarray, free: np.ndarray) -> tuple[Part]:
        slopes = self.curve.slopes(values, rows, free)
        return (Part(slice(0, slopes.shape[1]), np.arange(len(free)), slopes),)

    def damping(self, gradient: np.ndarray) -> np.ndarray | None:
        return self.curve.damping(gradient)


def test_channels_apart_are_the_dense_solution() -> None:
    """Three channels, log-linear and additive functions, everything free: values and covariance."""
    rng = np.random.default_rng(20240513)
    shares = (0.7, 0.2, 0.1)
    three = [Bins(LOW, HIGH, n, n) for n in (share * exponential(30_000) for share in shares)]
    functions = model((Function("exp", 3), Function("bernstein", 3), Function("exp", 2)), three)
    peak = Peak.of(functions, three, plain_signal(30.0, [1 / 3] * 3), errors(0.06))
    mass = np.array([520.0, 750.0, 990.0])
    signal = np.tile(gaussian(mass), (1, 3)) * 200 / 3
    counts = rng.poisson(np.concatenate([bins.counts for bins in three]) + signal).astype(float)
    spurious = np.tile([20.0, 8.0, 4.0], (3, 1))
    start = np.zeros((3, peak.size))
    start[:, : functions.size] = scoring_fit(counts, functions).theta
    start[:, peak.mass] = mass
    free = [k for k in range(peak.size) if k != peak.mass + 2]  # there is no error of the scale
    apart = peak.fit(counts, start, spurious=spurious, free=free)
    settings = peak._settings(free, mass)  # noqa: SLF001
    dense = minimise(Dense(peak.curve(mass, spurious)), counts, start, settings)
    assert apart.converged.all()
    assert apart.deviance == pytest.approx(dense.deviance, rel=1e-10)
    assert apart.values == pytest.approx(dense.values, rel=1e-6, abs=1e-6)
    assert apart.covariance == pytest.approx(dense.covariance, rel=1e-5, abs=1e-9)
    assert np.any(apart.covariance[:, 0, functions.size - 1] != 0)  # they share the signal


def test_a_width_with_an_error_is_fitted() -> None:
    """33 GeV where 30 are expected with 6 %: the fit goes most of the way, the signal with it."""
    background, mass = exponential(11_220), np.array([750.0])
    counts = background + 953 * gaussian(mass, 33.0)
    fixed, theta = peak_on(background)
    held, _ = peak_on(background, width_error=0.06)
    loose, _ = peak_on(background, width_error=1.0)
    strength = fixed.strength
    fits = [peak.fit(counts, peak.at(theta, mass)) for peak in (fixed, held, loose)]
    events = [float(fit.values[0, strength]) for fit in fits]
    assert events[0] < events[1] < events[2] == pytest.approx(953, rel=0.005)
    errors = [float(fit.error(strength)[0]) for fit in fits]
    assert errors[0] < errors[1] < errors[2]
    pull = float(fits[1].values[0, held.mass + 1])
    assert 0.5 < pull * 0.06 / 0.1 < 1
    assert 30 * (1 + float(fits[2].values[0, loose.mass + 1])) == pytest.approx(33, abs=0.1)
    # What does not exist is not fitted.
    assert fits[0].values[0, fixed.mass + 1 :].tolist() == [0, 0, 0]


def test_an_energy_scale_with_an_error_follows_the_peak() -> None:
    background, mass = exponential(11_220), np.array([750.0])
    counts = background + 953 * gaussian(mass * 1.004)
    fixed, theta = peak_on(background)
    held, _ = peak_on(background, scale_error=0.01)
    without, with_scale = (peak.fit(counts, peak.at(theta, mass)) for peak in (fixed, held))
    assert with_scale.deviance[0] < without.deviance[0] - 1
    pull = float(with_scale.values[0, held.mass + 2])
    assert pull * 0.01 == pytest.approx(0.004, rel=0.1)
    # The mass is known no better than the scale.
    free = (*ALL_BUT_MASS, "mass")
    errors = [
        float(peak.fit(counts, peak.at(theta, mass), free=free).error(peak.mass)[0])
        for peak in (fixed, held)
    ]
    assert errors[1] == pytest.approx(np.hypot(errors[0], 7.5), rel=0.03)


@pytest.mark.parametrize("relative", [0.2, 0.5, 2.0])
def test_a_spurious_signal_lowers_the_significance(relative: float) -> None:
    """Z = S / sqrt(sigma^2 + s^2) where the signal is small: what may be faked is no evidence."""
    background = exponential(50_500)
    peak, theta = peak_on(background)
    error = peak.fit(background[None], peak.at(theta, MASSES[2:3])).error(peak.strength)[0]
    counts = background + 0.5 * error * gaussian(MASSES[2:3])
    spurious = np.array([[relative * error]])
    z = expected_z(peak, theta, counts, spurious, MASSES[2:3])
    assert z[0] == pytest.approx(0.5 / np.hypot(1, relative), rel=0.02)
    best = peak.fit(counts, peak.at(theta, MASSES[2:3]), spurious=spurious)
    assert best.error(peak.strength)[0] == pytest.approx(error * np.hypot(1, relative), rel=0.02)


def halves(background: np.ndarray, counts: np.ndarray) -> tuple[Peak, np.ndarray, np.ndarray]:
    """Return the likelihood of a spectrum cut in two, 30 to 70, its start and its contents."""
    shares = (0.3, 0.7)
    parts = [Bins(LOW, HIGH, share * background, share * background) for share in shares]
    signal = plain_signal(30.0, (0.5, 0.5))
    efficiency = tuple(
        replace(each, values=np.array([share]))
        for each, share in zip(signal.efficiency, shares, strict=True)
    )
    functions = model((Function("exp", 2),) * 2, parts)
    both = np.concatenate([part.counts for part in parts])
    theta = scoring_fit(both[None], functions).theta
    split = np.concatenate([share * counts for share in shares], axis=1)
    return Peak.of(functions, parts, replace(signal, efficiency=efficiency)), theta, split


def test_channels_with_one_resonance_are_one_measurement() -> None:
    """An Asimov set cut in two is the whole, in value, error and significance."""
    background, mass = exponential(11_220), np.array([700.0])
    counts = background + 300 * gaussian(mass)
    whole, theta = peak_on(background)
    both, start, split = halves(background, counts)
    one, two = whole.fit(counts, whole.at(theta, mass)), both.fit(split, both.at(start, mass))
    assert two.values[0, both.strength] == pytest.approx(one.values[0, whole.strength], rel=1e-5)
    assert two.error(both.strength)[0] == pytest.approx(one.error(whole.strength)[0], rel=1e-5)
    z = expected_z(both, start, split, masses=mass)
    assert z == pytest.approx(expected_z(whole, theta, counts, masses=mass), rel=1e-5)


def test_spurious_signals_of_channels_are_independent() -> None:
    """Each weighs as its channel does: here sigma^2 is 1/sum of share^2 / (sigma_c^2 + s_c^2)."""
    background, mass = exponential(11_220), np.array([700.0])
    both, start, split = halves(background, background[None])
    sizes = np.array([[30.0, 40.0]])
    at = both.at(start, mass)
    error = both.fit(split, at).error(both.strength)[0]
    faked = both.fit(split, at, spurious=sizes).error(both.strength)[0]
    shares = np.array([0.3, 0.7])
    own = shares * error**2 + sizes[0] ** 2
    assert faked == pytest.approx(1 / np.sqrt(np.sum(shares**2 / own)), rel=1e-3)


def test_a_dip_is_negative_and_a_start_below_zero_is_mended() -> None:
    background, mass = exponential(11_220), np.array([600.0])
    peak, theta = peak_on(background)
    counts = background - 100 * gaussian(mass)
    for start in (0.0, -1e5):
        best = peak.fit(counts, peak.at(theta, mass, start))
        assert best.converged.all()
        assert best.values[0, peak.strength] == pytest.approx(-100, rel=1e-3)


def test_a_spectrum_in_weights_has_the_significance_of_its_entries() -> None:
    background, mass, weight = exponential(11_220), np.array([600.0]), 2.5
    counts = background + 300 * gaussian(mass)
    peak, theta = peak_on(background)
    bins = Bins(LOW, HIGH, weight * background, weight**2 * background)
    fitted = model((Function("exp", 2),), (bins,))
    weighted = Peak.of(fitted, (bins,), plain_signal(30.0))
    start = scoring_fit(background[None], fitted).theta
    z = [expected_z(p, t, counts, masses=mass)[0] for p, t in ((peak, theta), (weighted, start))]
    assert z[0] == pytest.approx(z[1], rel=1e-6)
    best = weighted.fit(counts, weighted.at(start, mass))
    assert best.values[0, weighted.strength] == pytest.approx(weight * 300, rel=1e-4)
