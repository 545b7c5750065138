"""Commands of the pipeline, in its order, and `run`, which does all of them."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from analysis.commands.options import (
    DEFAULT_CHUNKS,
    SAMPLES_FILE,
    SEARCH_FILE,
    AdaptiveOption,
    AfterOption,
    AllowIncompleteOption,
    CheckpointsOption,
    ChunkEventsOption,
    ClusterOption,
    DirectoryArgument,
    ExecutorOption,
    InsecureOption,
    JsonOption,
    OutOption,
    QuietOption,
    ResumeOption,
    SamplesOption,
    SchedulerOption,
    SearchOption,
    SeedOption,
    UniverseOption,
    WaitOption,
    WorkersOption,
    catalogue_of,
    execution_of,
    print_json_file,
    search_of,
)
from analysis.console import Console
from tools.errors import InputError, XyyError


def convert(
    files: Annotated[list[str], typer.Argument(metavar="[SAMPLE=]FILE...")],
    *,
    out: OutOption,
    samples: SamplesOption = SAMPLES_FILE,
    quiet: QuietOption = False,
) -> None:
    """Convert event files (CSV, flat ROOT, Parquet) to validated chunks.

    A file belongs to the sample before `=`, or to the one whose file patterns match.

    Example: `xyy convert signal_500.csv background=sherpa.csv --out chunks`
    """
    catalogue, console = catalogue_of(samples), Console(quiet=quiet)
    from tools.convert import convert as convert_files
    from tools.storage import one_writer

    named = [_sample_and_file(word) for word in files]
    with one_writer(out), console.progress("converting") as report:
        manifest = convert_files(catalogue, named, out, progress=report)
    for name, chunks in manifest.samples.items():
        console.say(f"{name}: {chunks.entries:,} events in {len(chunks.parts)} chunks")


def _sample_and_file(word: str) -> tuple[str | None, Path]:
    name, equals, path = word.partition("=")
    return (name, Path(path)) if equals and not Path(word).exists() else (None, Path(word))


def process(
    manifest: Annotated[Path, typer.Argument(metavar="MANIFEST")],
    *,
    out: OutOption,
    selection: Annotated[
        Path | None, typer.Option(help="Cuts to apply, a `selection.json`; none unless given.")
    ] = None,
    only: Annotated[str | None, typer.Option(metavar="NAME,...", help="These samples.")] = None,
    histograms: Annotated[
        Literal["all", "spectrum"], typer.Option(help="All, or the selected spectrum only.")
    ] = "all",
    executor: ExecutorOption = None,
    workers: WorkersOption = None,
    scheduler: SchedulerOption = None,
    cluster: ClusterOption = None,
    adaptive: AdaptiveOption = False,
    insecure: InsecureOption = False,
    wait: WaitOption = None,
    chunk_events: ChunkEventsOption = None,
    resume: ResumeOption = False,
    checkpoints: CheckpointsOption = True,
    after_unblinding: AfterOption = None,
    samples: SamplesOption = SAMPLES_FILE,
    search: SearchOption = SEARCH_FILE,
    quiet: QuietOption = False,
    print_json: JsonOption = False,
) -> None:
    """Run the processor over chunks: events to histograms.

    Data stay blind inside the window unless `DIR` holds an unblinding that matches its freeze.
    After an interrupt or a lost chunk, `--resume` processes only what is missing or has changed.

    Example: `xyy process chunks/manifest.json --out results/mine --executor futures`
    """
    from analysis import decisions
    from analysis import process as stage
    from analysis.folder import Folder, read_selection
    from processors.selection import Selection
    from tools.executors import Session
    from tools.executors.checkpoints import clear
    from tools.manifest import read_manifest
    from tools.storage import one_writer

    catalogue, decided, chunks = catalogue_of(samples), search_of(search), read_manifest(manifest)
    folder, console = Folder(out), Console(quiet=quiet)
    execution = execution_of(
        executor, workers, chunk_events, scheduler=scheduler, cluster=cluster, adaptive=adaptive,
        insecure=insecure, wait_seconds=wait, resume=resume, checkpoints=checkpoints,
    )  # fmt: skip
    cuts = Selection({}) if selection is None else read_selection(selection)
    names = only.split(",") if only else list(chunks.samples)
    settings = stage.processor_settings(
        chunks.columns,
        decided,
        cuts,
        unblinded=decisions.is_unblinded(folder),
        histograms=histograms,
    )
    with one_writer(out), Session(execution, console.say) as session:
        decisions.guard(
            folder, decisions.decisions(catalogue, decided, cuts), reason=after_unblinding
        )
        events = sum(chunks.samples[name].entries for name in names if name in chunks.samples)
        with console.progress("processing", events) as report:
            done = stage.process(
                folder,
                chunks,
                catalogue,
                settings,
                only=names,
                execution=execution,
                report=report,
                session=session,
            )
        if done.ledger["complete"]:
            clear(folder.checkpoints)
    for remark in done.remarks():
        console.say(remark)
    if print_json:
        print_json_file(out / "ledger.json")
    if not done.ledger["complete"]:
        raise XyyError(stage.losses(done.ledger, out))


def optimise(
    directory: DirectoryArgument,
    *,
    after_unblinding: AfterOption = None,
    samples: SamplesOption = SAMPLES_FILE,
    search: SearchOption = SEARCH_FILE,
    quiet: QuietOption = False,
    print_json: JsonOption = False,
) -> None:
    """Find the best selection on simulation, with the course's table.

    Example: `xyy optimise results/mine`
    """
    from analysis.folder import Folder
    from analysis.stages import optimise_folder
    from analysis.summary import selection_table
    from tools.storage import one_writer

    folder, catalogue, decided = Folder(directory), catalogue_of(samples), search_of(search)
    with one_writer(directory):
        optimum = optimise_folder(folder, catalogue, decided, reason=after_unblinding)
    if print_json:
        print_json_file(directory / "selection.json")
    elif not quiet:
        typer.echo(selection_table(optimum.document))


def freeze(
    directory: DirectoryArgument,
    *,
    samples: SamplesOption = SAMPLES_FILE,
    search: SearchOption = SEARCH_FILE,
    quiet: QuietOption = False,
) -> None:
    """Fix the decisions, before the data are looked at.

    Example: `xyy freeze results/mine`
    """
    from analysis import decisions
    from analysis.folder import Folder
    from analysis.stages import decided_in
    from tools.storage import one_writer

    folder = Folder(directory)
    with one_writer(directory):
        decisions.freeze(folder, decided_in(folder, catalogue_of(samples), search_of(search)))
    Console(quiet=quiet).say(f"frozen: {directory / decisions.FREEZE}")


def unblind(
    directory: DirectoryArgument,
    *,
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Why now; it stays on record.")],
    quiet: QuietOption = False,
) -> None:
    """Open the data inside the window; then `process` and `infer` again.

    Example: `xyy unblind results/mine --reason "approved by the group on Tuesday"`
    """
    from analysis import decisions
    from analysis.folder import Folder
    from tools.storage import one_writer

    with one_writer(directory):
        decisions.unblind(Folder(directory), reason)
    Console(quiet=quiet).say(f"unblinded: {reason}; run `xyy process` and `xyy infer` again")


def infer(
    directory: DirectoryArgument,
    *,
    allow_incomplete: AllowIncompleteOption = False,
    after_unblinding: AfterOption = None,
    samples: SamplesOption = SAMPLES_FILE,
    search: SearchOption = SEARCH_FILE,
    quiet: QuietOption = False,
    print_json: JsonOption = False,
) -> None:
    """Fit the background, count, fit a resonance, set a limit, state the verdict.

    Example: `xyy infer results/mine`
    """
    from analysis import decisions, stages
    from analysis.folder import Folder
    from analysis.summary import verdict_summary
    from tools.storage import one_writer

    folder, catalogue, decided = Folder(directory), catalogue_of(samples), search_of(search)
    with one_writer(directory):
        now = stages.decided_in(folder, catalogue, decided)
        decisions.guard(folder, now, reason=after_unblinding)
        stages.infer(folder, catalogue, decided, allow_incomplete=allow_incomplete)
    if print_json:
        print_json_file(directory / "verdict.json")
    elif not quiet:
        typer.echo(verdict_summary(folder))


def report(
    directory: DirectoryArgument,
    *,
    samples: SamplesOption = SAMPLES_FILE,
    search: SearchOption = SEARCH_FILE,
    quiet: QuietOption = False,
) -> None:
    """Draw the figures (PDF and PNG) and write the page `report.html`.

    Example: `xyy report results/mine`
    """
    from analysis import stages
    from analysis.folder import Folder
    from tools.storage import one_writer

    folder = Folder(directory)
    with one_writer(directory):
        stages.report(folder, catalogue_of(samples), search_of(search))
    Console(quiet=quiet).say(f"{directory / 'report.html'}")


def run(
    *,
    data: Annotated[
        list[Path] | None, typer.Option(metavar="FILE", help="Observed events; may be repeated.")
    ] = None,
    universe: UniverseOption = None,
    unblind_reason: Annotated[
        str | None, typer.Option("--unblind", metavar="TEXT", help="Open the data, and say why.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Default: results/SAMPLES-DATA.")
    ] = None,
    until: Annotated[
        Literal["chunks", "optimise", "freeze", "process", "infer", "report"],
        typer.Option(help="The last stage to do."),
    ] = "report",
    chunks: Annotated[
        Path, typer.Option(metavar="DIR", help="Where converted events lie.")
    ] = DEFAULT_CHUNKS,
    seed: SeedOption = None,
    generate_missing: Annotated[
        bool, typer.Option("--generate-missing", help="Generate the samples without files.")
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Replace another analysis in the folder.")
    ] = False,
    executor: ExecutorOption = None,
    workers: WorkersOption = None,
    scheduler: SchedulerOption = None,
    cluster: ClusterOption = None,
    adaptive: AdaptiveOption = False,
    insecure: InsecureOption = False,
    wait: WaitOption = None,
    chunk_events: ChunkEventsOption = None,
    resume: ResumeOption = True,
    checkpoints: CheckpointsOption = True,
    allow_incomplete: AllowIncompleteOption = False,
    after_unblinding: AfterOption = None,
    samples: SamplesOption = SAMPLES_FILE,
    search: SearchOption = SEARCH_FILE,
    quiet: QuietOption = False,
    print_json: JsonOption = False,
) -> None:
    """Do everything: from files to the verdict, figures and page.

    Stages that are up to date are skipped, and an interrupted one goes on where it was. Without
    `--unblind` the data stay blind and the results are the expected ones; without data, they are
    those of the simulation.

    Example: `xyy run --data observed.csv --unblind "all decisions are frozen"`
    """
    if data and universe is not None:
        raise InputError("--data and --universe exclude each other: which are the observed events?")
    catalogue = catalogue_of(samples)
    from analysis import pipeline
    from analysis.summary import verdict_summary
    from tools.generate import DEFAULT_SEED
    from tools.sources import Observed

    execution = execution_of(
        executor, workers, chunk_events, scheduler=scheduler, cluster=cluster, adaptive=adaptive,
        insecure=insecure, wait_seconds=wait, resume=resume, checkpoints=checkpoints,
    )  # fmt: skip
    observed = Observed(tuple(data or ()), universe)
    default = Path("results") / "-".join(filter(None, (catalogue.name, observed.label)))
    request = pipeline.Request(
        out=out or default,
        chunks=chunks,
        catalogue=catalogue,
        search=search_of(search),
        observed=observed,
        seed=DEFAULT_SEED if seed is None else seed,
        execution=execution,
        allow_incomplete=allow_incomplete,
        generate_missing=generate_missing,
        unblind=unblind_reason,
        after_unblinding=after_unblinding,
        until=until,
        force=force,
    )
    folder = pipeline.run(request, Console(quiet=quiet))
    if until not in ("infer", "report"):
        return
    if print_json:
        print_json_file(folder.path / "verdict.json")
    elif not quiet:
        typer.echo(verdict_summary(folder))
