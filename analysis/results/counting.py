"""``counting.json``: events in the window, what the sidebands predict there, and limits from both.

What is observed is None while the data are blind, or where there are none.
"""

from dataclasses import dataclass
from typing import Annotated, ClassVar

from analysis.results.codec import ABSENT, Numbers
from analysis.results.values import ExpectedSignals, Range_GeV


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class ClsCurve:
    """CLs against cross-section."""

    cross_section_pb: Numbers
    observed_cls: Numbers | None
    expected_cls: dict[str, Numbers]
    """expected CLs at each cross-section, for each of ``-2`` to ``2`` sigma"""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class CountingLimit:
    """The upper limit on the cross-section from the count alone."""

    confidence_level: float
    observed_pb: float | None
    reason: str | None
    """why there is no observed limit; None if there is one"""
    expected_pb: dict[str, float | None]
    """expected upper limits, pb, for each of ``-2`` to ``2`` sigma"""
    efficiency_of: str
    """signal sample whose efficiency is assumed"""
    window_events_per_pb: float
    """signal events in the window for a cross-section of 1 pb"""
    workspace_scale_pb: float
    """cross-section that signal strength 1 of the workspace stands for, pb"""
    curve: Annotated[ClsCurve | None, ABSENT] = None
    """None in the verdict, where the limit alone stands"""


@dataclass(frozen=True, slots=True, kw_only=True)
class SidebandNormalisation:
    """Events of the data's sidebands against those that the simulation expects."""

    data_sideband_events: float | None
    expected_sideband_events: float
    expected_sideband_error_events: float
    """statistical uncertainty of the expectation"""
    ratio: float | None
    """data over expectation; None without either"""
    reason: str | None
    """why there is no ratio; None if there are data"""


@dataclass(frozen=True, slots=True, kw_only=True)
class CountingClosure:
    """The counting exercise on the simulation."""

    observed_events: float
    predicted_events: float
    predicted_error_events: float
    """uncertainty of the prediction"""
    z: float
    """significance with the simulation's statistical uncertainty"""
    expected_data_z: float
    """significance of data with these expectations"""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Counting:
    """The count in the window."""

    FILE: ClassVar = "counting.json"
    window_GeV: Range_GeV
    observed_events: float | None
    predicted_events: float
    """background events, corrected for what the functions miss on average"""
    uncorrected_events: float
    """prediction of the functions as they were fitted"""
    correction_events: float
    """the difference"""
    predicted_error_events: float
    """uncertainty of the prediction"""
    channels: tuple[str, ...]
    """channels that were counted"""
    z: float | None
    """significance of the count"""
    z_course: float | None
    """significance as the course computes it"""
    reason: str | None
    """why nothing is observed; None if it is"""
    limit: CountingLimit
    normalisation: SidebandNormalisation
    expected: ExpectedSignals
    rehearsal: dict[str, CountingClosure]
    """the exercise without a signal and with each simulated one, by name"""
    complete: bool
    """whether no event was lost on the way"""
    warnings: tuple[str, ...]
