"""From what a campaign found to its result: fractions, pulls and histograms over many universes.

What was wanted of them is the acceptance of this project, set before the program was written. A
number of fewer than `ENOUGH` universes is shown, not judged: its own uncertainty is as large as the
range.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from itertools import pairwise
from typing import TypeVar

import numpy as np

from analysis.results import closure as written
from analysis.results.checks import Check
from analysis.statistics.background.entries import Flags
from analysis.validation.analyse import UniverseResults
from analysis.validation.found import CLAIMS, SURE_LOCAL_Z, Found
from analysis.validation.rates import (
    LEVEL,
    FIXED_GeV,
    Place,
    fraction_of,
    moments_of,
    rounded,
    unjudged,
)
from tools.arrays import FloatArray
from tools.universe import CROSS_SECTIONS_PB, MASSES_GeV

CROSS_SECTION_EDGES = (CROSS_SECTIONS_PB[0], 1.0, 1.5, 2.0, 3.0, 4.0, 5.0, CROSS_SECTIONS_PB[1])
MASS_EDGES = (MASSES_GeV[0], 600.0, 750.0, 900.0, MASSES_GeV[1])
EXPECTED_Z_EDGES = (0.0, 2.0, 3.0, 4.0, 5.0, SURE_LOCAL_Z, 8.0, 12.0, 60.0)
_PULLS, _P, _Z = np.linspace(-4, 4, 33), np.linspace(0, 1, 21), np.linspace(0, 5, 26)
STRONG_PB = 4.0
"""from which on the count's limit has no reserve: CLs is as strict as the p-value"""
ENOUGH = 300
"""universes"""
_TAILS = {2.0: 0.02275, 3.0: 0.00135}
"""of a normal distribution above a significance"""

Bin = tuple[tuple[float, float], Flags]
"""both ends, and which universes are in it"""
Row = TypeVar("Row", bound=written.UniversesInBin)


def result(
    results: UniverseResults, events: written.EventsComparison | None = None
) -> written.Closure:
    """Return what a campaign showed.

    Parameters
    ----------
    results : UniverseResults
    events : EventsComparison, optional
        The verdicts of the whole chain, where the universes went through it.
    """
    x, empty, campaign = results.with_x, results.without_x, results.work.campaign
    strengths = bins_of(x.true_cross_section_pb, campaign.cross_sections_pb, CROSS_SECTION_EDGES)
    masses = bins_of(x.true_mass_GeV, campaign.masses_GeV, MASS_EDGES)
    expected = bins_of(x.expected_z, (), EXPECTED_Z_EDGES)
    return written.Closure(
        **asdict(results.size),
        seed=campaign.seed,
        channels=results.work.analysis.channel_names,
        masses_GeV=campaign.masses_GeV or None,
        cross_sections_pb=campaign.cross_sections_pb or None,
        false_positive=_false_positive(empty),
        coverage=written.Coverages(*_intervals(x.sure), fraction_of(x.covered)),
        pull=written.PullMoments(*map(moments_of, x.sure.pulls().values())),
        bias=_bias(x.sure),
        verdicts=_verdicts(results),
        by_cross_section=tuple(_row(written.UniversesOfStrength, x, bin_) for bin_ in strengths),
        by_mass=tuple(_row(written.UniversesOfMass, x, bin_) for bin_ in masses),
        by_expected_z=tuple(_row(written.UniversesInBin, x, bin_) for bin_ in expected),
        power=tuple(
            written.ClaimPower(*mass, *strength, fraction_of(x.claimed[here & there]))
            for mass, here in masses
            for strength, there in strengths
        ),
        histograms=_histograms(x.sure, empty),
        functions=_functions(results),
        second_looks=written.BorderlineCases(
            universes=int(np.isfinite(results.found.exceeding).sum()),
            toys_each=results.work.analysis.search.peak.global_toys,
            with_some_exceeding=int((results.found.exceeding > 0).sum()),
        ),
        envelope=_envelope(results.found),
        checks=tuple(checks(results, strengths)),
        counting=_counting(x, empty),
        events=events,
    )


