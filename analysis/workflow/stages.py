"""The stages of an analysis: what each is made from, and whether it is up to date.

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

A stage is up to date if it would be made from the same now - files of earlier stages, settings,
code - and if all that it wrote is there as it was written. Its record, the file that it writes
last, holds the digest of what it was made from (``provenance.inputs``). Chunks are looked after by
file (`tools.sources`), decisions by their digest, histograms by sample (`process.sample_key`).
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from analysis.folder import blinding, decisions, history
from analysis.folder import folder as files
from analysis.folder.folder import Folder, Project
from analysis.folder.origin import RUN, origin_of
from analysis.results.ledger import Ledger, ProcessedFrom
from analysis.selection.scores.score_file import read_score_of
from analysis.settings.settings_check import check_selection
from analysis.workflow import process
from processors.diphoton import Settings
from processors.selection import Selection
from tools.code import behind, code_digest
from tools.digests import digest_document, digest_text
from tools.errors import InputError
from tools.manifest import Manifest
from tools.names import listed

StageName = Literal["chunks", "optimise", "freeze", "process", "infer", "report"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """A stage: what it is made from, and what it writes."""

    name: StageName
    after: str | None = None
    """file of an earlier stage, without which nothing can be said of this one"""
    needs: tuple[str, ...] = ()
    """files of earlier stages that it is made from"""
    settings: Callable[[Project], Mapping[str, Any]] = lambda _project: {}
    """function that returns what else it is made from: settings, decisions, digests of events"""
    code: tuple[str, ...] = ()
    """modules and packages that make it, with all that they import"""
    products: tuple[str, ...] = ()
    """files that it writes, its record last"""
    made_from: Callable[[Folder], str | None] | None = None
    """function that returns the digest of the settings that it was made with, of a stage that is
    known by these alone"""


# ---- what each is made from ----------------------------------------------------------------------


def joint_settings(joint_keys: Mapping[str, str], project: Project) -> dict[str, Any]:
    """Return what a selection is chosen from, given the keys of the joint histograms."""
    _, catalogue, search = project
    return {
        "joint": {sample.name: joint_keys.get(sample.name) for sample in catalogue.simulation},
        "samples": [asdict(sample) for sample in catalogue.simulation],
        "luminosity": catalogue.luminosity_invpb,
        "optimise": asdict(search.optimise),
        "score": asdict(search.score),
    }


def joint_keys(project: Project) -> dict[str, str]:
    """Return what the joint histograms of the simulation would be made from now, by sample."""
    folder, catalogue, search = project
    manifest = chunks_of(folder)
    settings = process.processor_settings(catalogue.columns, search, Selection({}))
    names = (sample.name for sample in catalogue.simulation if sample.name in manifest.samples)
    return {name: process.joint_key(manifest, name, settings) for name in names}


def chunks_of(folder: Folder) -> Manifest:
    """Return the chunks that a folder is made from.

    Raises
    ------
    InputError
        If it does not say, or they are no longer there.
    """
    origin = origin_of(folder)
    if origin is None:
        raise InputError(f"{folder.path / RUN} is not there or damaged; make it with `xyy run`")
    return origin.manifest()


def decided_in(project: Project) -> dict[str, Any]:
    """Return the decisions as they stand now, with the selection of the folder."""
    folder, catalogue, search = project
    score = read_score_of(folder.path / files.SELECTION, search)
    selection = folder.selection()
    check_selection(folder.path / files.SELECTION, selection, catalogue)
    return decisions.decisions(catalogue, search, selection, score)


def settings_in(project: Project) -> Settings:
    """Return the settings that the histograms of the folder are to be filled with."""
    folder, catalogue, search = project
    selection, score, path = Selection({}), None, folder.path / files.SELECTION
    if path.is_file():
        selection, score = folder.selection(), read_score_of(path, search)
    opened = blinding.is_unblinded(folder)
    return process.processor_settings(
        catalogue.columns, search, selection, score=score, unblinded=opened
    )


def _of_process(project: Project) -> dict[str, Any]:
    manifest, settings = chunks_of(project.folder), settings_in(project)
    ledger = project.folder.load_if_there(Ledger)
    there = {} if ledger is None else ledger.samples
    known = {name: there[name] for name in manifest.samples if name in there}
    return {
        "keys": {name: process.sample_key(manifest, name, settings) for name in manifest.samples},
        "weights": process.weights(project.catalogue, known),
    }


def _processed_from(folder: Folder) -> str | None:
    ledger, origin = folder.load_if_there(Ledger), folder.made_with(files.LEDGER, ProcessedFrom)
    if ledger is None or origin is None:
        return None
    keys = {name: origin.keys.get(name) for name in ledger.samples}
    return digest_document({"keys": keys, "weights": origin.weights})


def _of_infer(project: Project) -> dict[str, Any]:
    opened = blinding.is_unblinded(project.folder), history.after_unblinding(project.folder)
    return {**decided_in(project), "opened": opened}


def _of_report(project: Project) -> dict[str, Any]:
    # The chosen cuts are among what it needs.
    decided = decisions.decisions(project.catalogue, project.search, Selection({}))
    return {**decided, "label": asdict(project.search.label)}


STAGES = {stage.name: stage for stage in (
    Stage(name="chunks"),
    Stage(
        name="optimise",
        settings=lambda project: joint_settings(joint_keys(project), project),
        code=("analysis.workflow.optimise_folder",),
        products=(files.SCORE, files.SELECTION),
    ),
    Stage(
        name="freeze",
        after=files.SELECTION,
        settings=decided_in,
        products=(files.FREEZE,),
        made_from=blinding.in_force,
    ),
    Stage(
        name="process",
        after=files.SELECTION,
        settings=_of_process,
        products=(files.HISTOGRAMS, files.CUTFLOW, files.LEDGER),
        made_from=_processed_from,
    ),
    Stage(
        name="infer",
        after=files.LEDGER,
        needs=(RUN, files.LEDGER, files.HISTOGRAMS),
        settings=_of_infer,
        code=("analysis.workflow.infer_folder",),
        products=files.RESULTS,
    ),
    Stage(
        name="report",
        after=files.LEDGER,
        needs=(RUN, *files.PROCESSED, *files.DECIDED, *files.RESULTS),
        settings=_of_report,
        code=("analysis.report.writing", "analysis.report.page"),
        products=(files.PAGE, files.REPORT),
    ),
)}  # fmt: skip
"""all stages, in their order"""


def _content(folder: Folder, name: str) -> str:
    """Return the digest of a file as far as results depend on it, not on provenance and labels."""
    if name == files.HISTOGRAMS:  # by the keys of its samples: nobody has to read all of it
        folder.load(Ledger, made_by="process")
        origin = folder.made_with(files.LEDGER, ProcessedFrom)
        return digest_document({} if origin is None else origin.keys)
    return digest_document(files.unlabelled(folder.read_if_there(name) or {}))


def digest_of(stage: Stage, folder: Folder, settings: Mapping[str, Any]) -> str:
    """Return the digest of what a stage is made from, given what its `settings` return."""
    if stage.made_from is not None:
        return digest_document(settings)
    needed = (_content(folder, name) for name in stage.needs)
    # With all that they import: a change in a fit makes the inference out of date, wherever it is.
    code = code_digest(*stage.code, *behind(*stage.code), "tools.arrays")
    return digest_text(*needed, digest_document(settings), code)


def inputs(name: StageName, project: Project) -> str:
    """Return the digest of what a stage would be made from now.

    Raises
    ------
    InputError
        If a file that it is made from is missing or damaged.
    """
    stage = STAGES[name]
    return digest_of(stage, project.folder, stage.settings(project))


# ---- whether it is up to date --------------------------------------------------------------------


def why_make(name: StageName, project: Project) -> str | None:
    """Return why a stage has to be made, or made again; None if it is up to date.

    Raises
    ------
    InputError
        If a file that it is made from is missing or damaged.
    """
    stage = STAGES[name]
    *others, record = stage.products
    known = stage.made_from or (lambda folder: folder.made_from(record))
    made, wanted = known(project.folder), inputs(name, project)
    # A record that is damaged counts as none.
    if made is None:
        return "not made yet"
    if made != wanted:
        return "out of date: its inputs, settings or code changed"
    lost = project.folder.lost(record) if others else []
    return f"out of date: {listed(lost)} missing or not as written" if lost else None


# ---- how far a folder has come ------------------------------------------------------------------


def status(project: Project) -> list[tuple[str, str]]:
    """Return, for each stage, ``up to date`` or why it is not.

    Raises
    ------
    InputError
        If the folder does not say what it was made from.
    """
    folder = project.folder
    try:
        manifest = chunks_of(folder)
    except InputError as error:
        if origin_of(folder) is None:
            raise
        return [("chunks", str(error))]
    rows = [("chunks", "up to date")]
    for name, stage in list(STAGES.items())[1:]:
        if stage.after is not None and not (folder.path / stage.after).is_file():
            break
        if name == "freeze" and (refused := _score_refused(project)) is not None:
            return [*rows[:-1], ("optimise", refused)]
        why = why_make(name, project)
        if name == "process" and why is not None:
            kept = process.kept_samples(folder, manifest, settings_in(project))
            stale = sorted(manifest.samples.keys() - kept)
            why = f"to be processed: {listed(stale) or 'its weights or samples changed'}"
        rows.append((name, why or "up to date"))
    return rows


def _score_refused(project: Project) -> str | None:
    """Return why the score of the selection cannot be read, if it cannot."""
    try:
        read_score_of(project.folder.path / files.SELECTION, project.search)
    except InputError as error:
        return str(error)
    return None
