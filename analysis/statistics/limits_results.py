"""Limits against mass as ``limits.json`` holds them, and what they say against themselves.

Limits beyond the band of two standard deviations by more than `_FAR` of them are an excess of seven
(which the scan tells as well), or a background that does not fit; far below it they are also where
a resonance at another mass raises the fitted background.
"""

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from analysis.results.limits import ExcludedRanges, MassLimits, Ranges
from analysis.results.values import BAND_KEYS
from analysis.statistics.limits.band import MassLimit
from analysis.statistics.shape_results import Terms
from tools.arrays import FloatArray

_ALL_MASSES = "limits: "
"""how a warning that concerns all masses begins"""
_FAR = 5.0
"""standard deviations"""
_DEEP = 0.5
"""of the band's lower end: CLs keeps limits from falling much further by chance"""


def limits_result(
    limits: Sequence[MassLimit], confidence_level: float, terms: Terms, *, partial: bool = False
) -> MassLimits:
    """Return the limits at all masses, or at those that are done (`partial`)."""
    limits = sorted(limits, key=lambda limit: limit.mass_GeV)
    masses = np.array([limit.mass_GeV for limit in limits])
    observed = np.array([limit.observed for limit in limits], dtype=float)
    expected = {
        band: np.array([limit.expected[index] for limit in limits], dtype=float)
        for index, band in enumerate(BAND_KEYS)
    }
    methods = tuple(limit.method for limit in limits)
    blind = terms.closed is not None and not np.isfinite(observed).any()
    return MassLimits(
        confidence_level=confidence_level,
        mass_GeV=masses,
        observed=None if blind else observed,
        expected=expected,
        low_counts=tuple(limit.low_counts for limit in limits),
        background_events_under_peak=np.array([limit.counts_under_peak for limit in limits]),
        methods=methods,
        method="toys" if "toys" in methods else "asymptotic",
        benchmark=terms.benchmark,
        excluded_GeV=ExcludedRanges(
            observed=None if blind else _excluded(masses, observed, terms.benchmark),
            expected=_excluded(masses, expected["0"], terms.benchmark),
        ),
        warnings=(
            *(f"{x.mass_GeV:g} GeV: {note}" for x in limits for note in x.warnings),
            *of_limits(limits),
        ),
        reason=terms.closed,
        partial=partial,
        complete=terms.complete,
        unit=terms.unit,
    )


def warnings_of(limits: MassLimits) -> tuple[str, ...]:
    """Return the warnings of limits as they stand among those of other results."""
    return tuple(
        note if note.startswith(_ALL_MASSES) else f"limit at {note}" for note in limits.warnings
    )


def _excluded(masses: FloatArray, limits: FloatArray, benchmark: float | None) -> Ranges | None:
    """Return the ranges of mass where a limit lies below the benchmark, ends interpolated."""
    if benchmark is None:
        return None
    # Limits fall over decades with the mass: between two masses their logarithm is the straighter.
    margin = np.log(benchmark / limits)
    ranges: list[list[float]] = []
    for index, mass in enumerate(masses):
        before = max(index - 1, 0)
        pair = slice(before, index + 1)
        inside, was = margin[index] > 0, index > 0 and margin[before] > 0
        if inside and not was:
            start = _zero(masses[pair], margin[pair], float(mass))
            ranges.append([start, float(mass)])
        elif inside:
            ranges[-1][1] = float(mass)
        elif was:
            ranges[-1][1] = _zero(masses[pair], margin[pair], float(masses[before]))
    return tuple((low, high) for low, high in ranges)


def _zero(masses: FloatArray, margin: FloatArray, otherwise: float) -> float:
    """Return where the margin between two neighbouring masses is zero; `otherwise` if unknown."""
    if len(masses) == 1 or not np.all(np.isfinite(margin)):
        return otherwise
    return float(masses[0] - margin[0] * (masses[1] - masses[0]) / (margin[1] - margin[0]))


def of_limits(limits: Sequence[MassLimit]) -> tuple[str, ...]:
    """Return what speaks against the limits at some masses taken together."""
    return tuple(f"{_ALL_MASSES}{note}" for note in _of_limits(limits))


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
