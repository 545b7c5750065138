"""The columns of a file against the declared ones: all of them, and no others.

A column that nobody declared is refused rather than dropped: it may be a misspelt one, or the one
that the user came for. The message holds the lines that declare it or leave it out.
"""

import difflib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from tools.errors import InputError
from tools.marks import GENERATED
from tools.names import MOST_NAMES, listed
from tools.samples import Catalogue
from tools.settings_table import toml_key, toml_string


def check_fields(catalogue: Catalogue, path: Path, fields: Sequence[str]) -> None:
    """Make sure that a file has every declared column once, and nothing unknown.

    Raises
    ------
    InputError
        If a column is missing, repeated or undeclared.
    """
    names = [column.name for column in catalogue.columns]
    repeated = [name for name, count in Counter(fields).items() if count > 1]
    if repeated:
        raise InputError(
            f"{path} has more than one column called {repeated[0]!r}; rename or remove one"
        )
    missing = [name for name in names if name not in fields]
    unknown = [field for field in fields if field not in (*names, *catalogue.ignore, GENERATED)]
    if missing:
        raise InputError(
            f"{path} lacks the column{'s' * (len(missing) > 1)} {listed(missing)} of "
            f"{catalogue.path}{_likely(missing[0], unknown)}; it has: "
            f"{listed(map(repr, fields))}"
        )
    if unknown:
        raise InputError(_undeclared(catalogue, path, unknown))


def check_same_fields(
    sample: str, first: Path, second: Path, *, fields: tuple[Sequence[str], Sequence[str]]
) -> None:
    """Make sure that two files of one sample have the same columns in the same order.

    Raises
    ------
    InputError
        If they do not: then they were hardly made by the same program, or by the same selection.
    """
    ours, theirs = fields
    if tuple(ours) == tuple(theirs):
        return
    differences = [
        *(f"only the first has {name!r}" for name in ours if name not in theirs),
        *(f"only the second has {name!r}" for name in theirs if name not in ours),
    ]
    raise InputError(
        f"{first} and {second}, both of {sample}, have different headers "
        f"({listed(differences) or 'the order differs'}); write them alike"
    )


def _likely(missing: str, unknown: Sequence[str]) -> str:
    similar = difflib.get_close_matches(missing, unknown, n=1)
    return f" (is it {similar[0]!r}? then rename it)" if similar else "; add it"


def _undeclared(catalogue: Catalogue, path: Path, unknown: Sequence[str]) -> str:
    name = unknown[0]
    return (
        f"{path}: {listed(map(repr, unknown))} not declared in {catalogue.path}.\n"
        f"To keep {name!r}, declare it there:\n\n"
        f"    [columns.{toml_key(name)}]\n"
        '    unit = "1"\n'
        '    type = "float32"\n'
        "    axis = { bins = 100, low = 0, high = 100 }\n"
        '    meaning = "..."\n\n'
        f"To leave out {_left_out(catalogue, unknown)}"
    )


def _left_out(catalogue: Catalogue, unknown: Sequence[str]) -> str:
    """Return what to do to leave out columns; a message has no list of hundreds."""
    if len(unknown) > MOST_NAMES:
        return "all of them, write a file without them, or name each in the list `ignore`"
    ignore = ", ".join(toml_string(field) for field in (*catalogue.ignore, *unknown))
    them = "it" if len(unknown) == 1 else "all of them"
    return f"{them}, replace the line `ignore = ...` by:\n\n    ignore = [{ignore}]"
