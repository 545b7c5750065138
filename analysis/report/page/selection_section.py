"""Sections on the selection: its method, what every kind is worth, and how far to trust it.

Of the categories of a score: what each keeps, what fits it, and how it distorts the mass.
"""

from collections.abc import Mapping, Sequence

from analysis.report.folder_results import FolderResults
from analysis.report.page.layout import Section, Table, table
from analysis.report.page.wording import NOTHING, count, number, with_error
from analysis.report.plots.names import category_title, function_name
from analysis.report.summary import TITLES, objections
from analysis.results.background import PeakBackground
from analysis.results.selection import ChosenSelection, Compared, ScoreCategory, ScoreRecord
from analysis.selection.methods import ROWS
from processors.selection import Interval

_MERITS = {"s": "s = S/√B", "asimov": "Asimov significance"}


def selection(results: FolderResults) -> Section:
    """Tell the selection and what it is worth (tasks 3.1 to 3.4)."""
    chosen = results.selection
    if chosen is None:
        text = f"Cuts: {_cuts(results.cuts)}." if results.cuts else "No selection was chosen yet."
        return Section("selection", "Selection", (text,))
    categories = _categories(results, chosen)
    tables = (_merits(chosen), *categories, _independence(chosen), _distortions(chosen))
    return Section("selection", "Selection", (*_in_use(chosen), _optimism(chosen)), tables)


def _in_use(chosen: ChosenSelection) -> tuple[str, ...]:
    """Return the method in use, why it is used, and what speaks against the others."""
    if chosen.score is None or chosen.method == "cuts":
        text = f"The best rectangular cuts: {_cuts(chosen.cuts) or 'none'}."
    else:
        text = f"{_score_in_words(chosen.method, chosen.score)} The best rectangular cuts, for "
        text += f"comparison: {_cuts(chosen.best_cuts) or 'none'}."
    return (text, _why(chosen), *(f"{objection}." for objection in objections(chosen)))


def _cuts(cuts: Mapping[str, Interval]) -> str:
    return ", ".join(f"{name} {cut}" for name, cut in cuts.items())


def _score_in_words(method: str, score: ScoreRecord) -> str:
    kind = score.kind.replace("_", " ")
    if method == "score":
        return f"One cut on a score ({kind}): above {number(score.cut, 3)}."
    edges = [category.edge for category in score.categories]
    lowest = "" if not edges or edges[0] is None else f", above {number(edges[0], 3)}"
    return (
        f"{len(edges)} categories of a score ({kind}){lowest}, fitted together: one mass and one "
        "cross-section, each with its own background."
    )


def _why(chosen: ChosenSelection) -> str:
    """Return why this method is used."""
    values = {method: chosen.significance[row] for method, row in ROWS.items()}
    free = {m: value for m, value in values.items() if value is not None and not chosen.flags[m]}
    # The same comparison as that which chose: the reason is found again, not remembered.
    if chosen.method == max(free, key=lambda method: free[method], default=None):
        return "Of the methods that nothing speaks against it is the one that is worth most."
    return "This method was asked for; it is not the one that is worth most."


def _merits(chosen: ChosenSelection) -> Table:
    values, errors = chosen.by_signal, chosen.by_signal_errors
    expected = chosen.expected_fit_z or {}
    fits = {ROWS[method]: z for method, z in expected.items()}
    if chosen.method in expected:
        fits["final"] = expected[chosen.method]
    rows = [
        (
            title,
            *(with_error(values[s].get(key), errors[s].get(key)) for s in values),
            *(number(fits.get(key, {}).get(s), 3) for s in values if expected),
        )
        for key, title in TITLES.items()
        if any(values[s].get(key) is not None for s in values)
    ]
    notes = [f"Chosen for {chosen.reference_signal}. Uncertainties: of the simulated statistics."]
    if expected:
        notes.append(
            "Fit: the expected significance of the combined fit with free backgrounds, which also "
            "knows the shape; it is another number than the figure of merit."
        )
    merit = _MERITS[chosen.figure_of_merit]
    head = (merit, *values, *(f"fit, {s}" for s in values if expected))
    return Table(rows, notes=notes, head=head)


def _independence(chosen: ChosenSelection) -> Table:
    found = chosen.independence_pvalues
    rows = [{"Column": name, "p-value": number(value, 2)} for name, value in found.items()]
    note = f"Background fractions are taken from the {chosen.background_fractions_from}."
    return table(rows, "Same shape of the background inside and outside the window", note)


def _distortions(chosen: ChosenSelection) -> Table:
    """Return what each of the best cuts does to the mass spectrum."""
    rows = [
        {
            "Cut": f"{name} {chosen.best_cuts[name]}",
            "events in the window too many": with_error(found.size_events, found.error_events),
            "p-value": number(found.pvalue, 2),
            "result": "flagged" if found.flagged else "",
        }
        for name, found in chosen.sculpting.items()
    ]
    return table(rows, "Does a cut distort the mass spectrum of the background?")


