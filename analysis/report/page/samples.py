"""Sections on what went in: samples and weights, cutflow, ledger."""

import math

from analysis.report.folder_results import FolderResults
from analysis.report.page.layout import Section, Table, table
from analysis.report.page.wording import NOTHING, count, number, with_error
from analysis.results.ledger import CutflowRow


def samples(results: FolderResults) -> Section:
    """Tell the samples, and the arithmetic of their weights (task 2.2)."""
    catalogue = results.catalogue
    events = {name: own.processed_events for name, own in results.ledger.samples.items()}
    rows: list[tuple[str, ...]] = [
        (
            sample.name, sample.kind,
            NOTHING if sample.mass_GeV is None else f"{sample.mass_GeV:g} GeV",
            f"{sample.cross_section_pb:g} pb", f"{sample.filter_efficiency:g}",
            count(events[sample.name]), number(catalogue.weight(sample, events[sample.name]), 6),
            "generated" if sample.name in results.generated else "from files",
        )
        for sample in results.simulation
    ]  # fmt: skip
    if (data := results.data) is not None:
        observed = (None if results.run is None else results.run.data) or "observed"
        rows.append((data.name, "data", *[NOTHING] * 3, count(events[data.name]), "1", observed))
    head = ("Sample", "kind", "mass", "cross-section", "filter eff.", "events", "weight", "source")
    what = "A simulated event weighs luminosity x cross-section x filter efficiency / events."
    arithmetic = [catalogue.arithmetic(each, events[each.name]) for each in results.simulation]
    sentences, tables = (what, _luminosities(results)), (Table(rows, head=head),)
    return Section("samples", "Samples and weights", sentences, tables, arithmetic)


def _luminosities(results: FolderResults) -> str:
    catalogue = results.catalogue
    simulation, data = catalogue.luminosity_invpb, catalogue.data_luminosity_invpb
    text = f"Tables are normalised to {simulation:.10g}/pb"
    if results.data is None:
        return f"{text}. There are no observed data: all results are expectations."
    if data == simulation:
        return f"{text}, the luminosity of the data."
    return f"{text}; the data have {data:.10g}/pb, and figures are normalised to that."


def cutflow(results: FolderResults) -> Section:
    """Tell what every cut leaves, in all and in the signal window."""
    flows = results.cutflow
    shown = [process for process in results.samples if flows.get(process.name)]
    if not shown:
        return Section("cutflow", "Cutflow", ("There is no cutflow yet.",))
    steps = [row.cut for row in flows[shown[0].name]]
    head = ("Cut", *(process.name for process in shown))
    everything, inside = (
        [(step, *(cell(flows[p.name][i], p.kind) for p in shown)) for i, step in enumerate(steps)]
        for cell in (_expected, _in_window)
    )
    what = "Expected events of simulation, with statistical uncertainty; observed events of data."
    notes = ("While the data are blind, theirs are the events outside the window.",)
    odd = tuple(
        f"{row.cut} {row.note} of {process.name}."
        for process in shown for row in flows[process.name] if row.note
    )  # fmt: skip
    window = f"{results.window.min:g} to {results.window.max:g} GeV"
    tables = (
        Table(everything, "At any mass", (*(notes if results.blind else ()), *odd), head=head),
        Table(inside, f"In the signal window, {window}", head=head),
    )
    return Section("cutflow", "Cutflow", (what,), tables)


def _expected(row: CutflowRow, kind: str) -> str:
    if kind == "data":
        return count(row.events)
    return with_error(row.sumw, math.sqrt(row.sumw2))


def _in_window(row: CutflowRow, kind: str) -> str:
    inside = row.window_events
    if inside is None:
        return "blind" if kind == "data" else NOTHING
    if kind == "data":
        return count(inside)
    # All events of a sample weigh the same, so its window has the weight of the rest.
    weight = row.sumw / row.events if row.events else 0.0
    return with_error(inside * weight, math.sqrt(inside) * weight)


def ledger(results: FolderResults) -> Section:
    """Tell which events were processed and which were lost."""
    rows = [
        {
            "Sample": name,
            "planned": count(entry.planned_events),
            "processed": count(entry.processed_events),
            "lost": count(entry.lost_events),
        }
        for name, entry in results.ledger.samples.items()
    ]
    lost = [
        {
            "File": loss.file,
            "entries": f"{loss.entry_start:,} to {loss.entry_stop:,}",
            "error": loss.error,
        }
        for loss in results.ledger.failed
    ]
    tables = (table(rows), table(lost, "What was lost", prose=True))
    what = (
        "Every event was processed."
        if results.ledger.complete
        else "Events were lost. Simulation is normalised to what was processed."
    )
    return Section("ledger", "Ledger", (what,), tables)
