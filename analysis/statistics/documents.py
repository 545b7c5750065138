"""Results as documents: ``background.json``, ``counting.json``, ``verdict.json``.

Keys carry units, values their uncertainty beside them. No document holds a NaN: a number that is
not there is null, and a key beside it (``reason``) says why. While data are blind every
observed quantity is null. What figures need is there as well: curves with their bands, and bin
contents with expectations.
"""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from analysis.search import Search
from analysis.statistics.band import MassLimit
from analysis.statistics.candidates import Candidate
from analysis.statistics.cls import BANDS
from analysis.statistics.expectations import Rehearsal
from analysis.statistics.fitted_function import FittedFunction
from analysis.statistics.inference import Inference
from analysis.statistics.inputs import InferenceInputs
from analysis.statistics.mass_limits import norm_errors
from analysis.statistics.numbers import Document, interval_of, number, numbers
from analysis.statistics.shape import Observed
from analysis.statistics.shape_documents import (
    Unit,
    fit_document,
    limits_document,
    peak_document,
    scan_document,
)
from analysis.statistics.sidebands import Background
from analysis.statistics.spectra import FloatArray
from analysis.statistics.tournament import Decisions
from analysis.statistics.verdict import closed, fitted_cross_section, judge, shut

_CURVE_STEP_GEV = 5.0


def background_document(inference: Inference) -> Document:
    """Return the background fits of every channel."""
    pairs = zip(inference.prediction.backgrounds, inference.shape.decisions, strict=True)
    channels = {
        background.channel: _background(inference, index, background, decided)
        for index, (background, decided) in enumerate(pairs)
    }
    return {
        "channels": channels,
        "of": "simulation" if inference.inputs.data is None else "data",
        "complete": inference.inputs.complete,
    }


def _background(
    inference: Inference, index: int, background: Background, decided: Decisions
) -> Document:
    return {
        "fit_range_GeV": [background.low_GeV, background.high_GeV],
        "chosen": _candidate(background.chosen),
        "candidates": [_candidate(candidate) for candidate in background.candidates],
        "predicted_events": number(background.predicted_events),
        "predicted_error_events": number(background.predicted_error_events),
        "predicted_errors_events": {
            "fit": number(background.fit_error_events),
            "spread": number(background.spread_events),
            "closure": number(background.closure_events),
        },
        "smooth_truths": [
            {"name": truth.name, "gof_pvalue": number(truth.gof_pvalue)}
            for truth in background.truths
        ],
        "peak": peak_document(decided),
        "spurious_signal_events": _spurious(decided),
        "bins": _bins(inference, index, background),
        "curve": _curve(background.chosen.fitted, background),
        "warnings": list(background.warnings),
    }


def _spurious(decided: Decisions) -> Document:
    """Return the largest spurious signal of the function in use, on every truth."""
    entry = next(e for e in decided.entries if e.option == decided.chosen)
    found = {}
    for name, events, errors in zip(
        decided.all_truths, entry.spurious[:, 0], entry.error[:, 0], strict=True
    ):
        if np.isfinite(events).all():
            worst = int(np.argmax(np.abs(events / errors)))
            found[name] = {
                "events": number(events[worst]),
                "error_events": number(errors[worst]),
                "mass_GeV": number(decided.masses_GeV[worst]),
            }
    return found


def _candidate(candidate: Candidate) -> Document:
    function, fitted = candidate.function, candidate.fitted
    return {
        "family": function.family,
        "order": function.order,
        "parameters": [
            {"name": name, "value": number(value), "error": number(error)}
            for name, value, error in zip(
                function.parameters, fitted.values, fitted.errors, strict=True
            )
        ],
        "gof_pvalue": number(candidate.gof_pvalue),
        "nll": number(candidate.deviance / 2),
        "degrees_of_freedom": candidate.degrees_of_freedom,
        "predicted_events": number(candidate.predicted_events),
        "fit_error_events": number(candidate.fit_error_events),
        "closure_bias_events": number(candidate.closure_bias_events),
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
        "edges_GeV": numbers(edges),
        "observed_events": numbers(observed),
        "expected_events": numbers(background.expected_per_bin()),
    }


def _curve(fitted: FittedFunction, background: Background) -> Document:
    masses = _masses(background)
    value, error = fitted.density(masses)
    return {
        "mass_GeV": numbers(masses),
        "events_per_GeV": numbers(value),
        "error": numbers(error),
    }


def _masses(background: Background) -> FloatArray:
    steps = round((background.high_GeV - background.low_GeV) / _CURVE_STEP_GEV)
    return np.linspace(background.low_GeV, background.high_GeV, steps + 1)


def counting_document(inference: Inference) -> Document:
    """Return the count, its significance and its limits."""
    count, window = inference.count, inference.search.window
    return {
        "window_GeV": [window.low_GeV, window.high_GeV],
        "observed_events": None if count is None else number(count.observed_events),
        "predicted_events": number(inference.counted.prediction.events),
        "predicted_error_events": number(inference.counted.prediction.error_events),
        "channels": [channel.name for channel in inference.counted.prediction.channels],
        "z": None if count is None else number(count.z),
        "z_course": None if count is None else number(count.z_course),
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
        "observed_pb": number(limit.observed_pb),
        "reason": reason,
        "expected_pb": _bands(limit.expected_pb),
        "efficiency_of": inference.window_limit.sample,
        "window_events_per_pb": number(limit.events_per_pb),
        "workspace_scale_pb": number(inference.window_limit.scale_pb),
        "curve": {
            "cross_section_pb": numbers(limit.curve_pb),
            "observed_cls": None if observed is None else numbers(observed),
            "expected_cls": {
                str(band): numbers(values)
                for band, values in zip(BANDS, limit.curve_expected, strict=True)
            },
        },
    }


