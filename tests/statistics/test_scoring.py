"""Fisher scoring of many rows at once: against iminuit, against itself, and with hopeless rows."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest
from iminuit import Minuit
from scipy import optimize
from scipy.special import xlogy
from scipy.stats import norm

from analysis.statistics.minimiser import scoring
from analysis.statistics.minimiser.scoring import Minima, Part, Settings, minimise

X = np.linspace(0, 1, 40)
PEAK = np.diff(norm.cdf(np.linspace(0, 1, 41), 0.5, 0.06))
BROAD = np.diff(norm.cdf(np.linspace(0, 1, 41), 0.5, 0.2))


@dataclass(frozen=True)
class Falling:
    """exp(a + b x), `s` events of a narrow peak, and a broad one of 30 k: parameters a, b, s, k."""

    def expected(self, values: np.ndarray, _rows: np.ndarray) -> np.ndarray:
        a, b, s, k = values.T[:, :, None]
        with np.errstate(over="ignore"):
            return np.asarray(np.exp(a + b * X) + s * PEAK + 30 * k * BROAD)

    def parts(self, values: np.ndarray, _rows: np.ndarray, free: np.ndarray) -> tuple[Part]:
        a, b = values.T[:2, :, None]
        core = np.exp(a + b * X)
        ones = np.ones_like(core)
        slopes = np.stack([core, core * X, ones * PEAK, ones * 30 * BROAD], axis=-1)[..., free]
        return (Part(slice(0, 40), np.arange(len(free)), slopes),)

    def damping(self, _gradient: np.ndarray) -> None:
        return None


START = np.array([3.0, -2.0, 0.0, 0.0])
NOTHING_LOW, NOTHING_HIGH = np.full(4, -np.inf), np.full(4, np.inf)


def settings(free: tuple[int, ...] = (0, 1, 2, 3), least_signal: float = -np.inf) -> Settings:
    low = NOTHING_LOW.copy()
    low[2] = least_signal
    return Settings(np.array(free), np.array([False, False, False, True]), low, NOTHING_HIGH)


def fitted(counts: np.ndarray, how: Settings, start: np.ndarray = START) -> Minima:
    return minimise(Falling(), counts, np.tile(start, (len(counts), 1)), how)


def spectra(rows: int, seed: int, size: float = 4.0, signal: float = 30.0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.poisson(np.exp(size - 3 * X) + signal * PEAK, (rows, 40)).astype(float)


def cost(counts: np.ndarray) -> Callable[[np.ndarray], float]:
    """Return the deviance, written out."""

    def value(p: np.ndarray) -> float:
        mu = np.exp(p[0] + p[1] * X) + p[2] * PEAK + 30 * p[3] * BROAD
        return float(2 * np.sum(mu - counts + xlogy(counts, counts / mu)) + p[3] ** 2)

    return value


def minuit(counts: np.ndarray, fixed: tuple[int, ...] = (), least: float | None = None) -> Minuit:
    first = float(np.log(counts[:5].mean()))
    other = Minuit(cost(counts), np.array([first, -3.0, 10.0, 0.0]))
    other.errordef, other.strategy, other.tol = 1.0, 2, 1e-4
    if least is not None:
        other.limits["x2"] = (least, None)
    for index in fixed:
        other.fixed[index], other.values[index] = True, START[index]
    other.migrad()
    other.hesse()
    assert other.valid
    return other


@pytest.mark.parametrize(
    ("size", "signal", "fixed"),
    [(4.0, 30.0, ()), (7.0, 0.0, ()), (2.0, 8.0, ()), (4.0, 30.0, (3,)), (5.0, 60.0, (2,))],
)
def test_minima_are_iminuits(size: float, signal: float, fixed: tuple[int, ...]) -> None:
    counts = spectra(1, 20240501, size, signal)
    free = tuple(index for index in range(4) if index not in fixed)
    found, other = fitted(counts, settings(free)), minuit(counts[0], fixed)
    assert found.converged.all()
    assert found.deviance[0] == pytest.approx(other.fval, abs=1e-5)
    for index in range(4):
        assert found.values[0, index] == pytest.approx(
            other.values[index], abs=0.003 * max(other.errors[index], 1e-9)
        )
        if index in fixed:
            assert found.values[0, index] == START[index]
            assert not found.covariance[0, index].any()
            assert not found.covariance[0, :, index].any()


def test_the_covariance_is_iminuits_without_fluctuations() -> None:
    """On an Asimov set expected and observed information are the same."""
    truth = np.array([4.0, -3.0, 20.0, 0.0])
    counts = Falling().expected(truth[None], np.arange(1))
    found, other = fitted(counts, settings()), minuit(counts[0])
    assert found.values[0] == pytest.approx(truth, abs=1e-4)
    assert found.deviance[0] == pytest.approx(0, abs=1e-8)
    errors = [found.error(index)[0] for index in range(4)]
    assert errors == pytest.approx(list(other.errors), rel=2e-3)
    outer = np.outer(errors, errors)
    assert found.covariance[0] / outer == pytest.approx(
        np.array(other.covariance) / outer, abs=5e-3
    )


def test_a_constraint_holds_its_parameter() -> None:
    """A broad peak of 45 events that the constraint of 30 allows, half against the background."""
    counts = spectra(1, 20240502, signal=0.0) + 45 * BROAD
    held = fitted(counts, settings())
    assert 0 < held.error(3)[0] < 1
    assert held.deviance[0] == pytest.approx(cost(counts[0])(held.values[0]))
    without = Settings(np.arange(4), np.zeros(4, dtype=bool), NOTHING_LOW, NOTHING_HIGH)
    loose = fitted(counts, without)
    assert loose.error(3)[0] > 1
    assert loose.deviance[0] < held.deviance[0]


def test_a_parameter_stops_at_its_end_and_the_others_go_on() -> None:
    counts = spectra(1, 20240503, size=5.0, signal=-40.0)
    free = fitted(counts, settings())
    assert free.values[0, 2] < 0
    found, other = fitted(counts, settings(least_signal=0.0)), minuit(counts[0], least=0.0)
    assert found.converged.all()
    assert found.values[0, 2] == 0
    assert found.deviance[0] == pytest.approx(other.fval, abs=1e-3)
    without = fitted(counts, settings((0, 1, 3)))
    assert found.values[0] == pytest.approx(without.values[0], abs=1e-3)


def test_rows_are_fitted_as_if_they_were_alone() -> None:
    """More rows than are minimised together."""
    counts = spectra(600, 20240504)
    together = fitted(counts, settings())
    assert together.converged.all()
    for row in (0, 1, 255, 511, 512, 599):
        alone = fitted(counts[[row]], settings())
        assert together.values[row] == pytest.approx(alone.values[0], rel=1e-9, abs=1e-9)
        assert together.deviance[row] == pytest.approx(alone.deviance[0], rel=1e-9)
        assert together.covariance[row] == pytest.approx(alone.covariance[0], rel=1e-7, abs=1e-12)


def test_a_row_that_runs_away_does_not_disturb_the_others() -> None:
    """All events in the first bin: ever steeper. And one whose start has no likelihood."""
    counts = spectra(5, 20240505)
    alone = fitted(counts, settings((0, 1)))
    lost = np.zeros((1, 40))
    lost[0, 0] = 1000.0
    start = np.tile(START, (7, 1))
    start[6, 2] = -1e5
    together = minimise(
        Falling(), np.concatenate([counts, lost, counts[:1]]), start, settings((0, 1))
    )
    assert together.converged.tolist() == [True] * 5 + [False] * 2
    assert together.values[:5] == pytest.approx(alone.values, rel=1e-9)
    assert together.covariance[:5] == pytest.approx(alone.covariance, rel=1e-7)
    assert together.deviance[6] == np.inf
    assert together.values[6] == pytest.approx(start[6])


class Counted(Falling):
    """Counts how often rows are asked for."""

    rows: ClassVar[list[int]] = []

    def parts(self, values: np.ndarray, rows: np.ndarray, free: np.ndarray) -> tuple[Part]:
        self.rows.append(len(rows))
        return super().parts(values, rows, free)


def test_a_deficit_ends_where_a_bin_expects_nothing() -> None:
    """The least deviance of few events is found though it lies at the end of what is allowed.

    SLSQP with the expectations as constraints, started there, finds nothing that is lower by more
    than a thousandth. (Without traces in empty bins half of the fits ended nowhere.)
    """
    rng = np.random.default_rng(20240507)
    counts = rng.poisson(0.4 * np.exp(-2 * X), (200, 40)).astype(float)
    start = np.tile([np.log(0.4), -2.0, 0.0, 0.0], (200, 1))
    found = minimise(Falling(), counts, start, settings())
    assert found.converged.mean() > 0.9  # others run away
    expected = Falling().expected(found.values, np.arange(200))
    at_end = np.flatnonzero(found.converged & (expected.min(axis=1) < 1e-3))
    assert len(at_end) > 20
    allowed = {"type": "ineq", "fun": lambda p: Falling().expected(p[None], START)[0] - 1e-9}
    for row in at_end[:10]:
        other = optimize.minimize(
            cost(counts[row]), found.values[row], method="SLSQP", constraints=allowed
        )
        assert found.deviance[row] < other.fun + 1e-3


def test_a_row_that_gets_no_further_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """All events in the first bin: the function gets ever steeper, and the deviance no lower."""
    lost = np.zeros((1, 40))
    lost[0, 0] = 1000.0
    curve = Counted()
    curve.rows.clear()
    found = minimise(curve, lost, START[None], settings((0, 1)))
    steps = len(curve.rows)
    monkeypatch.setattr(scoring, "_PATIENCE", 10**9)
    curve.rows.clear()
    patient = minimise(curve, lost, START[None], settings((0, 1)))
    assert not found.converged[0]
    assert steps <= len(curve.rows)
    assert found.deviance == pytest.approx(patient.deviance, abs=1e-3)


@pytest.mark.parametrize("factor", [1e-2, 1.0, 1e4, 1e8])
def test_asimov_sets_of_any_size_are_returned(factor: float) -> None:
    truth = np.array([[4.0 + np.log(factor), -3.0, 20.0 * factor, 0.0]])
    counts = Falling().expected(truth, np.arange(1))
    found = fitted(counts, settings(), start=np.array([3.0 + np.log(factor), -2.0, 0.0, 0.0]))
    assert found.converged.all()
    assert found.deviance[0] == pytest.approx(0, abs=1e-6)
    assert found.values[0, 2] == pytest.approx(20 * factor, abs=0.01 * found.error(2)[0])
