"""What the strength of a signal is called and counted in: a cross-section, or events.

The searches of samples with a luminosity quote cross-sections; a spectrum of unknown luminosity and
efficiency (``xyy infer --spectrum``) has events only. Result files tell the two apart by the end of
their keys, ``_pb`` or ``_events``.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Strength:
    """A measure of the strength of a signal, as axes and notes write it."""

    suffix: str
    """of keys in result files"""
    symbol: str
    """in notes"""
    full: str
    """on axes, where there is room"""
    unit: str
    """empty for events"""
    measured: str
    """key of a measured strength in result files"""

    @property
    def title(self) -> str:
        """Title of an axis."""
        return self.full + self.bracket

    @property
    def bracket(self) -> str:
        """The unit as it ends the title of an axis."""
        return f" [{self.unit}]" if self.unit else ""

    def of(self, value: float) -> str:
        """Return a strength with its unit.

        >>> CROSS_SECTION.of(5.4), EVENTS.of(120.0)
        ('5.4 pb', '120 events')
        """
        return f"{value:.3g} {self.unit or 'events'}"


CROSS_SECTION = Strength("pb", r"$\sigma$", r"$\sigma(pp \to X \to \gamma\gamma)$", "pb",
                         "cross_section_pb")  # fmt: skip
EVENTS = Strength("events", "$N_X$", "Signal events", "", "signal_events")


def strength_of(document: Mapping[str, Any], pb: str, events: str) -> Strength:
    """Return in what a document gives a strength: in events where it has only these.

    >>> strength_of({"expected_events": {}}, "expected_pb", "expected_events") is EVENTS
    True
    """
    return EVENTS if pb not in document and events in document else CROSS_SECTION
