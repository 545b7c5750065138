"""The figures of the score and its categories; a selection of cuts has but the last of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from analysis.report.drawing import Drawing
from analysis.report.plots import score, score_inputs, sculpted, sculpted_inputs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analysis.report.folder_results import FolderResults
    from processors.histograms import Counts

SECTION = "score"


def drawings(results: FolderResults) -> Iterator[Drawing]:
    """Yield every figure of the score that the folder has the inputs of."""
    luminosity = results.catalogue.luminosity_invpb
    header, processes = results.header(luminosity), results.processes(luminosity)
    found = score_inputs.scored(results)
    if found is not None:
        yield Drawing(
            "score_roc",
            SECTION,
            "Rejection of background against efficiency for the signal. Dotted: the s that no "
            "selection of any kind exceeds, to which a single cut comes nowhere near.",
            lambda: score.roc(score_inputs.roc(results, found), processes, header),
        )
        yield Drawing(
            "score_shapes",
            SECTION,
            "The score of simulation, by the half that has not trained it, and of the data outside "
            "the window; all of unit area. What lies beyond the axis is in its last bins.",
            lambda: score.score_shapes(score_inputs.score_shapes(found), processes, header),
        )
        yield Drawing(
            "score_columns",
            SECTION,
            "What combined s loses if the score does not know a column: with categories, chosen "
            "again without it, and in the limit of infinitely many.",
            lambda: score.importance(
                score_inputs.importance(results, found, score_inputs.without(found, results)),
                header,
            ),
        )
    if bent := sculpted_inputs.sculpted(results):
        yield Drawing(
            "mass_by_category",
            SECTION,
            "The mass of simulated background that is selected, by category, and of all other "
            "simulated background. p: that both have one spectrum; below: how many data events "
            "the window would have too many.",
            lambda: sculpted.mass_by_category(bent, header),
        )


def n_minus_1(results: FolderResults) -> dict[str, dict[str, Counts]]:
    """Return each column of the score after the best cut on all the others, by sample."""
    found = score_inputs.scored(results)
    return (
        {} if found is None else score_inputs.n_minus_1(found, score_inputs.without(found, results))
    )
