r"""Which function stands under the peak, and where: settled on the sidebands, for many spectra.

In a fit of the whole spectrum a background function that is too stiff shows as a false peak. How
large it is, is measured on test spectra compatible with the sidebands: a peak fitted to a test
spectrum without one and without fluctuations, at every mass. The largest, in units of its error,
decides:

1. *Test spectra*: the two of `smooth_spectra.py`, and the simplest functions of the model selection
   itself, each fitted to the sidebands; those with a good enough fit, whose prediction falls,
   count.
2. *Candidates*: all functions, the fewest parameters first, in the full range of the fit and in the
   window alone. In the full range a candidate must fit the sidebands, and a test spectrum of
   `smooth_spectra.py` must: where only the candidates themselves describe the low end (a turn-on),
   they are tested on nothing but themselves.
3. The simplest candidate of each range whose spurious signal is at most `spurious_signal` errors on
   every test spectrum passes; of the two ranges the one with the smaller expected errors is taken.
4. If no candidate passes, the one with the smallest spurious signal in the window is taken, and the
   result says so.

No event inside the window is read, so that a signal cannot choose its own background: a likelihood
ratio on a spectrum with a ten sigma peak takes one more order in most toys and loses a quarter of
the significance. What spurious signal is left becomes a nuisance parameter of the fit: at each mass
its largest size within two resolutions, over all test spectra.

If a turn-on spoils the low end, so that no test spectrum fits, the range begins higher, step by
step.

Of several categories each has its own functions and spurious signals. A category of few events
would be tested on tails that only its fluctuations suggest, and take flexible functions, with which
the asymptotic formulas fail (P(Z > 2) = 0.04 at 1000 GeV). But categories of a score that does not
follow the mass have one shape: test spectra have that of their sum, where a category's sidebands
agree.

Everything is done for T spectra at once, one for the data, thousands for toys: they go through the
same decisions.

That of an open spectrum, which has no sidebands, is `open_selection.py`'s.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from analysis.statistics.background.entries import (
    Decisions,
    Entry,
    Option,
    nuisance,
)
from analysis.statistics.background.evaluation import Evaluation
from analysis.statistics.background.rules import Rules
from tools.arrays import FloatArray
from tools.errors import XyyError


@dataclass(frozen=True, slots=True, eq=False)
class ModelSelection(Rules):
    """The model selection of one channel."""

    def decide(
        self,
        counts: FloatArray,
        *,
        combined: FloatArray | None = None,
        all_entries: bool = False,
    ) -> Decisions:
        """Settle function and range for every spectrum.

        Parameters
        ----------
        counts : ndarray, shape (T, B)
            Events in the bins of the full range; those inside the window are not read.
        combined : ndarray, shape (T, B), optional
            The sum of all categories, of whose spectra this is one: where it describes these
            sidebands, test spectra have its shape.
        all_entries : bool
            Judge the candidates behind one that passes, too, and keep all figures.

        Raises
        ------
        XyyError
            If no function can be fitted at all.
        """
        found = Decisions.none(len(counts), self.masses_GeV)
        rows = np.arange(len(counts))
        for low in self.lows_GeV:
            evaluation = Evaluation.of(self, low, counts[rows])
            if combined is None:
                test_spectra = evaluation.test_spectra()
            else:
                of_all = Evaluation.of(self, low, combined[rows])
                test_spectra = evaluation.combined_test_spectra(of_all)
            found.compatible[rows] = test_spectra.valid.any(axis=0)
            # Where no test spectrum fits, a spectrum is looked at again from the next beginning on;
            # the last one has to do.
            there = found.compatible[rows] | (low == self.lows_GeV[-1])
            if there.any():
                evaluation, test_spectra = evaluation.some(there), test_spectra.some(there)
                kept: list[Entry] | None = [] if all_entries else None
                choices = [evaluation.evaluate(name, test_spectra, kept) for name in self.ranges]
                best = choices[0]
                for window in choices[1:]:
                    best.weigh_against(window)
                found.put(rows[there], best)
                found.entries += [replace(e, rows=rows[there][e.rows]) for e in kept or ()]
                found.all_test_spectra = test_spectra.names
                found.test_spectra = test_spectra.counting()
            rows = rows[~there]
            if not len(rows):
                break
        if np.any(found.choice < 0):
            raise XyyError(
                "no background function can be fitted under a peak; look at the spectrum, or give "
                "other families or another range"
            )
        return found

    def spurious_of(self, entry: Entry) -> FloatArray:
        """Return one standard deviation of an entry's spurious signal on the first spectrum."""
        events, _ = nuisance(entry, np.array([True]), self.neighbours)
        return np.asarray(events[0])

    def expectation(self, counts: FloatArray, option: Option) -> FloatArray:
        """Return the background that the bins outside the window predict in an option's range.

        It is the option's own function fitted to them; that of the window alone cannot be, and the
        test spectrum that fits best stands in.

        Parameters
        ----------
        counts : ndarray, shape (B,)
        option : Option
        """
        full = option.range == "full"
        evaluation = Evaluation.of(self, option.low_GeV if full else 0.0, counts[None])
        if full:
            seen = evaluation.counts[:, evaluation.sideband]
            return np.asarray(evaluation.curve(option.function, seen)[0][0])
        # In the window alone nothing is seen that the function could be fitted to.
        test_spectra = evaluation.test_spectra().some(np.array([True]))
        best = np.argmin(np.where(test_spectra.valid, test_spectra.deviance, np.inf)[:, 0])
        return np.asarray(test_spectra.expected[best, 0][~evaluation.sideband])


def select_all(
    model_selections: Sequence[ModelSelection],
    counts: Sequence[FloatArray],
    *,
    all_entries: bool = False,
) -> tuple[Decisions, ...]:
    """Settle the functions of categories, which may differ in where their bins begin.

    Parameters
    ----------
    model_selections : sequence of ModelSelection
        One a category.
    counts : sequence of ndarray, shape (T, B)
        Its spectra, as in `ModelSelection.decide`.
    """
    if len(counts) == 1:
        return (model_selections[0].decide(counts[0], all_entries=all_entries),)
    found = []
    for model_selection, own in zip(model_selections, counts, strict=True):
        combined = _together(own.shape[1], counts)
        found.append(model_selection.decide(own, combined=combined, all_entries=all_entries))
    return tuple(found)


def _together(bins: int, counts: Sequence[FloatArray]) -> FloatArray:
    """Return the sum of the spectra that reach as far down; all end at one mass."""
    # A category that begins higher knows nothing of the low end, where a sum would have a step.
    reaching = [own[:, -bins:] for own in counts if own.shape[1] >= bins]
    return np.asarray(np.sum(reaching, axis=0))
