"""What the commands share: option types, and reading the settings that they name."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

if TYPE_CHECKING:
    from analysis.search import Search
    from tools.executors import Execution
    from tools.samples import Catalogue

SamplesOption = Annotated[
    str, typer.Option("--samples", metavar="FILE", help="What the data are: samples and units.")
]
SearchOption = Annotated[
    str, typer.Option("--search", metavar="FILE", help="What is decided: window, cuts, fits.")
]
QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="Tell nothing but errors.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print the result file.")]
SeedOption = Annotated[
    int | None, typer.Option(min=0, help="Seed of generated events; each seed another world.")
]
ExecutorOption = Annotated[
    Literal["iterative", "futures"], typer.Option(help="In this process, or a pool of processes.")
]
WorkersOption = Annotated[
    int | None, typer.Option(min=1, help="Processes of the futures executor; all cores by default.")
]
OutOption = Annotated[Path, typer.Option("--out", metavar="DIR", help="The folder to write to.")]
UniverseOption = Annotated[
    int | None, typer.Option(metavar="K", min=0, help="The observed data of universe K.")
]
AfterOption = Annotated[
    str | None,
    typer.Option("--after-unblinding", metavar="TEXT", help="Why decisions changed after it."),
]
ChunkEventsOption = Annotated[
    int | None, typer.Option(min=1, help="Events in one piece of work, at most.")
]
DirectoryArgument = Annotated[
    Path, typer.Argument(metavar="DIR", help="The results folder.", exists=True, file_okay=False)
]
SAMPLES_FILE, SEARCH_FILE = "datasets/course.toml", "analysis/search.toml"
DEFAULT_CHUNKS = Path("results/chunks")


def catalogue_of(name: str) -> "Catalogue":
    """Read the samples file of `--samples`."""
    from tools.samples import find_settings, read_catalogue

    return read_catalogue(find_settings(name))


def search_of(name: str) -> "Search":
    """Read the search file of `--search`."""
    from analysis.search import read_search
    from tools.samples import find_settings

    return read_search(find_settings(name))


def execution_of(executor: str, workers: int | None, chunk_events: int | None) -> "Execution":
    """Return how to process: all cores unless `--workers` says otherwise."""
    from tools.executors import Execution

    return Execution(
        engine=executor, workers=workers or os.cpu_count() or 1, chunk_events=chunk_events
    )


def print_json_file(path: Path) -> None:
    """Print a result file as it is."""
    typer.echo(path.read_text(encoding="utf-8"), nl=False)
