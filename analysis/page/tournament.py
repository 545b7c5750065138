"""The section on the tournament: which function stands under a peak, in each category, and why."""

# ruff: noqa: RUF001 - Greek is meant

from collections.abc import Mapping, Sequence
from typing import Any

from analysis.folder_results import FolderResults
from analysis.page.layout import Section, Table
from analysis.page.wording import NOTHING, number
from analysis.plots.fit_inputs import function_name, peaks
from analysis.plots.names import category_title

Document = Mapping[str, Any]
_SIMPLEST = 5
"""candidates of a category that the page lists"""


def tournament(results: FolderResults) -> tuple[Section, ...]:
    """Tell how the functions under a peak were decided on."""
    found = peaks(results.background)
    if not found:
        return ()
    most, several = results.search.peak.spurious_signal, len(found) > 1
    decided = "; ".join(
        (f"{category_title(name)}: " if several else "") + _decided(peak)
        for name, peak in found.items()
    )
    what = (
        "Decided before the data were opened, from the sidebands and from smooth spectra that are "
        f"compatible with them: {decided}. "
        + ("Each is" if several else "It is")
        + f" the simplest of its range that takes at most {number(most)} errors of the signal for "
        "a resonance where there is none; of the full range and the window alone, the one with the "
        "smaller expected errors is used. What a function does take for a resonance is a nuisance "
        "parameter of the fit."
    )
    tables = (
        (_winners(found), _runners_up(found))
        if several
        else tuple(_entrants(peak.get("candidates") or ()) for peak in found.values())
    )
    title = "Background under a peak: the tournament"
    return (Section("tournament", title, sentences=(what,), tables=tables),)


def _decided(peak: Document) -> str:
    low, high = peak.get("fit_range_GeV") or (None, None)
    return (
        f"{function_name(peak)}, fitted from {number(low)} to {number(high)} GeV "
        f"({_range(peak.get('range'))})"
    )


def _range(name: str | None) -> str:
    return {"window": "the window only", "full": "the full range"}.get(name or "", name or NOTHING)


def _entrants(candidates: Sequence[Document]) -> Table:
    rows = tuple(
        (
            function_name(c),
            str(c.get("range", "")),
            number(c.get("parameters")),
            number(c.get("gof_pvalue"), 2),
            number(c.get("worst_errors"), 2),
            str(c.get("worst_truth") or NOTHING),
            f"{number(c.get('worst_mass_GeV'))} GeV",
            number(c.get("expected_limit_events"), 3),
            "chosen" if c.get("chosen") else "passes" if c.get("passes") else "fails",
        )
        for c in candidates
    )
    head = ("Function", "range", "parameters", "p (goodness of fit)", "worst spurious signal, σ_S",
            "for the truth", "at", "expected limit, events", "result")  # fmt: skip
    return Table(head, rows, title="All candidates")


def _winners(found: Mapping[str, Document]) -> Table:
    """Return the function that was chosen in each category, and how many were tried."""
    rows = []
    for name, peak in found.items():
        candidates = peak.get("candidates") or ()
        chosen: Document = next((c for c in candidates if c.get("chosen")), {})
        rows.append(
            (
                category_title(name),
                function_name(peak),
                str(peak.get("range") or NOTHING),
                number(chosen.get("parameters")),
                number(chosen.get("gof_pvalue"), 2),
                number(chosen.get("worst_errors"), 2),
                str(chosen.get("worst_truth") or NOTHING),
                f"{sum(bool(c.get('passes')) for c in candidates)} of {len(candidates)}",
            )
        )
    head = ("Category", "function", "range", "parameters", "p (goodness of fit)",
            "worst spurious signal, σ_S", "for the truth", "candidates that pass")  # fmt: skip
    return Table(head, tuple(rows), title="Chosen functions")


def _runners_up(found: Mapping[str, Document]) -> Table:
    """Return the simplest candidates that pass, category by category."""
    rows = []
    for name, peak in found.items():
        passing = [c for c in peak.get("candidates") or () if c.get("passes")]
        passing.sort(key=lambda c: (c.get("parameters") or 0, c.get("worst_errors") or 0.0))
        told = (f"{function_name(c)} ({c.get('range')})" for c in passing[:_SIMPLEST])
        rows.append((category_title(name), "; ".join(told) or "none"))
    note = ("All candidates are in background.json, and in the figures.",)
    return Table(("Category", "the simplest that pass"), tuple(rows), prose=True, notes=note)
