"""The background in the window, over all channels: of data, or of data like the simulation."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from analysis.settings.search import Search
from analysis.statistics.background.poisson import fitted_functions, model, scoring_fit
from analysis.statistics.background.sidebands import Background, fit_sidebands
from analysis.statistics.spectra.bins import Channel, bin_edges
from analysis.statistics.spectra.inputs import InferenceInputs


@dataclass(frozen=True, slots=True, eq=False)
class Prediction:
    """The sideband fits of all channels."""

    backgrounds: tuple[Background, ...]
    """one for each channel"""
    channels: tuple[Channel, ...]
    """the spectra that were fitted; of blind data the window is not to be read"""

    @property
    def events(self) -> float:
        """Expected background in the window, events; corrected."""
        return sum(background.predicted_events for background in self.backgrounds)

    @property
    def correction_events(self) -> float:
        """Correction that is in `events`: what is left is the functions as they were fitted."""
        return sum(background.chosen.correction_events for background in self.backgrounds)

    @property
    def error_events(self) -> float:
        """Uncertainty of the expected background; the channels' fits share no data."""
        errors = [background.predicted_error_events for background in self.backgrounds]
        return float(np.linalg.norm(errors))

    def only(self, names: Collection[str]) -> "Prediction":
        """Return the fits of some channels."""
        kept = [place for place, channel in enumerate(self.channels) if channel.name in names]
        return Prediction(
            tuple(self.backgrounds[place] for place in kept),
            tuple(self.channels[place] for place in kept),
        )


def predict(channels: Sequence[Channel], search: Search, *, sqrt_s_GeV: float) -> Prediction:
    """Fit the sidebands of some channels; their windows are not read.

    Raises
    ------
    InputError
        If the sidebands hold too few events.
    """
    backgrounds = tuple(
        fit_sidebands(channel, search.window, search.fit, sqrt_s_GeV=sqrt_s_GeV)
        for channel in channels
    )
    return Prediction(backgrounds, tuple(channels))


def predict_from_simulation(inputs: InferenceInputs, search: Search) -> Prediction:
    """Return what sideband fits of data like the simulation would give, with data's errors.

    The simulated background is smoothed by a function fitted to its whole spectrum - nothing is
    blind in a simulation - and that curve is fitted as if it were data without fluctuations.
    """
    factor, sqrt_s = inputs.luminosity_ratio, inputs.collision_energy_GeV
    # From the lowest beginning on: the fit of the curve begins where it is told to.
    fit = search.fit
    edges = bin_edges(fit.low_GeV, fit.high_GeV, fit.bin_GeV)
    smooth = []
    for channel in inputs.background_channels():
        (background,) = predict([channel], search, sqrt_s_GeV=sqrt_s).backgrounds
        bins = channel.bins(background.low_GeV, background.high_GeV, background.bin_GeV)
        whole = model((background.fitted.function,), (bins,))
        (fitted,) = fitted_functions(whole, scoring_fit(bins.effective_counts[None], whole))
        smooth.append(Channel(channel.name, edges, factor * fitted.events(edges[:-1], edges[1:])))
    return predict(smooth, search, sqrt_s_GeV=sqrt_s)
