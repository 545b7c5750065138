"""Results as documents: ``background.json``, ``counting.json``, ``verdict.json``.

Keys carry units, values their uncertainty beside them. No document holds a NaN: a number that is
not there is null, and a key beside it (``reason``) says why. While data are blind every
observed quantity is null. What figures need is there as well: curves with their bands, and bin
contents with expectations.
"""

import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from analysis.statistics.candidates import Candidate
from analysis.statistics.cls import BANDS
from analysis.statistics.expectations import Rehearsal
from analysis.statistics.fitted_function import FittedFunction
from analysis.statistics.inference import Inference
from analysis.statistics.resonance import Interval, Resonance
from analysis.statistics.sidebands import Background
from analysis.statistics.spectra import FloatArray
from analysis.statistics.spurious import PeakBackground
from analysis.statistics.verdict import NO_GLOBAL_Z, closed, fitted_cross_section, judge

_CURVE_STEP_GEV = 5.0
Document = dict[str, Any]


def background_document(inference: Inference) -> Document:
    """Return the background fits of every channel."""
    pairs = zip(inference.prediction.backgrounds, inference.under_peak, strict=True)
    channels = {
        background.channel: _background(inference, index, background, peak)
        for index, (background, peak) in enumerate(pairs)
    }
    return {
        "channels": channels,
        "of": "simulation" if inference.inputs.data is None else "data",
        "complete": inference.inputs.complete,
    }


def _background(
    inference: Inference, index: int, background: Background, peak: PeakBackground
) -> Document:
    return {
        "fit_range_GeV": [background.low_GeV, background.high_GeV],
        "chosen": _candidate(background.chosen),
        "candidates": [_candidate(candidate) for candidate in background.candidates],
        "predicted_events": _number(background.predicted_events),
        "predicted_error_events": _number(background.predicted_error_events),
        "predicted_errors_events": {
            "fit": _number(background.fit_error_events),
            "spread": _number(background.spread_events),
            "closure": _number(background.closure_events),
        },
        "smooth_truths": [
            {"name": truth.name, "gof_pvalue": _number(truth.gof_pvalue)}
            for truth in background.truths
        ],
        "peak_function": {"family": peak.function.family, "order": peak.function.order},
        "spurious_signal_events": {
            item.truth: {
                "events": _number(item.events),
                "error_events": _number(item.error_events),
                "mass_GeV": item.mass_GeV,
            }
            for item in peak.spurious
        },
        "bins": _bins(inference, index, background),
        "curve": _curve(background.chosen.fitted, background),
        "warnings": [*background.warnings, *peak.warnings],
    }


def _candidate(candidate: Candidate) -> Document:
    function, fitted = candidate.function, candidate.fitted
    return {
        "family": function.family,
        "order": function.order,
        "parameters": [
            {"name": name, "value": _number(value), "error": _number(error)}
            for name, value, error in zip(
                function.parameters, fitted.values, fitted.errors, strict=True
            )
        ],
        "gof_pvalue": _number(candidate.gof_pvalue),
        "nll": _number(candidate.deviance / 2),
        "degrees_of_freedom": candidate.degrees_of_freedom,
        "predicted_events": _number(candidate.predicted_events),
        "fit_error_events": _number(candidate.fit_error_events),
        "closure_bias_events": _number(candidate.closure_bias_events),
        "accepted": candidate.rejected is None,
        "reason": candidate.rejected,
    }


def _bins(inference: Inference, index: int, background: Background) -> Document:
    """Return contents and expectations per bin; blind bins are null."""
    edges, window = background.edges_GeV, background.window
    low, high = edges[:-1], edges[1:]
    inside = (low >= window.low_GeV) & (high <= window.high_GeV)
    observed = np.full(len(low), np.nan)
    if inference.count is not None and inference.inputs.data is not None:
        channel = inference.inputs.data.channels()[index]
        observed = channel.bins(background.low_GeV, background.high_GeV, background.bin_GeV).counts
    elif inference.inputs.data is not None:
        observed[~inside] = background.sidebands.counts
    return {
        "edges_GeV": _numbers(edges),
        "observed_events": _numbers(observed),
        "expected_events": _numbers(background.expected_per_bin()),
    }


def _curve(fitted: FittedFunction, background: Background) -> Document:
    masses = _masses(background)
    value, error = fitted.density(masses)
    return {
        "mass_GeV": _numbers(masses),
        "events_per_GeV": _numbers(value),
        "error": _numbers(error),
    }


def _masses(background: Background) -> FloatArray:
    steps = round((background.high_GeV - background.low_GeV) / _CURVE_STEP_GEV)
    return np.linspace(background.low_GeV, background.high_GeV, steps + 1)


def counting_document(inference: Inference) -> Document:
    """Return the count, its significance and its limits."""
    count, window = inference.count, inference.search.window
    return {
        "window_GeV": [window.low_GeV, window.high_GeV],
        "observed_events": None if count is None else _number(count.observed_events),
        "predicted_events": _number(inference.prediction.events),
        "predicted_error_events": _number(inference.prediction.error_events),
        "z": None if count is None else _number(count.z),
        "z_course": None if count is None else _number(count.z_course),
        "reason": closed(inference),
        "limit": _limit(inference),
        "normalisation": _normalisation(inference),
        "expected": _expected(inference),
        "rehearsal": {name: _rehearsal(item) for name, item in inference.rehearsals.items()},
        "complete": inference.inputs.complete,
        "warnings": list(inference.warnings),
    }


