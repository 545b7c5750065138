"""What toys of known spectra showed.

``statistics.json``, ``statistics_categories.json``, ``spectra.json`` and ``resonances.json``.
"""

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


@dataclass(frozen=True, slots=True)
class SpectraNumbers:
    """How many toys of open spectra are generated."""

    empty: int
    """without a signal, of each smooth truth and number of events"""
    measured: int
    """at each strength, of each smooth truth and number of events"""
    others: int
    """at each strength, or without a signal, of each truth that is not smooth"""
    decided: int
    """of those with a signal, whose verdict is asked for"""
    coarse: int
    """in few bins, of each number of events"""


@dataclass(frozen=True, slots=True, kw_only=True)
class SpectraCalibration:
    """What the search in open spectra says of toys of known truths."""

    size: SpectraNumbers
    seed: int
    workers: int
    choices: dict[str, dict[str, float]]
    """fraction of toys by the function that they chose, by truth and number of events"""
    injected_events: dict[str, dict[str, float]]
    """signal events that were injected, by truth and events, and by mass and strength"""
    checks: tuple[Check, ...]
    provenance: MachineOrigin


@dataclass(frozen=True, slots=True, kw_only=True)
class ResonancesCalibration:
    """What the search for several resonances says of toys with a known one beside another."""

    toys: int
    """at each point"""
    alone: int
    """with one resonance alone"""
    seed: int
    workers: int
    injected_events: dict[str, float]
    checks: tuple[Check, ...]
    provenance: MachineOrigin
