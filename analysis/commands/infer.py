"""`xyy infer`: the statistics, of a results folder or of a bare spectrum."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from analysis.commands.console import Console
from analysis.commands.options import (
    MOST_SEED,
    SEARCH_FILE,
    AfterOption,
    AllowIncompleteOption,
    JsonOption,
    OwnSamplesOption,
    ProcessesOption,
    QuietOption,
    print_json_file,
    search_of,
    settings_of_folder,
)
from tools.errors import InputError

if TYPE_CHECKING:
    from analysis.statistics.resonance.shape import Effort
    from analysis.workflow.infer_spectrum import SpectrumOptions

InferDirectory = Annotated[
    Path | None,
    typer.Argument(metavar="[DIR]", help="The results folder.", exists=True, file_okay=False),
]
OnlyOption = Annotated[
    str | None,
    typer.Option(metavar="LIST", help="Write these only: background,counting,scan,limits."),
]
ToysOption = Annotated[
    int | None,
    typer.Option(
        min=0, max=10**7, help="Toys for the global significance; default: if it is worth them."
    ),
]
LimitToysOption = Annotated[
    int,
    typer.Option(min=0, max=10**6, help="Toys of each limit where counts are low; 0: asymptotic."),
]
ToySeedOption = Annotated[int, typer.Option(min=0, max=MOST_SEED, help="Seed of the toys.")]
SearchFileOption = Annotated[
    str | None,
    typer.Option(
        "--search", metavar="FILE", help=f"What is decided; default: that of DIR, or {SEARCH_FILE}."
    ),
]
SpectrumOption = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="A spectrum, `low,high,events` in GeV, instead of DIR."),
]
ResolutionOption = Annotated[
    str | None, typer.Option(metavar="SIGMA", help="GeV, a number or an expression in m.")
]
MassesOption = Annotated[
    str | None, typer.Option(metavar="LO:HI:STEP", help="Masses searched, HI included.")
]
SqrtSOption = Annotated[
    float | None, typer.Option(metavar="GEV", help="Collision energy; default: 13000.")
]
FamiliesOption = Annotated[
    str | None, typer.Option(metavar="LIST", help="Background families; default: all of them.")
]
RangeOption = Annotated[
    str | None, typer.Option("--range", metavar="LO:HI", help="Use the bins in it only.")
]
BlindOption = Annotated[
    str | None, typer.Option(metavar="LO:HI", help="Do not read the bins in it; else open.")
]
SpectrumOutOption = Annotated[
    Path | None, typer.Option(metavar="DIR", help="Default: results/NAME of the spectrum.")
]


def infer(
    directory: InferDirectory = None,
    *,
    only: OnlyOption = None,
    toys: ToysOption = None,
    limit_toys: LimitToysOption = 0,
    workers: ProcessesOption = None,
    seed: ToySeedOption = 1,
    spectrum: SpectrumOption = None,
    resolution: ResolutionOption = None,
    masses: MassesOption = None,
    sqrt_s: SqrtSOption = None,
    families: FamiliesOption = None,
    range_: RangeOption = None,
    blind: BlindOption = None,
    out: SpectrumOutOption = None,
    allow_incomplete: AllowIncompleteOption = False,
    after_unblinding: AfterOption = None,
    samples: OwnSamplesOption = None,
    search: SearchFileOption = None,
    quiet: QuietOption = False,
    print_json: JsonOption = False,
) -> None:
    """Background, count, mass scan, measurement, limits, verdict.

    Of a results folder, or of any spectrum from a CSV file; the strength is then in events.

    Example: `xyy infer results/mine`

    Example: `xyy infer --spectrum dijets.csv --resolution "0.03*m" --masses 1500:6000:45`
    """
    from analysis.statistics.resonance.shape import Effort
    from tools.pool import cores

    effort = Effort(workers=workers or cores(), toys=toys, seed=seed)
    console = Console(quiet=quiet)
    for_spectrum = {
        "--resolution": resolution,
        "--masses": masses,
        "--sqrt-s": sqrt_s,
        "--families": families,
        "--range": range_,
        "--blind": blind,
        "--out": out,
    }
    if spectrum is not None:
        for_folder = {
            "DIR": directory,
            "--only": only,
            "--allow-incomplete": allow_incomplete or None,
            "--after-unblinding": after_unblinding,
        }
        _refuse(for_folder, "--spectrum")
        if resolution is None or masses is None:
            raise InputError("--spectrum needs --resolution (sigma in GeV) and --masses LO:HI:STEP")
        from analysis.workflow.infer_spectrum import SpectrumOptions

        options = SpectrumOptions(resolution, masses, sqrt_s, families, range_, blind)
        _spectrum(spectrum, options, out, search, effort, limit_toys, console, print_json)
        return
    if directory is None:
        raise InputError("infer what? Give a results folder, or --spectrum FILE")
    _refuse(for_spectrum, "a results folder; give --spectrum FILE")
    from analysis.folder import decisions
    from analysis.folder.folder import Folder
    from analysis.report.summary import verdict_summary
    from analysis.workflow import stages
    from analysis.workflow.made_from import decided_in
    from tools.locks import one_writer

    folder = Folder(directory)
    catalogue, decided = settings_of_folder(folder, samples, search)
    wanted = stages.only_results(only)
    with one_writer(directory):
        now = decided_in(folder, catalogue, decided)
        decisions.guard(folder, now, reason=after_unblinding)
        stages.infer(
            folder, catalogue, decided, allow_incomplete=allow_incomplete,
            effort=effort, limit_toys=limit_toys, only=wanted, say=console.say,
        )  # fmt: skip
    if wanted is not None:
        console.say(f"written: {', '.join(wanted)} in {directory}")
    elif print_json:
        print_json_file(directory / "verdict.json")
    elif not quiet:
        typer.echo(verdict_summary(folder))


def _refuse(given: Mapping[str, object], what: str) -> None:
    wrong = [name for name, value in given.items() if value is not None]
    if wrong:
        raise InputError(f"{wrong[0]} does not go with {what}")


def _spectrum(
    path: Path,
    options: "SpectrumOptions",
    out: Path | None,
    search: str | None,
    effort: "Effort",
    limit_toys: int,
    console: Console,
    print_json: bool,  # noqa: FBT001
) -> None:
    from analysis.folder.folder import SEARCHED, Folder
    from analysis.report.spectrum_results import read_spectrum_results
    from analysis.report.summary import spectrum_summary
    from analysis.report.writing import draw_spectrum
    from analysis.workflow.infer_spectrum import bare_spectrum, infer_spectrum, origin_of
    from tools.locks import one_writer

    decided = search_of(search or SEARCH_FILE)
    spectrum = bare_spectrum(path, options, decided, systematics=search is not None)
    folder = Folder(out or Path("results") / path.stem)
    with one_writer(folder.path, writes=SEARCHED):
        infer_spectrum(
            folder, spectrum, effort=effort, limit_toys=limit_toys, say=console.say,
            **origin_of(path, options, effort),
        )  # fmt: skip
        console.say("figures")
        results = read_spectrum_results(folder, spectrum, path.stem, options.sqrt_s)
        draw_spectrum(folder, results)
    if print_json:
        print_json_file(folder.path / "verdict.json")
    elif not console.quiet:
        typer.echo(spectrum_summary(folder))
