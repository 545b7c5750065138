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

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from analysis.settings.search import Search
from analysis.statistics.background.prediction import Prediction, predict, predict_from_simulation
from analysis.statistics.counting.count import Count
from analysis.statistics.counting.counted import Counted, counted
from analysis.statistics.expectations import (
    Expectation,
    Normalisation,
    Rehearsal,
    expectations,
    normalisation,
    rehearsals,
    window_events_per_pb,
)
from analysis.statistics.limits.band import MassLimit, MassPoint, band
from analysis.statistics.limits.cls import counting_workspace
from analysis.statistics.limits.counting_limit import Limit, cls_limit, scale_of_limit
from analysis.statistics.limits.doubts import of_limits
from analysis.statistics.limits.mass_limits import mass_points, norm_errors
from analysis.statistics.limits.template_fit import strength_scale
from analysis.statistics.limits.toy_limits import ToySettings
from analysis.statistics.limits.workspaces import workspace
from analysis.statistics.resonance.shape import Effort, ShapeSearch, search_shape
from analysis.statistics.spectra.bins import Channel
from analysis.statistics.spectra.inputs import InferenceInputs, known, window_events

_LITTLE = Effort()


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
    """All results, ready to be written (`documents.py`)."""

    inputs: InferenceInputs
    search: Search
    normalisation: Normalisation
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
    mass_workspaces: dict[str, dict[str, Any]]
    """pyhf's models of the shape, by name"""
    expected: tuple[Expectation, ...]
    rehearsals: dict[str, Rehearsal]

    @property
    def blinded(self) -> bool:
        """Whether there are data whose window is shut."""
        return self.inputs.data is not None and self.inputs.data.blinded

    @property
    def warnings(self) -> tuple[str, ...]:
        """Everything that a reader of the verdict should know."""
        parts = [self.inputs.warnings, self.normalisation.warnings]
        parts += [background.warnings for background in self.prediction.backgrounds]
        parts += [self.shape.warnings, self.window_limit.limit.warnings]
        parts += [*(_of_mass(limit) for limit in self.mass_limits), of_limits(self.mass_limits)]
        return tuple(dict.fromkeys(note for part in parts for note in part))


def _of_mass(limit: MassLimit) -> tuple[str, ...]:
    return tuple(f"limit at {limit.mass_GeV:g} GeV: {note}" for note in limit.warnings)


def draw_inference(
    inputs: InferenceInputs,
    search: Search,
    *,
    effort: Effort = _LITTLE,
    say: Callable[[str], None] = lambda _text: None,
    limit_toys: int = 0,
    on_limit: Callable[[MassLimit], None] = lambda _limit: None,
    limits: bool = True,
) -> Inference:
    """Do the statistics of a search.

    Parameters
    ----------
    inputs : InferenceInputs
        Spectra after the selection, luminosities, properties of the samples.
    search : Search
        The decisions.
    effort : Effort
        Toys and processes.
    say : callable
        Told what is being done.
    limit_toys : int
        Toys of a limit where counts are low; 0: asymptotic everywhere.
    on_limit : callable
        Given the limits at each mass as they come.
    limits : bool
        Whether limits against mass are set at all; they take the longest.

    Raises
    ------
    InputError
        If the spectra cannot be fitted, or signals lack what turns events into cross-sections.
    XyyError
        If no background can be fitted or no limit is found.
    """
    data, sqrt_s = inputs.data, inputs.collision_energy_GeV
    of_simulation = predict_from_simulation(inputs, search)
    prediction = of_simulation
    if data is not None:
        prediction = predict(data.channels(), search, sqrt_s_GeV=sqrt_s)
    open_data = data.channels() if data is not None and not data.blinded else None
    to_count = counted(inputs, search, prediction, of_simulation)
    count = _count(to_count, search)
    signal, masses = inputs.signal_model(), search.signal.masses_GeV
    benchmark = inputs.benchmark_pb().at(masses) * inputs.events_per_pb(signal, masses)
    shape = search_shape(
        prediction, open_data, search, signal, benchmark, sqrt_s_GeV=sqrt_s, effort=effort, say=say
    )
    points = _mass_points(inputs, search, shape, open_data) if limits else []
    if points:
        say(f"limits at {len(points)} masses")
    return Inference(
        inputs=inputs,
        search=search,
        normalisation=normalisation(inputs, search),
        prediction=prediction,
        counted=to_count,
        shape=shape,
        count=count,
        window_limit=_window_limit(to_count, search, count),
        mass_limits=_mass_limits(points, search, effort, limit_toys, on_limit),
        mass_workspaces={f"mass_{p.mass_GeV:g}": _workspace(p) for p in points},
        expected=expectations(inputs, search, to_count, shape),
        rehearsals=rehearsals(to_count, search),
    )


def _count(to_count: Counted, search: Search) -> Count | None:
    """Return the count in the open window; None while blind and without data."""
    data, prediction = to_count.inputs.data, to_count.prediction
    if data is None or data.blinded:
        return None
    observed, _ = window_events(data.channels(), search.window)
    return Count(observed, prediction.events, prediction.error_events)


def _mass_points(
    inputs: InferenceInputs,
    search: Search,
    shape: ShapeSearch,
    data: Sequence[Channel] | None,
) -> list[MassPoint]:
    masses, signal = search.limits.masses.masses_GeV, shape.signal
    efficiency, error = signal.total_efficiency(masses)
    observed = None
    if data is not None:
        options = [decided.chosen for decided in shape.decisions]
        observed = tuple(
            channel.bins(option.low_GeV, option.high_GeV, search.fit.bin_GeV)
            for channel, option in zip(data, options, strict=True)
        )
    return mass_points(
        shape.expected,
        inputs.channel_names,
        masses,
        inputs.events_per_pb(signal, masses),
        [norm_errors(search, float(relative)) for relative in error / efficiency],
        observed,
    )


def _workspace(point: MassPoint) -> dict[str, Any]:
    return workspace(point.channels, scale=strength_scale(point.channels))


def _mass_limits(
    points: Sequence[MassPoint],
    search: Search,
    effort: Effort,
    toys: int,
    on_limit: Callable[[MassLimit], None],
) -> tuple[MassLimit, ...]:
    settings = ToySettings(number=toys, seed=effort.seed) if toys else None
    found = []
    level = search.limits.confidence_level
    for limit in band(points, confidence_level=level, workers=effort.workers, toys=settings):
        on_limit(limit)
        found.append(limit)
    return tuple(sorted(found, key=lambda limit: limit.mass_GeV))


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
