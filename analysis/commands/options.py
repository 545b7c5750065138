"""What the commands share: option types, and reading the settings that they name."""

from collections.abc import Callable, Iterable
from dataclasses import Field, asdict, dataclass, fields, is_dataclass, replace
from functools import wraps
from glob import glob
from inspect import Parameter, Signature, signature
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

import typer

from tools.errors import InputError

if TYPE_CHECKING:
    from analysis.folder.folder import Folder, Project
    from analysis.settings.search import Search
    from processors.score import ScoreTable
    from processors.selection import Selection
    from tools.executors import Execution, Session
    from tools.manifest import Manifest
    from tools.samples import Catalogue


def value(metavar: str, words: str, *names: str) -> Any:
    """Return an option with a value, which the help calls `metavar`."""
    return typer.Option(*names, metavar=metavar, help=words)


def number(low: int, high: int, words: str, *names: str, metavar: str | None = None) -> Any:
    """Return an option with a number in a range."""
    return typer.Option(*names, min=low, max=high, metavar=metavar, help=words)


def flag(name: str, words: str) -> Any:
    """Return an option that is given, or not."""
    return typer.Option(name, help=words)


SamplesOption = Annotated[str, value("FILE", "What the data are: samples and units.", "--samples")]
QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")]
JsonOption = Annotated[bool, flag("--json", "Print the result file.")]
MAX_SEED = (1 << 128) - 1
"""as many bits as the seed of a game"""
SeedOption = Annotated[
    int | None, number(0, MAX_SEED, "Seed of generated events; another seed, other events.")
]
SelectionOption = Annotated[
    Path | None, typer.Option(help="Cuts to apply, a `selection.json`; none unless given.")
]
MethodOption = Annotated[
    Literal["best", "cuts", "score", "categories"] | None,
    typer.Option(help="Which selection is used, whatever the search file says."),
]
HistogramsOption = Annotated[
    Literal["all", "spectrum"], typer.Option(help="All, or the selected spectrum only.")
]
Engines = Literal["iterative", "futures", "dask"] | None
MAX_PROCESSES = 1024
"""of one machine"""
ProcessesOption = Annotated[
    int | None, number(1, MAX_PROCESSES, "Processes; default: all cores.", "--workers")
]
OutOption = Annotated[Path, value("DIR", "The folder to write to.", "--out")]
UniverseOption = Annotated[
    int | None, number(0, 10**9, "The observed data of universe K.", metavar="K")
]
AfterOption = Annotated[
    str | None, value("TEXT", "Why decisions changed after it.", "--after-unblinding")
]
ResumeOption = Annotated[bool, flag("--resume/--no-resume", "Use the checkpoints of earlier runs.")]
CheckpointsOption = Annotated[
    bool, flag("--checkpoints/--no-checkpoints", "Keep what each chunk gave.")
]
AllowIncompleteOption = Annotated[
    bool, flag("--allow-incomplete", "Infer from incomplete data; all results say so.")
]
DirectoryArgument = Annotated[
    Path, typer.Argument(metavar="DIR", help="The results folder.", exists=True, file_okay=False)
]
SAMPLES_FILE, SEARCH_FILE = "datasets/course.toml", "analysis/search.toml"
DEFAULT_CHUNKS = Path("results/chunks")


def named_file(word: str) -> tuple[str | None, Path]:
    """Return name and path of ``[NAME=]FILE``; a file may have an equals sign in its own name."""
    name, equals, path = word.partition("=")
    return (name, Path(path)) if equals and not Path(word).exists() else (None, Path(word))


def named_sources(words: Iterable[str]) -> list[tuple[str | None, Path | str]]:
    """Return names and places of files; a pattern and an address may stand for one.

    A shell leaves ``NAME=nano_*.root`` as it is, and a path makes one slash of two.
    """
    from tools.remote import is_address

    found: list[tuple[str | None, Path | str]] = []
    for word in words:
        name, equals, place = word.partition("=")
        if equals and not place:
            raise InputError(f"{word}: no file stands after the equals sign; write {name}=FILE")
        if is_address(word) and (not equals or "/" in name):  # the address has an equals sign
            found.append((None, word))
        elif is_address(place):
            found.append((name, place))
        else:
            named, path = named_file(word)
            # Of a whole path, which may be absolute: that is no pattern of `Path.glob`.
            some = [] if path.exists() else sorted(glob(str(path)))  # noqa: PTH207
            found += [(named, each) for each in [*map(Path, some)] or [path]]
    return found


