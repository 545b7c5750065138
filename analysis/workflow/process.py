"""The stage from chunks to histograms: which samples need processing, and what comes back.

A sample whose histograms in the folder were made by the same code and settings from the same events
is not processed again. Weights are applied here, after the merge, where it is known how many events
were processed: simulation that lost a chunk is normalised to what is left, and the ledger says so.

What each chunk gave is kept in checkpoints: after an interrupt, a loss or a change of a source only
the chunks concerned are processed again. `xyy run` processes the simulation twice, without cuts to
choose them and with them for the results; both have their checkpoints (`Whose`), as a changed row
concerns both.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from analysis.folder.folder import CUTFLOW, HISTOGRAMS, LEDGER, Folder
from analysis.folder.histogram_file import Histograms, read_histograms, write_histograms
from analysis.results.codec import to_json
from analysis.results.ledger import CutflowRow, Cutflows, Ledger, ProcessedFrom
from analysis.selection.optimise import cut_variables
from analysis.settings.search import Search
from analysis.settings.settings_check import check_manifest
from processors.diphoton import DiphotonProcessor, Settings
from processors.histograms import REGIONS, Binning
from processors.schema import DiphotonSchema
from processors.score import ScoreTable
from processors.selection import Interval, Selection
from tools import executors
from tools.code import code_digest
from tools.digests import digest_text
from tools.executors import Checkpoints, Execution, Failure, Report, SampleLedger, Session
from tools.executors.checkpoints import versions
from tools.manifest import Manifest
from tools.samples import Catalogue, Column, Kind

if TYPE_CHECKING:
    from coffea.processor.executor import WorkItem

Whose = Literal["optimise", "process"]
"""Whose checkpoints: of simulation without cuts, or of everything with the chosen ones."""
CODE = ("processors",)
"""what fills histograms"""


@dataclass(frozen=True, slots=True)
class Processed:
    """What processing brought."""

    ledger: Ledger
    resumed_events: int
    """how many events came from checkpoints"""
    notes: tuple[str, ...]
    """what else there is to tell"""

    def remarks(self) -> list[str]:
        """Return what a user should be told, line by line."""
        resumed = f"{self.resumed_events:,} events came from checkpoints of earlier runs"
        return [*([resumed] if self.resumed_events else []), *self.notes]


def processor_settings(
    columns: Sequence[Column],
    search: Search,
    selection: Selection,
    *,
    score: ScoreTable | None = None,
    unblinded: bool = False,
    histograms: Literal["all", "spectrum"] = "all",
) -> Settings:
    """Return the processor's settings for declared columns, decided cuts and score."""
    spectrum = search.spectrum
    bins = round((spectrum.high_GeV - spectrum.low_GeV) / spectrum.bin_GeV)
    return Settings(
        columns=tuple(
            Binning(c.name, c.axis.bins, c.axis.low, c.axis.high, c.unit) for c in columns
        ),
        mass=Binning("m_yy", bins, spectrum.low_GeV, spectrum.high_GeV, "GeV"),
        window=Interval(search.window.low_GeV, search.window.high_GeV),
        cut_variables=cut_variables(search),
        selection=selection,
        score=score,
        unblinded=unblinded,
        histograms=histograms,
    )


def sample_key(manifest: Manifest, name: str, settings: Settings) -> str:
    """Return the digest of everything that a sample's histograms depend on."""
    chunks = manifest.samples[name]
    made_by = filling_key(settings, chunks.kind)
    return digest_text(made_by, versions(), chunks.content, str(chunks.entries))


def filling_key(settings: Settings, kind: Kind) -> str:
    """Return the digest of the code and settings that fill the histograms of a kind of sample."""
    if kind != "data":
        settings = replace(settings, unblinded=False)  # makes no difference to simulation
    return digest_text(code_digest(*CODE), repr(settings))


def joint_key(manifest: Manifest, name: str, settings: Settings) -> str:
    """Return the digest of everything that a sample's joint histogram depends on: no selection."""
    unselected = replace(settings, selection=Selection({}), score=None, unblinded=False)
    return sample_key(manifest, name, unselected)


