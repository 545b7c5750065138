"""Commands that check: a folder, what a run would take, the speed, how often it is right."""

import math
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from analysis.commands import options
from analysis.commands.console import Console, Printer
from analysis.commands.options import flag, number, spread, value
from tools import temporary
from tools.errors import InputError
from tools.shown import shown

if TYPE_CHECKING:
    from analysis.results.closure import Closure
    from analysis.validation.tasks import Log
    from analysis.validation.universes import Size, Universes
    from tools.executors import Execution

QUICK = (10, 50, 20)
"""universes of `xyy closure --quick`, empty ones, and with X"""


def status(directory: options.DirectoryArgument) -> None:
    """Tell of each stage of a folder whether it is up to date, or why not.

    Example: `xyy status results/mine`
    """
    from analysis.folder import blinding
    from analysis.folder.folder import Folder
    from analysis.folder.history import lines
    from analysis.results.ledger import Ledger
    from analysis.workflow.stages import status as stages_of

    folder = Folder(directory)
    for stage, state in stages_of(options.OwnSettingsFiles().of(folder)):
        typer.echo(f"{stage:9s} {state}")
    ledger = folder.load_if_there(Ledger)
    complete = {True: "yes", False: "no, events were lost: see ledger.json", None: "not processed"}
    typer.echo(f"blinded   {'no' if blinding.is_unblinded(folder) else 'yes'}")
    typer.echo(f"complete  {complete[None if ledger is None else ledger.complete]}")
    typer.echo("\n".join(["", *lines(folder)]))


@spread
def inspect(
    files: Annotated[list[str], typer.Argument(metavar="FILE...")],
    *,
    layout: Annotated[
        str | None, value("NAME", "How photons are stored there; default: whatever fits.")
    ] = None,
    unblinded: Annotated[
        str | None, value("TEXT", "Show masses of data in the window too, and say why.")
    ] = None,
    chunks: Annotated[
        Path, value("DIR", "Where it is recorded that data were unblinded.", "--chunks")
    ] = options.DEFAULT_CHUNKS,
    settings: options.SettingsFiles,
    print_json: options.JsonOption = False,
) -> None:
    """Say what files are, whether they can be used, and what to type next.

    Any files: ROOT, Parquet, CSV, damaged ones, other things. Formats are told by content, photons
    found by the layouts of `datasets/layouts` and of the samples file. Data, or what may be data,
    stay blind in the window of the search. The exit code is 0 if every file can be used, else 2.

    Example: `xyy inspect nano_1.root nano_2.root`
    """
    from analysis.inspection.files import inspect_files, record_opening
    from analysis.inspection.look import Question
    from analysis.inspection.words import lines
    from analysis.results.codec import to_json
    from tools.json_file import json_bytes
    from tools.layouts import known_layouts

    # Not `read`: of photons in lists no columns need be declared to be looked at.
    catalogue = options.catalogue_of(settings.samples)
    decided = options.search_of(settings.search)
    question = Question(
        layouts=known_layouts(catalogue.layouts, catalogue.path, layout),
        window_GeV=(decided.window.low_GeV, decided.window.high_GeV),
        unblinded=unblinded is not None, identify=len(files) > 1,
    )  # fmt: skip
    found = inspect_files(files, question, catalogue)
    if unblinded is not None:
        record_opening(found, chunks, unblinded)
    as_json = [to_json(each) for each in found] if print_json else []
    typer.echo(
        json_bytes(as_json).decode()
        if print_json
        else "\n".join(lines(found, [*catalogue.samples]))
    )
    if not all(each.usable for each in found):
        raise typer.Exit(InputError.exit_code)


