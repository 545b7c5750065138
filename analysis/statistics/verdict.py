"""The verdict: discovery, evidence, or a limit; and mass and cross-section of what is seen.

The decision is by the largest local significance of the scan and what it is worth anywhere in the
range, with the thresholds of the search file: a search over 500 to 1000 GeV finds a local 3 sigma
somewhere in a few percent of spectra without a resonance. Mass and cross-section are given from
`measurement_local_z` on, as best fit; the decision says whether they are a claim. While the data
are blind, or there are none, there is no decision.

The cross-section is sigma(pp -> X -> yy) before the filter: fitted events over luminosity, filter
efficiency and the selection efficiency at the fitted mass, whose errors are added.
"""

from dataclasses import dataclass

import numpy as np

from analysis.results.values import Estimate
from analysis.results.verdict import ClaimLevel
from analysis.settings.search import Decision
from analysis.statistics.inference import Inference
from analysis.statistics.limits.mass_limits import norm_errors
from analysis.statistics.resonance.measurement import Measurement
from analysis.statistics.spectra.inputs import InferenceInputs


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the data say."""

    decision: ClaimLevel | None
    local_z: float | None
    mass_GeV: Estimate | None
    """None below `measurement_local_z`"""
    cross_section_pb: Estimate | None
    reason: str | None
    """why there is no decision, or no mass; None if there are both"""


def decide(local_z: float, global_z: float, thresholds: Decision) -> ClaimLevel:
    """Return the decision for a local and a global significance.

    >>> thresholds = Decision(5.0, 3.0, 3.0, 3.0, 0.1)
    >>> [decide(*z, thresholds) for z in ((3.8, 2.9), (3.9, 3.0), (4.9, 4.2), (5.0, 4.3))]
    ['limit', 'evidence', 'evidence', 'discovery']
    """
    if local_z >= thresholds.discovery_local_z and global_z >= thresholds.discovery_global_z:
        return "discovery"
    return "evidence" if global_z >= thresholds.evidence_global_z else "limit"


def judge(inference: Inference) -> Judgement:
    """Return the verdict of an inference."""
    observed = inference.shape.observed
    if observed is None:
        return Judgement(None, None, None, None, closed(inference))
    thresholds, local_z = inference.search.decision, observed.local_z
    decision = decide(local_z, observed.whole.z, thresholds)
    measured = observed.measurement
    if local_z < thresholds.measurement_local_z or measured is None:
        reason = (
            f"local z = {local_z:.2f} is below {thresholds.measurement_local_z:g}: "
            "mass and cross-section are not quoted"
        )
        return Judgement(decision, local_z, None, None, reason)
    cross_section = fitted_cross_section(inference, measured)
    return Judgement(decision, local_z, measured.mass.interval, cross_section, None)


def closed(inference: Inference) -> str | None:
    """Return why observed quantities are missing, or None if they are not."""
    return shut(inference.inputs)


def shut(inputs: InferenceInputs) -> str | None:
    """Return why nothing of the window can be told, or None if it can."""
    if inputs.data is None:
        return "there are no data: expected results only, from the simulation"
    if inputs.data.blinded:
        return "the data are blind: expected results only; open them with `xyy unblind`"
    return None


def fitted_cross_section(inference: Inference, measured: Measurement) -> Estimate:
    """Return the cross-section of a fitted resonance."""
    mass = np.array([measured.mass.interval.value])
    signal = inference.shape.signal
    efficiency, error = signal.total_efficiency(mass)
    errors = norm_errors(inference.search, float((error / efficiency)[0]))
    per_pb = float(inference.inputs.events_per_pb(signal, mass)[0])
    relative = float(np.linalg.norm(list(errors.values()))) if errors else 0.0
    return measured.signal.interval.scaled(1 / per_pb, relative_error=relative)