def process(
    folder: Folder,
    manifest: Manifest,
    catalogue: Catalogue,
    settings: Settings,
    *,
    execution: Execution,
    report: Report = lambda _events: None,
    session: Session | None = None,
    stage: Whose = "process",
) -> Processed:
    """Process what is not up to date; write histograms, cutflow and ledger.

    Parameters
    ----------
    folder : Folder
        Where the products go.
    manifest : Manifest
    catalogue : Catalogue
        For the weights.
    settings : Settings
        The processor's.
    execution : Execution
    report : callable
        Called after every batch with the number of events processed so far.
    session : Session, optional
        Dask's workers, if they are to stay for another stage.
    stage : Whose
        Whose checkpoints are used.

    Raises
    ------
    InputError
        If a sample of the manifest is not in the catalogue, or the chunks lack a column.
    """
    check_manifest(manifest, catalogue, settings.needed())
    kept = kept_samples(folder, manifest, settings)
    planned = _planned(manifest, execution)
    checkpoints = _checkpoints(folder, manifest, settings, execution, stage)
    checkpoints.keep_only(i for i in planned if execution.resume or i.dataset in kept)
    with checkpoints.folder_made():
        outcome = executors.run(
            checkpoints.processor,
            [item for item in planned if item.dataset not in kept],
            schema=checkpoints.schema,
            execution=execution,
            columns=settings.needed(),
            report=report,
            session=session,
            checkpoints=checkpoints,
        )
    # In the manifest's order, whatever was processed first: equal content is equal bytes.
    outputs = {**outcome.outputs, **{name: histograms for name, (histograms, _) in kept.items()}}
    ledgers = {**outcome.ledger, **{name: ledger for name, (_, ledger) in kept.items()}}
    histograms = {name: outputs[name] for name in manifest.samples if name in outputs}
    ledger = {name: ledgers[name] for name in manifest.samples}
    written = _write(folder, manifest, catalogue, settings, histograms, ledger)
    return Processed(written, outcome.resumed_events, outcome.notes)


def remove_checkpoints_of_others(
    folder: Folder, manifest: Manifest, settings: Settings, execution: Execution, stage: Whose
) -> None:
    """Do what `process` does first, where everything is up to date: see `Checkpoints.keep_only`."""
    checkpoints = _checkpoints(folder, manifest, settings, execution, stage)
    checkpoints.keep_only(_planned(manifest, execution))


def _planned(manifest: Manifest, execution: Execution) -> list["WorkItem"]:
    return executors.plan(manifest, list(manifest.samples), chunk_events=execution.chunk_events)


def _checkpoints(
    folder: Folder, manifest: Manifest, settings: Settings, execution: Execution, stage: Whose
) -> Checkpoints:
    return Checkpoints(
        folder=folder.checkpoints.resolve(),
        made_by={c.kind: filling_key(settings, c.kind) for c in manifest.samples.values()},
        processor=DiphotonProcessor(settings),
        schema=DiphotonSchema,
        columns={column.name: column.type for column in manifest.columns},
        stage=stage,
        read=execution.resume,
        write=execution.checkpoints,
    )


def kept_samples(
    folder: Folder, manifest: Manifest, settings: Settings
) -> dict[str, tuple[Mapping[str, Any], SampleLedger]]:
    """Return the samples whose complete histograms in `folder` are those of `settings`."""
    if folder.lost(LEDGER):
        return {}
    origin = folder.made_with(LEDGER, ProcessedFrom)
    keys = {} if origin is None else origin.keys
    current = {
        name for name in manifest.samples if keys.get(name) == sample_key(manifest, name, settings)
    }
    if not current:
        return {}
    histograms, ledger = read_histograms(folder.histograms), folder.load(Ledger, made_by="process")
    return {name: (histograms[name], ledger.samples[name]) for name in current}


