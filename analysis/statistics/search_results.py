"""Results of a search in events, as their files hold them: background, counting, scan, verdict.

No number is NaN but in a table: one that is not there is None, and beside it stands why (`reason`).
While data are blind every observed quantity is None. What figures need is there as well: curves
with their bands, and bin contents with expectations.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np

from analysis.results.background import (
    BackgroundFits,
    ChannelBackground,
    FittedBins,
    FittedCurve,
    FunctionParameter,
    LargestSpuriousSignal,
    PeakBackground,
    PredictionErrors,
    SidebandFit,
    TestSpectrum,
)
from analysis.results.counting import ClsCurve, Counting, CountingLimit
from analysis.results.freeze import (
    ExpectedLimits,
    ExpectedResults,
    ExpectedScan,
    KnownBefore,
    PeakDecision,
)
from analysis.results.limits import MassLimits
from analysis.results.scan import Scan
from analysis.results.values import BANDS
from analysis.results.verdict import Verdict, WindowCount
from analysis.settings.search import Search
from analysis.statistics.background.families import FittedFunction
from analysis.statistics.background.sidebands import Background, Candidate
from analysis.statistics.background.tournament import Decisions
from analysis.statistics.inference import Inference, draw_inference
from analysis.statistics.limits.band import MassLimit
from analysis.statistics.limits.mass_limits import norm_errors
from analysis.statistics.shape_results import (
    Strengths,
    largest_spurious,
    limits_result,
    peak_result,
    scan_result,
)
from analysis.statistics.spectra.bins import bin_edges
from analysis.statistics.spectra.inputs import InferenceInputs
from analysis.statistics.verdict import verdict_of
from analysis.statistics.work import Work
from tools.arrays import FloatArray

_CURVE_STEP_GEV = 5.0
_INCOMPLETE = "events are missing: every number here is of incomplete data"
_ALL = Work()
Value = TypeVar("Value")


@dataclass(frozen=True, slots=True, eq=False)
class SearchResults:
    """The results of the files, and the inference that they were made from."""

    inference: Inference
    background: BackgroundFits
    counting: Counting
    scan: Scan
    limits: MassLimits
    verdict: Verdict
    workspaces: dict[str, dict[str, Any]]
    """pyhf workspaces, by name of their file"""

    @property
    def known_before(self) -> KnownBefore:
        """What was known before the data were opened: decisions on the sidebands, expectations."""
        channels = self.background.channels
        return KnownBefore(
            of=self.background.of,
            peak={name: _decision(found.peak) for name, found in channels.items()},
            sideband_gof_pvalue={n: found.chosen.gof_pvalue for n, found in channels.items()},
            predicted_events=self.counting.predicted_events,
            predicted_error_events=self.counting.predicted_error_events,
            expected=ExpectedResults(
                counting_limit_pb=self.counting.limit.expected_pb,
                signals=self.counting.expected.signals,
                scan=ExpectedScan(
                    mass_GeV=self.scan.mass_GeV, expected_local_z=self.scan.expected_local_z
                ),
                limits=ExpectedLimits(
                    mass_GeV=self.limits.mass_GeV, expected_pb=self.limits.expected
                ),
            ),
        )


def _decision(peak: PeakBackground) -> PeakDecision:
    return PeakDecision(
        range=peak.range, fit_range_GeV=peak.fit_range_GeV, family=peak.family, order=peak.order
    )


def infer(inputs: InferenceInputs, search: Search, work: Work = _ALL) -> SearchResults:
    """Do the statistics of a search and return its results (see `inference.draw_inference`)."""
    found = draw_inference(inputs, search, work)
    strengths, counted = _strengths(found), _counting(found)
    return SearchResults(
        inference=found,
        background=_background_fits(found),
        counting=counted,
        scan=scan_result(
            found.shape,
            search.signal.masses_GeV,
            strengths,
            reason=inputs.closed,
            complete=inputs.complete,
        ),
        limits=_mass_limits(found.mass_limits, inputs, search, partial=False),
        verdict=_verdict(found, counted, strengths),
        workspaces={
            "counting": found.window_limit.workspace,
            **{point.name: point.workspace() for point in found.points},
        },
    )


def limits_so_far(
    limits: Sequence[MassLimit], inputs: InferenceInputs, search: Search
) -> MassLimits:
    """Return the limits that are done, while others are being computed."""
    return _mass_limits(limits, inputs, search, partial=True)


def _mass_limits(
    limits: Sequence[MassLimit], inputs: InferenceInputs, search: Search, *, partial: bool
) -> MassLimits:
    return limits_result(
        limits,
        search.limits.confidence_level,
        unit="pb",
        benchmark=_benchmark_pb(inputs),
        reason=inputs.closed,
        complete=inputs.complete,
        partial=partial,
    )


def _background_fits(inference: Inference) -> BackgroundFits:
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
    figures = zip(decided.all_truths, entry.spurious[:, 0], entry.error[:, 0], strict=True)
    return {
        name: largest_spurious(decided.masses_GeV, events, errors)
        for name, events, errors in figures
        if np.isfinite(events).all()
    }


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
    masses = bin_edges(background.low_GeV, background.high_GeV, _CURVE_STEP_GEV)
    value, error = fitted.density(masses)
    return FittedCurve(mass_GeV=masses, events_per_GeV=value, error=error)


def _counting(inference: Inference) -> Counting:
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
        reason=inference.inputs.closed,
        limit=_limit(inference),
        normalisation=inference.normalisation,
        expected=inference.expected,
        rehearsal=inference.rehearsals,
        complete=inference.inputs.complete,
        warnings=tuple(inference.warnings),
    )


def _limit(inference: Inference) -> CountingLimit:
    limit, reason = inference.window_limit.limit, inference.inputs.closed
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


def _verdict(inference: Inference, counted: Counting, strengths: Strengths) -> Verdict:
    """Return the verdict, with the count and the expected results beside it."""
    inputs = inference.inputs
    shape_alone = verdict_of(
        inference.shape,
        strengths,
        inference.search.decision,
        closed=inputs.closed,
        warnings=inference.warnings,
        complete=inputs.complete,
        blinded=inputs.data is not None and inputs.data.blinded,
    )
    lost = () if inputs.complete else (_INCOMPLETE,)
    return replace(
        shape_alone,
        after_unblinding=inputs.after_unblinding,
        counting=WindowCount(
            observed_events=counted.observed_events,
            predicted_events=counted.predicted_events,
            predicted_error_events=counted.predicted_error_events,
            z=counted.z,
            z_course=counted.z_course,
            limit=replace(counted.limit, curve=None),
        ),
        expected=inference.expected,
        warnings=(*shape_alone.warnings, *lost),
    )


def _strengths(inference: Inference) -> Strengths:
    """Return in what the search measures: pb of cross-section before the filter."""
    inputs, signal = inference.inputs, inference.shape.signal

    def relative_error(mass_GeV: FloatArray) -> float:
        efficiency, error = signal.total_efficiency(mass_GeV)
        errors = norm_errors(inference.search, float(np.mean(error / efficiency)))
        return float(np.linalg.norm(list(errors.values()))) if errors else 0.0

    return Strengths(
        unit="pb",
        per_event=lambda mass: 1 / inputs.events_per_pb(signal, mass),
        relative_error=relative_error,
        benchmark=_benchmark_pb(inputs),
    )


def _benchmark_pb(inputs: InferenceInputs) -> float | None:
    """Return the cross-section that all simulated signals stand for; None if they differ."""
    values = {float(value) for value in inputs.benchmark_pb().values}
    return values.pop() if len(values) == 1 else None


def _by_band(values: Iterable[Value]) -> dict[str, Value]:
    return {str(band): value for band, value in zip(BANDS, values, strict=True)}