def _optimism(chosen: ChosenSelection) -> str:
    optimism = chosen.optimism
    there = number(optimism.chosen_on_half, 3)
    other = with_error(optimism.checked_on_other_half, optimism.error)
    return (
        "An optimum looks better on the events that it was chosen on than it is: cuts chosen "
        f"on one half of the simulation are worth {there} there, {other} on the other."
    )


# ---- categories ----------------------------------------------------------------------------------


def _categories(results: FolderResults, chosen: ChosenSelection) -> tuple[Table, ...]:
    """Return what each category in use keeps, and what fits it, if there are any."""
    if chosen.score is None or results.score is None or chosen.method != "categories":
        return ()
    rows = chosen.score.categories
    body = [
        {"Category": category_title(name), **_kept(rows, place), **_fitted(results.peaks.get(name))}
        for place, name in enumerate(results.score.names)
    ]
    signal, window = chosen.reference_signal, results.window
    note = (
        f"S of {signal} and B: expected in {window.min:g} to {window.max:g} GeV; s = S/√B. Data in "
        "the sidebands: expected. Simulated B: events that the fraction of B is taken from. "
        "Distortion of the mass: expected data events in the window beyond those that the "
        "sidebands and all other background let expect. Spurious signal: the largest, in events "
        "and in uncertainties of the signal at that mass."
    )
    return (table(body, "Categories", note),)


def _kept(rows: Sequence[ScoreCategory], place: int) -> dict[str, str]:
    """Return what one of the categories keeps."""
    row, found = rows[place], rows[place].sculpting
    distortion = with_error(found.size_events, found.error_events)
    return {
        "score": _range(rows, place),
        "S": number(row.signal_events, 3),
        "B": number(row.background_events, 4),
        "s": number(row.s, 3),
        "data in the sidebands": count(row.sideband_data_events),
        "simulated B": count(row.simulated_background_events),
        "distortion of the mass, events": distortion + (", flagged" if found.flagged else ""),
    }


def _range(rows: Sequence[ScoreCategory], place: int) -> str:
    """Return between which edges a category lies."""
    low = rows[place].edge
    high = rows[place + 1].edge if place + 1 < len(rows) else None
    if low is None:
        return "all" if high is None else f"below {number(high, 3)}"
    return f"above {number(low, 3)}" if high is None else f"{number(low, 3)} to {number(high, 3)}"


def _fitted(peak: PeakBackground | None) -> dict[str, str]:
    """Return the function under a peak, and its largest spurious signal."""
    if peak is None:
        return dict.fromkeys(("under a peak", "spurious signal"), NOTHING)
    found = peak.spurious
    at = int(abs(found.events).argmax())  # in events: the signal's uncertainty falls with its mass
    relative = abs(found.events[at]) / found.error_events[at] if found.error_events[at] else None
    size = f"{number(found.events[at], 2)} ({number(relative, 2)} σ)"  # noqa: RUF001 - Greek
    largest = f"{size} at {number(found.mass_GeV[at])} GeV"
    return {"under a peak": function_name(peak), "spurious signal": largest}


# ---- the score -----------------------------------------------------------------------------------


def score(results: FolderResults) -> Section:
    """Tell what the score is, and what its guards say."""
    chosen = results.selection
    if chosen is None or chosen.score is None:
        return Section("score", "Mass of what is selected")
    used = chosen.method != "cuts"
    first = "" if used else "The score is not in use: it is here for comparison."
    return Section("score", "Score", (first, *_guards(chosen.score)), _tables(chosen.score))


def _guards(score: ScoreRecord) -> tuple[str, ...]:
    """Return in words what may be wrong with the score, and what was found."""
    trained = "overtrained" if score.overtraining.flagged else "not overtrained"
    return (
        (
            "Simulated events are scored by the half of the simulation that has not seen them, "
            "data by the mean of both halves."
        ),
        f"Overtraining: the categories are worth {_compared(score.overtraining)}: it is {trained}.",
        (
            "Optimism: with edges chosen on one half of the simulation they are worth "
            f"{_compared(score.optimism)}."
        ),
        (
            "Dependence on the mass: that the background's score has one law inside and outside "
            f"the window has p = {number(score.independence_pvalue, 2)}."
        ),
        *(f"Against it: {flag}." for flag in score.flags),
    )


def _compared(found: Compared) -> str:
    there = number(found.there, 4)
    return f"{there} there and {with_error(found.elsewhere, found.error)} on the other half"


def _tables(score: ScoreRecord) -> tuple[Table, Table]:
    """Return what the columns hold, and what other scores are worth."""
    factors, advantage = score.bound_factors, score.trees_advantage
    columns = [
        {"Column": name, "multiplies the bound by": f"x {number(factor, 4)}"}
        for name, factor in factors.items()
    ]
    kinds = [
        {
            "Kind": name.replace("_", " "),
            "combined s of its categories": with_error(each.s, each.error),
            "use": "in use" if name == score.kind else "",
        }
        for name, each in score.candidates.items()
    ]
    percent = with_error(100 * advantage.value, 100 * advantage.error, "%")
    note = f"Trees against the likelihood ratio, on the same events: {percent}."
    return table(columns, "What the columns hold"), table(kinds, "Scores", note)
