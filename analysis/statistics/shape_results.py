"""Results of the shape search, as their files hold them: scan, limits, and parts of the others.

A search with efficiencies and a luminosity measures a cross-section in pb; a binned spectrum
(``xyy infer --spectrum``) has signal events only. `Strengths` is the difference.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from analysis.results.background import PeakBackground, PeakCandidate, SpuriousSignals
from analysis.results.codec import Unit
from analysis.results.limits import ExcludedRanges, MassLimits, Ranges
from analysis.results.scan import GlobalSignificance, GlobalToys, Maximum, Scan
from analysis.results.values import BANDS, Estimate
from analysis.results.verdict import (
    ChannelCompatibility,
    ChannelStrength,
    Deficit,
    GoodnessOfFit,
    MassProfile,
    MassStrengthContour,
    NuisanceParameter,
    ResonanceBins,
    ResonanceFit,
    StabilityCheck,
    StrengthProfile,
)
from analysis.statistics.background.entries import Entry
from analysis.statistics.background.tournament import Decisions
from analysis.statistics.limits.band import MassLimit
from analysis.statistics.limits.doubts import of_limits
from analysis.statistics.resonance.compatibility import Compatibility
from analysis.statistics.resonance.look_elsewhere import CountedToys, Global
from analysis.statistics.resonance.measurement import Measurement
from analysis.statistics.resonance.shape import Observed, ShapeSearch, Stability
from analysis.statistics.spectra.bins import FloatArray

_SIGMAS = (1, 2, 3)
"""global significances whose local ones are told"""


@dataclass(frozen=True, slots=True)
class Strengths:
    """In what the strength of a signal is told."""

    unit: Unit
    per_event: Callable[[FloatArray], FloatArray]
    """strength of one fitted event, by mass"""
    relative_error: float = 0.0
    """relative uncertainty of the normalisation"""
    benchmark: float | None = None
    """strength that the simulated signals stand for"""


def scan_result(
    shape: ShapeSearch,
    masses: FloatArray,
    strengths: Strengths,
    *,
    reason: str | None,
    complete: bool,
) -> Scan:
    """Return the scan over mass; what is observed is None while blind."""
    from scipy.special import ndtr

    observed = shape.observed
    blind = Scan(
        mass_GeV=masses,
        local_z=None,
        signed_z=None,
        local_p=None,
        signal_events=None,
        signal_error_events=None,
        envelope_z=None,
        expected_local_z=None if strengths.benchmark is None else shape.expected_z,
        benchmark=strengths.benchmark,
        maximum=None,
        global_=None,
        reason=reason,
        complete=complete,
        unit=strengths.unit,
    )
    if observed is None:
        return blind
    scan = observed.scan
    z, events, error = scan.z[0], scan.signal_events[0], scan.signal_error_events[0]
    factor = strengths.per_event(scan.mass_GeV)
    return replace(
        blind,
        local_z=np.maximum(z, 0.0),
        signed_z=z,
        local_p=ndtr(-np.maximum(z, 0.0)),
        cross_section_pb=events * factor,
        cross_section_error_pb=factor * np.hypot(error, events * strengths.relative_error),
        signal_events=events,
        signal_error_events=error,
        envelope_z=observed.envelope_z,
        maximum=_maximum(observed),
        global_=_global(observed.whole),
    )


def _maximum(observed: Observed) -> Maximum | None:
    if observed.local_z == 0:
        return None
    mass = observed.scan.mass_GeV[observed.best]
    return Maximum(mass_GeV=mass, local_z=observed.local_z)


def _global(whole: Global) -> GlobalSignificance:
    crossings = whole.upcrossings
    return GlobalSignificance(
        p=whole.p,
        z=whole.z,
        method=whole.method,
        upcrossings=crossings,
        gross_vitells_p=whole.gross_vitells_p,
        toys=None if whole.toys is None else _toys(whole.toys),
        local_z_of_global={str(z): crossings.local_z(z) for z in _SIGMAS},
    )


def _toys(toys: CountedToys) -> GlobalToys:
    low, high = toys.interval()
    return GlobalToys(n=toys.toys, exceeding=toys.exceeding, p=toys.p, p_low=low, p_high=high)


def limits_result(
    limits: Sequence[MassLimit],
    strengths: Strengths,
    confidence_level: float,
    *,
    reason: str | None,
    complete: bool,
    partial: bool = False,
) -> MassLimits:
    """Return the limits at all masses, or at those that are done (`partial`)."""
    masses = np.array([limit.mass_GeV for limit in limits])
    observed = np.array([limit.observed for limit in limits], dtype=float)
    expected = {
        str(band): np.array([limit.expected[index] for limit in limits], dtype=float)
        for index, band in enumerate(BANDS)
    }
    blind = reason is not None and not np.isfinite(observed).any()
    return MassLimits(
        confidence_level=confidence_level,
        mass_GeV=masses,
        observed=None if blind else observed,
        expected=expected,
        low_counts=tuple(limit.low_counts for limit in limits),
        background_events_under_peak=np.array([limit.counts_under_peak for limit in limits]),
        methods=tuple(limit.method for limit in limits),
        method="toys" if any(limit.method == "toys" for limit in limits) else "asymptotic",
        benchmark=strengths.benchmark,
        excluded_GeV=ExcludedRanges(
            observed=None if blind else _excluded(masses, observed, strengths.benchmark),
            expected=_excluded(masses, expected["0"], strengths.benchmark),
        ),
        warnings=(
            *(f"{x.mass_GeV:g} GeV: {note}" for x in limits for note in x.warnings),
            *of_limits(limits),
        ),
        reason=reason,
        partial=partial,
        complete=complete,
        unit=strengths.unit,
    )


def _excluded(masses: FloatArray, limits: FloatArray, benchmark: float | None) -> Ranges | None:
    """Return the ranges of mass where a limit lies below the benchmark, ends interpolated."""
    if benchmark is None:
        return None
    margin = np.log(benchmark / limits)
    ranges: list[list[float]] = []
    for index, mass in enumerate(masses):
        before = max(index - 1, 0)
        pair = slice(before, index + 1)
        inside, was = margin[index] > 0, index > 0 and margin[before] > 0
        if inside and not was:
            start = _zero(masses[pair], margin[pair], float(mass))
            ranges.append([start, float(mass)])
        elif inside:
            ranges[-1][1] = float(mass)
        elif was:
            ranges[-1][1] = _zero(masses[pair], margin[pair], float(masses[before]))
    return tuple((low, high) for low, high in ranges)


def _zero(masses: FloatArray, margin: FloatArray, otherwise: float) -> float:
    """Return where the margin between two neighbouring masses is zero; `otherwise` if unknown."""
    if len(masses) == 1 or not np.all(np.isfinite(margin)):
        return otherwise
    return float(masses[0] - margin[0] * (masses[1] - masses[0]) / (margin[1] - margin[0]))


def peak_result(decided: Decisions) -> PeakBackground:
    """Return how one channel's function under a peak was decided."""
    option = decided.chosen
    return PeakBackground(
        range=option.range,
        fit_range_GeV=(option.low_GeV, option.high_GeV),
        family=option.function.family,
        order=option.function.order,
        passes=bool(decided.passes[0]),
        truths=tuple(decided.truths),
        spurious=SpuriousSignals(
            mass_GeV=decided.masses_GeV,
            events=decided.spurious[0],
            error_events=decided.error[0],
        ),
        candidates=tuple(_entry(entry, decided) for entry in decided.entries),
    )


