"""One claim against one truth: right or wrong, how far off, and whether the limit covers.

The rule:

====================  ==================  ======================================================
the claim             the truth           right
====================  ==================  ======================================================
discovery, evidence   there is no X       no
discovery, evidence   there is an X       if the mass is within 3 of the claim's uncertainties
limit                 there is no X       yes
limit                 there is an X       if the limit covers: at X's mass it is not below X's
                                          cross-section
====================  ==================  ======================================================

Why so. A mass is asked for, as "something, somewhere" is no discovery; within 3 uncertainties a
correct claim is 99.7 % of the time. A limit is a true statement as long as it covers, however weak:
a cross-section of 0.5 pb cannot be found by anybody, and who says "less than 2 pb" is right.
An X that nobody can miss needs no line of its own: a limit that covers one of 6 expected standard
deviations needs a downward fluctuation of more than 4 of them. The cross-section is told by its
pull and not judged: it hangs on the efficiency, which is the simulation's, while the universes'
n_jets and isolations differ from the simulation by a few per cent.

A pull is (claim - truth) over the claim's uncertainty on the side of the truth.
"""

import numpy as np

from analysis.results.game import Claim, ClaimScore, ResonanceTruth
from analysis.results.values import Estimate

MASS_ERRORS = 3.0
"""how many of its uncertainties a claimed mass may be off"""
MAX_STEP_GeV = 50.0
"""the widest gap between limits in which they still say something"""


def score(claim: Claim, truth: ResonanceTruth) -> ClaimScore:
    """Judge a claim by the rule above."""
    if truth.mass_GeV is None:
        why = "there is no X" if claim.found else "there is no X, and none is claimed"
        return ClaimScore(right=not claim.found, why=why)
    limit = limit_at(claim, truth.mass_GeV)
    covers = limit is not None and limit >= truth.cross_section_pb
    pull = _pull(claim.mass_GeV, truth.mass_GeV)
    right, why = _mass_judged(pull) if claim.found else _limit_judged(limit, covers=covers)
    return ClaimScore(
        right=right,
        why=why,
        mass_pull=pull,
        cross_section_pull=_pull(claim.cross_section_pb, truth.cross_section_pb),
        limit_pb=limit,
        # At the mass of what it claims a claim has no limit, which is no fault of it.
        covers=None if claim.found and limit is None else covers,
    )


def _mass_judged(pull: float | None) -> tuple[bool, str]:
    if pull is None:
        return False, "no mass is claimed"
    if abs(pull) <= MASS_ERRORS:
        return True, "found, at the right mass"
    return False, f"found at another mass: {abs(pull):.1f} uncertainties off"


def _limit_judged(limit: float | None, *, covers: bool) -> tuple[bool, str]:
    if limit is None:
        return False, "no limit at X's mass"
    if covers:
        return True, "not found, and the limit covers it"
    return False, "missed: the limit excludes what is there"


def limit_at(claim: Claim, mass_GeV: float) -> float | None:
    """Return the claim's limit at a mass; None where it says nothing of it.

    Between masses it is that of the cubic through the four nearest ones (at the ends, of the line
    through two). An X raises the limits around it as its own width: a line between limits 25 GeV
    apart would be too low by up to 4 % of its cross-section. Between masses further apart than
    `MAX_STEP_GeV` an X can lie unseen, and there is no limit.
    """
    masses, limits = claim.limits.mass_GeV, claim.limits.observed_pb
    above = int(np.searchsorted(masses, mass_GeV))
    if above < len(masses) and masses[above] == mass_GeV:
        return float(limits[above]) if np.isfinite(limits[above]) else None
    if above in (0, len(masses)) or masses[above] - masses[above - 1] > MAX_STEP_GeV:
        return None
    # Four points, or the two beside it: at the ends, or where one of the others has no limit.
    for first, last in ((above - 2, above + 2), (above - 1, above + 1)):
        if first >= 0 and last <= len(masses):
            # Masses from X's own on: the polynomial there is its constant term.
            x, y = masses[first:last] - mass_GeV, limits[first:last]
            if np.all(np.isfinite(y)):
                return float(np.polyfit(x, y, len(x) - 1)[-1])
    return None


def _pull(found: Estimate | None, truth: float) -> float | None:
    """Return the pull; None if nothing is claimed, or with no uncertainty on that side."""
    if found is None:
        return None
    error = found.value - found.low if truth < found.value else found.high - found.value
    return (found.value - truth) / error if error > 0 else None
