"""``statistics.json`` and ``statistics_categories.json``: what toys of known spectra showed."""

from dataclasses import dataclass
from typing import Annotated

from analysis.results.checks import Check
from analysis.results.codec import ABSENT, Numbers
from tools.machine import Machine


@dataclass(frozen=True, slots=True)
class ToyNumbers:
    """How many toys the campaigns generate."""

    local: int
    """without a resonance, for the significance at fixed masses"""
    scans: int
    """of them, scanned"""
    frozen: int
    """of the frozen model"""
    injected: int
    """at each point"""
    outside: int
    """of each test spectrum that no candidate contains"""
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
class MachineOrigin:
    """When, where and with what something was measured that depends on the machine."""

    written: str
    host: str
    python: str
    versions: dict[str, str]
    git_commit: str | None
    machine: Machine


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchCalibration:
    """What the shape search says of toys of known spectra."""

    size: ToyNumbers
    seed: int
    workers: int
    windows: Annotated[int | None, ABSENT] = None
    """number of windows drawn to the sidebands of each toy without a resonance; None: one"""
    window_events: dict[str, float]
    """background events expected in the window, by generating model"""
    parts: Annotated[CategoryParts | None, ABSENT] = None
    """None for one spectrum"""
    choices: dict[str, dict[str, float]]
    """fraction of toys by the function that they chose, by generating model (and category)"""
    injected_events: dict[str, dict[str, float]]
    """signal events that were injected, by generating model, and by mass and strength"""
    checks: tuple[Check, ...]
    provenance: MachineOrigin