def _entry(entry: Entry, decided: Decisions) -> PeakCandidate:
    option, names = entry.option, decided.all_truths
    relative = np.abs(entry.spurious[:, 0] / entry.error[:, 0])
    there = np.isfinite(relative).any()
    truth, mass = np.unravel_index(np.nanargmax(relative), relative.shape) if there else (0, 0)
    return PeakCandidate(
        range=option.range,
        fit_range_GeV=(option.low_GeV, option.high_GeV),
        family=option.function.family,
        order=option.function.order,
        parameters=len(option.function.parameters),
        gof_pvalue=entry.gof_pvalue[0],
        worst_errors=relative[truth, mass],
        worst_truth=names[int(truth)] if there else None,
        worst_mass_GeV=decided.masses_GeV[mass] if there else None,
        passes=bool(entry.passes[0]),
        chosen=option == decided.chosen,
    )


def fit_result(
    observed: Observed,
    channels: dict[str, ResonanceBins],
    strengths: Strengths,
    cross_section: Estimate | None,
) -> ResonanceFit:
    """Return the best fit, below the threshold of a claim too: for figures, not for quoting.

    Parameters
    ----------
    observed : Observed
    channels : dict of str to ResonanceBins
    strengths : Strengths
    cross_section : Estimate or None
        The strength with all its uncertainties; None for a binned spectrum.
    """
    found = ResonanceFit(
        stability=tuple(_stability(item, observed, strengths) for item in observed.stability),
        deficit=_deficit(observed),
        unit=strengths.unit,
    )
    measured = observed.measurement
    if measured is None:
        return found
    factor = float(strengths.per_event(np.array([measured.mass.interval.value]))[0])
    found = _with_channels(found, observed.compatibility, factor)
    return replace(
        _with_curves(found, measured, factor),
        mass_GeV=measured.mass.interval,
        signal_events=measured.signal.interval,
        cross_section_pb=cross_section or measured.signal.interval,
        width_GeV=measured.width_GeV,
        local_z_at_mass=measured.local_z,
        goodness_of_fit=GoodnessOfFit(
            background_only=measured.gof_background_only,
            with_signal=measured.gof_with_signal,
        ),
        nuisances=tuple(
            NuisanceParameter(
                name=nuisance.name,
                pull=nuisance.pull,
                pull_error=nuisance.pull_error,
                impact_up=nuisance.impact_up_events * factor,
                impact_down=nuisance.impact_down_events * factor,
            )
            for nuisance in measured.nuisances
        ),
        channels=channels,
        warnings=tuple(measured.warnings),
    )