@spread
def plan(
    manifest: Annotated[Path, typer.Argument(metavar="MANIFEST")],
    *,
    selection: options.SelectionOption = None,
    histograms: options.HistogramsOption = "all",
    how: options.How,
    checkpoints: options.CheckpointsOption = True,
    files: options.OwnSettingsFiles,
    printer: Printer,
) -> None:
    """Forecast what `xyy process` would take: time, memory, tasks, bytes.

    A few chunks are processed for it, as `process` would, and their result is discarded. Jobs of
    a `--cluster` are not submitted: the chunks are then processed here. MANIFEST may also be a
    results folder: all its chunks, with its selection.

    Example: `xyy plan chunks/manifest.json --executor dask --workers 8`
    """
    from analysis.results.codec import to_json
    from analysis.workflow import forecast as forecasts
    from analysis.workflow import process as stage
    from tools.json_file import json_bytes

    work = options.work_on(manifest, manifest, selection, files)
    (_, catalogue, search), chunks = work.project, work.chunks
    settings = stage.processor_settings(
        catalogue.columns, search, work.cuts, score=work.score, histograms=histograms
    )
    execution = how.execution(checkpoints=checkpoints)
    here = forecasts.how_to_try(execution, printer.log)
    some = forecasts.trial_chunks(chunks, here.slots)

    trial = forecasts.run_trial(some, catalogue, settings, here)
    result = forecasts.forecast(chunks, trial, execution=execution)
    as_json = json_bytes(to_json(result)).decode()
    typer.echo(as_json if printer.print_json else "\n".join(result.lines()))


@spread
def bench(
    *,
    quick: Annotated[bool, flag("--quick", "Fewer events and rounds: 1,000,000 and 3.")] = False,
    events: Annotated[
        int | None, number(1, 10**9, "Events on one core; the executors get 20 times these.")
    ] = None,
    rounds: Annotated[
        int | None, number(1, 1000, "Rounds whose median counts; 5 by default.")
    ] = None,
    out: Annotated[Path | None, value("FILE", "Write the result file, too.", "--out")] = None,
    files: options.SettingsFiles,
    printer: Printer,
) -> None:
    """Measure the speed, side by side with other ways to do the same, in one run.

    On generated background: all histograms beside a hand-written loop; selection and spectrum only,
    beside that, Polars, DuckDB (`pip install -e '.[bench]'`) and pandas; and two workers beside
    one core. Whoever does not fill the same histograms is not compared.

    Example: `xyy bench --quick`
    """
    catalogue, search = files.read()
    from analysis.bench import compare, report
    from analysis.results.codec import to_json
    from tools.folders import refuse_no_folder
    from tools.foreign import refuse_foreign
    from tools.json_file import json_bytes, write_json

    if out is not None:
        refuse_no_folder(out.parent)
        refuse_foreign(out.parent, [out.name])
    with temporary.folder("xyy-bench-") as folder:
        found = compare.measure(
            folder, catalogue, search, events=events or (1_000_000 if quick else 5_000_000),
            rounds=rounds or (3 if quick else 5), log=printer.log,
        )  # fmt: skip
    result = to_json(found)
    if out is not None:
        write_json(out, result)
    as_json = json_bytes(result).decode()
    typer.echo(as_json if printer.print_json else "\n".join(report.lines(found)))


