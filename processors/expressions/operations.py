"""The operators and functions: what they take, what they give, and what they compute.

Numbers are computed in float64, whatever the columns are stored in: a sum of uint8 does not wrap
around, and a float32 column is compared with 0.1, and not with the float32 next to it. Whole
numbers are compared as such, and divided with a rest: an event number above 2^53 is no float64.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import partial, reduce
from typing import Any

import numpy as np
import numpy.typing as npt

from processors.expressions.quantities import Quantity, Unit, common_unit

Values = npt.NDArray[Any]
Rule = Callable[[Sequence[Quantity]], Quantity]
MAX_EXPONENT = 4


class Unfit(Exception):  # noqa: N818 - it becomes an `ExpressionError`, with its place
    """Arguments that an operation does not take."""


@dataclass(frozen=True, slots=True)
class Operation:
    """An operator or a function of arrays of equal shape."""

    least: int
    """how many arguments it takes at least"""
    rule: Rule
    """gives what it returns for arguments that are all of events, or all of photons"""
    compute: Callable[..., Values]
    more: bool = False
    """whether it takes more arguments, too"""

    @property
    def most(self) -> float:
        """How many arguments it takes at most."""
        return np.inf if self.more else self.least


@dataclass(frozen=True, slots=True)
class Reduction:
    """A function of what the photons of an event have, which gives one value for the event."""

    rule: Rule
    """gives what it returns, but for the axis"""
    compute: np.ufunc
    nothing: float | bool | None
    """its value for no photons; None: there is none"""


def _numbers(parts: Sequence[Quantity]) -> None:
    if any(part.truth for part in parts):
        raise Unfit("takes numbers, and gets what is true or false; leave out the comparison")


def _same(parts: Sequence[Quantity]) -> Quantity:
    """Take numbers of one unit, which the result has, too."""
    _numbers(parts)
    try:
        unit = common_unit(parts)
    except ValueError as error:
        raise Unfit(f"is of different units, {error}; divide by something of the unit") from None
    return Quantity(unit=unit, free=any(part.free for part in parts))


def _compared(parts: Sequence[Quantity]) -> Quantity:
    _same(parts)
    return Quantity(truth=True)


def _logic(parts: Sequence[Quantity]) -> Quantity:
    if not all(part.truth for part in parts):
        raise Unfit("takes what is true or false, and gets a number; compare it with something")
    return Quantity(truth=True)


def _product(parts: Sequence[Quantity]) -> Quantity:
    return _multiplied(parts, Fraction(1))


def _quotient(parts: Sequence[Quantity]) -> Quantity:
    return _multiplied(parts, Fraction(-1))


def _multiplied(parts: Sequence[Quantity], power: Fraction) -> Quantity:
    _numbers(parts)
    one, other = parts
    free = one.free or other.free or (one.unit is None) != (other.unit is None)
    if one.unit is None and other.unit is None:
        return Quantity(unit=None)
    return Quantity(unit=(one.unit or Unit()) * (other.unit or Unit()) ** power, free=free)


def _plain(parts: Sequence[Quantity]) -> Quantity:
    """Take and give a number without a unit."""
    _numbers(parts)
    (part,) = parts
    if part.unit is not None and part.unit != Unit() and not part.free:
        raise Unfit(f"takes a number without a unit, and gets one in {part.unit}; divide it by one")
    return Quantity(unit=None if part.unit is None else Unit())


def _root(parts: Sequence[Quantity]) -> Quantity:
    _numbers(parts)
    (part,) = parts
    return Quantity(unit=part.unit and part.unit ** Fraction(1, 2), free=part.free)


def _how_many(parts: Sequence[Quantity]) -> Quantity:
    _logic(parts)
    return Quantity(unit=Unit())


def power_rule(base: Quantity, exponent: float) -> Quantity:
    """Return what a power is; the exponent is a constant.

    Raises
    ------
    Unfit
        If the base is no number, or the exponent too large.
    """
    _numbers([base])
    if not abs(exponent) <= MAX_EXPONENT:
        raise Unfit(f"has the exponent {exponent:g}; at most {MAX_EXPONENT} is allowed")
    power = Fraction(exponent).limit_denominator(1000)
    return Quantity(unit=base.unit and base.unit**power, free=base.free)


def _real(function: np.ufunc) -> Callable[..., Values]:
    """Return a function that computes in float64."""
    if function.nin == 1:
        return partial(function, dtype=np.float64)
    return _folded(partial(function, dtype=np.float64))


def _folded(function: Callable[..., Values]) -> Callable[..., Values]:
    """Return a function of several arguments."""
    return lambda *arguments: reduce(function, arguments)


def _remainder(dividend: Values, divisor: float | np.float64) -> Values:
    if np.asarray(dividend).dtype.kind in "iu" and isinstance(divisor, int):
        return np.asarray(np.remainder(dividend, divisor))
    return np.asarray(np.remainder(dividend, divisor, dtype=np.float64))


OPERATIONS: dict[str, Operation] = {
    "+": Operation(2, _same, _real(np.add)),
    "-": Operation(2, _same, _real(np.subtract)),
    "*": Operation(2, _product, _real(np.multiply)),
    "/": Operation(2, _quotient, _real(np.divide)),
    "%": Operation(2, _same, _remainder),
    "**": Operation(2, _same, _real(np.power)),
    "negative": Operation(1, _same, _real(np.negative)),
    "positive": Operation(1, _same, _real(np.positive)),
    "<": Operation(2, _compared, np.less),
    "<=": Operation(2, _compared, np.less_equal),
    ">": Operation(2, _compared, np.greater),
    ">=": Operation(2, _compared, np.greater_equal),
    "==": Operation(2, _compared, np.equal),
    "!=": Operation(2, _compared, np.not_equal),
    "and": Operation(2, _logic, _folded(np.logical_and), more=True),
    "or": Operation(2, _logic, _folded(np.logical_or), more=True),
    "not": Operation(1, _logic, np.logical_not),
    "abs": Operation(1, _same, _real(np.absolute)),
    "sqrt": Operation(1, _root, _real(np.sqrt)),
    "log": Operation(1, _plain, _real(np.log)),
    "exp": Operation(1, _plain, _real(np.exp)),
    "sin": Operation(1, _plain, _real(np.sin)),
    "cos": Operation(1, _plain, _real(np.cos)),
    "tan": Operation(1, _plain, _real(np.tan)),
    "sinh": Operation(1, _plain, _real(np.sinh)),
    "cosh": Operation(1, _plain, _real(np.cosh)),
    "tanh": Operation(1, _plain, _real(np.tanh)),
    "min": Operation(2, _same, _real(np.minimum), more=True),
    "max": Operation(2, _same, _real(np.maximum), more=True),
}
"""by their names"""

REDUCTIONS: dict[str, Reduction] = {
    "any": Reduction(_logic, np.logical_or, nothing=False),
    "all": Reduction(_logic, np.logical_and, nothing=True),
    "count": Reduction(_how_many, np.add, nothing=0.0),
    "sum": Reduction(_same, np.add, nothing=0.0),
    "min": Reduction(_same, np.minimum, nothing=None),
    "max": Reduction(_same, np.maximum, nothing=None),
}
"""by their names; ``min`` and ``max`` of one argument are these, and of several the others"""

OPERATORS = frozenset(name for name in OPERATIONS if not name.isalpha()) | {
    "and", "or", "not", "negative", "positive",
}  # fmt: skip
"""the operations that are not written as functions"""
FUNCTIONS = tuple(sorted((OPERATIONS.keys() | REDUCTIONS.keys()) - OPERATORS))
"""the names of all functions"""
COMPARISONS = ("<", "<=", ">", ">=", "==", "!=")
