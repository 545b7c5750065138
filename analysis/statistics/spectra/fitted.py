r"""Spectra in the bins of a fit, with what was fitted to them: of a category, and of all together.

The pull of a bin is the signed root of its contribution to the deviance that the fit minimises,

.. math:: \pm\sqrt{2\,(n \ln(n/\mu) - n + \mu)}

which for many events is :math:`(n-\mu)/\sqrt\mu`, and stays meaningful in the tail, where a single
event on an expectation of 0.01 would be a pull of ten. Weighted bins enter as scaled counts.

All categories in one spectrum are their sum, or their sum with each as heavy as it is worth. A
resonance that the best category shows at once is lost in the plain sum, to which the poorest
category gives nearly all events. So each is weighted by

.. math:: w_c \propto \ln(1 + S_c / B_c),

with the fitted signal and background in the bins that hold 90 % of the signal: the weight of an
event in the likelihood ratio of "signal" and "background only" (R. Barlow, J. Comput. Phys. 72
(1987) 202), as the Higgs boson's discovery was shown. The weights are scaled such that the number
of signal events is kept. The plain sum is what tells the prediction of the sidebands.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from analysis.statistics.spectra.bins import SAME_EDGE_GeV, entries_per_event
from processors.selection import Interval
from tools.arrays import FloatArray
from tools.errors import InputError

HELD = 0.9
"""fraction of the signal in the bins that weights are of"""
_NOTHING, _NO_BACKGROUND = 1e-12, 1e-9
"""events in place of none, to divide by"""


@dataclass(frozen=True, slots=True, eq=False)
class FittedSpectrum:
    """A spectrum in the bins of a fit, with what was fitted to it."""

    edges_GeV: FloatArray
    """edges of the bins, windows included, shape (n + 1,)"""
    counts: FloatArray
    """events or sums of weights, shape (n,), NaN where they are not known; what lies in a blind
    window is not looked at"""
    variances: FloatArray
    """sums of squared weights, shape (n,); equal to `counts` for events"""
    background: FloatArray
    """expected by the background function, shape (n,)"""
    windows: tuple[Interval, ...]
    """where a signal may be; none: nowhere in particular"""
    blinded: bool
    """whether the windows' contents are to be left out"""
    function: str
    """name of the background function, for the legend; empty if it is told elsewhere"""
    background_errors: FloatArray | None = None
    """uncertainty of the background function by its fit, events, shape (n,)"""
    signal: FloatArray | None = None
    """events of the fitted resonance, shape (n,)"""
    notes: tuple[str, ...] = ()
    """results to write on the figure, as matplotlib writes them"""
    simulated: bool = False
    """whether simulation stands in for data"""
    mass: str = "m_yy"
    """name of the quantity"""
    window_name: str = "Signal window"
    """what its windows are, where they are not blind"""
    weighted: bool = False
    """whether events have weights, and contents are their sums"""

    @property
    def shown(self) -> npt.NDArray[np.bool_]:
        """Which bins may be drawn, shape (n,)."""
        there = np.isfinite(self.counts)
        return there & ~self.inside if self.blinded else there

    @property
    def inside(self) -> npt.NDArray[np.bool_]:
        """Which bins are in one of the windows, shape (n,)."""
        centres = (self.edges_GeV[1:] + self.edges_GeV[:-1]) / 2
        found = np.zeros(len(centres), dtype=bool)
        for window in self.windows:
            found |= window.contains(centres)
        return found

    @property
    def unit_GeV(self) -> float:
        """Width that contents are shown for: that of the bins, of the narrowest if they differ."""
        return float(np.diff(self.edges_GeV).min())

    @property
    def per_unit(self) -> FloatArray:
        """What contents are multiplied with to be shown, shape (n,)."""
        widths = np.diff(self.edges_GeV)
        same = np.allclose(widths, widths[0])
        return np.ones_like(widths) if same else self.unit_GeV / widths

    @property
    def expected(self) -> FloatArray:
        """Background and signal, shape (n,)."""
        return self.background if self.signal is None else self.background + self.signal

    @property
    def pulls(self) -> FloatArray:
        """The pull of every bin, shape (n,), NaN where it may not be shown or means nothing."""
        usable = self.shown & (self.expected > 0)
        counts, variances = (np.where(usable, x, 0.0) for x in (self.counts, self.variances))
        scale = entries_per_event(counts, variances)
        n, mu = counts * scale, np.where(usable, self.expected, 1.0) * scale
        logs = np.where(n > 0, n * np.log(np.where(n > 0, n, 1.0) / mu), 0.0)
        deviance = 2 * np.maximum(logs - n + mu, 0.0)
        return np.where(usable, np.sign(n - mu) * np.sqrt(deviance), np.nan)


