"""Sections on the shape search: scan, limits against mass, a referee's questions.

Every number is that of a result file; sections of what a folder does not hold are not there.
"""

# ruff: noqa: RUF001 - Greek is meant

from collections.abc import Mapping, Sequence
from typing import Any

from analysis.folder_results import FolderResults
from analysis.page.layout import Section, Table
from analysis.page.wording import NOTHING, interval, number, sentence, with_error, z_value
from analysis.plots.fit_inputs import fit_of, kind_of
from analysis.plots.names import category_title, with_category
from analysis.plots.strength import EVENTS, Strength, strength_of

Document = Mapping[str, Any]
_MOST_ROWS = 12
"""of a table over masses; the rest is in the file"""


def scan(results: FolderResults) -> tuple[Section, ...]:
    """Tell the maximum of the p0 scan, and what it is worth anywhere in the range."""
    document = results.scan
    if document is None or not document.get("mass_GeV"):
        return ()
    mass, found = document["mass_GeV"], document.get("global") or {}
    maximum = document.get("maximum") or {}
    deficit = (results.verdict or {}).get("deficit") or fit_of(results.verdict).get("deficit") or {}
    rows = (
        ("Largest excess, local", _at(maximum.get("local_z"), maximum.get("mass_GeV"))),
        ("The same, anywhere in the range", z_value(found.get("z"))),
        ("Global p-value", number(found.get("p"), 2)),
        ("Global p-value, Gross-Vitells", number(found.get("gross_vitells_p"), 2)),
        ("Global p-value, toys", _toys(found.get("toys"))),
        ("Upcrossings without a signal", _upcrossings(found.get("upcrossings"))),
        ("Local significance of global 3 σ", z_value(_of_global(found, "3"))),
        ("Largest deficit, local", _at(deficit.get("signed_z"), deficit.get("mass_GeV"))),
    )
    what = (
        f"A peak was fitted at {len(mass)} masses from {number(mass[0])} to {number(mass[-1])} "
        "GeV. The local significance is that of one mass; the global one allows for having looked "
        "at all of them."
    )
    reason = (sentence(document["reason"]),) if document.get("reason") else ()
    table = Table((), tuple(row for row in rows if row[1] != NOTHING), notes=reason)
    return (Section("scan", "Scan over mass", sentences=(what,), tables=(table,)),)


def _at(z: float | None, mass: float | None) -> str:
    return NOTHING if z is None else f"{z_value(z)} at {number(mass)} GeV"


def _of_global(found: Document, level: str) -> float | None:
    value: float | None = (found.get("local_z_of_global") or {}).get(level)
    return value


def _toys(toys: Document | None) -> str:
    if not toys:
        return NOTHING
    low, high = number(toys.get("p_low"), 2), number(toys.get("p_high"), 2)
    counted = f"{number(toys.get('exceeding'))} of {number(toys.get('n'), 9)}"
    return f"{number(toys.get('p'), 2)} ({low} to {high}; {counted})"


def _upcrossings(found: Document | None) -> str:
    if not found:
        return NOTHING
    mean = with_error(found.get("mean"), found.get("error"))
    level = f"{mean} of {z_value(found.get('level_z'))}"
    return f"{level}, {number(found.get('toys'), 9)} toys" if found.get("toys") else level


def mass_limits(results: FolderResults) -> tuple[Section, ...]:
    """Tell the limits against mass, and what they exclude."""
    document = results.limits
    if document is None or not document.get("mass_GeV"):
        return ()
    kind = strength_of(document, "expected_pb", "expected_events")
    what = (
        f"CLs upper limits on the {_called(kind)} of X → γγ from the shape of the spectrum, at "
        f"{document.get('confidence_level', 0.95):.0%} confidence level, by "
        f"{'toys' if document.get('method') == 'toys' else 'asymptotic formulas'}."
    )
    few = any(document.get("low_counts") or ())
    notes = [sentence(document.get("reason"))]
    if few:
        notes.append(
            "* Fewer than 20 background events under the peak: the asymptotic limit is too strong "
            "there; --toys makes it exact."
        )
    sentences = (what, *exclusions(document))
    table = _limit_table(document, kind, tuple(note for note in notes if note))
    return (Section("mass_limits", "Limits against mass", sentences=sentences, tables=(table,)),)


def _called(kind: Strength) -> str:
    return "number of events" if kind is EVENTS else "cross-section"


def exclusions(document: Document) -> tuple[str, ...]:
    """Return which masses are excluded at the benchmark strength, as sentences."""
    kind = strength_of(document, "expected_pb", "expected_events")
    benchmark = document.get(f"benchmark_{kind.suffix}")
    if benchmark is None:
        return ()
    ranges = document.get("excluded_GeV") or {}
    said = (
        ("excluded", ranges.get("observed")),
        ("expected to be excluded", ranges.get("expected")),
    )
    return tuple(
        f"At {kind.of(benchmark)}, {words}: {_written(found)}."
        for words, found in said
        if found is not None
    )


