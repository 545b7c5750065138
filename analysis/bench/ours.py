"""The processor as `xyy process` runs it: every chunk checked, every event accounted for."""

from collections.abc import Mapping
from dataclasses import replace

import boost_histogram as bh
import numpy as np

from analysis.bench.inputs import SAMPLE
from analysis.bench.loops import PHOTONS, Counts, Wanted
from analysis.settings.search import Search
from analysis.workflow.process import processor_settings
from processors.diphoton import DiphotonProcessor, Settings
from processors.histograms import KINEMATICS, Binning
from processors.schema import DiphotonSchema
from processors.score import ScoreTable, cell_count
from processors.selection import Interval, Selection
from tools import executors
from tools.errors import XyyError
from tools.executors import Execution
from tools.manifest import Manifest
from tools.samples import Catalogue

ONE_CORE = Execution("iterative")


def job(catalogue: Catalogue, search: Search) -> Settings:
    """Return the settings of the full job: all histograms, with the course's cuts.

    The light job is ``replace(settings, histograms="spectrum")``.
    """
    cuts = {name: Interval(max=cut) for name, cut in search.optimise.course_cuts.items()}
    return processor_settings(catalogue.columns, search, Selection(cuts))


def scored(settings: Settings) -> Settings:
    """Return the same job with six categories of a score instead of cuts.

    Its values are arbitrary: what an event costs does not depend on them.
    """
    axes = settings.cut_variables
    folds = np.random.default_rng(1).normal(size=(2, cell_count(axes))).astype(np.float32)
    table = ScoreTable(axes, folds, (-0.5, 0.0, 0.5, 1.0, 1.5, 2.0), "bench")
    return replace(settings, selection=Selection({}), score=table)


def wanted(settings: Settings) -> Wanted:
    """Return the same job in the terms of the hand-written loops."""
    cuts, window = settings.selection.cuts, settings.window
    quantities = (*settings.columns, *KINEMATICS, settings.mass)
    columns = (*(c.name for c in (*settings.columns, *settings.cut_variables)), *PHOTONS, *cuts)
    return Wanted(
        columns=tuple(dict.fromkeys(columns)),
        quantities={binning.name: _axis(binning) for binning in quantities},
        joint={binning.name: _axis(binning) for binning in settings.cut_variables},
        cuts={name: cut.max for name, cut in cuts.items() if cut.max is not None},
        window_GeV=(window.min or 0.0, window.max or np.inf),
    )


def _axis(binning: Binning) -> bh.axis.Regular:
    return bh.axis.Regular(binning.bins, binning.low, binning.high)


def process(
    manifest: Manifest, settings: Settings, execution: Execution = ONE_CORE
) -> dict[str, Counts]:
    """Return the contents of all histograms, under- and overflow included, by their names.

    Raises
    ------
    XyyError
        If a chunk was lost.
    """
    outcome = executors.run(
        DiphotonProcessor(settings),
        executors.plan(manifest, [SAMPLE]),
        schema=DiphotonSchema,
        execution=execution,
        columns=settings.needed(),
    )
    # Who loses events is faster: that is no comparison.
    if not outcome.ledger[SAMPLE].complete:
        lost = outcome.ledger[SAMPLE].failed[0]
        raise XyyError(f"events were lost, first {lost.file}: {lost.error}")
    filled = dict(outcome.outputs[SAMPLE])
    # All categories together: the loops have no axis for it. No event is outside the cutflow.
    spectrum, flow = filled.pop("spectrum").project("m_yy"), filled.pop("cutflow")
    contents = {name: histogram.view(flow=True) for name, histogram in filled.items()}
    return {**contents, "spectrum": spectrum.view(flow=True), "cutflow": flow.view()}


def differences(ours: Mapping[str, Counts], theirs: Mapping[str, Counts]) -> list[str]:
    """Return the names of the histograms that are not equal, bin by bin."""
    names = sorted({*ours, *theirs})
    return [
        name
        for name in names
        if name not in ours or name not in theirs or not np.array_equal(ours[name], theirs[name])
    ]
