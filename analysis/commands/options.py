"""What the commands share: option types, and reading the settings that they name."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from tools.errors import InputError

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
    Literal["iterative", "futures", "dask"] | None,
    typer.Option(help="In this process (default), a pool of processes, or dask workers."),
]
WorkersOption = Annotated[
    int | None,
    typer.Option(min=1, help="Processes, or jobs of --cluster; default: as many as cores here."),
]
SchedulerOption = Annotated[
    str | None,
    typer.Option(metavar="ADDRESS", help="An existing dask scheduler, or its scheduler file."),
]
ClusterOption = Annotated[
    Literal["slurm", "htcondor"] | None,
    typer.Option(help="dask workers as jobs of a batch system, as in dask-jobqueue's YAML."),
]
AdaptiveOption = Annotated[
    bool, typer.Option("--adaptive", help="Start dask workers as needed, --workers at most.")
]
InsecureOption = Annotated[
    bool, typer.Option("--insecure", help="Talk to dask on other machines without TLS.")
]
WaitOption = Annotated[
    float | None,
    typer.Option(
        metavar="SECONDS", help="How long to wait for a dask worker: 45 s; 600 s with --cluster."
    ),
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
ResumeOption = Annotated[
    bool, typer.Option("--resume/--no-resume", help="Go on from an unfinished run's checkpoints.")
]
CheckpointsOption = Annotated[
    bool,
    typer.Option("--checkpoints/--no-checkpoints", help="Keep what is processed, until all is."),
]
AllowIncompleteOption = Annotated[
    bool,
    typer.Option("--allow-incomplete", help="Infer from incomplete data; all results say so."),
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


def execution_of(
    executor: str | None, workers: int | None, chunk_events: int | None, **more: Any
) -> "Execution":
    """Return how to process: all cores unless `--workers` says otherwise.

    Parameters
    ----------
    executor : str, optional
        Who names a scheduler or a cluster means dask.
    workers, chunk_events : int, optional
    **more
        Other fields of `Execution`.
    """
    from tools.executors import Execution

    if workers is not None and more.get("scheduler") is not None:
        raise InputError("--workers: an existing scheduler has the workers that it has")
    implied = "dask" if more.get("scheduler") or more.get("cluster") else "iterative"
    return Execution(
        engine=executor or implied,
        workers=workers or os.cpu_count() or 1,
        chunk_events=chunk_events,
        **more,
    )


def print_json_file(path: Path) -> None:
    """Print a result file as it is."""
    typer.echo(path.read_text(encoding="utf-8"), nl=False)
