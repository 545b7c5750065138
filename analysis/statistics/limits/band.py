"""CLs limits on the cross-section at one mass: observed, and the expected band.

The background is the function in use, fitted to the expectation from the sidebands, with the
eigenmodes of that fit; they are free in the model, as the function is in the scan. The signal is
per pb of cross-section before the filter. Systematic errors of shape are templates one standard
deviation up and down, those of normalisation relative errors.

Expected limits are those of the Asimov set of the background that is given (a prediction from the
sidebands), never of a fit to the observed events, which an excess would distort. Below some twenty
background events under the peak asymptotic limits are several percent too strong (17 % at one
event): such masses are marked, and get limits from toys if toys are asked for.

A mass without a limit does not stop others: it has None, and a warning that says why.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from analysis.results.codec import Unit
from analysis.results.values import BANDS
from analysis.settings.search import Systematics
from analysis.statistics.background.poisson import scoring_fit
from analysis.statistics.limits.asymptotic import (
    DataProfile,
    Fitter,
    NoLimitError,
    bin_order,
    check_same,
    expected_limits,
    model_of,
    nominal_asimov,
    numpy_backend,
    observed_limit,
    pyhf_fitter,
    template_fitter,
)
from analysis.statistics.limits.template_fit import TemplateFit, strength_scale
from analysis.statistics.limits.toy_limits import toy_limits
from analysis.statistics.limits.workspaces import (
    GIVEN_MASS_WIDTH,
    ChannelTemplates,
    GivenTemplate,
    counts_under_peak,
    eigenmodes,
    workspace,
)
from analysis.statistics.resonance.peak import Peak
from analysis.statistics.resonance.scan import Spectra
from analysis.statistics.resonance.shape import ShapeSearch
from analysis.statistics.spectra.streams import limit_toy_stream
from tools.arrays import FloatArray

ENOUGH_COUNTS = 20.0
"""background events under the peak from which asymptotic limits are right to some 5 %"""


@dataclass(frozen=True, slots=True, eq=False)
class MassPoint:
    """What is searched for at one mass."""

    mass_GeV: float
    """mass of the resonance"""
    channels: tuple[ChannelTemplates, ...]
    """the categories; `observed` in all of them, or in none while blind"""
    reason: str | None = None
    """why there are no limits; None if there are"""

    @property
    def name(self) -> str:
        """Name of the workspace."""
        return f"mass_{self.mass_GeV:g}"

    def workspace(self, unit: Unit = "pb") -> dict[str, Any]:
        """Return its likelihood as a pyhf workspace."""
        return workspace(self.channels, scale=strength_scale(self.channels), unit=unit)


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
    nominal, varied = peak.templates(mass_GeV), _varied(peak, mass_GeV)
    backgrounds, given = _backgrounds(expected), _given(shape)
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
                    given=tuple(known.some(own) for known in given),
                )
            )
    reasons = [None] * len(mass_GeV) if observed is None else observed.hidden(mass_GeV)
    return [
        MassPoint(float(mass), tuple(channels), reason)
        for mass, channels, reason in zip(mass_GeV, points, reasons, strict=True)
    ]


def _varied(peak: Peak, mass_GeV: FloatArray) -> dict[str, list[FloatArray]]:
    """Return templates with resolution and energy scale down and up, by nuisance."""
    return {
        name: [peak.templates(mass_GeV, **{what: pull}) for pull in (-1.0, 1.0)]
        for name, what, error in (
            ("resolution", "wider", peak.width_error),
            ("energy_scale", "shifted", peak.scale_error),
        )
        if error > 0
    }


def _given(shape: ShapeSearch) -> list[GivenTemplate]:
    """Return the resonances that are claimed, in the bins of all channels."""
    peak, found = shape.expected.peak, []
    for resonance in () if shape.observed is None else shape.observed.resonances:
        measured = resonance.measurement
        events, mass = measured.signal.interval.value, measured.mass.interval.value
        place, name = np.array([mass]), f"given_{mass:.1f}"
        varied = _varied(peak, place)
        if (error := GIVEN_MASS_WIDTH * measured.mass_error_GeV) > 0:
            varied[f"{name}_mass"] = [peak.templates(place + side * error) for side in (-1, 1)]
        variations = {n: (events * down[0], events * up[0]) for n, (down, up) in varied.items()}
        found.append(GivenTemplate(name, events * peak.templates(place)[0], variations))
    return found


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


@dataclass(frozen=True, slots=True)
class MassLimit:
    """Upper limits on the cross-section at one mass, in the unit of the templates."""

    mass_GeV: float
    """mass of the resonance"""
    observed: float | None
    """None while blind, and where there is none (then `reason` or `warnings` says why)"""
    expected: tuple[float | None, ...]
    """expected limits at `BANDS`"""
    counts_under_peak: float
    """background events within +-1.4 standard deviations"""
    low_counts: bool
    """whether these are too few for the asymptotic formulae"""
    method: str
    """``"asymptotic"`` or ``"toys"``"""
    warnings: tuple[str, ...] = ()
    """why a limit was not found, in words"""
    reason: str | None = None
    """why none was looked for"""


def mass_limit(
    point: MassPoint, *, confidence_level: float = 0.95, toys: int = 0, seed: int = 0
) -> MassLimit:
    """Return the limits at one mass.

    Parameters
    ----------
    point : MassPoint
    confidence_level : float
    toys : int
        Toys for each hypothesis at each strength, where counts are low; 0: asymptotic everywhere.
    seed : int
        Of the toys.

    Raises
    ------
    InputError
        If categories or nuisances have names that clash.
    """
    # By the expectation, observed or not: the data do not choose the method of their limit.
    counts = counts_under_peak(point.channels)
    low = counts < ENOUGH_COUNTS
    if point.reason is not None:
        none = (None,) * len(BANDS)
        return MassLimit(point.mass_GeV, None, none, counts, low, "asymptotic", (), point.reason)
    toys = toys if low else 0
    limits = partial(_limits, point.mass_GeV, confidence_level, toys, seed)
    observed: float | None = None
    with numpy_backend() as optimisers:
        # A model of its own: the expected limits are the same to the last digit before and after.
        unseen = [replace(each, observed=None) for each in point.channels]
        blind = _Likelihood.of(unseen, optimisers)
        expected, warnings = limits(blind)
        if all(channel.observed is not None for channel in point.channels):
            (observed,), notes = limits(_Likelihood.of(point.channels, optimisers, known=blind))
            warnings += notes
    return MassLimit(
        mass_GeV=point.mass_GeV,
        observed=observed,
        expected=tuple(expected),
        counts_under_peak=counts,
        low_counts=low,
        method="toys" if toys else "asymptotic",
        warnings=tuple(warnings),
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Likelihood:
    """pyhf's model at one mass, and who fits it: the first that can."""

    model: Any
    data: FloatArray
    """expected events, with the auxiliary data"""
    templates: TemplateFit
    scale: float
    fitters: tuple[Fitter, Fitter]
    observed: FloatArray | None = None
    """observed events in the templates' bins; None: limits are the expected ones"""

    @classmethod
    def of(
        cls,
        channels: Sequence[ChannelTemplates],
        optimisers: Sequence[Any],
        *,
        known: "_Likelihood | None" = None,
    ) -> "_Likelihood":
        """Return the likelihood of observed events, if there are any.

        One that is `known` of the same templates lends its model, which takes long to make.
        """
        scale = strength_scale(channels)
        if known is None or known.scale != scale:
            templates = TemplateFit.of(channels, scale=scale)
            model, data = model_of(workspace(channels, scale=scale))
            fitters = (template_fitter(model, templates), pyhf_fitter(model, optimisers))
            known = cls(model, data, templates, scale, fitters)
        seen = [each.observed for each in channels if each.observed is not None]
        return replace(known, observed=np.concatenate(seen)) if seen else known

    def limits(self, fitter: Fitter, confidence_level: float) -> list[float]:
        """Return the asymptotic limits on the strength: the observed one, or those at `BANDS`."""
        options = {"confidence_level": confidence_level, "guess": self.templates.sigma()}
        if self.observed is None:
            return [*expected_limits(nominal_asimov(self.model, fitter), **options)]
        data = self.data.copy()
        data[bin_order(self.model, self.templates)] = self.observed
        if fitter is self.fitters[0]:
            check_same(self.model, self.templates, data, fitter)
        return [observed_limit(DataProfile.of(self.model, data, fitter), **options)]


