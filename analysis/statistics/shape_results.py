"""Results of the shape search, as their files hold them: scan, limits, and parts of the others.

A search with efficiencies and a luminosity measures a cross-section in pb; a binned spectrum
(``xyy infer --spectrum``) has signal events only. `Strengths` is the difference.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from analysis.results.background import (
    LargestSpuriousSignal,
    PeakBackground,
    PeakCandidate,
    SpuriousSignals,
)
from analysis.results.codec import Unit
from analysis.results.limits import ExcludedRanges, MassLimits, Ranges
from analysis.results.scan import Maximum, Scan
from analysis.results.values import BANDS, Estimate
from analysis.results.verdict import (
    Deficit,
    MassProfile,
    ResonanceBins,
    ResonanceFit,
    StrengthProfile,
)
from analysis.statistics.background.entries import Entry
from analysis.statistics.background.tournament import Decisions
from analysis.statistics.limits.band import MassLimit
from analysis.statistics.limits.doubts import of_limits
from analysis.statistics.resonance.measurement import Measurement
from analysis.statistics.resonance.shape import Observed, ShapeSearch
from tools.arrays import FloatArray


@dataclass(frozen=True, slots=True)
class Strengths:
    """In what the strength of a signal is told."""

    unit: Unit
    per_event: Callable[[FloatArray], FloatArray]
    """strength of one fitted event, by mass"""
    relative_error: Callable[[FloatArray], float] = lambda _mass_GeV: 0.0
    """relative uncertainty of the normalisation, mean over some masses"""
    benchmark: float | None = None
    """strength that the simulated signals stand for"""

    def of(self, measured: Measurement) -> Estimate:
        """Return a measured strength with all its uncertainties."""
        mass = np.array([measured.mass.interval.value])
        factor, relative = float(self.per_event(mass)[0]), self.relative_error(mass)
        return measured.signal.interval.scaled(factor, relative_error=relative)


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
    factor, relative = strengths.per_event(scan.mass_GeV), strengths.relative_error(masses)
    return replace(
        blind,
        local_z=np.maximum(z, 0.0),
        signed_z=z,
        local_p=ndtr(-np.maximum(z, 0.0)),
        cross_section_pb=events * factor,
        cross_section_error_pb=factor * np.hypot(error, events * relative),
        signal_events=events,
        signal_error_events=error,
        envelope_z=observed.envelope_z,
        maximum=_maximum(observed),
        global_=observed.whole,
    )


def _maximum(observed: Observed) -> Maximum | None:
    if observed.local_z == 0:
        return None
    mass = observed.scan.mass_GeV[observed.best]
    return Maximum(mass_GeV=mass, local_z=observed.local_z)


def limits_result(
    limits: Sequence[MassLimit],
    confidence_level: float,
    *,
    unit: Unit,
    benchmark: float | None = None,
    reason: str | None,
    complete: bool = True,
    partial: bool = False,
) -> MassLimits:
    """Return the limits at all masses, or at those that are done (`partial`)."""
    limits = sorted(limits, key=lambda limit: limit.mass_GeV)
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
        benchmark=benchmark,
        excluded_GeV=ExcludedRanges(
            observed=None if blind else _excluded(masses, observed, benchmark),
            expected=_excluded(masses, expected["0"], benchmark),
        ),
        warnings=(
            *(f"{x.mass_GeV:g} GeV: {note}" for x in limits for note in x.warnings),
            *of_limits(limits),
        ),
        reason=reason,
        partial=partial,
        complete=complete,
        unit=unit,
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


def largest_spurious(
    masses_GeV: FloatArray, events: FloatArray, errors: FloatArray
) -> LargestSpuriousSignal:
    """Return the largest spurious signal at some masses, by uncertainties of a signal."""
    worst = int(np.argmax(np.abs(events / errors)))
    return LargestSpuriousSignal(
        events=events[worst], error_events=errors[worst], mass_GeV=masses_GeV[worst]
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


def fit_result(observed: Observed, strengths: Strengths) -> ResonanceFit:
    """Return the best fit, below the threshold of a claim too: for figures, not for quoting."""
    best = observed.scan.mass_GeV[[observed.best]]
    factor = float(strengths.per_event(best)[0])
    found = ResonanceFit(
        stability=tuple(
            replace(item, strength=_times(item.strength, factor)) for item in observed.stability
        ),
        deficit=_deficit(observed),
        unit=strengths.unit,
    )
    if observed.measurement is None:
        return found
    return _measured(found, observed, observed.measurement, strengths)


def _measured(
    fit: ResonanceFit, observed: Observed, measured: Measurement, strengths: Strengths
) -> ResonanceFit:
    """Return the fit with what was measured."""
    factor = float(strengths.per_event(np.array([measured.mass.interval.value]))[0])
    signal, mass, contour = measured.signal, measured.mass, measured.contour
    return replace(
        fit,
        mass_GeV=mass.interval,
        signal_events=signal.interval,
        cross_section_pb=strengths.of(measured),
        width_GeV=measured.width_GeV,
        local_z_at_mass=measured.local_z,
        goodness_of_fit=measured.goodness_of_fit,
        profile=StrengthProfile(strength=signal.values * factor, delta_deviance=signal.rises),
        mass_profile=MassProfile(mass_GeV=mass.values, delta_deviance=mass.rises),
        contour=replace(contour, strength=contour.strength * factor),
        nuisances=tuple(
            replace(each, impact_up=each.impact_up * factor, impact_down=each.impact_down * factor)
            for each in measured.nuisances
        ),
        channels=_channels(observed, measured, strengths.unit),
        by_channel={
            name: replace(each, strength=each.strength.scaled(factor))
            for name, each in observed.by_channel.items()
        }
        or None,
        compatibility=observed.compatibility,
        warnings=measured.warnings,
    )


def _times(estimate: Estimate, factor: float) -> Estimate:
    return Estimate(estimate.value * factor, estimate.low * factor, estimate.high * factor)


def _deficit(observed: Observed) -> Deficit | None:
    worst = int(np.argmin(observed.scan.z[0]))
    mass, z = observed.scan.mass_GeV[worst], observed.scan.z[0, worst]
    return Deficit(mass_GeV=mass, signed_z=z) if z < 0 else None


def _channels(observed: Observed, measured: Measurement, unit: Unit) -> dict[str, ResonanceBins]:
    """Return the bins of every channel; those of a binned spectrum may have gaps."""
    found = {}
    for index, channel in enumerate(observed.spectra.channels):
        bins, adjacent = channel.bins, unit == "pb"
        found[channel.name] = ResonanceBins(
            edges_GeV=np.append(bins.low_GeV, bins.high_GeV[-1]) if adjacent else None,
            low_GeV=None if adjacent else bins.low_GeV,
            high_GeV=None if adjacent else bins.high_GeV,
            observed_events=bins.counts,
            signal_events=measured.signal_per_bin[index],
            background_events=measured.background_per_bin[index],
        )
    return found
