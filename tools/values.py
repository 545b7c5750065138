"""From the numbers of a file to the numbers of a chunk: which are refused, and why.

Every reader comes through here, so that a CSV, a ROOT and a Parquet file with the same doubles make
the same chunks: a value is read in the file's own precision, checked there, and then rounded once
to the declared type.  Refused are

- NaN and infinity: histograms and fits would drop or spread them without a word;
- values below the declared `min`, like a negative transverse momentum;
- values that the declared type cannot hold, and fractions in a column of whole numbers
  (``3.0`` is whole: that is how pandas writes a count).
"""

import math
import re
from collections.abc import Generator
from typing import Any

import numpy as np
import numpy.typing as npt

from tools.errors import InputError
from tools.samples import Column

Values = npt.NDArray[np.integer[Any] | np.floating[Any]]
Batch = dict[str, Values]
"""Events: one array of equal length for each declared column, in its declared type."""
Batches = Generator[Batch, None, None]
"""Events in order, a batch at a time; closed by whoever stops early."""

# What a CSV reader takes for a number; Python's float() would also take 1_000 and other digits.
_NUMBER = re.compile(
    r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?|[+-]?(nan|inf|infinity)", re.ASCII | re.IGNORECASE
)
_SHOWN = 60  # characters of a bad cell
_DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d+", re.ASCII)


def stored(column: Column, values: Values) -> Values:
    """Return `values` as the chunks store them.

    Parameters
    ----------
    column : Column
        The declaration.
    values : ndarray, shape (events,)
        Integers or floats of any width.

    Returns
    -------
    ndarray, shape (events,)
        In the column's type.

    Raises
    ------
    ValueError
        If a value is refused; `first_refused` tells which one.
    """
    if values.size == 0:
        return values.astype(column.type)
    low, high = _limits(column)
    # One NaN makes the minimum NaN, which compares as false.
    if not (float(values.min()) >= low and float(values.max()) <= high):
        raise ValueError(f"{column.name}: a value is out of range")
    cast = values.astype(column.type)
    if column.is_integer and not np.array_equal(cast, values):
        raise ValueError(f"{column.name}: a value is not whole")
    return cast


def checked(column: Column, values: Values, where: str, first: int) -> Values:
    """Return `values` as the chunks store them, as `stored`.

    Parameters
    ----------
    column, values
        As for `stored`.
    where : str
        The file.
    first : int
        Entry of the first of them.

    Raises
    ------
    InputError
        Naming the first value that is refused.
    """
    try:
        return stored(column, values)
    except ValueError:
        index, reason = first_refused(column, values)
        raise InputError(
            f"{where}, entry {first + index} (from 0), column {column.name}: {reason}"
        ) from None


def first_refused(column: Column, values: Values) -> tuple[int, str]:
    """Return the index of the first value that is refused, and why.

    Raises
    ------
    ValueError
        If all of them can be stored.
    """
    low, high = _limits(column)
    numbers = values.astype(np.float64)
    good = (numbers >= low) & (numbers <= high)
    if column.is_integer:
        good &= np.trunc(numbers) == numbers
    if good.all():
        raise ValueError(f"{column.name}: no value is refused")
    index = int(np.argmin(good))
    number = values[index].item()
    return index, f"{number!r} {_reason(column, number)}"


def refused_text(column: Column, text: str) -> str | None:
    """Return why the text of a cell is refused, or None if it is a good value.

    >>> from tools.samples import Axis
    >>> n_jets = Column("n_jets", "1", "int8", "number of jets", Axis(25, 0, 25), min=0)
    >>> refused_text(n_jets, "3.0")
    >>> refused_text(n_jets, "three")
    "'three' is not a number; write one, with a decimal point"
    """
    text = text.strip(" \t\r")
    shown = repr(text if len(text) <= _SHOWN else f"{text[:_SHOWN]}...")
    if not text:
        return "the cell is empty; every event needs a value: give it one, or remove the event"
    if _DECIMAL_COMMA.fullmatch(text):
        return f"{shown} has a decimal comma; write decimals with a point"
    if not _NUMBER.fullmatch(text):
        return f"{shown} is not a number; write one, with a decimal point"
    number = float(text)
    low, high = _limits(column)
    if low <= number <= high and not (column.is_integer and number != math.trunc(number)):
        return None
    return f"{shown} {_reason(column, number)}"


def _limits(column: Column) -> tuple[float, float]:
    """Return the smallest and the largest value that the column takes."""
    info = np.iinfo(column.type) if column.is_integer else np.finfo(column.type)
    low = float(info.min)
    return (low if column.min is None else max(low, column.min)), float(info.max)


def _reason(column: Column, number: float) -> str:
    """Return why `number` is refused, and what to do."""
    declaration = f"[columns.{column.name}] of the samples file"
    if math.isnan(number):
        return "is not a number (NaN); give it a value, or remove the event"
    if math.isinf(number):
        return "is infinite or too large for a float64; correct it, or remove the event"
    if column.min is not None and number < column.min:
        return f"is below the minimum {column.min:g}; correct it, or change `min` in {declaration}"
    low, high = _limits(column)
    if not low <= number <= high:
        return (
            f"does not fit into {column.type} ({low:.7g} to {high:.7g}); correct it, "
            f"or declare a wider `type` in {declaration}"
        )
    return (
        f"is not a whole number, but the column is stored as {column.type}; correct it, "
        f'or declare type = "float32" in {declaration}'
    )
