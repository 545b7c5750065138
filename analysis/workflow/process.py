"""The stage from chunks to histograms: which samples need processing, and what comes back.

A sample whose histograms in the folder were made by the same code and settings from the same events
is not processed again. Weights are applied here, after the merge, where it is known how many events
were processed: simulation that lost a chunk is normalised to what is left, and the ledger says so.

What each chunk gave is kept in checkpoints: after an interrupt, a loss or a change of a source only
the chunks concerned are processed again. `xyy run` processes the simulation twice, without cuts to
choose them and with them for the results; both have their checkpoints (`Whose`), as a changed row
concerns both.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

from analysis.folder.folder import CUTFLOW, HISTOGRAMS, LEDGER, Folder
from analysis.folder.histogram_file import Histograms, read_histograms, write_histograms
from analysis.results.codec import to_json
from analysis.results.ledger import CutflowRow, Cutflows, Ledger, ProcessedFrom
from analysis.settings.requirements_check import check_requirements
from analysis.settings.search import Search
from analysis.settings.settings_check import check_manifest
from processors.diphoton import DiphotonProcessor, Settings
from processors.histograms import REGIONS, Binning, Counts
from processors.requirements import Requirements
from processors.schema import DiphotonSchema
from processors.score import ScoreTable
from processors.selection import Interval, Selection
from tools import executors
from tools.code import code_digest
from tools.digests import digest_text
from tools.executors import Checkpoints, Execution, Failure, Outcome, Report, SampleLedger, Session
from tools.executors.checkpoints import versions
from tools.manifest import Manifest
from tools.names import counted, listed
from tools.samples import Catalogue, Column, Kind

if TYPE_CHECKING:
    from coffea.processor.executor import WorkItem

Whose = Literal["optimise", "process"]
"""Whose checkpoints: of simulation without cuts, or of everything with the chosen ones."""
CODE = ("processors",)
"""what fills histograms"""
LEFT_OUT = "left out when the files were converted"
"""why events are missing that no chunk has"""


class RunLog(Protocol):
    """Where a run logs what it does."""

    def log(self, message: str) -> None:
        """Print one line."""

    def progress(self, what: str, events: int | None = None) -> AbstractContextManager[Report]:
        """Return a context whose value takes the number of events done so far."""


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
        cut_variables=search.optimise.cut_variables, selection=selection, score=score,
        unblinded=unblinded, histograms=histograms, required=search.required,
    )  # fmt: skip


def sample_key(manifest: Manifest, name: str, settings: Settings) -> str:
    """Return the digest of everything that a sample's histograms depend on."""
    chunks = manifest.samples[name]
    # Versions of the libraries too: another one may put an event on an edge into the next bin.
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


def kept_samples(folder: Folder, manifest: Manifest, settings: Settings) -> set[str]:
    """Return the samples whose complete histograms in `folder` are those of `settings`."""
    origin = None if folder.lost(LEDGER) else folder.made_with(LEDGER, ProcessedFrom)
    keys = {} if origin is None else origin.keys
    return {n for n in manifest.samples if keys.get(n) == sample_key(manifest, n, settings)}


