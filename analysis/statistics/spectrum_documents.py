"""Results on a bare spectrum as documents: those of the main search, with events in place of pb."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from analysis.statistics.band import MassLimit
from analysis.statistics.measurement import Measurement
from analysis.statistics.numbers import Document, interval_of, number, numbers
from analysis.statistics.shape import Observed
from analysis.statistics.shape_documents import (
    Unit,
    fit_document,
    limits_document,
    peak_document,
    scan_document,
)
from analysis.statistics.spectrum_search import CHANNEL, SpectrumInference

EVENTS = Unit("events", per_event=np.ones_like)


def background_document(inference: SpectrumInference) -> Document:
    """Return the function in use, how it was decided, and the spectrum with its expectation."""
    spectrum, fitted, decided = inference.spectrum, inference.fitted, inference.shape.decisions[0]
    bins, window = spectrum.bins, inference.shape.tournament.window
    seen = np.where(spectrum.outside, bins.counts, np.nan)
    peak = peak_document(decided)
    chosen = {
        "family": fitted.function.family,
        "order": fitted.function.order,
        "parameters": [
            {"name": name, "value": number(value), "error": number(error)}
            for name, value, error in zip(
                fitted.function.parameters, fitted.values, fitted.errors, strict=True
            )
        ],
        "gof_pvalue": number(inference.gof_pvalue),
        "nll": number(inference.deviance / 2),
    }
    masked = [window.low_GeV, window.high_GeV] if window.low_GeV < window.high_GeV else None
    channel = {
        "fit_range_GeV": [float(bins.low_GeV[0]), float(bins.high_GeV[-1])],
        "not_read_GeV": masked,
        "chosen": chosen,
        "candidates": peak["candidates"],
        "peak": peak,
        "spurious_signal_events": _spurious(inference),
        "bins": {
            "low_GeV": numbers(bins.low_GeV),
            "high_GeV": numbers(bins.high_GeV),
            "observed_events": numbers(seen),
            "expected_events": numbers(fitted.events(bins.low_GeV, bins.high_GeV)),
        },
        "warnings": list(inference.shape.warnings),
    }
    return {"channels": {CHANNEL: channel}, "of": "data", "complete": True}


def _spurious(inference: SpectrumInference) -> Document:
    """Return the largest spurious signal of the function in use, by errors."""
    decided = inference.shape.decisions[0]
    worst = int(np.argmax(decided.spurious[0] / decided.error[0]))
    return {
        "events": number(decided.spurious[0, worst]),
        "error_events": number(decided.error[0, worst]),
        "mass_GeV": number(decided.masses_GeV[worst]),
    }


def mass_scan_document(inference: SpectrumInference) -> Document:
    """Return the scan over mass."""
    masses = inference.spectrum.search.signal.masses_GeV
    found = scan_document(inference.shape, masses, EVENTS, inference.reason)
    error = numbers(inference.expected_error_events)
    return found | {"expected_signal_error_events": error, "complete": True}


def mass_limits_document(
    limits: Sequence[MassLimit], confidence_level: float, reason: str | None, *, partial: bool
) -> Document:
    """Return the limits against mass, or those of them that are done."""
    found = limits_document(limits, EVENTS, confidence_level, reason)
    return found | {"partial": partial, "complete": True}


def verdict_document(inference: SpectrumInference) -> Document:
    """Return the verdict."""
    observed, least = inference.observed, inference.spectrum.search.decision.measurement_local_z
    measured, reason = None, inference.reason
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
    return {
        "decision": inference.claim,
        "complete": True,
        "blinded": inference.spectrum.blind is not None,
        "after_unblinding": None,
        "local_z": None if observed is None else number(observed.local_z),
        "global_z": None if whole is None else number(whole.z),
        "global_p": None if whole is None else number(whole.p),
        "global_z_reason": inference.reason,
        "mass_GeV": None if measured is None else interval_of(measured.mass.interval),
        "signal_events": None if measured is None else interval_of(measured.signal.interval),
        "reason": reason,
        "counting": None,
        "fit": None if observed is None else _fit(inference, observed),
        "warnings": [*inference.warnings, *(() if measured is None else measured.warnings)],
    }


def _fit(inference: SpectrumInference, observed: Observed) -> Document:
    measured = observed.measurement
    channels = {} if measured is None else {CHANNEL: _channel(inference, measured)}
    return fit_document(observed, channels, EVENTS, None)


def _channel(inference: SpectrumInference, measured: Measurement) -> dict[str, Any]:
    bins = inference.spectrum.bins
    return {
        "low_GeV": numbers(bins.low_GeV),
        "high_GeV": numbers(bins.high_GeV),
        "observed_events": numbers(bins.counts),
        "signal_events": numbers(measured.signal_per_bin[0]),
        "background_events": numbers(measured.background_per_bin[0]),
    }
