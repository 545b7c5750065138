"""Section on the selection: its cuts, the course's table, and how far to trust the optimum."""

from collections.abc import Mapping
from typing import Any

from analysis.page.layout import Section, Table
from analysis.page.wording import number, with_error
from analysis.results import Results
from analysis.summary import TITLES
from processors.selection import Interval

_MERITS = {"s": "s = S/√B", "asimov": "Asimov significance"}


def selection(results: Results) -> Section:
    """Tell the cuts and what they are worth (tasks 3.1 to 3.4)."""
    document = results.selection
    if document is None:
        return Section("selection", "Selection", sentences=("No selection was chosen yet.",))
    cuts = ", ".join(
        f"{name} {Interval(**cut)}" for name, cut in (document.get("cuts") or {}).items()
    )
    tables = [table for table in (_merits(document), _independence(document)) if table is not None]
    return Section(
        "selection",
        "Selection",
        sentences=(f"Cuts: {cuts or 'none'}.", *_optimism(document)),
        tables=tuple(tables),
    )


def _merits(document: Mapping[str, Any]) -> Table | None:
    values, errors = document.get("by_signal"), document.get("by_signal_errors")
    if not values or not errors:
        return None
    rows = tuple(
        (title, *(with_error(values[s].get(key), errors[s].get(key)) for s in values))
        for key, title in TITLES.items()
        if any(values[s].get(key) is not None for s in values)
    )
    merit = _MERITS.get(document.get("figure_of_merit", "s"), "figure of merit")
    note = f"Chosen for {document['reference_signal']}. Errors are of the simulated statistics."
    return Table((merit, *values), rows, notes=(note,))


def _independence(document: Mapping[str, Any]) -> Table | None:
    pvalues = document.get("independence_pvalues")
    if not pvalues:
        return None
    used = document.get("background_fractions_from", "")
    note = f"Background fractions are taken from the {used}." if used else ""
    return Table(
        ("Column", "p-value"),
        tuple((name, number(value, 2)) for name, value in pvalues.items()),
        title="Same shape of the background inside and outside the window",
        notes=(note,) if note else (),
    )


def _optimism(document: Mapping[str, Any]) -> tuple[str, ...]:
    optimism = document.get("optimism")
    if not optimism:
        return ()
    there = number(optimism["chosen_on_half"], 3)
    other = with_error(optimism["checked_on_other_half"], optimism["error"])
    return (
        (
            "An optimum looks better on the events that it was chosen on than it is: "
            f"chosen on one half of the simulation it is worth {there} there, {other} on the other."
        ),
    )
