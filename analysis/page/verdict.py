"""What stands first on the page: the verdict, and the numbers that it rests on."""

from collections.abc import Mapping
from typing import Any

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
from analysis.results import Results

Document = Mapping[str, Any]
_FIGURES = {
    "discovery": "resonance_fit",
    "evidence": "resonance_fit",
    "limit": "cls_scan",
}
"""name of the figure that shows a decision; without one it is that of the sidebands"""


def verdict(results: Results) -> Verdict:
    """Tell the verdict and the numbers that it rests on."""
    document = results.verdict
    if document is None:
        return Verdict(
            "Not inferred yet",
            ("There are no results here; `xyy infer` makes them.",),
            Table((), ()),
        )
    sentences = [_because(document), *warnings(document)]
    return Verdict(
        _headline(document, results),
        tuple(text for text in sentences if text),
        _key_numbers(document),
        _FIGURES.get(document.get("decision") or "", "sideband_fit"),
    )


def _headline(document: Document, results: Results) -> str:
    decision, mass = document.get("decision"), interval(document.get("mass_GeV"), "GeV")
    if decision == "discovery":
        return f"Discovery: a resonance at {mass}"
    if decision == "evidence":
        return f"Evidence for a resonance at {mass}"
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


def _key_numbers(document: Document) -> Table:
    counting = document["counting"]
    limit = counting["limit"]
    predicted = with_error(counting["predicted_events"], counting["predicted_error_events"])
    rows = [
        ("Local significance", z_value(document.get("local_z"))),
        ("Global significance", z_value(document.get("global_z"))),
        ("Mass", interval(document.get("mass_GeV"), "GeV")),
        ("Cross-section", interval(document.get("cross_section_pb"), "pb")),
        ("Events observed in the window", count(counting["observed_events"])),
        ("Events predicted from the sidebands", predicted),
        ("Significance of the count", z_value(counting["z"])),
        ("Significance of the count, the course's Z", z_value(counting["z_course"])),
        (_limit_title(limit), cross_section(limit["observed_pb"])),
        ("Expected limit, with its 68 % range", _expected(limit["expected_pb"])),
    ]
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


def _limit_title(limit: Document) -> str:
    return f"Upper limit on the cross-section ({limit['confidence_level']:.0%} CL)"


def _expected(bands: Mapping[str, float | None]) -> str:
    middle, low, high = (bands[key] for key in ("0", "-1", "1"))
    return f"{cross_section(middle)} ({number(low, 3)} to {number(high, 3)})"
