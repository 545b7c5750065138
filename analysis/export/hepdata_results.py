"""HEPData tables of results: scan, limits, cutflow, count, and what was found."""

import math
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from analysis.export.hepdata_about import CROSS_SECTION, MASS
from analysis.export.hepdata_format import (
    Entry,
    Errors,
    HepDataTable,
    Variable,
    bins,
    measured,
    points,
    words,
)
from analysis.report.folder_results import FolderResults
from analysis.results.codec import Numbers
from analysis.results.counting import Counting
from analysis.results.ledger import CutflowRow
from analysis.results.limits import MassLimits
from analysis.results.scan import Scan
from analysis.results.values import Estimate
from analysis.results.verdict import Verdict
from analysis.statistics.counting.garwood import poisson_errors

_BANDS = (("1", "1 sigma"), ("2", "2 sigma"))


def scan_table(scan: Scan) -> HepDataTable:
    """Return the scan over mass; while blind, what is expected of the benchmark signal."""
    rows = len(scan.mass_GeV)
    of = "" if scan.benchmark is None else f" ({scan.benchmark:g} pb)"
    return HepDataTable(
        name="Local significance",
        description=(
            "The significance of a resonance at each mass, before the look-elsewhere effect, with "
            "the fitted cross-section."
        ),
        rows=Variable(r"$m_X$", points(scan.mass_GeV), "GeV"),
        columns=(
            Variable("Local p-value", points(_rows(scan.local_p, rows))),
            Variable("Local significance", points(_rows(scan.local_z, rows))),
            Variable(
                f"Expected local significance of the benchmark signal{of}",
                points(_rows(scan.expected_local_z, rows)),
            ),
            Variable(
                CROSS_SECTION,
                _fitted(scan.cross_section_pb, scan.cross_section_error_pb, rows),
                "pb",
            ),
            Variable("Signal events", _fitted(scan.signal_events, scan.signal_error_events, rows)),
        ),
        observables=("P", "Z", "SIG"),
    )


def _fitted(values: Numbers | None, errors: Numbers | None, rows: int) -> tuple[Entry, ...]:
    distances = _rows(errors, rows)
    return measured(_rows(values, rows), Errors(distances, distances, "total"))


def _rows(values: Numbers | None, rows: int) -> Numbers:
    return np.full(rows, np.nan) if values is None else values


def limits_table(limits: MassLimits) -> HepDataTable:
    """Return the upper limits against mass."""
    rows, level = len(limits.mass_GeV), limits.confidence_level
    return HepDataTable(
        name="Limits",
        description=(
            f"Upper limits on {CROSS_SECTION} at {100 * level:g}% CL (CLs, {limits.method}). "
            "The errors of the expected limit are its bands of one and two standard deviations."
        ),
        rows=Variable(r"$m_X$", points(limits.mass_GeV), "GeV"),
        columns=(
            Variable("Observed limit", points(_rows(limits.observed, rows)), "pb"),
            Variable("Expected limit", _band(limits.expected), "pb"),
        ),
        observables=("CLS", "SIG"),
        qualifiers=({"name": "Confidence level", "value": level},),
    )


def _band(expected: Mapping[str, Numbers]) -> tuple[Entry, ...]:
    """Return the median expected limit with its bands as errors."""
    median = expected["0"]
    errors = [
        Errors(median - expected[f"-{n}"], expected[n] - median, label) for n, label in _BANDS
    ]
    return measured(median, *errors)


def cutflow_tables(results: FolderResults) -> Iterator[HepDataTable]:
    """Yield the cutflow: simulation as expected, data as counted (blind: of their sidebands)."""
    flows, data = results.cutflow, results.data
    simulated = [s.name for s in results.simulation if s.name in flows]
    columns = [_expected_flow(name, flows[name]) for name in simulated]
    if data is not None and data.name in flows:
        title = "Data (sidebands only)" if results.blind else "Data"
        columns.append(Variable(title, points(row.events for row in flows[data.name])))
    if not columns:
        return
    steps = [row.cut for row in next(iter(flows.values()))]
    yield HepDataTable(
        name="Cutflow",
        description=(
            "Events left after each step of the selection; of the simulation as expected for the "
            "luminosity, with the error of its statistics."
        ),
        rows=Variable("Cut", words(steps)),
        columns=tuple(columns),
        observables=("N",),
    )


def _expected_flow(name: str, flow: Sequence[CutflowRow]) -> Variable:
    errors = [math.sqrt(row.sumw2) for row in flow]
    values = [row.sumw for row in flow]
    return Variable(name, measured(values, Errors(errors, errors, "simulation statistics")))


def counting_table(counting: Counting) -> HepDataTable:
    """Return the count in the window."""
    limit, error = counting.limit, counting.predicted_error_events
    expected = {band: np.array([value], float) for band, value in limit.expected_pb.items()}
    return HepDataTable(
        name="Counting",
        description=(
            "Events in the signal window: predicted from the sidebands and observed, with the "
            f"upper limit on {CROSS_SECTION} for the efficiency of {limit.efficiency_of} at "
            f"{100 * limit.confidence_level:g}% CL."
        ),
        rows=Variable(MASS, bins(np.array(counting.window_GeV)), "GeV"),
        columns=(
            Variable(
                "Predicted background",
                measured([counting.predicted_events], Errors([error], [error], "total")),
            ),
            Variable("Data", _count(counting.observed_events)),
            Variable("Significance", points([counting.z])),
            Variable("Observed limit", points([limit.observed_pb]), "pb"),
            Variable("Expected limit", _band(expected), "pb"),
        ),
        observables=("N", "CLS"),
    )


def _count(events: float | None) -> tuple[Entry, ...]:
    """Return a count with its Poisson error."""
    if events is None:
        return points([None])
    down, up = poisson_errors(np.array([events]))
    return measured([events], Errors(down, up, "stat"))


def resonance_table(verdict: Verdict, energy_GeV: float) -> HepDataTable:
    """Return what was found: of the most significant mass."""
    return HepDataTable(
        name="Resonance",
        description=(
            "The most significant mass of the scan, with the significance there and over all "
            f"masses. Decision: {verdict.decision}."
        ),
        rows=Variable("SQRT(S)", points([energy_GeV]), "GeV"),
        columns=(
            Variable(r"$m_X$", _interval(verdict.mass_GeV), "GeV"),
            Variable(CROSS_SECTION, _interval(verdict.cross_section_pb), "pb"),
            Variable("Local significance", points([verdict.local_z])),
            Variable("Global significance", points([verdict.global_z])),
            Variable("Global p-value", points([verdict.global_p])),
        ),
        observables=("M", "SIG", "Z"),
    )


def _interval(found: Estimate | None) -> tuple[Entry, ...]:
    """Return a value with the ends of its interval as errors."""
    if found is None:
        return points([None])
    down, up = found.value - found.low, found.high - found.value
    return measured([found.value], Errors([down], [up], "total"))
