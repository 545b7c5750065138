"""The verdict: discovery, evidence, or a limit; and mass and strength of what is seen.

The decision is by the largest local significance of the scan and what it is worth anywhere in the
range, with the thresholds of the search file: a search over 500 to 1000 GeV finds a local 3 sigma
somewhere in a few percent of spectra without a resonance. Mass and strength are given from
`measurement_local_z` on, as best fit; the decision says whether they are a claim. While the data
are blind, or there are none, there is no decision, and nothing is claimed on a spectrum that its
background does not fit.

The cross-section is sigma(pp -> X -> yy) before the filter: fitted events over luminosity, filter
efficiency and the selection efficiency at the fitted mass, whose errors are added.
"""

from collections.abc import Sequence

from analysis.results.verdict import ClaimLevel, Verdict
from analysis.settings.search import Decision
from analysis.statistics.resonance.measurement import Measurement
from analysis.statistics.resonance.shape import Observed, ShapeSearch
from analysis.statistics.shape_results import Terms, fit_result


def decide(local_z: float, global_z: float, thresholds: Decision) -> ClaimLevel:
    """Return the decision for a local and a global significance.

    >>> thresholds = Decision(5.0, 3.0, 3.0, 3.0, 0.1)
    >>> [decide(*z, thresholds) for z in ((3.8, 2.9), (3.9, 3.0), (4.9, 4.2), (5.0, 4.3))]
    ['limit', 'evidence', 'evidence', 'discovery']
    """
    if local_z >= thresholds.discovery_local_z and global_z >= thresholds.discovery_global_z:
        return "discovery"
    return "evidence" if global_z >= thresholds.evidence_global_z else "limit"


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
    observed, decision, reason = shape.observed, None, terms.reason
    measured: Measurement | None = None
    if observed is not None:
        decision = decide(observed.scan.local_z, observed.global_significance.z, thresholds)
        # Nothing is claimed on a spectrum that its background does not fit: limits are left.
        decision = decision if poor_fit is None else "limit"
        measured, reason = _quoted(observed, terms, thresholds.measurement_local_z)
        if measured is not None and poor_fit is not None:
            reason = f"nothing is claimed: {poor_fit}"
    pb = terms.unit == "pb"
    return Verdict(
        decision=decision,
        complete=terms.complete,
        blinded=blinded,
        after_unblinding=None,
        local_z=None if observed is None else observed.scan.local_z,
        global_z=None if observed is None else observed.global_significance.z,
        global_p=None if observed is None else observed.global_significance.p,
        global_z_reason=terms.reason,
        mass_GeV=None if measured is None else measured.mass.interval,
        signal_events=None if measured is None or pb else measured.signal.interval,
        cross_section_pb=terms.strength(measured) if measured is not None and pb else None,
        reason=reason,
        counting=None,
        fit=None if observed is None else fit_result(observed, terms),
        warnings=(*warnings, *(() if measured is None else measured.warnings)),
        unit=terms.unit,
    )


def _quoted(
    observed: Observed, terms: Terms, threshold: float
) -> tuple[Measurement | None, str | None]:
    """Return the measurement if it is quoted, else why it is not."""
    if observed.measurement is not None and observed.scan.local_z >= threshold:
        return observed.measurement, None
    what = "cross-section" if terms.unit == "pb" else "signal"
    below = f"local z = {observed.scan.local_z:.2f} is below {threshold:g}"
    return None, f"{below}: mass and {what} are not quoted"