@dataclass(frozen=True, eq=False, kw_only=True)
class Processing:
    """Chunks on their way through the processor, into a folder."""

    folder: Folder
    """where the products go"""
    manifest: Manifest
    catalogue: Catalogue
    """for the weights"""
    settings: Settings
    """settings of the processor"""
    execution: Execution
    stage: Whose = "process"
    """whose checkpoints are used"""
    session: Session | None = None
    """dask's workers, if they are to stay for another stage"""

    @cached_property
    def kept(self) -> set[str]:
        """Samples that are up to date, see `kept_samples`."""
        return kept_samples(self.folder, self.manifest, self.settings)

    @cached_property
    def planned(self) -> list["WorkItem"]:
        """Pieces of work of all samples."""
        return executors.plan(
            self.manifest, list(self.manifest.samples), chunk_events=self.execution.chunk_events
        )

    @cached_property
    def checkpoints(self) -> Checkpoints:
        """Checkpoints of these settings, in the folder."""
        samples, columns = self.manifest.samples.values(), self.manifest.columns
        return Checkpoints(
            folder=self.folder.checkpoints.resolve(),
            made_by={each.kind: filling_key(self.settings, each.kind) for each in samples},
            processor=DiphotonProcessor(self.settings), schema=DiphotonSchema,
            columns={column.name: column.type for column in columns}, stage=self.stage,
            read=self.execution.resume, write=self.execution.checkpoints,
        )  # fmt: skip

    def show(self, what: str, console: RunLog) -> Ledger:
        """Do it, and log how far it is and what else a user should know."""
        samples = self.manifest.samples.items()
        todo = sum(chunks.entries for name, chunks in samples if name not in self.kept)
        with console.progress(what, todo) as report:
            ledger, outcome = self.run(report)
        if outcome.resumed_events:
            console.log(f"{outcome.resumed_events:,} events came from checkpoints of earlier runs")
        for note in outcome.notes:
            console.log(note)
        if self.unweighted:
            console.log(f"weights of events are not used as yet: {listed(self.unweighted)}")
        return ledger

    @property
    def unweighted(self) -> tuple[str, ...]:
        """The simulated samples whose events have weights of their own, which are not used."""
        return tuple(
            name
            for name, chunks in self.manifest.samples.items()
            if chunks.kind != "data" and "weight" in {each.name for each in chunks.stored}
        )

    def run(self, report: Report = lambda _events: None) -> tuple[Ledger, Outcome]:
        """Process what is not up to date; write histograms, cutflow and ledger.

        Parameters
        ----------
        report : callable
            Called after every batch with the number of events processed so far.

        Raises
        ------
        InputError
            If a sample of the manifest is not in the catalogue, or the chunks lack a column.
        """
        needed, kept, checkpoints = self.settings.needed(), self.kept, self.checkpoints
        check_requirements(self.settings.required, self.manifest)
        check_manifest(self.manifest, self.catalogue, needed)
        # Only then is the archive read: it is large, and mostly in vain after a change.
        there = read_histograms(self.folder.histograms) if kept else {}
        # Others go first: they may be of open data, in a folder that is blind now.
        checkpoints.keep_only(i for i in self.planned if self.execution.resume or i.dataset in kept)
        with checkpoints.folder_made():
            outcome = executors.run(
                checkpoints.processor,
                [item for item in self.planned if item.dataset not in kept],
                schema=checkpoints.schema, execution=self.execution, columns=needed,
                report=report, session=self.session, checkpoints=checkpoints,
            )  # fmt: skip
        # In the manifest's order, whatever was processed first: equal content is equal bytes.
        outputs = outcome.outputs | {name: there[name] for name in kept}
        histograms = {name: outputs[name] for name in self.manifest.samples if name in outputs}
        known = self.folder.load(Ledger, made_by="process").samples if kept else {}
        ledger = {n: (known if n in kept else outcome.ledger)[n] for n in self.manifest.samples}
        return self._write(histograms, self._with_refused(ledger)), outcome

    def _with_refused(self, ledger: Mapping[str, SampleLedger]) -> dict[str, SampleLedger]:
        """Return the ledger with the files that were left out when they were converted."""
        return {
            name: replace(sample, failed=(*sample.failed, *(
                Failure(each.name, 0, 0, f"{LEFT_OUT}: {each.reason}")
                for each in self.manifest.samples[name].refused
            )))
            for name, sample in ledger.items()
        }  # fmt: skip

    def _write(self, histograms: Histograms, samples: dict[str, SampleLedger]) -> Ledger:
        """Write all three products, the ledger last."""
        settings, folder = self.settings, self.folder
        complete = [name for name, sample in samples.items() if sample.complete]
        generated = tuple(self.manifest.generated)
        ledger = Ledger(
            complete=len(complete) == len(samples),
            samples=samples,
            generated_samples=generated,
            unweighted_samples=self.unweighted or None,
        )
        flows: Cutflows = {
            name: tuple(self._cutflow(name, named["cutflow"], samples[name]))
            for name, named in histograms.items()
        }
        # The ledger vouches for the histograms: without it, a killed run's archive counts for
        # nothing.
        write_histograms(folder.histograms, histograms)
        folder.write(CUTFLOW, to_json(flows))
        origin = ProcessedFrom(
            keys={name: sample_key(self.manifest, name, settings) for name in complete},
            joint_keys={name: joint_key(self.manifest, name, settings) for name in complete},
            selected_by=selected_by(settings), jointly_by=jointly_by(settings),
            unblinded=settings.unblinded,
            content={name: self.manifest.samples[name].content for name in samples},
            weights=weights(self.catalogue, samples),
        )  # fmt: skip
        folder.record(LEDGER, to_json(ledger), (HISTOGRAMS, CUTFLOW), **to_json(origin))
        return ledger

    def _cutflow(self, name: str, flow: Counts, ledger: SampleLedger) -> Iterator[CutflowRow]:
        """Yield the rows of ``cutflow.json`` for one sample.

        Each has the events left after a step and, of them, those in the mass window: null where
        only the spectrum was filled. Of blinded data all rows are of the sidebands. Rows of a
        sample that lost events say so.
        """
        weight = self.catalogue.weight(self.catalogue.sample(name), ledger.processed_events)
        blind = self.manifest.samples[name].kind == "data" and not self.settings.unblinded
        divided = tuple(flow.axes["region"]) == REGIONS
        before = 0
        for step, passing in zip(flow.axes["step"], flow.view(), strict=True):
            events, last = int(passing.sum()), before
            before = events
            # All events of a sample weigh the same: no sum is rounded, whatever the order of the
            # chunks.
            yield CutflowRow(
                cut=step, events=events, sumw=events * weight, sumw2=events * weight**2,
                window_events=int(passing[0]) if divided and not blind else None,
                blinded="sidebands only" if blind else None,
                complete=None if ledger.complete else False,
                note=_of_no_use(events, last) if step in self.settings.required.named else None,
            )  # fmt: skip