def events_to_do(folder: Folder, manifest: Manifest, settings: Settings) -> int:
    """Return how many events `process` has to process."""
    kept = kept_samples(folder, manifest, settings)
    return sum(chunks.entries for name, chunks in manifest.samples.items() if name not in kept)


def weights(catalogue: Catalogue, samples: Mapping[str, SampleLedger]) -> dict[str, float]:
    """Return the weight of an event of each sample of which some were processed."""
    return {
        name: weight_of(catalogue, name, sample.processed_events)
        for name, sample in samples.items()
        if sample.processed_events
    }


def selected_by(settings: Settings) -> str:
    """Return the digest of what the selected spectrum depends on, beside events and unblinding."""
    return digest_text(repr((settings.mass, settings.window, settings.selection, settings.score)))


def jointly_by(settings: Settings) -> str:
    """Return the digest of what the joint histograms depend on, beside events."""
    return digest_text(repr((settings.mass, settings.window, settings.cut_variables)))


def _write(
    folder: Folder,
    manifest: Manifest,
    catalogue: Catalogue,
    settings: Settings,
    histograms: Histograms,
    samples: dict[str, SampleLedger],
) -> Ledger:
    ledger = Ledger(
        complete=all(sample.complete for sample in samples.values()),
        samples=samples,
        generated_samples=tuple(manifest.generated),
    )
    flows: Cutflows = {
        name: cutflow(
            named,
            weight_of(catalogue, name, samples[name].processed_events),
            settings,
            kind=manifest.samples[name].kind,
            complete=samples[name].complete,
        )
        for name, named in histograms.items()
    }
    # The ledger vouches for the histograms: without it, a killed run's archive counts for nothing.
    write_histograms(folder.histograms, histograms)
    folder.write(CUTFLOW, to_json(flows))
    complete = [name for name, sample in samples.items() if sample.complete]
    origin = ProcessedFrom(
        keys={name: sample_key(manifest, name, settings) for name in complete},
        joint_keys={name: joint_key(manifest, name, settings) for name in complete},
        selected_by=selected_by(settings),
        jointly_by=jointly_by(settings),
        unblinded=settings.unblinded,
        content={name: manifest.samples[name].content for name in samples},
        weights=weights(catalogue, samples),
    )
    folder.record(LEDGER, to_json(ledger), (HISTOGRAMS, CUTFLOW), **to_json(origin))
    return ledger


def weight_of(catalogue: Catalogue, name: str, events: int) -> float:
    """Return the weight of one event of a sample of which `events` were processed."""
    return catalogue.weight(catalogue.sample(name), events)


def cutflow(
    named: Mapping[str, Any], weight: float, settings: Settings, *, kind: str, complete: bool
) -> tuple[CutflowRow, ...]:
    """Return the entry of ``cutflow.json`` for one sample.

    Each row has the events left after a step and, of them, those in the mass window: null where
    only the spectrum was filled. Of blinded data all rows are of the sidebands. Rows of a sample
    that lost events say so.
    """
    flow = named["cutflow"]
    blind = kind == "data" and not settings.unblinded
    divided = tuple(flow.axes["region"]) == REGIONS
    rows = []
    for step, counted in zip(flow.axes["step"], flow.view(), strict=True):
        events = int(counted.sum())
        rows.append(
            CutflowRow(
                cut=step,
                events=events,
                sumw=events * weight,
                sumw2=events * weight**2,
                window_events=int(counted[0]) if divided and not blind else None,
                blinded="sidebands only" if blind else None,
                complete=None if complete else False,
            )
        )
    return tuple(rows)


def losses(ledger: Ledger, path: Path) -> str:
    """Return the message that names what was lost."""
    return (
        f"events were lost in {len(ledger.failed)} chunks, first {loss(ledger.failed[0])}; "
        f"what was processed is written and marked incomplete in {path}; "
        "repair the files and run again, with --resume"
    )


def loss(lost: Failure) -> str:
    """Return one line about a range of events that was lost."""
    cause = lost.error.removeprefix(f"{lost.file} ")
    return f"{lost.file} entries {lost.entry_start}-{lost.entry_stop}: {cause}"
