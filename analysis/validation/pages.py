"""The pages: Markdown, made of a result file and of nothing else; of universes with figures."""

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from analysis.report.plots import closure as figures
from analysis.report.plots.style import Header, encode
from analysis.results.calibration import (
    ResonancesCalibration,
    SearchCalibration,
    SpectraCalibration,
)
from analysis.results.checks import judged
from analysis.results.closure import Closure
from tools.atomic import write_bytes
from tools.errors import InputError

_MADE_BY = "xyy closure --page"


def _figures(found: Closure) -> Mapping[str, tuple[Callable[..., Any], str, int]]:
    """Return function and caption of each figure, and of how many universes it is."""
    histograms = found.histograms
    return {
        "verdicts": (figures.verdicts, "What was decided, by what is true", found.verdicts.n),
        "power": (
            figures.power, "How often an X is claimed, against its cross-section",
            sum(each.claimed.n for each in found.power),
        ),
        "pulls": (
            figures.pulls, "Pulls of mass and cross-section, X of expected local Z above 6",
            sum(histograms.mass_pull.counts),
        ),
        "coverage": (
            figures.coverage, "Coverage against the cross-section", found.coverage.limit_95.n
        ),
        "empty_local_z": (
            figures.empty_local_z,
            "Largest local significance without X; line: the formula of Gross and Vitells",
            sum(histograms.local_z.counts),
        ),
        "empty_global_p": (
            figures.empty_global_p, "Global p-value without X, by the formula",
            sum(histograms.global_p.counts),
        ),
    }  # fmt: skip


def _rendered(
    template: str,
    found: Closure | SearchCalibration | SpectraCalibration | ResonancesCalibration,
    **more: object,
) -> str:
    """Return a page of what was found, with how many numbers were judged, and some more."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(  # noqa: S701 - it is Markdown, for a repository of ours
        loader=PackageLoader("analysis.validation"), undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True,
    )  # fmt: skip
    number, missed = judged(found.checks)
    page = environment.get_template(template)
    return page.render(
        found=found,
        judged=number,
        missed=missed,
        number="{:,}".format,
        finite=math.isfinite,
        **more,
    )


def write_page(closure: Closure, path: Path, header: Header) -> None:
    """Write the page beside its result file, and the figures in a folder of its name.

    Parameters
    ----------
    closure : Closure
    path : Path
        The result file: ``calibration.json`` gets ``calibration.md``, ``calibration/*.png``.
    header : Header
        What stands on the figures.

    Raises
    ------
    InputError
        If another page is there.
    """
    page, captions = path.with_suffix(".md"), {}
    if page.exists() and _MADE_BY not in page.read_text(encoding="utf-8", errors="replace"):
        raise InputError(
            f"{page} is there, was not written by xyy, and would be replaced; move it away"
        )
    for name, (draw, caption, universes) in _figures(closure).items():
        if universes:
            picture = encode(draw(closure, header), "png")
            write_bytes(path.with_suffix("") / f"{name}.png", picture)
            captions[name] = caption
    text = _rendered("universes.md", closure, path=path, made_by=_MADE_BY, captions=captions)
    write_bytes(page, text.encode())


def page_of_toys(found: SearchCalibration | ResonancesCalibration) -> str:
    """Return the page of what toys showed."""
    return _rendered("toys.md", found)


def page_of_spectra(found: SpectraCalibration) -> str:
    """Return the page of what toys of open spectra showed."""
    return _rendered("spectra.md", found)


def page_of_resonances(found: ResonancesCalibration) -> str:
    """Return the page of what toys with several resonances showed."""
    return _rendered("resonances.md", found)
