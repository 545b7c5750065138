"""What each stage of a folder would be made from now: settings, earlier products, code.

The record of a stage has the digest of what it was made from (``provenance.inputs``); where it is
the one of these functions, the stage is up to date.
"""

from dataclasses import asdict
from typing import Any

from analysis.folder import decisions
from analysis.folder.folder import CUTFLOW, LEDGER, RESULTS, SELECTION, Folder, unstamped
from analysis.folder.origin import RUN
from analysis.selection.optimise import cut_variables
from analysis.settings.search import Search
from analysis.settings.settings_check import check_selection
from processors.selection import Selection
from tools.code import behind, code_digest
from tools.digests import digest_document, digest_text
from tools.samples import Catalogue


def optimise_inputs(joint_keys: dict[str, str], catalogue: Catalogue, search: Search) -> str:
    """Return what ``selection.json`` is made from, given the keys of the joint histograms."""
    simulated = {s.name: joint_keys.get(s.name) for s in catalogue.simulation}
    return digest_document(
        {
            "joint": simulated,
            "samples": [asdict(sample) for sample in catalogue.simulation],
            "luminosity": catalogue.luminosity_invpb,
            "optimise": asdict(search.optimise),
            "score": asdict(search.score),
            "code": code_digest(*behind("analysis.workflow.optimise_folder")),
        }
    )


def decided_in(folder: Folder, catalogue: Catalogue, search: Search) -> dict[str, Any]:
    """Return the decisions as they stand now, with the selection of `folder`."""
    score = folder.score(cut_variables(search))
    selection = folder.selection()
    check_selection(folder.path / SELECTION, selection, catalogue)
    return decisions.decisions(catalogue, search, selection, score)


def infer_inputs(folder: Folder, decided: dict[str, Any]) -> str:
    """Return what the results of `xyy infer` are made from."""
    ledger = folder.read(LEDGER, made_by="process")
    run = folder.read_if_there(RUN) or {}
    return digest_text(
        digest_document(unstamped(ledger)),
        repr(sorted(ledger["provenance"]["keys"].items())),
        digest_document(run),
        digest_document(decided),
        repr((decisions.is_unblinded(folder), decisions.after_unblinding(folder))),
        code_digest(*behind("analysis.workflow.infer_folder")),
    )


def report_inputs(folder: Folder, catalogue: Catalogue, search: Search) -> str:
    """Return what the figures and the page are made from."""
    decided = decisions.decisions(catalogue, search, Selection({}))  # the chosen cuts follow below
    names = (
        RUN, LEDGER, CUTFLOW, SELECTION, *RESULTS,
        decisions.FREEZE, decisions.UNBLINDING,
    )  # fmt: skip
    documents = (folder.read_if_there(name) or {} for name in names)
    ledger = folder.read(LEDGER, made_by="process")
    return digest_text(
        digest_document(decided),
        repr(search.label),
        *(digest_document(document) for document in documents),
        repr(sorted(ledger["provenance"]["keys"].items())),
        code_digest(*behind("analysis.report.writing"), "analysis.report.page"),
    )
