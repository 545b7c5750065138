"""How much an inference computes, and who is told of it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from analysis.settings.search import Search
from analysis.statistics.limits.band import MassLimit, MassPoint, band
from analysis.statistics.limits.toy_limits import ToySettings
from analysis.statistics.resonance.shape import Effort


@dataclass(frozen=True, slots=True)
class Work:
    """How much is computed, and who is told of it."""

    effort: Effort = Effort()  # noqa: RUF009 - frozen
    limit_toys: int = 0
    """toys of a limit where counts are low; 0: asymptotic everywhere"""
    limits: bool = True
    """whether limits against mass are set at all; they take the longest"""
    say: Callable[[str], None] = lambda _text: None
    """told what is being done"""
    on_limit: Callable[[MassLimit], None] = lambda _limit: None
    """given the limits at each mass as they come"""

    def mass_limits(self, points: Sequence[MassPoint], search: Search) -> tuple[MassLimit, ...]:
        """Return the limits at some masses, rising in mass."""
        if points:
            self.say(f"limits at {len(points)} masses")
        return band(
            points,
            confidence_level=search.limits.confidence_level,
            workers=self.effort.workers,
            toys=ToySettings(self.limit_toys, self.effort.seed),
            on_limit=self.on_limit,
        )