def _written(ranges: Sequence[Sequence[float]]) -> str:
    if not ranges:
        return "no mass"
    return ", ".join(f"{number(low)} to {number(high)}" for low, high in ranges) + " GeV"


def _limit_table(document: Document, kind: Strength, notes: tuple[str, ...]) -> Table:
    mass, unit = document["mass_GeV"], kind.unit or "events"
    observed = document.get(f"observed_{kind.suffix}") or [None] * len(mass)
    bands = document.get(f"expected_{kind.suffix}") or {}
    few = document.get("low_counts") or [False] * len(mass)
    shown = range(0, len(mass), -(-len(mass) // _MOST_ROWS))
    rows = tuple(
        (
            f"{number(mass[i])} GeV{' *' if few[i] else ''}",
            number(observed[i], 3),
            *(number(bands[band][i], 3) for band in ("0", "-1", "1", "-2", "2")),
        )
        for i in shown
    )
    head = ("Mass", f"observed, {unit}", f"expected, {unit}", "−1 σ", "+1 σ", "−2 σ", "+2 σ")
    if len(shown) < len(mass):
        notes = (*notes, f"{len(shown)} of {len(mass)} masses; all are in limits.json.")
    return Table(head, rows, notes=notes)


def goodness(fit: Document) -> tuple[tuple[str, str], ...]:
    """Return the rows on how well the fits describe the spectrum, if there are any."""
    found = fit.get("goodness_of_fit") or {}
    rows = (
        ("Goodness of fit (p), background only", number(found.get("background_only"), 2)),
        ("Goodness of fit (p), with the resonance", number(found.get("with_signal"), 2)),
    )
    return tuple(row for row in rows if row[1] != NOTHING)


def compatibility(fit: Document) -> tuple[Table, ...]:
    """Return the table of the categories' strengths, if they were compared."""
    found, together = fit.get("by_channel") or {}, fit.get("compatibility") or {}
    if not found:
        return ()
    kind = kind_of(fit)
    rows = tuple(
        (
            category_title(name),
            z_value(row.get("local_z")),
            interval(row.get(kind.measured), kind.unit or "events"),
        )
        for name, row in found.items()
    )
    both = ("All together", z_value(fit.get("local_z_at_mass")),
            interval(fit.get(kind.measured), kind.unit or "events"))  # fmt: skip
    notes = ["Each category was fitted alone at the fitted mass."]
    if together.get("pvalue") is not None:
        chi2, freedom = (number(together.get(k), 3) for k in ("chi2", "degrees_of_freedom"))
        pvalue = number(together["pvalue"], 2)
        notes.append(f"That all have one strength: χ² / d.o.f. = {chi2} / {freedom}, p = {pvalue}.")
    head = ("Category", "local significance", _called(kind))
    title = "Do the categories see one signal?"
    return (Table(head, (*rows, both), title=title, notes=tuple(notes)),)


def referee(results: FolderResults) -> tuple[Section, ...]:
    """Tell what nuisance parameters did, and whether other choices give the same."""
    fit = fit_of(results.verdict)
    found = []
    if fit.get("nuisances"):
        what = (
            "A pull is how far the fit moved the parameter, in errors of what was known before; "
            "an impact is how far the strength moves with the parameter."
        )
        table = _nuisances(fit["nuisances"], kind_of(fit))
        found.append(
            Section("nuisances", "Systematic uncertainties", sentences=(what,), tables=(table,))
        )
    if fit.get("stability"):
        table = _variations(fit["stability"], kind_of(fit))
        found.append(Section("stability", "Other choices", tables=(table,)))
    return tuple(found)


def _nuisances(parameters: Sequence[Document], kind: Strength) -> Table:
    unit = kind.unit or "events"
    rows = tuple(
        (
            with_category(str(row.get("name"))),
            with_error(row.get("pull"), row.get("pull_error")),
            number(row.get(f"impact_up_{kind.suffix}"), 2),
            number(row.get(f"impact_down_{kind.suffix}"), 2),
        )
        for row in parameters
    )
    return Table(("Parameter", "pull", f"impact +1 σ, {unit}", f"impact −1 σ, {unit}"), rows)


def _variations(variations: Sequence[Document], kind: Strength) -> Table:
    rows = tuple(
        (
            str(row.get("what")) + (" (used)" if row.get("used") else ""),
            z_value(row.get("local_z")),
            interval(row.get(kind.measured), kind.unit or "events"),
        )
        for row in variations
    )
    return Table(("Choice", "local significance", _called(kind)), rows)
