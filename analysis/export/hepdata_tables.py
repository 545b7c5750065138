r"""Which tables a search has as a HEPData submission, all from the result files.

============================  ==================================================================
table                         rows: columns
============================  ==================================================================
Selected spectrum             :math:`m_{\gamma\gamma}`: events, background fitted to sidebands
Resonance fit                 :math:`m_{\gamma\gamma}`: events, background, signal of the best fit
Local significance            mass: p, z, expected z, fitted cross-section and events
Limits                        mass: observed and expected upper limit with its bands
Cutflow                       cut: expected events of every sample, events of the data
Counting                      window: predicted and observed events, significance, limits
Resonance                     what was found: mass, cross-section, local and global significance
============================  ==================================================================

The first two are there for each category of the selection too, or only so. While data are blind,
bins of the window are missing values and every observed column is left out.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np

from analysis.export.hepdata_format import (
    Cell,
    Errors,
    HepDataTable,
    Qualifier,
    Variable,
    bins,
    measured,
    rounded,
)
from analysis.report.fits import resonance_fits, sideband_fits
from analysis.report.folder_results import FolderResults
from analysis.results.counting import Counting
from analysis.results.ledger import CutflowRow
from analysis.results.limits import MassLimits
from analysis.results.scan import Scan
from analysis.results.values import Estimate, GivenMass
from analysis.results.verdict import Verdict
from analysis.statistics.counting.garwood import poisson_errors
from analysis.statistics.spectra.fitted import FittedSpectrum, summed
from tools.arrays import FloatArray

MASS = r"$m_{\gamma\gamma}$"
CROSS_SECTION = r"$\sigma(pp \to X \to \gamma\gamma)$"
_STATISTICS = "simulation statistics"

# ---- spectra -------------------------------------------------------------------------------------


def spectrum_tables(results: FolderResults) -> Iterator[HepDataTable]:
    """Yield the selected spectrum with the fit of its sidebands: the sum, and each category."""
    fits, title = sideband_fits(results), "Selected spectrum"
    if len(fits) > 1:
        yield _spectrum_table(title, summed(fits), "of all categories")
    for name, fit in fits.items():
        alone = len(fits) == 1
        of = "of all selected events" if alone else f"of the category {name}"
        yield _spectrum_table(title if alone else f"{title}, {name}", fit, of)


def _spectrum_table(title: str, fit: FittedSpectrum, of: str) -> HepDataTable:
    said = f"The diphoton mass spectrum {of}, and the background fitted to its sidebands"
    errors = None if fit.background_errors is None else Errors(fit.background_errors, label="fit")
    return HepDataTable(
        name=title,
        description=f"{said} ({fit.function}).",
        rows=Variable(MASS, bins(fit.edges_GeV), "GeV"),
        columns=(_events(fit), Variable("Background", measured(fit.background, errors))),
        observables=("N",),
    )


def _events(fit: FittedSpectrum) -> Variable:
    """Return events of a spectrum, of data with Poisson uncertainties; none in a blinded window."""
    if fit.simulated:
        errors = Errors(np.sqrt(fit.variances), label=_STATISTICS)
        return Variable("Simulated background", measured(fit.counts, errors))
    # They are NaN already while blind; an export is the last place to see to it.
    counts = fit.counts.copy()
    if fit.blinded:
        counts[fit.inside] = np.nan
    # Garwood's interval has an upper end for an empty bin as well, where sqrt(n) has none.
    down, up = np.full_like(counts, np.nan), np.full_like(counts, np.nan)
    there = np.isfinite(counts)
    down[there], up[there] = poisson_errors(counts[there])
    return Variable("Data", measured(counts, Errors(down, up, "stat")))


def fit_tables(results: FolderResults) -> Iterator[HepDataTable]:
    """Yield the fit of background and resonance in every category; none while blind."""
    fits = {} if results.blind else resonance_fits(results)
    for name, fit in fits.items():
        yield HepDataTable(
            name="Resonance fit" if len(fits) == 1 else f"Resonance fit, {name}",
            description=(
                "The diphoton mass spectrum in the bins of the fit of a resonance, with the "
                f"background ({fit.function}) and the signal of the best fit."
            ),
            rows=Variable(MASS, bins(fit.edges_GeV), "GeV"),
            columns=(
                _events(fit),
                Variable("Background", measured(fit.background)),
                Variable("Signal", measured(fit.signal)),
            ),
            observables=("N",),
        )


# ---- against mass --------------------------------------------------------------------------------


def scan_table(scan: Scan) -> HepDataTable:
    """Return the scan over mass; while blind, what is expected of the benchmark signal."""
    of = "" if scan.benchmark is None else f" ({scan.benchmark:g} pb)"
    expected = f"Expected local significance of the benchmark signal{of}"
    cross_section = _fitted(scan.cross_section_pb, scan.cross_section_error_pb)
    return HepDataTable(
        name="Local significance",
        description=(
            "The significance of a resonance at each mass, before the look-elsewhere effect, with "
            "the fitted cross-section."
        ),
        rows=Variable(r"$m_X$", measured(scan.mass_GeV), "GeV"),
        columns=(
            Variable("Local p-value", measured(scan.local_p)),
            Variable("Local significance", measured(scan.local_z)),
            Variable(expected, measured(scan.expected_local_z)),
            Variable(CROSS_SECTION, cross_section, "pb"),
            Variable("Signal events", _fitted(scan.signal_events, scan.signal_error_events)),
        ),
        observables=("P", "Z", "SIG"),
        qualifiers=tuple(_given(scan.given or ())),
    )


def _given(resonances: Iterable[GivenMass]) -> Iterator[Qualifier]:
    for found in resonances:
        mass = rounded(found.mass_GeV)
        yield {"name": "Resonance in both hypotheses", "units": "GeV", "value": mass}


def _fitted(values: FloatArray | None, errors: FloatArray | None) -> tuple[Cell, ...]:
    return measured(values, None if errors is None else Errors(errors, label="total"))


def limits_table(limits: MassLimits) -> HepDataTable:
    """Return the upper limits against mass."""
    level = limits.confidence_level
    return HepDataTable(
        name="Limits",
        description=(
            f"Upper limits on {CROSS_SECTION} at {100 * level:g}% CL (CLs, {limits.method}). "
            "The uncertainties of the expected limit are its bands of one and two standard "
            "deviations."
        ),
        rows=Variable(r"$m_X$", measured(limits.mass_GeV), "GeV"),
        columns=(
            Variable("Observed limit", measured(limits.observed), "pb"),
            Variable("Expected limit", _band(limits.expected), "pb"),
        ),
        observables=("CLS", "SIG"),
        qualifiers=({"name": "Confidence level", "value": level}, *_given(limits.given)),
    )


def _band(expected: Mapping[str, FloatArray]) -> tuple[Cell, ...]:
    """Return the median expected limit with its bands as uncertainties."""
    median = expected["0"]
    one, two = (
        Errors(median - expected[f"-{n}"], expected[n] - median, f"{n} sigma") for n in ("1", "2")
    )
    return measured(median, one, two)


# ---- counts --------------------------------------------------------------------------------------


def cutflow_tables(results: FolderResults) -> Iterator[HepDataTable]:
    """Yield the cutflow: simulation as expected, data as counted (blind: of their sidebands)."""
    flows, data = results.cutflow, results.data
    simulated = [s.name for s in results.simulation if s.name in flows]
    columns = [_expected_flow(name, flows[name]) for name in simulated]
    if data is not None and data.name in flows:
        title = "Data (sidebands only)" if results.blind else "Data"
        columns.append(Variable(title, measured(row.events for row in flows[data.name])))
    if columns:
        yield HepDataTable(
            name="Cutflow",
            description=(
                "Events left after each step of the selection; of the simulation as expected for "
                "the luminosity, with its statistical uncertainty."
            ),
            rows=Variable("Cut", tuple(Cell(value=row.cut) for row in next(iter(flows.values())))),
            columns=tuple(columns),
            observables=("N",),
        )


def _expected_flow(name: str, flow: Sequence[CutflowRow]) -> Variable:
    errors = Errors([math.sqrt(row.sumw2) for row in flow], label=_STATISTICS)
    return Variable(name, measured((row.sumw for row in flow), errors))


def counting_table(counting: Counting) -> HepDataTable:
    """Return the count in the window."""
    limit, error = counting.limit, Errors([counting.predicted_error_events], label="total")
    expected = {band: np.array([value], float) for band, value in limit.expected_pb.items()}
    return HepDataTable(
        name="Counting",
        description=(
            "Events in the signal window: predicted from the sidebands and observed, with the "
            f"upper limit on {CROSS_SECTION} for the efficiency of {limit.efficiency_of} at "
            f"{100 * limit.confidence_level:g}% CL."
        ),
        rows=Variable(MASS, bins(counting.window_GeV), "GeV"),
        columns=(
            Variable("Predicted background", measured([counting.predicted_events], error)),
            Variable("Data", _count(counting.observed_events)),
            Variable("Significance", measured([counting.z])),
            Variable("Observed limit", measured([limit.observed_pb]), "pb"),
            Variable("Expected limit", _band(expected), "pb"),
        ),
        observables=("N", "CLS"),
    )


def _count(events: float | None) -> tuple[Cell, ...]:
    """Return a count with its Poisson uncertainty."""
    if events is None:
        return ()
    down, up = poisson_errors(np.array([events]))
    return measured([events], Errors(down, up, "stat"))


def resonance_table(verdict: Verdict, energy_GeV: float) -> HepDataTable:
    """Return what was found: of the most significant mass."""
    return HepDataTable(
        name="Resonance",
        description=(
            "The most significant mass of the scan, with the significance there and over all "
            f"masses. Decision: {verdict.decision}."
        ),
        rows=Variable("SQRT(S)", measured([energy_GeV]), "GeV"),
        columns=(
            Variable(r"$m_X$", _interval(verdict.mass_GeV), "GeV"),
            Variable(CROSS_SECTION, _interval(verdict.cross_section_pb), "pb"),
            Variable("Local significance", measured([verdict.local_z])),
            Variable("Global significance", measured([verdict.global_z])),
            Variable("Global p-value", measured([verdict.global_p])),
        ),
        observables=("M", "SIG", "Z"),
    )


def _interval(found: Estimate | None) -> tuple[Cell, ...]:
    """Return a value with the ends of its interval as uncertainties."""
    if found is None:
        return ()
    down, up = found.value - found.low, found.high - found.value
    return measured([found.value], Errors([down], [up], "total"))
