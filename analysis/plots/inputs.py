"""From result files to what the figures of the fits show.

All numbers are those of ``background.json``, ``counting.json`` and ``verdict.json``. Only where
there are no data are points taken from the histograms: those of the simulated background.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from analysis.folder_results import FolderResults
from analysis.plots.combined import summed, weighted
from analysis.plots.limits import LimitScan
from analysis.plots.spectrum import FittedSpectrum
from analysis.plots.style import Array
from analysis.results.background import BackgroundFits
from analysis.statistics.spectra import Channel
from processors.histograms import Counts
from processors.selection import Interval
from tools.errors import InputError

_BANDS = ("-2", "-1", "0", "1", "2")


def sideband_fit(results: FolderResults) -> FittedSpectrum | None:
    """Return the sideband fit, of several categories their sum, or None if there is none yet."""
    fits = sideband_fits(results)
    if len(fits) < 2:  # noqa: PLR2004 - one is its own sum
        return next(iter(fits.values()), None)
    total = summed(fits)
    return replace(total, notes=_total_notes(results, total))


def sideband_fits(results: FolderResults) -> dict[str, FittedSpectrum]:
    """Return the sideband fit of every category that has one."""
    channels = (results.background or {}).get("channels") or {}
    alone = len(channels) == 1
    found = {}
    for name, channel in channels.items():
        if channel.get("bins"):
            fit = _sideband_fit(results, name, channel)
            notes = _sideband_notes(results, channel) if alone else _category_notes(fit, channel)
            found[name] = replace(fit, notes=notes)
    return found


def _sideband_fit(results: FolderResults, name: str, channel: Mapping[str, Any]) -> FittedSpectrum:
    bins, chosen = channel["bins"], channel["chosen"]
    edges = _array(bins["edges_GeV"])
    counts = _array(bins["observed_events"])
    simulated = not np.any(np.isfinite(counts))
    variances = counts
    if simulated:
        counts, variances = _simulated(results, name, edges)
    return FittedSpectrum(
        edges_GeV=edges,
        counts=counts,
        variances=variances,
        background=_array(bins["expected_events"]),
        background_errors=_curve_errors(channel.get("curve"), edges),
        window=_window(results),
        blinded=results.blind,
        function=f"{chosen['family']} {chosen['order']}",
        simulated=simulated,
    )


def resonance_fit(results: FolderResults) -> FittedSpectrum | None:
    """Return the fit of a resonance, of several categories weighted; None before unblinding."""
    fits = resonance_fits(results)
    notes = resonance_notes(results.verdict or {})
    if len(fits) < 2:  # noqa: PLR2004 - one is its own sum
        return next((replace(fit, notes=notes) for fit in fits.values()), None)
    return replace(weighted(fits), notes=notes)


def resonance_fits(results: FolderResults) -> dict[str, FittedSpectrum]:
    """Return the fit of background and resonance in every category; none before unblinding."""
    channels = ((results.verdict or {}).get("fit") or {}).get("channels") or {}
    backgrounds = (results.background or {}).get("channels") or {}
    return {
        name: _resonance_fit(spectrum, backgrounds[name], channels[name])
        for name, spectrum in sideband_fits(results).items()
        if name in channels and not spectrum.simulated
    }


def _resonance_fit(
    spectrum: FittedSpectrum, background: Mapping[str, Any], channel: Mapping[str, Any]
) -> FittedSpectrum:
    peak = background.get("peak") or background.get("peak_function")
    name = spectrum.function if peak is None else f"{peak['family']} {peak['order']}"
    edges, counts = _counts_between(spectrum, channel)
    signal = _array(channel["signal_events"])
    return replace(
        spectrum,
        edges_GeV=edges,
        counts=counts,
        variances=counts,
        background=_array(channel["background_events"]),
        background_errors=None,
        signal=signal,
        function=name,
        notes=(name, f"$S$ = {np.nansum(signal):.3g} events"),
    )


def limit_scan(results: FolderResults) -> LimitScan | None:
    """Return the scan of CLs, or None if there is none yet."""
    limit = (results.counting or {}).get("limit")
    curve = (limit or {}).get("curve")
    if limit is None or curve is None:
        return None
    observed = curve.get("observed_cls")
    return LimitScan(
        cross_section_pb=_array(curve["cross_section_pb"]),
        expected=np.array([_array(curve["expected_cls"][band]) for band in _BANDS]),
        observed=None if observed is None else _array(observed),
        expected_pb=limit["expected_pb"]["0"],
        observed_pb=limit["observed_pb"],
        confidence_level=limit["confidence_level"],
        from_data=results.data is not None,
    )


def _sideband_notes(results: FolderResults, channel: Mapping[str, Any]) -> tuple[str, ...]:
    notes = [f"Window, predicted: {_predicted(channel)}", *_observed_notes(results)]
    pvalue = channel["chosen"].get("gof_pvalue")
    if pvalue is not None and results.data is not None:  # a smooth expectation fits anyhow
        notes.append(f"Goodness of fit: $p$ = {pvalue:.2g}")
    return tuple(notes)


def _category_notes(fit: FittedSpectrum, channel: Mapping[str, Any]) -> tuple[str, ...]:
    """Return what stands on one of several fits: function, window, goodness of fit."""
    notes = [fit.function, f"Pred.: {_predicted(channel)}"]
    observed = _observed(fit)
    if observed is not None:
        notes.append(f"Obs.: {observed:,.0f}")
    pvalue = channel["chosen"].get("gof_pvalue")
    if pvalue is not None and not fit.simulated:
        notes.append(f"$p$ = {pvalue:.2g}")
    return tuple(notes)


def _total_notes(results: FolderResults, total: FittedSpectrum) -> tuple[str, ...]:
    """Return what stands on the sum of all categories; what is counted may be some of them."""
    notes = [f"Window, predicted: {_predicted(all_together(results.background or {}))}"]
    observed = _observed(total)
    if observed is not None:
        notes.append(f"Window, observed: {observed:,.0f}")
    return tuple(notes)


def all_together(background: BackgroundFits) -> tuple[float, float]:
    """Return the prediction of all categories together, and its error; fits are independent."""
    channels = background.channels.values()
    errors = [channel.predicted_error_events for channel in channels]
    return (
        sum(channel.predicted_events for channel in channels),
        float(np.linalg.norm(errors)),
    )


def _observed(fit: FittedSpectrum) -> float | None:
    """Return the events in the window, or None if they are not known."""
    inside = fit.counts[fit.inside]
    known = not fit.blinded and not fit.simulated and np.isfinite(inside).all()
    return float(inside.sum()) if known else None


def _predicted(document: Mapping[str, Any]) -> str:
    predicted, error = document["predicted_events"], document["predicted_error_events"]
    return rf"{predicted:,.0f} $\pm$ {error:,.0f}"


def _observed_notes(results: FolderResults) -> tuple[str, ...]:
    counting, notes = results.counting or {}, []
    if counting.get("observed_events") is not None:
        notes.append(f"Window, observed: {counting['observed_events']:,.0f}")
        notes.append(f"Significance: {_signed(counting['z'])}")
    return tuple(notes)


def resonance_notes(verdict: Mapping[str, Any]) -> tuple[str, ...]:
    """Return what stands on the fit of a resonance: significance, mass, strength."""
    notes = [f"Local significance: {_signed(verdict.get('local_z'))}"]
    for key, symbol, unit in (
        ("mass_GeV", "$m_X$", "GeV"),
        ("cross_section_pb", r"$\sigma$", "pb"),
        ("signal_events", "$S$", "events"),
    ):
        found = verdict.get(key)
        if found is not None:
            notes.append(f"{symbol} = {interval_text(found)} {unit}")
    return tuple(notes)


def interval_text(found: Mapping[str, float]) -> str:
    """Return a value with its asymmetric errors, as matplotlib writes it."""
    up, down = found["high"] - found["value"], found["value"] - found["low"]
    places = max(0, 1 - int(np.floor(np.log10(max(min(up, down), 1e-9)))))
    value, above, below = (f"{number:.{places}f}" for number in (found["value"], up, down))
    if above == below:
        return rf"{value} $\pm$ {above}"
    return rf"{value}$^{{\mathrm{{+{above}}}}}_{{\mathrm{{-{below}}}}}$"


def _signed(z: float | None) -> str:
    return "unknown" if z is None else rf"{z:.2f} $\sigma$"


def _array(values: Sequence[float | None]) -> Array:
    """Return numbers of a document; null is NaN."""
    return np.array([np.nan if value is None else value for value in values], np.float64)


def _curve_errors(curve: Mapping[str, Any] | None, edges: Array) -> Array | None:
    """Return the error of the expectation per bin, from that of the density."""
    if curve is None:
        return None
    centres, widths = (edges[1:] + edges[:-1]) / 2, np.diff(edges)
    return np.interp(centres, _array(curve["mass_GeV"]), _array(curve["error"])) * widths


def _counts_between(spectrum: FittedSpectrum, channel: Mapping[str, Any]) -> tuple[Array, Array]:
    """Return edges and contents of the bins of the fit of a resonance.

    They are in its channel, or some of those of the sideband fit.

    Raises
    ------
    InputError
        If they are neither.
    """
    edges = _array(channel["edges_GeV"]) if channel.get("edges_GeV") else spectrum.edges_GeV
    if channel.get("observed_events") is not None:
        return edges, _array(channel["observed_events"])
    first = int(np.argmin(np.abs(spectrum.edges_GeV - edges[0])))
    same = spectrum.edges_GeV[first : first + len(edges)]
    if len(same) != len(edges) or not np.allclose(same, edges):
        raise InputError(
            "verdict.json: the bins of `fit` are not those of background.json; make both again "
            "with `xyy infer`"
        )
    return edges, spectrum.counts[first : first + len(edges) - 1]


def _simulated(results: FolderResults, category: str, edges: Array) -> tuple[Array, Array]:
    """Return the selected simulated background in the bins of a fit, with its variances."""
    counts, variances = np.zeros(len(edges) - 1), np.zeros(len(edges) - 1)
    for process in results.processes(results.catalogue.data_luminosity_invpb):
        spectrum = results.histograms.get(process.name, {}).get("spectrum")
        if process.kind != "background" or spectrum is None:
            continue
        fine = of_category(spectrum, category)
        channel = Channel(process.name, np.asarray(spectrum.axes["m_yy"].edges), fine)
        bins = channel.bins(float(edges[0]), float(edges[-1]), float(edges[1] - edges[0]))
        counts += bins.counts * process.weight
        variances += bins.counts * process.weight**2
    return counts, variances


def of_category(spectrum: Counts, category: str) -> Array:
    """Return the fine spectrum of one category; of a category that it has not, of all."""
    contents = np.asarray(spectrum.values(), np.float64)
    names = list(spectrum.axes["category"])
    row: Array = contents[names.index(category)] if category in names else contents.sum(axis=0)
    return row


def _window(results: FolderResults) -> Interval:
    low, high = (results.counting or {}).get("window_GeV") or (
        results.window.min,
        results.window.max,
    )
    return Interval(low, high)
