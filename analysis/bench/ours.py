"""The events of a measurement, and the processor on them as `xyy process` runs it.

Every competitor reads the same events, in a form of its own. Of ours every chunk is checked, and
every event accounted for.
"""

from dataclasses import dataclass, replace
from pathlib import Path

import boost_histogram as bh
import numpy as np

from analysis.bench.competitors import PHOTONS, Columns, Counts, Wanted, read_columns
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
from tools.generate import generate_sample
from tools.manifest import Manifest, Part, read_manifest
from tools.samples import Catalogue

SAMPLE = "background"
COPIES = (4, 20)
"""How often the chunks are linked for a small and a large job: their difference has no start-up."""
ONE_CORE = Execution("iterative")


@dataclass(frozen=True, slots=True)
class Inputs:
    """Where the events are."""

    chunks: Manifest
    parquet: Path
    """all of them, with ZSTD"""
    csv: Path
    """those of the first chunk: rates per event are compared, and CSV takes its time"""
    copies: tuple[Manifest, Manifest]
    """many times the same chunks, as other files: of a small and a large job"""

    @property
    def paths(self) -> list[str]:
        """The chunk files."""
        return [str(self.chunks.folder / part.path) for part in self.chunks.samples[SAMPLE].parts]

    @property
    def first_chunk(self) -> Manifest:
        """The events of the CSV file."""
        return _with_parts(self.chunks, self.chunks.samples[SAMPLE].parts[:1])


def events_of(chunks: Manifest) -> int:
    """Return how many events there are."""
    return chunks.samples[SAMPLE].entries


def prepare(folder: Path, catalogue: Catalogue, events: int) -> Inputs:
    """Generate events and write them in every form.

    Parameters
    ----------
    folder : Path
        On a disk with some 100 bytes for an event.
    catalogue : Catalogue
    events : int
        How many.

    Raises
    ------
    InputError
        If the catalogue has no background.
    """
    generate_sample(catalogue, SAMPLE, folder / "chunks", events=events, file_format="root")
    chunks = read_manifest(folder / "chunks")
    parquet, csv = folder / "events.parquet", folder / "events.csv"
    _write_parquet(chunks, parquet)
    _write_csv(chunks, csv)
    small, large = (_linked(chunks, folder / f"{copies}-times", copies) for copies in COPIES)
    return Inputs(chunks, parquet, csv, (small, large))


def _with_parts(chunks: Manifest, parts: tuple[Part, ...]) -> Manifest:
    return replace(chunks, samples={SAMPLE: replace(chunks.samples[SAMPLE], parts=parts)})


def _read(chunks: Manifest, part: Part) -> Columns:
    return read_columns(str(chunks.folder / part.path), [column.name for column in chunks.columns])


def _write_parquet(chunks: Manifest, path: Path) -> None:
    """Write all events, a row group for each chunk."""
    import pyarrow as pa
    from pyarrow import parquet

    types = [(c.name, pa.from_numpy_dtype(np.dtype(c.type))) for c in chunks.columns]
    with parquet.ParquetWriter(path, pa.schema(types), compression="zstd") as writer:
        for part in chunks.samples[SAMPLE].parts:
            writer.write_table(pa.table(dict(_read(chunks, part))))


def _write_csv(chunks: Manifest, path: Path) -> None:
    """Write the events of the first chunk like the course's files, every digit kept."""
    import pyarrow as pa
    from pyarrow import csv

    events = _read(chunks, chunks.samples[SAMPLE].parts[0])
    columns = {name: values.astype(np.float64) for name, values in events.items()}
    rows = np.arange(len(next(iter(columns.values()))))
    csv.write_csv(pa.table({"": rows, **columns}), path)


def _linked(chunks: Manifest, folder: Path, copies: int) -> Manifest:
    """Return a manifest of hard links to the chunks, so many times to each."""
    folder.mkdir()
    linked = []
    for number in range(copies):
        for part in chunks.samples[SAMPLE].parts:
            name = f"{number:03d}-{Path(part.path).name}"
            (folder / name).hardlink_to(chunks.folder / part.path)
            linked.append(replace(part, path=name))
    return replace(_with_parts(chunks, tuple(linked)), folder=folder)


# ---- ours ----------------------------------------------------------------------------------------


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
