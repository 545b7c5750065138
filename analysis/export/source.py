"""What may be exported: the results of one inference, and nothing of a window that is shut.

Blindness is in the data path, so the files of a blind folder hold nothing of the window. An export
leaves the house, and looks again: at the results, at every workspace, at every histogram.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from analysis import decisions
from analysis.folder import SELECTION, Folder
from analysis.histogram_file import Histograms
from analysis.results import Results, read_results
from analysis.search import Search
from analysis.stages import RESULTS, decided_in, infer_inputs
from processors.histograms import REGIONS
from processors.selection import Interval
from tools.errors import InputError, RefusedError
from tools.samples import Catalogue
from tools.storage import digest_document

Document = dict[str, Any]
_TAKEN = ("samples", "search.window")
"""decisions that an export takes from the settings; all others are in the results"""


@dataclass(frozen=True, slots=True, eq=False)
class Inferred:
    """The result files of one inference."""

    background: Document
    counting: Document
    scan: Document
    limits: Document
    verdict: Document


def read_processed(folder: Folder, catalogue: Catalogue, search: Search) -> Results:
    """Read a folder that was processed at least.

    Raises
    ------
    InputError
        If it was not, if it holds a bare spectrum, or if it was made with other settings.
    RefusedError
        If data are blind and their histograms are not.
    """
    if is_bare_spectrum(folder):
        raise InputError(
            f"{folder.path} holds the results of a bare spectrum (`xyy infer --spectrum`), which "
            "has neither histograms nor samples; `xyy export workspace` takes it"
        )
    results = read_results(folder, catalogue, search)
    _refuse_other_settings(folder, catalogue, search)
    if results.blind and results.data is not None:
        _refuse_unblind_histograms(results.histograms, results.data.name, results.window)
    return results


def is_bare_spectrum(folder: Folder) -> bool:
    """Return whether a folder holds what `xyy infer --spectrum` writes."""
    there = [(folder.path / name).is_file() for name in ("ledger.json", "limits.json")]
    return there == [False, True]


def inferred(folder: Folder, results: Results) -> Inferred:
    """Return the results of `xyy infer`, all made from the same.

    Raises
    ------
    InputError
        If one is missing, or was made from something else than the verdict.
    RefusedError
        If data are blind and a result is not.
    """
    documents = {name: folder.read(name, made_by="infer") for name in RESULTS}
    made_from = {name: folder.made_from(name) for name in RESULTS}
    others = [name for name in RESULTS if made_from[name] != made_from["verdict.json"]]
    if others or documents["limits.json"].get("partial"):
        raise InputError(
            f"{folder.path / (others or ['limits.json'])[0]} does not belong to verdict.json; "
            "make the results again with `xyy infer`"
        )
    found = Inferred(**{name.removesuffix(".json"): d for name, d in documents.items()})
    if results.blind:
        _refuse_unblind_results(found, results)
    elif found.verdict["blinded"]:
        raise InputError(
            f"the data of {folder.path} were unblinded, and its results are still blind; "
            "run `xyy process` and `xyy infer` again (or `xyy run`)"
        )
    return found


def out_of_date(folder: Folder, catalogue: Catalogue, search: Search) -> bool:
    """Return whether the results would be made from something else now, code included."""
    now = infer_inputs(folder, decided_in(folder, catalogue, search))
    return folder.made_from("verdict.json") != now


def _refuse_other_settings(folder: Folder, catalogue: Catalogue, search: Search) -> None:
    """Refuse settings that are not those of the folder: units, luminosity and titles are theirs."""
    in_force = decisions.in_force(folder)
    if in_force is None or not (folder.path / SELECTION).is_file():
        return
    decided = decided_in(folder, catalogue, search)
    frozen = folder.read(decisions.FREEZE, made_by="freeze")["decisions"]
    others = [name for name in _TAKEN if _changed_in(frozen, decided, name)]
    # Decisions that were changed after unblinding are known by their digest alone.
    if others and digest_document(decided) != in_force:
        raise InputError(
            f"{folder.path} was made with other settings than {catalogue.path} and {search.path} "
            f"({', '.join(others)}); name its own with --samples and --search{_used(folder)}, or "
            "make the results again with these"
        )


def _changed_in(frozen: Document, decided: Document, name: str) -> bool:
    """Return whether a part of the decisions, like ``search.window``, is another one now."""
    for key in name.split("."):
        frozen, decided = frozen[key], decided[key]
    return bool(decisions.changed(frozen, decided))


def _used(folder: Folder) -> str:
    """Return the settings files that a run was made with, if they are known."""
    origin = (folder.read_if_there("run.json") or {}).get("provenance", {})
    used = [origin.get("samples_file"), origin.get("search_file")]
    return f" ({used[0]}, {used[1]})" if all(used) else ""


def _refuse_unblind_results(found: Inferred, results: Results) -> None:
    """Refuse results that tell of a window which is shut.

    Raises
    ------
    RefusedError
        Naming the file.
    """
    flow = results.cutflow.get("" if results.data is None else results.data.name, [])
    told = {
        "cutflow.json": any("blinded" not in row for row in flow),
        "verdict.json": not found.verdict["blinded"],
        "counting.json": found.counting["observed_events"] is not None,
        "scan.json": found.scan["local_z"] is not None,
        "limits.json": found.limits["observed_pb"] is not None,
        "background.json": any(
            _knows_window(channel["bins"], results.window)
            for channel in found.background["channels"].values()
        ),
    }
    _refuse((name for name, tells in told.items() if tells), "xyy infer")


def _knows_window(bins: Mapping[str, Any], window: Interval) -> bool:
    inside = _bins_inside(np.array(bins["edges_GeV"]), window)
    observed = np.array([n is not None for n in bins["observed_events"]])
    return bool(np.any(observed & inside))


def _refuse_unblind_histograms(histograms: Histograms, data: str, window: Interval) -> None:
    """Refuse histograms of data that hold events of a window which is shut.

    Raises
    ------
    RefusedError
        Naming the histogram.
    """
    named = histograms.get(data, {})
    filled = (name for name, histogram in named.items() if _filled(histogram, window))
    _refuse(filled, "xyy process")


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
    low, high = edges[:-1], edges[1:]
    return (low >= (window.min or 0.0)) & (high <= (np.inf if window.max is None else window.max))


def _refuse(names: Iterable[str], command: str) -> None:
    for name in names:
        raise RefusedError(
            f"the data are blind, and {name} holds something of the window; nothing is exported; "
            f"make it again with `{command}`"
        )
