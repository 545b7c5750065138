"""`xyy report`: the figures for talks, as PDF, PNG and numbers, and one page with all of them.

Figures are drawn one after the other, written, and let go; several processes share them. Figures of
an earlier run that this one has no inputs for are removed.
"""

import contextlib
import gc
import math
from collections.abc import Iterator
from functools import partial
from itertools import chain, islice

from analysis.folder.folder import PAGE, Folder, Project
from analysis.report.catalogue import figure_specs, spectrum_figure_specs
from analysis.report.figure_spec import SUFFIXES, remove_others
from analysis.report.folder_results import SpectrumResults, read_results
from analysis.report.page.layout import Image
from analysis.report.page.render import render
from tools.atomic import write_bytes
from tools.pool import completed

_FIGURES_EACH = 10
"""at least, of a process that draws: to start it takes longer than to draw a few"""


def report_folder(project: Project, *, workers: int = 1) -> list[str]:
    """Draw all figures of a folder and write its page.

    Parameters
    ----------
    project : Project
        Processed at least; whatever else is missing is left out.
    workers : int
        Processes that draw, at most.

    Returns
    -------
    list of str
        What was written, below the folder.

    Raises
    ------
    InputError
        If nothing was processed there, or it holds samples that the catalogue does not declare.
    """
    folder, results = project.folder, read_results(*project)
    number = len(list(figure_specs(results)))
    # Neighbours in the catalogue are of one kind and take equally long: every worker gets some of
    # each, and no process is started for a handful.
    workers = min(workers, math.ceil(number / _FIGURES_EACH))
    share = partial(_share, project, workers)
    parts = completed(share, range(workers), workers, what="figures")
    drawn = dict(chain.from_iterable(found for _, found in parts))
    images = [drawn[number] for number in sorted(drawn)]
    remove_others(folder.figures, {image.name for image in images})
    write_bytes(folder.path / PAGE, render(results, images).encode())
    figures = (f"figures/{image.name}{suffix}" for image in images for suffix in SUFFIXES)
    return [PAGE, *figures]


def _share(project: Project, workers: int, first: int) -> list[tuple[int, Image]]:
    """Draw figures `first`, `first` + `workers`, ...; return them with their numbers."""
    figures = enumerate(figure_specs(read_results(*project)))
    with _rare_collections():
        return [
            (number, Image(d.name, d.section, d.caption, d.write(project.folder.figures)))
            for number, d in islice(figures, first, None, workers)
        ]


@contextlib.contextmanager
def _rare_collections() -> Iterator[None]:
    """Search for reference cycles less often while the block runs.

    Matplotlib makes tens of thousands of small objects for a figure; looking through them all, and
    through every imported module, took a quarter of the time.
    """
    thresholds = gc.get_threshold()
    gc.freeze()  # what is there already stays; no search need look at it
    gc.set_threshold(50_000, 20, 20)
    try:
        yield
    finally:
        gc.set_threshold(*thresholds)
        gc.unfreeze()


def draw_spectrum(folder: Folder, results: SpectrumResults) -> None:
    """Draw all figures of a binned spectrum, and remove those of an earlier run."""
    names = set()
    for drawing in spectrum_figure_specs(results):
        drawing.write(folder.figures)
        names.add(drawing.name)
    remove_others(folder.figures, names)
