"""The section on the function under a peak: which was selected, in each category, and why."""

# ruff: noqa: RUF001 - Greek is meant

from collections.abc import Mapping, Sequence

from analysis.report.folder_results import FolderResults
from analysis.report.page.layout import Section, Table, table
from analysis.report.page.wording import NOTHING, number
from analysis.report.plots.names import category_title, function_name
from analysis.results.background import PeakBackground, PeakCandidate

Peaks = Mapping[str, PeakBackground]
"""function under a peak, by category"""
_SIMPLEST = 5
"""candidates of a category that the page lists"""


def tournament(results: FolderResults) -> tuple[Section, ...]:
    """Tell how the functions under a peak were decided on."""
    if results.background is None:
        return ()
    found = {name: channel.peak for name, channel in results.background.channels.items()}
    most, several = results.search.peak.spurious_signal, len(found) > 1
    decided = "; ".join(
        (f"{category_title(name)}: " if several else "") + _decided(peak)
        for name, peak in found.items()
    )
    what = (
        "Decided before the data were unblinded, from the sidebands and from test spectra that are "
        f"compatible with them: {decided}. "
        + ("Each is" if several else "It is")
        + f" the simplest of its range that takes at most {number(most)} uncertainties of the "
        "signal for a resonance where there is none; of the full range and the window alone, the "
        "one with the smaller expected uncertainties is used. What a function does take for a "
        "resonance is a nuisance parameter of the fit."
    )
    tables = (
        (_chosen(found), _simplest(found))
        if several
        else tuple(_all_candidates(peak.candidates) for peak in found.values())
    )
    title = "Background under a peak: selection of the function"
    return (Section("tournament", title, (what,), tables),)


def _decided(peak: PeakBackground) -> str:
    low, high = peak.fit_range_GeV
    return (
        f"{function_name(peak)}, fitted from {number(low)} to {number(high)} GeV "
        f"({_range(peak.range)})"
    )


def _range(name: str) -> str:
    return {"window": "the window only", "full": "the full range"}.get(name, name)


def _judged(candidate: PeakCandidate) -> dict[str, str]:
    """Return the cells on what decided about a candidate."""
    return {
        "range": candidate.range,
        "parameters": number(candidate.parameters),
        "p (goodness of fit)": number(candidate.gof_pvalue, 2),
        "worst spurious signal, σ_S": number(candidate.worst_errors, 2),
        "on the test spectrum": candidate.worst_truth or NOTHING,
    }


def _all_candidates(candidates: Sequence[PeakCandidate]) -> Table:
    rows = [
        {
            "Function": function_name(c),
            **_judged(c),
            "at": f"{number(c.worst_mass_GeV)} GeV",
            "result": "chosen" if c.chosen else "passes" if c.passes else "fails",
        }
        for c in candidates
    ]
    return table(rows, "All candidates")


def _chosen(found: Peaks) -> Table:
    """Return the function that was chosen in each category, and how many were tried."""
    rows = [
        {
            "Category": category_title(name),
            "function": function_name(chosen),
            **_judged(chosen),
            "candidates that pass": (
                f"{sum(c.passes for c in peak.candidates)} of {len(peak.candidates)}"
            ),
        }
        for name, peak in found.items()
        for chosen in peak.candidates
        if chosen.chosen
    ]
    return table(rows, "Chosen functions")


def _simplest(found: Peaks) -> Table:
    """Return the simplest candidates that pass, category by category."""
    rows = []
    for name, peak in found.items():
        passing = [c for c in peak.candidates if c.passes]
        passing.sort(key=lambda c: (c.parameters, c.worst_errors))
        simplest = "; ".join(f"{function_name(c)} ({c.range})" for c in passing[:_SIMPLEST])
        rows.append(
            {"Category": category_title(name), "the simplest that pass": simplest or "none"}
        )
    note = "All candidates are in background.json, and in the figures."
    return table(rows, "", note, prose=True)
