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
from typing import Any, Protocol

from analysis import decisions, stages
from analysis.folder import PRODUCTS, SCORE, SELECTION, Folder
from analysis.process import (
    Stage,
    cut_variables,
    joint_key,
    losses,
    process,
    processor_settings,
    remove_checkpoints_of_others,
    up_to_date,
)
from analysis.search import Search
from processors.diphoton import Settings
from processors.score import ScoreTable
from processors.selection import Selection
from tools import sources
from tools.errors import InputError, XyyError
from tools.executors import Execution, Report, Session
from tools.executors.checkpoints import clear
from tools.manifest import Manifest
from tools.samples import Catalogue
from tools.sources import Observed
from tools.storage import one_writer

STAGES = ("chunks", "optimise", "freeze", "process", "infer", "report")
RUN = "run.json"


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
            seed=request.seed, progress=progress, workers=workers,
        )  # fmt: skip
        data = sources.observed_chunks(
            self.catalogue, request.observed, request.chunks,
            seed=request.seed, progress=progress, workers=workers,
        )  # fmt: skip
        for name, chunks in self.simulation.samples.items():
            sample = self.catalogue.samples[name]
            self.console.say(self.catalogue.arithmetic(sample, chunks.entries))
        self.manifest = sources.merged([self.simulation, *([] if data is None else [data])])
        _record(self.folder, request, self.manifest)

    def optimise(self) -> None:
        if decisions.is_unblinded(self.folder) and self.request.after_unblinding is None:
            return  # the selection is frozen; `freeze` refuses what else has changed
        settings = self._settings(Selection({}), None)
        keys = {
            name: joint_key(self.simulation, name, settings) for name in self.simulation.samples
        }
        inputs = stages.optimise_inputs(keys, self.catalogue, self.search)
        if self.folder.made_from(SELECTION) == inputs:
            return
        ledger = self.folder.read_if_there("ledger.json") or {"provenance": {}}
        there = ledger["provenance"].get("joint_keys", {})
        if any(there.get(name) != key for name, key in keys.items()):
            self._process("optimise", self.simulation, settings, "simulation, for the selection")
        selected = stages.optimise_folder(
            self.folder, self.catalogue, self.search, reason=self.request.after_unblinding
        )
        self.console.say(f"selection: {selected.words}")

    def freeze(self) -> None:
        decided = stages.decided_in(self.folder, self.catalogue, self.search)
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
            decisions.unblind(self.folder, self.request.unblind)
            self.console.say(f"unblinded: {self.request.unblind}")
            self.process()
            self._infer()

    def report(self) -> None:
        self.console.say("figures and page")
        stages.report(self.folder, self.catalogue, self.search, workers=self._workers_here)

    def finish(self) -> None:
        """Tell what was lost."""
        ledger = self.folder.read_if_there("ledger.json")
        if ledger is None or ledger["complete"]:
            return
        if self.request.allow_incomplete:
            self.console.say(losses(ledger, self.folder.path))
        else:
            raise XyyError(losses(ledger, self.folder.path))

    def _infer(self) -> None:
        from analysis.statistics.shape import Effort

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
        current = up_to_date(self.folder, manifest, settings)
        if set(current) == set(manifest.samples) == _samples_in(self.folder):
            remove_checkpoints_of_others(self.folder, manifest, settings, execution, stage)
            return
        todo = sum(c.entries for name, c in manifest.samples.items() if name not in current)
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


def _samples_in(folder: Folder) -> set[str]:
    ledger = folder.read_if_there("ledger.json") or {"samples": {}}
    return set(ledger["samples"])


def _claim(folder: Folder, request: Request, *, generated: Sequence[str]) -> None:
    """Make the folder this analysis', or refuse one that is another's."""
    ours = _identity(request, generated)
    there = folder.read_if_there(RUN)
    if there is None:
        return
    theirs = {key: there.get(key) for key in ours}
    if theirs == ours:
        return
    if not request.force:
        raise InputError(
            f"{folder.path} holds another analysis ({_short(theirs)}, not {_short(ours)}); "
            "choose another --out, or give --force to replace it"
        )
    clear(folder.checkpoints)
    for name in (decisions.UNBLINDING, decisions.FREEZE, "ledger.json", SELECTION, SCORE):
        (folder.path / name).unlink(missing_ok=True)


def _identity(request: Request, generated: Sequence[str]) -> dict[str, Any]:
    return {
        "samples": request.catalogue.name,
        "data": request.observed.label,
        "generated_samples": list(generated),
    }


def _short(identity: dict[str, Any]) -> str:
    generated = ", ".join(identity["generated_samples"] or []) or "none"
    return f"samples {identity['samples']}, data {identity['data']}, generated: {generated}"


def _record(folder: Folder, request: Request, manifest: Manifest) -> None:
    """Write ``run.json``: what the folder is made from, and where `xyy status` finds it."""
    content = {name: chunks.content for name, chunks in manifest.samples.items()}
    there = folder.read_if_there(RUN) or {"provenance": {"content": content}}
    if decisions.is_unblinded(folder) and there["provenance"]["content"] != content:
        raise InputError(
            f"{folder.path} was unblinded with other events than these; "
            "choose another --out, or give --force to replace it"
        )
    parts = sorted(
        {str(Path(p.path).parent.parent) for c in manifest.samples.values() for p in c.parts}
    )
    folder.write(
        RUN,
        _identity(request, manifest.generated),
        content=content,
        manifests=parts,
        seed=request.seed,
        samples_file=str(request.catalogue.path.resolve()),
        search_file=str(request.search.path.resolve()),
        method=request.search.optimise.method,
    )
