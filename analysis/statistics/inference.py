"""From spectra to results: what is counted, what is fitted, what was to be expected.

Pure functions of the inputs: no file is read or written, and nothing inside the window of blind
data is looked at. In order:

1. the data's sidebands against the simulation's expectation: a wrong luminosity is noticed here;
2. the background in the window, from the sidebands of data (of the simulation if there are none);
3. the expected results, of the prediction itself;
4. if the window is open: the count, its significance, and the search in the shape (`shape.py`);
5. limits, observed and expected, from the count and (`mass_limits.py`) from the shape at each mass;
6. rehearsals on the simulation.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from analysis.results.counting import CountingRehearsal, SidebandNormalisation
from analysis.results.expected import ExpectedSignals
from analysis.settings.search import Search
from analysis.statistics.background.prediction import Prediction, predict, predict_from_simulation
from analysis.statistics.counting.count import Count
from analysis.statistics.counting.counted import Counted, counted
from analysis.statistics.expectations import (
    expectations,
    normalisation,
    rehearsals,
    window_events_per_pb,
)
from analysis.statistics.limits.band import MassLimit, MassPoint
from analysis.statistics.limits.cls import counting_workspace
from analysis.statistics.limits.counting_limit import Limit, cls_limit, scale_of_limit
from analysis.statistics.limits.doubts import of_limits
from analysis.statistics.limits.mass_limits import mass_points, norm_errors
from analysis.statistics.resonance.shape import ShapeSearch, search_shape
from analysis.statistics.spectra.inputs import InferenceInputs, known, window_events
from analysis.statistics.work import Work


@dataclass(frozen=True, slots=True, eq=False)
class WindowLimit:
    """The limit from the count, with the model that it is of."""

    limit: Limit
    sample: str
    """the signal whose efficiency turns events into a cross-section"""
    workspace: dict[str, Any]
    """pyhf's model of the count; its observation is the prediction while blind"""
    scale_pb: float
    """cross-section of strength 1 in the workspace"""


@dataclass(frozen=True, slots=True, eq=False)
class Inference:
    """All that is computed; `search_results.py` says it as result files have it."""

    inputs: InferenceInputs
    search: Search
    normalisation: SidebandNormalisation
    prediction: Prediction
    """from the sidebands of data or, without data, of the simulation; of all categories"""
    counted: Counted
    """what is counted"""
    shape: ShapeSearch
    count: Count | None
    """None while blind and without data"""
    window_limit: WindowLimit
    mass_limits: tuple[MassLimit, ...]
    """on the cross-section in pb, rising in mass"""
    points: tuple[MassPoint, ...]
    """what these limits are made of"""
    expected: ExpectedSignals
    rehearsals: dict[str, CountingRehearsal]
    warnings: tuple[str, ...]
    """everything that a reader of the verdict should know"""


def draw_inference(inputs: InferenceInputs, search: Search, work: Work) -> Inference:
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
        If no background can be fitted or no limit is found.
    """
    of_simulation = predict_from_simulation(inputs, search)
    prediction, data = of_simulation, inputs.data
    if data is not None:
        prediction = predict(data.channels(), search, sqrt_s_GeV=inputs.collision_energy_GeV)
    to_count = counted(inputs, search, prediction, of_simulation)
    count = _count(to_count, search)
    shape = _shape(inputs, search, prediction, work)
    points = _mass_points(inputs, search, shape) if work.limits else []
    window_limit, limits = _window_limit(to_count, search, count), work.mass_limits(points, search)
    ratio, notes = normalisation(inputs, search)
    parts = [notes, *(each.warnings for each in prediction.backgrounds)]
    parts += [shape.warnings, window_limit.limit.warnings, tuple(_of_masses(limits))]
    return Inference(
        inputs=inputs,
        search=search,
        normalisation=ratio,
        prediction=prediction,
        counted=to_count,
        shape=shape,
        count=count,
        window_limit=window_limit,
        mass_limits=limits,
        points=tuple(points),
        expected=expectations(inputs, search, to_count, shape),
        rehearsals=rehearsals(to_count, search),
        warnings=tuple(dict.fromkeys(note for part in parts for note in part)),
    )


def _of_masses(limits: tuple[MassLimit, ...]) -> Iterator[str]:
    for limit in limits:
        yield from (f"limit at {limit.mass_GeV:g} GeV: {note}" for note in limit.warnings)
    yield from of_limits(limits)


def _count(to_count: Counted, search: Search) -> Count | None:
    """Return the count in the open window; None while blind and without data."""
    data, prediction = to_count.inputs.data, to_count.prediction
    if data is None or data.blinded:
        return None
    observed, _ = window_events(data.channels(), search.window)
    return Count(observed, prediction.events, prediction.error_events)


def _shape(
    inputs: InferenceInputs, search: Search, prediction: Prediction, work: Work
) -> ShapeSearch:
    signal, masses = inputs.signal_model(), search.signal.masses_GeV
    return search_shape(
        prediction,
        inputs.data.channels() if inputs.data is not None and not inputs.data.blinded else None,
        search,
        signal,
        inputs.benchmark_pb().at(masses) * inputs.events_per_pb(signal, masses),
        sqrt_s_GeV=inputs.collision_energy_GeV,
        effort=work.effort,
        say=work.say,
    )


def _mass_points(inputs: InferenceInputs, search: Search, shape: ShapeSearch) -> list[MassPoint]:
    masses, signal = search.limits.masses.masses_GeV, shape.signal
    efficiency, error = signal.total_efficiency(masses)
    return mass_points(
        shape.expected,
        masses,
        inputs.events_per_pb(signal, masses),
        [norm_errors(search, float(relative)) for relative in error / efficiency],
        None if shape.observed is None else shape.observed.spectra,
    )


def _window_limit(to_count: Counted, search: Search, count: Count | None) -> WindowLimit:
    inputs, prediction = to_count.inputs, to_count.prediction
    sample = search.optimise.reference_signal
    known(inputs.signals[sample], sample)
    per_pb = window_events_per_pb(inputs, search, sample)
    observed = None if count is None else count.observed_events
    seen = prediction.events if observed is None else observed
    numbers = (prediction.events, prediction.error_events)
    scale = scale_of_limit(*numbers, observed=seen, events_per_pb=per_pb)
    limit = cls_limit(
        *numbers,
        observed=observed,
        events_per_pb=per_pb,
        confidence_level=search.limits.confidence_level,
    )
    workspace = counting_workspace(*numbers, observed=seen, events_per_pb=per_pb, scale_pb=scale)
    return WindowLimit(limit, sample, workspace, scale)
