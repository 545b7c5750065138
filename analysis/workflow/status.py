"""`xyy status`: how far a folder has come, stage by stage, without doing anything."""

from analysis.folder.folder import LEDGER, SELECTION, Folder
from analysis.folder.origin import origin_of
from analysis.selection.optimise import cut_variables
from analysis.selection.scores.score_file import read_score_of
from analysis.settings.search import Search
from analysis.workflow.process import kept_samples
from analysis.workflow.stages import STAGES, chunks_of, settings_in, why_make
from tools.errors import InputError
from tools.names import listed
from tools.samples import Catalogue

_BEFORE = {"freeze": SELECTION, "process": SELECTION, "infer": LEDGER, "report": LEDGER}
"""files without which nothing can be said of a stage, nor of those after it"""


def status(folder: Folder, catalogue: Catalogue, search: Search) -> list[tuple[str, str]]:
    """Return, for each stage, ``up to date`` or why it is not.

    Raises
    ------
    InputError
        If the folder does not say what it was made from.
    """
    try:
        manifest = chunks_of(folder)
    except InputError as error:
        if origin_of(folder) is None:
            raise
        return [("chunks", str(error))]
    rows = [("chunks", "up to date")]
    for name in list(STAGES)[1:]:
        if name in _BEFORE and not (folder.path / _BEFORE[name]).is_file():
            break
        if name == "freeze" and (refused := _score_refused(folder, search)) is not None:
            return [*rows[:-1], ("optimise", refused)]
        why = why_make(name, folder, catalogue, search)
        if name == "process" and why is not None:
            kept = kept_samples(folder, manifest, settings_in(folder, catalogue, search))
            stale = sorted(set(manifest.samples) - set(kept))
            why = f"to be processed: {listed(stale) or 'its weights or samples changed'}"
        rows.append((name, why or "up to date"))
    return rows


def _score_refused(folder: Folder, search: Search) -> str | None:
    """Return why the score of the selection cannot be read, if it cannot."""
    try:
        read_score_of(folder.path / SELECTION, cut_variables(search))
    except InputError as error:
        return str(error)
    return None
