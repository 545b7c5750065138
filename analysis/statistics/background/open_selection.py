r"""Which function stands under the peak of an open spectrum, which has no simulation and no window.

A function that is fitted to data with a resonance in them, and chosen because that fit is good, has
taken the resonance for background. With a search window there is a way out: its sidebands decide
(`model_selection.py`). A published spectrum has no window, the resonance may be anywhere. Then

1. the place of the largest excess is found, by the best fit of a background and a peak, and
   *masked*: three resolutions on either side of it are not read by anything below. If there is
   a resonance it is masked; if there is none, what is lost are a few bins. What still shows four
   sigma in the other bins, and may be claimed next, is masked, too, as long as a third of the bins
   is left: with a second resonance in them no function fits, or one that took it in;
2. test spectra are fitted to all other bins: those of `smooth_spectra.py` and, of every family
   whether it is a candidate or not, the simplest function that fits well and no worse than the next
   order does; those that fit worse than the best by three standard deviations do not count;
3. a candidate must fit the bins outside the masks, too, and some test spectrum of another family
   must: what is tested on nothing but itself is not tested. It must have no more parameters than an
   F test leaves it, and not fall and rise again (`orders.py`);
4. the simplest whose spurious signal is small enough on every test spectrum, at every mass, is
   taken, in the range that was given (no other is tried). If there is none, the one whose expected
   error is the smallest, spurious signal included, is taken, and the result says so.

So a resonance can neither choose its own background nor rule one out. Rejected: a likelihood ratio
of orders, and the best of all functions at each mass, both on the unmasked spectrum; they follow
the resonance. A claim has to hold for the envelope of families, too.

Masks depend on the spectrum, so that toys have each their own; those with the same are decided
together.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from analysis.settings.search import FAMILIES, Window
from analysis.statistics.background.entries import Decisions, Entry, Flags, Indices
from analysis.statistics.background.evaluation import Evaluation
from analysis.statistics.background.families import BELOW_SQRT_S, Function
from analysis.statistics.background.model_selection import ModelSelection
from analysis.statistics.background.orders import WORSE
from analysis.statistics.background.poisson import model, scoring_fit
from analysis.statistics.background.smooth_spectra import KINDS, PARAMETERS
from analysis.statistics.minimiser.projection import likelihood_ratio, project
from analysis.statistics.spectra.bins import outside
from analysis.statistics.spectra.signal_model import bin_fractions
from tools.arrays import FloatArray

MASK = 3.0
"""resolutions on either side of an excess: 0.3 % of a Gaussian peak lie outside"""
_MOST_MASKS = 5
_CLEAR = 16.0
"""fall of the deviance by a peak that is masked beside another: 4 sigma, what may be evidence"""
_AS_GOOD = 4.0
"""largest difference of deviance plus number of parameters of two fits that are about as good:
2 sigma"""
_LEFT = 1 / 3
"""part of the bins that has to decide: beyond it nothing more is masked"""
_BETTER = 3.84
"""fall of the deviance that one more parameter is worth: 5 % of spectra that do not need it"""
_MIN_BENEATH = 2
"""bins that a mask leaves at the low end, where a test spectrum would have nothing to hold on to"""


@dataclass(frozen=True, slots=True, eq=False)
class UnblindedModelSelection(ModelSelection):
    """The model selection of one open spectrum."""

    extrapolates: ClassVar[bool] = False
    """no: a test spectrum bridges no more than the masks"""
    limits_orders: ClassVar[bool] = True
    """yes, as no sidebands were looked at before the data"""
    masks: tuple[Window, ...] = ()
    """whose bins are not read, either"""

    @property
    def unread(self) -> tuple[Window, ...]:
        """The masks."""
        return self.masks

    def decide(
        self,
        counts: FloatArray,
        *,
        combined: FloatArray | None = None,
        all_entries: bool = False,
    ) -> Decisions:
        """Settle the function for every spectrum, each without its largest excesses."""
        found = Decisions.none(len(counts), self.masses_GeV)
        # Spectra with the same masks are decided together.
        for place, rows in _alike(self.places(counts)):
            own = ModelSelection.decide(
                self.masked(place), counts[rows], combined=combined, all_entries=all_entries
            )
            found.put(rows, own)
            found.compatible[rows] = own.compatible
            found.entries += [replace(entry, rows=rows[entry.rows]) for entry in own.entries]
            found.all_test_spectra, found.test_spectra = own.all_test_spectra, own.test_spectra
        return found

    def masked(self, places: Sequence[int] | Indices) -> "UnblindedModelSelection":
        """Return the model selection with masks at masses of its grid; -1: none."""
        there = self.masses_GeV[sorted(place for place in places if place >= 0)]
        half = MASK * self.signal.width_GeV(there)
        masks = zip((there - half).tolist(), (there + half).tolist(), strict=True)
        return replace(self, masks=tuple(Window(low, high) for low, high in masks))

    def places(self, counts: FloatArray) -> Indices:
        """Return where each spectrum is masked, as indices of masses; -1: nowhere.

        Returns
        -------
        ndarray of int, shape (T, P)
            The largest excess; or all those that are clear, each beside the rest.
        """
        found, rows = np.full((len(counts), _MOST_MASKS), -1), np.arange(len(counts))
        found[:, 0], _ = self.masked(()).largest_excess(counts)
        for number in range(1, _MOST_MASKS):
            self._find(found, number, rows, counts)
            rows = rows[found[rows, number] >= 0]
            # With another resonance in the spectrum an earlier one was found beside its place, or
            # where there is none.
            for earlier in range(number):
                self._find(found, earlier, rows, counts)
        return -np.sort(-found, axis=1)

    def _find(self, found: Indices, number: int, rows: Indices, counts: FloatArray) -> None:
        """Find one of the excesses of some spectra beside the others, if it is clear."""
        for others, these in _alike(np.delete(found[rows], number, axis=1)):
            own = rows[these]
            best, gain = self.masked(others).largest_excess(counts[own])
            found[own, number] = np.where(gain >= _CLEAR, best, -1)

    def largest_excess(self, counts: FloatArray) -> tuple[Indices, FloatArray]:
        """Return where each spectrum has its largest excess beside the masks, and what it is worth.

        It is that of the best fit of a background and a peak, to first order. (Where a background
        alone is fitted, a flexible one takes a resonance in, and the excess is found beside it.)
        Beside a mask, where fewer bins tell a flexible background from a stiff one with a peak, it
        is the largest of all descriptions that are about as good as the best.

        Returns
        -------
        ndarray of int, shape (T,)
            Index of a mass; -1 if nothing more can be masked.
        ndarray, shape (T,)
            Fall of the deviance by the peak.
        """
        allowed, rows = self._allowed, np.arange(len(counts))
        if not allowed.any():
            return np.full(len(counts), -1), np.zeros(len(counts))
        evaluation = Evaluation.of(self, 0.0, counts)
        found = [self._with_peak(f, evaluation, allowed) for f in self.test_functions()]
        cost, gain, place = (np.array(each) for each in zip(*found, strict=True))
        least = cost.min(axis=0)
        as_good = cost <= least + (_AS_GOOD if self.masks else 0.0)
        clearest = np.argmax(np.where(as_good, gain, -1.0), axis=0)
        return np.where(np.isfinite(least), place[clearest, rows], -1), gain[clearest, rows]

    def _with_peak(
        self, function: Function, evaluation: Evaluation, allowed: Flags
    ) -> tuple[FloatArray, FloatArray, Indices]:
        """Return the cost of a function with its best peak, the gain by that, and its mass."""
        masses = self.masses_GeV[allowed]
        bins, seen = evaluation.side_bins, evaluation.counts[:, evaluation.sideband]
        peaks = bin_fractions(bins.low_GeV, bins.high_GeV, masses, self.signal.width_GeV(masses))
        fitted = model((function,), (bins,))
        fit = scoring_fit(seen, fitted)
        events, error = project(seen, fit.expected, fitted.slopes(fit.theta), peaks)
        gain = np.where(events > 0, likelihood_ratio(events, error**2), 0.0)
        # One for each parameter, as in `counting`.
        cost = fit.deviance + fitted.size - gain.max(axis=1)
        place = np.flatnonzero(allowed)[np.argmax(gain, axis=1)]
        return np.where(np.isfinite(cost), cost, np.inf), gain.max(axis=1), place

    @property
    def _allowed(self) -> Flags:
        """At which masses a mask may lie beside those that are there, shape (M,)."""
        masses, ends = self.masses_GeV, (self.low_GeV, self.high_GeV)
        half, read = MASK * self.signal.width_GeV(masses), self.reads(*ends)
        left = np.array(
            [read & outside(*ends, Window(m - h, m + h)) for m, h in zip(masses, half, strict=True)]
        )
        beneath = np.sum(left & (self.high_GeV <= masses[:, None]), axis=1) >= _MIN_BENEATH
        if not self.masks:
            return np.asarray(beneath)
        # What looks out of a mask is its own resonance: the next has its peak beside it.
        beside = [(masses < mask.low_GeV) | (masses > mask.high_GeV) for mask in self.masks]
        parameters = [len(f.parameters) for f in self.candidates(self.min_parameters)]
        enough = left.sum(axis=1) > max(_LEFT * len(read), *parameters)
        return np.asarray(beneath & enough & np.all(beside, axis=0))

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


def _alike(places: Indices) -> Iterator[tuple[Indices, Indices]]:
    """Yield places, and which rows have them, in whatever order they were found."""
    unique, index = np.unique(np.sort(places, axis=1), axis=0, return_inverse=True)
    for number, place in enumerate(unique):
        yield place, np.flatnonzero(index.ravel() == number)
