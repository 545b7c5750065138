"""``workspaces.json``: what each exported workspace is, and the limits that it gives."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

from analysis.results.codec import Key, Unit


@dataclass(frozen=True, slots=True, kw_only=True)
class MassWorkspace:
    """The workspace of a mass."""

    file: str
    mass_GeV: float
    strength: Annotated[float, Key("strength_{unit}")]
    """strength that ``mu = 1`` stands for, pb or events"""
    observed: Annotated[float | None, Key("observed_{unit}")]
    """observed upper limit on the strength, pb or events; None while blind"""
    expected: Annotated[dict[str, float], Key("expected_{unit}")]
    """expected upper limits, pb or events, for each of ``-2`` to ``2`` sigma"""
    method: str
    """``asymptotic`` or ``toys``"""
    low_counts: bool
    """whether fewer than 20 background events lie under the peak"""


@dataclass(frozen=True, slots=True, kw_only=True)
class CountingWorkspace:
    """The workspace of the count in the window."""

    file: str
    strength_pb: float
    """cross-section that ``mu = 1`` stands for, pb"""
    observed_pb: float | None
    """observed upper limit, pb; None while blind"""
    expected_pb: dict[str, float | None]
    """expected upper limits, pb, for each of ``-2`` to ``2`` sigma"""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkspaceIndex:
    """All workspaces of an analysis."""

    FILE: ClassVar = "workspaces.json"
    format: str = "pyhf workspaces (HistFactory JSON, schema 1.0.0)"
    parameter_of_interest: str = "mu"
    confidence_level: float
    test_statistic: str = "qtilde, asymptotic"
    observations: str
    """what stands in them as observed"""
    expected_limits_from: str = "Asimov set of the initial parameters with mu = 0"
    reservations: tuple[str, ...]
    complete: bool
    """whether no event was lost on the way"""
    workspaces: tuple[MassWorkspace, ...]
    counting: CountingWorkspace | None
    """None for a binned spectrum"""
    unit: Unit
    """unit of the strengths"""
