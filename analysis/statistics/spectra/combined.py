r"""All categories in one spectrum: their sum, or their sum with each as heavy as it is worth.

A resonance that the best category shows at once is lost in the plain sum, to which the poorest
category gives nearly all events. So each is weighted by

.. math:: w_c \propto \ln(1 + S_c / B_c),

with the fitted signal and background in the bins that hold 90 % of the signal: the weight of an
event in the likelihood ratio of "signal" and "background only" (R. Barlow, J. Comput. Phys. 72
(1987) 202), as the Higgs boson's discovery was shown. The weights are scaled such that the number
of signal events is kept. The plain sum is what tells the prediction of the sidebands.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from analysis.statistics.spectra.fitted import FittedSpectrum
from tools.arrays import FloatArray
from tools.errors import InputError

HELD = 0.9
"""part of the signal in the bins that weights are of"""
_SAME_GEV = 1e-6


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
    variances = total.counts * _expected_weight(fits, weights)
    return replace(total, variances=variances, weighted=True)


def _expected_weight(fits: Mapping[str, FittedSpectrum], weights: FloatArray) -> FloatArray:
    """Return by what an event of a bin is expected to be scaled, shape (n,).

    Of the fit, not of the events: a bin whose few events are all of poor categories would have
    too small an error, and a pull of many deviations.
    """
    parts = in_common(fits).values()
    expected = [f.background + (0 if f.signal is None else f.signal) for f in parts]
    total = np.maximum(_sum(expected, weights), 1e-12)
    return np.asarray(_sum(expected, weights**2) / total)


def weights_of(fits: Mapping[str, FittedSpectrum]) -> FloatArray:
    """Return the weight of each category, shape (categories,)."""
    parts = tuple(in_common(fits).values())
    signals = np.array([0 * f.background if f.signal is None else f.signal for f in parts])
    bins = _most_of(signals.sum(axis=0))
    background = np.array([fit.background[bins].sum() for fit in parts])
    ratios = np.maximum(signals[:, bins].sum(axis=1), 0.0) / np.maximum(background, 1e-9)
    raw, yields = np.log1p(ratios), signals.sum(axis=1)
    kept = float(raw @ yields)
    if not kept > 0:
        return np.ones(len(fits))
    weights: FloatArray = raw * yields.sum() / kept
    return weights


def _most_of(signal: FloatArray) -> npt.NDArray[np.intp]:
    """Return the fewest bins that hold `HELD` of a signal, the same for all categories."""
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
    errors = [part.background_errors for part in parts]
    signals = [part.signal for part in parts]
    names = {part.function for part in parts}
    return replace(
        parts[0],
        counts=_sum([part.counts for part in parts], weights),
        variances=_sum([part.variances for part in parts], weights**2),
        background=_sum([part.background for part in parts], weights),
        background_errors=None
        if any(e is None for e in errors)
        else np.sqrt(_sum([e**2 for e in errors if e is not None], weights**2)),
        signal=None
        if any(s is None for s in signals)
        else _sum([s for s in signals if s is not None], weights),
        function=names.pop() if len(names) == 1 else f"{len(parts)} categories",
        notes=(),
    )


def _sum(values: Sequence[FloatArray], weights: FloatArray) -> FloatArray:
    total: FloatArray = np.tensordot(weights, np.array(values), axes=1)
    return total


def _between(fit: FittedSpectrum, low: float, high: float) -> FittedSpectrum:
    first, last = (int(np.argmin(np.abs(fit.edges_GeV - end))) for end in (low, high))
    ends = fit.edges_GeV[[first, last]]
    if last <= first or np.abs(ends - [low, high]).max() > _SAME_GEV:
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
