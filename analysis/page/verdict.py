"""What stands first on the page: the verdict, and the numbers that it rests on."""

from collections.abc import Mapping
from typing import Any

from analysis.folder_results import FolderResults
from analysis.page import search
from analysis.page.layout import Table, Verdict
from analysis.page.wording import (
    NOTHING,
    count,
    cross_section,
    interval,
    number,
    sentence,
    warnings,
    with_error,
    z_value,
)
from analysis.summary import counted_of

Document = Mapping[str, Any]
_FIGURES = {
    "discovery": "resonance_fit",
    "evidence": "resonance_fit",
    "limit": "cls_scan",
}
"""name of the figure that shows a decision; without one it is that of the sidebands"""
_LIMITS_FIGURE = "mass_limits"


def verdict(results: FolderResults) -> Verdict:
    """Tell the verdict and the numbers that it rests on."""
    document = results.verdict
    if document is None:
        return Verdict(
            "Not inferred yet",
            ("There are no results here; `xyy infer` makes them.",),
            Table((), ()),
        )
    excluded = search.exclusions(results.limits or {})
    sentences = [_because(document), *excluded, *warnings(document)]
    return Verdict(
        _headline(document, results),
        tuple(text for text in sentences if text),
        _key_numbers(document, results),
        _figure(document, results),
    )


def _figure(document: Document, results: FolderResults) -> str:
    """Return the figure that shows the decision: of the shape's limits where there are some."""
    decision = document.get("decision") or ""
    if decision == "limit" and _shape_limits(results):
        return _LIMITS_FIGURE
    return _FIGURES.get(decision, "sideband_fit")


def _shape_limits(results: FolderResults) -> list[float]:
    """Return the observed limits on the cross-section over all masses."""
    observed = (results.limits or {}).get("observed_pb") or ()
    return [value for value in observed if value is not None]


def _headline(document: Document, results: FolderResults) -> str:
    decision, mass = document.get("decision"), interval(document.get("mass_GeV"), "GeV")
    if decision == "discovery":
        return f"Discovery: a resonance at {mass}"
    if decision == "evidence":
        return f"Evidence for a resonance at {mass}"
    if decision == "limit" and (found := _shape_limits(results)):
        low, high = number(min(found), 2), number(max(found), 2)
        level = (results.limits or {}).get("confidence_level", 0.95)
        above = f"{low} to {high}" if low != high else low
        return f"No discovery: cross-sections above {above} pb are excluded ({level:.0%} CL)"
    if decision == "limit":
        limit = document["counting"]["limit"]
        level, observed = limit["confidence_level"], number(limit["observed_pb"], 3)
        return f"No discovery: cross-sections above {observed} pb are excluded ({level:.0%} CL)"
    return "No data: expected results" if results.data is None else "Blind: expected results"


def _because(document: Document) -> str:
    reason, z = document.get("reason"), document.get("local_z")
    if document.get("decision") is None or z is None:
        return sentence(reason)
    sigma = document.get("cross_section_pb")
    parts = [f"The best-fitting resonance has a local significance of {z_value(z)}"]
    if sigma is not None:
        parts.append(f"and a cross-section of {interval(sigma, 'pb')}")
    return " ".join(parts) + "." + (f" {sentence(reason)}" if reason else "")


def _key_numbers(document: Document, results: FolderResults) -> Table:
    counting = document["counting"]
    limit = counting["limit"]
    predicted = with_error(counting["predicted_events"], counting["predicted_error_events"])
    of = counted_of(results.counting or {})
    rows = [
        ("Local significance", z_value(document.get("local_z"))),
        ("Global significance", z_value(document.get("global_z"))),
        ("Mass", interval(document.get("mass_GeV"), "GeV")),
        ("Cross-section", interval(document.get("cross_section_pb"), "pb")),
        (f"Events observed in the window{of}", count(counting["observed_events"])),
        (f"Events predicted from the sidebands{of}", predicted),
        ("Significance of the count", z_value(counting["z"])),
        ("Significance of the count, the course's Z", z_value(counting["z_course"])),
        (_limit_title(limit), cross_section(limit["observed_pb"])),
        ("Expected limit, with its 68 % range", _expected(limit["expected_pb"])),
    ]
    if _shape_limits(results):
        rows.append(("Upper limits from the shape, over all masses", _over(results)))
    if document.get("decision") is None:
        rows = [row for row in rows if row[1] != NOTHING] + _expected_significances(document)
    why = document.get("global_z_reason")
    notes = (f"Global significance: {why}.",) if why and why != document.get("reason") else ()
    return Table((), tuple(rows), notes=notes)


def _expected_significances(document: Document) -> list[tuple[str, str]]:
    signals = (document.get("expected") or {}).get("signals") or {}
    return [
        (
            f"Expected local significance, {s['mass_GeV']:g} GeV with {s['cross_section_pb']:g} pb",
            z_value(s["fit_local_z"]),
        )
        for s in signals.values()
    ]


def _over(results: FolderResults) -> str:
    found = _shape_limits(results)
    return f"{number(min(found), 2)} to {number(max(found), 2)} pb"


def _limit_title(limit: Document) -> str:
    return f"Upper limit on the cross-section (count, {limit['confidence_level']:.0%} CL)"


def _expected(bands: Mapping[str, float | None]) -> str:
    middle, low, high = (bands[key] for key in ("0", "-1", "1"))
    return f"{cross_section(middle)} ({number(low, 3)} to {number(high, 3)})"
