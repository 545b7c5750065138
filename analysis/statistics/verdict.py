"""The verdict: discovery, evidence, or a limit; and mass and cross-section of what is seen.

The decision is by the significance of the most significant mass, with the thresholds of the search
file. The local threshold of "evidence" stands for a global 3 sigma: a search over 500 to 1000 GeV
finds a local 3 sigma somewhere in a few percent of spectra without a resonance. Mass and
cross-section are given from `measurement_local_z` on, as best fit; the decision says whether they
are a claim. While the data are blind, or there are none, there is no decision.

The cross-section is sigma(pp -> X -> yy) before the filter: fitted events over luminosity, filter
efficiency and the selection efficiency at the fitted mass, whose statistical error is added.
"""

from dataclasses import dataclass
from typing import Literal

from analysis.search import Decision
from analysis.statistics.expectations import known
from analysis.statistics.inference import Inference
from analysis.statistics.resonance import Interval, Resonance

Claim = Literal["discovery", "evidence", "limit"]
NO_GLOBAL_Z = "not computed: it needs the look-elsewhere correction of the mass scan"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the data say."""

    decision: Claim | None
    local_z: float | None
    mass_GeV: Interval | None
    """None below `measurement_local_z`"""
    cross_section_pb: Interval | None
    reason: str | None
    """why there is no decision, or no mass; None if there are both"""


def decide(local_z: float, thresholds: Decision) -> Claim:
    """Return the decision for a local significance.

    >>> thresholds = Decision(5.0, 3.85, 3.0, 0.1)
    >>> [decide(z, thresholds) for z in (3.84, 3.85, 4.99, 5.0)]
    ['limit', 'evidence', 'evidence', 'discovery']
    """
    if local_z >= thresholds.discovery_local_z:
        return "discovery"
    return "evidence" if local_z >= thresholds.evidence_local_z else "limit"


def judge(inference: Inference) -> Verdict:
    """Return the verdict of an inference."""
    resonance = inference.resonance
    if resonance is None:
        return Verdict(None, None, None, None, closed(inference))
    thresholds = inference.search.decision
    decision = decide(resonance.z, thresholds)
    if resonance.z < thresholds.measurement_local_z or resonance.mass_GeV is None:
        reason = (
            f"local z = {resonance.z:.2f} is below {thresholds.measurement_local_z:g}: "
            "mass and cross-section are not quoted"
        )
        return Verdict(decision, resonance.z, None, None, reason)
    cross_section = fitted_cross_section(inference, resonance)
    return Verdict(decision, resonance.z, resonance.mass_GeV, cross_section, None)


def closed(inference: Inference) -> str | None:
    """Return why observed quantities are missing, or None if they are not."""
    if inference.inputs.data is None:
        return "there are no data: expected results only, from the simulation"
    if inference.blinded:
        return "the data are blind: expected results only; open them with `xyy unblind`"
    return None


def fitted_cross_section(inference: Inference, resonance: Resonance) -> Interval | None:
    """Return the cross-section of a fitted resonance; None if there is no excess."""
    if resonance.mass_GeV is None or resonance.signal_events is None:
        return None
    efficiency, error = inference.inputs.efficiency().at(resonance.mass_GeV.value)
    sample = inference.window_limit.sample
    _, filtered = known(inference.inputs.signals[sample], sample)
    per_event = 1 / (inference.inputs.data_luminosity_invpb * filtered * efficiency)
    return resonance.signal_events.scaled(per_event, relative_error=error / efficiency)
