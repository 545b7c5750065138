"""Background functions: their integrals, their count, their formulas, their fits."""

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.optimize import minimize

from analysis.statistics.background.families import FittedFunction, Function, functions
from analysis.statistics.background.goodness import deviance
from analysis.statistics.background.poisson import (
    Model,
    fitted_functions,
    minuit_fit,
    model,
    scoring_fit,
)
from analysis.statistics.spectra.bins import Bins
from tools.errors import InputError

LOW, HIGH = np.arange(100.0, 2000, 10), np.arange(110.0, 2001, 10)
EDGES = np.arange(400.0, 1101, 10)
STEEP = {
    "exp": (3, [0.0, -4.7, 0.2, 0.1]),
    "power": (3, [0.0, -5.0, -1.5, 0.3]),
    "atlas-diphoton": (1, [5.0, 20.0, 3.0, 0.9]),
    "dijet": (1, [-16.0, 10.0, 6.5, 0.3]),
    "cms-diphoton": (2, [0.0, -5.0, -1.5, 0.3]),
    "bernstein": (4, [6.0, 4.0, 1.0, -1.0, -30.0]),
}


def steep(family: str) -> FittedFunction:
    """Return a function that falls as steeply as the course's spectra."""
    order, theta = STEEP[family]
    function = Function(family, order).within(100, 2000)
    size = len(theta)
    return FittedFunction(function, np.eye(size), np.array(theta), np.eye(size))


def bins(counts: np.ndarray, edges: np.ndarray = EDGES) -> Bins:
    return Bins(edges[:-1], edges[1:], counts, counts)


def falling(events: float, tau: float) -> np.ndarray:
    left = np.exp(-(EDGES - EDGES[0]) / tau)
    return np.asarray(-events * np.diff(left) / (1 - left[-1]))


@pytest.mark.parametrize("family", STEEP)
def test_integrals_over_bins_are_exact(family: str) -> None:
    function = steep(family)

    def density(mass: float) -> float:
        return float(function.density(np.array([mass]))[0][0])

    integrals = function.events(LOW, HIGH)
    for bin_ in (0, 10, 29, 100, 189):
        exact, _ = quad(density, LOW[bin_], HIGH[bin_], epsrel=1e-12)
        assert integrals[bin_] == pytest.approx(exact, rel=1e-9)


def test_the_published_atlas_formula() -> None:
    x, a0, a1, b = 0.05, -3.0, -0.4, 12.0
    published = 7.0 * (1 - x ** (1 / 3)) ** b * x ** (a0 + a1 * np.log(x))
    function = Function("atlas-diphoton", 1, sqrt_s_GeV=13_000)
    assert function.parameters == ("ln_N", "b", "a0", "a1")
    basis = function.basis(np.array([x * 13_000]))
    assert np.exp(basis @ [np.log(7.0), b, a0, a1])[0] == pytest.approx(published)


def test_the_published_dijet_formula() -> None:
    x, p1, p2, p3, p4 = 0.05, 9.0, 4.0, -0.3, 0.02
    log = np.log(x)
    for order, published in ((1, p2 + p3 * log), (2, p2 + p3 * log + p4 * log**2)):
        function = Function("dijet", order, sqrt_s_GeV=13_000)
        assert function.parameters == ("ln_p0", "p1", "p2", "p3", "p4")[: order + 3]
        basis = function.basis(np.array([x * 13_000]))
        theta = [np.log(7.0), p1, p2, p3, p4][: order + 3]
        assert np.exp(basis @ theta)[0] == pytest.approx(7.0 * (1 - x) ** p1 / x**published)


def test_the_published_cms_formula() -> None:
    """In units of 500 GeV, and that in GeV is the same family."""
    y, a, b = 1.7, -4.0, -0.8
    function = Function("cms-diphoton", 1)
    assert function.parameters == ("ln_N", "a", "b")
    basis = function.basis(np.array([500 * y]))
    assert np.exp(basis @ [np.log(7.0), a, b])[0] == pytest.approx(7 * y ** (a + b * np.log(y)))
    masses = np.array([120.0, 500.0, 900.0, 3000.0])
    in_GeV = (6 + 2 * np.log(masses)) * np.log(masses)
    logs = function.basis(masses)
    found, *_ = np.linalg.lstsq(logs, in_GeV)
    assert logs @ found == pytest.approx(in_GeV)


def test_bernstein_polynomials_add_to_one_and_draw_straight_lines() -> None:
    masses = np.array([100.0, 137.0, 150.0, 200.0])
    for order in range(1, 8):
        function = Function("bernstein", order).within(100, 200)
        basis = function.basis(masses)
        assert basis.sum(axis=-1) == pytest.approx(np.ones(4))
        line = basis @ np.linspace(1, 3, order + 1)
        assert line == pytest.approx(1 + 2 * (masses - 100) / 100)
        assert function.parameters == tuple(f"theta{j}" for j in range(order + 1))


