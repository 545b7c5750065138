"""What is told of a score: rows of the table of selections, what may be wrong, its training record.

What may be wrong is measured:

- *Overtraining*: a table is worth more on the half that trained it than on the other. It costs
  nothing here, as only the other half is ever quoted; but a score that has learnt noise is worse
  than a simpler one, so the difference is stated, and flagged beyond 5 % and three errors.
- *Optimism*: edges that are the best on a sample look better on it than they are. So they are also
  chosen on each half and quoted on the other.
- *Dependence on the mass*: the score's distribution of background in the window against that in
  the sidebands; and, category by category, the mass spectrum (`sculpting`).
"""

import math
from collections.abc import Mapping, Sequence
from importlib import metadata

import numpy as np

from analysis.results.score import ScoreTraining
from analysis.results.selection import (
    CandidateMerit,
    Compared,
    ScoreCategory,
    ScoreRecord,
    Sculpting,
    TreesAdvantage,
)
from analysis.selection.scores.choose import ScoreChoice, TrainedScore
from analysis.selection.scores.figure_of_merit import (
    best_categories,
    bound,
    fine_edges,
    in_bins,
    yields_of,
)
from analysis.selection.scores.sculpting import LEVEL, same_shape_pvalue, sculpting
from analysis.selection.scores.training import HALVES, SEED, Sample
from analysis.settings.search import Score
from processors.histograms import Counts
from tools.arrays import FloatArray
from tools.digests import digest_text

FOLDS = (
    "2, by the event's index in its sample: the first table is trained on even, the second on odd "
    "events; simulation is scored by the table of the other half, data by the mean of both"
)
_TOLERATED, _ERRORS = 0.05, 3.0
"""fraction of the significance, and errors, by which the half that trained may be better"""


def rows(choice: ScoreChoice, signal: str) -> dict[str, tuple[float, float]]:
    """Return value and error of ``score_cut``, ``categories`` and ``bound`` for one signal."""
    value, error, _ = bound(choice.sample, choice.terms, signal)
    return {
        "score_cut": choice.chosen.by("score").yields(choice.sample).significance(signal),
        "categories": choice.chosen.yields(choice.sample).significance(signal),
        "bound": (value, error),
    }


def section(choice: ScoreChoice, signal: str) -> ScoreRecord:
    """Return what ``selection.json`` says of a score."""
    sample, chosen = choice.sample, choice.chosen
    trained, pvalue = overtraining(sample, chosen, signal), score_independence(sample, chosen)
    sculpted = category_sculpting(sample, chosen)
    flags = [f"the score depends on the mass (p = {pvalue:.1e})"] if pvalue < LEVEL else []
    flags += ["overtrained"] if trained.flagged else []
    flags += [
        f"category {i + 1} distorts the mass spectrum" for i, b in enumerate(sculpted) if b.flagged
    ]
    worth = {n: each.yields(sample).significance(signal) for n, each in choice.candidates.items()}
    return ScoreRecord(
        kind=chosen.kind,
        cut=None if chosen.cut == -np.inf else chosen.cut,
        categories=_categories(sample, chosen, signal, sculpted),
        bound_factors=bound(sample, choice.terms, signal)[2],
        trees_advantage=TreesAdvantage(value=choice.advantage, error=choice.advantage_error),
        candidates={name: CandidateMerit(s=s, error=error) for name, (s, error) in worth.items()},
        overtraining=trained,
        optimism=optimism(sample, chosen, choice.demands, signal),
        independence_pvalue=pvalue,
        flags=tuple(flags),
    )


def _categories(
    sample: Sample, chosen: TrainedScore, signal: str, sculpted: Sequence[Sculpting]
) -> tuple[ScoreCategory, ...]:
    yields = chosen.yields(sample)
    return tuple(
        ScoreCategory(
            edge=None if edge == -np.inf else edge,
            signal_events=yields.signals[signal][i] * yields.weights[signal],
            background_events=yields.background[i],
            sideband_data_events=yields.sideband[i],
            simulated_background_events=yields.passing[i],
            s=np.sqrt(yields.squared(signal)[i]),
            sculpting=sculpted[i],
        )
        for i, edge in enumerate(chosen.edges)
    )


