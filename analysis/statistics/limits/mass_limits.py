"""What the limits against mass are computed from: templates of every channel at every mass.

The background is the function in use, fitted to the expectation from the sidebands, with the
eigenmodes of that fit; they are free in the model, as the function is in the scan. The signal is
per pb of cross-section before the filter. Systematic errors of shape are templates one standard
deviation up and down, those of normalisation relative errors.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from analysis.settings.search import Search
from analysis.statistics.background.poisson import scoring_fit
from analysis.statistics.limits.band import MassPoint
from analysis.statistics.limits.workspaces import ChannelTemplates, eigenmodes
from analysis.statistics.resonance.scan import Spectra
from tools.arrays import FloatArray


def norm_errors(search: Search, simulation: float) -> dict[str, float]:
    """Return the relative errors of a signal's normalisation, by name; those of 0 are left out."""
    errors = {
        "luminosity": search.systematics.luminosity,
        "efficiency": search.systematics.efficiency,
        "simulation": simulation,
    }
    return {name: error for name, error in errors.items() if error > 0}


def mass_points(
    expected: Spectra,
    mass_GeV: FloatArray,
    per_unit: FloatArray,
    errors: Sequence[Mapping[str, float]],
    observed: Spectra | None,
) -> list[MassPoint]:
    """Return the templates of all channels at some masses.

    Parameters
    ----------
    expected : Spectra
        Of the sideband prediction.
    mass_GeV : ndarray, shape (M,)
    per_unit : ndarray, shape (M,)
        Selected signal events of all channels for a strength of 1.
    errors : sequence of mapping
        Relative errors of the normalisation, of each mass.
    observed : Spectra, optional
        The open spectra; None while blind.
    """
    peak = expected.peak
    fit = scoring_fit(expected.counts[None], peak.background)
    slopes = peak.background.slopes(fit.theta)[0]
    shapes = {key: _shapes(expected, mass_GeV, *pulls) for key, pulls in _PULLS.items()}
    spurious = expected.spurious(mass_GeV)
    shares = peak.signal.shares(mass_GeV)
    points = []
    for m, mass in enumerate(mass_GeV):
        channels = []
        for c, channel in enumerate(expected.channels):
            own = peak.background.groups[c].bins
            varied = {
                "resolution": (peak.width_error, ("narrow", "wide")),
                "energy_scale": (peak.scale_error, ("down", "up")),
            }
            channels.append(
                ChannelTemplates(
                    name=channel.name,
                    background=fit.expected[0, own],
                    modes=_modes(expected, c, fit.expected[0], slopes, fit.covariance[0]),
                    signal=per_unit[m] * shapes["nominal"][m, own],
                    signal_variations={
                        key: tuple(per_unit[m] * shapes[side][m, own] for side in sides)
                        for key, (error, sides) in varied.items()
                        if error > 0
                    },
                    norm_errors=errors[m],
                    spurious=_spurious(shapes["nominal"][m, own], spurious[m, c], shares[m, c]),
                    observed=None if observed is None else observed.channels[c].bins.counts,
                )
            )
        points.append(MassPoint(float(mass), tuple(channels)))
    return points


_PULLS = {
    "nominal": (0.0, 0.0),
    "narrow": (-1.0, 0.0),
    "wide": (1.0, 0.0),
    "down": (0.0, -1.0),
    "up": (0.0, 1.0),
}
"""pulls of resolution and energy scale"""


def _shapes(expected: Spectra, mass_GeV: FloatArray, wider: float, shifted: float) -> FloatArray:
    """Return the events per bin of one signal event, shape (M, B)."""
    peak = expected.peak
    values = np.zeros((len(mass_GeV), peak.size))
    values[:, peak.mass] = mass_GeV
    values[:, peak.mass + 1], values[:, peak.mass + 2] = wider, shifted
    strength = np.array([peak.strength])
    return peak.curve(mass_GeV).slopes(values, np.arange(len(mass_GeV)), strength)[..., 0]


def _spurious(shape: FloatArray, events: float, share: float) -> FloatArray | None:
    """Return one standard deviation of a channel's spurious signal; `shape` holds its share."""
    return None if events == 0 else shape * (events / share)


def _modes(
    expected: Spectra,
    channel: int,
    background: FloatArray,
    slopes: FloatArray,
    covariance: FloatArray,
) -> FloatArray:
    peak = expected.peak
    group = peak.background.groups[channel]
    own, used = group.bins, group.own
    return eigenmodes(background[own], slopes[own, used], covariance[used, used])
