"""``statistics.json`` and ``statistics_categories.json``: what toys of known truths showed."""

import math
from dataclasses import dataclass
from typing import Annotated

from analysis.results.codec import ABSENT, Numbers


@dataclass(frozen=True, slots=True)
class Check:
    """A number with its error, and what was wanted of it."""

    section: str
    setting: str
    what: str
    observed: float
    error: float | None
    """statistical uncertainty; None if it is not told"""
    low: float | None = None
    """None: no lower end was set"""
    high: float | None = None
    """None: no upper end was set"""
    toys: int | None = None
    """number of toys that it is of"""
    meets: bool | None = None
    """whether it is what was wanted; None if nothing was, or if it is not known"""

    def __post_init__(self) -> None:
        """Judge a number that was not judged before it was rounded."""
        wanted = self.low is not None or self.high is not None
        if self.meets is None and wanted and math.isfinite(self.observed):
            above = self.low is None or self.observed >= self.low
            below = self.high is None or self.observed <= self.high
            object.__setattr__(self, "meets", bool(above and below))

    @property
    def wanted(self) -> str:
        """Wanted range in words; empty if none was set."""
        if self.low is None:
            return "" if self.high is None else f"at most {self.high:g}"
        return f"at least {self.low:.4g}" if self.high is None else f"{self.low:g} to {self.high:g}"


@dataclass(frozen=True, slots=True)
class ToyNumbers:
    """How many toys the campaigns throw."""

    local: int
    """without a resonance, for the significance at fixed masses"""
    scans: int
    """of them, scanned"""
    frozen: int
    """of the frozen model"""
    injected: int
    """at each point"""
    outside: int
    """of each truth that no candidate contains"""
    upcrossings: int
    timed: int


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class CategoryParts:
    """What each category has of all that is selected."""

    background: Numbers
    """fraction of the selected background events"""
    signal: Numbers
    """fraction of all signal events"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """What the toys were thrown on."""

    cpu: str
    cores: int | None
    memory_GiB: float
    system: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrationOrigin:
    """When, where and with what the toys were thrown."""

    written: str
    host: str
    python: str
    versions: dict[str, str]
    git_commit: str | None
    machine: Machine


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchCalibration:
    """What the shape search says of spectra whose truth is known."""

    size: ToyNumbers
    seed: int
    workers: int
    windows: Annotated[int | None, ABSENT] = None
    """number of windows drawn to the sidebands of each toy without a resonance; None: one"""
    window_events: dict[str, float]
    """background events expected in the window, by truth"""
    parts: Annotated[CategoryParts | None, ABSENT] = None
    """None for one spectrum"""
    choices: dict[str, dict[str, float]]
    """fraction of toys by the function that they chose, by truth (and category)"""
    injected_events: dict[str, dict[str, float]]
    """signal events that were injected, by truth and by mass and strength"""
    checks: tuple[Check, ...]
    provenance: CalibrationOrigin

    @property
    def judged(self) -> tuple[int, int]:
        """How many numbers were judged, and how many of them miss what was wanted."""
        judged = [check.meets for check in self.checks if check.meets is not None]
        return len(judged), judged.count(False)
