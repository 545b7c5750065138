"""How many toys the campaigns throw: the numbers that were set, or smaller ones together."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Size:
    """How many toys."""

    local: int = 5_000
    """without a resonance, for the significance at fixed masses"""
    scans: int = 2_000
    """of them, scanned"""
    frozen: int = 8_000
    """of the frozen model"""
    injected: int = 1_600
    """at each point"""
    outside: int = 500
    """of each truth that no candidate contains"""
    upcrossings: int = 1_000
    timed: int = 1_000

    def of(self, toys: int) -> "Size":
        """Return all campaigns in proportion to the toys at fixed masses, as far as there are more.

        >>> Size().of(50)
        Size(local=50, scans=50, frozen=80, injected=16, outside=5, upcrossings=200, timed=50)
        """
        part = toys / self.local
        some = {
            n: max(1, round(part * getattr(self, n))) for n in ("frozen", "injected", "outside")
        }
        return Size(
            local=toys,
            scans=min(toys, self.scans),
            upcrossings=min(max(toys, 200), self.upcrossings),
            timed=min(toys, self.timed),
            **some,
        )


WITH_CATEGORIES = Size(
    1_200, 300, frozen=3_000, injected=240, outside=125, upcrossings=400, timed=100
)
"""of six categories, a toy of which takes ten times as long; to its sidebands several windows are
drawn, and points with a resonance are judged together (`plan`)"""
