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

Everything is done for T spectra at once, one for the data, thousands for toys: they go through the
same decisions.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from analysis.search import PeakFit, Search, Signal, Window
from analysis.statistics.families import Function, functions
from analysis.statistics.poisson import goodness_many, model, scoring_fit
from analysis.statistics.projection import project
from analysis.statistics.signal_model import SignalModel
from analysis.statistics.spectra import Bins, FloatArray
from analysis.statistics.truths import KINDS, fit_truth, truth_events

Flags = npt.NDArray[np.bool_]
Indices = npt.NDArray[np.intp]
NEIGHBOURHOOD = 2.0
"""resolutions within which the largest spurious signal counts"""
STEP_GeV = 20.0
"""of the masses at which spurious signals are computed"""
_LEAST_EVENTS = 1e-3
"""in the window: below it a prediction is none"""


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
        """For people."""
        return f"{self.function.name}, {self.low_GeV:g} to {self.high_GeV:g} GeV"


@dataclass(frozen=True, slots=True, eq=False)
class Entry:
    """One option's figures on T spectra."""

    option: Option
    gof_pvalue: FloatArray
    """of the sidebands; NaN in the window alone, shape (T,)"""
    spurious: FloatArray
    """events, signed, on every truth, shape (K, T, M); NaN where a truth does not count"""
    error: FloatArray
    """of a signal on the truth's background, shape (K, T, M)"""
    worst: FloatArray
    """largest spurious signal in its errors, shape (T,)"""
    passes: Flags
    """shape (T,)"""


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
class Tournament:
    """The tournament of one channel."""

    low_GeV: FloatArray
    """lower edges of the bins of the full range, from its lowest beginning"""
    high_GeV: FloatArray
    window: Window
    """whose bins are not read"""
    lows_GeV: tuple[float, ...]
    """beginnings of the range, in the order in which they are tried"""
    settings: PeakFit
    gof_pvalue: float
    least_parameters: int
    """of a function that has to hold in the full range"""
    sqrt_s_GeV: float
    signal: SignalModel
    masses_GeV: FloatArray
    ranges: tuple[str, ...] = ("full", "window")
    """in which candidates are tried; where nothing passes, the best of the last is taken"""

    @classmethod
    def of(cls, search: Search, signal: SignalModel, sqrt_s_GeV: float) -> "Tournament":
        """Return the tournament of a search."""
        fit = search.fit
        steps = round((fit.high_GeV - fit.low_GeV) / fit.bin_GeV)
        edges = np.linspace(fit.low_GeV, fit.high_GeV, steps + 1)
        return cls(
            low_GeV=edges[:-1],
            high_GeV=edges[1:],
            window=search.window,
            lows_GeV=fit.lows_GeV,
            settings=search.peak,
            gof_pvalue=fit.gof_pvalue,
            least_parameters=fit.min_parameters,
            sqrt_s_GeV=sqrt_s_GeV,
            signal=signal,
            masses_GeV=_coarse(search.signal),
        )

    def decide(self, counts: FloatArray, *, all_entries: bool = False) -> Decisions:
        """Settle function and range for every spectrum.

        Parameters
        ----------
        counts : ndarray, shape (T, B)
            Events in the bins of the full range; those inside the window are not read.
        all_entries : bool
            Judge the candidates behind one that passes, too, and keep all figures.
        """
        found = _Choices.none(len(counts), len(self.masses_GeV))
        compatible = np.zeros(len(counts), dtype=bool)
        entries: list[Entry] = []
        names: tuple[tuple[str, ...], tuple[str, ...]] = (), ()
        rows = np.arange(len(counts))
        for low in self.lows_GeV:
            field = _Field.of(self, low, counts[rows])
            truths = field.truths()
            compatible[rows] = truths.valid.any(axis=0)
            there = compatible[rows] | (low == self.lows_GeV[-1])
            if there.any():
                field, truths = field.some(there), truths.some(there)
                kept = entries if all_entries else None
                choices = [field.play(name, truths, kept) for name in self.ranges]
                best = choices[0] if len(choices) == 1 else choices[0].better(choices[1])
                found.put(rows[there], best)
                names = truths.names, truths.counting()
            rows = rows[~there]
            if not len(rows):
                break
        return Decisions(
            tuple(found.options), found.option, found.passes, compatible, self.masses_GeV,
            found.spurious, found.error, tuple(entries), *names,
        )  # fmt: skip

    def spurious_of(self, entry: Entry) -> FloatArray:
        """Return one standard deviation of an entry's spurious signal on the first spectrum."""
        nuisance, _ = _nuisance(entry, np.array([True]), self.reach)
        return np.asarray(nuisance[0])

    def expectation(self, counts: FloatArray, option: Option) -> FloatArray:
        """Return the background that the bins outside the window predict in an option's range.

        It is the option's own function fitted to them; that of the window alone cannot be, and the
        truth that fits best stands in.

        Parameters
        ----------
        counts : ndarray, shape (B,)
        option : Option
        """
        field = _Field.of(self, option.low_GeV if option.range == "full" else 0.0, counts[None])
        if option.range == "full":
            return np.asarray(field.curve(option.function, field.counts[:, field.sideband])[0][0])
        truths = field.truths().some(np.array([True]))
        best = int(np.argmin(np.where(truths.valid[:, 0], truths.misfit[:, 0], np.inf)))
        return np.asarray(truths.expected[best, 0][~field.sideband])

    @property
    def extrapolates(self) -> bool:
        """Whether truths are taken far from where they were fitted: they have to fall there."""
        return True

    def truth_functions(self) -> tuple[Function, ...]:
        """Return the functions that are truths, too: the simplest of the tournament."""
        least = self.least_parameters
        return tuple(
            function
            for function in self.functions(least)
            if len(function.parameters) <= least + 1 and not function.additive
        )

    def cost(self, entry: Entry) -> FloatArray:
        """Return by what the least bad of functions that do not pass is chosen, shape (T,)."""
        return entry.worst

    def counting(self, _names: Sequence[str], valid: Flags, _misfit: FloatArray) -> Flags:
        """Return which of the truths that fit count, shape (K, T)."""
        return valid

    def tests(self, _function: Function, names: Sequence[str], valid: Flags) -> Flags:
        """Tell for which spectra the truths are a test of a function in the full range."""
        return np.asarray(valid[[name in KINDS for name in names]].any(axis=0))

    @property
    def reach(self) -> Indices:
        """How many masses of the grid lie within `NEIGHBOURHOOD` of each, on either side."""
        masses = self.masses_GeV
        step = float(np.diff(masses).min()) if len(masses) > 1 else 1.0
        return np.ceil(NEIGHBOURHOOD * self.signal.width_GeV(masses) / step).astype(int)

    def functions(self, least: int) -> tuple[Function, ...]:
        """Return the functions to try, with at least so many parameters."""
        return functions(
            self.settings.families,
            min_parameters=least,
            max_parameters=self.settings.max_parameters,
            sqrt_s_GeV=self.sqrt_s_GeV,
        )


