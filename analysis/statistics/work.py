"""How much an inference computes, and who is told of it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from analysis.results.limits import MassLimits
from analysis.statistics.limits.band import MassLimit, MassPoint, band
from analysis.statistics.limits_results import limits_result
from analysis.statistics.resonance.shape import Effort
from analysis.statistics.shape_results import Terms


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
    on_limit: Callable[[MassLimits], None] = lambda _limits: None
    """given the limits that are done, after each mass: whoever interrupts the others has these"""

    def mass_limits(
        self, points: Sequence[MassPoint], confidence_level: float, terms: Terms
    ) -> MassLimits:
        """Return the limits at some masses."""
        done: list[MassLimit] = []

        def tell(limit: MassLimit) -> None:
            done.append(limit)
            self.on_limit(limits_result(done, confidence_level, terms, partial=True))
            self.say(f"limit at {limit.mass_GeV:g} GeV ({len(done)} of {len(points)})")

        if points:
            self.say(f"limits at {len(points)} masses")
        found = band(
            points,
            confidence_level=confidence_level,
            workers=self.effort.workers,
            toys=self.limit_toys,
            seed=self.effort.seed,
            on_limit=tell,
        )
        return limits_result(found, confidence_level, terms)
