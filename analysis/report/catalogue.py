"""The catalogue of figures: name, section, caption and function of every one, in one place.

To add a figure, add a row to one of the tables: its name, the section of the page, its caption,
what finds in the results what it shows (where they do not hold that, there is no figure), and what
draws it. A caption stands here only. `SEARCH` is drawn of folders and of binned spectra alike.

Figures come in the order of the page; drawing one at a time keeps one in memory.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TypeVar

from matplotlib.figure import Figure

from analysis.report import distributions, fits
from analysis.report.figure_spec import FigureEntry, FigureSpec, figure, of_all, one
from analysis.report.folder_results import FolderResults, ShownResults, SpectrumResults
from analysis.report.plots import limits, measurement, scan, score, selection, spectrum
from analysis.report.plots.background_selection import spurious_signals, tested_functions
from analysis.report.plots.columns import Process
from analysis.report.plots.names import beside, category_title, known
from analysis.report.plots.style import Header
from analysis.results.background import PeakBackground
from analysis.results.ledger import Cutflows
from analysis.results.limits import MassLimits
from analysis.results.scan import Scan
from analysis.results.selection import ChosenSelection
from analysis.results.verdict import ResonanceFit
from analysis.selection.scores import performance
from analysis.statistics.spectra.fitted import FittedSpectrum, in_common

OfFolder = tuple[FigureEntry[FolderResults], ...]
Shown = TypeVar("Shown")


def _with_header(
    draw: Callable[[Shown, Header], Figure],
) -> Callable[[ShownResults, Shown], Figure]:
    """Return what draws something of a folder, or of a spectrum, under its header."""
    return lambda results, shown: draw(shown, results.header)


def _of_simulation(
    draw: Callable[[Shown, Sequence[Process], Header], Figure],
) -> Callable[[FolderResults, Shown], Figure]:
    """Return what draws something of all simulated samples."""
    return lambda results, shown: draw(shown, results.simulated, results.simulation_header)


# ---- fits of the mass ----------------------------------------------------------------------------


def _sideband_caption(_: FolderResults, fitted: FittedSpectrum) -> str:
    if fitted.simulated:
        what = (
            "There are no data: the function is that of sidebands as smooth as the simulation "
            "expects them, the points are the selected simulated background."
        )
    elif fitted.blinded:
        what = "The data outside the signal window, the function fitted to them, its prediction."
    else:
        what = "The function fitted to the data outside the signal window, and all the data."
    return f"{what} Below: the pull of every bin, the signed root of its term of the deviance."


def _resonance_caption(_: FolderResults, fitted: FittedSpectrum) -> str:
    range_ = "in the range of the fit of background and resonance together"
    if not fitted.weighted:
        return f"The spectrum {range_}; pulls are against their sum."
    return (
        f"The sum of all categories {range_}, each weighted by ln(1 + S/B) where the signal is; "
        "the number of signal events is kept. Pulls are against the sum of both."
    )


def _several(by_category: Mapping[str, FittedSpectrum]) -> bool:
    return len(by_category) > 1


FITS: OfFolder = (
    figure("sideband_fit", "sidebands", _sideband_caption, one(fits.sideband_fit),
           _with_header(spectrum.fit)),
    figure("sideband_fit_categories", "sidebands",
           "The fit of the sidebands in each category, from the lowest score to the highest, with "
           "the prediction for the window and the goodness of fit.",
           one(fits.sideband_fits, _several), _with_header(spectrum.fits)),
    figure("resonance_fit", "fit", _resonance_caption, one(fits.resonance_fit),
           _with_header(spectrum.fit)),
    figure("resonance_fit_categories", "fit",
           "The fit of background and resonance in each category, with one mass and one "
           "cross-section, each with its own background, in the range that all fits have.",
           one(fits.resonance_fits, _several),
           lambda results, fitted: spectrum.fits(in_common(fitted), results.header)),
    figure("cls_scan", "limit",
           "CLs against the cross-section. What lies to the right of a curve's crossing is "
           "excluded at {results.counting.limit.confidence_level:.0%} confidence level.",
           one(lambda results: results.counting, lambda counting: counting.limit.curve),
           lambda results, counting: limits.cls_scan(counting.limit, results.header)),
)  # fmt: skip

SPECTRUM_FITS: tuple[FigureEntry[SpectrumResults], ...] = (
    figure("background_fit", "sidebands",
           "The spectrum, and the function fitted to the bins that decide about it.",
           one(fits.background_fit), _with_header(spectrum.fit)),
    figure("resonance_fit", "fit",
           "The fit of background and resonance together; pulls are against their sum.",
           one(fits.resonance_in_spectrum), _with_header(spectrum.fit)),
)  # fmt: skip

# ---- the shape search ----------------------------------------------------------------------------


def _spurious(results: ShownResults) -> dict[str, PeakBackground]:
    """Return the functions under a peak whose spurious signal is known, by category."""
    peaks = results.peaks.items()
    return {name: peak for name, peak in peaks if known(peak.spurious.events) is not None}


def _candidates(results: ShownResults) -> dict[str, tuple[PeakBackground, str]]:
    """Return the functions that were chosen among candidates, with the titles of categories."""
    several = len(results.peaks) > 1
    return {
        name * several: (peak, category_title(name) * several)
        for name, peak in results.peaks.items()
        if peak.candidates
    }


def _has_significance(found: Scan) -> bool:
    # While blind there is what is expected, without a benchmark signal not even that.
    return any(known(z) is not None for z in (found.local_z, found.expected_local_z))


def _has_contour(fit: ResonanceFit) -> bool:
    deviance = None if fit.contour is None else known(fit.contour.delta_deviance)
    # Contour lines need two masses and two strengths at least.
    return deviance is not None and min(deviance.shape) > 1


def _candidates_caption(_: ShownResults, shown: tuple[PeakBackground, str]) -> str:
    category = f" {shown[1]}." if shown[1] else ""
    return (
        "What every candidate takes for a resonance in smooth spectra, in uncertainties of the "
        f"signal, against its number of free parameters. Open markers fail.{category}"
    )


def _scan_caption(_: ShownResults, found: Scan) -> str:
    caption = "The probability that background alone fakes at least what is seen, at each mass."
    if known(found.local_z) is None:
        caption = "The significance that the benchmark signal is expected to have, at each mass."
    if known(found.strength) is not None:
        caption += " Below: the best-fit strength of a signal; deficits are negative."
    return caption + beside(found.given or ())


def _limits_caption(_: ShownResults, found: MassLimits) -> str:
    few = " Hatched: fewer than 20 background events under the peak."
    return (
        f"Upper limits at {found.confidence_level:.0%} confidence level against mass, with the "
        "bands that hold 68 % and 95 % of experiments without a signal."
        f"{few if any(found.low_counts) else ''}{beside(found.given)}"
    )


SEARCH: tuple[FigureEntry[ShownResults], ...] = (
    figure("spurious_signal", "tournament",
           "The largest false signal of the chosen function at each mass, and what is allowed.",
           one(_spurious),
           lambda results, peaks: spurious_signals(
               peaks, results.header, max_errors=results.search.peak.spurious_signal)),
    figure("tournament", "tournament", _candidates_caption, _candidates,
           lambda results, shown: tested_functions(
               *shown, results.header, max_errors=results.search.peak.spurious_signal)),
    figure("p0_scan", "scan", _scan_caption, one(lambda results: results.scan, _has_significance),
           _with_header(scan.p0_scan)),
    figure("mass_limits", "mass_limits", _limits_caption,
           one(lambda results: results.limits,
               lambda found: known(found.expected["0"]) is not None),
           _with_header(limits.mass_limits)),
    figure("contour", "fit", "The regions of mass and signal strength that hold 68 % and 95 %.",
           one(lambda results: results.fit, _has_contour),
           lambda results, fit: measurement.contour(
               fit, results.header, benchmark=results.benchmark)),
    figure("profile", "fit",
           "The profile likelihood of the {name}; dotted: one and two standard deviations.",
           lambda results: measurement.profiles(results.fit, benchmark=results.benchmark),
           _with_header(measurement.profile)),
    figure("category_strengths", "fit",
           "The strength of the signal in each category alone, at the fitted mass, and in all "
           "together.",
           one(lambda results: results.fit, measurement.strengths_of),
           _with_header(measurement.category_strengths)),
    figure("nuisances", "nuisances",
           "Pulls of the nuisance parameters, and how far each moves the fitted strength.",
           one(lambda results: results.fit, lambda fit: fit.nuisances),
           _with_header(measurement.nuisances)),
    figure("stability", "stability",
           "The result with other ranges, orders and binnings; they share their events.",
           one(lambda results: results.fit, lambda fit: fit.stability),
           _with_header(measurement.stability)),
)  # fmt: skip
"""of any search: each is there if the results hold what it shows; blind ones lack some of it"""

# ---- the selection and the score -----------------------------------------------------------------


def _draw_n_jets_scan(results: FolderResults, chosen: ChosenSelection) -> Figure:
    made_for = (results.catalogue.name, chosen.reference_signal, chosen.figure_of_merit)
    course = made_for == ("course", "signal_500", "s")
    return selection.n_jets_scan(chosen, results.simulation_header, course=course)


def _cutflow_caption(results: FolderResults, _: Cutflows) -> str:
    blind = " Of the data, those outside the signal window." if results.blind else ""
    return f"The fraction of every sample's events that is left after each cut.{blind}"


SELECTION: OfFolder = (
    figure("n_jets_scan", "selection",
           "The figure of merit against the cut on the number of jets. The uncertainties are "
           "those of the simulated statistics; neighbouring points share most of their events.",
           one(lambda results: results.selection, lambda chosen: chosen.n_jets_scan),
           _draw_n_jets_scan),
    figure("selection_comparison", "selection",
           "What each kind of selection is worth, for every signal.",
           one(lambda results: results.selection), _of_simulation(selection.comparison)),
    figure("expected_fit", "selection",
           "The significance that the combined fit with free backgrounds is expected to have, for "
           "every signal and each method. It also knows the shape, so it is not the figure of "
           "merit.",
           one(lambda results: results.selection, lambda chosen: chosen.expected_fit_z),
           _of_simulation(selection.expected_fit)),
    figure("cutflow", "cutflow", _cutflow_caption, one(lambda results: results.cutflow),
           lambda results, flows: selection.cutflow(
               flows, results.samples, results.simulation_header)),
)  # fmt: skip

SCORE: OfFolder = (
    figure("score_roc", "score",
           "Rejection of background against efficiency for the signal. Dotted: the s that no "
           "selection of any kind exceeds, to which a single cut comes nowhere near.",
           one(lambda results: results.scored),
           lambda results, scored: score.roc(
               performance.roc(scored), results.simulated, results.simulation_header)),
    figure("score_shapes", "score",
           "The score of simulation, by the half that has not trained it, and of the data outside "
           "the window; all of unit area. What lies beyond the axis is in its last bins.",
           one(lambda results: results.scored),
           lambda results, scored: score.score_shapes(
               performance.score_shapes(scored), results.simulated, results.simulation_header)),
    figure("score_columns", "score",
           "What combined s loses if the score does not know a column: with categories, chosen "
           "again without it, and in the limit of infinitely many.",
           one(lambda results: results.scored),
           lambda results, scored: score.importance(
               performance.importance(scored), results.simulation_header)),
    figure("mass_by_category", "score",
           "The mass of simulated background that is selected, by category, and of all other "
           "simulated background. p: that both have one spectrum; below: how many data events the "
           "window would have too many.",
           one(lambda results: results.sculpted),
           lambda results, found: score.mass_by_category(found, results.simulation_header)),
)  # fmt: skip

# ---- distributions -------------------------------------------------------------------------------

_NORMALISED = "; normalised to {results.luminosity_invpb:.10g}/pb"

DISTRIBUTIONS: OfFolder = (
    figure("m_yy", "spectrum", "The diphoton mass {name} the selection" + _NORMALISED,
           distributions.masses, distributions.draw_yields),
    figure("n_minus_1", "n_minus_1",
           "{name} after all the other cuts, and the cut on it" + _NORMALISED,
           distributions.n_minus_1, distributions.draw_yields),
    figure("n_minus_1", "n_minus_1",
           "{name} after the best cut on the score of all the other columns" + _NORMALISED,
           distributions.n_minus_1_score, distributions.draw_yields),
    figure("shape", "shapes", "{name}, normalised to unit area over the range shown",
           distributions.shapes, distributions.draw_shape),
    figure("yield", "yields", "{name}, expected events" + _NORMALISED,
           distributions.yields, distributions.draw_yields),
)  # fmt: skip


def figure_specs(results: FolderResults) -> Iterator[FigureSpec]:
    """Yield every figure that a folder has the inputs of."""
    return of_all((*FITS, *SEARCH, *SELECTION, *SCORE, *DISTRIBUTIONS), results)


def spectrum_figure_specs(results: SpectrumResults) -> Iterator[FigureSpec]:
    """Yield every figure of a binned spectrum."""
    return of_all((*SPECTRUM_FITS, *SEARCH), results)
