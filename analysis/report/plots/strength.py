"""What the strength of a signal is called and counted in: a cross-section, or events.

The searches of samples with a luminosity quote cross-sections; a spectrum of unknown luminosity and
efficiency (``xyy infer --spectrum``) has events only.
"""

from dataclasses import dataclass
from typing import Protocol

from analysis.results.codec import Unit


class OfStrength(Protocol):
    """A result that holds strengths: a scan, limits, a fit of a resonance, a verdict."""

    @property
    def unit(self) -> Unit:
        """Unit of its strengths."""


@dataclass(frozen=True, slots=True)
class Strength:
    """A measure of the strength of a signal, as axes and notes write it."""

    symbol: str
    """in notes"""
    full: str
    """on axes, where there is room"""
    unit: str
    """empty for events"""

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


CROSS_SECTION = Strength(r"$\sigma$", r"$\sigma(pp \to X \to \gamma\gamma)$", "pb")
EVENTS = Strength("$N_X$", "Signal events", "")


def kind_of(result: OfStrength) -> Strength:
    """Return in what a result gives strengths.

    >>> from analysis.results.verdict import ResonanceFit
    >>> kind_of(ResonanceFit(stability=(), deficit=None, unit="events")) is EVENTS
    True
    """
    return CROSS_SECTION if result.unit == "pb" else EVENTS
