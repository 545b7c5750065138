"""``claim.json``: what a group says of its universe, in one file that it hands in."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

from analysis.results.codec import ABSENT, Numbers
from analysis.results.values import Estimate
from analysis.results.verdict import ClaimLevel
from tools.manifest import Source


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class ClaimedLimits:
    """The observed upper limits against mass."""

    confidence_level: float
    mass_GeV: Numbers
    observed_pb: Numbers
    """limits on the cross-section at each mass, pb"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimOrigin:
    """What the provenance of a claim says beside that of any result."""

    OPEN: ClassVar = True
    data: tuple[Source, ...]
    """files that the observed events were converted from; none where they were generated"""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Claim:
    """What can be right or wrong of a verdict, and the caveats about it."""

    FILE: ClassVar = "claim.json"
    FORMAT: ClassVar = "xyy-claim-1"
    format: str = FORMAT
    decision: ClaimLevel
    local_z: float | None
    """largest local significance of the scan"""
    global_z: float | None
    """global significance of the largest excess"""
    mass_GeV: Estimate | None
    cross_section_pb: Estimate | None
    complete: bool
    """whether no event was lost on the way"""
    after_unblinding: str | None
    """why decisions were changed after unblinding, if they were"""
    changed_after_unblinding: Annotated[tuple[str, ...] | None, ABSENT] = None
    """names of what was changed after unblinding"""
    limits: ClaimedLimits
    provenance: ClaimOrigin

    @property
    def found(self) -> bool:
        """Whether it claims that there is an X."""
        return self.decision != "limit"
