"""Which figures a folder gets: those for which it holds what they show.

They come in the order of the page; drawing one at a time keeps one figure in memory. Those of the
shape search are in `analysis.report.search_figures`.
"""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import chain, count
from typing import TYPE_CHECKING, Any

from analysis.report import score_figures, search_figures
from analysis.report.drawing import Drawing
from analysis.report.plots import category_fits, columns, limits, selection, spectrum
from analysis.report.plots import inputs as figure_inputs
from analysis.report.plots.combined import in_common
from analysis.report.plots.observed import Marks
from processors.histograms import KINEMATICS

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from analysis.report.folder_results import FolderResults
    from processors.histograms import Counts

WIDEST_MASS_BIN_GeV = 20.0
"""of the spectra that show simulation; fits are shown in their own bins"""

_ROUNDING = 1e-9


def drawings(results: FolderResults) -> Iterator[Drawing]:
    """Yield every figure that the folder has the inputs of."""
    parts = (
        _fits, search_figures.drawings, _selection, score_figures.drawings, _spectra, _n_minus_1,
        _columns,
    )  # fmt: skip
    taken: set[str] = set()
    for drawing in chain.from_iterable(part(results) for part in parts):
        name = _file_name(drawing.name, taken)
        taken.add(name.lower())
        yield replace(drawing, name=name)


def _file_name(name: str, taken: Collection[str]) -> str:
    """Return a name that any file system takes, and that no other figure has in any case.

    >>> _file_name("shape_m/E", {"shape_m_e"})
    'shape_m_E_2'
    """
    safe = re.sub(r"[^A-Za-z0-9_.-]", "_", name)
    others = (f"{safe}_{number}" for number in count(2))
    return next(candidate for candidate in chain([safe], others) if candidate.lower() not in taken)


def _fits(results: FolderResults) -> Iterator[Drawing]:
    header = results.header(results.catalogue.data_luminosity_invpb)
    if (found := figure_inputs.sideband_fit(results)) is not None:
        yield Drawing(
            "sideband_fit",
            "sidebands",
            _sideband_caption(found),
            lambda: spectrum.sideband_fit(found, header),
        )
    sidebands = figure_inputs.sideband_fits(results)
    if len(sidebands) > 1:
        yield Drawing(
            "sideband_fit_categories",
            "sidebands",
            "The fit of the sidebands in each category, from the lowest score to the highest, "
            "with the prediction for the window and the goodness of fit.",
            lambda: category_fits.sideband_fits(sidebands, header),
        )
    if (peak := figure_inputs.resonance_fit(results)) is not None:
        yield Drawing(
            "resonance_fit",
            "fit",
            _resonance_caption(peak),
            lambda: spectrum.resonance_fit(peak, header),
        )
    resonances = figure_inputs.resonance_fits(results)
    if len(resonances) > 1:
        yield Drawing(
            "resonance_fit_categories",
            "fit",
            "The fit of background and resonance in each category, with one mass and one "
            "cross-section, each with its own background, in the range that all fits have.",
            lambda: category_fits.resonance_fits(in_common(resonances), header),
        )
    limit = None if results.counting is None else results.counting.limit
    if limit is not None and (curve := limit.curve) is not None:
        yield Drawing(
            "cls_scan",
            "limit",
            "CLs against the cross-section. What lies to the right of a curve's crossing is "
            f"excluded at {limit.confidence_level:.0%} confidence level.",
            lambda: limits.cls_scan(curve, limit, header, from_data=results.data is not None),
        )


def _sideband_caption(found: spectrum.FittedSpectrum) -> str:
    pulls = "Below: the pull of every bin, the signed root of its part of the deviance."
    if found.simulated:
        what = (
            "There are no data: the function is that of sidebands as smooth as the simulation "
            "expects them, the points are the selected simulated background."
        )
    elif found.blinded:
        what = "The data outside the signal window, the function fitted to them, its prediction."
    else:
        what = "The function fitted to the data outside the signal window, and all the data."
    return f"{what} {pulls}"


def _resonance_caption(peak: spectrum.FittedSpectrum) -> str:
    range_ = "in the range of the fit of background and resonance together"
    if not peak.weighted:
        return f"The spectrum {range_}; pulls are against their sum."
    return (
        f"The sum of all categories {range_}, each weighted by ln(1 + S/B) where the signal is; "
        "the number of signal events is kept. Pulls are against the sum of both."
    )


def _selection(results: FolderResults) -> Iterator[Drawing]:
    luminosity, chosen = results.catalogue.luminosity_invpb, results.selection
    header, processes = results.header(luminosity), results.processes(luminosity, data=True)
    if chosen is not None and chosen.n_jets_scan:
        made_for = (results.catalogue.name, chosen.reference_signal, chosen.figure_of_merit)
        course = made_for == ("course", "signal_500", "s")
        yield Drawing(
            "n_jets_scan",
            "selection",
            "The figure of merit against the cut on the number of jets. The errors are those of "
            "the simulated statistics; neighbouring points share most of their events.",
            lambda: selection.n_jets_scan(chosen, header, course=course),
        )
    if chosen is not None:
        yield Drawing(
            "selection_comparison",
            "selection",
            "What each kind of selection is worth, for every signal.",
            lambda: selection.comparison(chosen, processes, header),
        )
    if chosen is not None and chosen.expected_fit_z:
        yield Drawing(
            "expected_fit",
            "selection",
            "The significance that the combined fit with free backgrounds is expected to have, "
            "for every signal and each method. It also knows the shape, so it is not the figure "
            "of merit.",
            lambda: selection.expected_fit(chosen, processes, header),
        )
    if results.cutflow:
        yield Drawing(
            "cutflow",
            "cutflow",
            "The fraction of every sample's events that is left after each cut."
            + (" Of the data, those outside the signal window." if results.blind else ""),
            lambda: selection.cutflow(results.cutflow, processes, header),
        )


