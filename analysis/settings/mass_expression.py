"""Expressions in the mass m, such as ``"0.00611*m + 0.7778"``.

They are those of `processors.expressions` with one name and fewer operations: a width has numbers,
``m`` and arithmetic, and the terms of a user-defined background function (`families`) have ``log``,
``sqrt`` and ``exp`` beside them.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from analysis.settings.user_expression import user_expression
from processors.expressions import Evaluation, Expression, Quantity
from processors.expressions.grammar import Call, Node
from tools.arrays import FloatArray
from tools.errors import InputError

MAX_CHARACTERS = 200
_ARITHMETIC = ("+", "-", "*", "/", "**", "negative", "positive")
_FUNCTIONS = ("log", "sqrt", "exp")
_HOW = "write numbers, m, + - * / ** and brackets, such as '0.00611*m + 0.7778'"
_HOW_WITH_FUNCTIONS = (
    "write numbers, m, + - * / **, brackets, log, sqrt and exp, such as 'log(m/500)'"
)
_MASS = {"m": Quantity(unit=None)}
"""in GeV, and free to be taken for a number without a unit: widths and terms have no units yet"""


@dataclass(frozen=True, slots=True)
class MassExpression:
    """A function of the mass."""

    expression: Expression
    name: str
    """what it is for, in messages: an option such as ``--resolution``"""

    def at(self, mass_GeV: FloatArray, *, positive: bool = True) -> FloatArray:
        """Return its values.

        Parameters
        ----------
        mass_GeV : ndarray
            Of any shape.
        positive : bool
            Whether values that are not positive are refused, too.

        Returns
        -------
        ndarray
            The shape of `mass_GeV`; finite.

        Raises
        ------
        InputError
            If a value is not finite, or has the wrong sign; the message names the mass.

        Examples
        --------
        >>> width = mass_expression("0.00611*m + 0.7778", name="--resolution")
        >>> width.at(np.array([125.0, 750.0]))
        array([1.54155, 5.3603 ])
        """
        masses = np.asarray(mass_GeV, dtype=np.float64)
        found = Evaluation({"m": masses}).of(self.expression).values
        # A constant is one number, and a view of it could not be written to.
        values = np.broadcast_to(found, masses.shape).astype(np.float64)
        bad = ~np.isfinite(values) | (positive & (values <= 0))
        if bad.any():
            mass, value = float(masses[bad].flat[0]), float(values[bad].flat[0])
            raise InputError(
                f"{self.name}: {self.expression.text!r} is {value:g} at m = {mass:g} "
                f"GeV; it must be finite{' and positive' if positive else ''} at every mass"
            )
        return values


def mass_expression(text: str, *, name: str, functions: bool = False) -> MassExpression:
    """Read an expression in m.

    Parameters
    ----------
    text : str
        At most `MAX_CHARACTERS` characters.
    name : str
        What it is for, for the messages.
    functions : bool
        Whether ``log``, ``sqrt`` and ``exp`` may be used.

    Raises
    ------
    InputError
        If it is anything but numbers, ``m``, ``+ - * / **``, brackets and these functions, or if an
        exponent is not a constant of at most 4 in absolute value.
    """
    if len(text) > MAX_CHARACTERS:
        raise InputError(
            f"{name}: {text[:20]!r}... has {len(text)} characters; {MAX_CHARACTERS} are allowed"
        )
    how = _HOW_WITH_FUNCTIONS if functions else _HOW
    allowed = (*_ARITHMETIC, *(_FUNCTIONS if functions else ()))
    expression = user_expression(text, _MASS, name, wanted="number", how=how)
    for operation in _operations(expression.tree):
        if operation not in allowed:
            raise InputError(f"{name}: {text!r} cannot be read: {operation} is not allowed; {how}")
    return MassExpression(expression, name)


def _operations(node: Node) -> Iterator[str]:
    if isinstance(node, Call):
        yield node.operation
        for each in node.arguments:
            yield from _operations(each)
