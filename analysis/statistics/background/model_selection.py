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

**Of an open spectrum** without simulation and sidebands (`UnblindedModelSelection`) the same is
settled with a mask in place of the window. A function that is fitted to data with a resonance in
them, and chosen because that fit is good, has taken the resonance for background. With a search
window there is a way out: its sidebands decide. A published spectrum has no window, the resonance
may be anywhere. Then

1. the place of the largest excess is found, by the best fit of a background and a peak, and
   *masked*: three resolutions on either side of it are not read by anything below. If there is
   a resonance it is masked; if there is none, what is lost are a few bins;
2. test spectra are fitted to all other bins: those of `smooth_spectra.py` and, of every family
   whether it is a candidate or not, the simplest function that fits well and no worse than the next
   order does; those that fit worse than the best by three standard deviations do not count;
3. a candidate must fit the bins outside the mask, too, and some test spectrum of another family
   must: what is tested on nothing but itself is not tested. It must have no more parameters than an
   F test leaves it, and not fall and rise again (`orders.py`);
4. the simplest whose spurious signal is small enough on every test spectrum, at every mass, is
   taken, in the range that was given (no other is tried). If there is none, the one whose expected
   error is the smallest, spurious signal included, is taken, and the result says so.

So a resonance can neither choose its own background nor rule one out. Rejected: a likelihood ratio
of orders, and the best of all functions at each mass, both on the unmasked spectrum; they follow
the resonance. A claim has to hold for the envelope of families, too.

The mask depends on the spectrum, so that toys have each their own; those with the same are decided
together. One resonance is masked: with a second one nothing may fit, and the result says that.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from analysis.settings.search import FAMILIES, Window
from analysis.statistics.background.entries import (
    Decisions,
    Entry,
    Flags,
    Indices,
    Option,
    nuisance,
)
from analysis.statistics.background.evaluation import Evaluation
from analysis.statistics.background.families import BELOW_SQRT_S, Function
from analysis.statistics.background.orders import WORSE
from analysis.statistics.background.poisson import model, scoring_fit
from analysis.statistics.background.rules import Rules
from analysis.statistics.background.smooth_spectra import KINDS, PARAMETERS
from analysis.statistics.minimiser.projection import likelihood_ratio, project
from analysis.statistics.spectra.signal_model import bin_fractions
from tools.arrays import FloatArray
from tools.errors import XyyError

MASK = 3.0
"""resolutions on either side of the largest excess: 0.3 % of a Gaussian peak lie outside"""
_BETTER = 3.84
"""fall of the deviance that one more parameter is worth: 5 % of spectra that do not need it"""
_MIN_BENEATH = 2
"""bins that a mask leaves at the low end, where a test spectrum would have nothing to hold on to"""


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