def _of_no_use(events: int, before: int) -> str | None:
    """Return what is odd about a requirement that leaves so many events of those before it."""
    if before and not events:
        return "leaves nothing"
    return "removes nothing" if before and events == before else None


def weights(catalogue: Catalogue, samples: Mapping[str, SampleLedger]) -> dict[str, float]:
    """Return the weight of an event of each sample of which some were processed."""
    return {
        name: catalogue.weight(catalogue.sample(name), sample.processed_events)
        for name, sample in samples.items()
        if sample.processed_events
    }


def selected_by(settings: Settings) -> str:
    """Return the digest of what the selected spectrum depends on, beside events and unblinding."""
    # `repr` of frozen dataclasses holds every field, and a float with all of its digits.
    decided = (settings.mass, settings.window, settings.selection, settings.score)
    return digest_text(repr((*decided, *_required(settings))))


def jointly_by(settings: Settings) -> str:
    """Return the digest of what the joint histograms depend on, beside events."""
    decided = (settings.mass, settings.window, settings.cut_variables)
    return digest_text(repr((*decided, *_required(settings))))


def _required(settings: Settings) -> tuple[Requirements, ...]:
    return (settings.required,) if settings.required else ()  # digests of before stay as they were


def losses(ledger: Ledger, path: Path) -> str:
    """Return the message that names what was lost."""
    where, remedy = "chunk", "repair the files and run again, with --resume"
    if not all(each.entry_stop for each in ledger.failed):
        where, remedy = "file", "repair the files, convert them and process again"
    places = counted(len(ledger.failed), where)
    return (
        f"events were lost in {places}, first {loss(ledger.failed[0])}; "
        f"what was processed is written and marked incomplete in {path}; {remedy}"
    )


def loss(lost: Failure) -> str:
    """Return one line about a range of events that was lost."""
    cause = lost.error.removeprefix(f"{lost.file} ")
    if not lost.entry_stop:
        return f"{lost.file}, {cause}"
    return f"{lost.file} entries {lost.entry_start}-{lost.entry_stop}: {cause}"
