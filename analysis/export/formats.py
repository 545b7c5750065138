"""From a results folder to the files of each format."""

from analysis.export.hepdata import hepdata_files
from analysis.export.pyhf_format import workspace_files
from analysis.export.root_format import root_files
from analysis.export.source import inferred, is_binned_spectrum, read_processed
from analysis.export.writing import Files
from analysis.folder.folder import Project
from analysis.results.limits import MassLimits
from analysis.results.verdict import Verdict
from analysis.workflow.make import refuse_stale_histograms


def hepdata(project: Project) -> Files:
    """Return the HEPData submission of a folder."""
    results = read_processed(project)
    return hepdata_files(results, inferred(project, results))


def workspace(project: Project) -> Files:
    """Return the pyhf workspaces of a folder, of a binned spectrum too."""
    folder = project.folder
    if is_binned_spectrum(folder):
        folder.load(Verdict, made_by="infer --spectrum")  # written last: the inference is whole
        return workspace_files(folder, folder.load(MassLimits, made_by="infer --spectrum"), None)
    results = read_processed(project)
    found = inferred(project, results)
    return workspace_files(folder, found.limits, found.counting, results.caveats)


def root(project: Project) -> Files:
    """Return the file of the histograms of a folder."""
    results = read_processed(project)
    refuse_stale_histograms(project)
    return root_files(results)


FORMATS = {"hepdata": hepdata, "workspace": workspace, "root": root}
"""by the name of the command"""