@dataclass(frozen=True, slots=True, eq=False)
class UnblindedModelSelection(ModelSelection):
    """The model selection of one open spectrum; `window` is the mask, or empty."""

    extrapolates: ClassVar[bool] = False
    """no: a test spectrum bridges no more than the mask"""
    limits_orders: ClassVar[bool] = True
    """yes, as no sidebands were looked at before the data"""

    def decide(
        self,
        counts: FloatArray,
        *,
        combined: FloatArray | None = None,
        all_entries: bool = False,
    ) -> Decisions:
        """Settle the function for every spectrum, each without its largest excess."""
        found = Decisions.none(len(counts), self.masses_GeV)
        places = self.places(counts)
        # Spectra with the same mask are decided together.
        for place in np.unique(places):
            rows = np.flatnonzero(places == place)
            own = ModelSelection.decide(
                self.masked(int(place)), counts[rows], combined=combined, all_entries=all_entries
            )
            found.put(rows, own)
            found.compatible[rows] = own.compatible
            found.entries = own.entries
            found.all_test_spectra, found.test_spectra = own.all_test_spectra, own.test_spectra
        return found

    def masked(self, place: int) -> "UnblindedModelSelection":
        """Return the model selection with a mask at a mass of its grid; -1: without."""
        if place < 0:
            low = float(self.low_GeV[0])
            return replace(self, window=Window(low, low))
        mass = self.masses_GeV[place]
        half = MASK * float(self.signal.width_GeV(self.masses_GeV[[place]])[0])
        return replace(self, window=Window(float(mass - half), float(mass + half)))

    def places(self, counts: FloatArray) -> Indices:
        """Return where each spectrum has its largest excess, as index of a mass.

        It is that of the best fit of a background and a peak, to first order. Where a background
        alone is fitted, a flexible one takes a resonance in, and the excess is found beside it.
        """
        evaluation, masses = Evaluation.of(self.masked(-1), 0.0, counts), self.masses_GeV
        width = self.signal.width_GeV(masses)
        allowed = np.sum(self.high_GeV <= (masses - MASK * width)[:, None], axis=1) >= _MIN_BENEATH
        if not allowed.any():
            return np.full(len(counts), -1)
        templates = bin_fractions(self.low_GeV, self.high_GeV, masses, width)
        least, found = np.full(len(counts), np.inf), np.full(len(counts), -1)
        for function in self.test_functions():
            fitted = model((function,), (evaluation.bins,))
            fit = scoring_fit(counts, fitted)
            events, error = project(counts, fit.expected, fitted.slopes(fit.theta), templates)
            gain = np.where(allowed & (events > 0), likelihood_ratio(events, error**2), -1.0)
            # One for each parameter, as in `counting`.
            cost = fit.deviance + fitted.size - gain.max(axis=1)
            better = np.isfinite(cost) & (cost < least)
            least[better], found[better] = cost[better], np.argmax(gain, axis=1)[better]
        return found

    def test_functions(self) -> tuple[Function, ...]:
        """Return the functions of all families: what is a candidate and what is true differ."""
        tried = self.functions(self.min_parameters, (*FAMILIES, *self.settings.own))
        beyond = float(self.high_GeV[-1]) >= self.sqrt_s_GeV
        return tuple(
            f for f in tried if not f.additive and not (beyond and f.family in BELOW_SQRT_S)
        )

    def cost(self, entry: Entry) -> FloatArray:
        """Return the expected error of a signal, its spurious signal included: mean logarithm."""
        with np.errstate(all="ignore"):
            total = np.hypot(entry.error, entry.spurious)
            largest = np.max(np.where(np.isfinite(total), total, 0.0), axis=0)
            mean = np.log(largest).mean(axis=-1)
        return np.where(np.isfinite(entry.worst) & np.isfinite(mean), mean, np.inf)

    def counting(self, names: Sequence[str], valid: Flags, deviances: FloatArray) -> Flags:
        """Leave of each family the simplest function that fits as well as the next one does.

        And of all, those that fit no worse than the best by `WORSE`. No bin with a resonance is
        among those fitted, so that likelihood ratios may decide here.
        """
        sizes = [PARAMETERS] * len(KINDS)
        sizes += [len(function.parameters) for function in self.test_functions()]
        # One for each parameter, as in discrete profiling (P. Dauncey et al., arXiv:1408.6865).
        penalised = np.where(valid, deviances + np.array(sizes)[:, None], np.inf)
        valid = valid & (penalised <= penalised.min(axis=0) + WORSE)
        found, families = valid.copy(), np.array([name.split()[0] for name in names])
        for family in set(families):
            done = np.zeros(valid.shape[1], dtype=bool)
            orders = np.flatnonzero(families == family)
            for order, after in zip(orders, [*orders[1:], None], strict=True):
                enough = valid[order] & ~done
                if after is not None:
                    enough &= ~(deviances[order] - deviances[after] > _BETTER)
                found[order] = enough
                done |= enough
        return found

    def tests(self, function: Function, names: Sequence[str], valid: Flags) -> Flags:
        """Tell for which spectra a test spectrum of another family fits."""
        others = [name.split()[0] != function.family for name in names]
        return np.asarray(valid[others].any(axis=0))


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
