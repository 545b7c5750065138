"""From what a campaign found to its result: fractions, pulls and histograms over many universes."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from itertools import pairwise
from typing import TypeVar

import numpy as np

from analysis.results.closure import (
    Biases,
    ClaimPower,
    Closure,
    ClosureHistograms,
    CountedAtMass,
    CountedUniverses,
    Coverages,
    EmptyAtMass,
    EventsComparison,
    FalsePositives,
    MeanDifference,
    PullMoments,
    SecondLooks,
    UniverseHistogram,
    UniversesInBin,
    UniversesOfMass,
    UniversesOfStrength,
    VerdictCounts,
    VerdictTable,
)
from analysis.statistics.background.entries import Flags
from analysis.statistics.spectra.bins import FloatArray
from analysis.validation.analyse import FIXED_GeV
from analysis.validation.universe_campaign import Results
from analysis.validation.universe_checks import (
    Judged,
    bins_of,
    checks,
    empty_universes,
    fraction_of,
    rounded,
    with_x,
)
from tools.universe import CROSS_SECTIONS_PB, MASSES_GeV

CROSS_SECTION_EDGES = (CROSS_SECTIONS_PB[0], 1.0, 1.5, 2.0, 3.0, 4.0, 5.0, CROSS_SECTIONS_PB[1])
MASS_EDGES = (MASSES_GeV[0], 600.0, 750.0, 900.0, MASSES_GeV[1])
EXPECTED_Z_EDGES = (0.0, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 12.0, 60.0)
_PULLS, _P, _Z = np.linspace(-4, 4, 33), np.linspace(0, 1, 21), np.linspace(0, 5, 26)
_SINGLE = 0.00135
"""of a normal distribution above three standard deviations"""


def result(results: Results, events: EventsComparison | None = None) -> Closure:
    """Return what a campaign showed.

    Parameters
    ----------
    results : Results
    events : EventsComparison, optional
        The verdicts of the whole chain, where the universes went through it.
    """
    x, empty, campaign = with_x(results), empty_universes(results), results.campaign
    strengths = _bins(x.found.true_cross_section_pb, campaign.cross_sections_pb,
                      CROSS_SECTION_EDGES)  # fmt: skip
    masses = _bins(x.found.true_mass_GeV, campaign.masses_GeV, MASS_EDGES)
    expected = _bins(x.found.expected_z, (), EXPECTED_Z_EDGES)
    limit_bins = [(_name(low, high), inside) for low, high, inside in strengths]
    return Closure(
        **asdict(results.size),
        seed=campaign.seed,
        channels=results.analysis.channel_names,
        masses_GeV=campaign.masses_GeV or None,
        cross_sections_pb=campaign.cross_sections_pb or None,
        false_positive=_false_positive(empty),
        coverage=Coverages(
            mass=x.sure.coverage("mass"),
            cross_section=x.sure.coverage("cross_section"),
            limit_95=fraction_of(x.covered),
        ),
        pull=PullMoments(mass=x.sure.pull("mass"), cross_section=x.sure.pull("cross_section")),
        bias=_bias(x.sure),
        verdicts=_verdicts(results),
        by_cross_section=tuple(_row(UniversesOfStrength, x, bin_) for bin_ in strengths),
        by_mass=tuple(_row(UniversesOfMass, x, bin_) for bin_ in masses),
        by_expected_z=tuple(_row(UniversesInBin, x, bin_) for bin_ in expected),
        power=_power(x, masses, strengths),
        histograms=_histograms(x, empty),
        functions=_functions(results),
        second_looks=_second_looks(results),
        checks=tuple(checks(results, limit_bins)),
        events=events,
    )


def _every(results: Results) -> Judged:
    """Return the universes that stand for the course."""
    parts = [Judged.of(results, "universes", exists=exists) for exists in (True, False)]
    found = type(parts[0].found).joined([part.found for part in parts])
    return Judged(
        found,
        np.concatenate([part.claimed for part in parts]),
        np.concatenate([part.global_p for part in parts]),
        [*parts[0].decisions, *parts[1].decisions],
    )


Bin = tuple[float, float, Flags]
"""both ends, and which universes are in it"""
Row = TypeVar("Row", bound=UniversesInBin)


def _bins(values: FloatArray, given: Sequence[float], edges: Sequence[float]) -> list[Bin]:
    given = sorted(set(given))
    ends = list(zip(given, given, strict=True)) or list(pairwise(edges))
    inside = bins_of(values, given, edges)
    return [(low, high, where) for (low, high), where in zip(ends, inside, strict=True)]


def _name(low_pb: float, high_pb: float) -> str:
    return f"{low_pb:g} pb" if low_pb == high_pb else f"{low_pb:g} to {high_pb:g} pb"


def _row(kind: type[Row], x: Judged, of: Bin) -> Row:
    """Return what is told of a bin of universes with X."""
    low, high, where = of
    inside = x.some(where)
    return kind(
        low=low,
        high=high,
        claimed=fraction_of(inside.claimed),
        right=fraction_of(inside.right),
        limit_95=fraction_of(inside.covered),
        mass=inside.sure.coverage("mass"),
        cross_section=inside.sure.coverage("cross_section"),
    )


def _power(x: Judged, masses: Sequence[Bin], strengths: Sequence[Bin]) -> tuple[ClaimPower, ...]:
    return tuple(
        ClaimPower(
            low_GeV=low_GeV,
            high_GeV=high_GeV,
            low_pb=low_pb,
            high_pb=high_pb,
            claimed=fraction_of(x.claimed[here & there]),
        )
        for low_GeV, high_GeV, here in masses
        for low_pb, high_pb, there in strengths
    )


def _false_positive(empty: Judged) -> FalsePositives:
    p, z = empty.global_p, empty.found.fixed_z.T
    at_masses = tuple(map(_at_mass, FIXED_GeV, z))
    middle = at_masses[len(FIXED_GeV) // 2]
    return FalsePositives(
        local_3sigma=CountedAtMass(**asdict(middle.local_3sigma), mass_GeV=middle.mass_GeV),
        global_p05=_counted(p < 0.05, 0.05),  # noqa: PLR2004
        global_p01=_counted(p < 0.01, 0.01),  # noqa: PLR2004
        fixed_masses=at_masses,
        claims=fraction_of(empty.claimed),
    )


def _at_mass(mass_GeV: float, z: FloatArray) -> EmptyAtMass:
    above_2 = fraction_of(z > 2)  # noqa: PLR2004
    above_3 = _counted(z > 3, _SINGLE)  # noqa: PLR2004
    return EmptyAtMass(mass_GeV=mass_GeV, above_2=above_2, local_3sigma=above_3)


def _counted(where: Flags, part: float) -> CountedUniverses:
    n = len(where)
    return CountedUniverses(observed=int(where.sum()), expected=rounded(part * n), n=n)


def _bias(sure: Judged) -> Biases:
    """Return mean differences of found and true, where X has to be found."""
    found, there = sure.found, sure.measured
    mass = found.mass_GeV[there] - found.true_mass_GeV[there]
    relative = found.cross_section_pb[there] / found.true_cross_section_pb[there] - 1
    return Biases(mass_GeV=_difference(mass), cross_section_relative=_difference(relative))


def _difference(values: FloatArray) -> MeanDifference:
    n = len(values)
    error = rounded(float(values.std(ddof=1) / np.sqrt(n))) if n > 1 else np.nan
    return MeanDifference(mean=_mean(values), error=error, n=n)


def _mean(values: FloatArray) -> float:
    return rounded(float(values.mean())) if len(values) else np.nan


def _verdicts(results: Results) -> VerdictTable:
    """Return how often each verdict was given, by what was true."""
    every = _every(results)
    x, none = (Judged.of(results, "universes", exists=exists) for exists in (True, False))
    z = x.found.expected_z
    table = (
        _verdict_counts("no X", none),
        _verdict_counts("X, expected local Z below 3", x.some(z < 3)),  # noqa: PLR2004
        _verdict_counts("X, 3 to 6", x.some((z >= 3) & (z <= 6))),  # noqa: PLR2004
        _verdict_counts("X, above 6", x.sure),
    )
    return VerdictTable(right=int(every.right.sum()), n=len(every.right), table=table)


def _verdict_counts(truth: str, some: Judged) -> VerdictCounts:
    given = Counter(some.decisions)
    return VerdictCounts(
        truth=truth,
        limit=given["limit"],
        evidence=given["evidence"],
        discovery=given["discovery"],
        right=int(some.right.sum()),
        n=len(some.decisions),
    )


def _histograms(x: Judged, empty: Judged) -> ClosureHistograms:
    """Return what the figures of distributions are drawn of."""
    sure, none = x.sure.found, empty.found
    return ClosureHistograms(
        mass_pull=_histogram(sure.mass_pull, _PULLS),
        cross_section_pull=_histogram(sure.cross_section_pull, _PULLS),
        fixed_z=_histogram(none.fixed_z.ravel(), _PULLS),
        global_p=_histogram(none.formula_p, _P),
        local_z=_histogram(none.local_z, _Z),
        upcrossings=_mean(none.upcrossings[np.isfinite(none.upcrossings)]),
    )


def _histogram(values: FloatArray, edges: FloatArray) -> UniverseHistogram:
    known = values[np.isfinite(values)]
    low, high = float(edges[0]), float(edges[-1])
    counts, _ = np.histogram(np.clip(known, low, high), edges)
    return UniverseHistogram(low=low, high=high, counts=tuple(counts.tolist()))


def _functions(results: Results) -> dict[str, float]:
    """Return the fractions of universes that chose each function, the most frequent first."""
    names = [str(n) for found in results.found.values() for n in found.function]
    return {n: rounded(k / len(names)) for n, k in Counter(names).most_common(12)}


def _second_looks(results: Results) -> SecondLooks:
    return SecondLooks(
        universes=len(results.counted),
        toys_each=results.analysis.search.peak.global_toys,
        with_some_exceeding=sum(c.exceeding > 0 for c in results.counted.values()),
    )
