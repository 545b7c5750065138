"""From result files to the spectra and fits that figures and exports show.

All numbers are those of ``background.json``, ``counting.json`` and ``verdict.json``. Only where
there are no data are points taken from the histograms: those of the simulated background.
"""

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from analysis.report.folder_results import FolderResults, SpectrumResults
from analysis.report.plots.names import function_name, interval_text, known
from analysis.results.background import BackgroundFits, ChannelBackground, FittedCurve, SpectrumBins
from analysis.results.verdict import ResonanceBins, Verdict
from analysis.statistics.spectra.bins import Channel
from analysis.statistics.spectra.fitted import FittedSpectrum, summed, weighted
from processors.selection import Interval
from tools.arrays import FloatArray

_SAME_EDGE = 1e-6
"""GeV: far below any bin, far above the rounding of an edge"""


def sideband_fit(results: FolderResults) -> FittedSpectrum | None:
    """Return the sideband fit, of several categories their sum, or None if there is none yet."""
    fits = sideband_fits(results)
    if results.background is None or len(fits) < 2:  # noqa: PLR2004 - one is its own sum
        return next(iter(fits.values()), None)
    total = summed(fits)
    # What is counted may be some of the categories: here it is the window of all.
    notes = _window_notes(all_together(results.background), _observed(total))
    return replace(total, notes=tuple(notes))


def sideband_fits(results: FolderResults) -> dict[str, FittedSpectrum]:
    """Return the sideband fit of every category that has one."""
    channels = {} if results.background is None else results.background.channels
    return {name: _sideband_fit(results, name, channel) for name, channel in channels.items()}


def _sideband_fit(results: FolderResults, name: str, channel: ChannelBackground) -> FittedSpectrum:
    bins, alone = channel.bins, len(results.peaks) == 1
    edges, counts, variances = bins.edges_GeV, bins.observed_events, bins.observed_events
    simulated = known(counts) is None
    if simulated:
        counts, variances = _simulated(results, name, edges)
    fit = FittedSpectrum(
        edges_GeV=edges,
        counts=counts,
        variances=variances,
        background=bins.expected_events,
        background_errors=_curve_errors(channel.curve, edges),
        windows=(_window(results),),
        blinded=results.blind,
        function=function_name(channel.chosen),
        simulated=simulated,
    )
    notes = _notes_alone(results, channel) if alone else _category_notes(fit, channel)
    return replace(fit, notes=notes)


def resonance_fit(results: FolderResults) -> FittedSpectrum | None:
    """Return the fit of a resonance, of several categories weighted; None before unblinding."""
    fits = resonance_fits(results)
    if results.verdict is None or not fits:
        return None
    total = weighted(fits) if len(fits) > 1 else next(iter(fits.values()))
    return replace(total, notes=_resonance_notes(results.verdict))


def resonance_fits(results: FolderResults) -> dict[str, FittedSpectrum]:
    """Return the fit of background and resonance in every category; none before unblinding."""
    if results.background is None or results.fit is None:
        return {}
    channels, backgrounds = results.fit.channels or {}, results.background.channels
    return {
        name: _resonance_fit(spectrum, function_name(backgrounds[name].peak), channels[name])
        for name, spectrum in sideband_fits(results).items()
        if name in channels and not spectrum.simulated
    }


def _resonance_fit(
    spectrum: FittedSpectrum, function: str, bins: ResonanceBins, notes: Iterable[str] = ()
) -> FittedSpectrum:
    edges, (counts, background, signal) = _filled(
        bins, bins.observed_events, bins.background_events, bins.signal_events
    )
    return replace(
        spectrum,
        edges_GeV=edges,
        counts=counts,
        variances=counts,
        background=background,
        background_errors=None,
        signal=signal,
        function=function,
        notes=tuple(notes) or (function, f"$S$ = {np.nansum(bins.signal_events):.3g} events"),
    )


def _notes_alone(results: FolderResults, channel: ChannelBackground) -> tuple[str, ...]:
    """Return what stands on the only fit: prediction, count, goodness of fit."""
    counting = results.counting
    observed = None if counting is None else counting.observed_events
    notes = _window_notes((channel.predicted_events, channel.predicted_error_events), observed)
    if counting is not None and observed is not None:
        notes.append(f"Significance: {_signed(counting.z)}")
    # A smooth expectation fits anyhow.
    return tuple(notes) if results.data is None else (*notes, *_goodness(channel.chosen.gof_pvalue))


def _category_notes(fit: FittedSpectrum, channel: ChannelBackground) -> tuple[str, ...]:
    """Return what stands on one of several fits: function, window, goodness of fit."""
    predicted = channel.predicted_events, channel.predicted_error_events
    goodness = () if fit.simulated else _goodness(channel.chosen.gof_pvalue, "")
    return (fit.function, *_window_notes(predicted, _observed(fit), "Pred.", "Obs."), *goodness)


def _window_notes(predicted: tuple[float, float], observed: float | None, *words: str) -> list[str]:
    """Return what is predicted for the window, with its uncertainty, and what was observed."""
    titles = words or ("Window, predicted", "Window, observed")
    notes = [rf"{titles[0]}: {predicted[0]:,.0f} $\pm$ {predicted[1]:,.0f}"]
    return notes if observed is None else [*notes, f"{titles[1]}: {observed:,.0f}"]