def _envelope(found: Found) -> written.EnvelopePrice:
    claimed = found.some(np.isin(found.alone, CLAIMS))
    refused = claimed.some(~claimed.claimed)
    return written.EnvelopePrice(
        claimed_by_function=len(claimed.alone),
        refused=len(refused.alone),
        refused_with_x=int(refused.exists.sum()),
        mean_lower_z=_mean(claimed.local_z - claimed.envelope_z),
    )


def bins_of(values: FloatArray, given: Sequence[float], edges: Sequence[float]) -> list[Bin]:
    """Return which universes are in each bin: each given value is one, else those of the edges."""
    if given:
        return [((value, value), np.isclose(values, value)) for value in sorted(set(given))]
    return [
        ((low, high), (values >= low) & ((values < high) | (high == edges[-1])))
        for low, high in pairwise(edges)
    ]


def _row(kind: type[Row], x: Found, of: Bin) -> Row:
    """Return what a bin of universes with X shows."""
    ends, where = of
    inside = x.some(where)
    verdicts = fraction_of(inside.claimed), fraction_of(inside.right), fraction_of(inside.covered)
    return kind(*ends, *verdicts, *_intervals(inside.sure))


def _intervals(sure: Found) -> tuple[written.Fraction, written.Fraction]:
    """Return how often the 68 % intervals of mass and cross-section hold the truth."""
    mass, cross_section = (fraction_of(np.abs(pulls) <= 1) for pulls in sure.pulls().values())
    return mass, cross_section


