"""``limits.json``: upper limits on the strength of a resonance, against its mass."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np

from analysis.results.codec import Key, Numbers, Unit

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

    @classmethod
    def of(
        cls,
        mass_GeV: Numbers,
        expected: Numbers,
        *,
        observed: Numbers | None = None,
        benchmark: float | None = None,
        unit: Unit = "pb",
    ) -> "MassLimits":
        """Return limits at 95 % confidence level from anywhere, for a figure.

        Parameters
        ----------
        mass_GeV : ndarray, shape (masses,)
        expected : ndarray, shape (5, masses)
            Expected upper limits at -2, -1, 0, 1 and 2 sigma, pb or events.
        observed : ndarray, shape (masses,), optional
            Observed upper limits, pb or events.
        benchmark : float, optional
            Strength that is marked, pb or events.
        unit : str
            ``pb`` or ``events``.
        """
        masses = len(mass_GeV)
        return cls(
            confidence_level=0.95,
            mass_GeV=mass_GeV,
            observed=observed,
            expected={str(place - 2): band for place, band in enumerate(expected)},
            low_counts=(False,) * masses,
            background_events_under_peak=np.full(masses, np.nan),
            methods=("asymptotic",) * masses,
            method="asymptotic",
            benchmark=benchmark,
            excluded_GeV=ExcludedRanges(observed=None, expected=None),
            warnings=(),
            reason=None,
            partial=False,
            complete=True,
            unit=unit,
        )
