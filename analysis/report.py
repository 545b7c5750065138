"""`xyy report`: the figures for talks, as PDF, PNG and numbers, and one page with all of them.

Figures are drawn one after the other, written, and let go. Figures of an earlier run that this one
has no inputs for are removed.
"""

import contextlib
import gc
from collections.abc import Iterator

from analysis.drawing import remove_others
from analysis.figures import drawings
from analysis.folder import Folder
from analysis.page.layout import Image
from analysis.page.render import render
from analysis.results import read_results
from analysis.search import Search
from tools.samples import Catalogue
from tools.storage import write_bytes

PAGE = "report.html"


def report_folder(folder: Folder, catalogue: Catalogue, search: Search) -> None:
    """Draw all figures of a folder and write its page.

    Parameters
    ----------
    folder : Folder
        Processed at least; whatever else is missing is left out.
    catalogue : Catalogue
    search : Search

    Raises
    ------
    InputError
        If nothing was processed there, or it holds samples that the catalogue does not declare.
    """
    results = read_results(folder, catalogue, search)
    images = []
    with _rare_collections():
        for drawing in drawings(results):
            png = drawing.write(folder.figures)
            images.append(Image(drawing.name, drawing.section, drawing.caption, png))
    remove_others(folder.figures, {image.name for image in images})
    write_bytes(folder.path / PAGE, render(results, images).encode())


@contextlib.contextmanager
def _rare_collections() -> Iterator[None]:
    """Search for reference cycles less often while the block runs.

    Matplotlib makes tens of thousands of small objects for a figure; looking through them all, and
    through every imported module, took a quarter of the time.
    """
    thresholds = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)
    try:
        yield
    finally:
        gc.set_threshold(*thresholds)
        gc.unfreeze()
