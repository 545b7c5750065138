r"""Falling functions for the background, and their integrals over bins.

All of them are log-linear: :math:`f(m) = \exp(\theta \cdot b(m))` with functions b that are fixed
once family and order are. One fit serves them all, and it has no start values to get wrong.

==============  =====================================================  ===================
family          f(m)                                                   parameters, order k
==============  =====================================================  ===================
exp             N exp(a1 t + ... + ak t^k), t = m/(500 GeV) - 1        k + 1
power           N exp(a1 l + ... + ak l^k), l = ln(m/(500 GeV))        k + 1
atlas-diphoton  N (1 - x^(1/3))^b x^(a0 + a1 ln x + ... + ak ln^k x)   k + 3
==============  =====================================================  ===================

with x = m/sqrt(s); the last is the family of the ATLAS diphoton searches (arXiv:1601.07330, eq.
2). A function's order is told by its number of parameters, which is what the families have in
common.

Integrals over bins are by four-point Gauss-Legendre quadrature, exact for polynomials of degree 7:
with bins of 10 GeV the relative error stays below 1e-9 for functions as steep as the course's
spectra. (Values at bin centres are wrong by (h/tau)^2/24, that is 0.04 % for bins of h = 10 GeV
and 0.9 % for the 50 GeV of the course, with tau = 106 GeV.)
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from analysis.statistics.spectra import FloatArray
from tools.errors import InputError

REFERENCE_GeV = 500.0
"""where `exp` and `power` have their normalisation, and the centre of their expansions"""
_EXTRA_PARAMETERS = {"exp": 1, "power": 1, "atlas-diphoton": 3}
_LOWEST_ORDER = {"exp": 1, "power": 1, "atlas-diphoton": 0}
_POINTS, _WEIGHTS = np.polynomial.legendre.leggauss(4)


@dataclass(frozen=True, slots=True)
class Function:
    """One function: a family at one order."""

    family: str
    """``"exp"``, ``"power"`` or ``"atlas-diphoton"``"""
    order: int
    """k of the table above"""
    sqrt_s_GeV: float = 14_000.0
    """collision energy, for `atlas-diphoton`"""

    @property
    def name(self) -> str:
        """Family and order, for people."""
        return f"{self.family} {self.order}"

    @property
    def parameters(self) -> tuple[str, ...]:
        """Names of the parameters; ``ln_N`` is the logarithm of N in events per GeV."""
        if self.family == "atlas-diphoton":
            return ("ln_N", "b", *(f"a{j}" for j in range(self.order + 1)))
        return ("ln_N", *(f"a{j}" for j in range(1, self.order + 1)))

    def log_basis(self, mass_GeV: FloatArray) -> FloatArray:
        """Return b(m), so that ln f = b(m) . parameters.

        Parameters
        ----------
        mass_GeV : ndarray
            Of any shape; below sqrt(s) for `atlas-diphoton`.

        Returns
        -------
        ndarray
            The shape of `mass_GeV` with one more axis, as long as `parameters`.

        Examples
        --------
        >>> Function("exp", 2).log_basis(np.array([500.0, 1000.0]))
        array([[1., 0., 0.],
               [1., 1., 1.]])
        """
        if self.family == "exp":
            return _powers(mass_GeV / REFERENCE_GeV - 1, self.order)
        if self.family == "power":
            return _powers(np.log(mass_GeV / REFERENCE_GeV), self.order)
        x = mass_GeV / self.sqrt_s_GeV
        powers = _powers(np.log(x), self.order + 1)
        return np.insert(powers, 1, np.log1p(-np.cbrt(x)), axis=-1)


def functions(
    families: Sequence[str], *, min_parameters: int, max_parameters: int, sqrt_s_GeV: float
) -> tuple[Function, ...]:  # fmt: skip
    """Return the functions to try: the fewest parameters first, then in the order of `families`.

    >>> [f.name for f in functions(("exp", "atlas-diphoton"), min_parameters=3, max_parameters=4,
    ...                            sqrt_s_GeV=14000)]
    ['exp 2', 'atlas-diphoton 0', 'exp 3', 'atlas-diphoton 1']

    Raises
    ------
    InputError
        If there is none.
    """
    found = tuple(
        Function(family, parameters - _EXTRA_PARAMETERS[family], sqrt_s_GeV)
        for parameters in range(min_parameters, max_parameters + 1)
        for family in families
        if parameters - _EXTRA_PARAMETERS[family] >= _LOWEST_ORDER[family]
    )
    if not found:
        raise InputError(
            f"[fit]: no function of {', '.join(families)} has {min_parameters} to {max_parameters} "
            "parameters; raise `max_parameters`"
        )
    return found


def quadrature(low_GeV: FloatArray, high_GeV: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return masses and weights (GeV) whose weighted sums of f are its integrals over the bins.

    Parameters
    ----------
    low_GeV, high_GeV : ndarray, shape (B,)
        Edges of the bins.

    Returns
    -------
    masses, weights : ndarray, shape (B, 4)

    Examples
    --------
    >>> masses, weights = quadrature(np.array([1.0]), np.array([2.0]))
    >>> round(float(np.sum(weights * masses**7)), 12)
    31.875
    """
    half, centre = (high_GeV - low_GeV) / 2, (high_GeV + low_GeV) / 2
    return centre[:, None] + half[:, None] * _POINTS, half[:, None] * _WEIGHTS


def _powers(x: FloatArray, order: int) -> FloatArray:
    return np.stack([x**j for j in range(order + 1)], axis=-1)
