"""Results on a binned spectrum: those of the main search, with events in place of pb."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from analysis.results.background import (
    SpectrumBackground,
    SpectrumBins,
    SpectrumChannel,
    SpectrumFit,
)
from analysis.results.limits import MassLimits
from analysis.results.scan import Scan
from analysis.results.verdict import Verdict
from analysis.statistics.limits.band import MassLimit
from analysis.statistics.search_results import parameters_of
from analysis.statistics.shape_results import (
    Strengths,
    largest_spurious,
    limits_result,
    peak_result,
    scan_result,
)
from analysis.statistics.spectrum_search import CHANNEL, SpectrumInference
from analysis.statistics.verdict import verdict_of

_EVENTS = Strengths("events", per_event=np.ones_like)


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
        spurious_signal_events=largest_spurious(
            decided.masses_GeV, decided.spurious[0], decided.error[0]
        ),
        bins=SpectrumBins(
            low_GeV=bins.low_GeV,
            high_GeV=bins.high_GeV,
            observed_events=np.where(spectrum.outside, bins.counts, np.nan),
            expected_events=fitted.events(bins.low_GeV, bins.high_GeV),
        ),
        warnings=tuple(inference.shape.warnings),
    )
    return SpectrumBackground(channels={CHANNEL: channel}, of="data", complete=True)


def mass_scan(inference: SpectrumInference) -> Scan:
    """Return the scan over mass."""
    masses, reason = inference.spectrum.search.signal.masses_GeV, inference.spectrum.closed
    found = scan_result(inference.shape, masses, _EVENTS, reason=reason, complete=True)
    return replace(found, expected_signal_error_events=inference.expected_error_events)


def mass_limits(
    limits: Sequence[MassLimit],
    confidence_level: float,
    reason: str | None,
    *,
    partial: bool = False,
) -> MassLimits:
    """Return the limits against mass, or those of them that are done."""
    return limits_result(limits, confidence_level, unit="events", reason=reason, partial=partial)


def verdict(inference: SpectrumInference) -> Verdict:
    """Return the verdict."""
    spectrum = inference.spectrum
    return verdict_of(
        inference.shape,
        _EVENTS,
        spectrum.search.decision,
        closed=spectrum.closed,
        warnings=inference.warnings,
        misfit=inference.misfit,
        blinded=spectrum.blind is not None,
    )
