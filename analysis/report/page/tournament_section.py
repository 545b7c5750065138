"""The section on the tournament: which function stands under a peak, in each category, and why."""

# ruff: noqa: RUF001 - Greek is meant

from collections.abc import Mapping, Sequence

from analysis.report.folder_results import FolderResults
from analysis.report.page.layout import Section, Table
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
        else tuple(_entrants(peak.candidates) for peak in found.values())
    )
    title = "Background under a peak: the tournament"
    return (Section("tournament", title, sentences=(what,), tables=tables),)


def _decided(peak: PeakBackground) -> str:
    low, high = peak.fit_range_GeV
    return (
        f"{function_name(peak)}, fitted from {number(low)} to {number(high)} GeV "
        f"({_range(peak.range)})"
    )


def _range(name: str) -> str:
    return {"window": "the window only", "full": "the full range"}.get(name, name)


def _entrants(candidates: Sequence[PeakCandidate]) -> Table:
    rows = tuple(
        (
            function_name(c),
            c.range,
            number(c.parameters),
            number(c.gof_pvalue, 2),
            number(c.worst_errors, 2),
            c.worst_truth or NOTHING,
            f"{number(c.worst_mass_GeV)} GeV",
            "chosen" if c.chosen else "passes" if c.passes else "fails",
        )
        for c in candidates
    )
    head = ("Function", "range", "parameters", "p (goodness of fit)", "worst spurious signal, σ_S",
            "for the truth", "at", "result")  # fmt: skip
    return Table(head, rows, title="All candidates")


def _winners(found: Peaks) -> Table:
    """Return the function that was chosen in each category, and how many were tried."""
    rows = tuple(
        (
            category_title(name),
            function_name(chosen),
            chosen.range,
            number(chosen.parameters),
            number(chosen.gof_pvalue, 2),
            number(chosen.worst_errors, 2),
            chosen.worst_truth or NOTHING,
            f"{sum(c.passes for c in peak.candidates)} of {len(peak.candidates)}",
        )
        for name, peak in found.items()
        for chosen in peak.candidates
        if chosen.chosen
    )
    head = ("Category", "function", "range", "parameters", "p (goodness of fit)",
            "worst spurious signal, σ_S", "for the truth", "candidates that pass")  # fmt: skip
    return Table(head, rows, title="Chosen functions")


def _runners_up(found: Peaks) -> Table:
    """Return the simplest candidates that pass, category by category."""
    rows = []
    for name, peak in found.items():
        passing = [c for c in peak.candidates if c.passes]
        passing.sort(key=lambda c: (c.parameters, c.worst_errors))
        told = (f"{function_name(c)} ({c.range})" for c in passing[:_SIMPLEST])
        rows.append((category_title(name), "; ".join(told) or "none"))
    note = ("All candidates are in background.json, and in the figures.",)
    return Table(("Category", "the simplest that pass"), tuple(rows), prose=True, notes=note)
