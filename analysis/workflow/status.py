"""`xyy status`: how far a folder has come, stage by stage, without doing anything."""

from dataclasses import replace

from analysis.folder import decisions
from analysis.folder.folder import LEDGER, REPORT, SELECTION, VERDICT, Folder
from analysis.folder.origin import RUN, origin_of
from analysis.selection.optimise import cut_variables
from analysis.settings.search import Search
from analysis.workflow.made_from import decided_in, infer_inputs, optimise_inputs, report_inputs
from analysis.workflow.process import (
    all_up_to_date,
    joint_key,
    processor_settings,
    up_to_date,
)
from processors.diphoton import Settings
from processors.selection import Selection
from tools.digests import digest_document
from tools.errors import InputError
from tools.manifest import Manifest
from tools.names import listed
from tools.samples import Catalogue


def status(folder: Folder, catalogue: Catalogue, search: Search) -> list[tuple[str, str]]:
    """Return, for each stage, ``up to date`` or why it is not.

    Raises
    ------
    InputError
        If the folder does not say what it was made from.
    """
    origin = origin_of(folder)
    if origin is None:
        raise InputError(f"{folder.path / RUN} is not there or damaged; make it with `xyy run`")
    try:
        manifest = origin.manifest()
    except InputError as error:
        return [("chunks", str(error))]
    settings = processor_settings(catalogue.columns, search, Selection({}))
    simulated = [s.name for s in catalogue.simulation if s.name in manifest.samples]
    keys = {name: joint_key(manifest, name, settings) for name in simulated}
    wanted = optimise_inputs(keys, catalogue, search)
    rows = [("chunks", "up to date"), ("optimise", _compare(folder, SELECTION, wanted))]
    if not (folder.path / SELECTION).is_file():
        return rows
    try:
        score = folder.score(cut_variables(search))
    except InputError as error:
        return [*rows[:-1], ("optimise", str(error))]
    decided = decided_in(folder, catalogue, search)
    frozen = decisions.in_force(folder)
    rows.append(("freeze", _state(frozen, digest_document(decided))))
    unblinded, selection = decisions.is_unblinded(folder), folder.selection()
    settings = replace(settings, selection=selection, score=score, unblinded=unblinded)
    rows.append(("process", _processed(folder, manifest, catalogue, settings)))
    if (folder.path / LEDGER).is_file():
        rows.append(("infer", _compare(folder, VERDICT, infer_inputs(folder, decided))))
        wanted = report_inputs(folder, catalogue, search)
        rows.append(("report", _compare(folder, REPORT, wanted)))
    return rows


def _processed(folder: Folder, manifest: Manifest, catalogue: Catalogue, settings: Settings) -> str:
    if all_up_to_date(folder, manifest, catalogue, settings):
        return "up to date"
    stale = sorted(set(manifest.samples) - set(up_to_date(folder, manifest, settings)))
    return f"to be processed: {listed(stale) or 'its weights or samples changed'}"


def _compare(folder: Folder, record: str, wanted: str) -> str:
    made_from, lost = folder.made_from(record), folder.lost(record)
    if made_from == wanted and lost:
        return f"out of date: {listed(lost)} missing or not as written"
    return _state(made_from, wanted)


def _state(made_from: str | None, wanted: str) -> str:
    if made_from is None:
        return "not made yet"
    return (
        "up to date" if made_from == wanted else "out of date: its inputs, settings or code changed"
    )
