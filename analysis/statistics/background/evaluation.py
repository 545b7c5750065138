"""Evaluation of background functions on T spectra, in a range that begins at some mass.

Test spectra are fitted to their sidebands, and functions judged by what they take for a signal in
them, by the rules of the model selection: what is read, what is tried, what passes. What is chosen
then is `model_selection.py`'s to say.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from analysis.statistics.background.entries import Decisions, Entry, Flags, Indices, Option
from analysis.statistics.background.families import Function
from analysis.statistics.background.goodness import goodness_many
from analysis.statistics.background.orders import CandidateFit, Orders, falls_and_rises
from analysis.statistics.background.poisson import model, scoring_fit
from analysis.statistics.background.rules import Rules
from analysis.statistics.background.smooth_spectra import (
    KINDS,
    PARAMETERS,
    prediction_falls,
    smooth_curve,
)
from analysis.statistics.minimiser.projection import project
from analysis.statistics.spectra.bins import Bins, SAME_EDGE_GeV, below
from analysis.statistics.spectra.signal_model import bin_fractions
from tools.arrays import FloatArray

_POOR = "does not fit the bins that decide"
_RISES = "falls and rises again"
_NEEDLESS = "has more parameters than are needed"
_FAKES = "fakes too large a signal"
_ENDLESS = "cannot be fitted to a test spectrum"
_MIN_EVENTS = 1e-3
"""least events by which a test spectrum is divided where it is scaled to a category"""


@dataclass(frozen=True, slots=True, eq=False)
class TestSpectra:
    """Test spectra for T sidebands: smooth, of known content in the window."""

    names: tuple[str, ...]
    expected: FloatArray
    """events over the whole range, window included, shape (K, T, B)"""
    valid: Flags
    """whether each fits the sidebands, shape (K, T)"""
    deviance: FloatArray
    """deviance in the sidebands, shape (K, T)"""
    combined: Flags
    """whether their shape is that of all categories together, shape (T,)"""

    def some(self, rows: Flags) -> "TestSpectra":
        """Return those of some spectra; where none is valid the one that fits best counts."""
        valid, deviance = self.valid[:, rows].copy(), self.deviance[:, rows]
        nothing = np.flatnonzero(~valid.any(axis=0))
        valid[np.argmin(deviance[:, nothing], axis=0), nothing] = True
        return TestSpectra(self.names, self.expected[:, rows], valid, deviance, self.combined[rows])

    def distorted(self, distortion: FloatArray) -> "TestSpectra":
        """Return these and one more: the first valid one of each spectrum, times `distortion`."""
        first = np.argmax(self.valid, axis=0)
        spectra = np.arange(self.expected.shape[1])
        return TestSpectra(
            (*self.names, "bent"),
            np.concatenate([self.expected, (self.expected[first, spectra] * distortion)[None]]),
            np.concatenate([self.valid, self.valid[first, spectra][None]]),
            np.concatenate([self.deviance, np.full((1, len(spectra)), np.inf)]),
            self.combined,
        )

    def counting(self) -> tuple[str, ...]:
        """Return the names of the test spectra that count for the first spectrum."""
        return tuple(n for n, valid in zip(self.names, self.valid[:, 0], strict=True) if valid)


@dataclass(frozen=True, slots=True, eq=False)
class Evaluation:
    """T spectra in a range that begins at some mass."""

    rules: Rules
    bins: Bins
    """edges, and mean contents of the sidebands; 0 in the window"""
    counts: FloatArray
    """events of each spectrum, shape (T, B); what lies in the window has been replaced by 0"""
    sideband: Flags
    """which bins are read: those outside the window, or masks, shape (B,)"""

    @classmethod
    def of(cls, rules: Rules, low_GeV: float, counts: FloatArray) -> "Evaluation":
        """Return the evaluation from a mass on; of `counts` the window is not read."""
        first = np.searchsorted(rules.low_GeV, low_GeV - SAME_EDGE_GeV)
        low, high = rules.low_GeV[first:], rules.high_GeV[first:]
        sideband = rules.reads(low, high)
        # The window is not even copied: whatever it holds, NaN included, cannot reach a sum.
        seen = np.zeros((len(counts), len(low)))
        seen[:, sideband] = counts[:, first:][:, sideband]
        # Fits take basis and start from it; their minima do not depend on it.
        mean = seen.mean(axis=0)
        return cls(rules, Bins(low, high, mean, mean), seen, sideband)

    def some(self, rows: Flags) -> "Evaluation":
        """Return the evaluation of some of the spectra."""
        return replace(self, counts=self.counts[rows])

    @property
    def side_bins(self) -> Bins:
        """The bins outside the window."""
        return self.bins.some(self.sideband)

    def test_spectra(self) -> TestSpectra:
        """Fit all test spectra to the sidebands."""
        names, expected, valid, deviances = [], [], [], []
        for index in range(len(KINDS) + len(self.rules.test_functions())):
            name, curve, parameters, converged = self.test_spectrum(index)
            deviance, pvalue = self.goodness(curve, parameters)
            names.append(name)
            expected.append(curve)
            valid.append(converged & (pvalue >= self.rules.gof_pvalue) & self._falls(curve))
            deviances.append(deviance)
        counting = self.rules.counting(names, np.array(valid), np.array(deviances))
        alone = np.zeros(len(self.counts), dtype=bool)
        found = TestSpectra(tuple(names), np.array(expected), counting, np.array(deviances), alone)
        return found.distorted(self._distortion()) if self.rules.extrapolates else found

    def combined_test_spectra(self, together: "Evaluation") -> TestSpectra:
        """Return the test spectra of all categories together, each with this category's events.

        Where none of them fits the sidebands of this category, its own take their place.

        Parameters
        ----------
        together : Evaluation
            The sum of the categories, in the same bins.
        """
        common, side = together.test_spectra(), self.sideband
        counts = self.counts[:, side]
        # Shapes are of all categories; only the number of events is fitted, one parameter.
        of_all = np.maximum(common.expected[..., side].sum(axis=-1), _MIN_EVENTS)
        expected = common.expected * (counts.sum(axis=-1) / of_all)[..., None]
        goodness = [self.goodness(each, 1) for each in expected]
        deviance, pvalue = np.array(goodness).swapaxes(0, 1)
        valid = common.valid & (pvalue >= self.rules.gof_pvalue)
        combined = valid.any(axis=0)
        if not combined.all():
            own = self.some(~combined).test_spectra()
            expected[:, ~combined], valid[:, ~combined] = own.expected, own.valid
            deviance[:, ~combined] = own.deviance
        return TestSpectra(common.names, expected, valid, deviance, combined)

    def goodness(self, curve: FloatArray, parameters: int) -> tuple[FloatArray, FloatArray]:
        """Return the deviances of curves in the sidebands, and their p-values."""
        side = self.sideband
        return goodness_many(self.counts[:, side], curve[:, side], parameters)

    def _distortion(self) -> FloatArray:
        """Return what distorts a test spectrum where no sideband sees it, shape (B,)."""
        window = self.rules.window
        centre = (self.bins.low_GeV + self.bins.high_GeV) / 2
        u = (centre - window.low_GeV) / (window.high_GeV - window.low_GeV)
        # One period: it is zero at both ends and adds no event, so that no sideband tells of it.
        wave = np.where((u > 0) & (u < 1), np.sin(2 * np.pi * u), 0.0)
        return np.asarray(1 + self.rules.settings.bend * wave)

    def test_spectrum(self, index: int) -> tuple[str, FloatArray, int, Flags]:
        """Fit one of the test spectra to the sidebands.

        Returns
        -------
        name, events in all bins, number of parameters, whether the fit converged
        """
        counts = self.counts[:, self.sideband]
        if index < len(KINDS):
            edges = self.bins.low_GeV, self.bins.high_GeV
            curve = smooth_curve(KINDS[index], counts, self.side_bins, *edges)
            return KINDS[index], curve, PARAMETERS, np.ones(len(curve), dtype=bool)
        function = self.rules.test_functions()[index - len(KINDS)]
        curve, converged = self.curve(function, counts)
        return function.name, curve, len(function.parameters), converged

    def curve(self, function: Function, counts: FloatArray) -> tuple[FloatArray, Flags]:
        """Fit a function to these contents of the sidebands; return its events in all bins."""
        side = self.side_bins
        low, high = float(self.bins.low_GeV[0]), float(self.bins.high_GeV[-1])
        fitted = model((function.within(low, high),), (side,))
        fit = scoring_fit(counts, fitted)
        return fitted.over(self.bins, fit.theta), fit.converged

    def _falls(self, curve: FloatArray) -> Flags:
        """Tell which predictions are, per GeV, below the sideband beneath the window."""
        window, bins = self.rules.window, self.bins
        if self.rules.limits_orders:
            return ~falls_and_rises(bins.low_GeV, bins.high_GeV, curve)
        beneath = below(bins.high_GeV, window.low_GeV)
        if not (self.rules.extrapolates and beneath.any()):
            return np.ones(len(curve), dtype=bool)
        inside, counted = curve[:, ~self.sideband].sum(axis=1), self.counts[:, beneath].sum(axis=1)
        return prediction_falls(inside, counted, float(bins.low_GeV[0]), window)

    def evaluate(
        self, range_name: str, test_spectra: TestSpectra, kept: list[Entry] | None
    ) -> Decisions:
        """Try all functions in one range."""
        rules = self.rules
        found = Decisions.none(len(self.counts), rules.masses_GeV)
        # In the window there is no low end to describe, and a shape shared by all categories is not
        # distorted by the few events of one: two parameters may be enough.
        few = range_name == "window" or test_spectra.combined.any()
        tried = rules.candidates(2 if few else rules.min_parameters)
        trial = _Trial(range_name, test_spectra, self._orders(tried))
        for function in tried:
            # The fewest parameters come first: for a spectrum with a function that passes, the
            # others need not be judged, unless all figures are asked for.
            rows = np.flatnonzero(~found.passes | (kept is not None))
            if not len(rows):
                break
            entry = self._judge(trial, function, rows, hasty=kept is None)
            if kept is not None:
                kept.append(entry)
            new = entry.passes & ~found.passes[rows]
            if new.any():
                found.take(rows[new], entry, new, rules.neighbours)
        self._smallest_spurious(trial, tried, found)
        return found

    def _smallest_spurious(
        self, trial: "_Trial", tried: Sequence[Function], found: Decisions
    ) -> None:
        """Where nothing passes in the last range, take the smallest spurious signal."""
        rows = np.flatnonzero(~found.passes)
        if trial.range_name != self.rules.ranges[-1] or not len(rows):
            return
        for any_fit in (False, True):  # one that does not fit, only where none does
            rows = rows[found.choice[rows] < 0]
            smallest = np.full(len(rows), np.inf)
            for function in tried if len(rows) else ():
                entry = self._judge(trial, function, rows, any_fit=any_fit)
                cost = self.rules.cost(entry)
                better = cost < smallest
                smallest = np.minimum(cost, smallest)
                if better.any():
                    found.take(rows[better], entry, better, self.rules.neighbours)

    def _judge(
        self,
        trial: "_Trial",
        function: Function,
        rows: Indices,
        *,
        hasty: bool = False,
        any_fit: bool = False,
    ) -> Entry:
        """Return a function's figures; if `hasty`, of what fails on one test spectrum no more.

        With `any_fit` also of one that does not fit; it does not pass.
        """
        rules = self.rules
        test_spectra, inside = trial.test_spectra, self._inside(trial.range_name)
        bins = self.bins.some(inside)
        admitted = self._admitted(trial, function, rows)
        good = admitted.rows | any_fit
        low, high = float(bins.low_GeV[0]), float(bins.high_GeV[-1])
        function = function.within(low, high)
        shape = (len(test_spectra.names), len(rows), len(rules.masses_GeV))
        spurious, error = np.full(shape, np.nan), np.full(shape, np.nan)
        mean = rules.masses_GeV + rules.signal.offset_GeV(rules.masses_GeV)
        width = rules.signal.width_GeV(rules.masses_GeV)
        templates = bin_fractions(bins.low_GeV, bins.high_GeV, mean, width)
        worst = np.zeros(len(rows))
        limit = rules.settings.spurious_signal
        for k, valid in enumerate(test_spectra.valid[:, rows]):
            # What failed on one test spectrum has failed: no other is fitted for it.
            judged = valid & good & (worst <= limit) if hasty else valid & good
            if not judged.any():
                continue
            # Without fluctuations: what is fitted as a peak is the function's doing, not chance.
            asimov = test_spectra.expected[k][np.ix_(rows[judged], inside)]
            typical = asimov.mean(axis=0)
            fitted = model((function,), (replace(bins, counts=typical, variances=typical),))
            fit = scoring_fit(asimov, fitted)
            # To first order: a spurious signal that is not small against the background fails
            # anyway.
            faked, sigma = project(asimov, fit.expected, fitted.slopes(fit.theta), templates)
            spurious[k, judged], error[k, judged] = faked, sigma
            # The mass where it is largest decides, as a resonance may be at any of them.
            largest = np.abs(faked / sigma).max(axis=1)
            # A fit that does not converge shows nothing, which must not pass for no spurious
            # signal.
            worst[judged] = np.maximum(worst[judged], np.where(fit.converged, largest, np.inf))
        worst = np.where(good, worst, np.inf)
        passes = admitted.rows & (worst <= limit)
        failed = _FAKES if np.isfinite(worst[:1]).all() else _ENDLESS
        return Entry(
            Option(trial.range_name, low, high, function),
            admitted.gof_pvalue,
            spurious,
            error,
            worst,
            passes,
            rows,
            admitted.f_test_pvalue,
            admitted.reason or (None if passes[:1].all() else failed),
        )

    def fit(self, function: Function) -> CandidateFit:
        """Fit a function to the sidebands, and say whether it could be a background there."""
        curve, converged = self.curve(function, self.counts[:, self.sideband])
        deviance, pvalue = self.goodness(curve, len(function.parameters))
        fits = converged & (pvalue >= self.rules.gof_pvalue)
        rises = falls_and_rises(self.bins.low_GeV, self.bins.high_GeV, curve)
        return CandidateFit(function, deviance, pvalue, fits, rises)

    def _orders(self, tried: Sequence[Function]) -> Orders | None:
        """Return what the F test says of candidates, and of what else may describe the spectra."""
        if not self.rules.limits_orders:
            return None
        every = dict.fromkeys((*tried, *self.rules.test_functions()))
        return Orders.of([self.fit(function) for function in every])

    def _admitted(self, trial: "_Trial", function: Function, rows: Indices) -> "_Admission":
        """Tell for which spectra a function may be used at all."""
        if trial.range_name == "window":
            return _Admission(np.ones(len(rows), dtype=bool), np.full(len(rows), np.nan))
        rules, spectra, orders = self.rules, trial.test_spectra, trial.orders
        tested = rules.tests(function, spectra.names, spectra.valid[:, rows])
        enough = len(function.parameters) >= rules.min_parameters or rules.named is not None
        checks = {
            "no test spectrum tells what it fakes": tested,
            "has too few parameters for the full range": spectra.combined[rows] | enough,
        }
        if orders is None:
            fit = replace(self, counts=self.counts[rows]).fit(function)
            checks = {_POOR: fit.fits, **checks}
            return _Admission.of(checks, fit.pvalue)
        fit = orders.fits[function]
        checks = {_POOR: fit.fits[rows], _RISES: ~fit.rises[rows], **checks}
        if rules.named is None:
            checks[_NEEDLESS] = ~orders.needless(function)[rows]
        return _Admission.of(checks, fit.pvalue[rows], orders.next_pvalue[function][rows])

    def _inside(self, range_name: str) -> Flags:
        return np.ones(len(self.sideband), dtype=bool) if range_name == "full" else ~self.sideband


@dataclass(frozen=True, slots=True, eq=False)
class _Trial:
    """All functions in one range."""

    range_name: str
    test_spectra: TestSpectra
    orders: Orders | None
    """None where no F test is made"""


@dataclass(frozen=True, slots=True, eq=False)
class _Admission:
    """Whether a function may be used, before any test of spurious signals."""

    rows: Flags
    """for which spectra"""
    gof_pvalue: FloatArray
    f_test_pvalue: FloatArray | None = None
    reason: str | None = None
    """why it may not be for the first of them"""

    @classmethod
    def of(
        cls, checks: Mapping[str, Flags], gof: FloatArray, f_test: FloatArray | None = None
    ) -> "_Admission":
        """Return the result of some checks; the first that fails is the reason."""
        reasons = (reason for reason, good in checks.items() if not good[:1].all())
        return cls(np.all(list(checks.values()), axis=0), gof, f_test, next(reasons, None))
