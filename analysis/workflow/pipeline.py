"""`xyy run`: the whole way from files to the verdict.

========  ======================================================  ================================
stage     does                                                    writes
========  ======================================================  ================================
chunks    converts the samples' files, generates what is missing  under ``--chunks``
optimise  simulation through the processor; the best selection    ``selection.json``
freeze    fixes the decisions                                     ``freeze.json``
process   everything through the processor, data blind            ``histograms.zip``,
          until unblinded                                         ``cutflow.json``, ``ledger.json``
infer     background, counting, fit, limit, verdict               ``verdict.json`` and others
report    figures and the page                                    ``figures/``, ``report.html``
========  ======================================================  ================================

A stage is skipped if its product was made from the same inputs by the same code. Every product is
whole or not there, so a run that was killed anywhere is finished by the next one, with the same
result; chunks that were processed before come from their checkpoints.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from analysis.folder import decisions
from analysis.folder.folder import LEDGER, PRODUCTS, SELECTION, Folder
from analysis.folder.origin import (
    Origin,
    contents,
    identity_of,
    origin_of,
    refuse_other_events,
)
from analysis.results.ledger import Ledger, ProcessedFrom
from analysis.results.run import Identity
from analysis.selection.optimise import cut_variables
from analysis.settings.search import Search
from analysis.settings.settings_check import check_run
from analysis.workflow import stages
from analysis.workflow.made_from import decided_in, optimise_inputs
from analysis.workflow.optimise_folder import optimise_folder
from analysis.workflow.process import (
    Stage,
    all_up_to_date,
    events_to_do,
    joint_key,
    losses,
    process,
    processor_settings,
    remove_checkpoints_of_others,
)
from processors.diphoton import Settings
from processors.score import ScoreTable
from processors.selection import Selection
from tools import sources
from tools.errors import InputError, XyyError
from tools.executors import Execution, Report, Session
from tools.executors.checkpoints import clear
from tools.folders import refuse_no_folder
from tools.locks import one_writer
from tools.manifest import Manifest
from tools.samples import Catalogue
from tools.sources import Observed

STAGES = ("chunks", "optimise", "freeze", "process", "infer", "report")


class Console(Protocol):
    """Where a run tells what it does."""

    def say(self, message: str) -> None:
        """Tell one line."""

    def progress(self, what: str, events: int | None = None) -> AbstractContextManager[Report]:
        """Return a context whose value takes the number of events done so far."""


@dataclass(frozen=True, slots=True)
class Request:
    """What the user asked `xyy run` for."""

    out: Path
    chunks: Path
    catalogue: Catalogue
    search: Search
    observed: Observed
    seed: int
    execution: Execution
    allow_incomplete: bool = False
    """infer from data that lost events; every result says so"""
    generate_missing: bool = False
    unblind: str | None = None
    """the reason, if the data are to be opened"""
    after_unblinding: str | None = None
    """why decisions were changed after unblinding"""
    until: str = "report"
    """the last stage to do"""
    force: bool = False
    """take over a folder made from other samples or data"""
    method: str | None = None
    """of the selection, where it is not the search file's"""
    command: tuple[str, ...] | None = None
    """the words after `xyy run` that ask for the same again"""


def run(request: Request, console: Console, *, session: Session | None = None) -> Folder:
    """Do every stage that is not up to date.

    Parameters
    ----------
    request : Request
    console : Console
    session : Session, optional
        Dask's workers, if they are to stay for another run.

    Raises
    ------
    InputError
        For wrong input, or a folder made from other samples or other data.
    RefusedError
        If decisions changed after unblinding, or data are incomplete and may not be.
    XyyError
        If simulated events were lost: all outputs are written, and say so.
    """
    if request.unblind is not None and request.observed.label is None:
        raise InputError("--unblind: there are no data to open; give --data FILE or --universe K")
    refuse_no_folder(request.chunks)
    check_run(request.catalogue, request.search, observed=request.observed.label is not None)
    folder = Folder(request.out)
    own = nullcontext(session) if session else Session(request.execution, console.say)
    with one_writer(folder.path, writes=PRODUCTS), own as workers:
        analysis = _Analysis(request, folder, console, workers)
        for stage in STAGES[: STAGES.index(request.until) + 1]:
            getattr(analysis, stage)()
        analysis.finish()
    return folder