def catalogue_of(name: str) -> "Catalogue":
    """Read the samples file of `--samples`."""
    from tools.checkout import find_settings
    from tools.samples import read_catalogue

    return read_catalogue(find_settings(name))


def search_of(name: str, *, method: str | None = None) -> "Search":
    """Read the search file of `--search`; `method` is that of `--method`."""
    from analysis.settings.search_file import read_search
    from tools.checkout import find_settings

    search = read_search(find_settings(name))
    if method is None:
        return search
    return replace(search, optimise=replace(search.optimise, method=method))


def selection_of(
    path: Path | None, catalogue: "Catalogue", search: "Search"
) -> "tuple[Selection, ScoreTable | None]":
    """Read cuts and score of `--selection`; there are none unless it is given."""
    from processors.selection import Selection

    if path is None:
        return Selection({}), None
    from analysis.folder.folder import read_selection
    from analysis.selection.scores.score_file import read_score_of
    from analysis.settings.settings_check import check_selection

    selection = read_selection(path)
    check_selection(path, selection, catalogue)
    return selection, read_score_of(path, search)


@dataclass(frozen=True, slots=True)
class SettingsFiles:
    """The settings files of what is made anew, as options of a command."""

    samples: SamplesOption = SAMPLES_FILE
    search: Annotated[str, value("FILE", "What is decided: window, cuts, fits.", "--search")] = (
        SEARCH_FILE
    )

    def read(self, *, method: str | None = None) -> "tuple[Catalogue, Search]":
        """Read both, and check them against each other."""
        from analysis.settings.settings_check import check_together

        catalogue, search = catalogue_of(self.samples), search_of(self.search, method=method)
        check_together(catalogue, search)
        return catalogue, search


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnSettingsFiles:
    """The settings files of a folder, unless others are named, as options of a command."""

    samples: Annotated[str | None, value("FILE", "Default: that of DIR.", "--samples")] = None
    search: Annotated[str | None, value("FILE", "Default: that of DIR.", "--search")] = None

    def of(
        self, folder: "Folder", *, method: str | None = None, may_change: bool = False
    ) -> "Project":
        """Read the settings files that a folder is made with, or those that are named.

        Parameters
        ----------
        folder : Folder
        method : str, optional
            Of ``--method``.
        may_change : bool
            Whether the command makes something of the folder anew, with other settings if need be.

        Raises
        ------
        InputError
            If the named files decide otherwise than the folder, and may not.
        """
        from analysis.folder.decisions import refuse_other_settings
        from analysis.folder.folder import Project
        from analysis.folder.origin import RUN, origin_of

        origin, named = origin_of(folder), SettingsFiles()
        if origin is not None:
            named = SettingsFiles(str(origin.made.samples_file), str(origin.made.search_file))
            method = method or origin.made.method
        elif (folder.path / RUN).exists() and not (self.samples and self.search):
            raise InputError(
                f"{folder.path / RUN} is damaged, or of an earlier version: it does not say with "
                "which settings files the folder was made; name them with --samples and --search"
            )
        other = SettingsFiles(self.samples or named.samples, self.search or named.search)
        given = other.read(method=method)
        if origin is not None and not may_change and other != named:
            # Compared are decisions, not names: a copy of the file is the same analysis.
            try:
                own = named.read()
            except InputError:  # they can no longer be read
                own = given
            refuse_other_settings(folder, own, given)
        return Project(folder, *given)


@dataclass(frozen=True, slots=True, eq=False)
class ProcessWork:
    """What `xyy process` works on: some chunks, or all those of a results folder again."""

    project: "Project"
    """the settings, and the folder where the products go"""
    chunks: "Manifest"
    manifests: tuple[Path, ...]
    """folders of the chunks"""
    cuts: "Selection"
    score: "ScoreTable | None"


