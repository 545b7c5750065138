"""A binned mass spectrum of any experiment, from a CSV file with the header ``low,high,events``.

Each line is one bin: its edges in GeV and the events in it. Bins may have any width and gaps
between them, and may be empty; the numbers of events need not be whole (background-subtracted or
Asimov spectra). Lines that begin with ``#`` are comments. The byte-order mark and line ends of
Windows, and spaces after commas, are accepted. The fits take each bin for a Poisson count, so
that everything that cannot be one is refused, with its line and column.
"""

import csv
import re
from pathlib import Path

import numpy as np

from analysis.statistics.spectra.bins import Bins
from tools.arrays import FloatArray
from tools.csvfile import read_head
from tools.errors import InputError
from tools.reading import read_text

COLUMNS = ("low", "high", "events")
MIN_BINS = 4
"""a falling function has 2 parameters or more and a peak 1 more: fewer bins cannot say anything"""
_MAX_BYTES = 1 << 24
"""some 500,000 bins: beyond that it is no spectrum but a list of events"""
_LARGEST = {"low": 1e9, "high": 1e9, "events": 1e15}
"""beyond any collider; and beyond 1e15 float64 begins to lose single events"""
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.ASCII | re.IGNORECASE)
_NOT_FINITE = re.compile(r"[+-]?(nan|inf|infinity)", re.IGNORECASE)
_SHOWN = 60
_ROUNDING = 1e-9
"""relative: edges closer than this are the same edge"""
_EXAMPLE = "write the header `low,high,events` and one line for each bin, such as `100,110,5213`"

_Line = tuple[str, str]
"""file and line as messages name them, text"""


def read_spectrum(path: Path) -> Bins:
    """Read a spectrum.

    Parameters
    ----------
    path : Path
        A CSV file with the columns `low` and `high` (GeV) and `events`, in any order.

    Returns
    -------
    Bins
        Rising, not necessarily adjacent; counts of variance equal to their number.

    Raises
    ------
    InputError
        If it is not such a file, has fewer than `MIN_BINS` bins or no events, or if a bin is
        negative, not finite, not wider than zero, overlapping or out of order.
    """
    lines = _lines(path)
    order = _header(lines[0])
    values = np.array([_values(line, order) for line in lines[1:]])
    if len(values) < MIN_BINS:
        raise InputError(
            f"{path} holds {len(values)} bins; {MIN_BINS} or more are needed to fit a background "
            "and a peak"
        )
    low, high, events = (np.ascontiguousarray(column) for column in values.T)
    _check_bins([where for where, _ in lines[1:]], low, high)
    if not events.any():
        raise InputError(f"{path}: all {len(events)} bins are empty; there is nothing to fit")
    return Bins(low, high, events, events)


def _lines(path: Path) -> list[_Line]:
    """Return the lines that are neither empty nor comments."""
    head = read_head(path)
    size = path.stat().st_size
    if size > _MAX_BYTES:
        raise InputError(
            f"{path} has {size / 1e6:.0f} MB: too large for a spectrum; {_EXAMPLE}, not for each "
            "event"
        )
    if 0 in head:
        raise InputError(f"{path} is a binary file or UTF-16, not CSV; save it as UTF-8 text")
    try:
        text = read_text(path, _MAX_BYTES).removeprefix("\ufeff")
    except UnicodeDecodeError:
        raise InputError(
            f"{path} is not UTF-8 text: it is binary, or has another encoding; save it as UTF-8"
        ) from None
    numbered = enumerate((line.strip() for line in text.split("\n")), start=1)
    lines = [(f"{path}, line {n}", line) for n, line in numbered if line and line[0] != "#"]
    if not lines:
        raise InputError(f"{path} holds no bins; {_EXAMPLE}")
    return lines


def _header(line: _Line) -> tuple[int, ...]:
    """Return where the columns stand."""
    where, text = line
    names = [name.strip() for name in _cells(line)]
    if sorted(names) == sorted(COLUMNS):
        return tuple(names.index(name) for name in COLUMNS)
    if all(_NUMBER.fullmatch(name) for name in names):
        raise InputError(f"{where} holds numbers, the header is missing; {_EXAMPLE}")
    for separator in (";", "\t"):
        if separator in text:
            raise InputError(
                f"{where}: fields are separated by {separator!r}; separate them by commas, and "
                "write decimals with a point"
            )
    raise InputError(f"{where}: the header is {text[:_SHOWN]!r}; {_EXAMPLE}")


def _cells(line: _Line) -> list[str]:
    where, text = line
    try:
        return next(csv.reader([text], skipinitialspace=True, strict=True))
    except csv.Error as error:
        raise InputError(f"{where} cannot be read as CSV ({error}); correct it") from None


def _values(line: _Line, order: tuple[int, ...]) -> tuple[float, ...]:
    """Return low, high and events of one line."""
    where, cells = line[0], _cells(line)
    if len(cells) != len(COLUMNS):
        raise InputError(
            f"{where} has {len(cells)} fields where the header has {len(COLUMNS)}; "
            "write decimals with a point, and one bin in each line"
        )
    values = tuple(
        _value(f"{where}, column {name}", cells[index].strip(), _LARGEST[name])
        for name, index in zip(COLUMNS, order, strict=True)
    )
    low, high, _ = values
    if not low < high:
        raise InputError(
            f"{where}, column high: {high:.10g} GeV is not above `low` ({low:.10g} GeV); correct "
            "the edges"
        )
    return values


def _value(where: str, text: str, largest: float) -> float:
    shown = repr(text if len(text) <= _SHOWN else text[:_SHOWN] + "...")
    if not text:
        raise InputError(f"{where}: the cell is empty; an empty bin has 0 events")
    if _NOT_FINITE.fullmatch(text):
        raise InputError(f"{where}: {shown} is not finite; an empty bin has 0 events")
    if not _NUMBER.fullmatch(text):
        raise InputError(f"{where}: {shown} is not a number; write one, decimals with a point")
    value = float(text)
    if value < 0:
        raise InputError(f"{where}: {shown} is negative; masses and events are not")
    if value > largest:
        raise InputError(f"{where}: {shown} is too large; at most {largest:g} is accepted")
    return value


def _check_bins(where: list[str], low: FloatArray, high: FloatArray) -> None:
    """Refuse bins out of order, and those that overlap."""
    # Published edges are rounded: neighbours may overlap by the last digit of a float.
    wrong = np.flatnonzero(low[1:] < high[:-1] * (1 - _ROUNDING))
    if not len(wrong):
        return
    first, second = wrong[0], wrong[0] + 1
    line = where[first].rpartition(", ")[2]
    earlier = f"that of {line} ({low[first]:.10g} to {high[first]:.10g} GeV)"
    bin_ = f"{where[second]}: the bin {low[second]:.10g} to {high[second]:.10g} GeV"
    if high[second] <= low[first] * (1 + _ROUNDING):
        raise InputError(f"{bin_} comes after {earlier}; sort the bins by `low`")
    raise InputError(f"{bin_} overlaps {earlier}; each event must be in one bin")
