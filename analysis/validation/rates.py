"""Rates and pulls over many toys or universes, with their uncertainties; and what was wanted."""

from dataclasses import dataclass, replace

import numpy as np

from analysis.results.checks import Check
from analysis.results.closure import Fraction, MeanAndWidth
from analysis.statistics.background.entries import Flags
from tools.arrays import FloatArray

FIXED_GeV = (500.0, 750.0, 1000.0)
"""where the significance is looked at without a search"""
LEVEL = 0.05
"""of CLs, below which a cross-section is excluded"""
EXACT = 17
"""digits: numbers that are rounded when they are written"""


def rounded(value: float, digits: int = 4) -> float:
    """Return some digits of a number."""
    return float(f"{value:.{digits}g}")


def fraction_of(where: Flags, *, together: int = 1, digits: int = 4) -> Fraction:
    """Return the fraction that is true.

    The uncertainty is binomial; that of one if there is none, or if they are all. Of toys that
    share their sidebands with `together` - 1 others it is that of the spread between those that do
    not, unless the binomial one is larger.

    >>> fraction_of(np.array([True, False, False, False]))
    Fraction(value=0.25, error=0.2165, n=4)
    """
    n = len(where)
    if not n:
        return Fraction(value=np.nan, error=np.nan, n=0)
    value = float(np.mean(where))
    # Of none, or all, the binomial uncertainty would be zero: it is that of one, or all but one.
    clipped = min(max(value, 1 / n), 1 - 1 / n) if n > 1 else 0.5
    error = float(np.sqrt(clipped * (1 - clipped) / n))
    if together > 1:
        apart = where.reshape(-1, together).mean(axis=1)
        error = max(error, float(apart.std() / np.sqrt(len(apart))))
    return Fraction(value=rounded(value, digits), error=rounded(error, digits), n=n)


def moments_of(pulls: FloatArray, *, ddof: int = 1, digits: int = 4) -> MeanAndWidth:
    """Return mean and standard deviation with their uncertainties."""
    n = len(pulls)
    if n < 2:  # noqa: PLR2004 - one has no spread
        return MeanAndWidth(mean=np.nan, mean_error=np.nan, width=np.nan, width_error=np.nan, n=n)
    width = float(pulls.std(ddof=ddof))
    return MeanAndWidth(
        mean=rounded(float(pulls.mean()), digits),
        mean_error=rounded(width / np.sqrt(n), digits),
        width=rounded(width, digits),
        # Of a normal distribution: of heavier tails the width is less certain than that.
        width_error=rounded(width / np.sqrt(2 * n), digits),
        n=n,
    )


@dataclass(frozen=True, slots=True)
class Place:
    """Where checks stand in a table: their section, and what they are of."""

    section: str
    setting: str
    together: int = 1
    """number of toys that share their sidebands"""
    digits: int = 4
    """of fractions"""

    def number(
        self, what: str, value: float, error: float | None = None, low: float | None = None,
        high: float | None = None, *, n: int | None = None,
    ) -> Check:  # fmt: skip
        """Return a number, its uncertainty if it has one, and what was wanted of it."""
        return Check(self.section, self.setting, what, float(value), error, low, high, n)

    def rate(
        self, what: str, where: Flags, low: float | None = None, high: float | None = None
    ) -> Check:
        """Return the fraction of toys or universes that is true, beside what was wanted of it."""
        found = fraction_of(where, together=self.together, digits=self.digits)
        return self.number(what, found.value, found.error, low, high, n=found.n)


def unjudged(check: Check) -> Check:
    """Return a check that is shown, and not judged."""
    return replace(check, low=None, high=None, meets=None)
