"""Limits are written as they come: whoever interrupts a long inference has those that are done."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from analysis.folder.folder import Folder
from analysis.results.limits import MassLimits
from analysis.statistics.limits.band import MassLimit


@dataclass(slots=True, eq=False, kw_only=True)
class LimitsSoFar:
    """Saves limits as they come, and tells of each."""

    folder: Folder
    result: Callable[[Sequence[MassLimit]], MassLimits]
    """function that returns what the file holds of some limits"""
    masses: int
    """how many there will be"""
    say: Callable[[str], None]
    origin: Mapping[str, Any] = field(default_factory=dict)
    """for ``provenance``"""
    done: list[MassLimit] = field(default_factory=list)

    def __call__(self, limit: MassLimit) -> None:
        """Take the next limit."""
        self.done.append(limit)
        self.folder.save(self.result(self.done), **self.origin)
        self.say(f"limit at {limit.mass_GeV:g} GeV ({len(self.done)} of {self.masses})")