def _limit(inference: Inference) -> Document:
    limit, reason = inference.window_limit.limit, closed(inference)
    if reason is None and limit.observed_pb is None:
        reason = "pyhf finds no limit from this count"
    observed = limit.curve_observed
    return {
        "confidence_level": limit.confidence_level,
        "observed_pb": _number(limit.observed_pb),
        "reason": reason,
        "expected_pb": _bands(limit.expected_pb),
        "efficiency_of": inference.window_limit.sample,
        "window_events_per_pb": _number(limit.events_per_pb),
        "workspace_scale_pb": _number(inference.window_limit.scale_pb),
        "curve": {
            "cross_section_pb": _numbers(limit.curve_pb),
            "observed_cls": None if observed is None else _numbers(observed),
            "expected_cls": {
                str(band): _numbers(values)
                for band, values in zip(BANDS, limit.curve_expected, strict=True)
            },
        },
    }


def _normalisation(inference: Inference) -> Document:
    found = inference.normalisation
    return {
        "data_sideband_events": _number(found.data_events),
        "expected_sideband_events": _number(found.expected_events),
        "expected_sideband_error_events": _number(found.expected_error_events),
        "ratio": _number(found.ratio),
        "reason": "there are no data" if found.data_events is None else None,
    }


def _rehearsal(rehearsal: Rehearsal) -> Document:
    count = rehearsal.count
    return {
        "observed_events": _number(count.observed_events),
        "predicted_events": _number(count.predicted_events),
        "predicted_error_events": _number(count.predicted_error_events),
        "z": _number(count.z),
        "expected_data_z": _number(rehearsal.data_z),
    }


def verdict_document(inference: Inference) -> Document:
    """Return the verdict, with the count and the expected results beside it."""
    verdict, counting = judge(inference), counting_document(inference)
    taken = (
        "observed_events",
        "predicted_events",
        "predicted_error_events",
        "z",
        "z_course",
        "limit",
    )
    brief = {key: counting[key] for key in taken}
    brief["limit"] = {key: value for key, value in brief["limit"].items() if key != "curve"}
    resonance = inference.resonance
    return {
        "decision": verdict.decision,
        "complete": inference.inputs.complete,
        "blinded": inference.blinded,
        "after_unblinding": inference.inputs.after_unblinding,
        "local_z": _number(verdict.local_z),
        "global_z": None,
        "global_p": None,
        "global_z_reason": closed(inference) or NO_GLOBAL_Z,
        "mass_GeV": _interval(verdict.mass_GeV),
        "cross_section_pb": _interval(verdict.cross_section_pb),
        "reason": verdict.reason,
        "counting": brief,
        "expected": _expected(inference),
        "fit": None if resonance is None else _resonance(inference, resonance),
        "warnings": list(_verdict_warnings(inference)),
    }


def _verdict_warnings(inference: Inference) -> Iterable[str]:
    yield from inference.warnings
    if inference.resonance is not None and judge(inference).mass_GeV is not None:
        yield from inference.resonance.warnings
    if not inference.inputs.complete:
        yield "events are missing: every number here is of incomplete data"


def _resonance(inference: Inference, resonance: Resonance) -> Document:
    """Return the best fit below the threshold of a claim too: for figures, not for quoting."""
    scan = resonance.scan
    return {
        "mass_GeV": _interval(resonance.mass_GeV),
        "signal_events": _interval(resonance.signal_events),
        "cross_section_pb": _interval(fitted_cross_section(inference, resonance)),
        "width_GeV": _number(resonance.width_GeV),
        "scan": {
            "mass_GeV": _numbers(scan.mass_GeV),
            "signed_z": _numbers(scan.z),
            "signal_events": _numbers(scan.signal_events),
            "signal_error_events": _numbers(scan.signal_error_events),
        },
        "channels": {
            background.channel: {
                "edges_GeV": _numbers(background.edges_GeV),
                "signal_events": _numbers(resonance.signal_per_bin[index]),
                "background_events": _numbers(
                    resonance.background[index].events(
                        background.edges_GeV[:-1], background.edges_GeV[1:]
                    )
                ),
            }
            for index, background in enumerate(inference.prediction.backgrounds)
        },
    }


def _expected(inference: Inference) -> Document:
    """Return what each simulated signal would give; of the prediction, not of the window."""
    return {
        "of": "simulation" if inference.inputs.data is None else "data sidebands",
        "signals": {
            item.sample: {
                "mass_GeV": item.mass_GeV,
                "cross_section_pb": item.cross_section_pb,
                "signal_events": _number(item.signal_events),
                "window_events": _number(item.window_events),
                "counting_z": _number(item.counting_z),
                "fit_local_z": _number(item.fit_z),
            }
            for item in inference.expected
        },
    }


def _bands(values: Iterable[float | None]) -> Mapping[str, float | None]:
    return {str(band): _number(value) for band, value in zip(BANDS, values, strict=True)}


def _interval(interval: Interval | None) -> Document | None:
    if interval is None:
        return None
    return {
        "value": _number(interval.value),
        "low": _number(interval.low),
        "high": _number(interval.high),
    }


def _number(value: float | None) -> float | None:
    return float(value) if value is not None and math.isfinite(value) else None


def _numbers(values: FloatArray) -> list[float | None]:
    return [_number(value) for value in values]