def _normalisation(inference: Inference) -> Document:
    found = inference.normalisation
    return {
        "data_sideband_events": number(found.data_events),
        "expected_sideband_events": number(found.expected_events),
        "expected_sideband_error_events": number(found.expected_error_events),
        "ratio": number(found.ratio),
        "reason": "there are no data" if found.data_events is None else None,
    }


def _rehearsal(rehearsal: Rehearsal) -> Document:
    count = rehearsal.count
    return {
        "observed_events": number(count.observed_events),
        "predicted_events": number(count.predicted_events),
        "predicted_error_events": number(count.predicted_error_events),
        "z": number(count.z),
        "expected_data_z": number(rehearsal.data_z),
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
    observed = inference.shape.observed
    whole = None if observed is None else observed.whole
    return {
        "decision": verdict.decision,
        "complete": inference.inputs.complete,
        "blinded": inference.blinded,
        "after_unblinding": inference.inputs.after_unblinding,
        "local_z": number(verdict.local_z),
        "global_z": None if whole is None else number(whole.z),
        "global_p": None if whole is None else number(whole.p),
        "global_z_reason": closed(inference),
        "mass_GeV": interval_of(verdict.mass_GeV),
        "cross_section_pb": interval_of(verdict.cross_section_pb),
        "reason": verdict.reason,
        "counting": brief,
        "expected": _expected(inference),
        "fit": None if observed is None else _fit(inference, observed),
        "warnings": list(_verdict_warnings(inference)),
    }


def _verdict_warnings(inference: Inference) -> Iterable[str]:
    yield from inference.warnings
    observed = inference.shape.observed
    if observed is not None and observed.measurement and judge(inference).mass_GeV is not None:
        yield from observed.measurement.warnings
    if not inference.inputs.complete:
        yield "events are missing: every number here is of incomplete data"


def _fit(inference: Inference, observed: Observed) -> Document:
    measured, data = observed.measurement, inference.inputs.data
    channels, cross_section = {}, None
    if measured is not None and data is not None:
        cross_section = fitted_cross_section(inference, measured)
        options = [decided.chosen for decided in inference.shape.decisions]
        for index, (channel, option) in enumerate(zip(data.channels(), options, strict=True)):
            bins = channel.bins(option.low_GeV, option.high_GeV, inference.search.fit.bin_GeV)
            channels[channel.name] = {
                "edges_GeV": numbers([*bins.low_GeV, bins.high_GeV[-1]]),
                "observed_events": numbers(bins.counts),
                "signal_events": numbers(measured.signal_per_bin[index]),
                "background_events": numbers(measured.background_per_bin[index]),
            }
    return fit_document(observed, channels, unit_of(inference), cross_section)


def unit_of(inference: Inference) -> Unit:
    """Return in what the search measures: pb of cross-section before the filter."""
    inputs, signal = inference.inputs, inference.shape.signal
    masses = inference.search.signal.masses_GeV
    efficiency, error = signal.total_efficiency(masses)
    errors = norm_errors(inference.search, float(np.mean(error / efficiency)))
    return Unit(
        suffix="pb",
        per_event=lambda mass: 1 / inputs.events_per_pb(signal, mass),
        relative_error=float(np.linalg.norm(list(errors.values()))) if errors else 0.0,
        benchmark=benchmark_pb(inputs),
    )


def benchmark_pb(inputs: InferenceInputs) -> float | None:
    """Return the cross-section that all simulated signals stand for; None if they differ."""
    values = {float(value) for value in inputs.benchmark_pb().values}
    return values.pop() if len(values) == 1 else None


def mass_scan_document(inference: Inference) -> Document:
    """Return the scan over mass."""
    masses, reason = inference.search.signal.masses_GeV, closed(inference)
    found = scan_document(inference.shape, masses, unit_of(inference), reason)
    return found | {"complete": inference.inputs.complete}


def mass_limits_document(inference: Inference) -> Document:
    """Return the limits against mass."""
    level, unit = inference.search.limits.confidence_level, unit_of(inference)
    found = limits_document(inference.mass_limits, unit, level, closed(inference))
    return found | {"partial": False, "complete": inference.inputs.complete}


def limits_so_far(limits: Sequence[MassLimit], inputs: InferenceInputs, search: Search) -> Document:
    """Return the limits that are done, while others are being computed."""
    unit = Unit("pb", per_event=np.ones_like, benchmark=benchmark_pb(inputs))
    rising = sorted(limits, key=lambda limit: limit.mass_GeV)
    found = limits_document(rising, unit, search.limits.confidence_level, shut(inputs))
    return found | {"partial": True, "complete": inputs.complete}


def _expected(inference: Inference) -> Document:
    """Return what each simulated signal would give; of the prediction, not of the window."""
    return {
        "of": "simulation" if inference.inputs.data is None else "data sidebands",
        "signals": {
            item.sample: {
                "mass_GeV": item.mass_GeV,
                "cross_section_pb": item.cross_section_pb,
                "signal_events": number(item.signal_events),
                "window_events": number(item.window_events),
                "counting_z": number(item.counting_z),
                "fit_local_z": number(item.fit_z),
            }
            for item in inference.expected
        },
    }


def _bands(values: Iterable[float | None]) -> Mapping[str, float | None]:
    return {str(band): number(value) for band, value in zip(BANDS, values, strict=True)}
