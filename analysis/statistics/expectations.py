r"""What is counted, and what was to be expected: sidebands, simulated signals, closure tests.

None of it reads the window of data. Expected significances are those of the prediction without
fluctuations, with a signal on top; they are never taken from a fit to data with the window open,
which an excess distorts.

Counted are those categories that together give the best :math:`S/\sqrt B`. The fit weighs every
category by what it is worth; a count adds them up, and a category with much background and little
signal makes it worse. So the categories are taken in the order of their S/B for as long as
:math:`S/\sqrt B` grows: one cut at the edge of a category. Decided on the simulation of the
reference signal in the window; without categories there is nothing to decide.

Closure tests on the simulation (tasks 4.3 and 4.4) count in the simulated background, alone and
with each signal. Their z is by the simulation's own statistical errors, which are larger than those
of data; the z of as many data is given beside it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from analysis.results.counting import CountingClosure, SidebandNormalisation
from analysis.results.values import ExpectedSignal, ExpectedSignals
from analysis.settings.search import Decision, Search
from analysis.statistics.background.prediction import Prediction, predict
from analysis.statistics.counting.count import Count, counting_z
from analysis.statistics.resonance.shape import ShapeSearch
from analysis.statistics.spectra.bins import Channel
from analysis.statistics.spectra.inputs import (
    InferenceInputs,
    added,
    known,
    signal_channels,
    window_events,
)
from tools.errors import InputError
from tools.names import listed

_SURELY = 3.0
"""statistical errors beyond which a difference of normalisation is one"""
_NO_EVENTS = 1e-9
"""of a category without background: it comes first"""


@dataclass(frozen=True, slots=True, eq=False)
class CountingInputs:
    """What a count is made of."""

    whole: InferenceInputs
    """inputs of all categories"""
    inputs: InferenceInputs
    """inputs of the categories that are counted"""
    prediction: Prediction
    """prediction of their background"""
    of_simulation: Prediction
    """prediction of their background in data like the simulation"""


def counting_inputs(
    inputs: InferenceInputs, search: Search, prediction: Prediction, of_simulation: Prediction
) -> CountingInputs:
    """Return the part of the inputs that is counted.

    Raises
    ------
    InputError
        If the reference signal is not there.
    """
    sample = search.optimise.reference_signal
    if sample not in inputs.signals:
        raise InputError(
            f"{search.path}, [optimise], reference_signal: {sample!r} is not a simulated signal; "
            f"there are: {listed(inputs.signals)}"
        )
    channels = signal_channels(inputs.signals[sample]), inputs.background_channels()
    s, b = (np.array([c.inside(search.window)[0] for c in each]) for each in channels)
    # Stable: categories of equal S/B keep their order, whatever sorts them.
    order = np.argsort(-s / np.maximum(b, _NO_EVENTS), kind="stable")
    figure = np.cumsum(s[order]) / np.sqrt(np.maximum(np.cumsum(b[order]), _NO_EVENTS))
    taken = order[: int(np.argmax(figure)) + 1]
    names = [inputs.channel_names[place] for place in sorted(taken)]
    return CountingInputs(
        inputs, inputs.only(names), prediction.only(names), of_simulation.only(names)
    )


def normalisation(inputs: InferenceInputs, search: Search) -> SidebandNormalisation:
    """Compare the sidebands of data with what the simulation expects at the data's luminosity.

    Before the selection where that is possible: how many events the cuts keep may differ between
    data and simulation by more than the luminosity is uncertain.
    """
    unselected = inputs.unselected()
    simulated = inputs.background_channels() if unselected is None else unselected[:1]
    counts, variances = _sidebands(simulated, search)
    expected = inputs.luminosity_ratio * counts
    data = None
    if inputs.data is not None:
        observed = inputs.data.channels() if unselected is None else unselected[1:]
        data, _ = _sidebands(observed, search)
    return SidebandNormalisation(
        data_sideband_events=data,
        expected_sideband_events=expected,
        expected_sideband_error_events=inputs.luminosity_ratio * float(np.sqrt(variances)),
        ratio=None if data is None or expected == 0 else data / expected,
        reason="there are no data" if data is None else None,
    )


def luminosity_warnings(
    found: SidebandNormalisation, inputs: InferenceInputs, thresholds: Decision
) -> tuple[str, ...]:
    """Return what a difference of normalisation says: a wrong luminosity is noticed here."""
    data, expected = found.data_sideband_events, found.expected_sideband_events
    if data is None or found.ratio is None:
        return ()
    error = float(np.hypot(found.expected_sideband_error_events, np.sqrt(data)))
    away = abs(data - expected) > thresholds.normalisation_tolerance * expected
    if not (away and abs(data - expected) > _SURELY * error):
        return ()
    given, ratio = inputs.data_luminosity_invpb, found.ratio
    note = (
        f"the data's sidebands hold {data:,.0f} events where the simulation expects "
        f"{expected:,.0f} (ratio {ratio:.3g}): is `data_luminosity` = {given:g} / pb right? These "
        f"data look like {given * ratio:.4g} / pb. Cross-sections and limits are wrong by as much"
    )
    return (note,)


def _sidebands(channels: Sequence[Channel], search: Search) -> tuple[float, float]:
    """Return the sum of weights in the sidebands of the fit, and its variance."""
    fit = search.fit
    parts = [c.sidebands(search.window, fit.low_GeV, fit.high_GeV, fit.bin_GeV) for c in channels]
    counts, variances = (part.counts.sum() for part in parts), (p.variances.sum() for p in parts)
    return float(sum(counts)), float(sum(variances))


def window_events_per_pb(inputs: InferenceInputs, search: Search, name: str) -> float:
    """Return a signal's events in the data's window per pb of cross-section."""
    sample = inputs.signals[name]
    inside, _ = window_events(signal_channels(sample), search.window)
    return inside / known(sample, name)[0] * inputs.luminosity_ratio


def expectations(to_count: CountingInputs, search: Search, shape: ShapeSearch) -> ExpectedSignals:
    """Return the significances to expect of each simulated signal, on the predicted background."""
    inputs, found = to_count.whole, {}
    for name, sample in inputs.signals.items():
        cross_section, _ = known(sample, name)
        mass = np.array([sample.peak_GeV])
        events = cross_section * inputs.events_per_pb(shape.model_selection.signal, mass)
        # The count is of the categories that are counted, the fit of all.
        inside = window_events_per_pb(to_count.inputs, search, name) * cross_section
        found[name] = ExpectedSignal(
            mass_GeV=sample.peak_GeV,
            cross_section_pb=cross_section,
            signal_events=float(events[0]),
            window_events=inside,
            counting_z=_expected_count_z(to_count.prediction, inside),
            fit_local_z=float(shape.expected.asimov_z(mass, events)[0]),
        )
    return ExpectedSignals(
        of="simulation" if inputs.data is None else "data sidebands", signals=found
    )


def closure_tests(to_count: CountingInputs, search: Search) -> dict[str, CountingClosure]:
    """Count in the simulated background, alone and with each signal."""
    inputs = to_count.inputs
    background = inputs.background_channels()
    found = {"background_only": _closure_test(background, inputs, search, 0.0)}
    for name, sample in inputs.signals.items():
        pairs = zip(background, signal_channels(sample), strict=True)
        both = [added(first.name, [first, second]) for first, second in pairs]
        inside = window_events_per_pb(inputs, search, name) * known(sample, name)[0]
        data_z = _expected_count_z(to_count.of_simulation, inside)
        found[f"with_signal_{sample.peak_GeV:g}"] = _closure_test(both, inputs, search, data_z)
    return found


def _expected_count_z(prediction: Prediction, signal: float) -> float:
    return counting_z(prediction.events + signal, prediction.events, prediction.error_events)


def _closure_test(
    channels: Sequence[Channel], inputs: InferenceInputs, search: Search, data_z: float
) -> CountingClosure:
    prediction = predict(channels, search, sqrt_s_GeV=inputs.collision_energy_GeV)
    events, variance = window_events(channels, search.window)
    # An empty window has no weight of its own; that of a background event is as good.
    weight = variance / events if events > 0 else inputs.backgrounds[0].weight
    return CountingClosure(
        observed_events=events,
        predicted_events=prediction.events,
        predicted_error_events=prediction.error_events,
        z=Count(events, prediction.events, prediction.error_events, weight).z,
        expected_data_z=data_z,
    )
