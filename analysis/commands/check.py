"""Commands that check what is there."""

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from analysis.commands import options
from analysis.commands.console import Printer
from analysis.commands.options import flag, number, spread, value
from tools import temporary


def status(directory: options.DirectoryArgument) -> None:
    """Say of each stage of a folder whether it is up to date, or why not.

    Example: `xyy status results/mine`
    """
    from analysis.folder import blinding
    from analysis.folder.folder import Folder
    from analysis.folder.stamps import lines
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
        chunks.columns, search, work.cuts, score=work.score, histograms=histograms
    )
    execution = how.execution(checkpoints=checkpoints)
    here = forecasts.how_to_try(execution, printer.say)
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
    from analysis.bench.measure import in_new_process
    from analysis.results.codec import to_json
    from tools.folders import refuse_no_folder
    from tools.foreign import refuse_foreign
    from tools.json_file import json_bytes, write_json

    if out is not None:
        refuse_no_folder(out.parent)
        refuse_foreign(out.parent, [out.name])
    with temporary.folder("xyy-bench-") as folder:
        job = partial(
            compare.measure, folder, catalogue, search,
            events=events or (1_000_000 if quick else 5_000_000),
            rounds=rounds or (3 if quick else 5),
            say=printer.say,
        )  # fmt: skip
        found = in_new_process(job)
    result = to_json(found)
    if out is not None:
        write_json(out, result)
    as_json = json_bytes(result).decode()
    typer.echo(as_json if printer.print_json else "\n".join(report.lines(found)))