def test_a_bernstein_polynomial_keeps_its_range() -> None:
    function = Function("bernstein", 2)
    with pytest.raises(ValueError, match="needs a range"):
        function.basis(EDGES)
    assert function.within(1, 2).within(3, 4).range_GeV == (1, 2)
    assert Function("exp", 2).within(1, 2) == Function("exp", 2)


def test_an_unknown_family_is_refused() -> None:
    with pytest.raises(ValueError, match="there is no family 'spline'"):
        Function("spline", 1).basis(EDGES)


def test_names_and_numbers_of_parameters() -> None:
    for family in STEEP:
        for order in range(1, 8):
            function = Function(family, order).within(100, 2000)
            basis = function.basis(np.array([[300.0, 800.0]]))
            assert basis.shape == (1, 2, len(function.parameters))
            assert len(set(function.parameters)) == len(function.parameters)
            assert function.name == f"{family} {order}"


def test_the_simplest_function_comes_first_and_then_the_first_family() -> None:
    found = functions(
        ("atlas-diphoton", "exp"), min_parameters=2, max_parameters=5, sqrt_s_GeV=14_000
    )
    assert [function.name for function in found] == [
        "exp 1",
        "atlas-diphoton 0",
        "exp 2",
        "atlas-diphoton 1",
        "exp 3",
        "atlas-diphoton 2",
        "exp 4",
    ]


def test_all_families_in_order_and_no_function_twice() -> None:
    def names(*families: str) -> list[str]:
        found = functions(families, min_parameters=2, max_parameters=4, sqrt_s_GeV=13_000)
        assert {function.sqrt_s_GeV for function in found} == {13_000}
        return [function.name for function in found]

    assert names("bernstein", "cms-diphoton", "power", "dijet") == [
        "bernstein 1",
        "power 1",
        "bernstein 2",
        "cms-diphoton 1",
        "dijet 0",
        "bernstein 3",
        "cms-diphoton 2",
        "dijet 1",
    ]
    assert names("power", "cms-diphoton") == ["power 1", "power 2", "power 3"]
    masses = np.array([120.0, 700.0])
    power, cms = Function("power", 3), Function("cms-diphoton", 2)
    assert np.array_equal(power.basis(masses), cms.basis(masses))


def test_no_function_is_refused() -> None:
    with pytest.raises(InputError, match="no function of atlas-diphoton has 2 to 2 parameters"):
        functions(("atlas-diphoton",), min_parameters=2, max_parameters=2, sqrt_s_GeV=14_000)


@pytest.mark.parametrize("family", STEEP)
def test_a_fit_to_its_own_expectation_gives_a_function_back(family: str) -> None:
    truth = steep(family)
    counts = truth.events(LOW, HIGH)
    fit_model = model((truth.function,), (Bins(LOW, HIGH, counts, counts),))
    fit = scoring_fit(counts[None], fit_model)
    (found,) = fitted_functions(fit_model, fit)
    assert fit.converged.all()
    assert fit.deviance[0] < 1e-5
    assert found.function == truth.function
    for here, there in zip(found.parameters, truth.parameters, strict=True):
        assert abs(here.value - there.value) < 0.01 * here.error
    assert found.events(LOW, HIGH).sum() == pytest.approx(counts.sum(), rel=1e-6)


@pytest.mark.parametrize("family", STEEP)
def test_sidebands_with_a_gap_predict_it(family: str) -> None:
    truth = steep(family)
    parts = [np.arange(100.0, 401, 10), np.arange(1100.0, 2001, 50)]
    group = Bins.joined([bins(truth.events(part[:-1], part[1:]), part) for part in parts])
    fit_model = model((Function(family, truth.function.order),), (group,))
    fit = scoring_fit(group.counts[None], fit_model)
    (found,) = fitted_functions(fit_model, fit)
    inside = np.arange(400.0, 1100, 10), np.arange(410.0, 1101, 10)
    assert fit.converged.all()
    # A Bernstein polynomial takes its range from the outermost edges: the true one.
    assert found.function == truth.function
    miss = found.events(*inside).sum() - truth.events(*inside).sum()
    assert abs(miss) < 0.01 * found.yield_error(*inside)


def mixed() -> Model:
    """Return a model of three channels, the additive one in the middle."""
    three = (Function("exp", 2), Function("bernstein", 3), Function("dijet", 1))
    return model(three, tuple(bins(falling(events, 200)) for events in (500, 4_000, 90_000)))


