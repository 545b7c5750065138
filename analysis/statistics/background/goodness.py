"""How well a fitted spectrum describes what was counted.

A bin that lies `_FAR` standard deviations below a fit has no cause in physics, as a signal only
adds events: some of them got lost. (By chance one bin in 3.5 million does, with many events in it:
one spectrum of 5,000 bins in 700.)
"""

import numpy as np
import numpy.typing as npt

from tools.arrays import FloatArray

_FAR = 5.0
"""standard deviations"""
_MERGED = 10.0
"""events that a merged bin expects at least: of fewer the deviance does not follow chi-square"""


def deviance(counts: FloatArray, expected: FloatArray) -> FloatArray:
    """Return -2 ln(L / L_saturated) of Poisson counts, summed over the last axis.

    >>> float(deviance(np.array([0.0, 3.0]), np.array([1.5, 3.0])))
    3.0
    """
    from scipy.special import kl_div

    # Rounding may leave a perfect fit to millions of events a hair below zero.
    return np.asarray(np.maximum(2 * np.sum(kl_div(counts, expected), axis=-1), 0.0))


def goodness_of_fit(counts: FloatArray, expected: FloatArray, parameters: int) -> float | None:
    """Return the p-value of a fit, valid with empty and nearly empty bins.

    Neighbouring bins are merged until each expects `_MERGED` events (what remains joins the last);
    the deviance of the merged bins follows chi-square closely, that of the fine bins does not.

    Returns
    -------
    float or None
        None if the merged bins are not more than the parameters.

    Examples
    --------
    >>> round(goodness_of_fit(np.array([12.0, 25.0, 8.0, 1.0]), np.array([15.0, 20, 9, 2]), 1), 3)
    0.335
    """
    degrees, pvalue = _merged_fits(counts[None], expected[None], parameters)
    return float(pvalue[0]) if degrees[0] > 0 else None


def goodness_many(
    counts: FloatArray, expected: FloatArray, parameters: int
) -> tuple[FloatArray, FloatArray]:
    """Return the deviances and p-values of the fits of many spectra, each as if it were alone.

    Where the merged bins are not more than the parameters the p-value is 1: there is nothing to
    object to. A fit that is no number has an infinite deviance and a p-value of 0.
    """
    with np.errstate(all="ignore"):
        value = deviance(counts, expected)
        degrees, pvalue = _merged_fits(counts, expected, parameters)
    known = np.isfinite(value)
    pvalue = np.where(degrees > 0, np.nan_to_num(pvalue), known.astype(float))
    return np.where(known, value, np.inf), pvalue


def _merged_fits(
    counts: FloatArray, expected: FloatArray, parameters: int
) -> tuple[npt.NDArray[np.intp], FloatArray]:
    """Return degrees of freedom and p-value of every row's merged bins."""
    from scipy.stats import chi2

    rows, bins = expected.shape
    into = _merged(np.nan_to_num(expected))
    # One bincount for all rows: each has its own stretch of as many numbers as there are bins.
    flat = (np.arange(rows)[:, None] * bins + into).ravel()
    seen, wanted = (
        np.asarray(np.bincount(flat, numbers.ravel(), rows * bins), float).reshape(rows, bins)
        for numbers in (counts, expected)
    )
    degrees = into[:, -1] + 1 - parameters
    return degrees, np.asarray(chi2.sf(deviance(seen, wanted), np.maximum(degrees, 1)))


def _merged(expected: FloatArray) -> npt.NDArray[np.intp]:
    """Return into which merged bin each bin goes, shape (T, B)."""
    rest = np.cumsum(expected[:, ::-1], axis=1)[:, ::-1]
    # A bin is closed only if what is left fills another: the last one never falls short.
    into = np.zeros(expected.shape, dtype=np.intp)
    filled, current = np.zeros(len(expected)), np.zeros(len(expected), dtype=np.intp)
    for index in range(expected.shape[1] - 1):
        filled += expected[:, index]
        full = (filled >= _MERGED) & (rest[:, index + 1] >= _MERGED)
        current += full
        filled[full] = 0.0
        into[:, index + 1] = current
    return into


def bins_far_below(
    low_GeV: FloatArray, high_GeV: FloatArray, counts: FloatArray, expected: FloatArray
) -> tuple[str, ...]:
    """Return what speaks against a spectrum: bins far below what the fit expects.

    >>> edges = np.array([100.0, 110.0, 120.0])
    >>> bins_far_below(edges, edges + 10, np.array([9950.0, 0.0, 30.0]), np.array([1e4, 9e3, 29.0]))
    ('1 bin is far below the fit: 110 to 120 GeV has 0 events where 9,000 are expected; ...',)
    """
    missing, sigma = expected - counts, np.sqrt(expected)
    empty = np.flatnonzero(missing > _FAR * sigma)
    if not len(empty):
        return ()
    worst = empty[np.argmax(missing[empty] / sigma[empty])]
    bins = "1 bin is" if len(empty) == 1 else f"{len(empty)} bins are"
    note = (
        f"{bins} far below the fit: {low_GeV[worst]:g} to {high_GeV[worst]:g} GeV has "
        f"{counts[worst]:,.10g} events where {expected[worst]:,.0f} are expected; some got lost"
    )
    return (note,)