@dataclass(slots=True, eq=False)
class _Choices:
    """What was chosen for T spectra so far."""

    options: list[Option]
    option: Indices
    """-1: none yet"""
    passes: Flags
    worst: FloatArray
    spurious: FloatArray
    error: FloatArray

    @classmethod
    def none(cls, spectra: int, masses: int) -> "_Choices":
        shape = (spectra, masses)
        return cls(
            [], np.full(spectra, -1), np.zeros(spectra, dtype=bool), np.full(spectra, np.inf),
            np.zeros(shape), np.ones(shape),
        )  # fmt: skip

    def put(self, rows: Indices, other: "_Choices") -> None:
        """Take over the choices of `other` for some rows, in their order."""
        self.option[rows] = other.option + len(self.options)
        self.options += other.options
        self.passes[rows], self.worst[rows] = other.passes, other.worst
        self.spurious[rows], self.error[rows] = other.spurious, other.error

    def take(self, rows: Indices, entry: Entry, which: Flags, reach: Indices) -> None:
        """Take an entry for some rows; `which` are they among the entry's."""
        self.options.append(entry.option)
        self.option[rows] = len(self.options) - 1
        self.passes[rows], self.worst[rows] = entry.passes[which], entry.worst[which]
        self.spurious[rows], self.error[rows] = _nuisance(entry, which, reach)

    def better(self, window: "_Choices") -> "_Choices":
        """Return the full range's choices where they pass and expect smaller errors."""
        passing = self.passes & (
            ~window.passes | (np.log(self.error).mean(axis=1) <= np.log(window.error).mean(axis=1))
        )
        column = passing[:, None]
        return _Choices(
            [*self.options, *window.options],
            np.where(passing, self.option, window.option + len(self.options)),
            np.where(passing, self.passes, window.passes),
            np.where(passing, self.worst, window.worst),
            np.where(column, self.spurious, window.spurious),
            np.where(column, self.error, window.error),
        )


