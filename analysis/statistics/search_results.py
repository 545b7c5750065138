"""Results of a search in events, as their files hold them: background, counting, scan, verdict.

No number is NaN but in a table: one that is not there is None, and beside it stands why (`reason`).
While data are blind every observed quantity is None. What figures need is there as well: curves
with their bands, and bin contents with expectations.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TypeVar

import numpy as np

from analysis.results.background import (
    BackgroundFits,
    ChannelBackground,
    FittedBins,
    FittedCurve,
    FunctionParameter,
    LargestSpuriousSignal,
    PredictionErrors,
    SidebandFit,
    TestSpectrum,
)
from analysis.results.counting import (
    ClsCurve,
    Counting,
    CountingLimit,
    CountingRehearsal,
    SidebandNormalisation,
)
from analysis.results.expected import ExpectedSignal, ExpectedSignals
from analysis.results.limits import MassLimits
from analysis.results.scan import Scan
from analysis.results.values import BANDS
from analysis.results.verdict import ResonanceBins, ResonanceFit, Verdict, WindowCount
from analysis.settings.search import Search
from analysis.statistics.background.candidates import Candidate
from analysis.statistics.background.fitted_function import FittedFunction
from analysis.statistics.background.sidebands import Background
from analysis.statistics.background.tournament import Decisions
from analysis.statistics.expectations import Rehearsal
from analysis.statistics.inference import Inference
from analysis.statistics.limits.band import MassLimit
from analysis.statistics.limits.mass_limits import norm_errors
from analysis.statistics.resonance.shape import Observed
from analysis.statistics.shape_results import (
    Strengths,
    fit_result,
    limits_result,
    peak_result,
    scan_result,
)
from analysis.statistics.spectra.bins import FloatArray
from analysis.statistics.spectra.inputs import InferenceInputs
from analysis.statistics.verdict import Judgement, closed, fitted_cross_section, judge, shut

_CURVE_STEP_GEV = 5.0
Value = TypeVar("Value")


def background_fits(inference: Inference) -> BackgroundFits:
    """Return the background fits of every channel."""
    pairs = zip(inference.prediction.backgrounds, inference.shape.decisions, strict=True)
    channels = {
        background.channel: _background(inference, index, background, decided)
        for index, (background, decided) in enumerate(pairs)
    }
    return BackgroundFits(
        channels=channels,
        of="simulation" if inference.inputs.data is None else "data",
        complete=inference.inputs.complete,
    )


def _background(
    inference: Inference, index: int, background: Background, decided: Decisions
) -> ChannelBackground:
    return ChannelBackground(
        fit_range_GeV=(background.low_GeV, background.high_GeV),
        chosen=_candidate(background.chosen),
        candidates=tuple(_candidate(candidate) for candidate in background.candidates),
        predicted_events=background.predicted_events,
        predicted_error_events=background.predicted_error_events,
        predicted_errors_events=PredictionErrors(
            fit=background.fit_error_events,
            spread=background.spread_events,
            closure=background.closure_events,
        ),
        smooth_truths=tuple(
            TestSpectrum(name=truth.name, gof_pvalue=truth.gof_pvalue)
            for truth in background.truths
        ),
        peak=peak_result(decided),
        spurious_signal_events=_spurious(decided),
        bins=_bins(inference, index, background),
        curve=_curve(background.chosen.fitted, background),
        warnings=tuple(background.warnings),
    )


def _spurious(decided: Decisions) -> dict[str, LargestSpuriousSignal]:
    """Return the largest spurious signal of the function in use, on every truth."""
    entry = next(e for e in decided.entries if e.option == decided.chosen)
    found = {}
    for name, events, errors in zip(
        decided.all_truths, entry.spurious[:, 0], entry.error[:, 0], strict=True
    ):
        if np.isfinite(events).all():
            worst = int(np.argmax(np.abs(events / errors)))
            found[name] = LargestSpuriousSignal(
                events=events[worst],
                error_events=errors[worst],
                mass_GeV=decided.masses_GeV[worst],
            )
    return found


def parameters_of(fitted: FittedFunction) -> tuple[FunctionParameter, ...]:
    """Return the parameters of a fitted function."""
    triples = zip(fitted.function.parameters, fitted.values, fitted.errors, strict=True)
    return tuple(FunctionParameter(name=n, value=value, error=error) for n, value, error in triples)


def _candidate(candidate: Candidate) -> SidebandFit:
    return SidebandFit(
        family=candidate.function.family,
        order=candidate.function.order,
        parameters=parameters_of(candidate.fitted),
        gof_pvalue=candidate.gof_pvalue,
        nll=candidate.deviance / 2,
        degrees_of_freedom=candidate.degrees_of_freedom,
        predicted_events=candidate.predicted_events,
        fit_error_events=candidate.fit_error_events,
        closure_bias_events=candidate.closure_bias_events,
        accepted=candidate.rejected is None,
        reason=candidate.rejected,
    )


def _bins(inference: Inference, index: int, background: Background) -> FittedBins:
    """Return contents and expectations per bin; blind bins are NaN."""
    edges, window = background.edges_GeV, background.window
    low, high = edges[:-1], edges[1:]
    inside = (low >= window.low_GeV) & (high <= window.high_GeV)
    observed = np.full(len(low), np.nan)
    if inference.count is not None and inference.inputs.data is not None:
        channel = inference.inputs.data.channels()[index]
        observed = channel.bins(background.low_GeV, background.high_GeV, background.bin_GeV).counts
    elif inference.inputs.data is not None:
        observed[~inside] = background.sidebands.counts
    return FittedBins(
        edges_GeV=edges, observed_events=observed, expected_events=background.expected_per_bin()
    )


def _curve(fitted: FittedFunction, background: Background) -> FittedCurve:
    masses = _masses(background)
    value, error = fitted.density(masses)
    return FittedCurve(mass_GeV=masses, events_per_GeV=value, error=error)


def _masses(background: Background) -> FloatArray:
    steps = round((background.high_GeV - background.low_GeV) / _CURVE_STEP_GEV)
    return np.linspace(background.low_GeV, background.high_GeV, steps + 1)


def counting(inference: Inference) -> Counting:
    """Return the count, its significance and its limits."""
    count, window = inference.count, inference.search.window
    return Counting(
        window_GeV=(window.low_GeV, window.high_GeV),
        observed_events=None if count is None else count.observed_events,
        predicted_events=inference.counted.prediction.events,
        predicted_error_events=inference.counted.prediction.error_events,
        channels=tuple(channel.name for channel in inference.counted.prediction.channels),
        z=None if count is None else count.z,
        z_course=None if count is None else count.z_course,
        reason=closed(inference),
        limit=_limit(inference),
        normalisation=_normalisation(inference),
        expected=_expected(inference),
        rehearsal={name: _rehearsal(item) for name, item in inference.rehearsals.items()},
        complete=inference.inputs.complete,
        warnings=tuple(inference.warnings),
    )


def _limit(inference: Inference) -> CountingLimit:
    limit, reason = inference.window_limit.limit, closed(inference)
    if reason is None and limit.observed_pb is None:
        reason = "pyhf finds no limit from this count"
    return CountingLimit(
        confidence_level=limit.confidence_level,
        observed_pb=limit.observed_pb,
        reason=reason,
        expected_pb=_by_band(limit.expected_pb),
        efficiency_of=inference.window_limit.sample,
        window_events_per_pb=limit.events_per_pb,
        workspace_scale_pb=inference.window_limit.scale_pb,
        curve=ClsCurve(
            cross_section_pb=np.asarray(limit.curve_pb),
            observed_cls=None if limit.curve_observed is None else np.asarray(limit.curve_observed),
            expected_cls=_by_band(map(np.asarray, limit.curve_expected)),
        ),
    )


def _normalisation(inference: Inference) -> SidebandNormalisation:
    found = inference.normalisation
    return SidebandNormalisation(
        data_sideband_events=found.data_events,
        expected_sideband_events=found.expected_events,
        expected_sideband_error_events=found.expected_error_events,
        ratio=found.ratio,
        reason="there are no data" if found.data_events is None else None,
    )


def _rehearsal(rehearsal: Rehearsal) -> CountingRehearsal:
    count = rehearsal.count
    return CountingRehearsal(
        observed_events=count.observed_events,
        predicted_events=count.predicted_events,
        predicted_error_events=count.predicted_error_events,
        z=count.z,
        expected_data_z=rehearsal.data_z,
    )


def verdict(inference: Inference) -> Verdict:
    """Return the verdict, with the count and the expected results beside it."""
    judged, observed = judge(inference), inference.shape.observed
    whole = None if observed is None else observed.whole
    return Verdict(
        decision=judged.decision,
        complete=inference.inputs.complete,
        blinded=inference.blinded,
        after_unblinding=inference.inputs.after_unblinding,
        local_z=judged.local_z,
        global_z=None if whole is None else whole.z,
        global_p=None if whole is None else whole.p,
        global_z_reason=closed(inference),
        mass_GeV=judged.mass_GeV,
        cross_section_pb=judged.cross_section_pb,
        reason=judged.reason,
        counting=_window_count(inference),
        expected=_expected(inference),
        fit=None if observed is None else _fit(inference, observed),
        warnings=tuple(_verdict_warnings(inference, judged)),
        unit="pb",
    )


def _window_count(inference: Inference) -> WindowCount:
    found = counting(inference)
    return WindowCount(
        observed_events=found.observed_events,
        predicted_events=found.predicted_events,
        predicted_error_events=found.predicted_error_events,
        z=found.z,
        z_course=found.z_course,
        limit=replace(found.limit, curve=None),
    )


def _verdict_warnings(inference: Inference, judged: Judgement) -> Iterable[str]:
    yield from inference.warnings
    observed = inference.shape.observed
    if observed is not None and observed.measurement and judged.mass_GeV is not None:
        yield from observed.measurement.warnings
    if not inference.inputs.complete:
        yield "events are missing: every number here is of incomplete data"


def _fit(inference: Inference, observed: Observed) -> ResonanceFit:
    measured, data = observed.measurement, inference.inputs.data
    channels, cross_section = {}, None
    if measured is not None and data is not None:
        cross_section = fitted_cross_section(inference, measured)
        options = [decided.chosen for decided in inference.shape.decisions]
        for index, (channel, option) in enumerate(zip(data.channels(), options, strict=True)):
            bins = channel.bins(option.low_GeV, option.high_GeV, inference.search.fit.bin_GeV)
            channels[channel.name] = ResonanceBins(
                edges_GeV=np.append(bins.low_GeV, bins.high_GeV[-1]),
                observed_events=bins.counts,
                signal_events=measured.signal_per_bin[index],
                background_events=measured.background_per_bin[index],
            )
    return fit_result(observed, channels, strengths_of(inference), cross_section)


def strengths_of(inference: Inference) -> Strengths:
    """Return in what the search measures: pb of cross-section before the filter."""
    inputs, signal = inference.inputs, inference.shape.signal
    masses = inference.search.signal.masses_GeV
    efficiency, error = signal.total_efficiency(masses)
    errors = norm_errors(inference.search, float(np.mean(error / efficiency)))
    return Strengths(
        unit="pb",
        per_event=lambda mass: 1 / inputs.events_per_pb(signal, mass),
        relative_error=float(np.linalg.norm(list(errors.values()))) if errors else 0.0,
        benchmark=benchmark_pb(inputs),
    )


def benchmark_pb(inputs: InferenceInputs) -> float | None:
    """Return the cross-section that all simulated signals stand for; None if they differ."""
    values = {float(value) for value in inputs.benchmark_pb().values}
    return values.pop() if len(values) == 1 else None


def mass_scan(inference: Inference) -> Scan:
    """Return the scan over mass."""
    return scan_result(
        inference.shape,
        inference.search.signal.masses_GeV,
        strengths_of(inference),
        reason=closed(inference),
        complete=inference.inputs.complete,
    )


def mass_limits(inference: Inference) -> MassLimits:
    """Return the limits against mass."""
    return limits_result(
        inference.mass_limits,
        strengths_of(inference),
        inference.search.limits.confidence_level,
        reason=closed(inference),
        complete=inference.inputs.complete,
    )


def limits_so_far(
    limits: Sequence[MassLimit], inputs: InferenceInputs, search: Search
) -> MassLimits:
    """Return the limits that are done, while others are being computed."""
    return limits_result(
        sorted(limits, key=lambda limit: limit.mass_GeV),
        Strengths("pb", per_event=np.ones_like, benchmark=benchmark_pb(inputs)),
        search.limits.confidence_level,
        reason=shut(inputs),
        complete=inputs.complete,
        partial=True,
    )


def _expected(inference: Inference) -> ExpectedSignals:
    """Return what each simulated signal would give; of the prediction, not of the window."""
    return ExpectedSignals(
        of="simulation" if inference.inputs.data is None else "data sidebands",
        signals={
            item.sample: ExpectedSignal(
                mass_GeV=item.mass_GeV,
                cross_section_pb=item.cross_section_pb,
                signal_events=item.signal_events,
                window_events=item.window_events,
                counting_z=item.counting_z,
                fit_local_z=item.fit_z,
            )
            for item in inference.expected
        },
    )


def _by_band(values: Iterable[Value]) -> dict[str, Value]:
    return {str(band): value for band, value in zip(BANDS, values, strict=True)}
