"""From text to a tree of numbers, names and calls.

Python's parser (`ast`) reads the text: its precedence is the one that users know. Its tree is
turned into ours, in which an operator is a call like that of a function, and what has no place in
it is refused.
"""

import ast
import math
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field

from tools.errors import InputError
from tools.shown import shortened

MAX_CHARACTERS = 2000
_MAX_DEPTH = 100
"""of calls and operators in each other: each is a call of ours when it is evaluated"""
_SHOWN = 60
"""characters of an expression in a message"""

_OPERATORS: dict[type[ast.AST], str] = {
    ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.Mod: "%", ast.Pow: "**",
    ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.Eq: "==", ast.NotEq: "!=",
    ast.And: "and", ast.Or: "or", ast.Not: "not", ast.USub: "negative", ast.UAdd: "positive",
}  # fmt: skip
_INSTEAD: dict[type[ast.AST], str] = {
    ast.BitAnd: "write `and` for &", ast.BitOr: "write `or` for |", ast.Invert: "write `not` for ~",
    ast.BitXor: "write ** for ^", ast.FloorDiv: "// is not known; divide with /",
}  # fmt: skip
HOW = "write numbers, columns, + - * / % **, comparisons, and, or, not, brackets and functions"


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


class Refused(Exception):  # noqa: N818 - it becomes an `InputError`, with the text
    """Something at a place of a text that is not to be read."""

    def __init__(self, place: int, reason: str, *, explained: bool = False) -> None:
        super().__init__(reason)
        self.place, self.reason, self.explained = place, reason, explained

    def told(self, text: str, where: str, how: str = HOW) -> InputError:
        """Return the error for the user.

        Parameters
        ----------
        text : str
            The whole expression.
        where : str
            Where it stands: file and entry.
        how : str
            What may be written, where the reason does not say what to do.
        """
        shown = shortened(text, _SHOWN)
        what = self.reason if self.explained else f"{self.reason}; {how}"
        return InputError(f"{where}: {shown!r}, character {self.place + 1}: {what}")


def read(text: str) -> Node:
    """Return the tree of an expression.

    Raises
    ------
    Refused
        If it is too long, too deep, or anything but the language.

    Examples
    --------
    >>> read("pt > 25").operation
    '>'
    >>> [each.operation for each in read("0 < x < 1").arguments]
    ['<', '<']
    """
    if len(text) > MAX_CHARACTERS:
        raise Refused(
            MAX_CHARACTERS,
            f"it has {len(text):,} characters; {MAX_CHARACTERS:,} are allowed",
            explained=True,
        )
    if not text.strip():
        raise Refused(0, "nothing is there")
    # Python takes letters of all scripts, and some for others that look alike.
    for place, character in enumerate(text):
        readable = character.isascii() and (character.isprintable() or character in "\t\n")
        if not readable or character in "'\"#\\;":
            raise Refused(place, f"{character!r} is not allowed")
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
        raise Refused(place, f"it cannot be read ({error.msg})") from None
    except (RecursionError, MemoryError):
        raise Refused(0, "it is nested too deep; divide it", explained=True) from None


class _Reader:
    """Turns Python's tree into ours."""

    def __init__(self, begin: int) -> None:
        self._begin = begin

    def node(self, node: ast.expr, depth: int) -> Node:
        """Return a part as ours."""
        place = self._begin + node.col_offset
        if depth > _MAX_DEPTH:
            raise Refused(
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
        raise Refused(place, f"{_words(node)} is not in the language")

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
            raise Refused(place, "the number is too large", explained=True)
        return Number(value, place)


def _operator(operator: ast.AST, place: int) -> str:
    if type(operator) in _OPERATORS:
        return _OPERATORS[type(operator)]
    instead = _INSTEAD.get(type(operator))
    raise Refused(place, instead or "it is not in the language", explained=instead is not None)


def _words(node: ast.expr) -> str:
    """Return the words for a part of Python that is not ours."""
    words = {
        ast.Subscript: "x[...]", ast.Call: "such a call", ast.Attribute: "a name with two dots",
        ast.IfExp: "if ... else", ast.Lambda: "lambda", ast.Tuple: "a comma", ast.List: "a list",
        ast.Constant: "True, False or such a number",
    }  # fmt: skip
    return words.get(type(node), type(node).__name__)
