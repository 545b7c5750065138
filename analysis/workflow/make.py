"""One stage of a folder is made; what earlier stages left is looked at first (`freshness`)."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from analysis.folder.folder import LEDGER, PARTS, REPORT, Folder
from analysis.folder.stamps import stamp_products
from analysis.results.ledger import Ledger, ProcessedFrom
from analysis.settings.search import Search
from analysis.workflow.freshness import (
    refuse_stale_histograms,
    refuse_stale_joints,
    refuse_stale_results,
)
from analysis.workflow.process import loss
from analysis.workflow.stages import STAGES, digest_of, inputs, joint_settings, up_to_date
from tools.errors import InputError, RefusedError
from tools.names import nearest
from tools.samples import Catalogue

if TYPE_CHECKING:
    from analysis.selection.methods import Selected
    from analysis.statistics.resonance.shape import Effort


def optimise(
    folder: Folder, catalogue: Catalogue, search: Search, *, reason: str | None = None
) -> "Selected":
    """Choose the selection anew from the joint histograms in `folder`.

    Raises
    ------
    InputError
        If the joint histograms are of other settings.
    InputError, RefusedError, XyyError
        As `optimise_folder`.
    """
    from analysis.workflow.optimise_folder import optimise_folder

    refuse_stale_joints(folder, catalogue, search)
    processed = folder.made_with(LEDGER, ProcessedFrom)
    joint_keys = {} if processed is None else processed.joint_keys
    made_from = joint_settings(joint_keys, catalogue, search)
    digest = digest_of(STAGES["optimise"], folder, made_from)
    return optimise_folder(folder, catalogue, search, inputs=digest, reason=reason)


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
    asked = only is not None or effort.toys is not None or limit_toys > 0
    if not asked and up_to_date("infer", folder, catalogue, search):
        return
    made_from = inputs("infer", folder, catalogue, search)
    infer_folder(
        folder, catalogue, search, inputs=made_from, effort=effort, limit_toys=limit_toys, say=say,
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
    if not up_to_date("report", folder, catalogue, search):
        made_from = inputs("report", folder, catalogue, search)
        products = report_folder(folder, catalogue, search, workers=workers)
        folder.record(REPORT, {}, products, inputs=made_from)


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
