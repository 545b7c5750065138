"""What a tournament says of a function in a range, and what it chose for each of many spectra."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from analysis.statistics.background.families import Function
from tools.arrays import FloatArray

Flags = npt.NDArray[np.bool_]
Indices = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Option:
    """A function in a range."""

    range: str
    """``"full"`` or ``"window"``"""
    low_GeV: float
    high_GeV: float
    function: Function

    @property
    def name(self) -> str:
        """Function and range, for people."""
        return f"{self.function.name}, {self.low_GeV:g} to {self.high_GeV:g} GeV"


@dataclass(frozen=True, slots=True, eq=False)
class Entry:
    """One option's figures on T spectra."""

    option: Option
    gof_pvalue: FloatArray
    """p-value of the fit to the sidebands; NaN in the window alone, shape (T,)"""
    spurious: FloatArray
    """events, signed, on every truth, shape (K, T, M); NaN where a truth does not count"""
    error: FloatArray
    """uncertainty of a signal on the truth's background, events, shape (K, T, M)"""
    worst: FloatArray
    """largest spurious signal in its uncertainties, shape (T,)"""
    passes: Flags
    """whether the spurious signal is small enough, shape (T,)"""


@dataclass(slots=True, eq=False)
class Choices:
    """What was chosen for T spectra so far."""

    options: list[Option]
    option: Indices
    """index into `options`, shape (T,); -1: none yet"""
    passes: Flags
    """whether the choice is good enough, shape (T,)"""
    spurious: FloatArray
    """one standard deviation of the spurious signal, events, shape (T, M)"""
    error: FloatArray
    """expected uncertainty of a signal, events, shape (T, M)"""

    @classmethod
    def none(cls, spectra: int, masses: int) -> "Choices":
        """Return those of spectra for which nothing is chosen yet."""
        nothing, shape = np.zeros(spectra, dtype=bool), (spectra, masses)
        return cls([], np.full(spectra, -1), nothing, np.zeros(shape), np.ones(shape))

    def put(self, rows: Indices, other: "Choices", which: Indices | None = None) -> None:
        """Take over the choices of `other` for some rows; `which` of its rows, else all."""
        these = slice(None) if which is None else which
        self.option[rows] = other.option[these] + len(self.options)
        self.options += other.options
        self.passes[rows] = other.passes[these]
        self.spurious[rows], self.error[rows] = other.spurious[these], other.error[these]

    def take(self, rows: Indices, entry: Entry, which: Flags, neighbours: Indices) -> None:
        """Take an entry for some rows; `which` are they among the entry's."""
        self.options.append(entry.option)
        self.option[rows] = len(self.options) - 1
        self.passes[rows] = entry.passes[which]
        self.spurious[rows], self.error[rows] = nuisance(entry, which, neighbours)

    def weigh_against(self, window: "Choices") -> None:
        """Leave the full range's choices only where they pass and expect smaller errors."""
        # Mean logarithms: a factor is worth as much at high masses, where errors are small.
        smaller = np.log(self.error).mean(axis=1) <= np.log(window.error).mean(axis=1)
        rows = np.flatnonzero(~(self.passes & (~window.passes | smaller)))
        self.put(rows, window, rows)


def nuisance(entry: Entry, rows: Flags, neighbours: Indices) -> tuple[FloatArray, FloatArray]:
    """Return size of the spurious signal's nuisance and expected error, shape (T, M) each.

    The error is the median of those on the truths: of few events one or the other truth predicts
    nothing at all at high masses, and has no error there.
    """
    # Spurious signals change sign with the mass: the largest nearby stands for one that is zero.
    error = np.nanmedian(entry.error[:, rows], axis=0)
    relative = np.nanmax(np.abs(entry.spurious[:, rows] / entry.error[:, rows]), axis=0)
    masses = relative.shape[1]
    first = np.maximum(np.arange(masses) - neighbours, 0)
    last = np.minimum(np.arange(masses) + neighbours + 1, masses)
    largest = [relative[:, a:b].max(axis=1) for a, b in zip(first, last, strict=True)]
    return np.stack(largest, axis=1) * error, error
