"""Results on a binned spectrum: those of the main search, with events in place of pb."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from analysis.results.background import (
    LargestSpuriousSignal,
    SpectrumBackground,
    SpectrumBins,
    SpectrumChannel,
    SpectrumFit,
)
from analysis.results.limits import MassLimits
from analysis.results.scan import Scan
from analysis.results.verdict import ResonanceBins, ResonanceFit, Verdict
from analysis.statistics.limits.band import MassLimit
from analysis.statistics.resonance.measurement import Measurement
from analysis.statistics.resonance.shape import Observed
from analysis.statistics.search_results import parameters_of
from analysis.statistics.shape_results import (
    Strengths,
    fit_result,
    limits_result,
    peak_result,
    scan_result,
)
from analysis.statistics.spectrum_search import CHANNEL, SpectrumInference

EVENTS = Strengths("events", per_event=np.ones_like)


def background_fit(inference: SpectrumInference) -> SpectrumBackground:
    """Return the function in use, how it was decided, and the spectrum with its expectation."""
    spectrum, fitted, decided = inference.spectrum, inference.fitted, inference.shape.decisions[0]
    bins, window = spectrum.bins, inference.shape.tournament.window
    peak, masked = peak_result(decided), window.low_GeV < window.high_GeV
    chosen = SpectrumFit(
        family=fitted.function.family,
        order=fitted.function.order,
        parameters=parameters_of(fitted),
        gof_pvalue=inference.gof_pvalue,
        nll=inference.deviance / 2,
    )
    channel = SpectrumChannel(
        fit_range_GeV=(float(bins.low_GeV[0]), float(bins.high_GeV[-1])),
        not_read_GeV=(window.low_GeV, window.high_GeV) if masked else None,
        chosen=chosen,
        candidates=peak.candidates,
        peak=peak,
        spurious_signal_events=_spurious(inference),
        bins=SpectrumBins(
            low_GeV=bins.low_GeV,
            high_GeV=bins.high_GeV,
            observed_events=np.where(spectrum.outside, bins.counts, np.nan),
            expected_events=fitted.events(bins.low_GeV, bins.high_GeV),
        ),
        warnings=tuple(inference.shape.warnings),
    )
    return SpectrumBackground(channels={CHANNEL: channel}, of="data", complete=True)


def _spurious(inference: SpectrumInference) -> LargestSpuriousSignal:
    """Return the largest spurious signal of the function in use, by uncertainties."""
    decided = inference.shape.decisions[0]
    worst = int(np.argmax(decided.spurious[0] / decided.error[0]))
    return LargestSpuriousSignal(
        events=decided.spurious[0, worst],
        error_events=decided.error[0, worst],
        mass_GeV=decided.masses_GeV[worst],
    )


def mass_scan(inference: SpectrumInference) -> Scan:
    """Return the scan over mass."""
    masses, reason = inference.spectrum.search.signal.masses_GeV, inference.reason
    found = scan_result(inference.shape, masses, EVENTS, reason=reason, complete=True)
    return replace(found, expected_signal_error_events=inference.expected_error_events)


def mass_limits(
    limits: Sequence[MassLimit],
    confidence_level: float,
    reason: str | None,
    *,
    partial: bool = False,
) -> MassLimits:
    """Return the limits against mass, or those of them that are done."""
    return limits_result(
        limits, EVENTS, confidence_level, reason=reason, complete=True, partial=partial
    )


def verdict(inference: SpectrumInference) -> Verdict:
    """Return the verdict."""
    observed, reason = inference.observed, inference.reason
    least = inference.spectrum.search.decision.measurement_local_z
    measured = None
    if observed is not None:
        measured = observed.measurement if observed.local_z >= least else None
        if measured is None:
            reason = (
                f"local z = {observed.local_z:.2f} is below {least:g}: mass and signal are not "
                "quoted"
            )
        elif inference.misfit is not None:
            reason = f"nothing is claimed: {inference.misfit}"
    whole = None if observed is None else observed.whole
    return Verdict(
        decision=inference.claim,
        complete=True,
        blinded=inference.spectrum.blind is not None,
        after_unblinding=None,
        local_z=None if observed is None else observed.local_z,
        global_z=None if whole is None else whole.z,
        global_p=None if whole is None else whole.p,
        global_z_reason=inference.reason,
        mass_GeV=None if measured is None else measured.mass.interval,
        signal_events=None if measured is None else measured.signal.interval,
        reason=reason,
        counting=None,
        fit=None if observed is None else _fit(inference, observed),
        warnings=(*inference.warnings, *(() if measured is None else measured.warnings)),
        unit="events",
    )


def _fit(inference: SpectrumInference, observed: Observed) -> ResonanceFit:
    measured = observed.measurement
    channels = {} if measured is None else {CHANNEL: _channel(inference, measured)}
    return fit_result(observed, channels, EVENTS, None)


def _channel(inference: SpectrumInference, measured: Measurement) -> ResonanceBins:
    bins = inference.spectrum.bins
    return ResonanceBins(
        low_GeV=bins.low_GeV,
        high_GeV=bins.high_GeV,
        observed_events=bins.counts,
        signal_events=measured.signal_per_bin[0],
        background_events=measured.background_per_bin[0],
    )
