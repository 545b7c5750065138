"""From histograms to the distributions that figures show, with what is marked in them.

While data are blind their histograms are of the sidebands, those of simulation of all masses: only
of the mass itself, with its window hatched, both are shown together.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from matplotlib.figure import Figure

from analysis.report.folder_results import FolderResults
from analysis.report.plots import columns
from analysis.report.plots.columns import Marks
from analysis.selection.scores import performance
from processors.histograms import KINEMATICS, Counts

MAX_MASS_BIN_GeV = 20.0
"""of the spectra that show simulation; fits are shown in their own bins"""
_ROUNDING = 1e-9
"""of a number of bins, far below one bin"""


@dataclass(frozen=True, slots=True, eq=False)
class Distribution:
    """A quantity in all samples."""

    histograms: Mapping[str, Counts]
    """histograms by sample"""
    unit: str
    marks: Marks | None = None
    """cut or window that is shown"""


def draw_shape(results: FolderResults, shown: Distribution) -> Figure:
    """Draw the simulation, normalised to unit area."""
    return columns.unit_area(
        shown.histograms, results.shown_processes, results.shown_header, unit=shown.unit
    )


def draw_yields(results: FolderResults, shown: Distribution) -> Figure:
    """Draw the expected events, and the observed ones."""
    data = None if results.data is None else shown.histograms.get(results.data.name)
    return columns.expected_yields(
        shown.histograms, results.shown_processes, results.shown_header, unit=shown.unit,
        data=data, marks=shown.marks,
    )  # fmt: skip


def masses(results: FolderResults) -> dict[str, Distribution]:
    """Return the mass before and after the selection."""
    marks = Marks(window=results.window, blind=results.blind)
    named = {when: _mass_view(results, f"{when}/m_yy") for when in ("before", "after")}
    return {when: Distribution(each, "GeV", marks) for when, each in named.items() if each}


def n_minus_1(results: FolderResults) -> dict[str, Distribution]:
    """Return the column of every cut after all the other cuts."""
    named = {name: _named(results, f"n_minus_1/{name}") for name in results.cuts}
    shown = _unblinded(results, named).items()
    return {name: replace(each, marks=Marks(cut=results.cuts[name])) for name, each in shown}


def n_minus_1_score(results: FolderResults) -> dict[str, Distribution]:
    """Return every column of the score after the best cut on the score of all the others."""
    found = results.scored
    return {} if found is None else _unblinded(results, performance.n_minus_1(found))


def shapes(results: FolderResults) -> dict[str, Distribution]:
    """Return every quantity before the selection, the mass first (tasks 1.3 to 1.5)."""
    return _unblinded(results, {"m_yy": _mass_view(results, "before/m_yy")}) | yields(results)


def yields(results: FolderResults) -> dict[str, Distribution]:
    """Return every quantity before the selection but the mass (task 2.2)."""
    named = {name: _named(results, f"before/{name}") for name in _units(results) if name != "m_yy"}
    return _unblinded(results, named)


def _named(results: FolderResults, name: str) -> dict[str, Counts]:
    """Return the histogram called `name` of every sample that has it."""
    return {sample: named[name] for sample, named in results.histograms.items() if name in named}


def _unblinded(
    results: FolderResults, named: Mapping[str, Mapping[str, Counts]]
) -> dict[str, Distribution]:
    """Return quantities, given by name and sample, without data that are blind."""
    units = _units(results)
    blinded = results.data.name if results.data is not None and results.blind else None
    shown = {
        name: {sample: histogram for sample, histogram in each.items() if sample != blinded}
        for name, each in named.items()
    }
    return {name: Distribution(each, units[name]) for name, each in shown.items() if each}


def _units(results: FolderResults) -> dict[str, str]:
    """Return the unit of every quantity that is histogrammed, the mass first."""
    declared = {column.name: column.unit for column in results.catalogue.columns}
    return {"m_yy": "GeV", **declared, **{binning.name: binning.unit for binning in KINEMATICS}}


def _mass_view(results: FolderResults, name: str) -> dict[str, Counts]:
    """Return mass spectra up to the end of the fits, in bins that end where the window does."""
    import hist

    low, high = results.search.spectrum.low_GeV, results.search.fit.high_GeV
    bins = round(mass_bin_GeV(results) / results.search.spectrum.bin_GeV)
    view = slice(hist.loc(low), hist.loc(high), hist.rebin(bins))
    named: dict[str, Any] = dict(_named(results, name))  # hist has no type for a part of itself
    return {sample: histogram[view] for sample, histogram in named.items()}


def mass_bin_GeV(results: FolderResults) -> float:
    """Return the bin width of mass spectra: the widest with edges at both ends of the window."""
    search = results.search
    low, bin_GeV = search.spectrum.low_GeV, search.fit.bin_GeV
    ends = (search.window.low_GeV, search.window.high_GeV, search.fit.high_GeV)
    # A bin across an end of the window would be half blind.
    max_times = max(1, int(MAX_MASS_BIN_GeV / bin_GeV))
    for times in range(max_times, 1, -1):
        steps = [(end - low) / (times * bin_GeV) for end in ends]
        if all(abs(step - round(step)) < _ROUNDING for step in steps):
            return times * bin_GeV
    return bin_GeV
