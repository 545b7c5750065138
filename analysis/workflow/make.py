"""One stage of a folder is made; what earlier stages left there is looked at first.

What is out of date is refused, with what to type: nobody is shown results of something else.
Looked at is whether all of it is there as it was written, and made with the settings that the
folder has now.
"""

import shlex
from collections.abc import Sequence
from typing import TYPE_CHECKING

from analysis.folder.blinding import is_unblinded
from analysis.folder.folder import LEDGER, PARTS, REPORT, RESULTS, VERDICT, Folder, Project
from analysis.folder.history import label_products
from analysis.folder.origin import again, origin_of, run_again
from analysis.results.freeze import Unblinding
from analysis.results.ledger import Ledger, ProcessedFrom
from analysis.workflow import stages
from analysis.workflow.process import jointly_by, loss, processor_settings, selected_by, weights
from processors.selection import Selection
from tools.errors import InputError, RefusedError
from tools.executors import SampleLedger
from tools.names import listed, nearest

if TYPE_CHECKING:
    from analysis.selection.methods import Selected
    from analysis.statistics.resonance.work import Work


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

    made_from = stages.joint_settings(_fresh_joints(project).joint_keys, project)
    digest = stages.digest_of(stages.STAGES["optimise"], project.folder, made_from)
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
    refuse_stale_histograms(project)
    label_products(project.folder)
    asked = only is not None or work.toys is not None or work.limit_toys > 0
    if asked or stages.why_make("infer", project):
        wanted = PARTS if only is None else only
        infer_folder(project, work, inputs=stages.inputs("infer", project), only=wanted)


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

    refuse_stale_histograms(project)
    refuse_stale_results(project)
    if stages.why_make("report", project):
        made_from = stages.inputs("report", project)
        products = report_folder(project, workers=workers)
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
        if project.catalogue.sample(name).kind != "data" or entry.complete:
            continue
        some_left, first = entry.processed_events > 0, entry.failed[0]
        if not (allowed and some_left):
            otherwise = ", or give --allow-incomplete: all results will say so" if some_left else ""
            repair = "repair it and" if first.entry_stop else "repair it, convert it and"
            raise RefusedError(
                f"the data are incomplete: {_lost(entry)} of {name} are lost, first "
                f"{loss(first)}; {repair} process again{otherwise}"
            )


def _lost(entry: SampleLedger) -> str:
    """Return how much is lost; of a file that was never converted nobody knows how many events."""
    if entry.lost_events:
        return f"{entry.lost_events:,} of {entry.planned_events:,} events"
    return f"{len(entry.failed)} files"


# ---- what is out of date is refused --------------------------------------------------------------


def refuse_stale_histograms(project: Project) -> None:
    """Refuse histograms that are not those of the folder's settings, selection and unblinding.

    Raises
    ------
    InputError
        If some are missing or damaged, or were filled with other settings, or from other events.
    RefusedError
        If those of data are blind and the folder is not, or the other way round.
    """
    folder = project.folder
    filled = _processed_from(folder)
    if filled is None or filled.selected_by != selected_by(stages.settings_in(project)):
        raise _other_histograms(folder, "with another selection, window or mass axis")
    # Same settings, other events: chunks were converted again, or only some samples processed.
    origin = origin_of(folder)
    if origin is not None and filled.content != origin.made.content:
        raise _other_histograms(folder, "from other events, or not from all of them")
    samples = folder.load(Ledger, made_by="process").samples
    if filled.weights != weights(project.catalogue, samples):
        raise _other_histograms(folder, "with other cross-sections or luminosity")
    opened = is_unblinded(folder)
    if filled.unblinded != opened and any(
        project.catalogue.sample(n).kind == "data" for n in samples
    ):
        state = ("unblinded", "still blind") if opened else ("blinded", "of the unblinded window")
        raise RefusedError(
            f"the data of {folder.path} are {state[0]}, and its histograms are {state[1]}; "
            f"type `{next_after_unblinding(folder)}`"
        )


def _fresh_joints(project: Project) -> ProcessedFrom:
    """Return what the joint histograms, of which selections are made, were made from.

    Raises
    ------
    InputError
        If they are missing, damaged, or have other axes than the settings'.
    """
    folder, catalogue, search = project
    filled = _processed_from(folder)
    settings = processor_settings(catalogue.columns, search, Selection({}))
    if filled is None or filled.jointly_by != jointly_by(settings):
        raise _other_histograms(folder, "with other [optimise.axes], window or mass axis")
    return filled


def refuse_stale_results(project: Project) -> None:
    """Refuse results of `xyy infer` that belong to something else than the folder holds now.

    Where there are none, there is nothing to refuse.

    Raises
    ------
    InputError
        If they are incomplete, damaged, or out of date.
    """
    folder = project.folder
    there = [name for name in RESULTS if (folder.path / name).exists()]
    if not there:
        return
    # By each file's own record, too: `xyy infer --only` writes some of them and leaves the others.
    wanted = stages.inputs("infer", project)
    others = [name for name in there if folder.made_from(name) != wanted]
    lost = folder.lost(VERDICT) if VERDICT in there else []
    for names, what in ((others, "out of date"), (lost, "missing or not as it was written")):
        if names:
            raise InputError(
                f"{folder.path}: {listed(names)} {'is' if len(names) == 1 else 'are'} "
                f"{what}; type `{again(folder, 'infer')}` (`xyy status` says more)"
            )


def _processed_from(folder: Folder) -> ProcessedFrom | None:
    """Return what the histograms were made from, if they are as they were written."""
    folder.read(LEDGER, made_by="process")
    if lost := folder.lost(LEDGER):
        raise InputError(
            f"{folder.path}: {listed(lost)} is missing or not as it was written; "
            f"type `{again(folder, 'process')}`"
        )
    return folder.made_with(LEDGER, ProcessedFrom)


def _other_histograms(folder: Folder, how: str) -> InputError:
    return InputError(
        f"the histograms of {folder.path} were filled {how} than it has now; "
        f"type `{again(folder, 'process')}`"
    )


def next_after_unblinding(folder: Folder) -> str:
    """Return what to type next once a folder was unblinded (or blinded again)."""
    opened = folder.load_if_there(Unblinding) if is_unblinded(folder) else None
    reason = [] if opened is None else ["--unblind", opened.reason]
    place = shlex.quote(str(folder.path))
    return run_again(folder, *reason) or f"xyy process {place} && xyy infer {place}"