def test_slopes_are_the_derivatives_of_the_expectations() -> None:
    fit_model, step = mixed(), 1e-5
    rng = np.random.default_rng(1)
    theta = fit_model.start + rng.normal(0, 0.1, (3, fit_model.size))
    slopes = fit_model.slopes(theta)
    for parameter in range(fit_model.size):
        shift = step * np.eye(fit_model.size)[parameter]
        change = fit_model.expected(theta + shift) - fit_model.expected(theta - shift)
        scale = np.abs(slopes[..., parameter]).max()
        assert slopes[..., parameter] == pytest.approx(change / (2 * step), abs=1e-6 * scale)
    # One row alone is what it is among others.
    assert fit_model.slopes(theta[0]) == pytest.approx(slopes[0], rel=1e-12)


def test_a_channel_with_a_bernstein_polynomial_is_fitted_beside_others() -> None:
    rng = np.random.default_rng(2)
    fit_model = mixed()
    counts = rng.poisson(fit_model.expected(fit_model.start)).astype(float)
    both = scoring_fit(counts[None], fit_model)
    assert both.converged.all()
    alone = [
        scoring_fit(part[None], model((function,), (bins(part),))).deviance[0]
        for function, part in zip(fit_model.functions, np.split(counts, 3), strict=True)
    ]
    assert both.deviance[0] == pytest.approx(sum(alone), abs=1e-4)


def smallest_deviance(counts: np.ndarray, fit_model: Model) -> float:
    """Return the minimum over coefficients of zero or more, a convex problem, by SciPy."""
    (group,) = fit_model.groups
    design = np.einsum("bq,bqp->bp", group.weights, group.basis)
    unit = np.exp(fit_model.start)

    def cost(scaled: np.ndarray) -> tuple[float, np.ndarray]:
        expected = design @ (scaled * unit)
        gradient = 2 * unit * (design.T @ (1 - counts / expected))
        return float(deviance(counts, expected)), gradient

    found = minimize(
        cost,
        np.ones(len(unit)),
        jac=True,
        method="L-BFGS-B",
        bounds=[(1e-9, None)] * len(unit),
        options={"maxiter": 20_000, "maxfun": 50_000, "ftol": 1e-15, "gtol": 1e-8},
    )
    return float(found.fun)


@pytest.mark.parametrize(
    ("events", "tau", "order"),
    [(50, 60, 2), (3_000, 120, 1), (3_000, 120, 5), (3_000, 300, 7), (1e6, 60, 3), (1e6, 60, 5)],
)
def test_coefficients_that_want_to_be_zero_do_not_keep_a_fit_from_its_minimum(
    events: float, tau: float, order: int
) -> None:
    rng = np.random.default_rng(3)
    truth = falling(events, tau)
    counts = rng.poisson(truth, (10, len(truth))).astype(float)
    fit_model = model((Function("bernstein", order),), (bins(truth),))
    fits = scoring_fit(counts, fit_model)
    assert fits.converged.all()
    emptiest = fit_model.slopes(fits.theta).sum(axis=1).min(axis=1)
    for row in range(10):
        best = smallest_deviance(counts[row], fit_model)
        assert fits.deviance[row] == pytest.approx(best, abs=1e-3)
    assert np.any(emptiest < 1e-3)  # there are such coefficients
    one = scoring_fit(counts[:1], fit_model)
    quoted = minuit_fit(counts[0], fit_model, one)
    assert quoted.converged.all()
    (found,) = fitted_functions(fit_model, quoted)
    assert np.isfinite(found.density(EDGES)).all()
    assert found.events(EDGES[:-1], EDGES[1:]).sum() == pytest.approx(counts[0].sum(), rel=1e-3)


def test_the_error_of_a_bernstein_yield_is_what_toys_scatter_by() -> None:
    """400 toys: the pull's width has an error of 0.035; 5 sigma is a false alarm in 1e-6."""
    rng = np.random.default_rng(4)
    function = Function("bernstein", 2).within(400, 1100)
    exact = FittedFunction(function, np.eye(3), np.log([90.0, 20.0, 4.0]), np.eye(3))
    truth = exact.events(EDGES[:-1], EDGES[1:])
    outside = np.r_[0:20, 40:70]
    group = Bins(EDGES[:-1][outside], EDGES[1:][outside], truth[outside], truth[outside])
    fit_model = model((function,), (group,))
    fits = scoring_fit(rng.poisson(truth[outside], (400, 50)).astype(float), fit_model)
    assert fits.converged.all()
    inside = EDGES[20:40], EDGES[21:41]
    pulls = []
    for index in range(400):
        (found,) = fitted_functions(fit_model, fits, index)
        away = found.events(*inside).sum() - truth[20:40].sum()
        pulls.append(away / found.yield_error(*inside))
    assert np.std(pulls) == pytest.approx(1, abs=0.18)
    assert np.mean(pulls) == pytest.approx(0, abs=0.25)
