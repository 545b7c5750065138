"""From the spectra of the simulated background to the figure of the mass-sculpting guard.

The guard that chooses a method knows window and sidebands only (``selection.json``); here it is
asked of the whole spectrum, which was filled after the selection.
"""

import numpy as np
import numpy.typing as npt

from analysis.report.folder_results import FolderResults
from analysis.report.plots.inputs import of_category
from analysis.report.plots.sculpted import Sculpted
from analysis.report.plots.style import Array
from analysis.selection.scores.sculpting import sculpting

WIDE = 10
"""bins of a fit in one bin of the figure"""


def sculpted(results: FolderResults) -> dict[str, Sculpted]:
    """Return the simulated background's mass in every category, and that of all other events."""
    processes = results.processes(results.catalogue.data_luminosity_invpb)
    backgrounds = [process for process in processes if process.kind == "background"]
    if len(backgrounds) != 1:
        return {}
    named = results.histograms.get(backgrounds[0].name, {})
    if not {"spectrum", "before/m_yy"} <= set(named):
        return {}
    everything = _in_bins(results, np.asarray(named["before/m_yy"].values(), np.float64))
    categories = list(named["spectrum"].axes["category"])
    found = {}
    for name in categories:
        kept = _in_bins(results, of_category(named["spectrum"], name))
        rest = everything - kept
        edges, window = _mass_bins(results)
        if kept.sum() and rest.sum():
            bent = sculpting(
                kept, rest, window, weight=backgrounds[0].weight, looked_at=len(categories)
            )
            wide = np.append(edges[:-1:WIDE], edges[-1])
            found[name] = Sculpted(wide, _wider(kept), _wider(rest), bent)
    return found


def _wider(contents: Array) -> Array:
    merged: Array = np.add.reduceat(contents, np.arange(0, len(contents), WIDE))
    return merged


def _mass_bins(results: FolderResults) -> tuple[Array, npt.NDArray[np.bool_]]:
    """Return edges of the bins of fits, and which bins are the window."""
    search = results.search
    count = round((search.fit.high_GeV - search.fit.low_GeV) / search.fit.bin_GeV)
    edges = search.fit.low_GeV + search.fit.bin_GeV * np.arange(count + 1, dtype=np.float64)
    return edges, results.window.contains((edges[1:] + edges[:-1]) / 2)


def _in_bins(results: FolderResults, fine: Array) -> Array:
    """Return a fine spectrum in the bins of fits; what lies beyond them is left out."""
    edges, _ = _mass_bins(results)
    axis = results.search.spectrum
    each = round(results.search.fit.bin_GeV / axis.bin_GeV)
    first = round((edges[0] - axis.low_GeV) / axis.bin_GeV)
    inside = fine[first : first + each * (len(edges) - 1)]
    contents: Array = inside.reshape(-1, each).sum(axis=1)
    return contents
