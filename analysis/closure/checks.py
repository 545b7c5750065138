"""Fractions and pulls over many universes, each with its error; and what was wanted of them.

The wanted ranges are the acceptance of this project, set before the program was written. A number
of fewer than `ENOUGH` universes is told, not judged: its own error is as large as the range.

A verdict is *right* by the rule of the course's game (`analysis.game.scoring`): it claims an X that
is there, within three uncertainties of its mass; or it sets a limit, and there is no X or the limit
covers it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from analysis.calibration.checks import Check
from analysis.closure.analyse import FIXED_GeV, Found
from analysis.closure.campaign import Results
from analysis.game.scoring import MASS_ERRORS
from analysis.statistics.entries import Flags
from analysis.statistics.spectra import FloatArray

ENOUGH = 300
"""universes"""
SURE_Z = 6.0
"""expected local significance from which on X has to be found"""
CLAIMS = ("evidence", "discovery")
_TAILS = {2.0: 0.02275, 3.0: 0.00135}
"""of a normal distribution above a significance"""


@dataclass(frozen=True, slots=True)
class Rate:
    """A fraction of universes."""

    value: float | None
    """None of no universe"""
    error: float | None
    """binomial; of one universe if there is none, or if they are all"""
    n: int

    @classmethod
    def of(cls, where: Flags) -> "Rate":
        """Return the fraction that is true.

        >>> Rate.of(np.array([True, False, False, False]))
        Rate(value=0.25, error=0.2165, n=4)
        """
        n = len(where)
        if not n:
            return cls(None, None, 0)
        value = float(np.mean(where))
        least = min(max(value, 1 / n), 1 - 1 / n) if n > 1 else 0.5
        return cls(rounded(value), rounded(float(np.sqrt(least * (1 - least) / n))), n)

    def document(self) -> dict[str, Any]:
        """Return the JSON of it."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Pull:
    """Mean and width of pulls."""

    mean: float | None
    mean_error: float | None
    width: float | None
    width_error: float | None
    n: int

    @classmethod
    def of(cls, pulls: FloatArray) -> "Pull":
        """Return mean and standard deviation with their errors."""
        n = len(pulls)
        if n < 2:  # noqa: PLR2004 - one has no spread
            return cls(None, None, None, None, n)
        mean, width = float(pulls.mean()), float(pulls.std(ddof=1))
        errors = width / np.sqrt(n), width / np.sqrt(2 * n)
        return cls(rounded(mean), rounded(errors[0]), rounded(width), rounded(errors[1]), n)


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

    def coverage(self, name: str) -> Rate:
        """Return how often the 68 % interval of "mass" or "cross_section" holds the truth."""
        pulls = getattr(self.found, f"{name}_pull")
        return Rate.of(np.abs(pulls[np.isfinite(pulls)]) <= 1)

    def pull(self, name: str) -> Pull:
        """Return the pulls of "mass" or "cross_section"."""
        pulls = getattr(self.found, f"{name}_pull")
        return Pull.of(pulls[np.isfinite(pulls)])


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
    right = Rate.of(whole.sure.right)
    yield _check("x", sure, "verdict right", right.value, right.error, 0.99, None, right.n)
    for name in ("mass", "cross_section"):
        text = name.replace("_", "-")
        rate, pull = x.sure.coverage(name), x.sure.pull(name)
        yield _check(
            "x", sure, f"68 % coverage, {text}", rate.value, rate.error, 0.64, 0.72, rate.n
        )
        yield _check("x", sure, f"mean pull, {text}", pull.mean, pull.mean_error, -0.2, 0.2, pull.n)
        yield _check("x", sure, f"width of pulls, {text}", pull.width, pull.width_error, None, None,
                     pull.n)  # fmt: skip
    fits = Rate.of(x.found.converged)
    yield _check("x", "all X", "fits converged", fits.value, fits.error, None, None, fits.n)
    for name, where in limit_bins:
        rate = Rate.of(x.covered[where])
        yield _check("limits", name, "limit covers", rate.value, rate.error, 0.94, None, rate.n)


def _of_empty(empty: Judged) -> Iterator[Check]:
    ends: tuple[tuple[float, float | None, float], ...] = ((2.0, 0.010, 0.033), (3.0, None, 0.004))
    for index, mass in enumerate(FIXED_GeV):
        z = empty.found.fixed_z[:, index]
        for level, low, high in ends:
            rate = Rate.of(z > level)
            what = f"P(local Z > {level:g}), nominal {_TAILS[level]:g}"
            yield _check("empty", f"{mass:g} GeV", what, rate.value, rate.error, low, high, rate.n)
    wanted = (
        ("P(global p < 0.05)", empty.global_p < 0.05, 0.03, 0.07),  # noqa: PLR2004
        ("P(global p < 0.01)", empty.global_p < 0.01, None, None),  # noqa: PLR2004
        ("evidence or discovery", empty.claimed, None, 0.005),
    )
    for what, where, least, most in wanted:
        rate = Rate.of(where)
        yield _check("empty", "500 to 1000 GeV", what, rate.value, rate.error, least, most, rate.n)


def _check(
    section: str,
    setting: str,
    what: str,
    value: float | None,
    error: float | None,
    low: float | None,
    high: float | None,
    n: int,
) -> Check:
    ends = (low, high) if n >= ENOUGH else (None, None)
    observed = float("nan") if value is None else value
    return Check(section, setting, what, observed, error, *ends, n)
