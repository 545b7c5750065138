"""From spectra to results: what is counted, what is fitted, what was to be expected.

Pure functions of the inputs: no file is read or written, and nothing inside the window of blind
data is looked at. In order:

1. the data's sidebands against the simulation's expectation: a wrong luminosity is noticed here;
2. the background in the window, from the sidebands of data (of the simulation if there are none);
3. the expected results, of the prediction itself;
4. if the window is open: the count, its significance, and the search in the shape (`shape.py`);
5. limits, observed and expected, from the count and (`band.py`) from the shape at each mass;
6. closure tests on the simulation.

No number of the results is NaN but in a table: one that is not there is None, and beside it stands
why (`reason`). While data are blind every observed quantity is None.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from analysis.results.background import BackgroundFits, PeakBackground
from analysis.results.counting import Counting
from analysis.results.freeze import (
    ExpectedLimits,
    ExpectedResults,
    ExpectedScan,
    KnownBefore,
)
from analysis.results.limits import MassLimits
from analysis.results.scan import Scan
from analysis.results.values import FunctionInRange
from analysis.results.verdict import Verdict, WindowCount
from analysis.settings.search import Search
from analysis.statistics.background.prediction import Prediction, predict, predict_from_simulation
from analysis.statistics.background.sidebands import Background
from analysis.statistics.counting.count import Count
from analysis.statistics.expectations import (
    CountingInputs,
    closure_tests,
    counting_inputs,
    expectations,
    luminosity_warnings,
    normalisation,
    window_events_per_pb,
)
from analysis.statistics.limits.band import MassPoint, mass_points, norm_errors
from analysis.statistics.limits.counting_limit import WindowModel
from analysis.statistics.limits_results import mass_limits, warnings_of
from analysis.statistics.resonance.shape import ShapeSearch, search_shape
from analysis.statistics.resonance.work import Work
from analysis.statistics.spectra.bins import outside
from analysis.statistics.spectra.inputs import InferenceInputs, window_events
from analysis.statistics.verdict import Terms, given_of, scan_result, verdict_of
from tools.arrays import FloatArray

_INCOMPLETE = "events are missing: every number here is of incomplete data"
_ALL = Work()


@dataclass(frozen=True, slots=True, eq=False)
class SearchResults:
    """The results of the files."""

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
        channels, limits = self.background.channels, self.limits.expected
        if self.limits.given:
            # Beside what the data show: that was not known before.
            limits = {band: np.full_like(each, np.nan) for band, each in limits.items()}
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
                limits=ExpectedLimits(mass_GeV=self.limits.mass_GeV, expected_pb=limits),
            ),
        )


def _decision(peak: PeakBackground) -> FunctionInRange:
    return FunctionInRange(
        range=peak.range, fit_range_GeV=peak.fit_range_GeV, family=peak.family, order=peak.order
    )


def infer(inputs: InferenceInputs, search: Search, work: Work = _ALL) -> SearchResults:
    """Do the statistics of a search.

    Parameters
    ----------
    inputs : InferenceInputs
        Spectra after the selection, luminosities, properties of the samples.
    search : Search
        The decisions.
    work : Work

    Raises
    ------
    InputError
        If the spectra cannot be fitted, or signals lack what turns events into cross-sections.
    XyyError
        If no background can be fitted.
    """
    # Also with data: the closure tests are of the simulation, whatever is observed.
    of_simulation = predict_from_simulation(inputs, search)
    prediction, data = of_simulation, inputs.data
    if data is not None:
        prediction = predict(data.channels(), search, sqrt_s_GeV=inputs.collision_energy_GeV)
    to_count = counting_inputs(inputs, search, prediction, of_simulation)
    shape = _shape(inputs, search, prediction, work)
    points = _mass_points(inputs, search, shape) if work.limits else []
    model = _window_model(to_count, search)
    terms = replace(_terms(inputs, search), given=given_of(shape.observed))
    counting = _counting(model, to_count, search, shape)
    limits = mass_limits(points, search.limits.confidence_level, terms, work)
    notes = [
        *luminosity_warnings(counting.normalisation, inputs, search.decision),
        *(note for background in prediction.backgrounds for note in background.warnings),
        *shape.warnings,
        *shape.model_selection.signal.extrapolated(search.signal.masses_GeV),
        *model.warnings(counting.limit),
        *warnings_of(limits),
    ]
    counting = replace(counting, warnings=tuple(dict.fromkeys(notes)))
    return SearchResults(
        background=_background_fits(inputs, prediction, shape),
        counting=counting,
        scan=scan_result(shape, search.signal.masses_GeV, terms),
        limits=limits,
        verdict=_verdict(inputs, search, shape, terms, counting),
        workspaces={
            "counting": model.workspace(),
            **{point.name: point.workspace() for point in points if point.reason is None},
        },
    )


def _terms(inputs: InferenceInputs, search: Search) -> Terms:
    """Return in what the search measures: pb of cross-section before the filter."""
    signal = inputs.signal_model()

    def relative_error(mass_GeV: FloatArray) -> float:
        efficiency, error = signal.total_efficiency(mass_GeV)
        errors = norm_errors(search.systematics, float(np.mean(error / efficiency)))
        return float(np.linalg.norm(list(errors.values()))) if errors else 0.0

    benchmarks = {float(value) for value in inputs.benchmark_pb().values}
    return Terms(
        unit="pb",
        per_event=lambda mass: 1 / inputs.events_per_pb(signal, mass),
        reason=inputs.closed,
        complete=inputs.complete,
        relative_error=relative_error,
        benchmark=benchmarks.pop() if len(benchmarks) == 1 else None,
    )


def _shape(
    inputs: InferenceInputs, search: Search, prediction: Prediction, work: Work
) -> ShapeSearch:
    signal, masses = inputs.signal_model(), search.signal.masses_GeV
    return search_shape(
        prediction,
        inputs.data.channels() if inputs.data is not None and inputs.closed is None else None,
        search,
        signal,
        inputs.benchmark_pb().at(masses) * inputs.events_per_pb(signal, masses),
        sqrt_s_GeV=inputs.collision_energy_GeV,
        work=work,
    )


def _mass_points(inputs: InferenceInputs, search: Search, shape: ShapeSearch) -> list[MassPoint]:
    masses, signal = search.limits.masses.masses_GeV, shape.model_selection.signal
    efficiency, error = signal.total_efficiency(masses)
    errors = [norm_errors(search.systematics, float(each)) for each in error / efficiency]
    return mass_points(shape, masses, inputs.events_per_pb(signal, masses), errors)


def _window_model(to_count: CountingInputs, search: Search) -> WindowModel:
    inputs, observed = to_count.inputs, None
    if inputs.data is not None and inputs.closed is None:
        observed, _ = window_events(inputs.data.channels(), search.window)
    per_pb = window_events_per_pb(inputs, search, search.optimise.reference_signal)
    prediction = to_count.prediction
    return WindowModel(prediction.events, prediction.error_events, observed, per_pb)


def _counting(
    model: WindowModel, to_count: CountingInputs, search: Search, shape: ShapeSearch
) -> Counting:
    """Return the count, its significance and its limits, without warnings."""
    inputs, window, count = to_count.inputs, search.window, None
    if model.observed is not None:
        count = Count(model.observed, model.predicted, model.error)
    return Counting(
        window_GeV=(window.low_GeV, window.high_GeV),
        observed_events=model.observed,
        predicted_events=model.predicted,
        uncorrected_events=model.predicted - to_count.prediction.correction_events,
        correction_events=to_count.prediction.correction_events,
        predicted_error_events=model.error,
        channels=tuple(channel.name for channel in to_count.prediction.channels),
        z=None if count is None else count.z,
        z_course=None if count is None else count.z_course,
        reason=inputs.closed,
        limit=model.limit(
            search.limits.confidence_level,
            efficiency_of=search.optimise.reference_signal,
            reason=inputs.closed,
        ),
        normalisation=normalisation(to_count.whole, search),
        expected=expectations(to_count, search, shape),
        rehearsal=closure_tests(to_count, search),
        complete=inputs.complete,
        warnings=(),
    )


def _background_fits(
    inputs: InferenceInputs, prediction: Prediction, shape: ShapeSearch
) -> BackgroundFits:
    """Return the background fits of every channel."""
    channels, pairs = {}, zip(prediction.backgrounds, shape.decisions, strict=True)
    for index, (background, decided) in enumerate(pairs):
        observed = _observed_events(inputs, index, background)
        channels[background.channel] = background.result(decided, observed)
    of = "simulation" if inputs.data is None else "data"
    return BackgroundFits(channels=channels, of=of, complete=inputs.complete)


def _observed_events(inputs: InferenceInputs, index: int, background: Background) -> FloatArray:
    """Return a channel's events in the bins of its sideband fit; blind bins are NaN."""
    low, high = background.edges_GeV[:-1], background.edges_GeV[1:]
    observed = np.full(len(low), np.nan)
    if inputs.data is None:
        return observed
    if inputs.data.blinded:
        observed[outside(low, high, background.window)] = background.sidebands.counts
        return observed
    channel = inputs.data.channels()[index]
    return channel.bins(background.low_GeV, background.high_GeV, background.bin_GeV).counts


