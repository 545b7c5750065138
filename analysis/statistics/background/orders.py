"""How many parameters an open spectrum calls for, and which fitted curves are none of a background.

Orders of one family are nested. Where one more parameter is not needed, it lowers the deviance by a
chi-square of one degree of freedom (S. S. Wilks, Ann. Math. Stat. 9 (1938) 60); where that has a
p-value below 5 %, it is needed. The likelihood ratio is the "F test" of the Higgs searches (CMS,
arXiv:1407.0558). Fisher's own form divides by deviance over degrees of freedom and is for errors
that are not known; those of counts are, and in nearly empty bins that quotient is not 1.

The first order of a family that fits, and whose next one is not needed, is enough. Of all families,
candidates or not, the smallest is what the spectrum *needs*. More than two parameters beyond it are
refused: a function passes the test of spurious signals the sooner the more parameters it has,
needed or not. But the F test tells what the bins outside the masks need, not what is enough under
it, which only spurious signals show: with one parameter to spare too few spectra have a function
that passes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from analysis.statistics.background.entries import Flags, Indices
from analysis.statistics.background.families import Function
from tools.arrays import FloatArray

_NEEDED = 0.05
"""p-value of the F test below which one more parameter is needed"""
_SPARE = 2
"""parameters that a function may have beyond those needed"""
WORSE = 9.0
"""deviance, 1 for each parameter, by which one function may fit worse than the best: 3 sigma"""
_ROUNDING = 1e-9
"""relative, of a density that neither rises nor falls"""


@dataclass(frozen=True, slots=True, eq=False)
class CandidateFit:
    """A function fitted to the bins that decide, of T spectra."""

    function: Function
    deviance: FloatArray
    """shape (T,); infinite if the fit is no number"""
    pvalue: FloatArray
    """of the goodness of fit, shape (T,)"""
    fits: Flags
    """whether it converged and fits well enough, shape (T,)"""
    rises: Flags
    """whether the curve falls and rises again, shape (T,)"""


@dataclass(frozen=True, slots=True, eq=False)
class Orders:
    """What the F test says of all functions."""

    fits: Mapping[Function, CandidateFit]
    next_pvalue: Mapping[Function, FloatArray]
    """p-value of the F test for one parameter more, shape (T,); NaN of the highest order"""
    most_parameters: Indices
    """that a function may have, shape (T,)"""

    @classmethod
    def of(cls, fits: Sequence[CandidateFit]) -> "Orders":
        """Compare the orders of each family; simplest first."""
        by_name = {fit.function.name: fit for fit in fits}
        after = [by_name.get(f"{f.function.family} {f.function.order + 1}") for f in fits]
        pvalues = {
            fit.function: _needless(fit, more) for fit, more in zip(fits, after, strict=True)
        }
        most = _needed(fits, pvalues) + _SPARE
        return cls({fit.function: fit for fit in fits}, pvalues, most)

    def needless(self, function: Function) -> Flags:
        """Tell for which spectra a function has more parameters than they call for."""
        return np.asarray(len(function.parameters) > self.most_parameters)


def _needless(fit: CandidateFit, more: CandidateFit | None) -> FloatArray:
    from scipy.stats import chi2

    if more is None:
        return np.full(len(fit.deviance), np.nan)
    with np.errstate(invalid="ignore"):
        fall = np.maximum(fit.deviance - more.deviance, 0.0)
    return np.asarray(chi2.sf(fall, 1))


def _needed(fits: Sequence[CandidateFit], pvalues: Mapping[Function, FloatArray]) -> Indices:
    """Return the fewest parameters that are enough for each spectrum."""
    sizes = np.array([len(fit.function.parameters) for fit in fits])[:, None]
    good = np.array([fit.fits & ~fit.rises for fit in fits])
    cost = np.where(good, np.array([fit.deviance for fit in fits]) + sizes, np.inf)
    enough = good & (cost <= cost.min(axis=0) + WORSE)
    enough &= ~(np.array([pvalues[fit.function] for fit in fits]) < _NEEDED)
    # Where nothing is enough, nothing is refused for having too many parameters.
    return np.asarray(np.where(enough, sizes, sizes.max()).min(axis=0))


def falls_and_rises(low_GeV: FloatArray, high_GeV: FloatArray, curve: FloatArray) -> Flags:
    """Tell which curves, of events per bin, fall and rise again with the mass.

    A turn-on rises and then falls; what rises behind it is a tail that too few events hold.

    >>> edges = np.arange(5.0)
    >>> curves = np.array([[1.0, 3, 2, 1], [1, 3, 1, 2], [1, 2, 3, 4]])
    >>> falls_and_rises(edges[:-1], edges[1:], curves).tolist()
    [False, True, False]
    """
    density = curve / (high_GeV - low_GeV)
    change = np.diff(density, axis=-1) / np.maximum(density[..., 1:], density[..., :-1])
    fallen = np.logical_or.accumulate(change < -_ROUNDING, axis=-1)
    return np.asarray(np.any(fallen & (change > _ROUNDING), axis=-1))