def _limits(
    mass_GeV: float, confidence_level: float, toys: int, seed: int, likelihood: _Likelihood
) -> tuple[list[float | None], list[str]]:
    """Return the observed limit on the cross-section, or those expected at `BANDS`.

    Where there is none it is None, and the second, warnings, say why. Without toys limits are
    asymptotic.
    """
    unblinded = likelihood.observed is not None
    what, number = ("observed", 1) if unblinded else ("expected", len(BANDS))
    none = f"no {what} limit at {mass_GeV:g} GeV"
    found: list[float | None]
    try:
        # First the fit with derivatives, which is faster by far; else pyhf's own minimisers.
        try:
            strengths = likelihood.limits(likelihood.fitters[0], confidence_level)
        except NoLimitError:
            strengths = likelihood.limits(likelihood.fitters[1], confidence_level)
        found = [*strengths]
        if toys:
            found = toy_limits(
                likelihood.templates,
                likelihood.observed,
                around=strengths,
                confidence_level=confidence_level,
                toys=toys,
                rng=limit_toy_stream(seed, mass_GeV, int(unblinded)),
            )
    except NoLimitError as problem:
        return [None] * number, [f"{none}: {problem}"]
    warnings = []
    if None in found:
        warnings.append(
            f"{none} from {toys} toys: their CLs does not cross the level; more toys may do"
        )
    return [None if x is None else float(x * likelihood.scale) for x in found], warnings
