"""HEPData tables of spectra: with the fit of the sidebands, and with that of a resonance."""

from collections.abc import Iterator

import numpy as np

from analysis.export.hepdata_about import MASS
from analysis.export.hepdata_format import Errors, HepDataTable, Variable, bins, measured, points
from analysis.report.fits import resonance_fits, sideband_fits
from analysis.report.folder_results import FolderResults
from analysis.statistics.counting.garwood import poisson_errors
from analysis.statistics.spectra.fitted import FittedSpectrum, summed


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
    errors = fit.background_errors
    label = "fit" if errors is not None else ""
    spread = [None] * len(fit.background) if errors is None else errors
    return HepDataTable(
        name=title,
        description=(f"{said} ({fit.function})."),
        rows=Variable(MASS, bins(fit.edges_GeV), "GeV"),
        columns=(
            _events(fit),
            Variable("Background", measured(fit.background, Errors(spread, spread, label))),
        ),
        observables=("N",),
    )


def _events(fit: FittedSpectrum) -> Variable:
    """Return the events of a spectrum, of data with Poisson errors; none in a shut window."""
    if fit.simulated:
        errors = np.sqrt(fit.variances)
        shown = Errors(errors, errors, "simulation statistics")
        return Variable("Simulated background", measured(fit.counts, shown))
    counts = fit.counts.copy()
    if fit.blinded:
        counts[fit.inside] = np.nan
    down, up = np.full_like(counts, np.nan), np.full_like(counts, np.nan)
    there = np.isfinite(counts)
    down[there], up[there] = poisson_errors(counts[there])
    return Variable("Data", measured(counts, Errors(down, up, "stat")))


def fit_tables(results: FolderResults) -> Iterator[HepDataTable]:
    """Yield the fit of background and resonance in every category; none while blind."""
    fits = {} if results.blind else resonance_fits(results)
    for name, fit in fits.items():
        signal = fit.counts * np.nan if fit.signal is None else fit.signal
        yield HepDataTable(
            name="Resonance fit" if len(fits) == 1 else f"Resonance fit, {name}",
            description=(
                "The diphoton mass spectrum in the bins of the fit of a resonance, with the "
                f"background ({fit.function}) and the signal of the best fit."
            ),
            rows=Variable(MASS, bins(fit.edges_GeV), "GeV"),
            columns=(
                _events(fit),
                Variable("Background", points(fit.background)),
                Variable("Signal", points(signal)),
            ),
            observables=("N",),
        )
