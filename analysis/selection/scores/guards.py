"""What may be wrong with a score, measured: overtraining, optimism, dependence on the mass.

- *Overtraining*: a table is worth more on the half that trained it than on the other. It costs
  nothing here, as only the other half is ever quoted; but a score that has learnt noise is worse
  than a simpler one, so the difference is stated, and flagged beyond 5 % and three errors.
- *Optimism*: edges that are the best on a sample look better on it than they are. So they are also
  chosen on each half and quoted on the other.
- *Dependence on the mass*: the score's distribution of background in the window against that in
  the sidebands; and, category by category, the mass spectrum (`sculpting`).
"""

import math

import numpy as np
import numpy.typing as npt

from analysis.results.selection import Compared, Sculpting
from analysis.selection.scores.categories import (
    Demands,
    best_categories,
    best_cut,
    category_yields,
    fine_edges,
)
from analysis.selection.scores.choose import TrainedScore
from analysis.selection.scores.merit import yields_of
from analysis.selection.scores.sculpting import LEVEL, sculpting
from analysis.selection.scores.training import HALVES, Sample

TOLERATED = 0.05
"""part of the significance by which the training half may be better"""
ERRORS = 3.0


def overtraining(sample: Sample, candidate: TrainedScore, signal: str) -> Compared:
    """Return combined s of the categories on the training halves and on the others."""
    seen = category_yields(sample, list(candidate.folds), candidate.edges).significance(signal)
    unseen = candidate.yields(sample).significance(signal)
    excess = seen[0] - unseen[0]
    flagged = excess > TOLERATED * unseen[0] and excess > ERRORS * unseen[1]
    return Compared(seen[0], unseen[0], unseen[1], flagged)


def optimism(
    sample: Sample, candidate: TrainedScore, demands: Demands, signal: str, *, cut: bool = False
) -> Compared:
    """Return combined s of categories (or of one cut) where they were chosen and elsewhere."""
    there, elsewhere, errors, signals = [], [], [], list(sample.signals)
    for half in HALVES:
        fine = fine_edges(sample, candidate.scores)
        yields = yields_of(sample, candidate.scores, fine, half=half)
        edges = (
            (best_cut(yields, fine, demands, signals),)
            if cut
            else best_categories(yields, fine, demands, signals)
        )
        chosen, checked = (
            category_yields(sample, candidate.scores, edges, half=h).significance(signal)
            for h in (half, 1 - half)
        )
        there.append(chosen[0])
        elsewhere.append(checked[0])
        errors.append(checked[1])
    error = math.hypot(*errors) / 2
    return Compared(float(np.mean(there)), float(np.mean(elsewhere)), error)


def score_independence(sample: Sample, candidate: TrainedScore) -> float:
    """Return the p-value that the background's score has one law in window and sidebands."""
    from scipy.stats import chi2_contingency

    counts = _by_region(sample, candidate, fine_edges(sample, candidate.scores))
    in_window = counts[0].sum() / counts.sum()
    # Of ten events or more expected in the window, from the highest score down.
    groups = (np.cumsum(counts.sum(axis=0)[::-1])[::-1] * in_window // 10).astype(int)
    merged = np.array([np.bincount(groups, region) for region in counts])
    merged = merged[:, merged.sum(axis=0) > 0]
    return float(chi2_contingency(merged).pvalue) if merged.shape[1] > 1 else 1.0


def category_sculpting(sample: Sample, candidate: TrainedScore) -> list[Sculpting]:
    """Return what each category does to window against sideband, before any spectrum is filled."""
    counts = _by_region(sample, candidate, np.asarray(candidate.edges))
    everything = sample.background.sum(axis=(0, 2))
    window = np.array([True, False])
    return [
        sculpting(
            each, everything - each, window,
            weight=sample.background_weight, looked_at=len(candidate.edges),
        )
        for each in counts.T
    ]  # fmt: skip


def _by_region(
    sample: Sample, candidate: TrainedScore, edges: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Return simulated background in window and sideband, shape (2, bins of the score)."""
    counts = np.zeros((2, len(edges) + 1))
    for half in HALVES:
        places = np.searchsorted(edges, candidate.scores[half], side="right")
        for region in (0, 1):
            counts[region] += np.bincount(places, sample.background[half, region], len(edges) + 1)
    return counts[:, 1:]


def flagged_dependence(pvalues: dict[str, float]) -> list[str]:
    """Return the names whose p-value is below the level."""
    return [name for name, pvalue in pvalues.items() if pvalue < LEVEL]
