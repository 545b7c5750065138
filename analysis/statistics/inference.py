"""From spectra to results: what is counted, what is fitted, what was to be expected.

Pure functions of the inputs: no file is read or written, and nothing inside the window of blind
data is looked at. In order:

1. the data's sidebands against the simulation's expectation: a wrong luminosity is noticed here;
2. the background in the window, from the sidebands of data (of the simulation if there are none);
3. the expected results, of the prediction itself;
4. if the window is open: the count, its significance, and the signal-plus-background fit;
5. limits, observed and expected;
6. rehearsals on the simulation.
"""

from dataclasses import dataclass
from typing import Any

from analysis.search import Search
from analysis.statistics.cls import counting_workspace
from analysis.statistics.counting import Count
from analysis.statistics.expectations import (
    Expectation,
    Normalisation,
    Rehearsal,
    expectations,
    known,
    normalisation,
    rehearsals,
    window_events_per_pb,
)
from analysis.statistics.inputs import InferenceInputs, Spectrum, window_events
from analysis.statistics.limits import Limit, cls_limit, scale_of_limit
from analysis.statistics.prediction import Prediction, predict, predict_from_simulation
from analysis.statistics.resonance import Resonance, fit_resonance
from analysis.statistics.spurious import PeakBackground, choose_function
from tools.errors import InputError


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
    """from the sidebands of data or, without data, of the simulation"""
    under_peak: tuple[PeakBackground, ...]
    """for each channel the background of the signal-plus-background fit"""
    count: Count | None
    """None while blind and without data"""
    resonance: Resonance | None
    """None while blind and without data"""
    window_limit: WindowLimit
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
        parts += [background.warnings for background in self.under_peak]
        parts += [self.window_limit.limit.warnings]
        return tuple(dict.fromkeys(note for part in parts for note in part))


def draw_inference(inputs: InferenceInputs, search: Search) -> Inference:
    """Do the statistics of a search.

    Parameters
    ----------
    inputs : InferenceInputs
        Spectra after the selection, luminosities, properties of the samples.
    search : Search
        The decisions.

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
    under_peak = tuple(
        choose_function(background, search.fit, search.signal, sqrt_s_GeV=sqrt_s)
        for background in prediction.backgrounds
    )
    count = resonance = None
    if data is not None and not data.blinded:
        observed, _ = window_events(data.channels(), search.window)
        count = Count(observed, prediction.events, prediction.error_events)
        resonance = _resonance(data, inputs, search, prediction, under_peak)
    return Inference(
        inputs=inputs,
        search=search,
        normalisation=normalisation(inputs, search),
        prediction=prediction,
        under_peak=under_peak,
        count=count,
        resonance=resonance,
        window_limit=_window_limit(inputs, search, prediction, count),
        expected=expectations(inputs, search, prediction, under_peak),
        rehearsals=rehearsals(inputs, search, of_simulation),
    )


def _resonance(
    data: Spectrum,
    inputs: InferenceInputs,
    search: Search,
    prediction: Prediction,
    under_peak: tuple[PeakBackground, ...],
) -> Resonance:
    groups = [
        channel.bins(background.low_GeV, background.high_GeV, background.bin_GeV)
        for channel, background in zip(data.channels(), prediction.backgrounds, strict=True)
    ]
    functions = [item.function for item in under_peak]
    return fit_resonance(groups, functions, inputs.efficiencies(), search.signal)


def _window_limit(
    inputs: InferenceInputs, search: Search, prediction: Prediction, count: Count | None
) -> WindowLimit:
    sample = search.optimise.reference_signal
    if sample not in inputs.signals:
        raise InputError(
            f"{search.path}, [optimise], reference_signal: {sample!r} is not a simulated signal; "
            f"there are: {', '.join(inputs.signals)}"
        )
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
