"""``limits.json``: upper limits on the strength of a resonance, against its mass."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

from analysis.results.codec import Key, Numbers, Unit
from analysis.results.values import GivenMass

Ranges = tuple[tuple[float, float], ...]
"""of masses, GeV: low and high ends"""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class ExcludedRanges:
    """Ranges of mass where a limit lies below the benchmark strength; None without a benchmark."""

    observed: Ranges | None
    expected: Ranges | None


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class MassLimits:
    """Limits at all masses, or at those that are done."""

    FILE: ClassVar = "limits.json"
    confidence_level: float
    mass_GeV: Numbers
    observed: Annotated[Numbers | None, Key("observed_{unit}")]
    """observed upper limits on the strength at each mass, pb or events; None while blind"""
    expected: Annotated[dict[str, Numbers], Key("expected_{unit}")]
    """expected upper limits at each mass, pb or events, for each of ``-2`` to ``2`` sigma"""
    given: tuple[GivenMass, ...] = ()
    """resonances in both hypotheses"""
    reasons: tuple[str | None, ...]
    """why there is no limit at a mass, for each; None where one was looked for"""
    low_counts: tuple[bool, ...]
    """whether fewer than 20 background events lie under the peak, at each mass"""
    background_events_under_peak: Numbers
    methods: tuple[str, ...]
    """``asymptotic`` or ``toys``, at each mass"""
    method: str
    """``toys`` if any limit is of toys, else ``asymptotic``"""
    benchmark: Annotated[float | None, Key("benchmark_{unit}")]
    """strength that all simulated signals stand for, pb or events; None if they differ"""
    excluded_GeV: ExcludedRanges
    warnings: tuple[str, ...]
    reason: str | None
    """why there are no observed limits; None if there are"""
    partial: bool
    """whether others are still being computed"""
    complete: bool
    """whether no event was lost on the way"""
    unit: Unit
    """unit of the strengths"""