def _false_positive(empty: Found) -> written.FalsePositives:
    at_masses = tuple(
        written.EmptyAtMass(mass, fraction_of(z > 2), _counted(z > 3, _TAILS[3.0]))  # noqa: PLR2004
        for mass, z in zip(FIXED_GeV, empty.fixed_z.T, strict=True)
    )
    middle = at_masses[len(FIXED_GeV) // 2]
    return written.FalsePositives(
        local_3sigma=written.CountedAtMass(**asdict(middle.local_3sigma), mass_GeV=middle.mass_GeV),
        global_p05=_counted(empty.global_p < 0.05, 0.05),  # noqa: PLR2004
        global_p01=_counted(empty.global_p < 0.01, 0.01),  # noqa: PLR2004
        fixed_masses=at_masses,
        claims=fraction_of(empty.claimed),
    )


def _counted(where: Flags, probability: float) -> written.CountedUniverses:
    n = len(where)
    return written.CountedUniverses(int(where.sum()), rounded(probability * n), n)


def _bias(sure: Found) -> written.Biases:
    """Return mean differences of found and true, where X has to be found."""
    found = sure.some(np.isfinite(sure.mass_pull))
    relative = found.cross_section_pb / found.true_cross_section_pb - 1
    return written.Biases(_difference(found.mass_GeV - found.true_mass_GeV), _difference(relative))


def _difference(values: FloatArray) -> written.MeanDifference:
    return written.MeanDifference(_mean(values), moments_of(values).mean_error, len(values))


def _mean(values: FloatArray) -> float:
    return rounded(float(values.mean())) if len(values) else np.nan


def _counting(x: Found, empty: Found) -> written.CountCoverage:
    """Return what the count in the window shows."""
    missed = x.count_cls < LEVEL
    return written.CountCoverage(
        z=moments_of(empty.count_z),
        misses=fraction_of(missed),
        misses_of_strong=fraction_of(missed[x.true_cross_section_pb >= STRONG_PB]),
        strong_pb=STRONG_PB,
    )


def _verdicts(results: UniverseResults) -> written.VerdictTable:
    """Return how often each verdict was given in the universes of the course, by what was true."""
    every = results.of("universes")
    # Without X there is no expected significance: below all bins of those with one.
    z = np.where(every.exists, every.expected_z, -1.0)
    rows = {
        "no X": ~every.exists,
        "X, expected local Z below 3": every.exists & (z < 3),  # noqa: PLR2004
        "X, 3 to 6": (z >= 3) & (z <= SURE_LOCAL_Z),  # noqa: PLR2004
        "X, above 6": z > SURE_LOCAL_Z,
    }
    table = []
    for truth, where in rows.items():
        some = every.some(where)
        given = Counter(some.decision.tolist())
        decided = given["limit"], given["evidence"], given["discovery"]
        right, n = int(some.right.sum()), len(some.decision)
        table.append(written.VerdictCounts(truth, *decided, right, n))
    return written.VerdictTable(int(every.right.sum()), len(every.right), tuple(table))


def _histograms(sure: Found, empty: Found) -> written.ClosureHistograms:
    """Return what the figures of distributions are drawn of."""
    return written.ClosureHistograms(
        mass_pull=_histogram(sure.mass_pull, _PULLS),
        cross_section_pull=_histogram(sure.cross_section_pull, _PULLS),
        fixed_z=_histogram(empty.fixed_z.ravel(), _PULLS),
        global_p=_histogram(empty.formula_p, _P),
        local_z=_histogram(empty.local_z, _Z),
        upcrossings=_mean(empty.upcrossings[np.isfinite(empty.upcrossings)]),
    )


def _histogram(values: FloatArray, edges: FloatArray) -> written.UniverseHistogram:
    # What is beyond the ends stands in the outer bins, so that no universe is lost from view.
    known = values[np.isfinite(values)]
    low, high = float(edges[0]), float(edges[-1])
    counts, _ = np.histogram(np.clip(known, low, high), edges)
    return written.UniverseHistogram(low, high, tuple(counts.tolist()))


def _functions(results: UniverseResults) -> dict[str, float]:
    """Return the fractions of universes that chose each function, the most frequent first."""
    names = results.found.function.tolist()
    return {n: rounded(k / len(names)) for n, k in Counter(names).most_common(12)}


def checks(results: UniverseResults, strengths: Sequence[Bin]) -> Iterator[Check]:
    """Yield everything that was wanted of the results.

    Parameters
    ----------
    results : UniverseResults
    strengths : sequence of tuple
        Bins of the cross-section, of `results.with_x`.
    """
    x, empty = results.with_x, results.without_x
    for check in (*_without_x(empty), *_with_x(results, strengths), *_of_count(x, empty)):
        yield check if check.toys is not None and check.toys >= ENOUGH else unjudged(check)


def _of_count(x: Found, empty: Found) -> Iterator[Check]:
    z, here = moments_of(empty.count_z), Place("count", "without X")
    yield here.number("mean z", z.mean, z.mean_error, -0.08, 0.08, n=z.n)
    yield here.number("width of z", z.width, z.width_error, None, 1.05, n=z.n)
    missed, strong = x.count_cls < LEVEL, x.true_cross_section_pb >= STRONG_PB
    for setting, where in (("all X", missed), (f"X from {STRONG_PB:g} pb on", missed[strong])):
        yield Place("count", setting).rate("limit misses", where, None, 0.059)


def _with_x(results: UniverseResults, strengths: Sequence[Bin]) -> Iterator[Check]:
    x, here = results.with_x, Place("x", f"X of expected local Z above {SURE_LOCAL_Z:g}")
    yield here.rate("verdict right", results.of("universes").sure.right, 0.99)
    for name, pulls in x.sure.pulls().items():
        pull = moments_of(pulls)
        yield here.rate(f"68 % coverage, {name}", np.abs(pulls) <= 1, 0.64, 0.72)
        yield here.number(f"mean pull, {name}", pull.mean, pull.mean_error, -0.2, 0.2, n=pull.n)
        yield here.number(f"width of pulls, {name}", pull.width, pull.width_error, n=pull.n)
    yield Place("x", "all X").rate("fits converged", x.converged)
    for (low, high), where in strengths:
        name = f"{low:g} pb" if low == high else f"{low:g} to {high:g} pb"
        yield Place("limits", name).rate("limit covers", x.covered[where], 0.94)


def _without_x(empty: Found) -> Iterator[Check]:
    for mass, z in zip(FIXED_GeV, empty.fixed_z.T, strict=True):
        here = Place("empty", f"{mass:g} GeV")
        for level, low, high in ((2.0, 0.010, 0.033), (3.0, None, 0.004)):
            what = f"P(local Z > {level:g}), nominal {_TAILS[level]:g}"
            yield here.rate(what, z > level, low, high)
    here = Place("empty", "500 to 1000 GeV")
    for p, ends in ((0.05, (0.03, 0.07)), (0.01, (None, None))):
        yield here.rate(f"P(global p < {p:g})", empty.global_p < p, *ends)
    yield here.rate("evidence or discovery", empty.claimed, None, 0.005)