def _deficit(observed: Observed) -> Deficit | None:
    worst = int(np.argmin(observed.scan.z[0]))
    mass, z = observed.scan.mass_GeV[worst], observed.scan.z[0, worst]
    return Deficit(mass_GeV=mass, signed_z=z) if z < 0 else None


def _with_channels(fit: ResonanceFit, found: Compatibility | None, factor: float) -> ResonanceFit:
    """Return the fit with the strength that each category sees on its own."""
    if found is None:
        return fit
    return replace(
        fit,
        by_channel={
            name: ChannelStrength(local_z=strength.local_z, strength=strength.events.scaled(factor))
            for name, strength in found.channels.items()
        },
        compatibility=ChannelCompatibility(
            chi2=found.chi2, degrees_of_freedom=found.degrees_of_freedom, pvalue=found.pvalue
        ),
    )


def _with_curves(fit: ResonanceFit, measured: Measurement, factor: float) -> ResonanceFit:
    contour = measured.contour
    return replace(
        fit,
        profile=StrengthProfile(
            strength=measured.signal.values * factor, delta_deviance=measured.signal.rises
        ),
        mass_profile=MassProfile(mass_GeV=measured.mass.values, delta_deviance=measured.mass.rises),
        contour=MassStrengthContour(
            mass_GeV=contour.mass_GeV,
            strength=contour.signal_events * factor,
            delta_deviance=contour.rises,
        ),
    )


def _stability(item: Stability, observed: Observed, strengths: Strengths) -> StabilityCheck:
    factor = float(strengths.per_event(observed.scan.mass_GeV[[observed.best]])[0])
    low, high = (item.signal_events + side * item.signal_error_events for side in (-1, 1))
    return StabilityCheck(
        what=item.what,
        local_z=item.local_z,
        strength=Estimate(item.signal_events * factor, low * factor, high * factor),
        used=item.used,
    )
