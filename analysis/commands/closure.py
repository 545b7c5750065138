"""`xyy closure`: how often the analysis is right, over many parallel universes."""

import math
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from analysis.commands import options
from analysis.commands.console import Console, Printer
from analysis.commands.options import flag, spread, value
from tools.errors import InputError
from tools.shown import shown

if TYPE_CHECKING:
    from analysis.results.closure import Closure
    from analysis.validation.universes import Size
    from tools.samples import Catalogue

QUICK = (10, 50, 20)
"""universes, empty ones, and with X"""


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
        _only_the_page(page, out, options.catalogue_of(files.samples), printer)
        return
    if out is None:
        raise InputError("--out DIR is missing: where are the results to go?")
    size = _size((universes, empty, with_x), quick=quick)
    if events:
        _refuse_with_events(size, masses, cross_sections, selection)
    catalogue, search = files.read()

    from analysis.validation.closure import write_closure
    from analysis.validation.efficiencies import Channels, by_upper_cuts
    from analysis.validation.universes import Campaign, Universes
    from analysis.workflow.pipeline import Request
    from tools.generate import DEFAULT_SEED
    from tools.sources import Observed

    where = search.signal.low_GeV, search.signal.high_GeV
    selected = None
    if selection is not None:
        selected = options.selection_of(selection, catalogue, search)
    campaign = Campaign(
        DEFAULT_SEED if seed is None else seed,
        _numbers("--masses", masses, *where),
        _numbers("--cross-sections", cross_sections, 1e-3, 1e3),
    )
    execution = how.execution()
    if execution.engine == "iterative":
        execution = replace(execution, workers=1)  # of `--events` the inference too
    request = Request(
        out=out, chunks=options.DEFAULT_CHUNKS, catalogue=catalogue, search=search,
        observed=Observed(), seed=campaign.seed, execution=execution,
    )  # fmt: skip
    channels = Channels.of(*selected) if selected else by_upper_cuts(search.optimise.course_cuts)
    work = Universes.of(campaign, catalogue, search, channels)
    chain = Console(quiet=True) if events else None
    found = write_closure(work, size, request, printer.say, chain_console=chain)
    path = out / found.FILE
    printer.result(path, lambda: "\n".join([*_words(found), f"{path}"]))


def _only_the_page(path: Path, out: Path | None, catalogue: "Catalogue", console: Console) -> None:
    from analysis.validation.closure import write_page_again

    if out is not None:
        raise InputError("--page FILE writes beside FILE: give no --out")
    write_page_again(path, catalogue)
    console.say(f"{path.with_suffix('.md')}")


def _size(given: tuple[int | None, int | None, int | None], *, quick: bool) -> "Size":
    from analysis.validation.universes import Size

    if quick:
        if given != (None, None, None):
            raise InputError("--quick says how many universes: give no numbers beside it")
        return Size(*QUICK)
    if given == (None, None, None):
        raise InputError("how many universes? Give --universes N, --empty N, or --quick")
    return Size(*(number or 0 for number in given))


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


def _refuse_with_events(
    size: "Size", masses: str | None, cross_sections: str | None, selection: Path | None
) -> None:
    if size.empty or size.with_x or masses or cross_sections or selection:
        raise InputError(
            "--events makes the universes of the course, with the selection that each run chooses: "
            "give --universes N, and neither --empty, --with-x, --masses, --cross-sections nor "
            "--selection"
        )


def _words(found: "Closure") -> list[str]:
    from analysis.results.checks import judged

    number, missed = judged(found.checks)
    lines = [f"verdicts right: {found.verdicts.right} of {found.verdicts.n}"]
    if number:
        lines.append(f"{number - missed} of {number} numbers are what was wanted")
    if events := found.events:
        lines.append(f"same verdict from events and spectrum: {events.same_verdicts} of {events.n}")
    return lines
