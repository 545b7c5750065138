"""Numbers of results as figures take them; some may not be there."""

from collections.abc import Mapping

import numpy as np

from analysis.report.plots.style import Array
from analysis.results.values import Estimate

BANDS = ("-2", "-1", "0", "1", "2")
"""of what is expected, in standard deviations"""


def known(values: Array | None) -> Array | None:
    """Return an array, or None if no number is in it.

    >>> known(np.array([np.nan, 2.0])), known(np.array([np.nan])), known(None)
    (array([nan,  2.]), None, None)
    """
    return None if values is None or not np.isfinite(values).any() else values


def stacked(bands: Mapping[str, Array]) -> Array:
    """Return what is expected at -2, -1, 0, 1, 2 standard deviations, shape (5, n)."""
    return np.array([bands[band] for band in BANDS])


def has_ends(found: Estimate) -> bool:
    """Whether both ends of an interval were found."""
    return bool(np.isfinite([found.low, found.high]).all())


def ends(found: Estimate) -> tuple[float, float]:
    """Return both ends of an interval, the value in place of one that was not found.

    >>> ends(Estimate(1.0, np.nan, 2.0))
    (1.0, 2.0)
    """
    low, high = (end if np.isfinite(end) else found.value for end in (found.low, found.high))
    return low, high


def interval_text(found: Estimate) -> str:
    r"""Return a value with its asymmetric errors, as matplotlib writes it.

    >>> interval_text(Estimate(612.3, 608.1, 616.5)), interval_text(Estimate(1.0, np.nan, 2.0))
    ('612.3 $\\pm$ 4.2', '1')
    """
    if not has_ends(found):
        return f"{found.value:.4g}"
    up, down = found.high - found.value, found.value - found.low
    places = max(0, 1 - int(np.floor(np.log10(max(min(up, down), 1e-9)))))
    value, above, below = (f"{number:.{places}f}" for number in (found.value, up, down))
    if above == below:
        return rf"{value} $\pm$ {above}"
    return rf"{value}$^{{\mathrm{{+{above}}}}}_{{\mathrm{{-{below}}}}}$"
