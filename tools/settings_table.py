"""Strict reading of TOML tables: only known entries, each of its kind and in its range.

An entry that is misspelt would otherwise be silently replaced by a default, and a decision that is
silently a default is no decision. Messages name the file, the table and the entry.
"""

import json
import math
import re
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from tools.errors import InputError
from tools.names import nearest
from tools.reading import SETTINGS_BYTES, read_text
from tools.shown import brief, shown
from tools.units import energy_GeV

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_LONGEST_LINE = 10_000
"""characters: the parser takes a minute for a dotted key of 100,000"""
_MOST_TEXTS = 1000
"""of a list"""


def read_toml(path: Path) -> dict[str, Any]:
    """Read a TOML file, with or without a byte-order mark.

    Raises
    ------
    InputError
        If it cannot be read, is too large, not UTF-8, or not TOML; the message has the line.
    """
    text = _text(path)
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise InputError(f"{path}: lists or tables are nested too deep; write them flat") from None
    except ValueError as error:
        raise InputError(f"{path}: {brief(str(error), 200)}; correct it") from None


def _text(path: Path) -> str:
    try:
        text = read_text(path, SETTINGS_BYTES).removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        number, byte = error.object.count(b"\n", 0, error.start) + 1, error.object[error.start]
        raise InputError(
            f"{path}, line {number}: the byte 0x{byte:02x} is not UTF-8; save the file as UTF-8 "
            "text"
        ) from None
    for number, line in enumerate(text.split("\n"), start=1):
        if len(line) > _LONGEST_LINE:
            raise InputError(
                f"{path}, line {number} has {len(line):,} characters; break it into lines of "
                f"{_LONGEST_LINE:,} at most"
            )
        if "\0" in line:
            raise InputError(
                f"{path}, line {number} holds a zero byte: the file is damaged or binary; get it "
                "again"
            )
    return text


def toml_string(text: str) -> str:
    """Return a TOML string; JSON's escapes are among TOML's."""
    return json.dumps(text, ensure_ascii=False)


def toml_key(name: str) -> str:
    """Return a name as a TOML key, in quotes if it needs them.

    >>> toml_key("n_jets"), toml_key("vertex z")
    ('n_jets', '"vertex z"')
    """
    return name if _BARE_KEY.fullmatch(name) else toml_string(name)


