"""Fractions and pulls over many universes, each with its error; and what was wanted of them.

The wanted ranges are the acceptance of this project, set before the program was written. A number
of fewer than `ENOUGH` universes is told, not judged: its own error is as large as the range.

A verdict is *right* by the rule of the course's game (`analysis.game.scoring`): it claims an X that
is there, within three uncertainties of its mass; or it sets a limit, and there is no X or the limit
covers it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from analysis.game.scoring import MASS_ERRORS
from analysis.results.checks import Check
from analysis.results.closure import Fraction, MeanAndWidth
from analysis.statistics.background.entries import Flags
from analysis.statistics.spectra.bins import FloatArray
from analysis.validation.analyse import FIXED_GeV, Found
from analysis.validation.universe_campaign import Results

ENOUGH = 300
"""universes"""
SURE_Z = 6.0
"""expected local significance from which on X has to be found"""
CLAIMS = ("evidence", "discovery")
_TAILS = {2.0: 0.02275, 3.0: 0.00135}
"""of a normal distribution above a significance"""


def fraction_of(where: Flags) -> Fraction:
    """Return the fraction that is true.

    >>> fraction_of(np.array([True, False, False, False]))
    Fraction(value=0.25, error=0.2165, n=4)
    """
    n = len(where)
    if not n:
        return Fraction(value=np.nan, error=np.nan, n=0)
    value = float(np.mean(where))
    least = min(max(value, 1 / n), 1 - 1 / n) if n > 1 else 0.5
    error = float(np.sqrt(least * (1 - least) / n))
    return Fraction(value=rounded(value), error=rounded(error), n=n)


def moments_of(pulls: FloatArray) -> MeanAndWidth:
    """Return mean and standard deviation with their errors."""
    n = len(pulls)
    if n < 2:  # noqa: PLR2004 - one has no spread
        return MeanAndWidth(mean=np.nan, mean_error=np.nan, width=np.nan, width_error=np.nan, n=n)
    width = float(pulls.std(ddof=1))
    return MeanAndWidth(
        mean=rounded(float(pulls.mean())),
        mean_error=rounded(width / np.sqrt(n)),
        width=rounded(width),
        width_error=rounded(width / np.sqrt(2 * n)),
        n=n,
    )


def rounded(value: float) -> float:
    """Return four digits of a number."""
    return float(f"{value:.4g}")


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """Universes with what the analysis decided."""

    found: Found
    claimed: Flags
    global_p: FloatArray
    decisions: Sequence[str]

    @classmethod
    def of(cls, results: Results, *kinds: str, exists: bool) -> "Judged":
        """Return the universes of some kinds with, or without, an X."""
        parts, decisions, p = [], [], []
        for kind, found in results.found.items():
            if kind in kinds:
                there = np.flatnonzero((found.true_cross_section_pb > 0) == exists)
                own = results.decisions(kind)
                parts.append(found.some(there))
                decisions += [own[row] for row in there]
                p.append(results.global_p(kind)[there])
        claimed = np.array([decision in CLAIMS for decision in decisions], dtype=bool)
        return cls(Found.joined(parts), claimed, np.concatenate(p), decisions)

    def some(self, where: Flags) -> "Judged":
        """Return some of them."""
        chosen = [d for d, there in zip(self.decisions, where, strict=True) if there]
        return Judged(self.found.some(where), self.claimed[where], self.global_p[where], chosen)

    @property
    def sure(self) -> "Judged":
        """Those whose X has to be found."""
        return self.some(self.found.expected_z > SURE_Z)

    @property
    def measured(self) -> Flags:
        """Where there is an excess to be measured."""
        return np.isfinite(self.found.mass_pull)

    @property
    def right(self) -> Flags:
        """Whether the verdict is right."""
        found = self.found
        exists = found.true_cross_section_pb > 0
        near = np.nan_to_num(np.abs(found.mass_pull), nan=np.inf) <= MASS_ERRORS
        return np.asarray(np.where(self.claimed, exists & near, ~exists | self.covered))

    @property
    def covered(self) -> Flags:
        """Whether the limit at the true mass is above the true cross-section."""
        return np.asarray(self.found.cls >= LEVEL)

    def coverage(self, name: str) -> Fraction:
        """Return how often the 68 % interval of "mass" or "cross_section" holds the truth."""
        pulls = getattr(self.found, f"{name}_pull")
        return fraction_of(np.abs(pulls[np.isfinite(pulls)]) <= 1)

    def pull(self, name: str) -> MeanAndWidth:
        """Return the pulls of "mass" or "cross_section"."""
        pulls = getattr(self.found, f"{name}_pull")
        return moments_of(pulls[np.isfinite(pulls)])


LEVEL = 0.05
"""of CLs, below which a cross-section is excluded"""


def empty_universes(results: Results) -> Judged:
    """Return those without X: the empty ones, or else those that happen to be."""
    kind = "empty" if results.size.empty else "universes"
    return Judged.of(results, kind, exists=False)


def with_x(results: Results) -> Judged:
    """Return all universes with an X."""
    return Judged.of(results, "universes", "with_x", exists=True)


def bins_of(values: FloatArray, given: Sequence[float], edges: Sequence[float]) -> list[Flags]:
    """Return which universes are in each bin: each given value is one, else those of the edges."""
    if given:
        return [np.isclose(values, value) for value in given]
    return [
        (values >= low) & ((values < high) | (high == edges[-1])) for low, high in pairwise(edges)
    ]


def checks(results: Results, limit_bins: Sequence[tuple[str, Flags]]) -> Iterator[Check]:
    """Yield everything that was wanted of the results.

    Parameters
    ----------
    results : Results
    limit_bins : sequence of tuple
        Name of each bin of cross-section, and which of `with_x(results)` are in it.
    """
    yield from _of_empty(empty_universes(results))
    x = with_x(results)
    whole = Judged.of(results, "universes", exists=True)
    sure = f"X of expected local Z above {SURE_Z:g}"
    yield _part("x", sure, "verdict right", fraction_of(whole.sure.right), 0.99)
    for name in ("mass", "cross_section"):
        text = name.replace("_", "-")
        pull = x.sure.pull(name)
        yield _part("x", sure, f"68 % coverage, {text}", x.sure.coverage(name), 0.64, 0.72)
        yield _check("x", sure, f"mean pull, {text}", pull.mean, pull.mean_error, -0.2, 0.2, pull.n)
        yield _check("x", sure, f"width of pulls, {text}", pull.width, pull.width_error, None, None,
                     pull.n)  # fmt: skip
    yield _part("x", "all X", "fits converged", fraction_of(x.found.converged))
    for name, where in limit_bins:
        yield _part("limits", name, "limit covers", fraction_of(x.covered[where]), 0.94)


def _of_empty(empty: Judged) -> Iterator[Check]:
    ends: tuple[tuple[float, float | None, float], ...] = ((2.0, 0.010, 0.033), (3.0, None, 0.004))
    for index, mass in enumerate(FIXED_GeV):
        z = empty.found.fixed_z[:, index]
        for level, low, high in ends:
            what = f"P(local Z > {level:g}), nominal {_TAILS[level]:g}"
            yield _part("empty", f"{mass:g} GeV", what, fraction_of(z > level), low, high)
    wanted = (
        ("P(global p < 0.05)", empty.global_p < 0.05, 0.03, 0.07),  # noqa: PLR2004
        ("P(global p < 0.01)", empty.global_p < 0.01, None, None),  # noqa: PLR2004
        ("evidence or discovery", empty.claimed, None, 0.005),
    )
    for what, where, least, most in wanted:
        yield _part("empty", "500 to 1000 GeV", what, fraction_of(where), least, most)


def _part(
    section: str,
    setting: str,
    what: str,
    found: Fraction,
    low: float | None = None,
    high: float | None = None,
) -> Check:
    return _check(section, setting, what, found.value, found.error, low, high, found.n)


def _check(
    section: str,
    setting: str,
    what: str,
    value: float,
    error: float,
    low: float | None,
    high: float | None,
    n: int,
) -> Check:
    if n < ENOUGH:
        low = high = None
    return Check(section, setting, what, value, error, low, high, n)