def work_on(
    manifest: Path, out: Path | None, selection: Path | None, files: OwnSettingsFiles
) -> ProcessWork:
    """Return what a command on MANIFEST, which may be a results folder, works on.

    Raises
    ------
    InputError
        If there is no place for the products, or something that is named cannot be read.
    """
    from analysis.folder.folder import SELECTION, Folder
    from analysis.folder.origin import is_results, manifest_of, origin_of

    again = is_results(manifest)
    if out is None and not again:
        raise InputError("where to? Give --out DIR, or a results folder in place of the manifest")
    folder, there = Folder(out or manifest), Folder(manifest)
    project = files.of(there if again else folder, may_change=True)._replace(folder=folder)
    chunks = manifest_of(manifest)
    origin = origin_of(there) if again else None
    manifests = (chunks.folder,) if origin is None else origin.made.manifests
    if again and selection is None and (manifest / SELECTION).is_file():
        selection = manifest / SELECTION
    cuts = selection_of(selection, project.catalogue, project.search)
    return ProcessWork(project, chunks, manifests, *cuts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Where:
    """On what to work, as options of a command: see `spread`."""

    executor: Annotated[
        Engines,
        typer.Option(help="In this process, a pool of processes (default), or dask workers."),
    ] = None
    workers: Annotated[
        int | None,
        number(1, 10_000, "Processes, or jobs of --cluster; default: as many as cores here."),
    ] = None
    scheduler: Annotated[
        str | None, value("ADDRESS", "An existing dask scheduler, or its scheduler file.")
    ] = None
    cluster: Annotated[
        Literal["slurm", "htcondor"] | None,
        typer.Option(help="dask workers as jobs of a batch system, as in dask-jobqueue's YAML."),
    ] = None
    adaptive: Annotated[
        bool, flag("--adaptive", "Start dask workers as needed, --workers at most.")
    ] = False
    insecure: Annotated[bool, flag("--insecure", "Talk to dask on other machines without TLS.")] = (
        False
    )
    wait: Annotated[
        float | None,
        value("SECONDS", "How long to wait for a dask worker: 45 s; 600 s with --cluster."),
    ] = None

    UNLESS_NAMED: ClassVar = "futures"
    """the executor"""

    def execution(self, **more: Any) -> "Execution":
        """Return how to work: on all cores unless ``--workers`` says otherwise.

        Who names a scheduler or a cluster means dask.
        """
        from tools.executors import Execution
        from tools.pool import cores

        if self.workers is not None and self.scheduler is not None:
            raise InputError("--workers: an existing scheduler has the workers that it has")
        if (self.workers or 1) > MAX_PROCESSES and self.cluster is None:
            raise InputError(f"--workers: {MAX_PROCESSES:,} processes at most on one machine")
        implied = "dask" if self.scheduler or self.cluster else self.UNLESS_NAMED
        given = {**asdict(self), **more, "workers": self.workers or cores()}
        named = given.pop("executor")
        return Execution(engine=named or implied, wait_seconds=given.pop("wait"), **given)

    def session(self, log: Callable[[str], None]) -> "Session":
        """Return a session of such an execution, not yet entered."""
        from tools.executors import Session

        return Session(self.execution(), log)


@dataclass(frozen=True, slots=True, kw_only=True)
class How(Where):
    """The same, and in which pieces."""

    executor: Annotated[
        Engines,
        typer.Option(help="In this process (default), a pool of processes, or dask workers."),
    ] = None
    chunk_events: Annotated[
        int | None, number(1, 10**9, "Events in one piece of work, at most.")
    ] = None
    UNLESS_NAMED: ClassVar = "iterative"


def spread(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command every field of its parameters that are dataclasses as an option, in its place.

    typer makes an option of every parameter and knows no groups of them.
    """
    parameters = signature(command).parameters.values()
    groups: dict[str, Any] = {
        each.name: each.annotation for each in parameters if is_dataclass(each.annotation)
    }
    options = {name: [*map(_option, fields(group))] for name, group in groups.items()}
    shown = [option for each in parameters for option in options.get(each.name, [each])]

    @wraps(command)
    def spread_out(**given: Any) -> None:
        for name, group in groups.items():
            pieces = {option.name: given.pop(option.name) for option in options[name]}
            given[name] = group(**pieces)
        command(**given)

    # typer reads both: order and defaults in the signature, types in the annotations.
    spread_out.__dict__["__signature__"] = Signature(shown)
    spread_out.__annotations__ = {each.name: each.annotation for each in shown}
    return spread_out


def _option(field: Field[Any]) -> Parameter:
    kind = Parameter.KEYWORD_ONLY
    return Parameter(field.name, kind, default=field.default, annotation=field.type)