def overtraining(sample: Sample, score: TrainedScore, signal: str) -> Compared:
    """Return combined s of the categories on the training halves and on the others."""
    seen, _ = yields_of(sample, list(score.folds), score.edges).significance(signal)
    unseen, error = score.yields(sample).significance(signal)
    excess = seen - unseen
    flagged = excess > _TOLERATED * unseen and excess > _ERRORS * error
    return Compared(seen, unseen, error, flagged)


def optimism(sample: Sample, score: TrainedScore, demands: Score, signal: str) -> Compared:
    """Return combined s of the best categories where they were chosen and elsewhere."""
    there, elsewhere, errors = [], [], []
    fine = fine_edges(sample, score.scores)
    for half in HALVES:
        yields = yields_of(sample, score.scores, fine, half=half)
        edges = best_categories(yields, fine, demands, list(sample.signals))
        chosen, checked = (
            yields_of(sample, score.scores, edges, half=h).significance(signal)
            for h in (half, 1 - half)
        )
        there.append(chosen[0])
        elsewhere.append(checked[0])
        errors.append(checked[1])
    # Of a mean of two: each half is checked on the other, and they share no event.
    error = math.hypot(*errors) / 2
    return Compared(float(np.mean(there)), float(np.mean(elsewhere)), error)


def score_independence(sample: Sample, score: TrainedScore) -> float:
    """Return the p-value that the background's score has one law in window and sidebands."""
    counts = _by_region(sample, score, fine_edges(sample, score.scores))
    in_window = counts[0].sum() / counts.sum()
    # Of ten events or more expected in the window, from the highest score down.
    groups = (np.cumsum(counts.sum(axis=0)[::-1])[::-1] * in_window // 10).astype(int)
    return same_shape_pvalue(np.array([np.bincount(groups, region) for region in counts]))


def category_sculpting(sample: Sample, score: TrainedScore) -> list[Sculpting]:
    """Return what each category does to window against sideband, before any spectrum is filled."""
    counts = _by_region(sample, score, score.edges)
    everything = sample.background.sum(axis=(0, 2))
    weight, looked_at = sample.background_weight, len(score.edges)
    return [
        sculpting(each, everything - each, weight=weight, looked_at=looked_at) for each in counts.T
    ]


def _by_region(
    sample: Sample, score: TrainedScore, edges: Sequence[float] | FloatArray
) -> FloatArray:
    """Return simulated background in window and sideband, shape (2, bins of the score)."""
    counted = in_bins(score.scores, edges)
    return np.array([counted(sample.background[:, region]) for region in (0, 1)])


def training_record(
    choice: ScoreChoice, joints: Mapping[str, Counts], pvalues: Mapping[str, float]
) -> ScoreTraining:
    """Return what a score was trained on and with, for its file."""
    sample = choice.sample
    return ScoreTraining(
        inputs=tuple(axis.name for axis in sample.axes),
        signals=tuple(sample.signals),
        folds=FOLDS,
        histograms={name: _digest(joint) for name, joint in joints.items()},
        background_from="whole sample" if sample.independent else "window only",
        independence_pvalues=dict(pvalues),
        dependent=tuple(name for name, pvalue in pvalues.items() if pvalue < LEVEL),
        versions={name: metadata.version(name) for name in ("numpy", "scikit-learn")},
        seed=SEED,
        trees_advantage=(choice.advantage, choice.advantage_error),
    )


def _digest(joint: Counts) -> str:
    axes = "; ".join(f"{a.name} {a.size} {a.edges[0]:g} {a.edges[-1]:g}" for a in joint.axes)
    return digest_text(axes, np.asarray(joint.view(flow=True), "<i8").tobytes().hex())
