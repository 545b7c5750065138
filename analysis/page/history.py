"""Section on freeze and unblinding: what was fixed and expected, why opened, what changed since.

No times: they stand under ``provenance`` in the JSON files, and `xyy report` tells them.
"""

from collections.abc import Mapping
from typing import Any

from analysis.folder_results import FolderResults
from analysis.page.layout import Section, Table
from analysis.page.wording import cross_section, number, with_error

Document = Mapping[str, Any]


def history(results: FolderResults) -> Section:
    """Tell what was frozen, what was expected, why the data were opened, and what changed since."""
    sentences, tables = [_frozen(results.freeze)], []
    if results.freeze is not None:
        tables += [_hashes(results.freeze), *_expected(results.freeze.get("sidebands"))]
    sentences.append(_opened(results))
    if results.unblinded and results.unblinding is not None:
        tables += [*_changes(results.unblinding), *_programs(results.unblinding)]
    if results.freeze is not None:
        sentences.append(
            "When each of this happened stands in freeze.json and unblinding.json, under "
            "provenance; `xyy report` and `xyy status` tell it."
        )
    return Section("history", "Freeze and unblinding", tuple(sentences), tables=tuple(tables))


def _frozen(freeze: Document | None) -> str:
    if freeze is None:
        return "Nothing is frozen yet."
    version = freeze.get("program", {}).get("version")
    by = "" if version is None else f" by xyy {version}"
    return f"The decisions are frozen{by} under the digest {freeze['digest']}."


def _opened(results: FolderResults) -> str:
    if results.unblinded and results.unblinding is not None:
        return f"The data were opened. Reason: {results.unblinding['reason']}"
    if results.data is None:
        return "There are no data to open."
    if results.unblinding is not None:
        return (
            "The data were opened once, for other decisions than are frozen now, and are shut: "
            "nothing inside the signal window has been filled."
        )
    return "The data are blind: nothing inside the signal window has been filled."


def _hashes(freeze: Document) -> Table:
    program = freeze.get("program", {})
    rows = [*freeze.get("hashes", {}).items()]
    rows += [(f"program: {name}", value) for name, value in program.items() if name != "version"]
    return Table(("Decision", "hash"), tuple(rows), title="What is frozen", prose=True)


def _expected(kept: Document | None) -> tuple[Table, ...]:
    """Return what the sidebands said before the data were opened."""
    if not kept:
        return ()
    rows = [
        (f"Goodness of fit of the sidebands, {name}: p-value", number(value, 2))
        for name, value in kept.get("sideband_gof_pvalue", {}).items()
    ]
    rows += [
        (f"Function under a peak, {name}", _peak(peak))
        for name, peak in kept.get("peak", {}).items()
    ]
    predicted = with_error(kept.get("predicted_events"), kept.get("predicted_error_events"))
    rows.append(("Events predicted in the window", predicted))
    expected = kept.get("expected", {})
    if (limit := expected.get("counting_limit_pb")) is not None:
        rows.append(("Expected limit from the count", cross_section(limit["0"])))
    for name, signal in (expected.get("signals") or {}).items():
        what = f"Expected local significance of {name}, {number(signal['cross_section_pb'])} pb"
        rows.append((what, number(signal["fit_local_z"], 3)))
    note = f"Of the sidebands of {kept.get('of')}; kept in freeze.json."
    return (Table((), tuple(rows), title="Known before the data were opened", notes=(note,)),)


def _peak(peak: Document) -> str:
    low, high = peak["fit_range_GeV"]
    return f"{peak['family']} {peak['order']}, {number(low)} to {number(high)} GeV"


def _changes(unblinding: Document) -> tuple[Table, ...]:
    rows = tuple(
        (str(place), change["reason"], ", ".join(change.get("changed", [])), change["digest"])
        for place, change in enumerate(unblinding.get("changes", []), start=1)
    )
    head = ("Change", "Reason", "what was changed", "digest since then")
    return (Table(head, rows, title="Changes after unblinding", prose=True),) if rows else ()


def _programs(unblinding: Document) -> tuple[Table, ...]:
    rows = tuple(
        (str(place), *(used.get(key, "") for key in _PROGRAM))
        for place, used in enumerate(unblinding.get("programs", []), start=1)
    )
    title = "Other programs that made results after unblinding"
    return (Table(("Program", *_PROGRAM), rows, title=title, prose=True),) if rows else ()


_PROGRAM = ("version", "processors", "selection", "statistics")
