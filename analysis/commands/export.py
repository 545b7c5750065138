"""Commands that write results for other programs."""

from pathlib import Path
from typing import Annotated

import typer

from analysis.commands import options
from analysis.commands.console import Console
from analysis.commands.options import spread, value
from tools.locks import one_writer

app = typer.Typer(
    name="export",
    help=(
        "Results for other programs: HEPData, pyhf, ROOT. While blind, expected ones only.\n\n"
        "Example: `xyy export hepdata results/mine`"
    ),
    no_args_is_help=True,
    rich_markup_mode="markdown",
)
PlaceOption = Annotated[
    Path | None, value("FOLDER", "A new or empty one; DIR/export/... otherwise.", "--out")
]


@app.command()
@spread
def hepdata(
    directory: options.DirectoryArgument,
    *,
    out: PlaceOption = None,
    files: options.OwnSettingsFiles,
    console: Console,
) -> None:
    """Write a HEPData submission: spectra with fits, scan, limits, cutflow, count, resonance.

    `submission.yaml` and a YAML file for each table, which HEPData's own validator accepts.

    Example: `xyy export hepdata results/mine --out submission`
    """
    _export("hepdata", directory, out, files, console)


@app.command()
@spread
def workspace(
    directory: options.DirectoryArgument,
    *,
    out: PlaceOption = None,
    files: options.OwnSettingsFiles,
    console: Console,
) -> None:
    """Write a pyhf workspace for every mass of the limits, and an index of what each gives.

    DIR may also be what `xyy infer --spectrum` wrote.

    Example: `xyy export workspace results/mine --out likelihoods`
    """
    _export("workspace", directory, out, files, console)


@app.command()
@spread
def root(
    directory: options.DirectoryArgument,
    *,
    out: PlaceOption = None,
    files: options.OwnSettingsFiles,
    console: Console,
) -> None:
    """Write the histograms as ROOT's TH1D and TH2D.

    `histograms.root` has events as counted under `events`, and simulation weighted to the
    luminosity under `expected`.

    Example: `xyy export root results/mine`
    """
    _export("root", directory, out, files, console)


def _export(
    name: str,
    directory: Path,
    out: Path | None,
    settings: options.OwnSettingsFiles,
    console: Console,
) -> None:
    from analysis.export.formats import FORMATS
    from analysis.export.writing import default_folder, refuse_occupied, write_files
    from analysis.folder.folder import Folder

    project = settings.of(Folder(directory))
    if out is not None:
        refuse_occupied(out)
    place = default_folder(directory, name) if out is None else out
    with one_writer(directory):
        files = FORMATS[name](*project)
        write_files(place, files)
    others = len(files) - 1
    console.say(f"{place / list(files)[-1]}" + (f" and {others} files beside it" if others else ""))
