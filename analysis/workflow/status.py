"""`xyy status`: how far a folder has come, stage by stage, without doing anything."""

from analysis.folder.folder import SELECTION, Project
from analysis.folder.origin import origin_of
from analysis.selection.optimise import cut_variables
from analysis.selection.scores.score_file import read_score_of
from analysis.workflow.process import kept_samples
from analysis.workflow.stages import STAGES, chunks_of, settings_in, why_make
from tools.errors import InputError
from tools.names import listed


def status(project: Project) -> list[tuple[str, str]]:
    """Return, for each stage, ``up to date`` or why it is not.

    Raises
    ------
    InputError
        If the folder does not say what it was made from.
    """
    folder = project.folder
    try:
        manifest = chunks_of(folder)
    except InputError as error:
        if origin_of(folder) is None:
            raise
        return [("chunks", str(error))]
    rows = [("chunks", "up to date")]
    for name, stage in list(STAGES.items())[1:]:
        if stage.after is not None and not (folder.path / stage.after).is_file():
            break
        if name == "freeze" and (refused := _score_refused(project)) is not None:
            return [*rows[:-1], ("optimise", refused)]
        why = why_make(name, project)
        if name == "process" and why is not None:
            kept = kept_samples(folder, manifest, settings_in(project))
            stale = sorted(set(manifest.samples) - set(kept))
            why = f"to be processed: {listed(stale) or 'its weights or samples changed'}"
        rows.append((name, why or "up to date"))
    return rows


def _score_refused(project: Project) -> str | None:
    """Return why the score of the selection cannot be read, if it cannot."""
    try:
        read_score_of(project.folder.path / SELECTION, cut_variables(project.search))
    except InputError as error:
        return str(error)
    return None