def summed(fits: Mapping[str, FittedSpectrum]) -> FittedSpectrum:
    """Return the sum of the spectra of all categories; the errors of their fits are independent."""
    return _together(fits, np.ones(len(fits)))


def weighted(fits: Mapping[str, FittedSpectrum]) -> FittedSpectrum:
    """Return the sum of all categories by their signal over background.

    Where there is no signal to tell by, it is the plain sum.
    """
    weights = weights_of(fits)
    total = _together(fits, weights)
    if np.allclose(weights, 1.0):
        return total
    # Of the fit, not of the events: a bin whose few events are all of poor categories would have
    # too small an error, and a pull of many deviations.
    expected = [part.expected for part in in_common(fits).values()]
    per_event = _sum(expected, weights**2) / np.maximum(_sum(expected, weights), _NOTHING)
    return replace(total, variances=total.counts * per_event, weighted=True)


def weights_of(fits: Mapping[str, FittedSpectrum]) -> FloatArray:
    """Return the weight of each category, shape (categories,)."""
    parts = tuple(in_common(fits).values())
    signals = np.array([0 * f.background if f.signal is None else f.signal for f in parts])
    bins = _most_of(signals.sum(axis=0))
    background = np.array([fit.background[bins].sum() for fit in parts])
    # A fitted deficit is no reason to weigh a category below zero.
    ratios = np.maximum(signals[:, bins].sum(axis=1), 0.0) / np.maximum(background, _NO_BACKGROUND)
    raw, yields = np.log1p(ratios), signals.sum(axis=1)
    kept = float(raw @ yields)
    if not kept > 0:
        return np.ones(len(fits))
    return np.asarray(raw * yields.sum() / kept)


def _most_of(signal: FloatArray) -> npt.NDArray[np.intp]:
    """Return the fewest bins that hold `HELD` of a signal, the same for all categories."""
    # Stable: of equal bins the first, whatever the platform's sort does.
    order = np.argsort(-signal, kind="stable")
    reached = signal[order].cumsum() / (signal.sum() or 1.0)
    return order[: int(np.searchsorted(reached, HELD)) + 1]


def in_common(fits: Mapping[str, FittedSpectrum]) -> dict[str, FittedSpectrum]:
    """Return the fits in the range that all of them have.

    Raises
    ------
    InputError
        If their bins do not fit together.
    """
    low = max(float(fit.edges_GeV[0]) for fit in fits.values())
    high = min(float(fit.edges_GeV[-1]) for fit in fits.values())
    return {name: _between(fit, low, high) for name, fit in fits.items()}


def _together(fits: Mapping[str, FittedSpectrum], weights: FloatArray) -> FittedSpectrum:
    parts = tuple(in_common(fits).values())
    variances = [p.background_errors**2 for p in parts if p.background_errors is not None]
    signals = [part.signal for part in parts if part.signal is not None]
    known, several = len(variances) == len(parts), len(parts)
    names = {part.function for part in parts}
    return replace(
        parts[0],
        counts=_sum([part.counts for part in parts], weights),
        variances=_sum([part.variances for part in parts], weights**2),
        background=_sum([part.background for part in parts], weights),
        background_errors=np.sqrt(_sum(variances, weights**2)) if known else None,
        signal=_sum(signals, weights) if len(signals) == several else None,
        function=names.pop() if len(names) == 1 else f"{several} categories",
        notes=(),
    )


def _sum(values: Sequence[FloatArray], weights: FloatArray) -> FloatArray:
    return np.asarray(np.tensordot(weights, np.array(values), axes=1))


def _between(fit: FittedSpectrum, low: float, high: float) -> FittedSpectrum:
    first, last = (int(np.argmin(np.abs(fit.edges_GeV - end))) for end in (low, high))
    ends = fit.edges_GeV[[first, last]]
    if last <= first or np.abs(ends - [low, high]).max() > SAME_EDGE_GeV:
        raise InputError(
            "the categories are fitted in bins that do not fit together; make the results again "
            "with `xyy infer`"
        )
    part = slice(first, last)
    return replace(
        fit,
        edges_GeV=fit.edges_GeV[first : last + 1],
        counts=fit.counts[part],
        variances=fit.variances[part],
        background=fit.background[part],
        background_errors=None if fit.background_errors is None else fit.background_errors[part],
        signal=None if fit.signal is None else fit.signal[part],
    )