def _nuisance(entry: Entry, rows: Flags, reach: Indices) -> tuple[FloatArray, FloatArray]:
    """Return size of the spurious signal's nuisance and expected error, shape (T, M) each.

    The error is the median of those on the truths: of few events one or the other truth predicts
    nothing at all at high masses, and has no error there.
    """
    error = np.nanmedian(entry.error[:, rows], axis=0)
    relative = np.nanmax(np.abs(entry.spurious[:, rows] / entry.error[:, rows]), axis=0)
    masses = relative.shape[1]
    first = np.maximum(np.arange(masses) - reach, 0)
    last = np.minimum(np.arange(masses) + reach + 1, masses)
    largest = [relative[:, a:b].max(axis=1) for a, b in zip(first, last, strict=True)]
    return np.stack(largest, axis=1) * error, error


@dataclass(frozen=True, slots=True, eq=False)
class _Truths:
    """Smooth spectra for T sidebands."""

    names: tuple[str, ...]
    expected: FloatArray
    """over the whole range, window included, shape (K, T, B)"""
    valid: Flags
    """whether each fits the sidebands, shape (K, T)"""
    misfit: FloatArray
    """deviance, shape (K, T)"""

    def some(self, rows: Flags) -> "_Truths":
        """Return those of some spectra; where none is valid the one that fits best counts."""
        valid, misfit = self.valid[:, rows].copy(), self.misfit[:, rows]
        nothing = np.flatnonzero(~valid.any(axis=0))
        valid[np.argmin(misfit[:, nothing], axis=0), nothing] = True
        return _Truths(self.names, self.expected[:, rows], valid, misfit)

    def counting(self) -> tuple[str, ...]:
        """Return the names of the truths that count for the first spectrum."""
        return tuple(n for n, valid in zip(self.names, self.valid[:, 0], strict=True) if valid)


