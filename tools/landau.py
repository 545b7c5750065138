"""Landau-distributed numbers in ROOT's convention, cut off in the far tail.

Four columns of the course's files (both photon pT, the mean jet pT and the odd "lead_jets_dPhi")
follow the energy-loss law of Landau, in the convention of ROOT and pylandau: a most probable value
`mpv` and a scale `eta`, with the mode at u = (x - mpv) / eta = 0. None of them reaches beyond
u = 55, so the law is cut there.

`scipy.stats.landau` has the same shape in another scale, z = (u - 0.22278 - ln(pi/2)) / (pi/2).
Its quantiles are tabulated once, in 65,536 steps of equal probability, and interpolated between.
(The exact alternative, the Chambers-Mallows-Stuck transformation, needs a logarithm, a cosine and a
tangent for each number; what the table changes lies within one step, 1.5e-5 of the probability.)
"""

from functools import cache

import numpy as np
import numpy.typing as npt

LOWEST = -3.5
"""Where the table starts, in u: 2.4e-8 of the law lies below."""
HIGHEST = 55.0
"""Where the course's files end, in u: 1.9 % of the law lies beyond and is left out."""
_MODE = -0.22278
"""Landau's lambda at the mode (Kolbig and Schorr, Comp. Phys. Comm. 31 (1984) 97)."""
_STEPS = 1 << 16


@cache
def _quantiles() -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return the quantiles of u at equal steps of probability, and the distances between them."""
    from scipy.stats import landau

    shift, scale = -_MODE + np.log(np.pi / 2), np.pi / 2
    first, last = landau.cdf((np.array([LOWEST, HIGHEST]) - shift) / scale)
    table = shift + scale * landau.ppf(np.linspace(first, last, _STEPS + 1))
    return table, np.diff(table)


def truncated_landau(
    rng: np.random.Generator, size: int, *, mpv: float, eta: float
) -> npt.NDArray[np.float64]:
    """Draw `size` numbers of Landau's law, between ``mpv - 3.5 eta`` and ``mpv + 55 eta``.

    Parameters
    ----------
    rng : numpy.random.Generator
        Where the randomness comes from; one uniform number is used for each result.
    size : int
        How many.
    mpv : float
        Most probable value.
    eta : float
        Scale, in the same unit.

    Returns
    -------
    ndarray of float64, shape (size,)
        In the unit of `mpv`.

    Examples
    --------
    >>> import numpy as np
    >>> x = truncated_landau(np.random.default_rng(1), 100_000, mpv=200.0, eta=20.0)
    >>> bool(x.min() > 200 - 3.5 * 20), bool(x.max() < 200 + 55 * 20)
    (True, True)
    >>> round(float(np.median(x)) / 5) * 5  # the tail pulls the median above the mode
    230
    """
    return landau_quantiles(rng.random(size), mpv=mpv, eta=eta)


def landau_quantiles(
    probability: npt.NDArray[np.float64], *, mpv: float, eta: float
) -> npt.NDArray[np.float64]:
    """Return the numbers below which Landau's law, cut off as above, has these probabilities.

    Parameters
    ----------
    probability : ndarray of float64, shape (n,)
        In [0, 1). Its memory is used for the result.
    mpv, eta : float
        As for `truncated_landau`.

    Returns
    -------
    ndarray of float64, shape (n,)
        In the unit of `mpv`.
    """
    table, distances = _quantiles()
    fraction = np.multiply(probability, _STEPS, out=probability)
    index = fraction.astype(np.intp)
    fraction -= index
    fraction *= distances.take(index)
    fraction += table.take(index)
    fraction *= eta
    fraction += mpv
    return fraction
