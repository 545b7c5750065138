"""Expressions in the mass m, such as ``"0.00611*m + 0.7778"``, read without Python's `eval`.

What a user writes on the command line is text from outside: it is read by a small parser that knows
numbers, ``m``, ``+ - * / **`` and brackets, and nothing else. The grammar, with Python's precedence
(``-m**2`` is ``-(m**2)``, ``**`` binds to the right):

    sum     = product { ("+" | "-") product }
    product = factor { ("*" | "/") factor }
    factor  = ("+" | "-") factor | atom [ "**" factor ]
    atom    = number | "m" | "(" sum ")" | ("log" | "sqrt" | "exp") "(" sum ")"

The three functions are for the terms of a user-defined background function (`families`), not for a
width. An exponent is a constant of at most 4 in absolute value: enough for any resolution, and too
little to make a computer sweat. The result is a list of steps for a stack, so that evaluating it is
quick, cannot recurse and cannot call anything.
"""

import re
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import NoReturn

import numpy as np

from tools.arrays import FloatArray
from tools.errors import InputError

MAX_CHARACTERS = 200
MAX_EXPONENT = 4.0
_MAX_DEPTH = 40
"""of brackets, signs and exponents in each other: the parser would exceed Python's own depth"""
_TOKEN = re.compile(r"(\d+\.?\d*|\.\d+)(e[+-]?\d+)?|\*\*|[-+*/()]|[A-Za-z_]\w*", re.IGNORECASE)
_HOW = "write numbers, m, + - * / ** and brackets, such as '0.00611*m + 0.7778'"
_HOW_WITH_FUNCTIONS = (
    "write numbers, m, + - * / **, brackets, log, sqrt and exp, such as 'log(m/500)'"
)

_FUNCTIONS = ("log", "sqrt", "exp")
_OPERATIONS = {
    "+": np.add, "-": np.subtract, "*": np.multiply, "/": np.divide, "**": np.power,
    "negative": np.negative, "log": np.log, "sqrt": np.sqrt, "exp": np.exp,
}  # fmt: skip
Steps = tuple[float | str, ...]
"""For a stack: numbers and ``m`` are put on it, operations take theirs from it."""


@dataclass(frozen=True, slots=True)
class Expression:
    """A function of the mass."""

    text: str
    """as written"""
    name: str
    """what it is for, in messages: an option such as ``--resolution``"""
    steps: Steps

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
        >>> parse_expression("0.00611*m + 0.7778", name="--resolution").at(np.array([125.0, 750.0]))
        array([1.54155, 5.3603 ])
        """
        masses = np.asarray(mass_GeV, dtype=np.float64)
        # A constant leaves one number on the stack, and a view of it could not be written to.
        values = np.broadcast_to(_run(self.steps, masses), masses.shape).copy()
        bad = ~np.isfinite(values) | (positive & (values <= 0))
        if bad.any():
            mass, value = float(masses[bad].flat[0]), float(values[bad].flat[0])
            raise InputError(
                f"{self.name}: {self.text!r} is {value:g} at m = {mass:g} GeV; it must be finite"
                f"{' and positive' if positive else ''} at every mass"
            )
        return values


def parse_expression(text: str, *, name: str, functions: bool = False) -> Expression:
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
        If it is anything but numbers, ``m``, ``+ - * / **`` and brackets, or if an exponent is not
        a constant of at most `MAX_EXPONENT` in absolute value.
    """
    if len(text) > MAX_CHARACTERS:
        raise InputError(
            f"{name}: {text[:20]!r}... has {len(text)} characters; {MAX_CHARACTERS} are allowed"
        )
    if not text.strip():
        raise InputError(f"{name} is empty; {_HOW_WITH_FUNCTIONS if functions else _HOW}")
    return Expression(text, name, _Parser(text, name, functions=functions).parse())