class Table:
    """A table of a settings file.

    Parameters
    ----------
    content : object
        What stands there.
    file : str
        Where it stands.
    name : str
        The table's name, dotted; empty for the whole file.
    keys : sequence of str, optional
        The entries that it may have; None: names of the user's own.

    Raises
    ------
    InputError
        If it is no table, or has other entries.
    """

    def __init__(
        self, content: object, file: str, name: str = "", keys: Sequence[str] | None = None
    ) -> None:
        self.file, self.name = file, name
        if not isinstance(content, dict):
            raise InputError(f"{self.where}: must be a table, not {shown(content)}")
        self.content = content
        if keys is not None:
            self.only(keys)

    @property
    def where(self) -> str:
        """File and table, as messages name them."""
        return f"{self.file}, [{self.name}]" if self.name else self.file

    def only(self, keys: Sequence[str]) -> None:
        """Refuse other entries than these."""
        for key in self.content:
            if key not in keys:
                raise InputError(
                    f"{self.where}: unknown entry `{brief(key)}`{nearest(key, keys)}; "
                    f"known: {', '.join(keys)}"
                )

    def take(self, key: str) -> Any:
        """Return an entry as it is."""
        if key not in self.content:
            raise InputError(f"{self.where}: `{key}` is missing; add it")
        return self.content[key]

    def table(self, key: str, keys: Sequence[str] | None = None) -> "Table":
        """Return a table inside this one."""
        own = brief(toml_key(key))
        name = f"{self.name}.{own}" if self.name else own
        return Table(self.take(key), self.file, name, keys)

    def tables(self, key: str, keys: Sequence[str] | None = None) -> dict[str, "Table"]:
        """Return the tables inside a table inside this one, by the names that the user gave."""
        inside = self.table(key)
        return {name: inside.table(name, keys) for name in inside.content}

    def listed(
        self, key: str, keys: Sequence[str] | None = None, *, least: int = 1
    ) -> Iterator["Table"]:
        """Yield the tables of a list of tables, `least` or more."""
        values = self.take(key)
        if not isinstance(values, list) or len(values) < least:
            raise InputError(f"{self.where}, {key}: must be a list of {least} or more tables")
        inside = f"{self.name}.{key}" if self.name else key
        for index, value in enumerate(values):
            yield Table(value, self.file, f"{inside}[{index}]", keys)

    def without(self, key: str) -> "Table":
        """Return the table without an entry."""
        content = {name: value for name, value in self.content.items() if name != key}
        return Table(content, self.file, self.name)

    def texts(self, key: str, *, least: int = 1) -> tuple[str, ...]:
        """Return a list of texts, `least` or more."""
        values = self.take(key)
        if (
            not isinstance(values, list)
            or len(values) < least
            or not all(isinstance(v, str) for v in values)
        ):
            raise InputError(f"{self.where}, {key}: write a list of texts, not {shown(values)}")
        if len(values) > _MOST_TEXTS:
            raise InputError(
                f"{self.where}, {key}: {len(values):,} texts are too many; {_MOST_TEXTS:,} at most"
            )
        return tuple(values)

    def text(self, key: str) -> str:
        """Return a text."""
        value = self.take(key)
        if not isinstance(value, str):
            raise InputError(f"{self.where}, {key}: write a text, not {shown(value)}")
        return value

    def words(self, key: str, longest: int) -> str:
        """Return a text of one line, which may be empty."""
        value = self.take(key)
        if not isinstance(value, str) or len(value) > longest or not value.isprintable():
            raise InputError(
                f"{self.where}, {key}: write a text of one line, at most {longest} characters, "
                f"not {shown(value)}"
            )
        return value

    def energy(self, key: str) -> float:
        """Return an energy above zero, in GeV."""
        return energy_GeV(self.take(key), f"{self.where}, {key}")

    def edge(self, key: str) -> float:
        """Return where an axis begins, in GeV: zero or above."""
        text = self.take(key)
        # A quantity of zero is refused as meaningless; the edge of an axis may well be zero.
        if isinstance(text, str) and text.split() == ["0", "GeV"]:
            return 0.0
        return self.energy(key)

    def number(self, key: str, low: float = -math.inf, high: float = math.inf) -> float:
        """Return a finite number between two."""
        value = self.take(key)
        number = _finite(value)
        if number is None or not low <= number <= high:
            raise InputError(
                f"{self.where}, {key}: write a {_between(low, high)}, not {shown(value)}"
            )
        return number

    def integer(self, key: str, low: int, high: float = math.inf) -> int:
        """Return a whole number between two."""
        value = self.number(key, low, high)
        if value != int(value):
            raise InputError(f"{self.where}, {key}: write a whole number, not {value:g}")
        return int(value)

    def number_or_none(
        self, key: str, low: float = -math.inf, high: float = math.inf
    ) -> float | None:
        """Return a finite number between two, or None where there is null."""
        return None if self.take(key) is None else self.number(key, low, high)

    def integers(self, key: str) -> list[int]:
        """Return a list of one or more whole numbers."""
        values = self.take(key)
        if not isinstance(values, list) or not values or not all(type(v) is int for v in values):
            raise InputError(f"{self.where}, {key}: must be a list of whole numbers")
        return values

    def boolean(self, key: str) -> bool:
        """Return true or false."""
        value = self.take(key)
        if not isinstance(value, bool):
            raise InputError(f"{self.where}, {key}: write true or false, not {shown(value)}")
        return value

    def choice(self, key: str, choices: Sequence[str]) -> str:
        """Return one of some words."""
        value = self.take(key)
        self._one_of(key, value, choices)
        return str(value)

    def choices(self, key: str, choices: Sequence[str]) -> tuple[str, ...]:
        """Return a list of some words, none twice."""
        values = self.take(key)
        if not isinstance(values, list) or not values or len(set(map(str, values))) < len(values):
            raise InputError(
                f"{self.where}, {key}: list one or more of {', '.join(choices)}, each once"
            )
        for value in values:
            self._one_of(key, value, choices)
        return tuple(values)

    def _one_of(self, key: str, value: object, choices: Sequence[str]) -> None:
        if value not in choices:
            raise InputError(
                f"{self.where}, {key}: {shown(value)} is none of {', '.join(choices)}"
                f"{nearest(value, choices)}"
            )


def _finite(value: object) -> float | None:
    """Return a number as a float; None for what is none, and for what no float can hold."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value) if math.isfinite(value) else None
    except OverflowError:
        return None


def _between(low: float, high: float) -> str:
    if math.isfinite(high):
        return f"number from {low:g} to {high:g}"
    return f"finite number from {low:g} on" if math.isfinite(low) else "finite number"
