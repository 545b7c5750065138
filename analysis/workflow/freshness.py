"""What is out of date is refused, with what to type: nobody is shown results of something else.

A stage that works on a folder looks at what earlier stages left: whether all of it is there as it
was written, and made with the settings that the folder has now.
"""

import shlex

from analysis.folder import blinding
from analysis.folder.folder import LEDGER, RESULTS, VERDICT, Folder, Project
from analysis.folder.origin import again, origin_of, run_again
from analysis.results.freeze import Unblinding
from analysis.results.ledger import Ledger, ProcessedFrom
from analysis.workflow.process import jointly_by, processor_settings, selected_by, weights
from analysis.workflow.stages import inputs, settings_in
from processors.selection import Selection
from tools.errors import InputError, RefusedError
from tools.names import listed


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
    if filled is None or filled.selected_by != selected_by(settings_in(project)):
        raise _other_histograms(folder, "with another selection, window or mass axis")
    # Same settings, other events: chunks were converted again, or only some samples processed.
    origin = origin_of(folder)
    if origin is not None and filled.content != origin.made.content:
        raise _other_histograms(folder, "from other events, or not from all of them")
    samples = folder.load(Ledger, made_by="process").samples
    if filled.weights != weights(project.catalogue, samples):
        raise _other_histograms(folder, "with other cross-sections or luminosity")
    opened = blinding.is_unblinded(folder)
    if filled.unblinded != opened and any(
        project.catalogue.sample(n).kind == "data" for n in samples
    ):
        state = ("unblinded", "still blind") if opened else ("blinded", "of the unblinded window")
        raise RefusedError(
            f"the data of {folder.path} are {state[0]}, and its histograms are {state[1]}; "
            f"type `{next_after_unblinding(folder)}`"
        )


def refuse_stale_joints(project: Project) -> None:
    """Refuse joint histograms, of which selections are made, with other axes than the settings'.

    Raises
    ------
    InputError
        If they are missing, damaged, or others.
    """
    folder, catalogue, search = project
    filled = _processed_from(folder)
    settings = processor_settings(catalogue.columns, search, Selection({}))
    if filled is None or filled.jointly_by != jointly_by(settings):
        raise _other_histograms(folder, "with other [optimise.axes], window or mass axis")


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
    wanted = inputs("infer", project)
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
    opened = folder.load_if_there(Unblinding) if blinding.is_unblinded(folder) else None
    reason = [] if opened is None else ["--unblind", opened.reason]
    place = shlex.quote(str(folder.path))
    return run_again(folder, *reason) or f"xyy process {place} && xyy infer {place}"
