"""Limits against mass as ``limits.json`` holds them, and what they say against themselves.

Masses are independent of each other: each has its own workspace, and they are shared out to some
processes. Each is told as it is done, for the caller to save; they are the same whatever the
number of processes.

Limits beyond the band of two standard deviations by more than `_FAR` of them are an excess of seven
(which the scan tells as well), or a background that does not fit; far below it they are also where
a resonance at another mass raises the fitted background.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial

import numpy as np

from analysis.results.limits import ExcludedRanges, MassLimits, Ranges
from analysis.results.values import BAND_KEYS, GivenMass
from analysis.statistics.background.entries import Flags
from analysis.statistics.limits.band import MassLimit, MassPoint, mass_limit
from analysis.statistics.resonance.work import Work
from analysis.statistics.verdict import Terms
from tools.arrays import FloatArray
from tools.pool import completed

_ALL_MASSES = "limits: "
"""how a warning that concerns all masses begins"""
_NONE = "no limit is expected{}: nothing can be excluded there"
_ABOVE = (
    "the observed ones are far above their band{}: no fluctuation, but a resonance or a "
    "background that does not fit"
)
_BELOW = (
    "the observed ones are far below their band{}: no fluctuation, but a resonance at another "
    "mass, events that are missing, or a background that does not fit"
)
_OTHERS = (
    "those of an earlier call are beside {}, while the resonances that are claimed now are {}; "
    "compute them again with `--only limits`"
)
_FAR = 5.0
"""standard deviations"""
_SAME_MASS = 1e-4
"""relative difference of two fits of one resonance, at most: less than is shown of it"""
_DEEP = 0.5
"""of the band's lower end: CLs keeps limits from falling much further by chance"""


def mass_limits(
    points: Sequence[MassPoint], confidence_level: float, terms: Terms, work: Work
) -> MassLimits:
    """Return the limits at some masses; each is given to `work.on_limit` as it is done."""
    if points:
        work.log(f"limits at {len(points)} masses")
    done: list[MassLimit] = []
    at_one = partial(
        mass_limit, confidence_level=confidence_level, toys=work.limit_toys, seed=work.seed
    )
    workers = min(work.workers, len(points) or 1)
    for _, limit in completed(at_one, points, workers, what="limits against mass"):
        done.append(limit)
        unfinished = len(done) < len(points)
        work.on_limit(limits_result(done, confidence_level, terms, unfinished=unfinished))
        work.log(f"limit at {limit.mass_GeV:g} GeV ({len(done)} of {len(points)})")
    return limits_result(done, confidence_level, terms)


def limits_result(
    limits: Sequence[MassLimit], confidence_level: float, terms: Terms, *, unfinished: bool = False
) -> MassLimits:
    """Return the limits at all masses, or at those that are done (`unfinished`)."""
    limits = sorted(limits, key=lambda limit: limit.mass_GeV)
    masses = np.array([limit.mass_GeV for limit in limits])
    observed = np.array([limit.observed for limit in limits], dtype=float)
    expected = {
        band: np.array([limit.expected[index] for limit in limits], dtype=float)
        for index, band in enumerate(BAND_KEYS)
    }
    methods = tuple(limit.method for limit in limits)
    blind = terms.reason is not None and not np.isfinite(observed).any()
    reasons = tuple(limit.reason for limit in limits)
    looked_for = np.array([reason is None for reason in reasons], dtype=bool)
    return MassLimits(
        confidence_level=confidence_level,
        given=terms.given,
        reasons=reasons,
        mass_GeV=masses,
        observed=None if blind else observed,
        expected=expected,
        # Where there is no limit, none is too strong.
        low_counts=tuple(limit.low_counts and limit.reason is None for limit in limits),
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
            *_against(masses, observed, expected, looked_for),
        ),
        reason=terms.reason,
        partial=unfinished,
        complete=terms.complete,
        unit=terms.unit,
    )


def warnings_of(limits: MassLimits) -> tuple[str, ...]:
    """Return the warnings of limits as they stand among those of other results."""
    return tuple(
        note if note.startswith(_ALL_MASSES) else f"limit at {note}" for note in limits.warnings
    )


def beside_others(limits: MassLimits, given: Sequence[GivenMass]) -> tuple[str, ...]:
    """Return a warning if limits of an earlier call are beside others than the claimed resonances.

    Parameters
    ----------
    limits : MassLimits
    given : sequence of GivenMass
        What is claimed now.
    """
    before, now = (sorted(x.mass_GeV for x in each) for each in (limits.given, given))
    if len(before) == len(now) and np.allclose(before, now, rtol=_SAME_MASS):
        return ()
    return (_ALL_MASSES + _OTHERS.format(_in_words(before), _in_words(now)),)


def _in_words(masses: Sequence[float]) -> str:
    return ", ".join(f"{mass:.1f} GeV" for mass in masses) or "none"


def _excluded(masses: FloatArray, limits: FloatArray, benchmark: float | None) -> Ranges | None:
    """Return the ranges of mass where a limit lies below the benchmark, ends interpolated."""
    if benchmark is None:
        return None
    # Limits fall over decades with the mass: between two masses their logarithm is the straighter.
    margin = np.log(benchmark / limits)
    inside = np.pad(margin > 0, 1)
    first = np.flatnonzero(inside[1:-1] & ~inside[:-2])
    last = np.flatnonzero(inside[1:-1] & ~inside[2:])
    ends = zip(map(int, first), map(int, last), strict=True)
    return tuple((_end(masses, margin, a, a - 1), _end(masses, margin, b, b + 1)) for a, b in ends)


def _end(masses: FloatArray, margin: FloatArray, inside: int, beyond: int) -> float:
    """Return where the margin is zero between two neighbours, or the inner one if that is unknown.

    Parameters
    ----------
    masses, margin : ndarray
    inside, beyond : int
        Places of a range's outermost mass, and of its neighbour outside, which need not be there.
    """
    low, high = min(inside, beyond), max(inside, beyond)
    if low < 0 or high == len(masses) or not np.all(np.isfinite(margin[low : high + 1])):
        return float(masses[inside])
    step, rise = masses[high] - masses[low], margin[high] - margin[low]
    return float(masses[low] - margin[low] * step / rise)


def _against(
    masses: FloatArray,
    observed: FloatArray,
    expected: Mapping[str, FloatArray],
    looked_for: Flags,
) -> Iterator[str]:
    """Yield what speaks against the limits taken together; one that is not there is NaN."""
    one, two = expected["1"], expected["2"]
    cases = (
        (looked_for & np.isnan([*expected.values()]).any(axis=0), _NONE),
        (observed > two + _FAR * (two - one), _ABOVE),
        (observed < _DEEP * expected["-2"], _BELOW),
    )
    for where, text in cases:
        if where.any():
            yield _ALL_MASSES + text.format(_places(masses, masses[where]))


def _places(masses: FloatArray, found: FloatArray) -> str:
    """Return in words which of the masses are found."""
    if len(found) == len(masses):
        return " at all masses" if len(found) > 1 else f" at {found[0]:g} GeV"
    return f" at {len(found)} of {len(masses)} masses, {min(found):g} to {max(found):g} GeV"
