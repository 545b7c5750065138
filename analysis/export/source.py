"""What may be exported: the results of one inference, and nothing of a blinded window.

Blindness is in the data path, so the files of a blind folder hold nothing of the window. An export
leaves the house, and looks again: at the results, at every workspace, at every histogram.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from analysis.folder.folder import Folder, Project
from analysis.report.folder_results import FolderResults, read_results
from analysis.results.background import BackgroundFits
from analysis.results.counting import Counting
from analysis.results.limits import MassLimits
from analysis.results.scan import Scan
from analysis.results.verdict import Verdict
from analysis.workflow.make import refuse_stale_histograms, refuse_stale_results
from processors.histograms import REGIONS
from processors.selection import Interval
from tools.errors import InputError, RefusedError


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Inferred:
    """The result files of one inference."""

    background: BackgroundFits
    counting: Counting
    scan: Scan
    limits: MassLimits
    verdict: Verdict


def read_processed(project: Project) -> FolderResults:
    """Read a folder that was processed at least.

    Raises
    ------
    InputError
        If it was not, or if it holds a binned spectrum.
    RefusedError
        If data are blind and their histograms are not.
    """
    if is_binned_spectrum(project.folder):
        raise InputError(
            f"{project.folder.path} holds the results of a binned spectrum (`xyy infer "
            "--spectrum`), which has neither histograms nor samples; "
            "`xyy export workspace` takes it"
        )
    results = read_results(*project)
    if results.blind and results.data is not None:
        named = results.histograms.get(results.data.name, {})
        _refuse((n for n, each in named.items() if _filled(each, results.window)), "xyy process")
    return results


def is_binned_spectrum(folder: Folder) -> bool:
    """Return whether a folder holds what `xyy infer --spectrum` writes."""
    # A spectrum has no events, so no ledger; a folder of events that was not processed has neither.
    there = [(folder.path / name).is_file() for name in ("ledger.json", "limits.json")]
    return there == [False, True]


def inferred(project: Project, results: FolderResults) -> Inferred:
    """Return the results of `xyy infer`, all made from what the folder holds now.

    Raises
    ------
    InputError
        If one is missing, damaged, or out of date.
    RefusedError
        If data are blind and a result is not.
    """
    folder = project.folder
    found = Inferred(
        background=folder.load(BackgroundFits, made_by="infer"),
        counting=folder.load(Counting, made_by="infer"),
        scan=folder.load(Scan, made_by="infer"),
        limits=folder.load(MassLimits, made_by="infer"),
        verdict=folder.load(Verdict, made_by="infer"),
    )
    if results.blind:
        _refuse_unblind_results(found, results)
    refuse_stale_histograms(project)
    refuse_stale_results(project)
    return found


def _refuse_unblind_results(found: Inferred, results: FolderResults) -> None:
    """Refuse results that tell of a blinded window.

    Raises
    ------
    RefusedError
        Naming the file.
    """
    flow = () if results.data is None else results.cutflow.get(results.data.name, ())
    unblinded = {
        "cutflow.json": any(row.blinded is None for row in flow),
        Verdict.FILE: not found.verdict.blinded,
        Counting.FILE: found.counting.observed_events is not None,
        Scan.FILE: found.scan.local_z is not None,
        MassLimits.FILE: found.limits.observed is not None,
        BackgroundFits.FILE: any(
            np.isfinite(bins.observed_events)[_bins_inside(bins.edges_GeV, results.window)].any()
            for bins in (channel.bins for channel in found.background.channels.values())
        ),
    }
    _refuse((name for name, tells in unblinded.items() if tells), "xyy infer")


def _filled(histogram: Any, window: Interval) -> bool:
    """Return whether a histogram has entries where the mass, or the region, is the window."""
    for number, axis in enumerate(histogram.axes):
        counts = np.moveaxis(np.asarray(histogram.values()), number, 0)
        if axis.name == "m_yy":
            inside = _bins_inside(np.asarray(axis.edges), window)
        elif axis.name == "region" and len(counts) == len(REGIONS):
            inside = np.array([name == "window" for name in REGIONS])
        else:
            continue
        if counts[inside].any():
            return True
    return False


def _bins_inside(edges: np.ndarray[Any, Any], window: Interval) -> np.ndarray[Any, Any]:
    # Whole bins only: one that an end of the window cuts holds events of the sidebands too.
    low, high = edges[:-1], edges[1:]
    return (low >= (window.min or 0.0)) & (high <= (np.inf if window.max is None else window.max))


def _refuse(names: Iterable[str], command: str) -> None:
    for name in names:
        raise RefusedError(
            f"the data are blind, and {name} holds something of the window; nothing is exported; "
            f"make it again with `{command}`"
        )
