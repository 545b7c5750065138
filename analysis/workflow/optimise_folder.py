"""From the joint histograms of a results folder to its selection."""

from dataclasses import replace

from analysis.folder import blinding, decisions
from analysis.folder.folder import SCORE, SELECTION, Folder, Project
from analysis.folder.histogram_file import read_histograms
from analysis.results.codec import to_json
from analysis.results.ledger import Ledger
from analysis.results.score import ScoreFile
from analysis.results.selection import ChosenSelection
from analysis.selection.expected_fit import expected_z
from analysis.selection.methods import Selected, select
from analysis.selection.scores.score_file import table_of_document
from analysis.selection.scores.training import Simulated
from analysis.workflow.process import losses
from processors.histograms import Counts
from processors.selection import Selection
from tools.errors import InputError, XyyError
from tools.samples import Catalogue


def optimise_folder(project: Project, *, inputs: str, reason: str | None = None) -> Selected:
    """Choose the selection from the joint histograms in the folder.

    Written are ``selection.json`` and, if it is made with a score, ``score.json``.

    Parameters
    ----------
    project : Project
    inputs : str
        Digest of what the selection is made from, for ``provenance.inputs``.
    reason : str, optional
        Why the selection may be another one after unblinding.

    Raises
    ------
    InputError
        If the background or a signal was not processed.
    RefusedError
        If the data are open, the selection is not the frozen one, and there is no `reason`; or if
        a score would be made of columns that make the mass.
    XyyError
        If it was processed, and all of it was lost.
    """
    folder, catalogue, search = project
    ledger = folder.load(Ledger, made_by="process")
    joints = _of_simulation(folder, catalogue, "joint")
    # The settings have one: `check_together`.
    background = next(s.name for s in catalogue.simulation if s.kind == "background")
    if background not in joints or set(joints) == {background}:
        if ledger.failed:
            raise XyyError(losses(ledger, folder.path))
        raise InputError(
            f"{folder.histograms} needs the joint histograms of {background} and of a signal; "
            "process them with `xyy process --histograms all`"
        )
    weights = {
        name: catalogue.weight(catalogue.sample(name), ledger.samples[name].processed_events)
        for name in joints
    }
    selected = select(Simulated(joints, weights, background), search)
    masses = _of_simulation(folder, catalogue, "before/m_yy")
    expected = expected_z(selected.shares, masses, weights, catalogue, search)
    samples = ledger.samples.items()
    lost = any(of.lost_events for n, of in samples if catalogue.sample(n).kind != "data")
    chosen = replace(selected.selection, expected_fit_z=expected, complete=not lost)
    selection = Selection(chosen.cuts)
    score = None if selected.score is None else table_of_document(selected.score)
    blinding.guard(folder, decisions.decisions(catalogue, search, selection, score), reason=reason)
    _record(folder, chosen, selected.score, inputs)
    return replace(selected, selection=chosen)


def _record(folder: Folder, chosen: ChosenSelection, score: ScoreFile | None, inputs: str) -> None:
    """Write the selection; it comes last: with it, the score that it names is there."""
    # A selection must never stand beside the score of another one: it goes before the score
    # changes.
    (folder.path / SELECTION).unlink(missing_ok=True)
    if score is None:
        (folder.path / SCORE).unlink(missing_ok=True)
    else:
        folder.save(score)
    folder.record(SELECTION, to_json(chosen), () if score is None else (SCORE,), inputs=inputs)


def _of_simulation(folder: Folder, catalogue: Catalogue, histogram: str) -> dict[str, Counts]:
    """Return one histogram of every simulated sample."""
    return {
        name: named[histogram]
        for name, named in read_histograms(folder.histograms, only=histogram).items()
        if catalogue.sample(name).kind != "data"
    }
