"""Background functions: their integrals, their count, their formulas."""

import numpy as np
import pytest
from scipy.integrate import quad

from analysis.statistics.families import Function, functions, quadrature
from tools.errors import InputError

LOW, HIGH = np.arange(100.0, 2000, 10), np.arange(110.0, 2001, 10)
STEEP = {
    "exp": [0.0, -4.7, 0.2, 0.1],
    "power": [0.0, -5.0, -1.5, 0.3],
    "atlas-diphoton": [5.0, 20.0, 3.0, 0.9],
}


@pytest.mark.parametrize("family", STEEP)
def test_integrals_over_bins_are_exact(family: str) -> None:
    function = Function(family, len(STEEP[family]) - (3 if family == "atlas-diphoton" else 1))
    theta = np.array(STEEP[family])

    def density(mass: float) -> float:
        return float(np.exp(function.log_basis(np.array([mass])) @ theta)[0])

    masses, weights = quadrature(LOW, HIGH)
    integrals = (np.exp(function.log_basis(masses) @ theta) * weights).sum(axis=1)
    for bin_ in (0, 10, 29, 100, 189):
        exact, _ = quad(density, LOW[bin_], HIGH[bin_], epsrel=1e-12)
        assert integrals[bin_] == pytest.approx(exact, rel=1e-9)


def test_the_published_atlas_formula() -> None:
    x, a0, a1, b = 0.05, -3.0, -0.4, 12.0
    published = 7.0 * (1 - x ** (1 / 3)) ** b * x ** (a0 + a1 * np.log(x))
    function = Function("atlas-diphoton", 1, sqrt_s_GeV=13_000)
    assert function.parameters == ("ln_N", "b", "a0", "a1")
    basis = function.log_basis(np.array([x * 13_000]))
    assert np.exp(basis @ [np.log(7.0), b, a0, a1])[0] == pytest.approx(published)


def test_names_and_numbers_of_parameters() -> None:
    for family in STEEP:
        for order in range(1, 4):
            function = Function(family, order)
            basis = function.log_basis(np.array([[300.0, 800.0]]))
            assert basis.shape == (1, 2, len(function.parameters))
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


def test_no_function_is_refused() -> None:
    with pytest.raises(InputError, match="no function of atlas-diphoton has 2 to 2 parameters"):
        functions(("atlas-diphoton",), min_parameters=2, max_parameters=2, sqrt_s_GeV=14_000)
