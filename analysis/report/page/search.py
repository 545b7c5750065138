"""Sections on the shape search: function under a peak, scan, limits, a referee's questions.

Every number is that of a result file; sections of what a folder does not hold are not there.
"""

# ruff: noqa: RUF001 - Greek is meant

from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np

from analysis.report.folder_results import FolderResults
from analysis.report.page.layout import Section, Table, known, table
from analysis.report.page.wording import NOTHING, interval, number, sentence, sigma, with_error
from analysis.report.plots.names import beside, category_title, function_name, with_category
from analysis.results.background import PeakBackground, PeakCandidate
from analysis.results.codec import Unit
from analysis.results.limits import MassLimits, Ranges
from analysis.results.scan import GlobalSignificance, GlobalToys, Upcrossings
from analysis.results.values import Estimate
from analysis.results.verdict import DevianceOfFit, ResonanceFit

_MOST_ROWS = 12
"""of a table over masses; the rest is in the file"""
_MAX_SIMPLEST = 5
"""candidates of a category that the page lists"""


def selected_functions(results: FolderResults) -> tuple[Section, ...]:
    """Tell how the functions under a peak were decided on."""
    if results.background is None:
        return ()
    found = results.peaks
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
    tested = any(c.f_test_pvalue is not None for c in candidates)
    rows = [
        {
            "Function": function_name(c),
            **_judged(c),
            "at": f"{number(c.worst_mass_GeV)} GeV",
            **({"p (F test of one more)": number(c.f_test_pvalue, 2)} if tested else {}),
            "result": "chosen" if c.chosen else "passes" if c.passes else c.reason or "fails",
        }
        for c in candidates
    ]
    return table(rows, "All candidates")


def _chosen(found: Mapping[str, PeakBackground]) -> Table:
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


def _simplest(found: Mapping[str, PeakBackground]) -> Table:
    """Return the simplest candidates that pass, category by category."""
    rows = []
    for name, peak in found.items():
        passing = [c for c in peak.candidates if c.passes]
        passing.sort(key=lambda c: (c.parameters, c.worst_errors))
        simplest = "; ".join(f"{function_name(c)} ({c.range})" for c in passing[:_MAX_SIMPLEST])
        rows.append(
            {"Category": category_title(name), "the simplest that pass": simplest or "none"}
        )
    note = "All candidates are in background.json, and in the figures."
    return table(rows, "", note, prose=True)


def scan(results: FolderResults) -> Iterator[Section]:
    """Tell the maximum of the p0 scan, and what it is worth anywhere in the range."""
    found = results.scan
    if found is None or not len(found.mass_GeV):
        return
    mass, rows = found.mass_GeV, []
    if (most := found.maximum) is not None:
        rows.append(("Largest excess, local", _at(most.local_z, most.mass_GeV)))
    if found.local_z_min is not None and found.local_z_max is not None and most is not None:
        at = int(np.argmin(np.abs(mass - most.mass_GeV)))
        ends = found.local_z_min[at], found.local_z_max[at]
        rows.append(("With all families of functions", spread(ends)))
    if found.global_ is not None:
        rows += _anywhere(found.global_)
    if (fit := results.fit) is not None and (least := fit.deficit) is not None:
        rows.append(("Largest deficit, local", _at(least.signed_z, least.mass_GeV)))
    what = (
        f"A peak was fitted at {len(mass)} masses from {number(mass[0])} to {number(mass[-1])} "
        "GeV. The local significance is that of one mass; the global one allows for having looked "
        "at all of them."
    )
    what += beside(found.given or ())
    lost = (found.converged or ()).count(False)
    if lost:
        rows.append(("Masses at which a fit did not converge", number(lost)))
    largest = Table(known(rows), notes=(sentence(found.reason),))
    yield Section("scan", "Scan over mass", (what,), (largest,))


def spread(ends: tuple[float, float] | None) -> str:
    """Return the significances that functions give."""
    return "" if ends is None else f"{number(ends[0], 3)} to {sigma(ends[1])}"


def _at(z: float, mass: float) -> str:
    return f"{sigma(z)} at {number(mass)} GeV"


def _anywhere(found: GlobalSignificance) -> tuple[tuple[str, str], ...]:
    return (
        ("The same, anywhere in the range", sigma(found.z)),
        ("Global p-value", number(found.p, 2)),
        ("Global p-value, Gross-Vitells", number(found.gross_vitells_p, 2)),
        ("Global p-value, toys", _toys(found.toys)),
        ("Upcrossings without a signal", _upcrossings(found.upcrossings)),
        ("Local significance of global 3 σ", sigma(found.local_z_of_global.get("3"))),
    )


def _toys(toys: GlobalToys | None) -> str:
    if toys is None:
        return ""
    counted = f"{number(toys.exceeding)} of {number(toys.n, 9)}"
    return f"{number(toys.p, 2)} ({number(toys.p_low, 2)} to {number(toys.p_high, 2)}; {counted})"


def _upcrossings(found: Upcrossings) -> str:
    level = f"{with_error(found.mean, found.error)} of {sigma(found.level_z)}"
    return f"{level}, {number(found.toys, 9)} toys" if found.toys else level


def mass_limits(results: FolderResults) -> Iterator[Section]:
    """Tell the limits against mass, and what they exclude."""
    limits = results.limits
    if limits is None or not len(limits.mass_GeV):
        return
    what = (
        f"CLs upper limits on the {_called(limits.unit)} of X → γγ from the shape of the "
        f"spectrum, at {limits.confidence_level:.0%} confidence level, by "
        f"{'toys' if limits.method == 'toys' else 'asymptotic formulas'}.{beside(limits.given)}"
    )
    notes = [sentence(limits.reason), *_hidden(limits)]
    if any(limits.low_counts):
        notes.append(
            "* Fewer than 20 background events under the peak: the asymptotic limit is too strong "
            "there; --limit-toys makes it exact."
        )
    sentences, tables = (what, *exclusions(limits)), (_limit_table(limits, notes),)
    yield Section("mass_limits", "Limits against mass", sentences, tables)


