"""Commands of the pipeline, one stage each, in its order; and `xyy run`, all of them in one."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from analysis.commands import options
from analysis.commands.console import Console, Printer
from analysis.commands.options import flag, spread, value
from tools.errors import InputError, XyyError
from tools.locks import one_writer
from tools.names import counted

if TYPE_CHECKING:
    from tools.manifest import SampleChunks


def new_analysis(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="Where your files will lie.")],
    *,
    quiet: options.QuietOption = False,
) -> None:
    """Write the two settings files to start a search of your own, and say what to do next.

    `samples.toml` says what your data are, `search.toml` what you decide: those of the course, to
    be changed. Files that are there are not overwritten.

    Example: `xyy new-analysis mine`
    """
    from analysis.settings.new_analysis import new_analysis as write

    lines = write(directory)
    if not quiet:
        typer.echo("\n".join(lines))


@spread
def convert(
    files: Annotated[list[str], typer.Argument(metavar="[SAMPLE=]FILE...")],
    *,
    out: options.OutOption,
    samples: options.SamplesOption = options.SAMPLES_FILE,
    layout: Annotated[
        str | None, value("NAME", "How photons are stored there; default: whatever fits.")
    ] = None,
    skip_damaged: Annotated[
        bool, flag("--skip-damaged", "Leave out files that are refused, and list them.")
    ] = False,
    where: options.Where,
    console: Console,
) -> None:
    """Convert event files (ROOT, Parquet, CSV) to validated chunks.

    A file belongs to the sample before `=`, or to the one whose file patterns match. Photons are
    found by the layouts of `datasets/layouts` and of the samples file, or in the declared columns;
    `xyy inspect` says what a file is. Files may be addresses (`root://`, `https://`). What was
    finished before an interrupt is not read again. `conversion.json` lists what was read.

    Example: `xyy convert signal_500.csv background=sherpa.csv --out chunks`

    Example: `xyy convert data=nano_*.root --out chunks --workers 2`
    """
    catalogue = options.catalogue_of(samples)
    from tools.convert import convert as convert_files
    from tools.manifest import manifest_for

    named = options.named_sources(files)
    with one_writer(out), console.progress("converting") as report:
        before = manifest_for(out, catalogue.columns).samples
        manifest = convert_files(
            catalogue, named, out, layout=layout, skip_damaged=skip_damaged,
            start=lambda: where.session(console.log), progress=report, log=console.log,
        )  # fmt: skip
    for name, chunks in manifest.samples.items():
        kind = f" of {chunks.layout}" if chunks.layout else ""
        told = f"{name}: {chunks.entries:,} events{kind} in {counted(len(chunks.parts), 'chunk')}"
        if chunks.layout and chunks.cross_section_pb is not None:
            told += f"; {catalogue.path} gives them {chunks.cross_section_pb:g} pb"
        console.log(told + _what_became(before.get(name), chunks))
    console.log(f"in {out}")
    skipped = [each.reason for chunks in manifest.samples.values() for each in chunks.refused]
    if skipped:
        told = "\n".join(skipped)
        left_out = counted(len(skipped), "file")
        raise XyyError(f"left out: {left_out}; the others are converted:\n{told}")


def _what_became(before: "SampleChunks | None", now: "SampleChunks") -> str:
    if before is None:
        return ""
    return (
        " (as before)"
        if before.content == now.content
        else f" (in place of {before.entries:,} others)"
    )


@spread
def process(
    manifest: Annotated[Path, typer.Argument(metavar="MANIFEST")],
    *,
    out: Annotated[
        Path | None, value("DIR", "The folder to write to; default: a results folder.", "--out")
    ] = None,
    selection: options.SelectionOption = None,
    only: Annotated[str | None, value("NAME,...", "These samples.")] = None,
    histograms: options.HistogramsOption = "all",
    how: options.How,
    resume: options.ResumeOption = False,
    checkpoints: options.CheckpointsOption = True,
    after_unblinding: options.AfterOption = None,
    files: options.OwnSettingsFiles,
    printer: Printer,
) -> None:
    """Run the processor over chunks: events to histograms.

    MANIFEST may also be a results folder: it is processed again, all its chunks, with its
    selection. Data stay blind inside the window unless `DIR` holds an unblinding that matches its
    freeze. After an interrupt or a lost chunk, `--resume` processes only what is missing or has
    changed.

    Example: `xyy process chunks/manifest.json --out results/mine --executor futures`

    Example: `xyy process results/mine`
    """
    from analysis.folder import blinding, decisions
    from analysis.folder.folder import PROCESSED
    from analysis.folder.origin import RUN, contents, refuse_other_events, remember_chunks
    from analysis.workflow import process as stage
    from tools.executors import Session

    work = options.work_on(manifest, out, selection, files)
    folder, catalogue, search = work.project
    chunks = work.chunks.only(only.split(",")) if only else work.chunks
    execution = how.execution(resume=resume, checkpoints=checkpoints)
    writes = (*PROCESSED, RUN)
    with one_writer(folder.path, writes=writes), Session(execution, printer.log) as session:
        now = decisions.decisions(catalogue, search, work.cuts, work.score)
        blinding.guard(folder, now, reason=after_unblinding)
        opened = blinding.is_unblinded(folder)
        refuse_other_events(folder, contents(chunks), unblinded=opened)
        settings = stage.processor_settings(
            catalogue.columns, search, work.cuts, score=work.score, unblinded=opened,
            histograms=histograms,
        )  # fmt: skip
        processing = stage.Processing(
            folder=folder, manifest=chunks, catalogue=catalogue, settings=settings,
            execution=execution, session=session,
        )  # fmt: skip
        ledger = processing.show("processing", printer)
        remember_chunks(work.project, work.manifests, chunks)
    printer.result(folder.path / "ledger.json")
    if not ledger.complete:
        raise XyyError(stage.losses(ledger, folder.path))


@spread
def optimise(
    directory: options.DirectoryArgument,
    *,
    method: options.MethodOption = None,
    after_unblinding: options.AfterOption = None,
    files: options.OwnSettingsFiles,
    printer: Printer,
) -> None:
    """Find the best selection on simulation, with the course's table.

    Compared are the course's cuts, the best rectangular ones, one cut on a score of all columns,
    categories of it, and the bound that nothing can beat. Other commands on DIR take what
    `selection.json` says.

    Example: `xyy optimise results/mine`
    """
    from analysis.folder.folder import SCORE, SELECTION, Folder
    from analysis.folder.origin import remember_settings
    from analysis.report.summary import selection_table
    from analysis.workflow import make

    project = files.of(Folder(directory), method=method, may_change=True)
    with one_writer(directory, writes=(SELECTION, SCORE)):
        selected = make.optimise(project, reason=after_unblinding)
        remember_settings(project, method)
    printer.result(directory / SELECTION, lambda: selection_table(selected.selection))


@spread
def freeze(
    directory: options.DirectoryArgument, *, files: options.OwnSettingsFiles, console: Console
) -> None:
    """Fix the decisions, before the data are looked at.

    Example: `xyy freeze results/mine`
    """
    from analysis.folder import blinding
    from analysis.folder.folder import FREEZE, Folder
    from analysis.folder.origin import remember_settings
    from analysis.workflow.stages import decided_in

    project = files.of(Folder(directory), may_change=True)
    with one_writer(directory):
        blinding.freeze(project.folder, decided_in(project))
        remember_settings(project)
    console.log(f"frozen: {directory / FREEZE}")


@spread
def unblind(
    directory: options.DirectoryArgument,
    *,
    reason: Annotated[str, value("TEXT", "Why now; it stays on record.")],
    console: Console,
) -> None:
    """Unblind the data inside the window, and print what to type next.

    Example: `xyy unblind results/mine --reason "approved by the group on Tuesday"`
    """
    from analysis.folder import blinding
    from analysis.folder.folder import FREEZE, Folder
    from analysis.folder.origin import origin_of
    from analysis.workflow.make import next_after_unblinding
    from analysis.workflow.stages import decided_in

    folder = Folder(directory)
    with one_writer(directory):
        if origin_of(folder) is not None and (folder.path / FREEZE).is_file():
            now = decided_in(options.OwnSettingsFiles().of(folder))
            blinding.refuse_stale_freeze(folder, now)
        for note in blinding.unblind(folder, reason):
            console.log(f"note: {note}")
    console.log(
        f"unblinded: {reason}; the results are blind until you type\n  "
        f"{next_after_unblinding(folder)}"
    )


@spread
def report(
    directory: options.DirectoryArgument,
    *,
    workers: options.ProcessesOption = None,
    files: options.OwnSettingsFiles,
    console: Console,
) -> None:
    """Draw the figures (PDF, PNG, and their numbers as JSON) and write the page `report.html`.

    Example: `xyy report results/mine`
    """
    from analysis.folder.folder import Folder
    from analysis.folder.history import lines
    from analysis.workflow import make
    from tools.pool import cores

    project = files.of(Folder(directory))
    with one_writer(directory):
        make.report(project, workers=workers or cores())
    console.log(f"{directory / 'report.html'}")
    if not console.quiet:
        typer.echo("\n".join(lines(project.folder)))


@spread
def export(
    form: Annotated[
        Literal["hepdata", "workspace", "root"],
        typer.Argument(metavar="FORMAT", help="hepdata, workspace or root.", show_default=False),
    ],
    directory: options.DirectoryArgument,
    *,
    out: Annotated[
        Path | None, value("FOLDER", "A new or empty one; DIR/export/FORMAT otherwise.", "--out")
    ] = None,
    files: options.OwnSettingsFiles,
    console: Console,
) -> None:
    """Write results for other programs: HEPData, pyhf, ROOT; while blind, expected ones only.

    `hepdata`: a submission that HEPData's own validator accepts, `submission.yaml` and a YAML file
    for each table: spectra with fits, scan, limits, cutflow, count, resonance.

    `workspace`: a pyhf workspace for every mass of the limits, and an index of what each gives. DIR
    may also be what `xyy infer --spectrum` wrote.

    `root`: the histograms as ROOT's TH1D and TH2D; events as counted under `events`, simulation
    weighted to the luminosity under `expected`.

    Example: `xyy export hepdata results/mine --out submission`
    """
    from analysis.export.formats import FORMATS
    from analysis.export.writing import default_folder, refuse_occupied, write_files
    from analysis.folder.folder import Folder

    project = files.of(Folder(directory))
    if out is not None:
        refuse_occupied(out)
    place = default_folder(directory, form) if out is None else out
    with one_writer(directory):
        exported = FORMATS[form](project)
        write_files(place, exported)
    others = len(exported) - 1
    beside = f" and {others} files beside it" if others else ""
    console.log(f"{place / list(exported)[-1]}{beside}")


@spread
def run(
    *,
    data: Annotated[list[Path] | None, value("FILE", "Observed events; may be repeated.")] = None,
    universe: options.UniverseOption = None,
    unblind_reason: Annotated[
        str | None, value("TEXT", "Open the data, and say why.", "--unblind")
    ] = None,
    out: Annotated[Path | None, value("DIR", "Default: results/SAMPLES-DATA.")] = None,
    until: Annotated[
        Literal["chunks", "optimise", "freeze", "process", "infer", "report"],
        typer.Option(help="The last stage to do."),
    ] = "report",
    method: options.MethodOption = None,
    chunks: Annotated[Path, value("DIR", "Where converted events lie.")] = options.DEFAULT_CHUNKS,
    seed: options.SeedOption = None,
    generate_missing: Annotated[
        bool, flag("--generate-missing", "Generate the samples without files.")
    ] = False,
    force: Annotated[bool, flag("--force", "Replace another analysis in the folder.")] = False,
    how: options.How,
    resume: options.ResumeOption = True,
    checkpoints: options.CheckpointsOption = True,
    allow_incomplete: options.AllowIncompleteOption = False,
    after_unblinding: options.AfterOption = None,
    files: options.SettingsFiles,
    printer: Printer,
) -> None:
    """Do everything: from files to the verdict, figures and page.

    Stages that are up to date are skipped, and an interrupted one goes on where it was. Without
    `--unblind` the data stay blind and the results are the expected ones; without data, they are
    those of the simulation.

    Example: `xyy run --data observed.csv --unblind "all decisions are frozen"`
    """
    if data and universe is not None:
        raise InputError("--data and --universe exclude each other: which are the observed events?")
    catalogue, search = files.read(method=method)
    from analysis.report.summary import verdict_summary
    from analysis.workflow import pipeline
    from tools.generate import DEFAULT_SEED
    from tools.sources import Observed

    observed = Observed(tuple(data or ()), universe)
    default = "-".join(filter(None, (catalogue.name, observed.label)))
    again = {
        "data": data, "universe": universe,
        "chunks": None if chunks == options.DEFAULT_CHUNKS else chunks,
        "method": method, "seed": seed, "generate-missing": generate_missing,
        "no-checkpoints": not checkpoints, "allow-incomplete": allow_incomplete,
        "samples": None if files.samples == options.SAMPLES_FILE else files.samples,
        "search": None if files.search == options.SEARCH_FILE else files.search,
    }  # fmt: skip
    request = pipeline.Request(
        out=out or Path("results", default), chunks=chunks, catalogue=catalogue, search=search,
        observed=observed, seed=DEFAULT_SEED if seed is None else seed,
        execution=how.execution(resume=resume, checkpoints=checkpoints),
        allow_incomplete=allow_incomplete, generate_missing=generate_missing,
        unblind=unblind_reason, after_unblinding=after_unblinding, until=until, force=force,
        method=method, command=_command({**again, **asdict(how)}),
    )  # fmt: skip
    folder = pipeline.run(request, printer)
    if until in ("infer", "report"):
        printer.result(folder.path / "verdict.json", lambda: verdict_summary(folder))


def _command(given: Mapping[str, object]) -> tuple[str, ...]:
    """Return the words that ask for the same run again, in whatever folder."""
    words: list[str] = []
    for name, chosen in given.items():
        option = f"--{name.replace('_', '-')}"
        if chosen is True:
            words.append(option)
        elif chosen is not None and chosen is not False:
            values = chosen if isinstance(chosen, list) else [chosen]
            words += [word for one in values for word in (option, str(one))]
    return tuple(words)
