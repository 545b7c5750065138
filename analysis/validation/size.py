"""How many toys the campaigns throw: the numbers that were set, or smaller ones together."""

from dataclasses import replace

from analysis.results.calibration import ToyNumbers

ONE_SPECTRUM = ToyNumbers(
    local=5_000, scans=2_000, frozen=8_000, injected=1_600, outside=500, upcrossings=1_000,
    timed=1_000,
)  # fmt: skip
WITH_CATEGORIES = ToyNumbers(
    local=1_200, scans=300, frozen=3_000, injected=240, outside=125, upcrossings=400, timed=100
)
"""of six categories, a toy of which takes ten times as long; to its sidebands several windows are
drawn, and points with a resonance are judged together (`plan`)"""


def in_proportion(size: ToyNumbers, toys: int) -> ToyNumbers:
    """Return all campaigns in proportion to the toys at fixed masses, as far as there are more.

    >>> in_proportion(ONE_SPECTRUM, 50)
    ToyNumbers(local=50, scans=50, frozen=80, injected=16, outside=5, upcrossings=200, timed=50)
    """
    part = toys / size.local
    some = {n: max(1, round(part * getattr(size, n))) for n in ("frozen", "injected", "outside")}
    return replace(
        size,
        local=toys,
        scans=min(toys, size.scans),
        upcrossings=min(max(toys, 200), size.upcrossings),
        timed=min(toys, size.timed),
        **some,
    )
