"""Expressions of users: what is wrong with one is told with file, entry and place."""

from collections.abc import Mapping

from processors.expressions import Expression, ExpressionError, Quantity, parse
from processors.expressions.expression import Wanted
from processors.expressions.grammar import read
from tools.errors import InputError
from tools.names import listed, nearest
from tools.shown import shortened

HOW = "write numbers, columns, + - * / % **, comparisons, and, or, not, brackets and functions"
_SHOWN = 60
"""characters of an expression in a message"""


def user_expression(
    text: str,
    columns: Mapping[str, Quantity],
    where: str,
    *,
    wanted: Wanted,
    per_photon: bool = False,
    how: str = HOW,
) -> Expression:
    """Read an expression of a settings file or of the command line.

    Parameters
    ----------
    text, columns, wanted, per_photon
        As for `processors.expressions.parse`.
    where : str
        File and entry, or the option.
    how : str
        What may be written, for messages that do not say what to do.

    Raises
    ------
    InputError
        If it is not an expression, or not of these columns.
    """
    try:
        return parse(text, columns, wanted=wanted, per_photon=per_photon)
    except ExpressionError as error:
        raise _refused(text, where, how, error) from None


def check_syntax(text: str, where: str) -> None:
    """Refuse what is no expression, whatever the columns are.

    Raises
    ------
    InputError
        With the place.
    """
    try:
        read(text)
    except ExpressionError as error:
        raise _refused(text, where, HOW, error) from None


def _refused(text: str, where: str, how: str, error: ExpressionError) -> InputError:
    shown = shortened(text, _SHOWN)
    return InputError(f"{where}: {shown!r}, character {error.place + 1}: {_told(error, how)}")


def _told(error: ExpressionError, how: str) -> str:
    if error.unknown is not None:
        wrong, right = error.unknown
        return f"{error.reason}{nearest(wrong, right)}; write one of these instead: {listed(right)}"
    return error.reason if error.explained else f"{error.reason}; {how}"
