"""Sections on the selection: its method, what every kind is worth, and how far to trust it."""

from collections.abc import Mapping
from typing import Any

from analysis.folder_results import FolderResults
from analysis.methods import ROWS
from analysis.page.categories import categories
from analysis.page.layout import Section, Table
from analysis.page.wording import number, with_error
from analysis.summary import TITLES, objections
from processors.selection import Interval

Document = Mapping[str, Any]
_MERITS = {"s": "s = S/√B", "asimov": "Asimov significance"}


def selection(results: FolderResults) -> Section:
    """Tell the selection and what it is worth (tasks 3.1 to 3.4)."""
    document = results.selection
    if document is None:
        return Section("selection", "Selection", sentences=("No selection was chosen yet.",))
    tables = (_merits(document), categories(results), _independence(document), _bent(document))
    return Section(
        "selection",
        "Selection",
        sentences=(*_in_use(document), *_optimism(document)),
        tables=tuple(table for table in tables if table is not None),
    )


def _in_use(document: Document) -> tuple[str, ...]:
    """Return the method in use, why it is used, and what speaks against the others."""
    method = document.get("method", "cuts")
    cuts = _cuts(document.get("cuts"))
    if document.get("method") is None:
        return (f"Cuts: {cuts or 'none'}.",)
    if method == "cuts":
        told = f"The best rectangular cuts: {cuts or 'none'}."
    else:
        told = f"{_score_in_words(document)} The best rectangular cuts, for comparison: "
        told += f"{_cuts(document.get('best_cuts')) or 'none'}."
    return (told, _why(document), *(f"{text}." for text in objections(document)))


def _cuts(cuts: Mapping[str, Any] | None) -> str:
    return ", ".join(f"{name} {Interval(**cut)}" for name, cut in (cuts or {}).items())


def _score_in_words(document: Document) -> str:
    score = document.get("score") or {}
    kind = str(score.get("kind", "")).replace("_", " ")
    if document["method"] == "score":
        return f"One cut on a score ({kind}): above {number(score.get('cut'), 3)}."
    edges = [row.get("edge") for row in score.get("categories") or ()]
    lowest = "" if not edges or edges[0] is None else f", above {number(edges[0], 3)}"
    return (
        f"{len(edges)} categories of a score ({kind}){lowest}, fitted together: one mass and one "
        "cross-section, each with its own background."
    )


def _why(document: Document) -> str:
    """Return why this method is used."""
    values = document["by_signal"][document["reference_signal"]]
    flags = document.get("flags") or {}
    free = [m for m, row in ROWS.items() if not flags.get(m) and values.get(row) is not None]
    best = max(free, key=lambda method: float(values[ROWS[method]]), default=None)
    if document["method"] == best:
        return "Of the methods that nothing speaks against it is the one that is worth most."
    return "This method was asked for; it is not the one that is worth most."


def _merits(document: Document) -> Table | None:
    values, errors = document.get("by_signal"), document.get("by_signal_errors")
    if not values or not errors:
        return None
    expected = document.get("expected_fit_z") or {}
    fits = {ROWS[method]: z for method, z in expected.items()}
    if document.get("method") in expected:
        fits["final"] = expected[document["method"]]
    rows = tuple(
        (
            title,
            *(with_error(values[s].get(key), errors[s].get(key)) for s in values),
            *(number(fits.get(key, {}).get(s), 3) for s in values if expected),
        )
        for key, title in TITLES.items()
        if any(values[s].get(key) is not None for s in values)
    )
    merit = _MERITS.get(document.get("figure_of_merit", "s"), "figure of merit")
    notes = [f"Chosen for {document['reference_signal']}. Errors are of the simulated statistics."]
    if expected:
        notes.append(
            "Fit: the expected significance of the combined fit with free backgrounds, which also "
            "knows the shape; it is another number than the figure of merit."
        )
    head = (merit, *values, *(f"fit, {s}" for s in values if expected))
    return Table(head, rows, notes=tuple(notes))


def _independence(document: Document) -> Table | None:
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


def _bent(document: Document) -> Table | None:
    """Return what each of the best cuts does to the mass spectrum."""
    found = document.get("sculpting")
    if not found:
        return None
    rows = tuple(
        (
            f"{name} {Interval(**document['best_cuts'][name])}",
            with_error(bent["size_events"], bent["error_events"]),
            number(bent["pvalue"], 2),
            "flagged" if bent["flagged"] else "",
        )
        for name, bent in found.items()
    )
    head = ("Cut", "events in the window too many", "p-value", "result")
    return Table(head, rows, title="Does a cut bend the mass spectrum of the background?")


def _optimism(document: Document) -> tuple[str, ...]:
    optimism = document.get("optimism")
    if not optimism:
        return ()
    there = number(optimism["chosen_on_half"], 3)
    other = with_error(optimism["checked_on_other_half"], optimism["error"])
    return (
        (
            "An optimum looks better on the events that it was chosen on than it is: cuts chosen "
            f"on one half of the simulation are worth {there} there, {other} on the other."
        ),
    )


# ---- the score -----------------------------------------------------------------------------------


def score(results: FolderResults) -> Section:
    """Tell what the score is, and what its guards say."""
    found = (results.selection or {}).get("score")
    if not found:
        return Section("score", "Mass of what is selected")
    used = (results.selection or {}).get("method") != "cuts"
    first = "" if used else "The score is not in use: it is here for comparison."
    return Section(
        "score",
        "Score",
        sentences=(first, *_guards(found)),
        tables=(_columns(found), _candidates(found)),
    )


def _guards(found: Document) -> tuple[str, ...]:
    """Return in words what may be wrong with the score, and what was found."""
    how = (
        "Simulated events are scored by the half of the simulation that has not seen them, data "
        "by the mean of both halves."
    )
    said = [how]
    trained, chosen = found.get("overtraining"), found.get("optimism")
    if trained:
        verdict = "it is overtrained" if trained.get("flagged") else "it is not overtrained"
        said.append(f"Overtraining: the categories are worth {_compared(trained)}: {verdict}.")
    if chosen:
        said.append(
            f"Optimism: with edges chosen on one half of the simulation they are worth "
            f"{_compared(chosen)}."
        )
    if found.get("independence_pvalue") is not None:
        said.append(
            "Dependence on the mass: that the background's score has one law inside and outside "
            f"the window has p = {number(found['independence_pvalue'], 2)}."
        )
    said += [f"Against it: {flag}." for flag in found.get("flags") or ()]
    return tuple(said)


def _compared(found: Document) -> str:
    there = number(found["there"], 4)
    return f"{there} there and {with_error(found['elsewhere'], found['error'])} on the other half"


def _columns(found: Document) -> Table:
    rows = tuple((n, f"x {number(f, 4)}") for n, f in (found.get("bound_factors") or {}).items())
    return Table(("Column", "multiplies the bound by"), rows, title="What the columns hold")


def _candidates(found: Document) -> Table:
    taken, advantage = found.get("kind"), found.get("trees_advantage") or {}
    rows = tuple(
        (
            str(name).replace("_", " "),
            with_error(each["s"], each["error"]),
            "in use" if name == taken else "",
        )
        for name, each in (found.get("candidates") or {}).items()
    )
    note: tuple[str, ...] = ()
    if advantage.get("value") is not None:
        percent = with_error(100 * advantage["value"], 100 * advantage["error"], "%")
        note = (f"Trees against the likelihood ratio, on the same events: {percent}.",)
    return Table(("Kind", "combined s of its categories", "use"), rows, title="Scores", notes=note)
