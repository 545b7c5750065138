"""`xyy closure`: universes of a campaign, from their spectra or their events, written down."""

import time
from pathlib import Path

from analysis.report.plots.style import Header
from analysis.results.closure import Closure
from analysis.results.codec import from_json, to_json
from analysis.settings.search import Search
from analysis.validation import chain
from analysis.validation.efficiencies import Channels, by_upper_cuts
from analysis.validation.pages import write_page
from analysis.validation.tasks import Say
from analysis.validation.universe_campaign import Size, run
from analysis.validation.universe_report import result
from analysis.validation.universe_tasks import Universes
from analysis.validation.universes import Campaign
from analysis.workflow.pipeline import Request
from analysis.workflow.process import RunLog
from processors.score import ScoreTable
from processors.selection import Selection
from tools.errors import InputError
from tools.json_file import read_json, write_json
from tools.locks import one_writer
from tools.provenance import provenance
from tools.samples import Catalogue


def universes_of(
    campaign: Campaign,
    catalogue: Catalogue,
    search: Search,
    selected: tuple[Selection, ScoreTable | None] | None,
) -> Universes:
    """Return universes behind some cuts or a score; behind the course's cuts without either."""
    if selected is None:
        channels = by_upper_cuts(search.optimise.course_cuts)
    else:
        cuts, score = selected
        channels = Channels.of_cuts(cuts) if score is None else Channels.of_score(score)
    return Universes.of(campaign, catalogue, search, channels)


def write_closure(
    work: Universes, size: Size, request: Request, say: Say, *, chain_console: RunLog | None
) -> Closure:
    """Do all universes, and write what is told of them.

    Parameters
    ----------
    work : Universes
    size : Size
    request : Request
        The folder, and on what to work; from events also what all of them share.
    say : callable
        Told how far it is.
    chain_console : RunLog, optional
        Where each run tells what it does if they go through the whole chain, event by event.
    """
    start, out, execution = time.monotonic(), request.out, request.execution
    path = out / Closure.FILE
    with one_writer(out, writes=(path.name, f"{path.stem}.md", path.stem)):
        if chain_console is None:
            found = result(run(work, size, out, execution, say=say))
        else:
            observations = chain.observe(work, size.universes, request, chain_console, say)
            found = result(*chain.compare(work, observations, say=say))
        about = provenance(
            executor=execution.engine,
            workers=None if execution.scheduler else execution.workers,  # a scheduler's come and go
            seconds=round(time.monotonic() - start, 1),
        )
        write_json(path, {**to_json(found), "provenance": about})
        write_page(found, path, _header(work.catalogue))
    return found


def write_page_again(path: Path, catalogue: Catalogue) -> None:
    """Write page and figures of a result file again.

    Raises
    ------
    InputError
        If it is missing, or its numbers cannot belong together.
    """
    advice = "make it again with `xyy closure`"
    found = from_json(Closure, read_json(path, made_by="xyy closure"), path, advice=advice)
    try:
        write_page(found, path, _header(catalogue))
    except (ArithmeticError, LookupError, ValueError) as error:
        raise InputError(
            f"{path} contradicts itself ({type(error).__name__}: {error}); {advice}"
        ) from error


def _header(catalogue: Catalogue) -> Header:
    return Header(catalogue.collision_energy_GeV, catalogue.data_luminosity_invpb)
