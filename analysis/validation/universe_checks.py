"""What was wanted of universes, beside what they showed.

The wanted ranges are the acceptance of this project, set before the program was written. A number
of fewer than `ENOUGH` universes is told, not judged: its own error is as large as the range.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from analysis.results.checks import Check
from analysis.results.closure import Fraction
from analysis.statistics.background.entries import Flags
from analysis.validation.judged import SURE_LOCAL_Z, Judged
from analysis.validation.rates import FIXED_GeV, fraction_of, rate
from analysis.validation.universe_campaign import UniverseResults

ENOUGH = 300
"""universes"""
_TAILS = {2.0: 0.02275, 3.0: 0.00135}
"""of a normal distribution above a significance"""


def checks(results: UniverseResults, limit_bins: Sequence[tuple[str, Flags]]) -> Iterator[Check]:
    """Yield everything that was wanted of the results.

    Parameters
    ----------
    results : UniverseResults
    limit_bins : sequence of tuple
        Name of each bin of cross-section, and which of `results.with_x` are in it.
    """
    for check in _all(results, limit_bins):
        enough = check.toys is not None and check.toys >= ENOUGH
        yield check if enough else replace(check, low=None, high=None, meets=None)


def _all(results: UniverseResults, limit_bins: Sequence[tuple[str, Flags]]) -> Iterator[Check]:
    yield from _without_x(results.without_x)
    x, sure = results.with_x, f"X of expected local Z above {SURE_LOCAL_Z:g}"
    right = results.judged("universes").sure.right
    yield rate("x", sure, "verdict right", fraction_of(right), 0.99)
    for name in ("mass", "cross_section"):
        text, pull = name.replace("_", "-"), x.sure.pull(name)
        yield rate("x", sure, f"68 % coverage, {text}", x.sure.coverage(name), 0.64, 0.72)
        mean = Fraction(value=pull.mean, error=pull.mean_error, n=pull.n)
        width = Fraction(value=pull.width, error=pull.width_error, n=pull.n)
        yield rate("x", sure, f"mean pull, {text}", mean, -0.2, 0.2)
        yield rate("x", sure, f"width of pulls, {text}", width)
    yield rate("x", "all X", "fits converged", fraction_of(x.converged))
    for name, where in limit_bins:
        yield rate("limits", name, "limit covers", fraction_of(x.covered[where]), 0.94)


def _without_x(empty: Judged) -> Iterator[Check]:
    for mass, z in zip(FIXED_GeV, empty.fixed_z.T, strict=True):
        for level, ends in ((2.0, (0.010, 0.033)), (3.0, (None, 0.004))):
            what = f"P(local Z > {level:g}), nominal {_TAILS[level]:g}"
            yield rate("empty", f"{mass:g} GeV", what, fraction_of(z > level), *ends)
    wanted: tuple[tuple[str, Flags, float | None, float | None], ...] = (
        ("P(global p < 0.05)", empty.global_p < 0.05, 0.03, 0.07),  # noqa: PLR2004
        ("P(global p < 0.01)", empty.global_p < 0.01, None, None),  # noqa: PLR2004
        ("evidence or discovery", empty.claimed, None, 0.005),
    )
    for what, where, low, high in wanted:
        yield rate("empty", "500 to 1000 GeV", what, fraction_of(where), low, high)
