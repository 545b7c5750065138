"""Universes whose truth is known, measured and written: ``closure.json``, its page and figures."""

import time
from collections.abc import Callable
from pathlib import Path

from analysis.report.plots.style import Header
from analysis.results.closure import Closure
from analysis.results.codec import from_json, to_json
from analysis.validation.pages import write_page
from tools.errors import InputError
from tools.executors import Execution
from tools.json_file import read_json, write_json
from tools.locks import one_writer
from tools.provenance import provenance
from tools.samples import Catalogue


def write_closure(
    measure: Callable[[], Closure], catalogue: Catalogue, out: Path, execution: Execution
) -> Closure:
    """Do all universes, and write what they show.

    Parameters
    ----------
    measure : callable
        Does them, and returns what they show.
    catalogue : Catalogue
    out : Path
        The folder to write to.
    execution : Execution
        With which they are done.
    """
    start, path = time.monotonic(), out / Closure.FILE
    with one_writer(out, writes=(path.name, f"{path.stem}.md", path.stem)):
        found = measure()
        about = provenance(
            executor=execution.engine,
            workers=None if execution.scheduler else execution.workers,  # a scheduler's come and go
            seconds=round(time.monotonic() - start, 1),
        )
        write_json(path, {**to_json(found), "provenance": about})
        write_page(found, path, _header(catalogue))
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
