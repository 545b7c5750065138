"""What is told of a score: rows of the table of selections, its guards, its training record."""

from collections.abc import Mapping, Sequence
from importlib import metadata

import numpy as np

from analysis.results.score import ScoreTraining
from analysis.results.selection import (
    CandidateMerit,
    ScoreCategory,
    ScoreRecord,
    Sculpting,
    TreesAdvantage,
)
from analysis.selection.scores.categories import Demands
from analysis.selection.scores.choose import ScoreChoice, TrainedScore
from analysis.selection.scores.guards import (
    category_sculpting,
    flagged_dependence,
    optimism,
    overtraining,
    score_independence,
)
from analysis.selection.scores.merit import bound
from analysis.selection.scores.training import Sample
from processors.histograms import Counts
from tools.digests import digest_text

FOLDS = (
    "2, by the event's index in its sample: the first table is trained on even, the second on odd "
    "events; simulation is scored by the table of the other half, data by the mean of both"
)


def rows(
    sample: Sample, choice: ScoreChoice, signal: str, *, seed: int
) -> dict[str, tuple[float, float]]:
    """Return value and error of ``score_cut``, ``categories`` and ``bound`` for one signal."""
    limit = bound(sample, choice.terms, signal, rng=np.random.default_rng(seed))
    return {
        "score_cut": choice.chosen.cut_yields(sample).significance(signal),
        "categories": choice.chosen.yields(sample).significance(signal),
        "bound": (limit.value, limit.error),
    }


def section(
    sample: Sample, choice: ScoreChoice, demands: Demands, signal: str, *, seed: int
) -> ScoreRecord:
    """Return what ``selection.json`` says of a score."""
    chosen, pvalue = choice.chosen, score_independence(sample, choice.chosen)
    bent = category_sculpting(sample, chosen)
    return ScoreRecord(
        kind=chosen.kind,
        cut=None if chosen.cut == -np.inf else chosen.cut,
        categories=_categories(sample, chosen, signal, bent),
        bound_factors=dict(
            bound(sample, choice.terms, signal, rng=np.random.default_rng(seed)).factors
        ),
        trees_advantage=TreesAdvantage(value=choice.advantage, error=choice.advantage_error),
        candidates={
            name: _merit(*each.yields(sample).significance(signal))
            for name, each in choice.candidates.items()
        },
        overtraining=overtraining(sample, chosen, signal),
        optimism=optimism(sample, chosen, demands, signal),
        independence_pvalue=pvalue,
        flags=tuple(_flags(sample, choice, signal, pvalue, [each.flagged for each in bent])),
    )


def _categories(
    sample: Sample, chosen: TrainedScore, signal: str, bent: Sequence[Sculpting]
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
            sculpting=bent[i],
        )
        for i, edge in enumerate(chosen.edges)
    )


def _merit(s: float, error: float) -> CandidateMerit:
    return CandidateMerit(s=s, error=error)


def _flags(
    sample: Sample, choice: ScoreChoice, signal: str, pvalue: float, bent: list[bool]
) -> list[str]:
    """Return what the guards object to; empty: nothing."""
    flags = [f"the score depends on the mass (p = {pvalue:.1e})"]
    flags = flags if flagged_dependence({"score": pvalue}) else []
    if overtraining(sample, choice.chosen, signal).flagged:
        flags.append("overtrained")
    return flags + [f"category {i + 1} bends the mass spectrum" for i, b in enumerate(bent) if b]


def training_record(
    joints: Mapping[str, Counts],
    sample: Sample,
    choice: ScoreChoice,
    pvalues: Mapping[str, float],
    *,
    seed: int,
) -> ScoreTraining:
    """Return what a score was trained on and with, for its file."""
    return ScoreTraining(
        inputs=tuple(axis.name for axis in sample.axes),
        signals=tuple(sample.signals),
        folds=FOLDS,
        histograms={name: _digest(joint) for name, joint in joints.items()},
        background_from="whole sample" if sample.independent else "window only",
        independence_pvalues=dict(pvalues),
        dependent=tuple(flagged_dependence(dict(pvalues))),
        versions={name: metadata.version(name) for name in ("numpy", "scikit-learn")},
        seed=seed,
        trees_advantage=(choice.advantage, choice.advantage_error),
    )


def _digest(joint: Counts) -> str:
    axes = "; ".join(f"{a.name} {a.size} {a.edges[0]:g} {a.edges[-1]:g}" for a in joint.axes)
    return digest_text(axes, np.asarray(joint.view(flow=True), "<i8").tobytes().hex())
