"""Which selection the analysis uses: rectangular cuts, one cut on a score, or categories of it.

All are made from the joint histograms, and the table of ``selection.json`` compares them. A score
is used if nothing speaks against it (`analysis.selection.scores.guards`): it must not depend on the
mass, nor be worth much more on the events that trained it, nor bend the mass spectrum. Of the
methods that are left the best one is taken, unless the search file names one.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from analysis.results.score import ScoreFile
from analysis.results.selection import ChosenSelection, Merits, ScoreRecord, Sculpting
from analysis.selection.expected_fit import Shares
from analysis.selection.optimise import Optimum, cuts_alone, optimise
from analysis.selection.scores import record
from analysis.selection.scores.categories import Demands
from analysis.selection.scores.choose import ScoreChoice, TrainedScore, choose
from analysis.selection.scores.score_file import document_of
from analysis.selection.scores.sculpting import sculpting
from analysis.selection.scores.training import Sample, sample_of
from analysis.settings.search import Score, Search
from processors.histograms import Counts
from tools.errors import InputError, RefusedError

ROWS = {"cuts": "best_cuts", "score": "score_cut", "categories": "categories"}
"""method -> row of the table, from the simplest to the best"""
SEED = 1
"""of the trees and the bootstrap"""


@dataclass(frozen=True, slots=True)
class Selected:
    """What was chosen."""

    selection: ChosenSelection = field(repr=False)
    score: ScoreFile | None = field(repr=False)
    """None if the method is ``cuts``"""
    shares: Mapping[str, Shares] = field(repr=False)
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


@dataclass(frozen=True, slots=True, eq=False)
class Trained:
    """A score, and what it was trained on."""

    sample: Sample
    choice: ScoreChoice
    demands: Demands

    def candidate(self, method: str) -> TrainedScore:
        """Return the score with the edges of a method: those of categories, or one cut."""
        chosen = self.choice.chosen
        return replace(chosen, edges=(chosen.cut,)) if method == "score" else chosen

    def shares(self, method: str) -> Shares:
        """Return what a method keeps."""
        yields = self.candidate(method).yields(self.sample)
        passing = self.sample.passing.sum()
        inside = {name: counts[:, 0].sum() for name, counts in self.sample.signals.items()}
        return Shares(
            yields.passing / passing, {n: s / inside[n] for n, s in yields.signals.items()}
        )


def select(
    joints: Mapping[str, Counts], weights: Mapping[str, float], background: str, search: Search
) -> Selected:
    """Choose the selection.

    Parameters
    ----------
    joints : mapping of str to Hist
        The joint histograms of the background and of every signal.
    weights : mapping of str to float
        Expected events per simulated one.
    background : str
        Which of them is the background.
    search : Search

    Raises
    ------
    InputError
        If the reference signal is missing, or nothing keeps enough events.
    RefusedError
        If a score would be made of columns that make the mass.
    """
    optimum = optimise(joints, weights, background, search.optimise)
    trained, reason = _train(joints, weights, background, search, optimum)
    reference = search.optimise.reference_signal
    values, errors = _tables(optimum, trained)
    section = _section(trained, reference)
    flags = dict.fromkeys(ROWS, (reason,) if section is None else section.flags)
    flags["cuts"] = ()
    method = _taken(search, values[reference], flags)
    for rows in (*values.values(), *errors.values()):
        rows["final"] = rows[ROWS[method]]
    score = None
    if trained is not None and method != "cuts":
        score = _score_document(trained, method, joints, optimum)
    shares = {"cuts": _shares_of_cuts(joints, background, optimum)}
    if trained is not None:
        shares |= {each: trained.shares(each) for each in ("score", "categories")}
    chosen = cuts_alone(optimum, search.optimise)
    chosen = replace(
        chosen,
        cuts=chosen.cuts if score is None else {},
        significance=values[reference],
        errors=errors[reference],
        by_signal=values,
        by_signal_errors=errors,
        method=method,
        score_digest=None if score is None else score.digest,
        flags=flags,
        sculpting=_sculpting_of_cuts(joints[background], optimum, weights[background]),
        score=section,
    )
    return Selected(chosen, score, shares)


def _train(
    joints: Mapping[str, Counts],
    weights: Mapping[str, float],
    background: str,
    search: Search,
    optimum: Optimum,
) -> tuple[Trained | None, str]:
    """Return a trained score, or why there is none; raise if one was asked for."""
    settings, method = search.score, search.optimise.method
    demands = demands_of(settings)
    try:
        sample = sample_of(
            joints, weights, background,
            independent=optimum.independent, force=settings.mass_columns,
        )  # fmt: skip
        kind = None if settings.kind == "best" else settings.kind
        return Trained(sample, choose(sample, demands, seed=SEED, kind=kind), demands), ""
    except RefusedError as error:
        if method != "cuts":
            raise
        return None, str(error)
    except InputError as error:
        if method in {"score", "categories"}:
            raise
        return None, str(error)


def demands_of(settings: Score) -> Demands:
    """Return what categories have to satisfy."""
    return Demands(
        most=settings.most_categories,
        least=settings.least_categories,
        least_gain=settings.least_gain,
        sideband_events=settings.sideband_events,
        background_events=settings.background_events,
    )


def _tables(optimum: Optimum, trained: Trained | None) -> tuple[Merits, Merits]:
    """Return value and uncertainty of every kind of selection, by signal."""
    values, errors = (
        {name: dict(rows) for name, rows in table.items()}
        for table in (optimum.by_signal, optimum.errors)
    )
    if trained is not None:
        for name in values:
            rows = record.rows(trained.sample, trained.choice, name, seed=SEED)
            for row, (value, error) in rows.items():
                values[name][row], errors[name][row] = value, error
    return values, errors


def _section(trained: Trained | None, signal: str) -> ScoreRecord | None:
    if trained is None:
        return None
    return record.section(trained.sample, trained.choice, trained.demands, signal, seed=SEED)


def _taken(
    search: Search, merits: Mapping[str, float | None], flags: Mapping[str, tuple[str, ...]]
) -> str:
    """Return the method that is asked for, or the best of those that nothing speaks against."""
    asked = search.optimise.method
    if asked != "best":
        return asked
    return max((m for m in ROWS if not flags[m]), key=lambda m: merits[ROWS[m]] or 0.0)


def _score_document(
    trained: Trained, method: str, joints: Mapping[str, Counts], optimum: Optimum
) -> ScoreFile:
    choice, candidate = trained.choice, trained.candidate(method)
    ratio = candidate.kind == "likelihood_ratio"
    return document_of(
        candidate.kind,
        trained.sample.axes,
        candidate.edges,
        terms=choice.terms if ratio else None,
        folds=None if ratio else candidate.folds,
        training=record.training_record(
            joints, trained.sample, choice, optimum.independence_pvalues, seed=SEED
        ),
    )


def _shares_of_cuts(joints: Mapping[str, Counts], background: str, optimum: Optimum) -> Shares:
    """Return what the best rectangular cuts keep."""

    def kept(name: str, region: slice | int) -> float:
        joint = joints[name]
        counts = np.asarray(joint.view(flow=True), np.float64).sum(axis=0)[region]
        counts = counts if region == 0 else counts.sum(axis=0)
        cut = optimum.bins(joint)
        return float(counts[cut].sum() / counts.sum())

    region = slice(None) if optimum.independent else 0
    signals = {name: np.array([kept(name, 0)]) for name in joints if name != background}
    return Shares(np.array([kept(background, region)]), signals)


def _sculpting_of_cuts(joint: Counts, optimum: Optimum, weight: float) -> dict[str, Sculpting]:
    """Return what each of the best rectangular cuts does to window against sideband."""
    found, window = {}, np.array([True, False])
    for name, cut in optimum.cuts.items():
        counts = np.asarray(joint.project("region", name).view(flow=True), np.float64)
        below = 1 + int(np.argmin(np.abs(np.asarray(joint.axes[name].edges) - cut)))
        kept, rest = counts[:, :below].sum(axis=1), counts[:, below:].sum(axis=1)
        found[name] = sculpting(kept, rest, window, weight=weight, looked_at=len(optimum.cuts))
    return found
