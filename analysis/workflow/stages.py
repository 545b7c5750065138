"""The stages of an analysis on a folder: each is made, unless it is up to date (`made_from`).

What earlier stages left is looked at before it is used (`freshness`).
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from analysis.folder.folder import PARTS, REPORT, VERDICT, Folder
from analysis.folder.stamps import stamp_products
from analysis.results.ledger import Ledger
from analysis.settings.search import Search
from analysis.workflow.freshness import (
    refuse_stale_histograms,
    refuse_stale_results,
)
from analysis.workflow.made_from import decided_in, infer_inputs, report_inputs
from analysis.workflow.process import loss
from tools.errors import InputError, RefusedError
from tools.names import nearest
from tools.samples import Catalogue

if TYPE_CHECKING:
    from analysis.statistics.resonance.shape import Effort


def infer(
    folder: Folder,
    catalogue: Catalogue,
    search: Search,
    *,
    allow_incomplete: bool = False,
    effort: "Effort",
    limit_toys: int = 0,
    only: Sequence[str] | None = None,
    say: Callable[[str], None] = lambda _text: None,
) -> None:
    """Make the results of `folder`, unless they are up to date.

    Results that were made with more toys than asked for now, or with another seed, are up to date
    too: what is asked for explicitly (toys, a part) is made.

    Parameters
    ----------
    folder : Folder
    catalogue : Catalogue
    search : Search
    allow_incomplete : bool
        Infer from data that lost events.
    effort : Effort
    limit_toys : int
    only : sequence of str, optional
        Parts to write, see `only_results`; None: all, and the verdict.
    say : callable
        Told what is being done.

    Raises
    ------
    RefusedError
        If observed events were lost, unless `allow_incomplete` and some are left.
    """
    from analysis.workflow.infer_folder import infer_folder

    _refuse_incomplete_data(folder, catalogue, allowed=allow_incomplete)
    refuse_stale_histograms(folder, catalogue, search)
    stamp_products(folder)
    inputs = infer_inputs(folder, decided_in(folder, catalogue, search))
    asked = only is not None or effort.toys is not None or limit_toys > 0
    if not asked and folder.up_to_date(VERDICT, inputs):
        return
    infer_folder(
        folder, catalogue, search, inputs=inputs, effort=effort, limit_toys=limit_toys, say=say,
        only=PARTS if only is None else only,
    )  # fmt: skip


def only_results(text: str | None) -> tuple[str, ...] | None:
    """Return the parts that ``--only`` names, in the order in which they are written.

    Raises
    ------
    InputError
        If there is no such part.
    """
    if text is None:
        return None
    names = [name.strip() for name in text.split(",")]
    unknown = [name for name in names if name not in PARTS]
    if unknown:
        raise InputError(
            f"--only: there is no {unknown[0]!r}{nearest(unknown[0], PARTS)}; "
            f"there are: {', '.join(PARTS)}"
        )
    return tuple(part for part in PARTS if part in names)


def report(folder: Folder, catalogue: Catalogue, search: Search, *, workers: int = 1) -> None:
    """Make all figures of `folder` and the page, by some processes, unless they are up to date.

    Raises
    ------
    InputError
        If what they would show is out of date.
    RefusedError
        If histograms of data are blind and the folder is not, or the other way round.
    """
    from analysis.report.writing import report_folder

    refuse_stale_histograms(folder, catalogue, search)
    refuse_stale_results(folder, catalogue, search)
    inputs = report_inputs(folder, catalogue, search)
    if not folder.up_to_date(REPORT, inputs):
        products = report_folder(folder, catalogue, search, workers=workers)
        folder.record(REPORT, {}, products, inputs=inputs)


def _refuse_incomplete_data(folder: Folder, catalogue: Catalogue, *, allowed: bool) -> None:
    """Refuse to infer anything from observed data that lost events.

    Raises
    ------
    RefusedError
        Naming the first loss.
    """
    ledger = folder.load(Ledger, made_by="process")
    for name, entry in ledger.samples.items():
        lost, some_left = entry.lost_events, entry.processed_events > 0
        if catalogue.sample(name).kind == "data" and lost and not (allowed and some_left):
            otherwise = ", or give --allow-incomplete: all results will say so" if some_left else ""
            raise RefusedError(
                f"the data are incomplete: {lost:,} of {entry.planned_events:,} events of "
                f"{name} are lost, first {loss(entry.failed[0])}; "
                f"repair it and process again{otherwise}"
            )
