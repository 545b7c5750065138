"""Strict reading of TOML tables: every entry is asked for, and what nobody asked for is refused.

An entry that is misspelt would otherwise be silently replaced by a default, and a decision that is
silently a default is no decision. Messages name the file, the table and the entry.
"""

import math
from typing import Any

from tools.errors import InputError
from tools.units import energy_GeV


class Table:
    """A TOML table from which entries are taken one by one; what is left over is unknown."""

    def __init__(self, content: object, where: str) -> None:
        if not isinstance(content, dict):
            raise InputError(f"{where}: must be a table, not {content!r}")
        self.content = dict(content)
        self.known: list[str] = []
        self.where = where

    def take(self, key: str) -> Any:
        """Return an entry as it is."""
        self.known.append(key)
        if key not in self.content:
            raise InputError(f"{self.where}: `{key}` is missing; add it")
        return self.content.pop(key)

    def table(self, key: str) -> "Table":
        """Return a table inside this one."""
        return Table(self.take(key), f"{self.where}, [{key}]")

    def texts(self, key: str) -> tuple[str, ...]:
        """Return a list of texts, one or more."""
        values = self.take(key)
        if (
            not isinstance(values, list)
            or not values
            or not all(isinstance(v, str) for v in values)
        ):
            raise InputError(f"{self.where}, {key}: write a list of texts, not {values!r}")
        return tuple(values)

    def words(self, key: str, longest: int) -> str:
        """Return a text of one line, which may be empty."""
        value = self.take(key)
        if not isinstance(value, str) or len(value) > longest or not value.isprintable():
            raise InputError(
                f"{self.where}, {key}: write a text of at most {longest} characters, not {value!r}"
            )
        return value

    def energy(self, key: str) -> float:
        """Return an energy in GeV."""
        text = self.take(key)
        # A quantity of zero is refused as meaningless; the edge of an axis may well be zero.
        if isinstance(text, str) and text.split() == ["0", "GeV"]:
            return 0.0
        return energy_GeV(text, f"{self.where}, {key}")

    def number(self, key: str, low: float, high: float = math.inf) -> float:
        """Return a number between two."""
        value = self.take(key)
        if (
            isinstance(value, bool)
            or not isinstance(value, int | float)
            or not low <= value <= high
        ):
            raise InputError(
                f"{self.where}, {key}: write a number from {low:g} to {high:g}, not {value!r}"
            )
        return float(value)

    def integer(self, key: str, low: int, high: int) -> int:
        """Return a whole number between two."""
        value = self.number(key, low, high)
        if value != int(value):
            raise InputError(f"{self.where}, {key}: write a whole number, not {value:g}")
        return int(value)

    def boolean(self, key: str) -> bool:
        """Return true or false."""
        value = self.take(key)
        if not isinstance(value, bool):
            raise InputError(f"{self.where}, {key}: write true or false, not {value!r}")
        return value

    def choice(self, key: str, choices: tuple[str, ...]) -> str:
        """Return one of some words."""
        value = self.take(key)
        if value not in choices:
            raise InputError(f"{self.where}, {key}: {value!r} is none of {', '.join(choices)}")
        return str(value)

    def choices(self, key: str, choices: tuple[str, ...]) -> tuple[str, ...]:
        """Return a list of some words, none twice."""
        values = self.take(key)
        if not isinstance(values, list) or not values or len(set(map(str, values))) < len(values):
            raise InputError(
                f"{self.where}, {key}: list one or more of {', '.join(choices)}, each once"
            )
        for value in values:
            if value not in choices:
                raise InputError(f"{self.where}, {key}: {value!r} is none of {', '.join(choices)}")
        return tuple(values)

    def done(self) -> None:
        """Refuse what has not been asked for."""
        if self.content:
            raise InputError(
                f"{self.where}: unknown entry `{min(self.content)}`; known: {', '.join(self.known)}"
            )
