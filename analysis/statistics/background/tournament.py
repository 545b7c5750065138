r"""Which function stands under the peak, and where: settled on the sidebands, for many spectra.

In a fit of the whole spectrum a background function that is too stiff shows as a false peak. How
large it is, is measured on smooth truths compatible with the sidebands: a peak fitted to a truth
without one and without fluctuations, at every mass. The largest, in units of its error, decides:

1. *Truths*: the two of `truths.py`, and the simplest functions of the tournament itself, each
   fitted to the sidebands; those with a good enough fit, whose prediction falls, count.
2. *Candidates*: all functions, the fewest parameters first, in the full range of the fit and in the
   window alone. In the full range a candidate must fit the sidebands, and a truth of `truths.py`
   must: where only the candidates themselves describe the low end (a turn-on), they are tested on
   nothing but themselves.
3. The simplest candidate of each range whose spurious signal is at most `spurious_signal` errors on
   every truth passes; of the two ranges the one with the smaller expected errors is taken.
4. If no candidate passes, the one with the smallest spurious signal in the window is taken, and the
   result says so.

No event inside the window is read, so that a signal cannot choose its own background: a likelihood
ratio on a spectrum with a ten sigma peak takes one more order in most toys and loses a quarter of
the significance. What spurious signal is left becomes a nuisance parameter of the fit: at each mass
its largest size within two resolutions, over all truths.

If a turn-on spoils the low end, so that no truth fits, the range begins higher, step by step.

Of several categories each has its own functions and spurious signals. A category of few events
would be tested on tails that only its fluctuations suggest, and take flexible functions, with which
the asymptotic formulas fail (P(Z > 2) = 0.04 at 1000 GeV). But categories of a score that does not
follow the mass have one shape: truths have that of their sum, where a category's sidebands agree.

Everything is done for T spectra at once, one for the data, thousands for toys: they go through the
same decisions.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from analysis.statistics.background.contest import Contest, Rules
from analysis.statistics.background.entries import Choices, Entry, Flags, Indices, Option, nuisance
from tools.arrays import FloatArray
from tools.errors import XyyError


@dataclass(frozen=True, slots=True, eq=False)
class Decisions:
    """What T spectra are fitted with."""

    options: tuple[Option, ...]
    choice: Indices
    """index into `options`, shape (T,)"""
    passes: Flags
    """whether the choice is good enough, shape (T,)"""
    compatible: Flags
    """whether any truth fits the sidebands, shape (T,)"""
    masses_GeV: FloatArray
    spurious: FloatArray
    """one standard deviation of the spurious signal, events, shape (T, M)"""
    error: FloatArray
    """expected error of a signal, events, shape (T, M)"""
    entries: tuple[Entry, ...]
    """all figures, with the range that was decided; of a single spectrum only"""
    all_truths: tuple[str, ...]
    """names of the truths, in the order of an entry's numbers"""
    truths: tuple[str, ...]
    """names of those that count, of a single spectrum"""

    @property
    def chosen(self) -> Option:
        """The choice for the first spectrum."""
        return self.options[int(self.choice[0])]


@dataclass(frozen=True, slots=True, eq=False)
class Tournament(Rules):
    """The tournament of one channel."""

    def decide(
        self, counts: FloatArray, *, alike: FloatArray | None = None, all_entries: bool = False
    ) -> Decisions:
        """Settle function and range for every spectrum.

        Parameters
        ----------
        counts : ndarray, shape (T, B)
            Events in the bins of the full range; those inside the window are not read.
        alike : ndarray, shape (T, B), optional
            The sum of all categories, of whose spectra this is one: where it describes these
            sidebands, truths have its shape.
        all_entries : bool
            Judge the candidates behind one that passes, too, and keep all figures.

        Raises
        ------
        XyyError
            If no function can be fitted at all.
        """
        found = Choices.none(len(counts), len(self.masses_GeV))
        compatible = np.zeros(len(counts), dtype=bool)
        entries: list[Entry] = []
        names = tuple[str, ...](), tuple[str, ...]()
        rows = np.arange(len(counts))
        for low in self.lows_GeV:
            field = Contest.of(self, low, counts[rows])
            together = None if alike is None else Contest.of(self, low, alike[rows])
            truths = field.truths() if together is None else field.truths_alike(together)
            compatible[rows] = truths.valid.any(axis=0)
            # A spectrum without a truth that fits is looked at again from the next beginning on;
            # the last one has to do.
            there = compatible[rows] | (low == self.lows_GeV[-1])
            if there.any():
                field, truths = field.some(there), truths.some(there)
                kept = entries if all_entries else None
                choices = [field.play(name, truths, kept) for name in self.ranges]
                best = choices[0]
                for window in choices[1:]:
                    best.weigh_against(window)
                found.put(rows[there], best)
                names = truths.names, truths.counting()
            rows = rows[~there]
            if not len(rows):
                break
        if np.any(found.option < 0):
            raise XyyError(
                "no background function can be fitted under a peak; look at the spectrum, or give "
                "other families or another range"
            )
        return Decisions(
            tuple(found.options), found.option, found.passes, compatible, self.masses_GeV,
            found.spurious, found.error, tuple(entries), *names,
        )  # fmt: skip

    def spurious_of(self, entry: Entry) -> FloatArray:
        """Return one standard deviation of an entry's spurious signal on the first spectrum."""
        events, _ = nuisance(entry, np.array([True]), self.reach)
        return np.asarray(events[0])

    def expectation(self, counts: FloatArray, option: Option) -> FloatArray:
        """Return the background that the bins outside the window predict in an option's range.

        It is the option's own function fitted to them; that of the window alone cannot be, and the
        truth that fits best stands in.

        Parameters
        ----------
        counts : ndarray, shape (B,)
        option : Option
        """
        field = Contest.of(self, option.low_GeV if option.range == "full" else 0.0, counts[None])
        if option.range == "full":
            return np.asarray(field.curve(option.function, field.counts[:, field.sideband])[0][0])
        truths = field.truths().some(np.array([True]))
        best = int(np.argmin(np.where(truths.valid[:, 0], truths.misfit[:, 0], np.inf)))
        return np.asarray(truths.expected[best, 0][~field.sideband])


def decide_all(
    tournaments: Sequence[Tournament], counts: Sequence[FloatArray], *, all_entries: bool = False
) -> tuple[Decisions, ...]:
    """Settle the functions of categories, which may differ in where their bins begin.

    Parameters
    ----------
    tournaments : sequence of Tournament
        One a category.
    counts : sequence of ndarray, shape (T, B)
        Its spectra, as in `Tournament.decide`.
    """
    if len(counts) == 1:
        return (tournaments[0].decide(counts[0], all_entries=all_entries),)
    return tuple(
        tournament.decide(own, alike=_together(own.shape[1], counts), all_entries=all_entries)
        for tournament, own in zip(tournaments, counts, strict=True)
    )


def _together(bins: int, counts: Sequence[FloatArray]) -> FloatArray:
    """Return the sum of the spectra that reach as far down, in so many bins; all end alike."""
    reaching = [own[:, -bins:] for own in counts if own.shape[1] >= bins]
    return np.asarray(np.sum(reaching, axis=0))
