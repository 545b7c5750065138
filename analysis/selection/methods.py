"""Which selection the analysis uses: rectangular cuts, one cut on a score, or categories of it.

All are made from the joint histograms, and the table of ``selection.json`` compares them. A score
is used if nothing speaks against it (`analysis.selection.scores.record`): it must not depend on the
mass, nor be worth much more on the events that trained it, nor distort the mass spectrum. Of the
methods that are left the best one is taken, unless the search file names one.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from analysis.results.score import ScoreFile
from analysis.results.selection import ChosenSelection, Sculpting
from analysis.selection.expected_fit import Fractions
from analysis.selection.optimise import MeritTable, Optimum, grid_of, kept_by_cuts, optimise
from analysis.selection.scores import record
from analysis.selection.scores.choose import ScoreChoice, choose
from analysis.selection.scores.score_file import document_of
from analysis.selection.scores.sculpting import sculpting
from analysis.selection.scores.training import Simulated, sample_of
from analysis.settings.mass_columns import refuse_leakage
from analysis.settings.search import Search
from processors.selection import Interval
from tools.errors import InputError, RefusedError

ROWS = {"cuts": "best_cuts", "score": "score_cut", "categories": "categories"}
"""method -> row of the table, from the simplest to the best"""


@dataclass(frozen=True, slots=True)
class Selected:
    """What was chosen."""

    selection: ChosenSelection = field(repr=False)
    score: ScoreFile | None = field(repr=False)
    """None if the method is ``cuts``"""
    shares: Mapping[str, Fractions] = field(repr=False)
    """what each method keeps"""

    @property
    def words(self) -> str:
        """The selection in a line."""
        if self.score is None:
            cuts = self.selection.cuts.items()
            return ", ".join(f"{name} < {cut.max:g}" for name, cut in cuts) or "no cut"
        kind, edges = self.score.kind.replace("_", " "), self.score.edges
        lowest = "" if edges[0] is None else f", above {edges[0]:g}"
        what = "one cut on" if len(edges) == 1 else f"{len(edges)} categories of"
        return f"{what} a score ({kind}){lowest}"


def select(simulated: Simulated, search: Search) -> Selected:
    """Choose the selection.

    Raises
    ------
    InputError
        If the reference signal is missing, or nothing keeps enough events.
    RefusedError
        If a score would be made of columns that make the mass.
    """
    optimum = optimise(simulated, search.optimise)
    choice, reason = _train(simulated, search, optimum)
    reference = search.optimise.reference_signal
    section = None if choice is None else record.section(choice, reference)
    flags = dict.fromkeys(ROWS, (reason,) if section is None else section.flags) | {"cuts": ()}
    tables = optimum.tables
    if choice is not None:
        tables = {name: table | record.rows(choice, name) for name, table in tables.items()}
    method = _taken(search, tables[reference], flags)
    tables = {name: table | {"final": table[ROWS[method]]} for name, table in tables.items()}
    values, errors = (
        {name: {row: pair[i] for row, pair in table.items()} for name, table in tables.items()}
        for i in (0, 1)
    )
    score = _score_file(choice, method, simulated, optimum)
    cuts = {name: Interval(max=cut) for name, cut in optimum.cuts.items()}
    chosen = ChosenSelection(
        cuts=cuts if score is None else {},
        reference_signal=reference,
        figure_of_merit=search.optimise.figure_of_merit,
        significance=values[reference],
        errors=errors[reference],
        n_jets_scan=optimum.n_jets_scan,
        by_signal=values,
        by_signal_errors=errors,
        optimism=optimum.optimism,
        independence_pvalues=dict(optimum.independence_pvalues),
        background_fractions_from="whole sample" if optimum.independent else "window only",
        method=method,
        best_cuts=cuts,
        score_digest=None if score is None else score.digest,
        flags=flags,
        sculpting=_sculpting_of_cuts(simulated, optimum),
        score=section,
    )
    return Selected(chosen, score, _fractions(simulated, optimum, choice))


def _train(
    simulated: Simulated, search: Search, optimum: Optimum
) -> tuple[ScoreChoice | None, str]:
    """Return the trained scores, or why there are none; raise if one was asked for."""
    method = search.optimise.method
    try:
        refuse_leakage(list(optimum.independence_pvalues), force=search.score.mass_columns)
        sample = sample_of(simulated, independent=optimum.independent)
        return choose(sample, search.score), ""
    except (RefusedError, InputError) as error:
        # The best method may be cuts where there is too little to learn, not where one is refused.
        if method in {"score", "categories"} or (
            method == "best" and isinstance(error, RefusedError)
        ):
            raise
        return None, str(error)


def _score_file(
    choice: ScoreChoice | None, method: str, simulated: Simulated, optimum: Optimum
) -> ScoreFile | None:
    if choice is None or method == "cuts":
        return None
    training = record.training_record(choice, simulated.joints, optimum.independence_pvalues)
    return document_of(choice, choice.chosen.by(method).edges, training)


def _taken(search: Search, merits: MeritTable, flags: Mapping[str, tuple[str, ...]]) -> str:
    """Return the method that is asked for, or the best of those that nothing speaks against."""
    asked = search.optimise.method
    if asked != "best":
        return asked
    return max((m for m in ROWS if not flags[m]), key=lambda m: merits[ROWS[m]][0] or 0.0)


def _fractions(
    simulated: Simulated, optimum: Optimum, choice: ScoreChoice | None
) -> dict[str, Fractions]:
    """Return what each method keeps."""
    # Of a signal, and where columns follow the mass, only events of the window count.
    background = simulated.background
    anywhere = {background} if optimum.independent else set()
    by_cuts = {
        name: np.array([kept_by_cuts(joint, optimum.cuts, anywhere=name in anywhere)])
        for name, joint in simulated.joints.items()
    }
    found: dict[str, Fractions] = {"cuts": by_cuts}
    if choice is not None:
        sample = choice.sample
        inside = {name: counts[:, 0].sum() for name, counts in sample.signals.items()}
        for method in ("score", "categories"):
            yields = choice.chosen.by(method).yields(sample)
            kept = {name: events / inside[name] for name, events in yields.signals.items()}
            found[method] = {background: yields.passing / sample.passing.sum(), **kept}
    return found


def _sculpting_of_cuts(simulated: Simulated, optimum: Optimum) -> dict[str, Sculpting]:
    """Return what each of the best rectangular cuts does to window against sideband."""
    joint, weight = simulated.joints[simulated.background], simulated.weights[simulated.background]
    found, grid, looked_at = {}, grid_of(joint), len(optimum.cuts)
    place = dict(zip(grid.edges, grid.index(optimum.cuts), strict=True))
    for name in optimum.cuts:
        counts = np.asarray(joint.project("region", name).view(flow=True), np.float64)
        kept, rest = np.split(counts, [place[name] + 1], axis=1)
        found[name] = sculpting(
            kept.sum(axis=1), rest.sum(axis=1), weight=weight, looked_at=looked_at
        )
    return found