def _goodness(pvalue: float | None, words: str = "Goodness of fit: ") -> tuple[str, ...]:
    return () if pvalue is None else (f"{words}$p$ = {pvalue:.2g}",)


def all_together(background: BackgroundFits) -> tuple[float, float]:
    """Return what all categories predict, with its uncertainty, in events: fits are independent."""
    channels = background.channels.values()
    errors = [channel.predicted_error_events for channel in channels]
    return sum(channel.predicted_events for channel in channels), float(np.linalg.norm(errors))


def _observed(fit: FittedSpectrum) -> float | None:
    """Return the events in the window, or None if they are not known."""
    inside = fit.counts[fit.inside]
    seen = not fit.blinded and not fit.simulated and np.isfinite(inside).all()
    return float(inside.sum()) if seen else None


def _resonance_notes(verdict: Verdict) -> tuple[str, ...]:
    """Return what stands on the fit of a resonance: significance, mass, strength."""
    notes = [f"Local significance: {_signed(verdict.local_z)}"]
    for found, symbol, unit in (
        (verdict.mass_GeV, "$m_X$", "GeV"),
        (verdict.cross_section_pb, r"$\sigma$", "pb"),
        (verdict.signal_events, "$S$", "events"),
    ):
        if found is not None:
            notes.append(f"{symbol} = {interval_text(found)} {unit}")
    return tuple(notes)


def _signed(z: float | None) -> str:
    return "unknown" if z is None else rf"{z:.2f} $\sigma$"


def _curve_errors(curve: FittedCurve, edges: FloatArray) -> FloatArray:
    """Return the uncertainty of the expectation per bin, from that of the density."""
    # The curve is smooth over a bin: its middle times the width is its integral.
    centres, widths = (edges[1:] + edges[:-1]) / 2, np.diff(edges)
    return np.interp(centres, curve.mass_GeV, curve.error) * widths


def _simulated(
    results: FolderResults, category: str, edges: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return the selected simulated background in the bins of a fit, with its variances.

    Of a category that its histogram does not have, it is that of all.
    """
    counts, variances = np.zeros(len(edges) - 1), np.zeros(len(edges) - 1)
    for process in results.processes(results.catalogue.data_luminosity_invpb):
        spectrum = results.histograms.get(process.name, {}).get("spectrum")
        if process.kind != "background" or spectrum is None:
            continue
        contents = np.asarray(spectrum.values(), np.float64)
        names = list(spectrum.axes["category"])
        fine = contents[names.index(category)] if category in names else contents.sum(axis=0)
        channel = Channel(process.name, np.asarray(spectrum.axes["m_yy"].edges), fine)
        bins = channel.bins(float(edges[0]), float(edges[-1]), float(edges[1] - edges[0]))
        counts += bins.counts * process.weight
        # A sum of n equal weights w has the variance n w^2.
        variances += bins.counts * process.weight**2
    return counts, variances


def _window(results: FolderResults) -> Interval:
    return results.window if results.counting is None else Interval(*results.counting.window_GeV)


# ---- binned spectra ------------------------------------------------------------------------------


def background_fit(results: SpectrumResults) -> FittedSpectrum:
    """Return a binned spectrum with the function fitted to the bins that decide about it."""
    (channel,) = results.background.channels.values()
    bins = channel.bins
    edges, (counts, expected) = _filled(bins, bins.observed_events, bins.expected_events)
    return FittedSpectrum(
        edges_GeV=edges,
        counts=counts,
        variances=counts,
        background=expected,
        windows=tuple(Interval(*ends) for ends in channel.not_read_GeV),
        window_name="Masked excess",
        blinded=results.blind,
        function=function_name(channel.chosen),
        notes=_goodness(channel.chosen.gof_pvalue),
        mass="m",
    )


def resonance_in_spectrum(results: SpectrumResults) -> FittedSpectrum | None:
    """Return a binned spectrum with the fit of a resonance; None while blind."""
    if results.fit is None or not results.fit.channels:
        return None
    (bins,), (peak,) = results.fit.channels.values(), results.peaks.values()
    spectrum = replace(background_fit(results), windows=(), blinded=False)
    return _resonance_fit(spectrum, function_name(peak), bins, _resonance_notes(results.verdict))


def _filled(
    bins: SpectrumBins | ResonanceBins, *contents: FloatArray
) -> tuple[FloatArray, list[FloatArray]]:
    """Return edges and contents of adjacent bins: what lies in a gap is not known."""
    if isinstance(bins, ResonanceBins) and bins.edges_GeV is not None:
        return bins.edges_GeV, list(contents)
    low, high = (np.array(ends, np.float64) for ends in (bins.low_GeV, bins.high_GeV))
    gaps = np.flatnonzero(low[1:] > high[:-1] + _SAME_EDGE)
    # A gap becomes a bin of its own: steps and bands need adjacent bins, and nan is not drawn.
    edges = np.append(np.insert(low, gaps + 1, high[gaps]), high[-1])
    return edges, [np.insert(values, gaps + 1, np.nan) for values in contents]