@dataclass(frozen=True, slots=True, eq=False)
class _Field:
    """T spectra in a range that begins at some mass."""

    tournament: Tournament
    bins: Bins
    """edges, and mean contents of the sidebands; 0 in the window"""
    counts: FloatArray
    """shape (T, B); what lies in the window has been replaced by 0"""
    sideband: Flags
    """shape (B,)"""

    @classmethod
    def of(cls, tournament: Tournament, low_GeV: float, counts: FloatArray) -> "_Field":
        window, first = tournament.window, np.searchsorted(tournament.low_GeV, low_GeV - 1e-6)
        low, high = tournament.low_GeV[first:], tournament.high_GeV[first:]
        sideband = (high <= window.low_GeV + 1e-6) | (low >= window.high_GeV - 1e-6)
        seen = np.zeros((len(counts), len(low)))
        seen[:, sideband] = counts[:, first:][:, sideband]
        mean = seen.mean(axis=0)
        return cls(tournament, Bins(low, high, mean, mean), seen, sideband)

    def some(self, rows: Flags) -> "_Field":
        """Return the field of some of the spectra."""
        return replace(self, counts=self.counts[rows])

    @property
    def side_bins(self) -> Bins:
        """The bins outside the window."""
        return _taken(self.bins, self.sideband)

    def truths(self) -> _Truths:
        """Fit all truths to the sidebands."""
        names, expected, valid, misfits = [], [], [], []
        for index in range(len(KINDS) + len(self.tournament.truth_functions())):
            name, curve, parameters, converged = self.truth(index)
            outside = curve[:, self.sideband]
            misfit, pvalue = goodness_many(self.counts[:, self.sideband], outside, parameters)
            names.append(name)
            expected.append(curve)
            valid.append(converged & (pvalue >= self.tournament.gof_pvalue) & self._falls(curve))
            misfits.append(np.where(np.isfinite(misfit), misfit, np.inf))
        counting = self.tournament.counting(names, np.array(valid), np.array(misfits))
        return _Truths(tuple(names), np.array(expected), counting, np.array(misfits))

    def truth(self, index: int) -> tuple[str, FloatArray, int, Flags]:
        """Fit one of the truths to the sidebands.

        Returns
        -------
        name, events in all bins, number of parameters, whether the fit converged
        """
        side, low, high = self.side_bins, self.bins.low_GeV, self.bins.high_GeV
        counts = self.counts[:, self.sideband]
        if index < len(KINDS):
            name = KINDS[index]
            curve = truth_events(name, fit_truth(name, counts, side), float(low[0]), low, high)
            return name, curve, 4, np.ones(len(curve), dtype=bool)
        function = self.tournament.truth_functions()[index - len(KINDS)]
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
        window, bins = self.tournament.window, self.bins
        beneath = bins.high_GeV <= window.low_GeV + 1e-6
        if not (self.tournament.extrapolates and beneath.any()):
            return np.ones(len(curve), dtype=bool)
        density = self.counts[:, beneath].sum(axis=1) / (window.low_GeV - bins.low_GeV[0])
        inside = curve[:, ~self.sideband].sum(axis=1)
        most = density * (window.high_GeV - window.low_GeV)
        return np.asarray((inside >= _LEAST_EVENTS) & (inside <= most))

    def play(self, range_name: str, truths: _Truths, kept: list[Entry] | None) -> _Choices:
        """Try all functions in one range."""
        tournament = self.tournament
        found = _Choices.none(len(self.counts), len(tournament.masses_GeV))
        least = tournament.least_parameters if range_name == "full" else 2
        tried = tournament.functions(least)
        for function in tried:
            rows = np.flatnonzero(~found.passes)
            if kept is not None:
                rows = np.arange(len(self.counts))
                kept.append(self._judge(range_name, function, truths, rows))
            elif not len(rows):
                break
            if kept:
                entry = kept[-1]
            else:
                entry = self._judge(range_name, function, truths, rows, hasty=True)
            new = entry.passes & ~found.passes[rows]
            if new.any():
                found.take(rows[new], entry, new, tournament.reach)
        self._least_bad(range_name, tried, truths, found)
        return found

    def _least_bad(
        self, range_name: str, tried: Sequence[Function], truths: _Truths, found: _Choices
    ) -> None:
        """Where nothing passes in the last range, take what fakes the least."""
        rows = np.flatnonzero(~found.passes)
        if range_name != self.tournament.ranges[-1] or not len(rows):
            return
        for any_fit in (False, True):  # one that does not fit, only where none does
            rows = rows[found.option[rows] < 0]
            least = np.full(len(rows), np.inf)
            for function in tried if len(rows) else ():
                entry = self._judge(range_name, function, truths, rows, any_fit=any_fit)
                cost = self.tournament.cost(entry)
                better = cost < least
                least = np.minimum(cost, least)
                if better.any():
                    found.take(rows[better], entry, better, self.tournament.reach)

    def _judge(
        self,
        range_name: str,
        function: Function,
        truths: _Truths,
        rows: Indices,
        *,
        hasty: bool = False,
        any_fit: bool = False,
    ) -> Entry:
        """Return a function's figures; if `hasty`, of what fails on one truth no more.

        With `any_fit` also of one that does not fit; it does not pass.
        """
        tournament = self.tournament
        inside = self._inside(range_name)
        bins = _taken(self.bins, inside)
        low, high = float(bins.low_GeV[0]), float(bins.high_GeV[-1])
        function = function.within(low, high)
        fits, gof = self._sideband_fit(range_name, function, truths, rows)
        good = fits | any_fit
        shape = (len(truths.names), len(rows), len(tournament.masses_GeV))
        spurious, error = np.full(shape, np.nan), np.full(shape, np.nan)
        templates = _templates(tournament.signal, bins, tournament.masses_GeV)
        worst = np.zeros(len(rows))
        limit = tournament.settings.spurious_signal
        for k, valid in enumerate(truths.valid[:, rows]):
            judged = valid & good & (worst <= limit) if hasty else valid & good
            if not judged.any():
                continue
            asimov = truths.expected[k][np.ix_(rows[judged], inside)]
            mean = asimov.mean(axis=0)
            fitted = model((function,), (replace(bins, counts=mean, variances=mean),))
            fit = scoring_fit(asimov, fitted)
            found = project(asimov, fit.expected, fitted.slopes(fit.theta), templates)
            spurious[k, judged], error[k, judged] = found.strength, found.error
            largest = np.abs(found.strength / found.error).max(axis=1)
            worst[judged] = np.maximum(worst[judged], np.where(fit.converged, largest, np.inf))
        worst = np.where(good, worst, np.inf)
        option = Option(range_name, low, high, function)
        return Entry(option, gof, spurious, error, worst, fits & (worst <= limit))

    def _sideband_fit(
        self, range_name: str, function: Function, truths: _Truths, rows: Indices
    ) -> tuple[Flags, FloatArray]:
        """Return whether a function may be used in a range, and its goodness of fit there."""
        if range_name == "window":
            return np.ones(len(rows), dtype=bool), np.full(len(rows), np.nan)
        counts = self.counts[np.ix_(rows, np.flatnonzero(self.sideband))]
        curve, converged = self.curve(function, counts)
        _, gof = goodness_many(counts, curve[:, self.sideband], len(function.parameters))
        good = converged & (gof >= self.tournament.gof_pvalue)
        tested = self.tournament.tests(function, truths.names, truths.valid[:, rows])
        return good & tested, gof

    def _inside(self, range_name: str) -> Flags:
        return np.ones(len(self.sideband), dtype=bool) if range_name == "full" else ~self.sideband


def _templates(signal: SignalModel, bins: Bins, masses: FloatArray) -> FloatArray:
    """Return the contents of one event at each mass, shape (M, B)."""
    from scipy.special import ndtr

    mean, width = masses + signal.offset_GeV(masses), signal.width_GeV(masses)
    low, high = (
        (edges - mean[:, None]) / width[:, None] for edges in (bins.low_GeV, bins.high_GeV)
    )
    return np.asarray(ndtr(high) - ndtr(low))


def _coarse(signal: Signal) -> FloatArray:
    """Return masses of at most `STEP_GeV` distance: spurious signals change slowly."""
    steps = max(1, int(np.ceil((signal.high_GeV - signal.low_GeV) / STEP_GeV)))
    return np.linspace(signal.low_GeV, signal.high_GeV, steps + 1)


def _taken(bins: Bins, rows: Flags) -> Bins:
    return Bins(bins.low_GeV[rows], bins.high_GeV[rows], bins.counts[rows], bins.variances[rows])
