"""The values of expressions, for many events at once.

Not every number is there: 1/0, the logarithm of a negative number, the largest momentum of no
photon, a column that holds NaN. Such a value is *undefined*, and what depends on it is neither true
nor false (Kleene's logic of three values): ``x > 0`` is undefined with it, and so is ``not x > 0``,
while ``a or x > 0`` is true where ``a`` is. What is undefined in the end is not true; `Found` says
where it is, so that it can be counted.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from processors.expressions.expression import OVER_PHOTONS, SPREAD, Expression
from processors.expressions.grammar import Call, Name, Node, Number
from processors.expressions.operations import COMPARISONS, OPERATIONS, REDUCTIONS, Values

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """Values of an expression."""

    values: Values
    """of each event, or of each photon of all events; False or any number where undefined"""
    undefined: Mask | None = None
    """where there is none; None: everywhere is one"""


class Evaluation:
    """Some events, of which expressions are evaluated; what two have in common is computed once.

    Parameters
    ----------
    columns : mapping of str to ndarray
        What is told once per event, shape (events,), and what each photon has, shape (photons,):
        of the photons of all events, in their order.
    counts : ndarray of int, shape (events,), optional
        How many photons each event has; not needed where no photons are named.

    Examples
    --------
    >>> from processors.expressions import Quantity, parse
    >>> quantities = {"pt": Quantity.number("GeV", per_photon=True)}
    >>> two = Evaluation({"pt": np.array([30.0, 20.0, 50.0])}, counts=np.array([2, 1]))
    >>> two.of(parse("sum(pt)", quantities, wanted="number")).values
    array([50., 50.])
    >>> two.mask(parse("any(pt > 40)", quantities, wanted="truth"))
    array([False,  True])
    """

    def __init__(
        self, columns: Mapping[str, Values], counts: npt.NDArray[np.integer[Any]] | None = None
    ) -> None:
        self.columns, self._counts = columns, counts
        self._known: dict[Node, Found] = {}

    def of(self, expression: Expression) -> Found:
        """Return the values of an expression."""
        # What has no value is no warning: it is marked.
        with np.errstate(all="ignore"):
            return self._found(expression.tree)

    def mask(self, expression: Expression) -> Mask:
        """Return where an expression is true: nowhere where it is undefined."""
        values: Mask = self.of(expression).values
        return values

    def _found(self, node: Node) -> Found:
        if isinstance(node, Number):
            # Compared in float64: a Python float would be rounded to a float32 column's type.
            return Found(node.value if isinstance(node.value, int) else np.float64(node.value))  # type: ignore[arg-type] # a scalar goes wherever an array goes
        if node not in self._known:
            found = self._column(node.name) if isinstance(node, Name) else self._call(node)
            self._known[node] = found
        return self._known[node]

    def _column(self, name: str) -> Found:
        values = np.asarray(self.columns[name])
        return Found(values, _not_finite(values))

    def _call(self, node: Call) -> Found:
        parts = [self._found(each) for each in node.arguments]
        if node.operation == SPREAD:
            return self._spread(parts[0])
        if node.operation.endswith(OVER_PHOTONS):
            return self._reduced(node.operation.removesuffix(OVER_PHOTONS), parts[0])
        if node.operation in ("and", "or"):
            return _logic(node.operation, parts)
        values = OPERATIONS[node.operation].compute(*(part.values for part in parts))
        undefined = _either(*(part.undefined for part in parts))
        if node.operation in COMPARISONS or node.operation == "not":
            return Found(values if undefined is None else values & ~undefined, undefined)
        return Found(values, _either(undefined, _not_finite(values)))

    def _spread(self, part: Found) -> Found:
        """Return what an event has, for each of its photons."""
        undefined = part.undefined
        return Found(
            np.repeat(part.values, self._of_events()),
            None if undefined is None else np.repeat(undefined, self._of_events()),
        )

    def _reduced(self, name: str, part: Found) -> Found:
        reduction, undefined = REDUCTIONS[name], None
        if part.undefined is not None:
            undefined = self._over_photons(np.logical_or, part.undefined, nothing=False)
        values = part.values
        if reduction.compute not in (np.logical_or, np.logical_and):
            values = values.astype(np.float64)
        elif name == "all" and part.undefined is not None:
            values = np.logical_or(values, part.undefined)
        nothing = np.nan if reduction.nothing is None else reduction.nothing
        found = self._over_photons(reduction.compute, values, nothing=nothing)
        if undefined is not None and name == "any":  # known where one photon is true
            undefined &= ~found
        if undefined is not None and name == "all":  # and where one is false
            undefined &= found
            found &= ~undefined
        if reduction.nothing is None:
            undefined = _either(undefined, self._of_events() == 0)
        return Found(found, undefined)

    def _over_photons(self, function: np.ufunc, values: Values, *, nothing: float) -> Values:
        """Return what a function makes of the photons of each event."""
        counts = self._of_events()
        there = counts > 0
        kind = np.bool_ if values.dtype == np.bool_ else np.float64
        result: Values = np.full(len(counts), nothing, kind)
        if there.any():
            # Events without photons take none of those between the others' beginnings.
            result[there] = function.reduceat(values, (np.cumsum(counts) - counts)[there])
        return result

    def _of_events(self) -> npt.NDArray[np.integer[Any]]:
        if self._counts is None:
            raise ValueError("an expression of photons needs the numbers of photons")
        return self._counts


def _not_finite(values: Values) -> Mask | None:
    """Return where values are not finite, None where all are: their sum tells it in one pass."""
    if values.dtype.kind != "f" or np.isfinite(np.add.reduce(values, axis=None)):
        return None
    wrong: Mask = ~np.isfinite(values)
    return wrong if wrong.any() else None


def _either(*masks: Mask | None) -> Mask | None:
    there = [mask for mask in masks if mask is not None]
    return np.logical_or.reduce(there) if len(there) > 1 else next(iter(there), None)


def _logic(operation: str, parts: list[Found]) -> Found:
    """Return ``and`` or ``or``: known where one part decides, whatever the others are."""
    values = OPERATIONS[operation].compute(*(part.values for part in parts))
    undefined = _either(*(part.undefined for part in parts))
    if undefined is None:
        return Found(values)
    if operation == "or":
        return Found(values, undefined & ~values)
    for part in parts:
        unknown = part.undefined
        undefined &= part.values if unknown is None else part.values | unknown
    return Found(values, undefined)