class _Analysis:
    """One run on one folder; each stage is a method of its name."""

    def __init__(
        self, request: Request, folder: Folder, console: Console, session: Session
    ) -> None:
        self.request, self.folder, self.console = request, folder, console
        self.session = session
        self.catalogue, self.search = request.catalogue, request.search

    def chunks(self) -> None:
        request = self.request
        progress, execution = self.console.progress, request.execution
        # What --cluster says is how many jobs there are, and not here.
        workers = None if execution.cluster else execution.workers
        files = sources.simulation_files(self.catalogue, generate_missing=request.generate_missing)
        _claim(self.folder, request, generated=sources.generated_samples(files))
        self.simulation = sources.simulation_chunks(
            self.catalogue, files, request.chunks,
            seed=request.seed, progress=progress, say=self.console.say, workers=workers,
        )  # fmt: skip
        data = sources.observed_chunks(
            self.catalogue, request.observed, request.chunks,
            seed=request.seed, progress=progress, say=self.console.say, workers=workers,
        )  # fmt: skip
        for name, chunks in self.simulation.samples.items():
            sample = self.catalogue.samples[name]
            self.console.say(self.catalogue.arithmetic(sample, chunks.entries))
        self.manifest = sources.merged([self.simulation, *([] if data is None else [data])])
        _record(self.folder, request, self.manifest)

    def optimise(self) -> None:
        frozen = decisions.is_unblinded(self.folder) and self.request.after_unblinding is None
        if frozen and not self.folder.lost(SELECTION):
            return  # the selection is frozen; `freeze` refuses what else has changed
        settings = self._settings(Selection({}), None)
        keys = {
            name: joint_key(self.simulation, name, settings) for name in self.simulation.samples
        }
        inputs = optimise_inputs(keys, self.catalogue, self.search)
        if self.folder.up_to_date(SELECTION, inputs):
            return
        origin = self.folder.made_with(LEDGER, ProcessedFrom)
        there = {} if origin is None or self.folder.lost(LEDGER) else origin.joint_keys
        if any(there.get(name) != key for name, key in keys.items()):
            self._process("optimise", self.simulation, settings, "simulation, for the selection")
        selected = optimise_folder(
            self.folder, self.catalogue, self.search, reason=self.request.after_unblinding
        )
        self.console.say(f"selection: {selected.words}")

    def freeze(self) -> None:
        decided = decided_in(self.folder, self.catalogue, self.search)
        decisions.guard(self.folder, decided, reason=self.request.after_unblinding)
        if not decisions.is_unblinded(self.folder):
            decisions.freeze(self.folder, decided)

    def process(self) -> None:
        score = self.folder.score(cut_variables(self.search))
        settings = self._settings(self.folder.selection(), score)
        self._process("process", self.manifest, settings, "all samples")

    def infer(self) -> None:
        self.console.say("inference")
        self._infer()
        if self.request.unblind is not None and not decisions.is_unblinded(self.folder):
            notes = decisions.unblind(self.folder, self.request.unblind)
            self.console.say(f"unblinded: {self.request.unblind}")
            for note in notes:
                self.console.say(f"note: {note}")
            self.process()
            self._infer()

    def report(self) -> None:
        self.console.say("figures and page")
        stages.report(self.folder, self.catalogue, self.search, workers=self._workers_here)

    def finish(self) -> None:
        """Tell what was lost."""
        ledger = self.folder.load_if_there(Ledger)
        if ledger is None or ledger.complete:
            return
        if self.request.allow_incomplete:
            self.console.say(losses(ledger, self.folder.path))
        else:
            raise XyyError(losses(ledger, self.folder.path))

    def _infer(self) -> None:
        from analysis.statistics.resonance.shape import Effort

        allowed, effort = self.request.allow_incomplete, Effort(workers=self._workers_here)
        stages.infer(
            self.folder, self.catalogue, self.search, allow_incomplete=allowed,
            effort=effort, say=self.console.say,
        )  # fmt: skip

    @property
    def _workers_here(self) -> int:
        """How many processes of this machine may work."""
        from tools.pool import cores

        execution = self.request.execution
        # What --cluster says is how many jobs there are, and not here.
        return cores() if execution.cluster or execution.scheduler else execution.workers

    def _settings(self, selection: Selection, score: ScoreTable | None) -> Settings:
        unblinded = decisions.is_unblinded(self.folder)
        return processor_settings(
            self.catalogue.columns, self.search, selection, score=score, unblinded=unblinded
        )

    def _process(self, stage: Stage, manifest: Manifest, settings: Settings, what: str) -> None:
        execution = self.request.execution
        if all_up_to_date(self.folder, manifest, self.catalogue, settings):
            remove_checkpoints_of_others(self.folder, manifest, settings, execution, stage)
            return
        todo = events_to_do(self.folder, manifest, settings)
        with self.console.progress(f"processing {what}", todo) as report:
            done = process(
                self.folder,
                manifest,
                self.catalogue,
                settings,
                execution=execution,
                report=report,
                session=self.session,
                stage=stage,
            )
        for remark in done.remarks():
            self.console.say(remark)


def _claim(folder: Folder, request: Request, *, generated: Sequence[str]) -> None:
    """Make the folder this analysis', or refuse one that is another's."""
    ours, theirs = _identity(request, generated), identity_of(folder)
    origin = origin_of(folder)
    if theirs is None or theirs == ours or (origin is not None and origin.by_hand):
        return
    if not request.force:
        raise InputError(
            f"{folder.path} holds another analysis ({theirs}, not {ours}); "
            "choose another --out, or give --force to replace it"
        )
    clear(folder.checkpoints)
    folder.remove_products()
    for name in (decisions.UNBLINDING, decisions.FREEZE):
        (folder.path / name).unlink(missing_ok=True)


def _identity(request: Request, generated: Sequence[str]) -> Identity:
    return Identity(request.catalogue.name, request.observed.label, tuple(generated))


def _record(folder: Folder, request: Request, manifest: Manifest) -> None:
    """Write ``run.json``: what the folder is made from."""
    content = contents(manifest)
    if decisions.is_unblinded(folder):
        refuse_other_events(folder, content, unblinded=True)
    parts = {Path(p.path).parent.parent for c in manifest.samples.values() for p in c.parts}
    Origin(
        identity=_identity(request, manifest.generated),
        samples_file=request.catalogue.path,
        search_file=request.search.path,
        method=request.method,
        manifests=tuple(sorted(parts)),
        content=content,
        command=request.command,
        directory=Path.cwd(),
    ).write(folder)
