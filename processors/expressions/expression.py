"""An expression that has been read and checked against the columns there are."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from processors.expressions.grammar import Call, ExpressionError, Name, Node, Number, names_in, read
from processors.expressions.operations import (
    FUNCTIONS,
    OPERATIONS,
    OPERATORS,
    REDUCTIONS,
    Unfit,
    power_rule,
)
from processors.expressions.quantities import Quantity, Unit

SPREAD, OVER_PHOTONS = "of each photon", " over photons"
"""an event's value, repeated for its photons; the end of a reduction's name in the checked tree"""
ENERGIES = {"MeV": 1e-3, "GeV": 1.0, "TeV": 1e3}
"""names of numbers with a unit, in GeV"""
_SIGNS = {"negative": "-", "positive": "+"}
Wanted = Literal["number", "truth"]


@dataclass(frozen=True, slots=True)
class Expression:
    """An expression, and what it is."""

    text: str
    """as written"""
    tree: Node
    """what is computed; constants are numbers in it"""
    quantity: Quantity
    """what comes out"""

    @property
    def names(self) -> tuple[str, ...]:
        """The columns that it needs, each once."""
        return tuple(dict.fromkeys(each.name for each in names_in(self.tree)))


def parse(
    text: str,
    columns: Mapping[str, Quantity],
    *,
    wanted: Wanted,
    per_photon: bool = False,
) -> Expression:
    """Read an expression, and check its names, types and units.

    Parameters
    ----------
    text : str
        At most `grammar.MAX_CHARACTERS` characters.
    columns : mapping of str to Quantity
        What may be named in it.
    wanted : {"number", "truth"}
        What it has to be.
    per_photon : bool
        Whether it has to be something that each photon has, and not each event.

    Raises
    ------
    ExpressionError
        If it is not in the language, names what is not there, compares what cannot be compared, or
        is not what is wanted.

    Examples
    --------
    >>> columns = {"pt": Quantity.number("GeV", per_photon=True), "m_yy": Quantity.number("GeV")}
    >>> parse("pt / m_yy > 0.35", columns, wanted="truth", per_photon=True).names
    ('pt', 'm_yy')
    >>> parse("count(pt > 25) >= 2", columns, wanted="truth").quantity.words
    'true or false of an event'
    """
    tree, quantity = _Checker(columns).checked(read(text))
    _refuse_other(quantity, wanted, per_photon=per_photon)
    return Expression(text, tree, quantity)


def _refuse_other(quantity: Quantity, wanted: Wanted, *, per_photon: bool) -> None:
    right = {"number": "a number", "truth": "what is true or false"}[wanted]
    if quantity.truth != (wanted == "truth"):
        raise _told(0, f"it is {quantity.words}; {right} is wanted")
    if quantity.per_photon and not per_photon:
        reductions = ", ".join(f"{name}(...)" for name in sorted(REDUCTIONS))
        raise _told(
            0, f"it is {quantity.words}; {right} of the event is wanted: put it into {reductions}"
        )
    if per_photon and not quantity.per_photon:
        raise _told(0, f"it is {quantity.words}; {right} of each photon is wanted")


class _Checker:
    """Finds what each part of a tree is, from the leaves up."""

    def __init__(self, columns: Mapping[str, Quantity]) -> None:
        self._columns = columns

    def checked(self, node: Node) -> tuple[Node, Quantity]:
        """Return a part with constants computed, and what it is."""
        if isinstance(node, Number):
            return node, Quantity(unit=None)
        if isinstance(node, Name):
            return self._named(node)
        parts = [self.checked(each) for each in node.arguments]
        try:
            return self._called(node, [n for n, _ in parts], [q for _, q in parts])
        except Unfit as error:
            raise _told(node.place, f"{_shown(node.operation)} {error}") from None

    def _named(self, node: Name) -> tuple[Node, Quantity]:
        if node.name in self._columns:
            return node, self._columns[node.name]
        if node.name in ENERGIES:
            return Number(ENERGIES[node.name], node.place), Quantity(unit=Unit.of("GeV"))
        if node.name in FUNCTIONS:
            raise _told(node.place, f"{node.name} is a function; write {node.name}(...)")
        raise ExpressionError(
            node.place, f"there is no {node.name!r}", unknown=(node.name, self._columns)
        )

    def _called(
        self, node: Call, arguments: list[Node], parts: list[Quantity]
    ) -> tuple[Node, Quantity]:
        name = node.operation
        if name not in FUNCTIONS and name not in OPERATORS:
            raise ExpressionError(
                node.place, f"there is no function {name!r}", unknown=(name, FUNCTIONS)
            )
        if name in REDUCTIONS and (len(parts) == 1 or name not in OPERATIONS):
            return self._reduced(node, arguments, parts)
        operation = OPERATIONS[name]
        if not operation.least <= len(parts) <= operation.most:
            how_many = f"{operation.least}{'' if operation.most == operation.least else ' or more'}"
            raise Unfit(f"takes {how_many} arguments in its brackets, and gets {len(parts)}")
        if name == "**":
            made = power_rule(parts[0], _constant(arguments[1], "an exponent"))
        else:
            made = operation.rule(parts)
        if name == "%" and _constant(arguments[1], "what is behind %") == 0:
            raise Unfit("divides by 0")
        if all(isinstance(each, Number) for each in arguments) and not made.truth:
            return _folded(node, arguments), replace(made, per_photon=False)
        per_photon = any(part.per_photon for part in parts)
        spread = tuple(
            each if part.per_photon or not per_photon or isinstance(each, Number)
            else Call(SPREAD, (each,), each.place)
            for each, part in zip(arguments, parts, strict=True)
        )  # fmt: skip
        return Call(name, spread, node.place), replace(made, per_photon=per_photon)

    @staticmethod
    def _reduced(node: Call, arguments: list[Node], parts: list[Quantity]) -> tuple[Node, Quantity]:
        if len(parts) != 1:
            raise Unfit(f"takes 1 argument in its brackets, and gets {len(parts)}")
        if not parts[0].per_photon:
            raise Unfit(f"takes what each photon has, and gets {parts[0].words}")
        made = REDUCTIONS[node.operation].rule(parts)
        tree = Call(node.operation + OVER_PHOTONS, tuple(arguments), node.place)
        return tree, replace(made, per_photon=False)


def _told(place: int, reason: str) -> ExpressionError:
    """Return what is wrong with something whose reason says what to do."""
    return ExpressionError(place, reason, explained=True)


def _constant(node: Node, what: str) -> float:
    if not isinstance(node, Number):
        raise _told(node.place, f"{what} is a column; it must be a constant")
    return float(node.value)


def _folded(node: Call, arguments: list[Node]) -> Number:
    """Return the number that an operation of constants is."""
    values = [each.value for each in arguments if isinstance(each, Number)]
    if node.operation in _SIGNS:  # of whole numbers they stay whole: none is rounded
        return Number(-values[0] if node.operation == "negative" else values[0], node.place)
    with np.errstate(all="ignore"):
        value = float(OPERATIONS[node.operation].compute(*values))
    if not np.isfinite(value):
        raise _told(node.place, f"{_shown(node.operation)} gives no finite number here")
    return Number(value, node.place)


def _shown(operation: str) -> str:
    return _SIGNS.get(operation, operation)
