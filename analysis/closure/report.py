"""``closure.json``: what a campaign showed, whole enough for every figure and the page.

It holds no universe by itself, only fractions, pulls and histograms over many, each with the number
of universes that it is of.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from itertools import pairwise
from typing import Any

import numpy as np

from analysis.calibration.checks import Check
from analysis.closure.analyse import FIXED_GeV
from analysis.closure.campaign import Results
from analysis.closure.checks import (
    Judged,
    Rate,
    bins_of,
    checks,
    empty_universes,
    rounded,
    with_x,
)
from analysis.statistics.entries import Flags
from analysis.statistics.spectra import FloatArray
from tools.universe import CROSS_SECTIONS_PB, MASSES_GeV

CROSS_SECTION_EDGES = (CROSS_SECTIONS_PB[0], 1.0, 1.5, 2.0, 3.0, 4.0, 5.0, CROSS_SECTIONS_PB[1])
MASS_EDGES = (MASSES_GeV[0], 600.0, 750.0, 900.0, MASSES_GeV[1])
EXPECTED_Z_EDGES = (0.0, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 12.0, 60.0)
_PULLS, _P, _Z = np.linspace(-4, 4, 33), np.linspace(0, 1, 21), np.linspace(0, 5, 26)
_SINGLE = 0.00135
"""of a normal distribution above three standard deviations"""


def document(results: Results) -> dict[str, Any]:
    """Return ``closure.json`` without its provenance."""
    x, empty, every = with_x(results), empty_universes(results), _every(results)
    strengths = _bins(x, "true_cross_section_pb", results.campaign.cross_sections_pb,
                      CROSS_SECTION_EDGES, "pb")  # fmt: skip
    masses = _bins(x, "true_mass_GeV", results.campaign.masses_GeV, MASS_EDGES, "GeV")
    expected = _bins(x, "expected_z", (), EXPECTED_Z_EDGES, "sigma")
    limit_bins = [(name, where) for name, where, _ in strengths]
    return {
        **asdict(results.size),
        "seed": results.campaign.seed,
        "channels": list(results.analysis.channel_names),
        "masses_GeV": list(results.campaign.masses_GeV) or None,
        "cross_sections_pb": list(results.campaign.cross_sections_pb) or None,
        "false_positive": _false_positive(empty),
        "coverage": {
            "mass": x.sure.coverage("mass").document(),
            "cross_section": x.sure.coverage("cross_section").document(),
            "limit_95": Rate.of(x.covered).document(),
        },
        "pull": {name: asdict(x.sure.pull(name)) for name in ("mass", "cross_section")},
        "bias": _bias(x.sure),
        "verdicts": {"right": int(every.right.sum()), "n": len(every.right), **_verdicts(results)},
        "by_cross_section": [_row(x.some(where), place) for _, where, place in strengths],
        "by_mass": [_row(x.some(where), place) for _, where, place in masses],
        "by_expected_z": [_row(x.some(where), place) for _, where, place in expected],
        "power": _power(x, masses, strengths),
        "histograms": _histograms(x, empty),
        "functions": _functions(results),
        "second_looks": _second_looks(results),
        "checks": [told(check) for check in checks(results, limit_bins)],
    }


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


Bin = tuple[str, Flags, dict[str, float]]
"""name, which universes are in it, and its ends"""


def _bins(
    x: Judged, name: str, given: Sequence[float], edges: Sequence[float], unit: str
) -> list[Bin]:
    values = getattr(x.found, name)
    given = sorted(set(given))
    where = bins_of(values, given, edges)
    ends = list(zip(given, given, strict=True)) or list(pairwise(edges))
    suffix = "" if unit == "sigma" else f"_{unit}"
    return [
        (
            f"{low:g} {unit}" if low == high else f"{low:g} to {high:g} {unit}",
            inside,
            {f"low{suffix}": low, f"high{suffix}": high},
        )
        for (low, high), inside in zip(ends, where, strict=True)
    ]


def _row(x: Judged, place: Mapping[str, float]) -> dict[str, Any]:
    """Return what is told of a bin of universes with X."""
    return {
        **place,
        "claimed": Rate.of(x.claimed).document(),
        "right": Rate.of(x.right).document(),
        "limit_95": Rate.of(x.covered).document(),
        "mass": x.sure.coverage("mass").document(),
        "cross_section": x.sure.coverage("cross_section").document(),
    }


def _power(x: Judged, masses: Sequence[Bin], strengths: Sequence[Bin]) -> list[dict[str, Any]]:
    return [
        {**mass, **strength, "claimed": Rate.of(x.claimed[here & there]).document()}
        for _, here, mass in masses
        for _, there, strength in strengths
    ]


def _false_positive(empty: Judged) -> dict[str, Any]:
    def counted(where: Flags, part: float) -> dict[str, Any]:
        expected = rounded(part * len(where))
        return {"observed": int(where.sum()), "expected": expected, "n": len(where)}

    z, middle = empty.found.fixed_z, len(FIXED_GeV) // 2
    return {
        "local_3sigma": {**counted(z[:, middle] > 3, _SINGLE), "mass_GeV": FIXED_GeV[middle]},  # noqa: PLR2004
        "global_p05": counted(empty.global_p < 0.05, 0.05),  # noqa: PLR2004
        "global_p01": counted(empty.global_p < 0.01, 0.01),  # noqa: PLR2004
        "fixed_masses": [
            {
                "mass_GeV": mass,
                "above_2": Rate.of(z[:, index] > 2).document(),  # noqa: PLR2004
                "local_3sigma": counted(z[:, index] > 3, _SINGLE),  # noqa: PLR2004
            }
            for index, mass in enumerate(FIXED_GeV)
        ],
        "claims": Rate.of(empty.claimed).document(),
    }


def _bias(sure: Judged) -> dict[str, Any]:
    """Return mean differences of found and true, where X has to be found."""
    found = sure.found
    there = sure.measured
    mass = found.mass_GeV[there] - found.true_mass_GeV[there]
    relative = found.cross_section_pb[there] / found.true_cross_section_pb[there] - 1
    return {
        name: {"mean": _mean(values), "error": _error(values), "n": len(values)}
        for name, values in (("mass_GeV", mass), ("cross_section_relative", relative))
    }


def _mean(values: FloatArray) -> float | None:
    return rounded(float(values.mean())) if len(values) else None


def _error(values: FloatArray) -> float | None:
    return rounded(float(values.std(ddof=1) / np.sqrt(len(values)))) if len(values) > 1 else None


def _verdicts(results: Results) -> dict[str, Any]:
    """Return how often each verdict was given, by what was true."""
    x, none = (Judged.of(results, "universes", exists=exists) for exists in (True, False))
    z = x.found.expected_z
    rows = (
        ("no X", none), ("X, expected local Z below 3", x.some(z < 3)),  # noqa: PLR2004
        ("X, 3 to 6", x.some((z >= 3) & (z <= 6))), ("X, above 6", x.sure),  # noqa: PLR2004
    )  # fmt: skip
    names = ("limit", "evidence", "discovery")
    return {
        "table": [
            {
                "truth": truth,
                **{name: list(some.decisions).count(name) for name in names},
                "right": int(some.right.sum()),
                "n": len(some.decisions),
            }
            for truth, some in rows
        ]
    }


def _histograms(x: Judged, empty: Judged) -> dict[str, Any]:
    """Return what the figures of distributions are drawn of."""
    sure, z = x.sure.found, empty.found.fixed_z.ravel()
    crossings = empty.found.upcrossings
    drawn = {
        "mass_pull": (sure.mass_pull, _PULLS),
        "cross_section_pull": (sure.cross_section_pull, _PULLS),
        "fixed_z": (z, _PULLS),
        "global_p": (empty.found.formula_p, _P),
        "local_z": (empty.found.local_z, _Z),
    }
    return {
        **{name: _histogram(values, edges) for name, (values, edges) in drawn.items()},
        "upcrossings": _mean(crossings[np.isfinite(crossings)]),
    }


def _histogram(values: FloatArray, edges: FloatArray) -> dict[str, Any]:
    known = values[np.isfinite(values)]
    inside = np.clip(known, edges[0], edges[-1])  # the first and the last bin hold what is beyond
    counts, _ = np.histogram(inside, edges)
    return {"low": float(edges[0]), "high": float(edges[-1]), "counts": counts.tolist()}


def _functions(results: Results) -> dict[str, float]:
    """Return the fractions of universes that chose each function, the most frequent first."""
    names = [str(n) for found in results.found.values() for n in found.function]
    return {n: rounded(k / len(names)) for n, k in Counter(names).most_common(12)}


def _second_looks(results: Results) -> dict[str, Any]:
    toys = results.analysis.search.peak.global_toys
    return {
        "universes": len(results.counted),
        "toys_each": toys,
        "with_some_exceeding": sum(c.exceeding > 0 for c in results.counted.values()),
    }


def told(check: Check) -> dict[str, Any]:
    """Return a check for JSON: null for what is not known."""
    found = {**asdict(check), "meets": check.meets}
    if not np.isfinite(check.observed):
        found["observed"] = found["meets"] = None
    return found


def summary(document: Mapping[str, Any]) -> tuple[int, int]:
    """Return how many numbers were judged, and how many of them miss what was wanted."""
    judged = [check["meets"] for check in document["checks"] if check["meets"] is not None]
    return len(judged), judged.count(False)
