"""The verdict: discovery, evidence, or a limit; and mass and strength of what is seen.

The decision is by the largest local significance of the scan and what it is worth anywhere in the
range, with the thresholds of the search file (`claims.py`): a search over 500 to 1000 GeV finds a
local 3 sigma somewhere in a few percent of spectra without a resonance. Mass and strength are
given from `measurement_local_z` on, as best fit; the decision says whether they are a claim. While
the data are blind, or there are none, there is no decision, and nothing is claimed on a spectrum
that its background does not fit.

The cross-section is sigma(pp -> X -> yy) before the filter: fitted events over luminosity, filter
efficiency and the selection efficiency at the fitted mass, whose errors are added.

Scan and best fit stand here as their files hold them, too. A search with efficiencies and a
luminosity measures a cross-section in pb; a binned spectrum (``xyy infer --spectrum``) has signal
events only. `Terms` is the difference.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from analysis.results.codec import Unit
from analysis.results.scan import Maximum, Scan
from analysis.results.values import Estimate, GivenMass
from analysis.results.verdict import (
    ClaimedResonance,
    ClaimLevel,
    Deficit,
    MassProfile,
    ResonanceBins,
    ResonanceFit,
    StrengthProfile,
    Verdict,
)
from analysis.settings.search import Decision
from analysis.statistics.resonance.claims import Excess
from analysis.statistics.resonance.measurement import Measurement
from analysis.statistics.resonance.shape import Observed, ShapeSearch
from tools.arrays import FloatArray

_NAMED_Z = 3.0
"""local significance of an excess that is no claim, from which on it is named"""


@dataclass(frozen=True, slots=True)
class Terms:
    """In what the strength of a signal is given, and what holds for all results of a search."""

    unit: Unit
    per_event: Callable[[FloatArray], FloatArray]
    """strength of one fitted event, by mass"""
    reason: str | None
    """why nothing is observed; None if it is"""
    complete: bool = True
    """whether no event was lost on the way"""
    relative_error: Callable[[FloatArray], float] = lambda _mass_GeV: 0.0
    """relative uncertainty of the normalisation, mean over some masses"""
    benchmark: float | None = None
    """strength that the simulated signals stand for"""
    given: tuple[GivenMass, ...] = ()
    """resonances in both hypotheses of scan and limits"""

    def strength(self, measured: Measurement) -> Estimate:
        """Return a measured strength with all its uncertainties."""
        mass = np.array([measured.mass.interval.value])
        factor, relative = float(self.per_event(mass)[0]), self.relative_error(mass)
        return measured.signal.interval.scaled(factor, relative_error=relative)


def scan_result(shape: ShapeSearch, masses: FloatArray, terms: Terms) -> Scan:
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
        local_z_min=None,
        local_z_max=None,
        expected_local_z=None if terms.benchmark is None else shape.expected_z,
        benchmark=terms.benchmark,
        maximum=None,
        global_=None,
        reason=terms.reason,
        complete=terms.complete,
        unit=terms.unit,
    )
    if observed is None:
        return blind
    scan = observed.scan
    z, events, error = scan.z, scan.signal_events, scan.signal_error_events
    # Strengths of all masses share one uncertainty of the normalisation, their mean.
    factor, relative = terms.per_event(scan.mass_GeV), terms.relative_error(masses)
    highest, functions = observed.excess, observed.functions
    return replace(
        blind,
        local_z=np.maximum(z, 0.0),
        signed_z=z,
        local_p=ndtr(-np.maximum(z, 0.0)),
        cross_section_pb=events * factor,
        cross_section_error_pb=factor * np.hypot(error, events * relative),
        signal_events=events,
        signal_error_events=error,
        envelope_z=functions.envelope,
        local_z_min=functions.lowest,
        local_z_max=functions.highest,
        given=terms.given,
        converged=tuple(scan.converged.tolist()),
        maximum=_maximum(highest) if highest.local_z > 0 else None,
        global_=highest.global_significance,
    )


def _maximum(excess: Excess) -> Maximum:
    return Maximum(mass_GeV=excess.mass_GeV, local_z=excess.local_z)


def given_of(observed: Observed | None) -> tuple[GivenMass, ...]:
    """Return the resonances that are in both hypotheses, the strongest first."""
    found = () if observed is None else observed.resonances
    return tuple(GivenMass(mass_GeV=each.measurement.mass.interval.value) for each in found)


def fit_result(observed: Observed, terms: Terms, *, quoted: bool) -> ResonanceFit:
    """Return the best fit, below the threshold of a claim too: for figures, not for quoting.

    Profiles and contour are there only if the measurement is `quoted`.
    """
    scan, measured = observed.scan, observed.measurement
    factor = float(terms.per_event(np.array([observed.excess.mass_GeV]))[0])
    worst = int(np.argmin(scan.z))
    deficit = Deficit(mass_GeV=scan.mass_GeV[worst], signed_z=scan.z[worst])
    fit = ResonanceFit(
        stability=tuple(
            replace(item, strength=_times(item.strength, factor)) for item in observed.stability
        ),
        deficit=deficit if deficit.signed_z < 0 else None,
        unit=terms.unit,
    )
    if measured is None:
        return fit
    factor = float(terms.per_event(np.array([measured.mass.interval.value]))[0])
    signal, mass, contour = measured.signal, measured.mass, measured.contour
    # Below the threshold they follow from one fluctuation of the background to the next: a profile
    # of the mass jumps among them, and tells nothing of a resonance.
    if quoted:
        fit = replace(
            fit,
            profile=StrengthProfile(strength=signal.values * factor, delta_deviance=signal.rises),
            mass_profile=MassProfile(mass_GeV=mass.values, delta_deviance=mass.rises),
            contour=replace(contour, strength=contour.strength * factor),
        )
    return replace(
        fit,
        mass_GeV=mass.interval,
        signal_events=signal.interval,
        cross_section_pb=terms.strength(measured),
        width_GeV=measured.width_GeV,
        local_z_at_mass=measured.local_z,
        goodness_of_fit=measured.goodness_of_fit,
        nuisances=tuple(
            replace(each, impact_up=each.impact_up * factor, impact_down=each.impact_down * factor)
            for each in measured.nuisances
        ),
        channels=_bins(measured, terms.unit),
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


def _bins(measured: Measurement, unit: Unit) -> dict[str, ResonanceBins]:
    """Return the bins of every channel; those of a binned spectrum may have gaps."""
    found, spectra, (background, signal) = {}, measured.spectra, measured.per_bin
    for channel, group in zip(spectra.channels, spectra.peak.background.groups, strict=True):
        low, high = channel.bins.low_GeV, channel.bins.high_GeV
        both = {"low_GeV": low, "high_GeV": high}
        found[channel.name] = ResonanceBins(
            **({"edges_GeV": np.append(low, high[-1])} if unit == "pb" else both),
            observed_events=channel.bins.counts,
            signal_events=signal[group.bins],
            background_events=background[group.bins],
        )
    return found


def verdict_of(
    shape: ShapeSearch,
    terms: Terms,
    thresholds: Decision,
    warnings: Sequence[str],
    *,
    poor_fit: str | None = None,
    blinded: bool,
) -> Verdict:
    """Return the verdict on the shape alone.

    Parameters
    ----------
    shape : ShapeSearch
    terms : Terms
    thresholds : Decision
    warnings : sequence of str
        Those of the measurement follow.
    poor_fit : str or None
        Why the spectrum is not to be believed.
    blinded : bool
        As in the verdict.
    """
    observed, reason = shape.observed, terms.reason
    decision: ClaimLevel | None = None
    excess = None if observed is None else observed.excess
    measured: Measurement | None = None
    if observed is not None:
        # Nothing is claimed on a spectrum that its background does not fit: limits are left.
        decision = "limit" if poor_fit is not None else observed.excess.level
        measured, reason = _quoted(observed, terms, thresholds.measurement_local_z)
        if measured is not None and poor_fit is not None:
            reason = f"nothing is claimed: {poor_fit}"
        intervals = () if measured is None else measured.warnings
        warnings = (*warnings, *_cautions(observed), *intervals)
    pb = terms.unit == "pb"
    return Verdict(
        decision=decision,
        complete=terms.complete,
        blinded=blinded,
        after_unblinding=None,
        local_z=None if excess is None else excess.local_z,
        local_z_range=None if excess is None else excess.z_range,
        envelope_z=None if excess is None else excess.envelope_z,
        systematic_z=None if excess is None else excess.systematic_z,
        global_z=None if excess is None else excess.global_significance.z,
        global_p=None if excess is None else excess.global_significance.p,
        global_z_reason=terms.reason,
        mass_GeV=None if measured is None else measured.mass.interval,
        signal_events=None if measured is None or pb else measured.signal.interval,
        cross_section_pb=terms.strength(measured) if measured is not None and pb else None,
        resonances=None if observed is None else tuple(_claimed(observed, terms)),
        given=None if observed is None else terms.given,
        reason=reason,
        counting=None,
        fit=None if observed is None else fit_result(observed, terms, quoted=measured is not None),
        warnings=tuple(warnings),
        unit=terms.unit,
    )


def _claimed(observed: Observed, terms: Terms) -> Iterator[ClaimedResonance]:
    for found in observed.resonances:
        excess, measured, pb = found.excess, found.measurement, terms.unit == "pb"
        yield ClaimedResonance(
            decision=excess.level,
            mass_GeV=measured.mass.interval,
            cross_section_pb=terms.strength(measured) if pb else None,
            signal_events=measured.signal.interval,
            local_z=excess.local_z,
            local_z_range=excess.z_range,
            envelope_z=excess.envelope_z,
            systematic_z=excess.systematic_z,
            global_z=excess.global_significance.z,
        )


def _cautions(observed: Observed) -> Iterator[str]:
    """Yield what a scan says against itself."""
    scan, left, claimed = observed.scan, observed.unclaimed, len(observed.resonances)
    masses = scan.mass_GeV[~scan.converged]
    if len(masses):
        where = f"{masses[0]:g}" if len(masses) == 1 else f"{masses[0]:g} to {masses[-1]:g}"
        yield (
            f"the fits at {len(masses)} of {len(scan.mass_GeV)} masses ({where} GeV) did not reach "
            "a minimum: significances and strengths there are uncertain"
        )
    if left.local_z >= _NAMED_Z:
        beside = f" beside what is claimed ({claimed})" if claimed else ""
        yield (
            f"an excess of {left.local_z:.1f} sigma at {left.mass_GeV:g} GeV{beside} is no claim: "
            "if it is a resonance, limits at other masses are too strong, as the background is "
            "fitted without it"
        )


def _quoted(
    observed: Observed, terms: Terms, threshold: float
) -> tuple[Measurement | None, str | None]:
    """Return the measurement if it is quoted, else why it is not."""
    local_z = observed.excess.local_z
    if observed.measurement is not None and local_z >= threshold:
        return observed.measurement, None
    what = "cross-section" if terms.unit == "pb" else "signal"
    below = f"local z = {local_z:.2f} is below {threshold:g}"
    return None, f"{below}: mass and {what} are not quoted"
