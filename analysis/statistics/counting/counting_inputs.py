r"""Which categories are counted: those that together give the best :math:`S/\sqrt B`.

The fit weighs every category by what it is worth; a count adds them up, and a category with much
background and little signal makes it worse. So the categories are taken in the order of their S/B
for as long as :math:`S/\sqrt B` grows: one cut at the edge of a category. Decided on the simulation
of the reference signal in the window; without categories there is nothing to decide.
"""

from dataclasses import dataclass

import numpy as np

from analysis.settings.search import Search
from analysis.statistics.background.prediction import Prediction
from analysis.statistics.spectra.inputs import InferenceInputs, signal_channels
from tools.errors import InputError
from tools.names import listed

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
