"""What limits say against themselves: those that no fluctuation explains.

Limits beyond the band of two standard deviations by more than `_FAR` of them are an excess of seven
(which the scan tells as well), or a background that does not fit; far below it they are also where
a resonance at another mass raises the fitted background.
"""

from collections.abc import Callable, Iterator, Sequence

from analysis.statistics.limits.band import MassLimit

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
