"""The files of a game: what is sealed, what is claimed, and what is opened and judged.

In this order: ``sealed.json``, a group's ``claim.json``, ``revealed.json``, ``scores.json``. What
tells the truth has no ``repr``, so that no log tells it.
"""

from dataclasses import dataclass
from typing import Annotated, ClassVar

from analysis.results.codec import ABSENT, Numbers
from analysis.results.values import Estimate
from analysis.results.verdict import ClaimLevel
from tools.manifest import Source

# ---- sealed --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class DataFile(Source):
    """A file of a group's data, as it was handed out; its name is relative to the game's folder."""

    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedGroup:
    """What is public of a group's universe."""

    events: int
    """number of rows of its data"""
    files: tuple[DataFile, ...]
    commitment: str
    """SHA-256 that binds the truth to the data"""


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedGame:
    """What is public of a game."""

    FILE: ClassVar = "sealed.json"
    format: str = "xyy-sealed-1"
    samples: str
    """name of the samples file"""
    seed_commitment: str
    groups: dict[str, SealedGroup]


# ---- claimed -------------------------------------------------------------------------------------


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
    """What a group says of its universe: what can be right or wrong of a verdict, and caveats."""

    FILE: ClassVar = "claim.json"
    format: str = "xyy-claim-1"
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
    def digests(self) -> frozenset[str]:
        """XXH3-128 of the data files that it was made from."""
        return frozenset(source.digest for source in self.provenance.data)

    @property
    def found(self) -> bool:
        """Whether it claims that there is an X."""
        return self.decision != "limit"


# ---- opened --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, repr=False, kw_only=True)
class ResonanceTruth:
    """What a claim is judged by."""

    exists: bool
    """whether there is an X"""
    mass_GeV: float | None
    """mass of X; None if there is none"""
    cross_section_pb: float
    """cross-section before the filter, pb; 0 if there is no X"""


@dataclass(frozen=True, slots=True, repr=False, kw_only=True)
class BackgroundTruth:
    """How nature's background differs from the simulated one."""

    scale_GeV: float
    tail_fraction: float
    n_jets_mean: float
    isolation_means: tuple[float, float]


@dataclass(frozen=True, slots=True, repr=False, kw_only=True)
class UniverseTruth(ResonanceTruth):
    """All that is so in a universe."""

    width_GeV: float | None
    """width of X; None if there is none"""
    signal_events: int
    background_events: int
    background: BackgroundTruth

    @property
    def resonance(self) -> ResonanceTruth:
        """What a claim is judged by."""
        return ResonanceTruth(
            exists=self.exists, mass_GeV=self.mass_GeV, cross_section_pb=self.cross_section_pb
        )


@dataclass(frozen=True, slots=True, repr=False, kw_only=True)
class RevealedGroup:
    """A group's universe with its truth."""

    universe: int
    """its number among the universes of the seed"""
    truth: UniverseTruth
    nonce: str
    """32 hexadecimal digits"""


@dataclass(frozen=True, slots=True, repr=False, kw_only=True)
class RevealedSeed:
    """The seed of all universes of a game."""

    seed: str
    nonce: str
    """32 hexadecimal digits"""


@dataclass(frozen=True, slots=True, repr=False, kw_only=True)
class RevealedGame:
    """The truth of a game with all that opens its commitments; the teacher's, until revealed."""

    FILE: ClassVar = "revealed.json"
    warning: Annotated[str | None, ABSENT] = None
    """that it is not to be handed out; None once it is revealed"""
    format: str = "xyy-truth-1"
    seal: str
    """SHA-256 of ``sealed.json``"""
    seed: RevealedSeed
    groups: dict[str, RevealedGroup]


# ---- judged --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoredClaim:
    """A claim, in short."""

    decision: ClaimLevel
    mass_GeV: Estimate | None
    cross_section_pb: Estimate | None
    complete: bool
    """whether no event was lost on the way"""
    after_unblinding: str | None
    """why decisions were changed after unblinding, if they were"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimScore:
    """What a claim is worth."""

    right: bool
    why: str
    mass_pull: float | None = None
    """None if there is no X, or no mass was claimed"""
    cross_section_pull: float | None = None
    limit_pb: float | None = None
    """the claim's limit at X's mass; None if there is no X, or no limit at its mass"""
    covers: bool | None = None
    """whether the true cross-section is not above it; None if there is no X"""


@dataclass(frozen=True, slots=True, repr=False, kw_only=True)
class GroupScore:
    """A group's claim beside its truth."""

    claim: ScoredClaim | None
    """None if none was handed in"""
    truth: ResonanceTruth
    score: ClaimScore | None
    reason: str | None
    """why there is no score; None if there is one"""


@dataclass(frozen=True, slots=True, kw_only=True)
class RightClaims:
    """How many claims are right."""

    right: int
    n: int
    """number of claims"""
    groups: int
    """number of groups"""


@dataclass(frozen=True, slots=True, repr=False, kw_only=True)
class GameScores:
    """All claims of a game beside the truth."""

    FILE: ClassVar = "scores.json"
    rule: str
    """what is right, in words"""
    groups: dict[str, GroupScore]
    verdicts: RightClaims
    seal: str
    """SHA-256 of ``sealed.json``"""
