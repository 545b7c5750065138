"""Sections on what was inferred: sidebands, count, fit of a resonance, limit.

Every number is that of a result file; a number that is not there is a dash, with the reason.
"""

# ruff: noqa: RUF001 - Greek is meant

import math
from collections.abc import Mapping, Sequence
from typing import Any

from analysis.folder_results import FolderResults
from analysis.page import search, tournament
from analysis.page.layout import Section, Table
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
from analysis.plots.fit_inputs import function_name
from analysis.plots.inputs import all_together
from analysis.plots.names import category_title
from analysis.summary import counted_of

Document = Mapping[str, Any]


def sections(results: FolderResults) -> tuple[Section, ...]:
    """Return the sections of everything that was inferred."""
    found: list[Section] = []
    found.extend(_sidebands(results))
    found.extend(tournament.tournament(results))
    if results.counting is not None:
        found.append(_counting(results.counting))
    fit = (results.verdict or {}).get("fit")
    found.extend(search.scan(results))
    if fit is not None:
        found.append(_fit(results.verdict or {}, fit))
    found.extend(search.referee(results))
    found.extend(search.mass_limits(results))
    if results.counting is not None and results.counting.get("limit"):
        found.append(_limit(results.counting["limit"]))
    return tuple(found)


def _sidebands(results: FolderResults) -> tuple[Section, ...]:
    """Tell the fit of the sidebands, of every category if there are several."""
    document = results.background or {}
    channels = document.get("channels") or {}
    if not channels:
        return ()
    of, several = document.get("of", "data"), len(channels) > 1
    said = _together(of, document) if several else _alone(of, channels)
    warned = [
        f"{category_title(name)}: {text}" if several else text
        for name, channel in channels.items()
        for text in warnings(channel)
    ]
    tables = _category_tables(channels) if several else _tables(next(iter(channels.values())))
    title = "Background from the sidebands"
    return (Section("sidebands", title, sentences=(said, *warned), tables=tables),)


def _alone(of: str, channels: Mapping[str, Document]) -> str:
    (channel,) = channels.values()
    chosen, errors = channel["chosen"], channel.get("predicted_errors_events") or {}
    low, high = channel.get("fit_range_GeV", (None, None))
    predicted = with_error(channel.get("predicted_events"), channel.get("predicted_error_events"))
    parts = ", ".join(f"{kind} {number(value, 3)}" for kind, value in errors.items())
    return (
        f"Fitted to the {of} from {number(low)} to {number(high)} GeV, the "
        f"window left out: {chosen['family']} of order {chosen['order']} predicts {predicted} "
        f"events in the window. Parts of the error: {parts or NOTHING}."
    )


def _together(of: str, document: Document) -> str:
    total = all_together(document)
    predicted = with_error(total["predicted_events"], total["predicted_error_events"])
    return (
        f"Fitted to the {of} outside the window, in each of the {len(document['channels'])} "
        "categories on its "
        f"own. Together they predict {predicted} events in the window."
    )


def _tables(channel: Document) -> tuple[Table, ...]:
    parameters = tuple(
        (p["name"], with_error(p["value"], p["error"])) for p in channel["chosen"]["parameters"]
    )
    return (
        _candidates(channel.get("candidates") or ()),
        Table(("Parameter", "value"), parameters, title="The chosen function"),
        *_spurious(channel),
    )


def _category_tables(channels: Mapping[str, Document]) -> tuple[Table, ...]:
    """Return the fits of all categories in a table, and why functions were rejected."""
    rows = tuple(
        (
            category_title(name),
            function_name(channel["chosen"]),
            " to ".join(number(end) for end in channel.get("fit_range_GeV") or ()),
            number(channel["chosen"].get("gof_pvalue"), 2),
            with_error(channel.get("predicted_events"), channel.get("predicted_error_events")),
        )
        for name, channel in channels.items()
    )
    head = ("Category", "function", "range, GeV", "p (goodness of fit)", "predicted")
    rejected = tuple(
        (category_title(name), function_name(c), str(c.get("reason") or "rejected"))
        for name, channel in channels.items()
        for c in channel.get("candidates") or ()
        if not c.get("accepted")
    )
    fits = Table(head, rows, title="The chosen functions")
    others = Table(
        ("Category", "function", "why"), rejected, title="Functions rejected", prose=True
    )
    return (fits, others) if rejected else (fits,)


def _candidates(candidates: Sequence[Document]) -> Table:
    rows = tuple(
        (
            function_name(c),
            number(c.get("gof_pvalue"), 2),
            with_error(c.get("predicted_events"), c.get("fit_error_events")),
            number(c.get("closure_bias_events"), 3),
            "accepted" if c.get("accepted") else str(c.get("reason") or "rejected"),
        )
        for c in candidates
    )
    head = ("Function", "p (goodness of fit)", "predicted, fit error", "closure bias", "result")
    return Table(head, rows, title="Functions tried")


def _spurious(channel: Document) -> tuple[Table, ...]:
    found = channel.get("spurious_signal_events")
    if not found:
        return ()
    rows = tuple(
        (truth, with_error(s["events"], s["error_events"]), f"{s['mass_GeV']:g} GeV")
        for truth, s in found.items()
    )
    peak = channel.get("peak_function")
    note = f"The function under a peak: {peak['family']} of order {peak['order']}." if peak else ""
    return (
        Table(
            ("Smooth truth", "largest false signal, events", "at"),
            rows,
            title="What the fit takes for a resonance where there is none",
            notes=(note,) if note else (),
        ),
    )


