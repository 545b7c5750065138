"""`xyy infer`: the statistics, of a results folder or of a binned spectrum."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from analysis.commands import options
from analysis.commands.console import Printer
from analysis.commands.options import number, spread, value
from tools.errors import InputError
from tools.locks import one_writer

if TYPE_CHECKING:
    from analysis.statistics.resonance.work import Work


@dataclass(frozen=True, slots=True, kw_only=True)
class OfSpectrum:
    """A spectrum in place of a folder, as options of the command (`spread`)."""

    spectrum: Annotated[
        Path | None, value("FILE", "A spectrum, `low,high,events` in GeV, instead of DIR.")
    ] = None
    resolution: Annotated[str | None, value("SIGMA", "GeV, a number or an expression in m.")] = None
    masses: Annotated[str | None, value("LO:HI:STEP", "Masses searched, HI included.")] = None
    sqrt_s: Annotated[float | None, value("GEV", "Collision energy; default: 13000.")] = None
    families: Annotated[str | None, value("LIST", "Background families; default: all of them.")] = (
        None
    )
    order: Annotated[
        str | None, value("FAMILY:N", "This one, with N parameters beside its normalisation.")
    ] = None
    range_: Annotated[str | None, value("LO:HI", "Use the bins in it only.", "--range")] = None
    blind: Annotated[str | None, value("LO:HI", "Do not read the bins in it; else open.")] = None
    out: Annotated[Path | None, value("DIR", "Default: results/NAME of the spectrum.")] = None


@spread
def infer(
    directory: Annotated[
        Path | None,
        typer.Argument(metavar="[DIR]", help="The results folder.", exists=True, file_okay=False),
    ] = None,
    *,
    only: Annotated[
        str | None, value("LIST", "Write these only: background,counting,scan,limits.")
    ] = None,
    toys: Annotated[
        int | None,
        number(0, 10**7, "Toys for the global significance; default: if it is worth them."),
    ] = None,
    limit_toys: Annotated[
        int, number(0, 10**6, "Toys of each limit where counts are low; 0: asymptotic.")
    ] = 0,
    workers: options.ProcessesOption = None,
    seed: Annotated[int, number(0, options.MAX_SEED, "Seed of the toys.")] = 1,
    of_spectrum: OfSpectrum,
    allow_incomplete: options.AllowIncompleteOption = False,
    after_unblinding: options.AfterOption = None,
    samples: Annotated[str | None, value("FILE", "Default: that of DIR.")] = None,
    search: Annotated[
        str | None,
        value("FILE", f"What is decided; default: that of DIR, or {options.SEARCH_FILE}."),
    ] = None,
    printer: Printer,
) -> None:
    """Background, count, mass scan, measurement, limits, verdict.

    Of a results folder, or of any spectrum from a CSV file; the strength is then in events.

    Example: `xyy infer results/mine`

    Example: `xyy infer --spectrum dijets.csv --resolution "0.03*m" --masses 1500:6000:45`
    """
    from analysis.statistics.resonance.work import Work
    from tools.pool import cores

    work = Work(workers or cores(), toys, seed, limit_toys, log=printer.log)
    if of_spectrum.spectrum is not None:
        for_folder = {
            "DIR": directory, "--only": only, "--allow-incomplete": allow_incomplete or None,
            "--after-unblinding": after_unblinding,
        }  # fmt: skip
        _refuse(for_folder, "--spectrum")
        _spectrum(of_spectrum.spectrum, of_spectrum, search, work, printer)
        return
    if directory is None:
        raise InputError("infer what? Give a results folder, or --spectrum FILE")
    given = asdict(of_spectrum).items()
    named = {f"--{name.strip('_').replace('_', '-')}": chosen for name, chosen in given}
    _refuse(named, "a results folder; give --spectrum FILE")
    from analysis.folder import blinding
    from analysis.folder.folder import VERDICT, Folder
    from analysis.report.summary import verdict_summary
    from analysis.workflow import make
    from analysis.workflow.stages import decided_in

    files = options.OwnSettingsFiles(samples=samples, search=search)
    project = files.of(Folder(directory))
    wanted = make.only_results(only)
    with one_writer(directory):
        blinding.guard(project.folder, decided_in(project), reason=after_unblinding)
        make.infer(project, work, allow_incomplete=allow_incomplete, only=wanted)
    if wanted is not None:
        printer.log(f"written: {', '.join(wanted)} in {directory}")
    else:
        printer.result(directory / VERDICT, lambda: verdict_summary(project.folder))


def _refuse(given: Mapping[str, object], what: str) -> None:
    wrong = [name for name, chosen in given.items() if chosen is not None]
    if wrong:
        raise InputError(f"{wrong[0]} does not go with {what}")


def _spectrum(
    path: Path, given: OfSpectrum, search: str | None, work: "Work", printer: Printer
) -> None:
    from analysis.folder.folder import SEARCHED, VERDICT, Folder
    from analysis.workflow import infer_spectrum as stage

    if given.resolution is None or given.masses is None:
        raise InputError("--spectrum needs --resolution (sigma in GeV) and --masses LO:HI:STEP")
    if given.order is not None and given.families is not None:
        raise InputError("--order names the function: give no --families beside it")
    decided = options.search_of(search or options.SEARCH_FILE)
    if search is None:  # the course's detector says nothing of somebody else's spectrum
        decided = stage.of_any_detector(decided)
    spectrum = stage.binned_spectrum(
        stage.read_range(path, given.range_), decided, resolution=given.resolution,
        masses=given.masses, sqrt_s=given.sqrt_s, families=given.families, order=given.order,
        blind=given.blind,
    )  # fmt: skip
    origin = stage.origin_of(path, work, **{
        name.strip("_"): chosen for name, chosen in asdict(given).items()
        if chosen is not None and name not in ("spectrum", "out")
    })  # fmt: skip
    # Only now: a file that is refused need not wait for matplotlib.
    from analysis.report.folder_results import read_spectrum_results
    from analysis.report.summary import spectrum_summary
    from analysis.report.writing import draw_spectrum

    folder = Folder(given.out or Path("results") / path.stem)
    with one_writer(folder.path, writes=SEARCHED):
        stage.infer_spectrum(folder, spectrum, work, **origin)
        printer.log("figures")
        results = read_spectrum_results(folder, spectrum, path.stem, given.sqrt_s)
        draw_spectrum(folder, results)
    printer.result(folder.path / VERDICT, lambda: spectrum_summary(folder))
