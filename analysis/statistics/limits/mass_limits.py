"""What the limits against mass are computed from: templates of every channel at every mass.

The background is the function in use, fitted to the expectation from the sidebands, with the
eigenmodes of that fit; they are free in the model, as the function is in the scan. The signal is
per pb of cross-section before the filter. Systematic errors of shape are templates one standard
deviation up and down, those of normalisation relative errors.
"""

from collections.abc import Mapping, Sequence

from analysis.settings.search import Systematics
from analysis.statistics.background.poisson import scoring_fit
from analysis.statistics.limits.band import MassPoint
from analysis.statistics.limits.workspaces import ChannelTemplates, eigenmodes
from analysis.statistics.resonance.scan import Spectra
from analysis.statistics.resonance.shape import ShapeSearch
from tools.arrays import FloatArray


def norm_errors(systematics: Systematics, simulation: float) -> dict[str, float]:
    """Return the relative errors of a signal's normalisation, by name; those of 0 are left out."""
    errors = {
        "luminosity": systematics.luminosity,
        "efficiency": systematics.efficiency,
        "simulation": simulation,
    }
    return {name: error for name, error in errors.items() if error > 0}


def mass_points(
    shape: ShapeSearch,
    mass_GeV: FloatArray,
    per_unit: FloatArray,
    errors: Sequence[Mapping[str, float]],
) -> list[MassPoint]:
    """Return the templates of all channels at some masses.

    Parameters
    ----------
    shape : ShapeSearch
    mass_GeV : ndarray, shape (M,)
    per_unit : ndarray, shape (M,)
        Selected signal events of all channels for a strength of 1.
    errors : sequence of mapping
        Relative errors of the normalisation, of each mass.
    """
    expected, observed = shape.expected, shape.observed
    peak, spurious = expected.peak, expected.spurious(mass_GeV)
    fractions = peak.signal.shares(mass_GeV)
    nominal = peak.templates(mass_GeV)
    varied = {
        name: [peak.templates(mass_GeV, **{what: pull}) for pull in (-1.0, 1.0)]
        for name, what, error in (
            ("resolution", "wider", peak.width_error),
            ("energy_scale", "shifted", peak.scale_error),
        )
        if error > 0
    }
    backgrounds = _backgrounds(expected)
    points: list[list[ChannelTemplates]] = [[] for _ in mass_GeV]
    for c, channel in enumerate(expected.channels):
        own, (background, modes) = peak.background.groups[c].bins, backgrounds[c]
        for m, unit in enumerate(per_unit):
            # The shape holds the channel's fraction of an event; its spurious signal is its own.
            faked = nominal[m, own] * (spurious[m, c] / fractions[m, c])
            points[m].append(
                ChannelTemplates(
                    name=channel.name,
                    background=background,
                    modes=modes,
                    signal=unit * nominal[m, own],
                    signal_variations={
                        name: (unit * down[m, own], unit * up[m, own])
                        for name, (down, up) in varied.items()
                    },
                    norm_errors=errors[m],
                    spurious=None if spurious[m, c] == 0 else faked,
                    observed=None if observed is None else observed.spectra.channels[c].bins.counts,
                )
            )
    pairs = zip(mass_GeV, points, strict=True)
    return [MassPoint(float(mass), tuple(channels)) for mass, channels in pairs]


def _backgrounds(expected: Spectra) -> list[tuple[FloatArray, FloatArray]]:
    """Return the fitted background of every channel, and its eigenmodes."""
    background = expected.peak.background
    # The covariance of a fit to the expectation is that of the data, without their fluctuations.
    fit = scoring_fit(expected.counts[None], background)
    slopes, events, covariance = background.slopes(fit.theta)[0], fit.expected[0], fit.covariance[0]
    found = []
    for group in background.groups:
        own, used = group.bins, group.own
        modes = eigenmodes(events[own], slopes[own, used], covariance[used, used])
        found.append((events[own], modes))
    return found
