"""`xyy status`: how far a folder has come, stage by stage, without doing anything."""

from dataclasses import replace
from pathlib import Path

from analysis import decisions, stages
from analysis.folder import Folder
from analysis.pipeline import RUN
from analysis.process import cut_variables, joint_key, processor_settings, up_to_date
from analysis.search_file import read_search
from processors.selection import Selection
from tools import sources
from tools.errors import InputError
from tools.manifest import read_manifest
from tools.samples import read_catalogue
from tools.storage import digest_document


def status(folder: Folder) -> list[tuple[str, str]]:
    """Return, for each stage, ``up to date`` or why it is not.

    Raises
    ------
    InputError
        If the folder holds no run.
    """
    run_document = folder.read(RUN, made_by="run")
    origin = run_document["provenance"]
    catalogue = read_catalogue(Path(origin["samples_file"]))
    search = read_search(Path(origin["search_file"]))
    method = origin.get("method", search.optimise.method)
    search = replace(search, optimise=replace(search.optimise, method=method))
    rows: list[tuple[str, str]] = []
    try:
        manifest = sources.merged([read_manifest(Path(path)) for path in origin["manifests"]])
    except InputError as error:
        return [("chunks", str(error))]
    rows.append(("chunks", "up to date"))
    settings = processor_settings(catalogue.columns, search, Selection({}))
    simulated = [s.name for s in catalogue.simulation]
    keys = {name: joint_key(manifest, name, settings) for name in simulated}
    wanted = stages.optimise_inputs(keys, catalogue, search)
    rows.append(("optimise", _compare(folder.made_from("selection.json"), wanted)))
    if not (folder.path / "selection.json").is_file():
        return rows
    try:
        score = folder.score(cut_variables(search))
    except InputError as error:
        return [*rows[:-1], ("optimise", str(error))]
    decided = stages.decided_in(folder, catalogue, search)
    rows.append(("freeze", _compare(decisions.in_force(folder), digest_document(decided))))
    unblinded = decisions.is_unblinded(folder)
    selection = folder.selection()
    settings = replace(settings, selection=selection, score=score, unblinded=unblinded)
    stale = sorted(set(manifest.samples) - set(up_to_date(folder, manifest, settings)))
    rows.append(("process", f"to be processed: {', '.join(stale)}" if stale else "up to date"))
    if (folder.path / "ledger.json").is_file():
        inputs = stages.infer_inputs(folder, decided)
        rows.append(("infer", _compare(folder.made_from("verdict.json"), inputs)))
        rows.append(
            (
                "report",
                _compare(
                    folder.made_from(stages.REPORT), stages.report_inputs(folder, catalogue, search)
                ),
            )
        )
    return rows


def _compare(made_from: str | None, wanted: str) -> str:
    if made_from is None:
        return "not made yet"
    return (
        "up to date" if made_from == wanted else "out of date: its inputs, settings or code changed"
    )
