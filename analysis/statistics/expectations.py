"""What was to be expected: the sidebands' size, each simulated signal, and the rehearsals.

None of it reads the window of data. Expected significances are those of the prediction without
fluctuations, with a signal on top; they are never taken from a fit to data with the window open,
which an excess bends.

Rehearsals (tasks 4.3 and 4.4) count in the simulated background, alone and with each signal. Their
z is by the simulation's own statistical errors, which are larger than those of data; the z of as
many data is given beside it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from analysis.settings.search import Search
from analysis.statistics.background.prediction import Prediction, predict
from analysis.statistics.counting.count import Count, counting_z
from analysis.statistics.counting.counted import Counted
from analysis.statistics.resonance.shape import ShapeSearch
from analysis.statistics.spectra.bins import Channel
from analysis.statistics.spectra.inputs import (
    InferenceInputs,
    added,
    known,
    signal_channels,
    window_events,
)

_SURELY = 3.0
"""statistical errors beyond which a difference of normalisation is one"""


@dataclass(frozen=True, slots=True)
class Normalisation:
    """The data's sidebands against the simulation's."""

    expected_events: float
    expected_error_events: float
    data_events: float | None
    """None without data"""
    warnings: tuple[str, ...]

    @property
    def ratio(self) -> float | None:
        """Data over expectation; None without either."""
        if self.data_events is None or self.expected_events == 0:
            return None
        return self.data_events / self.expected_events


@dataclass(frozen=True, slots=True)
class Expectation:
    """What one simulated signal would look like in the data."""

    sample: str
    mass_GeV: float
    cross_section_pb: float
    signal_events: float
    """after the selection"""
    window_events: float
    """of these, in the window and counted"""
    counting_z: float
    fit_z: float
    """local, at the true mass"""


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """The counting exercise on the simulation."""

    count: Count
    data_z: float
    """expected of data with these expectations: without the simulation's statistical error"""


def normalisation(inputs: InferenceInputs, search: Search) -> Normalisation:
    """Compare the sidebands of data with what the simulation expects at the data's luminosity.

    Before the selection where that is possible: how many events the cuts keep may differ between
    data and simulation by more than the luminosity is uncertain.
    """
    unselected = inputs.unselected()
    simulated = inputs.background_channels() if unselected is None else unselected[:1]
    counts, variances = _sidebands(simulated, search)
    expected = inputs.luminosity_ratio * counts
    error = inputs.luminosity_ratio * float(np.sqrt(variances))
    if inputs.data is None:
        return Normalisation(expected, error, None, ())
    observed = inputs.data.channels() if unselected is None else unselected[1:]
    data, _ = _sidebands(observed, search)
    away = abs(data - expected) > search.decision.normalisation_tolerance * expected
    sure = abs(data - expected) > _SURELY * float(np.hypot(error, np.sqrt(data)))
    if not (away and sure and expected > 0):
        return Normalisation(expected, error, data, ())
    given, ratio = inputs.data_luminosity_invpb, data / expected
    note = (
        f"the data's sidebands hold {data:,.0f} events where the simulation expects "
        f"{expected:,.0f} (ratio {ratio:.3g}): is `data_luminosity` = {given:g} / pb right? These "
        f"data look like {given * ratio:.4g} / pb. Cross-sections and limits are wrong by as much"
    )
    return Normalisation(expected, error, data, (note,))


def _sidebands(channels: Sequence[Channel], search: Search) -> tuple[float, float]:
    """Return the sum of weights in the sidebands of the fit, and its variance."""
    fit = search.fit
    parts = [c.sidebands(search.window, fit.low_GeV, fit.high_GeV, fit.bin_GeV) for c in channels]
    return (
        float(sum(part.counts.sum() for part in parts)),
        float(sum(part.variances.sum() for part in parts)),
    )


def window_events_per_pb(inputs: InferenceInputs, search: Search, name: str) -> float:
    """Return a signal's events in the data's window per pb of cross-section."""
    sample = inputs.signals[name]
    inside, _ = window_events(signal_channels(sample), search.window)
    return inside / known(sample, name)[0] * inputs.luminosity_ratio


def expectations(
    inputs: InferenceInputs, search: Search, to_count: Counted, shape: ShapeSearch
) -> tuple[Expectation, ...]:
    """Return the significances to expect of each simulated signal, on the predicted background."""
    found = []
    for name, sample in inputs.signals.items():
        cross_section, _ = known(sample, name)
        mass = np.array([sample.peak_GeV])
        events = cross_section * inputs.events_per_pb(shape.signal, mass)
        inside = window_events_per_pb(to_count.inputs, search, name) * cross_section
        z = float(shape.expected.asimov_z(mass, events)[0])
        count = _expected_count_z(to_count.prediction, inside)
        found.append(
            Expectation(name, sample.peak_GeV, cross_section, float(events[0]), inside, count, z)
        )
    return tuple(found)


def rehearsals(to_count: Counted, search: Search) -> dict[str, Rehearsal]:
    """Count in the simulated background, alone and with each signal.

    Parameters
    ----------
    to_count : Counted
    search : Search
    """
    inputs = to_count.inputs
    background = inputs.background_channels()
    found = {"background_only": Rehearsal(_rehearse(background, inputs, search), 0.0)}
    for name, sample in inputs.signals.items():
        pairs = zip(background, signal_channels(sample), strict=True)
        both = [added(first.name, [first, second]) for first, second in pairs]
        inside = window_events_per_pb(inputs, search, name) * known(sample, name)[0]
        found[f"with_signal_{sample.peak_GeV:g}"] = Rehearsal(
            _rehearse(both, inputs, search), _expected_count_z(to_count.of_simulation, inside)
        )
    return found


def _expected_count_z(prediction: Prediction, signal: float) -> float:
    return counting_z(prediction.events + signal, prediction.events, prediction.error_events)


def _rehearse(channels: Sequence[Channel], inputs: InferenceInputs, search: Search) -> Count:
    prediction = predict(channels, search, sqrt_s_GeV=inputs.collision_energy_GeV)
    events, variance = window_events(channels, search.window)
    # An empty window has no weight of its own; that of a background event is as good.
    weight = variance / events if events > 0 else inputs.backgrounds[0].weight
    return Count(events, prediction.events, prediction.error_events, weight)