@spread
def closure(
    *,
    universes: Annotated[int | None, typer.Option(help="Universes of the course.")] = None,
    empty: Annotated[int | None, typer.Option(help="Universes without X, beside them.")] = None,
    with_x: Annotated[
        int | None, typer.Option(help="More universes with X, for coverages and power.")
    ] = None,
    quick: Annotated[bool, flag("--quick", "Few of each: 10, 50 and 20.")] = False,
    masses: Annotated[str | None, value("LIST", "All have an X, at these masses in GeV.")] = None,
    cross_sections: Annotated[
        str | None, value("LIST", "All have an X, of these cross-sections.")
    ] = None,
    events: Annotated[bool, flag("--events", "Through the whole chain, event by event.")] = False,
    out: Annotated[Path | None, value("DIR", "The folder to write to.", "--out")] = None,
    page: Annotated[
        Path | None, value("FILE", "Only make page and figures of this result file.")
    ] = None,
    selection: Annotated[
        Path | None,
        typer.Option(help="A `selection.json`: cuts, or a score; else the course's cuts."),
    ] = None,
    seed: options.SeedOption = None,
    how: options.Where,
    files: options.SettingsFiles,
    printer: Printer,
) -> None:
    """Measure how often the verdict is right, over many universes whose truth is known.

    Spectra are generated from each universe's own model, behind the course's cuts unless
    `--selection` names others. It works in a pool of processes, or on dask's workers wherever they
    are. An interrupted campaign goes on where it was. With `--events` each of a few universes goes
    through the whole of `xyy run`, and both verdicts are compared.

    Example: `xyy closure --universes 1000 --empty 2000 --out results/closure`
    """
    if page is not None:
        from analysis.validation.closure import write_page_again

        if out is not None:
            raise InputError("--page FILE writes beside FILE: give no --out")
        write_page_again(page, options.catalogue_of(files.samples))
        printer.log(f"{page.with_suffix('.md')}")
        return
    if out is None:
        raise InputError("--out DIR is missing: where are the results to go?")
    size = _size((universes, empty, with_x), quick=quick)
    if events and (size.empty or size.with_x or masses or cross_sections or selection):
        raise InputError(
            "--events makes the universes of the course, with the selection that each run chooses: "
            "give --universes N, and neither --empty, --with-x, --masses, --cross-sections nor "
            "--selection"
        )
    catalogue, search = files.read()
    if search.required:
        raise InputError(
            f"{search.path}: the universes of closure are spectra, of whose photons nothing can be "
            "required; leave [photons] and [events] out"
        )

    from analysis.validation.analyse import run
    from analysis.validation.closure import write_closure
    from analysis.validation.efficiencies import Channels, by_upper_cuts
    from analysis.validation.universe_report import result
    from analysis.validation.universes import Campaign, Universes
    from tools.generate import DEFAULT_SEED

    where = search.signal.low_GeV, search.signal.high_GeV
    selected = options.selection_of(selection, catalogue, search) if selection else None
    campaign = Campaign(
        DEFAULT_SEED if seed is None else seed,
        _numbers("--masses", masses, *where),
        _numbers("--cross-sections", cross_sections, 1e-3, 1e3),
    )
    execution = how.execution()
    if execution.engine == "iterative":
        execution = replace(execution, workers=1)  # of `--events` the inference too
    channels = Channels.of(*selected) if selected else by_upper_cuts(search.optimise.course_cuts)
    work = Universes.of(campaign, catalogue, search, channels)

    def measure() -> "Closure":
        if events:
            return _from_events(work, size, out, execution, printer.log)
        return result(run(work, size, out, execution, printer.log))

    found = write_closure(measure, catalogue, out, execution)
    printer.result(out / found.FILE, lambda: "\n".join([*_words(found), f"{out / found.FILE}"]))


def _from_events(
    work: "Universes", size: "Size", out: Path, execution: "Execution", log: "Log"
) -> "Closure":
    from analysis.validation import from_events
    from analysis.workflow.pipeline import Request
    from tools.sources import Observed

    request = Request(
        out=out, chunks=options.DEFAULT_CHUNKS, catalogue=work.catalogue,
        search=work.analysis.search, observed=Observed(), seed=work.campaign.seed,
        execution=execution,
    )  # fmt: skip
    return from_events.measure(work, size.universes, request, Console(quiet=True), log)


def _size(given: tuple[int | None, int | None, int | None], *, quick: bool) -> "Size":
    from analysis.validation.universes import Size

    none = given == (None, None, None)
    if quick and not none:
        raise InputError("--quick says how many universes: give no numbers beside it")
    if none and not quick:
        raise InputError("how many universes? Give --universes N, --empty N, or --quick")
    return Size(*(QUICK if quick else (each or 0 for each in given)))


def _numbers(option: str, text: str | None, low: float, high: float) -> tuple[float, ...]:
    """Return the numbers of a list.

    Raises
    ------
    InputError
        If one is no number, or out of range.
    """
    if text is None:
        return ()
    try:
        values = tuple(float(word) for word in text.split(","))
    except ValueError:
        raise InputError(f"{option}: numbers with commas between them, not {shown(text)}") from None
    for each in values:
        if not (math.isfinite(each) and low <= each <= high):
            raise InputError(f"{option}: {each:g} is not between {low:g} and {high:g}")
    return values


def _words(found: "Closure") -> list[str]:
    from analysis.results.checks import judged

    checked, missed = judged(found.checks)
    lines = [f"verdicts right: {found.verdicts.right} of {found.verdicts.n}"]
    if checked:
        lines.append(f"{checked - missed} of {checked} numbers are what was wanted")
    if events := found.events:
        lines.append(f"same verdict from events and spectrum: {events.same_verdicts} of {events.n}")
    return lines
