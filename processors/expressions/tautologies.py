"""Requirements that are true, or false, whatever the columns hold.

``abs(eta) < 1.52 or abs(eta) > 1.37`` keeps every photon, and was meant to veto a range. What a
requirement compares is taken for independent numbers, and each is put before, on, between and
behind all that it is compared with: if the answer is always the same, it is the same for all
events. A requirement of which it is not the same may still be of no use, as that of
``x > 1 and -x > 1``, which is for the cutflow to tell.
"""

from collections.abc import Iterator, Mapping
from itertools import pairwise, product
from math import prod

from processors.expressions.expression import OVER_PHOTONS, Expression
from processors.expressions.grammar import Call, Node, Number
from processors.expressions.operations import COMPARISONS

_MOST = 4096
"""combinations that are tried; of more, nothing is known"""
_NEVER_NEGATIVE = ("abs", "sqrt", "exp", "cosh", f"count{OVER_PHOTONS}")
_LOGIC = ("and", "or", "not")
_Subject = Node | tuple[Node, Node]
"""a number that is compared with constants, or two that are compared with each other"""
_Given = Mapping[_Subject, float]


def always(expression: Expression) -> bool | None:
    """Return what a requirement is for all events, or None if that depends on them.

    Examples
    --------
    >>> from processors.expressions import Quantity, parse
    >>> columns = {"eta": Quantity.number("1")}
    >>> text = "abs(eta) < 1.52 or abs(eta) > 1.37"
    >>> always(parse(text, columns, wanted="truth"))
    True
    >>> always(parse(f"not ({text[:16]} and eta > 0)", columns, wanted="truth")) is None
    True
    """
    states: dict[_Subject, list[float]] = {}
    for subject, threshold in _compared(expression.tree):
        states.setdefault(subject, []).append(threshold)
    tried = {subject: _around(subject, some) for subject, some in states.items()}
    if prod(map(len, tried.values())) > _MOST:
        return None
    answers = {
        _true(expression.tree, dict(zip(tried, values, strict=True)))
        for values in product(*tried.values())
    }
    return answers.pop() if len(answers) == 1 else None


def _compared(node: Node) -> Iterator[tuple[_Subject, float]]:
    """Yield what is compared, with each constant that it is compared with."""
    if isinstance(node, Call) and node.operation in COMPARISONS:
        if not all(isinstance(each, Number) for each in node.arguments):
            yield _subject(node)
    elif isinstance(node, Call) and node.operation in _LOGIC:
        for each in node.arguments:
            yield from _compared(each)
    else:  # something that is true or false by itself
        yield node, 0.5


def _subject(node: Call) -> tuple[_Subject, float]:
    left, right = node.arguments
    if isinstance(right, Number):
        return left, float(right.value)
    if isinstance(left, Number):
        return right, float(left.value)
    return (left, right), 0.0


def _around(subject: _Subject, thresholds: list[float]) -> list[float]:
    """Return numbers before, on, between and behind the thresholds, as far as there are such."""
    if isinstance(subject, tuple) and subject[0] == subject[1]:
        return [0.0]
    some = sorted(set(thresholds))
    between = [(one + other) / 2 for one, other in pairwise(some)]
    tried = [2 * min(some[0], 0) - 1, *some, *between, 2 * max(some[-1], 0) + 1]
    if isinstance(subject, Call) and subject.operation in _NEVER_NEGATIVE:
        tried = [0.0, *(each for each in tried if each >= 0)]
    return list(dict.fromkeys(tried))


def _true(node: Node, given: _Given) -> bool:
    """Return the truth of a requirement, given the numbers that it compares."""
    if isinstance(node, Call) and node.operation in COMPARISONS:
        left, right = node.arguments
        if isinstance(left, Number) and isinstance(right, Number):
            return _holds(node.operation, left.value, right.value)
        subject, threshold = _subject(node)
        turned = isinstance(left, Number)
        pair = (threshold, given[subject]) if turned else (given[subject], threshold)
        return _holds(node.operation, *pair)
    if isinstance(node, Call) and node.operation in _LOGIC:
        answers = [_true(each, given) for each in node.arguments]
        return {"and": all(answers), "or": any(answers), "not": not answers[0]}[node.operation]
    return given[node] > 0.5  # noqa: PLR2004 - as in `_compared`


def _holds(comparison: str, left: float, right: float) -> bool:
    return {
        "<": left < right, "<=": left <= right, ">": left > right, ">=": left >= right,
        "==": left == right, "!=": left != right,
    }[comparison]  # fmt: skip
