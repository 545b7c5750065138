"""Section on freeze and unblinding: what was fixed, expected, why unblinded, and changed since.

No times: they stand under ``provenance`` in the JSON files, and `xyy report` tells them.
"""

from analysis.folder.decisions import PARTS
from analysis.report.folder_results import FolderResults
from analysis.report.page.layout import Section, Table, table
from analysis.report.page.wording import in_pb, number, with_error
from analysis.report.plots.names import function_name
from analysis.results.freeze import Freeze, KnownBefore, Unblinding


def history(results: FolderResults) -> Section:
    """Tell what was frozen, what was expected, why the data were unblinded, what changed since."""
    frozen, unblinding = results.freeze, results.unblinding
    sentences, tables = [_frozen(frozen), _unblinded(results)], []
    if frozen is not None:
        tables = [_hashes(frozen)]
        tables += [] if frozen.sidebands is None else [_expected(frozen.sidebands)]
        sentences.append(
            "When each of this happened stands in freeze.json and unblinding.json, under "
            "provenance; `xyy report` and `xyy status` tell it."
        )
    if results.unblinded and unblinding is not None:
        tables += [_changes(unblinding), _programs(unblinding)]
    return Section("history", "Freeze and unblinding", sentences, tables)


def _frozen(freeze: Freeze | None) -> str:
    if freeze is None:
        return "Nothing is frozen yet."
    version = freeze.program.version
    return f"The decisions are frozen by xyy {version} under the digest {freeze.digest}."


def _unblinded(results: FolderResults) -> str:
    if results.unblinded and results.unblinding is not None:
        return f"The data were unblinded. Reason: {results.unblinding.reason}"
    if results.data is None:
        return "There are no data to unblind."
    if results.unblinding is not None:
        return (
            "The data were unblinded once, for other decisions than are frozen now, and are blind: "
            "nothing inside the signal window has been filled."
        )
    return "The data are blind: nothing inside the signal window has been filled."


def _hashes(freeze: Freeze) -> Table:
    program = {f"program: {part}": getattr(freeze.program, part) for part in PARTS}
    rows = [{"Decision": name, "hash": h} for name, h in (freeze.hashes | program).items()]
    return table(rows, "What is frozen", prose=True)


def _expected(known: KnownBefore) -> Table:
    """Return what the sidebands said before the data were unblinded."""
    rows = [
        (f"Goodness of fit of the sidebands, {name}: p-value", number(value, 2))
        for name, value in known.sideband_gof_pvalue.items()
    ]
    for name, peak in known.peak.items():
        low, high = peak.fit_range_GeV
        function = f"{function_name(peak)}, {number(low)} to {number(high)} GeV"
        rows.append((f"Function under a peak, {name}", function))
    predicted = with_error(known.predicted_events, known.predicted_error_events)
    rows.append(("Events predicted in the window", predicted))
    limit = known.expected.counting_limit_pb["0"]
    rows.append(("Expected limit from the count", in_pb(limit)))
    for name, signal in known.expected.signals.items():
        what = f"Expected local significance of {name}, {number(signal.cross_section_pb)} pb"
        rows.append((what, number(signal.fit_local_z, 3)))
    note = f"Of the sidebands of {known.of}; kept in freeze.json."
    return Table(rows, "Known before the data were unblinded", (note,))


def _changes(unblinding: Unblinding) -> Table:
    rows = [
        {
            "Change": str(place),
            "Reason": change.reason,
            "what was changed": ", ".join(change.changed),
            "digest since then": change.digest,
        }
        for place, change in enumerate(unblinding.changes, start=1)
    ]
    return table(rows, "Changes after unblinding", prose=True)


def _programs(unblinding: Unblinding) -> Table:
    rows = [
        {"Program": str(place)} | {name: getattr(used, name) for name in ("version", *PARTS)}
        for place, used in enumerate(unblinding.programs, start=1)
    ]
    return table(rows, "Other programs that made results after unblinding", prose=True)
