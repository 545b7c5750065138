"""What a model selection says of a function in a range, and what it chose for each spectrum."""

from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from analysis.results.background import (
    LargestSpuriousSignal,
    PeakBackground,
    PeakCandidate,
    SpuriousSignals,
)
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
    """events, signed, on every test spectrum, shape (K, T, M); NaN where one does not count"""
    error: FloatArray
    """uncertainty of a signal on the test spectrum's background, events, shape (K, T, M)"""
    worst: FloatArray
    """largest spurious signal in its uncertainties, shape (T,)"""
    passes: Flags
    """whether the spurious signal is small enough, shape (T,)"""
    rows: Indices
    """which of the spectra that were decided together they are, shape (T,)"""
    f_test_pvalue: FloatArray | None = None
    """p-value of the F test for one more parameter, shape (T,); NaN of the highest order"""
    reason: str | None = None
    """why it does not pass, of the first spectrum"""

    def of(self, place: int) -> "Entry":
        """Return the figures on one of the spectra."""
        one, f_test = slice(place, place + 1), self.f_test_pvalue
        return replace(
            self, gof_pvalue=self.gof_pvalue[one], spurious=self.spurious[:, one],
            error=self.error[:, one], worst=self.worst[one], passes=self.passes[one],
            rows=np.zeros(1, dtype=int), f_test_pvalue=None if f_test is None else f_test[one],
        )  # fmt: skip


@dataclass(slots=True, eq=False)
class Decisions:
    """What was chosen for T spectra, so far or in the end."""

    masses_GeV: FloatArray
    options: list[Option]
    choice: Indices
    """index into `options`, shape (T,); -1: none yet"""
    passes: Flags
    """whether the choice is good enough, shape (T,)"""
    spurious: FloatArray
    """one standard deviation of the spurious signal, events, shape (T, M)"""
    error: FloatArray
    """expected uncertainty of a signal, events, shape (T, M)"""
    compatible: Flags
    """whether any test spectrum fits the sidebands, shape (T,)"""
    entries: list[Entry] = field(default_factory=list)
    """all figures, with the range that was decided"""
    all_test_spectra: tuple[str, ...] = ()
    """names of the test spectra, in the order of an entry's numbers"""
    test_spectra: tuple[str, ...] = ()
    """names of those that count, of a single spectrum"""

    @classmethod
    def none(cls, spectra: int, masses_GeV: FloatArray) -> "Decisions":
        """Return those of spectra for which nothing is chosen yet."""
        shape, (passes, compatible) = (spectra, len(masses_GeV)), np.zeros((2, spectra), dtype=bool)
        choice, zeros, ones = np.full(spectra, -1), np.zeros(shape), np.ones(shape)
        return cls(masses_GeV, [], choice, passes, zeros, ones, compatible)

    def of(self, row: int) -> "Decisions":
        """Return the decisions about one spectrum, of several whose figures were kept."""
        one = slice(row, row + 1)
        places = [(entry, np.flatnonzero(entry.rows == row)) for entry in self.entries]
        return replace(
            self, choice=self.choice[one], passes=self.passes[one], spurious=self.spurious[one],
            error=self.error[one], compatible=self.compatible[one],
            entries=[entry.of(int(place[0])) for entry, place in places if len(place)],
        )  # fmt: skip

    @property
    def chosen(self) -> Option:
        """The choice for the first spectrum."""
        return self.options[int(self.choice[0])]

    def put(self, rows: Indices, other: "Decisions", which: Indices | None = None) -> None:
        """Take over the choices of `other` for some rows; `which` of its rows, else all."""
        these = slice(None) if which is None else which
        self.options += [option for option in other.options if option not in self.options]
        index = np.array([self.options.index(option) for option in other.options])
        self.choice[rows] = index[other.choice[these]]
        self.passes[rows] = other.passes[these]
        self.spurious[rows], self.error[rows] = other.spurious[these], other.error[these]

    def take(self, rows: Indices, entry: Entry, which: Flags, neighbours: Indices) -> None:
        """Take an entry for some rows; `which` are they among the entry's."""
        self.options.append(entry.option)
        self.choice[rows] = len(self.options) - 1
        self.passes[rows] = entry.passes[which]
        self.spurious[rows], self.error[rows] = nuisance(entry, which, neighbours)

    def weigh_against(self, window: "Decisions") -> None:
        """Leave the full range's choices where only they pass, or expect the smaller errors."""
        # Mean logarithms: a factor is worth as much at high masses, where errors are small.
        smaller = np.log(self.error).mean(axis=1) <= np.log(window.error).mean(axis=1)
        rows = np.flatnonzero(~(self.passes & (~window.passes | smaller)))
        self.put(rows, window, rows)

    def peak(self) -> PeakBackground:
        """Return how the function under a peak was decided, of a single spectrum."""
        option = self.chosen
        return PeakBackground(
            range=option.range,
            fit_range_GeV=(option.low_GeV, option.high_GeV),
            family=option.function.family,
            order=option.function.order,
            passes=bool(self.passes[0]),
            truths=self.test_spectra,
            spurious=SpuriousSignals(
                mass_GeV=self.masses_GeV, events=self.spurious[0], error_events=self.error[0]
            ),
            candidates=tuple(map(self._candidate, self.entries)),
        )

    def _candidate(self, entry: Entry) -> PeakCandidate:
        option = entry.option
        relative = np.abs(entry.spurious[:, 0] / entry.error[:, 0])
        # A test spectrum that does not count is NaN; of some all are. A fit that did not converge
        # to one tells nothing.
        there = np.isfinite(relative).any() and np.isfinite(entry.worst[0])
        where = np.nanargmax(relative) if there else 0
        test_spectrum, mass = np.unravel_index(where, relative.shape)
        return PeakCandidate(
            range=option.range,
            fit_range_GeV=(option.low_GeV, option.high_GeV),
            family=option.function.family,
            order=option.function.order,
            parameters=len(option.function.parameters),
            gof_pvalue=entry.gof_pvalue[0],
            worst_errors=relative[test_spectrum, mass] if there else np.nan,
            worst_truth=self.all_test_spectra[int(test_spectrum)] if there else None,
            worst_mass_GeV=self.masses_GeV[mass] if there else None,
            passes=bool(entry.passes[0]),
            chosen=option == self.chosen,
            f_test_pvalue=None if entry.f_test_pvalue is None else entry.f_test_pvalue[0],
            reason=entry.reason,
        )

    def spurious_by_test_spectrum(self) -> dict[str, LargestSpuriousSignal]:
        """Return the largest spurious signal of the function in use, on every test spectrum."""
        entry = next(e for e in self.entries if e.option == self.chosen)
        figures = zip(self.all_test_spectra, entry.spurious[:, 0], entry.error[:, 0], strict=True)
        return {
            name: largest_spurious(self.masses_GeV, events, errors)
            for name, events, errors in figures
            if np.isfinite(events).all()
        }


def largest_spurious(
    masses_GeV: FloatArray, events: FloatArray, errors: FloatArray
) -> LargestSpuriousSignal:
    """Return the largest spurious signal at some masses, by uncertainties of a signal."""
    worst = int(np.argmax(np.abs(events / errors)))
    return LargestSpuriousSignal(
        events=events[worst], error_events=errors[worst], mass_GeV=masses_GeV[worst]
    )


def nuisance(entry: Entry, rows: Flags, neighbours: Indices) -> tuple[FloatArray, FloatArray]:
    """Return size of the spurious signal's nuisance and expected error, shape (T, M) each.

    The error is the median of those on the test spectra: of few events one or the other predicts
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