def _verdict(
    inputs: InferenceInputs, search: Search, shape: ShapeSearch, terms: Terms, counting: Counting
) -> Verdict:
    """Return the verdict, with the count and the expected results beside it."""
    shape_alone = verdict_of(
        shape,
        terms,
        search.decision,
        counting.warnings,
        blinded=inputs.data is not None and inputs.data.blinded,
    )
    lost = () if inputs.complete else (_INCOMPLETE,)
    contradicted = _count_below_fit(counting, shape_alone)
    return replace(
        shape_alone,
        after_unblinding=inputs.after_unblinding,
        counting=WindowCount(
            observed_events=counting.observed_events,
            predicted_events=counting.predicted_events,
            predicted_error_events=counting.predicted_error_events,
            z=counting.z,
            z_course=counting.z_course,
            limit=replace(counting.limit, curve=None),
        ),
        expected=counting.expected,
        warnings=(*shape_alone.warnings, *contradicted, *lost),
    )


def _count_below_fit(counting: Counting, verdict: Verdict) -> tuple[str, ...]:
    """Return why the count excludes what the fit measures, if it does."""
    limit, measured, z = counting.limit, verdict.cross_section_pb, counting.z
    if limit.observed_pb is None or measured is None or limit.observed_pb >= measured.value:
        return ()
    seen = "a deficit" if z is not None and z < 0 else "too few events"
    note = (
        f"the limit of the count, {limit.observed_pb:.3g} pb, is below the cross-section that the "
        f"fit measures, {measured.value:.3g} pb: the whole window shows {seen}, as its background "
        f"is taken over from the sidebands ({counting.predicted_events:,.0f} +- "
        f"{counting.predicted_error_events:,.0f} events), which the fit of the shape needs not"
    )
    return (note,)
