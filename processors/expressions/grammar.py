"""From text to a tree of numbers, names and calls.

Python's parser (`ast`) reads the text: its precedence is the one that users know. Its tree is
turned into ours, in which an operator is a call like that of a function, and what has no place in
it is refused.
"""

import ast
import math
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

MAX_CHARACTERS = 2000
_MAX_DEPTH = 100
"""of calls and operators in each other: each is a call of ours when it is evaluated"""

_OPERATORS: dict[type[ast.AST], str] = {
    ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.Mod: "%", ast.Pow: "**",
    ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.Eq: "==", ast.NotEq: "!=",
    ast.And: "and", ast.Or: "or", ast.Not: "not", ast.USub: "negative", ast.UAdd: "positive",
}  # fmt: skip
_INSTEAD: dict[type[ast.AST], str] = {
    ast.BitAnd: "write `and` for &", ast.BitOr: "write `or` for |", ast.Invert: "write `not` for ~",
    ast.BitXor: "write ** for ^", ast.FloorDiv: "// is not known; divide with /",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Number:
    """A number as it was written."""

    value: int | float
    place: int = field(default=0, compare=False)
    """index of its first character in the text"""


@dataclass(frozen=True, slots=True)
class Name:
    """A column, or something else that has a name."""

    name: str
    place: int = field(default=0, compare=False)
    """index of its first character in the text"""


@dataclass(frozen=True, slots=True)
class Call:
    """An operator or a function, applied."""

    operation: str
    """as it is written; ``negative`` and ``positive`` are signs"""
    arguments: "tuple[Node, ...]"
    place: int = field(default=0, compare=False)
    """index of its first character in the text"""


Node = Number | Name | Call


class ExpressionError(ValueError):
    """A text that is no expression, or none of what there is."""

    def __init__(self, place: int, reason: str, *, unknown: tuple[str, Iterable[str]] | None = None,
                 explained: bool = False) -> None:  # fmt: skip
        super().__init__(f"character {place + 1}: {reason}")
        self.place = place
        """index in the text of the character where it is wrong"""
        self.reason = reason
        """what is wrong"""
        self.unknown = unknown
        """a name that is not known, and those that are; None if it is something else"""
        self.explained = explained
        """whether the reason says what to do"""


def read(text: str) -> Node:
    """Return the tree of an expression.

    Raises
    ------
    ExpressionError
        If it is too long, too deep, or anything but the language.

    Examples
    --------
    >>> read("pt > 25").operation
    '>'
    >>> [each.operation for each in read("0 < x < 1").arguments]
    ['<', '<']
    """
    if len(text) > MAX_CHARACTERS:
        raise ExpressionError(
            MAX_CHARACTERS,
            f"it has {len(text):,} characters; {MAX_CHARACTERS:,} are allowed",
            explained=True,
        )
    if not text.strip():
        raise ExpressionError(0, "nothing is there")
    # Python takes letters of all scripts, and some for others that look alike.
    for place, character in enumerate(text):
        readable = character.isascii() and (character.isprintable() or character in "\t\n")
        if not readable or character in "'\"#\\;":
            raise ExpressionError(place, f"{character!r} is not allowed")
    # A line end is a space, as anywhere in a settings file; Python takes none at the beginning.
    flat = "".join(" " if character.isspace() else character for character in text)
    begin = len(flat) - len(flat.lstrip())
    return _Reader(begin).node(_parsed(flat.lstrip()), 0)


def names_in(node: Node) -> Iterator[Name]:
    """Yield all names, in their order, each as often as it is there."""
    if isinstance(node, Name):
        yield node
    elif isinstance(node, Call):
        for each in node.arguments:
            yield from names_in(each)


def _parsed(text: str) -> ast.expr:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SyntaxWarning)  # "2and 3", which is read all the same
            return ast.parse(text, mode="eval").body
    except SyntaxError as error:
        place = min(max((error.offset or 1) - 1, 0), len(text) - 1)
        raise ExpressionError(place, f"it cannot be read ({error.msg})") from None
    except (RecursionError, MemoryError):
        raise ExpressionError(0, "it is nested too deep; divide it", explained=True) from None


class _Reader:
    """Turns Python's tree into ours."""

    def __init__(self, begin: int) -> None:
        self._begin = begin

    def node(self, node: ast.expr, depth: int) -> Node:
        """Return a part as ours."""
        place = self._begin + node.col_offset
        if depth > _MAX_DEPTH:
            raise ExpressionError(
                place, f"it is nested more than {_MAX_DEPTH} deep; divide it", explained=True
            )
        match node:
            case ast.Constant(value=int() | float() as value) if not isinstance(value, bool):
                return self._number(value, place)
            case ast.Name(id=name):
                return Name(name, place)
            case ast.Attribute(value=ast.Name(id=collection), attr=attribute):
                return Name(f"{collection}.{attribute}", place)
            case ast.Compare(left=left, ops=operators, comparators=others):
                return self._chain([left, *others], operators, place, depth + 1)
        name, arguments = self._called(node, place)
        return self._call(name, arguments, place, depth)

    @staticmethod
    def _called(node: ast.expr, place: int) -> tuple[str, list[ast.expr]]:
        """Return the operator or function that stands on top, and its arguments."""
        match node:
            case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]):
                return name, arguments
            case ast.BoolOp(op=operator, values=arguments):
                return _operator(operator, place), arguments
            case ast.BinOp(op=operator):
                return _operator(operator, place), [node.left, node.right]
            case ast.UnaryOp(op=operator):
                return _operator(operator, place), [node.operand]
        raise ExpressionError(place, f"{_words(node)} is not in the language")

    def _call(self, name: str, arguments: list[ast.expr], place: int, depth: int) -> Call:
        return Call(name, tuple(self.node(each, depth + 1) for each in arguments), place)

    def _chain(
        self, parts: list[ast.expr], operators: list[ast.cmpop], place: int, depth: int
    ) -> Node:
        """Return ``a < b < c`` as ``a < b and b < c``."""
        nodes = [self.node(each, depth + 1) for each in parts]
        calls = tuple(
            Call(_operator(operator, place), (nodes[number], nodes[number + 1]), place)
            for number, operator in enumerate(operators)
        )
        return calls[0] if len(calls) == 1 else Call("and", calls, place)

    @staticmethod
    def _number(value: float, place: int) -> Number:
        try:
            finite = math.isfinite(value)
        except OverflowError:  # an integer of more than 308 digits
            finite = False
        if not finite:
            raise ExpressionError(place, "the number is too large", explained=True)
        return Number(value, place)


def _operator(operator: ast.AST, place: int) -> str:
    if type(operator) in _OPERATORS:
        return _OPERATORS[type(operator)]
    instead = _INSTEAD.get(type(operator))
    raise ExpressionError(
        place, instead or "it is not in the language", explained=instead is not None
    )


def _words(node: ast.expr) -> str:
    """Return the words for a part of Python that is not ours."""
    words = {
        ast.Subscript: "x[...]", ast.Call: "such a call", ast.Attribute: "a name with two dots",
        ast.IfExp: "if ... else", ast.Lambda: "lambda", ast.Tuple: "a comma", ast.List: "a list",
        ast.Constant: "True, False or such a number",
    }  # fmt: skip
    return words.get(type(node), type(node).__name__)
