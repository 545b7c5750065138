"""`xyy run`: all stages of the pipeline in one command."""

from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Annotated, Literal

import typer

from analysis.commands import options
from analysis.commands.console import Printer
from analysis.commands.options import flag, spread, value
from tools.errors import InputError


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
    request = pipeline.Request(
        out=out or Path("results", default),
        chunks=chunks,
        catalogue=catalogue,
        search=search,
        observed=observed,
        seed=DEFAULT_SEED if seed is None else seed,
        execution=how.execution(resume=resume, checkpoints=checkpoints),
        allow_incomplete=allow_incomplete,
        generate_missing=generate_missing,
        unblind=unblind_reason,
        after_unblinding=after_unblinding,
        until=until,
        force=force,
        method=method,
        command=_command(
            how,
            {
                "data": data,
                "universe": universe,
                "chunks": None if chunks == options.DEFAULT_CHUNKS else chunks,
                "method": method,
                "seed": seed,
                "generate-missing": generate_missing,
                "no-checkpoints": not checkpoints,
                "allow-incomplete": allow_incomplete,
                "samples": None if files.samples == options.SAMPLES_FILE else files.samples,
                "search": None if files.search == options.SEARCH_FILE else files.search,
            },
        ),
    )
    folder = pipeline.run(request, printer)
    if until in ("infer", "report"):
        printer.result(folder.path / "verdict.json", lambda: verdict_summary(folder))


def _command(how: options.How, given: Mapping[str, object]) -> tuple[str, ...]:
    """Return the words that ask for the same run again, in whatever folder."""
    pieces = {field.name: getattr(how, field.name) for field in fields(how)}
    words: list[str] = []
    for name, chosen in {**given, **pieces}.items():
        option = f"--{name.replace('_', '-')}"
        if chosen is True:
            words.append(option)
        elif chosen is not None and chosen is not False:
            values = chosen if isinstance(chosen, list) else [chosen]
            words += [word for one in values for word in (option, str(one))]
    return tuple(words)