def _run(steps: Steps, masses: FloatArray) -> FloatArray:
    """Return what the steps leave on the stack; not finite where it cannot be computed."""
    stack: list[FloatArray] = []
    # A logarithm of a negative number is no warning here: whoever asked refuses what is not finite,
    # and names the mass.
    with np.errstate(all="ignore"):
        for step in steps:
            if isinstance(step, float):
                stack.append(np.asarray(step))
            elif step == "m":
                stack.append(masses)
            else:
                operation = _OPERATIONS[step]
                taken = [stack.pop() for _ in range(operation.nin)]
                stack.append(np.asarray(operation(*reversed(taken))))
    return stack.pop()


class _Parser:
    """Recursive descent; each method reads one symbol of the grammar and returns its steps."""

    def __init__(self, text: str, name: str, *, functions: bool) -> None:
        self._text, self._name = text, name
        self._functions = _FUNCTIONS if functions else ()
        self._tokens = deque([*self._split(), ""])
        self._depth = 0

    def parse(self) -> Steps:
        steps = self._sum()
        if self._tokens[0]:
            self._refuse(f"{self._tokens[0]!r} stands where the expression could end")
        return steps

    def _split(self) -> list[str]:
        tokens, position = [], 0
        while rest := self._text[position:].lstrip():
            position = len(self._text) - len(rest)
            # ASCII first: \d and \w match digits and letters of every script, and float() reads
            # them.
            found = _TOKEN.match(self._text, position) if rest.isascii() else None
            if found is None:
                bad = next((c for c in rest if not c.isascii()), rest[0])
                self._refuse(f"{bad!r} is not allowed")
            tokens.append(found[0])
            position = found.end()
        return tokens

    def _sum(self) -> Steps:
        return self._joined(("+", "-"), self._product)

    def _product(self) -> Steps:
        return self._joined(("*", "/"), self._factor)

    def _joined(self, operations: tuple[str, ...], inner: Callable[[], Steps]) -> Steps:
        steps = inner()
        while self._tokens[0] in operations:
            operation = self._tokens.popleft()
            steps = (*steps, *inner(), operation)
        return steps

    def _factor(self) -> Steps:
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            self._refuse(f"it is nested more than {_MAX_DEPTH} deep")
        if self._tokens[0] in ("+", "-"):
            sign = self._tokens.popleft()
            steps = (*self._factor(), *(["negative"] if sign == "-" else []))
        else:
            steps = self._atom()
            if self._tokens[0] == "**":
                self._tokens.popleft()
                steps = (*steps, *self._exponent(), "**")
        self._depth -= 1
        return steps

    def _exponent(self) -> Steps:
        steps = self._factor()
        if "m" in steps:
            self._refuse("an exponent holds m; exponents are constants")
        value = float(_run(steps, np.zeros(())))
        # So, and not `>`: NaN (0/0 as exponent) is refused too.
        if not abs(value) <= MAX_EXPONENT:
            self._refuse(f"an exponent is {value:g}; at most {MAX_EXPONENT:g} is allowed")
        return steps

    def _atom(self) -> Steps:
        symbol = self._tokens.popleft()
        if symbol == "m":
            return ("m",)
        if symbol in self._functions and self._tokens[0] == "(":
            return (*self._atom(), symbol)
        if symbol == "(":
            steps = self._sum()
            if self._tokens.popleft() != ")":
                self._refuse("a bracket is not closed")
            return steps
        if symbol[:1].isdigit() or symbol[:1] == ".":
            if not np.isfinite(float(symbol)):
                self._refuse(f"{symbol!r} is too large")
            return (float(symbol),)
        if symbol[:1].isalpha() or symbol[:1] == "_":
            names = ", ".join(["m", *(f"{name}(...)" for name in self._functions)])
            only = f"the names are {names}" if self._functions else "the only name is m"
            return self._refuse(f"{symbol!r} is not allowed: {only}")
        missing = f"before {symbol!r}" if symbol else "at the end"
        return self._refuse(f"a number or m is missing {missing}")

    def _refuse(self, reason: str) -> NoReturn:
        how = _HOW_WITH_FUNCTIONS if self._functions else _HOW
        raise InputError(f"{self._name}: {self._text!r} cannot be read: {reason}; {how}")
