"""``unblinding.json``: for what the data were unblinded, why, and what was changed since."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

from analysis.results.codec import ABSENT
from analysis.results.freeze import PeakDecision, Program


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A change after unblinding."""

    reason: str
    changed: tuple[str, ...]
    """names of what was changed"""
    digest: str
    """digest of all decisions since then"""
    peak: Annotated[dict[str, PeakDecision] | None, ABSENT] = None
    """function under a peak since then, by channel; None before the inference has run"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unblinding:
    """An unblinding, with the changes after it."""

    FILE: ClassVar = "unblinding.json"

    reason: str
    freeze_digest: str
    """digest of the decisions that the data were unblinded for"""
    sidebands_digest: str | None
    """digest of what was known of the sidebands; None if nothing was"""
    changes: tuple[Change, ...]
    programs: tuple[Program, ...]
    """other programs that made results since then"""
    offered: Annotated[str | None, ABSENT] = None
    """reason for a change of which nothing was seen yet"""


@dataclass(frozen=True, slots=True, kw_only=True)
class UnblindedWhen:
    """When data were unblinded, and when something was changed, under ``provenance``."""

    unblinded: str
    changed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamp:
    """What every result says once something was changed after unblinding."""

    after_unblinding: str
    """the reasons"""
    changed_after_unblinding: tuple[str, ...]
    """names of what was changed"""