def _hidden(limits: MassLimits) -> Iterator[str]:
    for reason in dict.fromkeys(each for each in limits.reasons if each is not None):
        yield f"Masses without a limit, {limits.reasons.count(reason)}, lie {reason}."


def _called(unit: Unit) -> str:
    return "number of events" if unit == "events" else "cross-section"


def exclusions(limits: MassLimits | None) -> tuple[str, ...]:
    """Return which masses are excluded at the benchmark strength, as sentences."""
    if limits is None or limits.benchmark is None:
        return ()
    ranges, given = limits.excluded_GeV, " beside what is claimed" * bool(limits.given)
    said = (("excluded", ranges.observed), ("expected to be excluded", ranges.expected))
    return tuple(
        f"At {limits.benchmark:.3g} {limits.unit}{given}, {words}: {_written(found)}."
        for words, found in said
        if found is not None
    )


def _written(ranges: Ranges) -> str:
    if not ranges:
        return "no mass"
    # Of a single mass both ends are the same.
    spans = (" to ".join(dict.fromkeys(map(number, ends))) for ends in ranges)
    return ", ".join(spans) + " GeV"


def _limit_table(limits: MassLimits, notes: list[str]) -> Table:
    mass, unit, bands = limits.mass_GeV, limits.unit, limits.expected
    values = {
        f"observed, {unit}": [None] * len(mass) if limits.observed is None else limits.observed,
        f"expected, {unit}": bands["0"],
        "−1 σ": bands["-1"], "+1 σ": bands["1"], "−2 σ": bands["-2"], "+2 σ": bands["2"],
    }  # fmt: skip
    # Every so many masses, rounded up, so that there are never more rows than that.
    shown = range(0, len(mass), -(-len(mass) // _MOST_ROWS))
    rows = [
        {"Mass": f"{number(mass[i])} GeV{' *' if limits.low_counts[i] else ''}"}
        | {title: number(value[i], 3) for title, value in values.items()}
        for i in shown
    ]
    if len(shown) < len(mass):
        notes.append(f"{len(shown)} of {len(mass)} masses; all are in limits.json.")
    return table(rows, "", *notes)


def goodness(fit: ResonanceFit) -> tuple[tuple[str, str], ...]:
    """Return the rows on how well the fits describe the spectrum, if there are any."""
    found = fit.goodness_of_fit
    if found is None:
        return ()
    rows = (
        ("Goodness of fit (p), background only", number(found.background_only, 2)),
        ("Goodness of fit (p), with the resonance", number(found.with_signal, 2)),
        (
            "Deviance over degrees of freedom, background only",
            _over(found.background_only_deviance),
        ),
        ("Deviance over degrees of freedom, with the resonance", _over(found.with_signal_deviance)),
    )
    return known(rows)


def _over(found: DevianceOfFit | None) -> str:
    return NOTHING if found is None else f"{found.deviance:.1f} / {found.degrees_of_freedom}"


def compatibility(fit: ResonanceFit) -> tuple[Table, ...]:
    """Return the table of the categories' strengths, if they were compared."""
    if not fit.by_channel:
        return ()
    found = [(category_title(n), a.local_z, a.strength) for n, a in fit.by_channel.items()]
    every = (*found, ("All together", fit.local_z_at_mass, fit.strength))
    notes = ["Each category was fitted alone at the fitted mass."]
    together = fit.compatibility
    if together is not None and np.isfinite(together.pvalue):
        chi2, freedom = number(together.chi2, 3), number(together.degrees_of_freedom, 3)
        pvalue = number(together.pvalue, 2)
        notes.append(f"That all have one strength: χ² / d.o.f. = {chi2} / {freedom}, p = {pvalue}.")
    rows = _strengths("Category", every, fit.unit)
    return (table(rows, "Do the categories see one signal?", *notes),)


def _strengths(
    title: str, found: Iterable[tuple[str, float | None, Estimate | None]], unit: Unit
) -> list[dict[str, str]]:
    """Return rows of a name, a local significance and a strength."""
    return [
        {title: name, "local significance": sigma(z), _called(unit): interval(strength, unit)}
        for name, z, strength in found
    ]


def referee(results: FolderResults) -> Iterator[Section]:
    """Tell what nuisance parameters did, and whether other choices give the same."""
    fit = results.fit
    if fit is not None and fit.nuisances:
        what = (
            "A pull is how far the fit moved the parameter, in uncertainties of what was known "
            "before; an impact is how far the strength moves with the parameter."
        )
        nuisances = [
            {
                "Parameter": with_category(parameter.name),
                "pull": with_error(parameter.pull, parameter.pull_error),
                f"impact +1 σ, {fit.unit}": number(parameter.impact_up, 2),
                f"impact −1 σ, {fit.unit}": number(parameter.impact_down, 2),
            }
            for parameter in fit.nuisances
        ]
        yield Section("nuisances", "Systematic uncertainties", (what,), (table(nuisances),))
    if fit is not None and fit.stability:
        choices = [
            (f"{c.what} (used)" if c.used else c.what, c.local_z, c.strength) for c in fit.stability
        ]
        rows = _strengths("Choice", choices, fit.unit)
        yield Section("stability", "Other choices", tables=(table(rows),))
