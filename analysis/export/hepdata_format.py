"""HEPData's submission format: tables of values with uncertainties, and the file that lists them.

A table is a YAML file of independent and dependent variables with one value for each row;
``submission.yaml`` names, describes and keys all tables, one YAML document each
(https://hepdata-submission.readthedocs.io). What the official validator does not check is kept as
well: uncertainties have their sign (``minus`` is negative), a value that is not there is ``-``, one
of zero is left out, and numbers have six digits.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import compress, pairwise
from typing import NotRequired, TypedDict

from tools.arrays import FloatArray

MISSING = "-"
DIGITS = 6
"""of published numbers: more than any uncertainty of ours has"""
_LONGEST_NAME = 64
"""characters of a table's name, by HEPData's schema of submissions"""
_ALL_DIGITS = 2**53
"""up to here a float holds every whole number"""


class CellError(TypedDict, total=False):
    """An uncertainty of a value: symmetric, or as distances of which `minus` is negative."""

    symerror: float
    asymerror: dict[str, float]
    label: str


class Cell(TypedDict, total=False):
    """One value with its uncertainties, or one bin."""

    value: float | str
    errors: list[CellError]
    low: float
    high: float


class Qualifier(TypedDict):
    """What holds for every column of a table."""

    name: str
    value: float | str
    units: NotRequired[str]


@dataclass(frozen=True, slots=True)
class Variable:
    """A column of a table."""

    name: str
    values: tuple[Cell, ...]
    """one for each row; none if there is no number in any"""
    units: str = ""
    """as HEPData writes them; empty where there is none"""

    def document(self, qualifiers: Sequence[Qualifier] = ()) -> dict[str, object]:
        """Return it as HEPData has it."""
        header = {"name": self.name, **({"units": self.units} if self.units else {})}
        more = {"qualifiers": [dict(each) for each in qualifiers]} if qualifiers else {}
        return {"header": header, **more, "values": list(self.values)}


@dataclass(frozen=True, slots=True)
class HepDataTable:
    """A table, and what ``submission.yaml`` says of it."""

    name: str
    """unique, at most 64 characters are kept"""
    description: str
    rows: Variable
    """the independent variable"""
    columns: tuple[Variable, ...]
    """the dependent ones; those without any number are left out"""
    observables: tuple[str, ...]
    """HEPData's keywords for what is in it"""
    qualifiers: tuple[Qualifier, ...] = ()

    @property
    def data_file(self) -> str:
        """Name of its file.

        >>> HepDataTable("Limits, 95% CL", "", Variable("m", ()), (), ()).data_file
        'limits_95_cl.yaml'
        """
        words = "".join(c if c.isalnum() and c.isascii() else " " for c in self.name.lower())
        return f"{'_'.join(words.split())}.yaml"

    @property
    def shown(self) -> tuple[Variable, ...]:
        """The columns that have a number."""
        there = [any(cell.get("value") != MISSING for cell in each.values) for each in self.columns]
        return tuple(compress(self.columns, there))

    def document(self) -> dict[str, object]:
        """Return the contents of its file."""
        return {
            "independent_variables": [self.rows.document()],
            "dependent_variables": [each.document(self.qualifiers) for each in self.shown],
        }

    def entry(self, keywords: Mapping[str, Sequence[object]]) -> dict[str, object]:
        """Return its document in ``submission.yaml``."""
        # Only observables differ from table to table, HEPData wants all keywords in each.
        named = {"observables": self.observables, **keywords}
        return {
            "name": self.name[:_LONGEST_NAME],
            "description": self.description,
            "keywords": [{"name": key, "values": list(words)} for key, words in named.items()],
            "data_file": self.data_file,
        }


def submission(
    tables: Sequence[HepDataTable], comment: str, keywords: Mapping[str, Sequence[object]]
) -> dict[str, bytes]:
    """Return the files of a submission, ``submission.yaml`` last.

    Parameters
    ----------
    tables : sequence of HepDataTable
    comment : str
        What holds for all tables.
    keywords : mapping
        HEPData's ``cmenergies`` (GeV), ``reactions`` and ``phrases``, for all tables.
    """
    shown = [table for table in tables if table.shown]
    files = {table.data_file: dump([table.document()], compact=True) for table in shown}
    head: dict[str, object] = {"comment": comment}
    return files | {"submission.yaml": dump([head, *(table.entry(keywords) for table in shown)])}


def dump(documents: Sequence[Mapping[str, object]], *, compact: bool = False) -> bytes:
    """Return YAML documents; if `compact`, a value takes a line."""
    import yaml

    # Keys keep their order: people read name and description first.
    text: str = yaml.dump_all(
        documents,
        Dumper=getattr(yaml, "CSafeDumper", yaml.SafeDumper),  # the one in C is faster
        sort_keys=False,
        allow_unicode=True,
        default_flow_style=None if compact else False,
        width=100,
        explicit_start=len(documents) > 1,
    )
    return text.encode()


def rounded(value: float | None) -> float | int | str:
    """Return a number with the digits that are published, a count with all; or that it is missing.

    >>> rounded(598.4242449361712), rounded(6.897472932244939e-83), rounded(math.nan)
    (598.424, 6.89747e-83, '-')
    >>> rounded(1369158.0)
    1369158
    """
    if value is None or not math.isfinite(value):
        return MISSING
    # Six digits of a count would be another count.
    if float(value).is_integer() and abs(value) < _ALL_DIGITS:
        return int(value)
    return float(f"{value:.{DIGITS}g}")


def bins(edges: FloatArray | Sequence[float]) -> tuple[Cell, ...]:
    """Return bins by their ends."""
    return tuple({"low": float(low), "high": float(high)} for low, high in pairwise(edges))


@dataclass(frozen=True, slots=True, eq=False)
class Errors:
    """One kind of uncertainty of every row, as distances: both positive."""

    down: Sequence[float | None] | FloatArray
    up: Sequence[float | None] | FloatArray | None = None
    """as `down` where there is none"""
    label: str = ""


def measured(
    values: Iterable[float | None] | FloatArray | None, *errors: Errors | None
) -> tuple[Cell, ...]:
    """Return values with their uncertainties, if they have any; no entries for what is not there.

    >>> measured([2.0, None], Errors([1.0, None], [1.5, None], "stat"))[0]["errors"]
    [{'asymerror': {'minus': -1.0, 'plus': 1.5}, 'label': 'stat'}]
    """
    found = []
    for row, value in enumerate(() if values is None else values):
        entry: Cell = {"value": rounded(value)}
        parts = [_error(each, row) for each in errors if each is not None]
        if entry["value"] != MISSING and any(parts):
            entry["errors"] = [part for part in parts if part]
        found.append(entry)
    return tuple(found)


def _error(errors: Errors, row: int) -> CellError | None:
    down = rounded(errors.down[row])
    up = down if errors.up is None else rounded(errors.up[row])
    if isinstance(down, str) or isinstance(up, str) or down == up == 0:
        return None
    label: CellError = {"label": errors.label} if errors.label else {}
    if down == up:
        return {"symerror": down, **label}
    # 0.0 - 0.0 is 0.0, where -0.0 would be written with its sign.
    return {"asymerror": {"minus": 0.0 - down, "plus": up}, **label}