def _spectra(results: FolderResults) -> Iterator[Drawing]:
    for when, words in (("before", "before the selection"), ("after", "after the selection")):
        named = _named(results, f"{when}/m_yy")
        if not named:
            continue
        shown = {name: _mass_view(histogram, results) for name, histogram in named.items()}
        marks = Marks(window=results.window, blind=results.blind)
        yield _yields(
            results, shown, f"m_yy_{when}", "spectrum", f"The diphoton mass {words}", "GeV", marks
        )


def _n_minus_1(results: FolderResults) -> Iterator[Drawing]:
    units = _units(results)
    for name, cut in results.cuts.items():
        named = _open(results, _named(results, f"n_minus_1/{name}"))
        if named:
            caption = f"{name} after all the other cuts, and the cut on it"
            marks = Marks(cut=cut)
            yield _yields(
                results, named, f"n_minus_1_{name}", "n_minus_1", caption, units[name], marks
            )
    for name, histograms in score_figures.n_minus_1(results).items():
        caption = f"{name} after the best cut on the score of all the other columns"
        named = _open(results, histograms)
        yield _yields(results, named, f"n_minus_1_{name}", "n_minus_1", caption, units[name])


def _columns(results: FolderResults) -> Iterator[Drawing]:
    """Yield all shapes (tasks 1.3 to 1.5), then all yields (task 2.2)."""
    units = _units(results)
    before = {name: _open(results, _named(results, f"before/{name}")) for name in units}
    for name, named in before.items():
        if named:
            yield _shape(results, name, units[name], named)
    for name, named in before.items():
        if named and name != "m_yy":  # with its window it has a figure of its own
            yield _yields(
                results, named, f"yield_{name}", "yields", f"{name}, expected events", units[name]
            )


def _shape(results: FolderResults, name: str, unit: str, named: Mapping[str, Counts]) -> Drawing:
    luminosity = results.luminosity_invpb
    header, processes = results.header(luminosity), results.processes(luminosity)
    shown = {p.name: named[p.name] for p in processes if p.name in named}
    if name == "m_yy":
        shown = {sample: _mass_view(histogram, results) for sample, histogram in shown.items()}
    return Drawing(
        f"shape_{name}",
        "shapes",
        f"{name}, normalised to unit area over the range shown",
        lambda: columns.unit_area(shown, processes, header, unit=unit),
    )


def _yields(
    results: FolderResults,
    named: Mapping[str, Counts],
    name: str,
    section: str,
    caption: str,
    unit: str,
    marks: Marks | None = None,
) -> Drawing:
    luminosity = results.luminosity_invpb
    header, processes = results.header(luminosity), results.processes(luminosity)
    data = None if results.data is None else named.get(results.data.name)
    simulated = {n: h for n, h in named.items() if results.data is None or n != results.data.name}
    return Drawing(
        name,
        section,
        f"{caption}; normalised to {luminosity:.10g}/pb",
        lambda: columns.expected_yields(
            simulated, processes, header, unit=unit, data=data, marks=marks
        ),
    )


def _named(results: FolderResults, name: str) -> dict[str, Counts]:
    """Return the histogram called `name` of every sample that has it."""
    return {sample: named[name] for sample, named in results.histograms.items() if name in named}


def _open(results: FolderResults, named: Mapping[str, Counts]) -> dict[str, Counts]:
    """Leave out blind data: their histograms are of the sidebands, simulation's of all masses."""
    closed = results.data.name if results.data is not None and results.blind else None
    return {sample: histogram for sample, histogram in named.items() if sample != closed}


def _units(results: FolderResults) -> dict[str, str]:
    """Return the unit of every quantity that is histogrammed, the mass first."""
    declared = {column.name: column.unit for column in results.catalogue.columns}
    return {"m_yy": "GeV", **declared, **{binning.name: binning.unit for binning in KINEMATICS}}


def _mass_view(histogram: Counts, results: FolderResults) -> Any:
    """Return a mass spectrum up to the end of the fits, in bins that end where the window does."""
    import hist

    low, high = results.search.spectrum.low_GeV, results.search.fit.high_GeV
    bins = round(mass_bin_GeV(results) / results.search.spectrum.bin_GeV)
    return histogram[hist.loc(low) : hist.loc(high) : hist.rebin(bins)]


def mass_bin_GeV(results: FolderResults) -> float:
    """Return the bin width of mass spectra: the widest with edges at both ends of the window."""
    search = results.search
    low, bin_GeV = search.spectrum.low_GeV, search.fit.bin_GeV
    ends = (search.window.low_GeV, search.window.high_GeV, search.fit.high_GeV)
    most = max(1, int(WIDEST_MASS_BIN_GeV / bin_GeV))
    for times in range(most, 1, -1):
        steps = [(end - low) / (times * bin_GeV) for end in ends]
        if all(abs(step - round(step)) < _ROUNDING for step in steps):
            return times * bin_GeV
    return bin_GeV
