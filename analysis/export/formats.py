"""From a results folder to the files of each format."""

from typing import TYPE_CHECKING

from analysis.export.source import inferred, is_bare_spectrum, read_processed
from analysis.export.writing import Files
from analysis.folder.folder import Folder, Project
from analysis.results.limits import MassLimits
from analysis.results.verdict import Verdict
from analysis.settings.search import Search
from analysis.workflow.freshness import refuse_stale_histograms
from tools.errors import InputError
from tools.samples import Catalogue

if TYPE_CHECKING:
    from analysis.export.pyhf_format import Status


def hepdata(folder: Folder, catalogue: Catalogue, search: Search) -> Files:
    """Return the HEPData submission of a folder."""
    from analysis.export.hepdata import hepdata_files

    results = read_processed(folder, catalogue, search)
    found = inferred(folder, results)
    return hepdata_files(results, found)


def workspace(folder: Folder, catalogue: Catalogue, search: Search) -> Files:
    """Return the pyhf workspaces of a folder, of a bare spectrum too."""
    from analysis.export.pyhf_format import Status, workspace_files

    if is_bare_spectrum(folder):
        limits = folder.load(MassLimits, made_by="infer --spectrum")
        return workspace_files(folder, limits, None, _status_of_spectrum(folder))
    results = read_processed(folder, catalogue, search)
    found = inferred(folder, results)
    status = Status(observed=found.limits.observed is not None, stamps=results.stamps)
    return workspace_files(folder, found.limits, found.counting, status)


def root(folder: Folder, catalogue: Catalogue, search: Search) -> Files:
    """Return the file of the histograms of a folder."""
    from analysis.export.root_format import root_files

    results = read_processed(folder, catalogue, search)
    refuse_stale_histograms(Project(folder, catalogue, search))
    return root_files(results)


FORMATS = {"hepdata": hepdata, "workspace": workspace, "root": root}
"""by the name of the command"""


def _status_of_spectrum(folder: Folder) -> "Status":
    """Return the status of a bare spectrum, whose verdict is written last.

    Raises
    ------
    InputError
        If its inference did not come to an end.
    """
    from analysis.export.pyhf_format import Status

    verdict = folder.load_if_there(Verdict)
    if verdict is None:
        raise InputError(
            f"{folder.path} holds no {Verdict.FILE}; make it with `xyy infer --spectrum`"
        )
    return Status(observed=not verdict.blinded)