def _counting(document: Document) -> Section:
    low, high = document["window_GeV"]
    tables = [_normalisation(document), _rehearsals(document), _signals(document)]
    return Section(
        "counting",
        "Count in the signal window",
        sentences=(
            f"Window: {low:g} to {high:g} GeV{counted_of(document)}.",
            sentence(document.get("reason")),
            *_why_different(document),
        ),
        tables=tuple(table for table in tables if table.rows),
    )


def _why_different(document: Document) -> tuple[str, ...]:
    """Return why the count sees so much less than the fit of the shape."""
    predicted, error = document.get("predicted_events"), document.get("predicted_error_events")
    if not predicted or error is None:
        return ()
    total = math.hypot(math.sqrt(predicted), error)
    said = (
        f"The count adds up the whole window, where {count(predicted)} background events are "
        f"expected and known to {number(error, 3)} from the sidebands alone: an excess is seen "
        f"against {number(total, 3)} events, wherever it lies. The fit of the shape sets a peak "
        "against the few events under it, measures the background from both sides of it in the "
        "same spectrum, and says where it is. Both use the same data: they are not to be combined."
    )
    return (said,)


def _normalisation(document: Document) -> Table:
    found = document.get("normalisation")
    if not found:
        return Table((), ())
    expected = with_error(
        found["expected_sideband_events"], found.get("expected_sideband_error_events")
    )
    rows = (
        ("Data", count(found["data_sideband_events"])),
        ("Simulation", expected),
        ("Ratio", number(found["ratio"], 4)),
    )
    return Table((), rows, title="Events in the sidebands", notes=_reason(found))


def _rehearsals(document: Document) -> Table:
    rows = tuple(
        (
            _rehearsed(name),
            count(r["observed_events"]),
            with_error(r["predicted_events"], r["predicted_error_events"]),
            z_value(r["z"]),
            z_value(r.get("expected_data_z")),
        )
        for name, r in (document.get("rehearsal") or {}).items()
    )
    head = ("Simulation", "counted", "predicted", "z", "z of as many data")
    note = "z is by the statistics of the simulation, which has fewer events than the data."
    return Table(head, rows, title="Rehearsal on simulation", notes=(note,))


def _rehearsed(name: str) -> str:
    """Return what was rehearsed.

    >>> _rehearsed("background_only"), _rehearsed("with_signal_500")
    ('background only', 'with a signal of 500 GeV')
    """
    mass = name.removeprefix("with_signal_")
    return name.replace("_", " ") if mass == name else f"with a signal of {mass} GeV"


def _signals(document: Document) -> Table:
    expected = document.get("expected") or {}
    rows = tuple(
        (
            name,
            f"{s['mass_GeV']:g} GeV",
            f"{s['cross_section_pb']:g} pb",
            number(s["signal_events"]),
            z_value(s["counting_z"]),
            z_value(s["fit_local_z"]),
        )
        for name, s in (expected.get("signals") or {}).items()
    )
    head = ("Signal", "mass", "cross-section", "events", "z in the count", "local z in the fit")
    of = f"On the background predicted from the {expected.get('of', 'sidebands')}."
    return Table(head, rows, title="What the simulated signals would give", notes=(of,))


def _fit(document: Document, fit: Document) -> Section:
    rows = (
        ("Local significance", z_value(document.get("local_z"))),
        ("Mass", interval(fit.get("mass_GeV"), "GeV")),
        (
            "Width of the peak",
            "" if fit.get("width_GeV") is None else f"{fit['width_GeV']:.1f} GeV",
        ),
        ("Signal events", interval(fit.get("signal_events"))),
        ("Cross-section", interval(fit.get("cross_section_pb"), "pb")),
        *search.goodness(fit),
    )
    quoted = document.get("mass_GeV") is not None
    note = "" if quoted else "The best fit is shown for completeness: it is not a measurement."
    return Section(
        "fit",
        "Fit of a resonance",
        sentences=(
            "Background and a peak of free mass, fitted together to the spectrum.",
            note,
        ),
        tables=(Table((), rows), *search.compatibility(fit)),
    )


def _limit(limit: Document) -> Section:
    bands = limit["expected_pb"]
    rows = (
        ("Observed", cross_section(limit["observed_pb"])),
        ("Expected", cross_section(bands["0"])),
        ("Expected, 68 %", f"{number(bands['-1'], 3)} to {cross_section(bands['1'])}"),
        ("Expected, 95 %", f"{number(bands['-2'], 3)} to {cross_section(bands['2'])}"),
    )
    what = (
        "CLs upper limit on the cross-section of X → γγ from the count, at "
        f"{limit['confidence_level']:.0%} confidence level."
    )
    if limit.get("efficiency_of"):
        what += f" The efficiency is that of {limit['efficiency_of']}."
    return Section(
        "limit",
        "Limit on the cross-section from the count",
        sentences=(what,),
        tables=(Table((), rows, notes=_reason(limit)),),
    )


def _reason(document: Document) -> tuple[str, ...]:
    return (sentence(document["reason"]),) if document.get("reason") else ()
