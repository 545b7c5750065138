r"""Falling functions for the background, and their integrals over bins.

==============  ===================================================================  ==============
family          f(m)                                                                 parameters
==============  ===================================================================  ==============
exp             N exp(a1 t + ... + ak t^k), t = m/(500 GeV) - 1                      k + 1
power           N exp(a1 l + ... + ak l^k), l = ln(m/(500 GeV))                      k + 1
atlas-diphoton  N (1 - x^(1/3))^b x^(a0 + a1 ln x + ... + ak ln^k x)                 k + 3
dijet           p0 (1 - x)^p1 / x^(p2 + p3 ln x + ... + p(k+2) ln^k x)               k + 3
cms-diphoton    N y^(a + b ln y + c ln^2 y + ...) to ln^k y, y = m/(500 GeV)         k + 2
bernstein       exp(theta0) B_0,k(u) + ... + exp(thetak) B_k,k(u), u from 0 to 1     k + 1
user-defined    N exp(a1 t1(m) + ... + ak tk(m)), terms t of the search file         k + 1
==============  ===================================================================  ==============

with the order k and x = m/sqrt(s). A function's order is told by its number of parameters, which is
what the families have in common. `atlas-diphoton` is the family of the ATLAS diphoton searches
(arXiv:1601.07330, eq. 2), `dijet` that of the dijet searches (arXiv:1911.03947, at k = 1), and
`cms-diphoton` that of the CMS diphoton searches (k = 1). Another unit of its mass changes N, a and
b but no function; at order k it is the family `power` at order k + 1, and the two are not both
tried.

All but one are log-linear: :math:`f(m) = \exp(\theta \cdot b(m))` with functions b that are fixed
once family and order are. One fit serves them all, and it has no start values to get wrong. The
Bernstein polynomials (B_j,k(u) = (k over j) u^j (1-u)^(k-j), u the position in the fit's range) are
*additive*, :math:`f(m) = e^\theta \cdot b(m)`: positive between the ends of the range, whatever the
parameters, and not to be used beyond them.

Integrals over bins are by four-point Gauss-Legendre quadrature, exact for polynomials of degree 7:
with bins of 10 GeV the relative error stays below 1e-9 for functions as steep as the course's
spectra. (Values at bin centres are wrong by (h/tau)^2/24, that is 0.04 % for bins of h = 10 GeV
and 0.9 % for the 50 GeV of the course, with tau = 106 GeV.)
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import comb

import numpy as np

from analysis.results.background import FunctionParameter
from analysis.settings.mass_expression import MassExpression
from analysis.settings.search import MAX_PARAMETERS
from analysis.settings.user_functions import parse_terms
from tools.arrays import FloatArray
from tools.errors import InputError
from tools.names import listed

REFERENCE_GeV = 500.0
"""where `exp`, `power` and `cms-diphoton` have their normalisation and centre"""
BELOW_SQRT_S = ("atlas-diphoton", "dijet")
"""families that end at the collision energy"""
_SIZES = {"exp": (1, 1), "power": (1, 1), "atlas-diphoton": (3, 0), "dijet": (3, 0),
          "cms-diphoton": (2, 1), "bernstein": (1, 1)}  # fmt: skip
"""family -> parameters at order 0, and lowest order"""
LOG_RANGE = 300.0
"""|ln f| beyond this is cut: a step that far out is refused by its deviance anyway"""
_POINTS, _WEIGHTS = np.polynomial.legendre.leggauss(4)


@dataclass(frozen=True, slots=True)
class Function:
    """One function: a family at one order."""

    family: str
    """one of the table above"""
    order: int
    """k of the table above"""
    sqrt_s_GeV: float = 14_000.0
    """collision energy, for `atlas-diphoton` and `dijet`"""
    range_GeV: tuple[float, float] | None = None
    """where u of `bernstein` is 0 and 1; None: where the first bins begin and the last end that it
    is fitted to (`within`)"""
    terms: tuple[MassExpression, ...] = ()
    """terms t1 to tk of a user-defined function"""

    @property
    def name(self) -> str:
        """Family and order, for people."""
        return f"{self.family} {self.order}"

    @property
    def additive(self) -> bool:
        """Whether f is a sum of e^parameter times b, not the exponential of such a sum."""
        return self.family == "bernstein"

    @property
    def parameters(self) -> tuple[str, ...]:
        """Names of the parameters; ``ln_N`` is the logarithm of N in events per GeV."""
        k = self.order
        if self.family == "atlas-diphoton":
            return ("ln_N", "b", *(f"a{j}" for j in range(k + 1)))
        if self.family == "dijet":
            return ("ln_p0", *(f"p{j}" for j in range(1, k + 3)))
        if self.family == "cms-diphoton":
            return ("ln_N", *"abcdefghi"[: k + 1])
        if self.family == "bernstein":
            return tuple(f"theta{j}" for j in range(k + 1))
        return ("ln_N", *(f"a{j}" for j in range(1, k + 1)))

    def within(self, low_GeV: float, high_GeV: float) -> "Function":
        """Return the function with this range, if it needs one and has none."""
        if self.family != "bernstein" or self.range_GeV is not None:
            return self
        return replace(self, range_GeV=(low_GeV, high_GeV))

    def basis(self, mass_GeV: FloatArray) -> FloatArray:
        """Return b(m), so that ln f = b(m) . parameters, or f = b(m) . e^parameters if `additive`.

        Parameters
        ----------
        mass_GeV : ndarray
            Of any shape; above 0, and below sqrt(s) for `atlas-diphoton` and `dijet`.

        Returns
        -------
        ndarray
            The shape of `mass_GeV` with one more axis, as long as `parameters`.

        Raises
        ------
        ValueError
            If the family is none of the table, or `bernstein` has no range.
        InputError
            If a term of a user-defined function is not finite at one of these masses.

        Examples
        --------
        >>> Function("exp", 2).basis(np.array([500.0, 1000.0]))
        array([[1., 0., 0.],
               [1., 1., 1.]])
        >>> Function("bernstein", 2).within(100, 200).basis(np.array([100.0, 150.0]))
        array([[1.  , 0.  , 0.  ],
               [0.25, 0.5 , 0.25]])
        """
        if self.terms:
            terms = self.terms[: self.order]
            values = [term.at(mass_GeV, positive=False) for term in terms]
            return np.stack([np.ones_like(values[0]), *values], axis=-1)
        if self.family == "exp":
            return _powers(mass_GeV / REFERENCE_GeV - 1, self.order)
        if self.family in ("power", "cms-diphoton"):
            order = self.order + (self.family == "cms-diphoton")
            return _powers(np.log(mass_GeV / REFERENCE_GeV), order)
        if self.family == "bernstein":
            return self._bernstein(mass_GeV)
        x = mass_GeV / self.sqrt_s_GeV
        powers = _powers(np.log(x), self.order + 1)
        # log1p keeps the digits that 1 - x loses where x is small.
        if self.family == "atlas-diphoton":
            return np.insert(powers, 1, np.log1p(-np.cbrt(x)), axis=-1)
        if self.family == "dijet":
            powers[..., 1:] *= -1  # the published formula divides
            return np.insert(powers, 1, np.log1p(-x), axis=-1)
        raise ValueError(f"there is no family {self.family!r}")

    def _bernstein(self, mass_GeV: FloatArray) -> FloatArray:
        if self.range_GeV is None:
            raise ValueError("a Bernstein polynomial needs a range; give it one with `within`")
        low, high = self.range_GeV
        u, k = (mass_GeV - low) / (high - low), self.order
        return np.stack([comb(k, j) * u**j * (1 - u) ** (k - j) for j in range(k + 1)], axis=-1)


def user_function(family: str, terms: Sequence[str], *, order: int | None = None) -> Function:
    """Return a user-defined function of the search file: ``N exp(a1 t1(m) + ... + ak tk(m))``.

    Parameters
    ----------
    family : str
        Its name.
    terms : sequence of str
        Expressions in m, in GeV, with ``log``, ``sqrt`` and ``exp``.
    order : int, optional
        How many of them are used; all unless given.

    Examples
    --------
    >>> user_function("tail", ["m/500", "log(m/500)"]).basis(np.array([500.0]))
    array([[1., 1., 0.]])

    Raises
    ------
    InputError
        If a term cannot be read.
    """
    parsed = parse_terms(family, terms)
    return Function(family, len(parsed) if order is None else order, terms=parsed)


def functions(
    families: Sequence[str],
    *,
    min_parameters: int,
    max_parameters: int,
    sqrt_s_GeV: float,
    own: Mapping[str, Sequence[str]] | None = None,
) -> tuple[Function, ...]:
    """Return the functions to try: the fewest parameters first, then in the order of `families`.

    Of two names for the same functions (`power` and `cms-diphoton`) the first listed is tried. The
    names in `own` are user-defined functions, with their terms.

    >>> [f.name for f in functions(("exp", "atlas-diphoton"), min_parameters=3, max_parameters=4,
    ...                            sqrt_s_GeV=14000)]
    ['exp 2', 'atlas-diphoton 0', 'exp 3', 'atlas-diphoton 1']

    Raises
    ------
    InputError
        If there is none.
    """
    found: dict[tuple[str, int], Function] = {}
    own = own or {}
    for parameters in range(min_parameters, max_parameters + 1):
        for family in families:
            if family in own:
                if len(own[family]) >= parameters - 1:
                    function = user_function(family, own[family], order=parameters - 1)
                    found[family, parameters] = function
                continue
            extra, lowest = _SIZES[family]
            order = parameters - extra
            if order >= lowest:
                same = "power" if family == "cms-diphoton" else family
                found.setdefault((same, parameters), Function(family, order, sqrt_s_GeV))
    if not found:
        raise InputError(
            f"[fit]: no function of {listed(families)} has {min_parameters} to {max_parameters} "
            "parameters; raise `max_parameters`"
        )
    return tuple(found.values())


def parameter_numbers(family: str, own: Mapping[str, Sequence[str]]) -> tuple[int, int]:
    """Return how many parameters a family has at least and at most, its normalisation included.

    >>> parameter_numbers("exp", {}), parameter_numbers("tail", {"tail": ["m", "log(m)"]})
    ((2, 10), (2, 3))
    """
    if family in own:
        return 2, len(own[family]) + 1
    extra, lowest = _SIZES[family]
    return extra + lowest, MAX_PARAMETERS


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


@dataclass(frozen=True, slots=True, eq=False)
class FittedFunction:
    """A function with fitted parameters and their covariance, to be evaluated anywhere."""

    function: Function
    rotation: FloatArray
    """printed parameters = rotation @ theta"""
    theta: FloatArray
    """fitted parameters, shape (P,)"""
    covariance: FloatArray
    """covariance of `theta`, shape (P, P)"""

    @property
    def parameters(self) -> tuple[FunctionParameter, ...]:
        """Values and standard deviations of the parameters, as named by the function."""
        values = self.rotation @ self.theta
        variances = np.einsum("pq,qr,pr->p", self.rotation, self.covariance, self.rotation)
        triples = zip(self.function.parameters, values, np.sqrt(variances), strict=True)
        return tuple(FunctionParameter(name=n, value=v, error=error) for n, v, error in triples)

    def density(self, mass_GeV: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return f in events per GeV, and its error, at some masses."""
        value, slopes = self._value_and_slopes(mass_GeV)
        error = np.sqrt(np.einsum("...p,pq,...q->...", slopes, self.covariance, slopes))
        return value, error

    def events(self, low_GeV: FloatArray, high_GeV: FloatArray) -> FloatArray:
        """Return the integrals over some bins."""
        masses, widths = quadrature(low_GeV, high_GeV)
        return np.asarray((self._value_and_slopes(masses)[0] * widths).sum(axis=-1))

    def yield_error(self, low_GeV: FloatArray, high_GeV: FloatArray) -> float:
        """Return the error of the sum over some bins, by the full covariance."""
        masses, widths = quadrature(low_GeV, high_GeV)
        slope = np.einsum("bq,bqp->p", widths, self._value_and_slopes(masses)[1])
        return float(np.sqrt(slope @ self.covariance @ slope))

    def second_order(
        self, low_GeV: FloatArray, high_GeV: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """Return how the integrals over some bins depend on `theta`, to second order.

        Returns
        -------
        slopes : ndarray, shape (B, P)
            First derivatives.
        bends : ndarray, shape (B,)
            Trace of the second derivatives times the covariance.
        """
        masses, widths = quadrature(low_GeV, high_GeV)
        value, slopes = self._value_and_slopes(masses)
        if self.function.additive:
            bends = slopes @ np.diag(self.covariance)
        else:
            bends = np.einsum("...p,pq,...q->...", slopes, self.covariance, slopes) / value
        return np.einsum("bq,bqp->bp", widths, slopes), np.asarray((widths * bends).sum(axis=-1))

    def _value_and_slopes(self, mass_GeV: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return f and its derivatives by `theta` on one more axis."""
        basis = self.function.basis(mass_GeV) @ self.rotation
        if self.function.additive:
            slopes = basis * np.exp(np.clip(self.theta, -LOG_RANGE, LOG_RANGE))
            return slopes.sum(axis=-1), slopes
        value = np.exp(np.clip(basis @ self.theta, -LOG_RANGE, LOG_RANGE))
        return value, value[..., None] * basis
