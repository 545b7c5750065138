"""One stage of a folder is made; what earlier stages left is looked at first (`freshness`)."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from analysis.folder.folder import LEDGER, PARTS, REPORT, Project
from analysis.folder.stamps import stamp_products
from analysis.results.ledger import Ledger, ProcessedFrom
from analysis.workflow import freshness
from analysis.workflow.process import loss
from analysis.workflow.stages import STAGES, digest_of, inputs, joint_settings, up_to_date
from tools.errors import InputError, RefusedError
from tools.names import nearest

if TYPE_CHECKING:
    from analysis.selection.methods import Selected
    from analysis.statistics.resonance.shape import Work


def optimise(project: Project, *, reason: str | None = None) -> "Selected":
    """Choose the selection anew from the joint histograms in the folder.

    Raises
    ------
    InputError
        If the joint histograms are of other settings.
    InputError, RefusedError, XyyError
        As `optimise_folder`.
    """
    from analysis.workflow.optimise_folder import optimise_folder

    freshness.refuse_stale_joints(project)
    processed = project.folder.made_with(LEDGER, ProcessedFrom)
    made_from = joint_settings({} if processed is None else processed.joint_keys, project)
    digest = digest_of(STAGES["optimise"], project.folder, made_from)
    return optimise_folder(project, inputs=digest, reason=reason)


def infer(
    project: Project,
    work: "Work",
    *,
    allow_incomplete: bool = False,
    only: Sequence[str] | None = None,
) -> None:
    """Make the results of the folder, unless they are up to date.

    Results that were made with more toys than asked for now, or with another seed, are up to date
    too: what is asked for explicitly (toys, a part) is made.

    Parameters
    ----------
    project : Project
    work : Work
    allow_incomplete : bool
        Infer from data that lost events.
    only : sequence of str, optional
        Parts to write, see `only_results`; None: all, and the verdict.

    Raises
    ------
    RefusedError
        If observed events were lost, unless `allow_incomplete` and some are left.
    """
    from analysis.workflow.infer_folder import infer_folder

    _refuse_incomplete_data(project, allowed=allow_incomplete)
    freshness.refuse_stale_histograms(project)
    stamp_products(project.folder)
    asked = only is not None or work.toys is not None or work.limit_toys > 0
    if asked or not up_to_date("infer", project):
        wanted = PARTS if only is None else only
        infer_folder(project, work, inputs=inputs("infer", project), only=wanted)


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


def report(project: Project, *, workers: int = 1) -> None:
    """Make all figures of the folder and the page, by some processes, unless they are up to date.

    Raises
    ------
    InputError
        If what they would show is out of date.
    RefusedError
        If histograms of data are blind and the folder is not, or the other way round.
    """
    from analysis.report.writing import report_folder

    freshness.refuse_stale_histograms(project)
    freshness.refuse_stale_results(project)
    if not up_to_date("report", project):
        made_from = inputs("report", project)
        products = report_folder(*project, workers=workers)
        project.folder.record(REPORT, {}, products, inputs=made_from)


def _refuse_incomplete_data(project: Project, *, allowed: bool) -> None:
    """Refuse to infer anything from observed data that lost events.

    Raises
    ------
    RefusedError
        Naming the first loss.
    """
    ledger = project.folder.load(Ledger, made_by="process")
    for name, entry in ledger.samples.items():
        lost, some_left = entry.lost_events, entry.processed_events > 0
        if project.catalogue.sample(name).kind == "data" and lost and not (allowed and some_left):
            otherwise = ", or give --allow-incomplete: all results will say so" if some_left else ""
            raise RefusedError(
                f"the data are incomplete: {lost:,} of {entry.planned_events:,} events of "
                f"{name} are lost, first {loss(entry.failed[0])}; "
                f"repair it and process again{otherwise}"
            )
