"""What results say against themselves: limits and bins that no fluctuation explains.

Limits beyond the band of two standard deviations by more than `_FAR` of them are an excess of seven
(which the scan tells as well), or a background that does not fit; far below it they are also where
a resonance at another mass raises the fitted background. A bin that lies `_FAR` standard
deviations below a fit has no cause in physics, as a signal only adds events: some of them got lost.
(By chance one bin in 3.5 million does, with many events in it: one spectrum of 5,000 bins in 700.)
"""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import numpy.typing as npt

from analysis.statistics.limits.band import MassLimit

FloatArray = npt.NDArray[np.float64]
LIMITS = "limits: "
"""how what concerns all masses begins"""
_FAR = 5.0
"""standard deviations"""
_DEEP = 0.5
"""of the band's lower end: CLs keeps limits from falling much further by chance"""


def of_limits(limits: Sequence[MassLimit]) -> tuple[str, ...]:
    """Return what speaks against the limits at some masses taken together."""
    return tuple(f"{LIMITS}{note}" for note in _of_limits(limits))


def _of_limits(limits: Sequence[MassLimit]) -> Iterator[str]:
    if missing := _masses(limits, lambda limit: None in limit.expected):
        yield f"no limit is expected{missing}: nothing can be excluded there"
    if above := _masses(limits, _above):
        yield (
            f"the observed ones are far above their band{above}: no fluctuation, but a resonance "
            "or a background that does not fit"
        )
    if below := _masses(limits, _below):
        yield (
            f"the observed ones are far below their band{below}: no fluctuation, but a resonance "
            "at another mass, events that are missing, or a background that does not fit"
        )


def _masses(limits: Sequence[MassLimit], doubtful: Callable[[MassLimit], bool]) -> str:
    """Return at which masses limits are doubtful; empty if none is."""
    found = [limit.mass_GeV for limit in limits if doubtful(limit)]
    if not found:
        return ""
    if len(found) == len(limits):
        return " at all masses" if len(found) > 1 else f" at {found[0]:g} GeV"
    return f" at {len(found)} of {len(limits)} masses, {min(found):g} to {max(found):g} GeV"


def _above(limit: MassLimit) -> bool:
    *_, one, two = limit.expected
    if limit.observed is None or one is None or two is None:
        return False
    return limit.observed > two + _FAR * (two - one)


def _below(limit: MassLimit) -> bool:
    lowest = limit.expected[0]
    if limit.observed is None or lowest is None:
        return False
    return limit.observed < _DEEP * lowest


def of_bins(
    low_GeV: FloatArray, high_GeV: FloatArray, counts: FloatArray, expected: FloatArray
) -> tuple[str, ...]:
    """Return what speaks against a spectrum: bins far below what the fit expects.

    >>> edges = np.array([100.0, 110.0, 120.0])
    >>> of_bins(edges, edges + 10, np.array([9950.0, 0.0, 30.0]), np.array([1e4, 9e3, 29.0]))
    ('1 bin is far below the fit: 110 to 120 GeV has 0 events where 9,000 are expected; ...',)
    """
    missing, sigma = expected - counts, np.sqrt(expected)
    empty = np.flatnonzero(missing > _FAR * sigma)
    if not len(empty):
        return ()
    worst = empty[np.argmax(missing[empty] / sigma[empty])]
    bins = "1 bin is" if len(empty) == 1 else f"{len(empty)} bins are"
    return (
        (
            f"{bins} far below the fit: {low_GeV[worst]:g} to {high_GeV[worst]:g} GeV has "
            f"{counts[worst]:,.10g} events where {expected[worst]:,.0f} are expected; some got lost"
        ),
    )
