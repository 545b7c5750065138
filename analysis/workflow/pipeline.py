"""`xyy run`: the whole way from files to the verdict.

`STAGES` has the stages and what each is made from. One that is up to date is skipped. Every
product is whole or not there, so a run that was killed anywhere is finished by the next one, with
the same result; chunks that were processed before come from their checkpoints.
"""

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from analysis.folder import blinding
from analysis.folder.folder import LEDGER, PRODUCTS, SELECTION, Folder, Project
from analysis.folder.origin import Origin, contents, identity_of, origin_of, refuse_other_events
from analysis.results.ledger import Identity, Ledger, ProcessedFrom, RunFrom
from analysis.settings.search import Search
from analysis.settings.settings_check import check_run
from analysis.workflow import make, stages
from analysis.workflow.process import Processing, RunLog, Whose, losses, processor_settings
from analysis.workflow.stages import STAGES, StageName
from processors.diphoton import Settings
from processors.selection import Selection
from tools import sources
from tools.errors import InputError, XyyError
from tools.executors import Execution, Session
from tools.executors.checkpoints import clear
from tools.folders import refuse_no_folder
from tools.locks import one_writer
from tools.manifest import Manifest
from tools.samples import Catalogue
from tools.sources import Observed


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
    until: StageName = "report"
    """the last stage to do"""
    force: bool = False
    """take over a folder made from other samples or data"""
    method: str | None = None
    """of the selection, where it is not the search file's"""
    command: tuple[str, ...] | None = None
    """the words after `xyy run` that ask for the same again"""


def run(request: Request, console: RunLog, *, session: Session | None = None) -> Folder:
    """Do every stage that is not up to date.

    Parameters
    ----------
    request : Request
    console : RunLog
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
    own = nullcontext(session) if session else Session(request.execution, console.log)
    with one_writer(folder.path, writes=PRODUCTS), own as workers:
        analysis = _Analysis(request, folder, console, workers)
        for stage in STAGES:
            getattr(analysis, stage)()
            if stage == request.until:
                break
        analysis.finish()
    return folder


class _Analysis:
    """One run on one folder; each stage is a method of its name."""

    def __init__(self, request: Request, folder: Folder, console: RunLog, session: Session) -> None:
        self.request, self.folder, self.console = request, folder, console
        self.session = session
        self.catalogue, self.search = request.catalogue, request.search
        self.project = Project(folder, request.catalogue, request.search)

    def chunks(self) -> None:
        request, execution, log = self.request, self.request.execution, self.console.log
        files = sources.simulation_files(self.catalogue, generate_missing=request.generate_missing)
        # Before hours of conversion it must be clear that the folder may be used.
        _claim(self.folder, request, generated=sources.generated_samples(files))
        how: dict[str, Any] = {"seed": request.seed, "progress": self.console.progress, "log": log}
        # What --cluster says is how many jobs there are, and not here.
        how["workers"] = None if execution.cluster else execution.workers
        self.simulation = sources.simulation_chunks(self.catalogue, files, request.chunks, **how)
        data = sources.observed_chunks(self.catalogue, request.observed, request.chunks, **how)
        for name, chunks in self.simulation.samples.items():
            sample = self.catalogue.samples[name]
            log(self.catalogue.arithmetic(sample, chunks.entries))
        self.manifest = sources.merged([self.simulation, *([] if data is None else [data])])
        _record(self.folder, request, self.manifest)

    def optimise(self) -> None:
        frozen = blinding.is_unblinded(self.folder) and self.request.after_unblinding is None
        if frozen and not self.folder.lost(SELECTION):
            return  # the selection is frozen; `freeze` refuses what else has changed
        if not stages.why_make("optimise", self.project):
            return
        origin = self.folder.made_with(LEDGER, ProcessedFrom)
        there = {} if origin is None or self.folder.lost(LEDGER) else origin.joint_keys
        if any(there.get(name) != key for name, key in stages.joint_keys(self.project).items()):
            opened = blinding.is_unblinded(self.folder)
            settings = processor_settings(
                self.catalogue.columns, self.search, Selection({}), unblinded=opened
            )
            work = self._processing("optimise", self.simulation, settings)
            work.show("processing simulation, for the selection", self.console)
        selected = make.optimise(self.project, reason=self.request.after_unblinding)
        self.console.log(f"selection: {selected.words}")

    def freeze(self) -> None:
        decided = stages.decided_in(self.project)
        blinding.guard(self.folder, decided, reason=self.request.after_unblinding)
        if not blinding.is_unblinded(self.folder):
            blinding.freeze(self.folder, decided)

    def process(self) -> None:
        work = self._processing("process", self.manifest, stages.settings_in(self.project))
        if stages.why_make("process", self.project):
            work.show("processing all samples", self.console)
        else:
            work.checkpoints.keep_only(work.planned)  # as `Processing.run` does first

    def infer(self) -> None:
        self.console.log("inference")
        # Blind first, also where the data are to be opened: what the sidebands decide is put on
        # record before anybody knows what is in the window. Afterwards only the data are filled
        # anew.
        self._infer()
        if self.request.unblind is not None and not blinding.is_unblinded(self.folder):
            notes = blinding.unblind(self.folder, self.request.unblind)
            self.console.log(f"unblinded: {self.request.unblind}")
            for note in notes:
                self.console.log(f"note: {note}")
            self.process()
            self._infer()

    def report(self) -> None:
        self.console.log("figures and page")
        make.report(self.project, workers=self._workers_here)

    def finish(self) -> None:
        """Log what was lost."""
        ledger = self.folder.load_if_there(Ledger)
        if ledger is None or ledger.complete:
            return
        if self.request.allow_incomplete:
            self.console.log(losses(ledger, self.folder.path))
        else:
            raise XyyError(losses(ledger, self.folder.path))

    def _infer(self) -> None:
        from analysis.statistics.resonance.work import Work

        work = Work(workers=self._workers_here, log=self.console.log)
        make.infer(self.project, work, allow_incomplete=self.request.allow_incomplete)

    @property
    def _workers_here(self) -> int:
        """How many processes of this machine may work."""
        from tools.pool import cores

        execution = self.request.execution
        # What --cluster says is how many jobs there are, and not here.
        return cores() if execution.cluster or execution.scheduler else execution.workers

    def _processing(self, whose: Whose, manifest: Manifest, settings: Settings) -> Processing:
        return Processing(
            folder=self.folder, manifest=manifest, catalogue=self.catalogue, settings=settings,
            execution=self.request.execution, stage=whose, session=self.session,
        )  # fmt: skip


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


def _identity(request: Request, generated: Sequence[str]) -> Identity:
    return Identity(request.catalogue.name, request.observed.label, tuple(generated))


def _record(folder: Folder, request: Request, manifest: Manifest) -> None:
    """Write ``run.json``: what the folder is made from."""
    content = contents(manifest)
    if blinding.is_unblinded(folder):
        refuse_other_events(folder, content, unblinded=True)
    # A chunk is FOLDER/SAMPLE/part-N.root: simulation and data may lie in different folders.
    parts = {Path(p.path).parent.parent for c in manifest.samples.values() for p in c.parts}
    made = RunFrom(
        samples_file=request.catalogue.path, search_file=request.search.path,
        method=request.method, manifests=tuple(sorted(parts)), content=content,
        command=request.command, directory=Path.cwd(),
    )  # fmt: skip
    Origin(_identity(request, manifest.generated), made).write(folder)
