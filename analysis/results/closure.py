"""``closure.json``: what a campaign of parallel universes showed.

It holds no universe by itself, only fractions, pulls and histograms over many, each with the number
of universes that it is of. A number of too few universes is NaN.
"""

from dataclasses import dataclass
from typing import Annotated, ClassVar

from analysis.results.checks import Check
from analysis.results.codec import ABSENT, Key
from analysis.results.verdict import ClaimLevel

# ---- numbers over many universes -----------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Fraction:
    """A fraction of universes."""

    value: float
    error: float
    """binomial uncertainty; that of one universe if there is none, or if they are all"""
    n: int
    """number of universes"""


@dataclass(frozen=True, slots=True)
class MeanAndWidth:
    """Mean and standard deviation of pulls."""

    mean: float
    mean_error: float
    """statistical uncertainty of the mean"""
    width: float
    width_error: float
    """statistical uncertainty of the width"""
    n: int
    """number of universes"""


@dataclass(frozen=True, slots=True)
class MeanDifference:
    """The mean difference of what was found and what is true."""

    mean: float
    error: float
    """statistical uncertainty of the mean"""
    n: int
    """number of universes"""


@dataclass(frozen=True, slots=True)
class UniverseHistogram:
    """Universes in bins of equal width; the first and the last bin hold what is beyond."""

    low: float
    high: float
    counts: tuple[int, ...]


# ---- universes without X -------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CountedUniverses:
    """How many universes show something, and how many should."""

    observed: int
    expected: float
    n: int
    """number of universes"""


@dataclass(frozen=True, slots=True, kw_only=True)
class CountedAtMass(CountedUniverses):
    """The same at a mass that was not searched for."""

    mass_GeV: float


@dataclass(frozen=True, slots=True)
class EmptyAtMass:
    """Significances without X at a mass that was not searched for."""

    mass_GeV: float
    above_2: Fraction
    """local significance above 2"""
    local_3sigma: CountedUniverses
    """local significance above 3"""


@dataclass(frozen=True, slots=True, kw_only=True)
class FalsePositives:
    """What universes without X show all the same."""

    local_3sigma: CountedAtMass
    """local significance above 3 at one mass"""
    global_p05: CountedUniverses
    """global p-value below 0.05"""
    global_p01: CountedUniverses
    """global p-value below 0.01"""
    fixed_masses: tuple[EmptyAtMass, ...]
    claims: Fraction
    """evidence or discovery"""


# ---- universes with X ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Coverages:
    """How often intervals and limits hold the truth."""

    mass: Fraction
    """68 % interval, where X has to be found"""
    cross_section: Fraction
    """68 % interval, where X has to be found"""
    limit_95: Fraction
    """limit at the true mass"""


@dataclass(frozen=True, slots=True)
class PullMoments:
    """Pulls where X has to be found."""

    mass: MeanAndWidth
    cross_section: MeanAndWidth


@dataclass(frozen=True, slots=True)
class Biases:
    """Mean differences of found and true, where X has to be found."""

    mass_GeV: MeanDifference
    cross_section_relative: MeanDifference
    """difference over the true cross-section"""


@dataclass(frozen=True, slots=True)
class UniversesInBin:
    """What universes with X show whose truth is in a bin of expected local significance."""

    low: float
    """lower end of the bin"""
    high: float
    """upper end of the bin"""
    claimed: Fraction
    """evidence or discovery"""
    right: Fraction
    """right verdicts"""
    limit_95: Fraction
    """limits at the true mass that cover the truth"""
    mass: Fraction
    """68 % intervals that hold the truth, where X has to be found"""
    cross_section: Fraction
    """68 % intervals that hold the truth, where X has to be found"""


@dataclass(frozen=True, slots=True)
class UniversesOfStrength(UniversesInBin):
    """The same in a bin of the true cross-section."""

    low: Annotated[float, Key("low_pb")]
    """lower end of the bin, pb"""
    high: Annotated[float, Key("high_pb")]
    """upper end of the bin, pb"""


@dataclass(frozen=True, slots=True)
class UniversesOfMass(UniversesInBin):
    """The same in a bin of the true mass."""

    low: Annotated[float, Key("low_GeV")]
    """lower end of the bin, GeV"""
    high: Annotated[float, Key("high_GeV")]
    """upper end of the bin, GeV"""


@dataclass(frozen=True, slots=True)
class ClaimPower:
    """How often an X is claimed whose mass and cross-section are in a bin."""

    low_GeV: float
    high_GeV: float
    low_pb: float
    high_pb: float
    claimed: Fraction
    """evidence or discovery"""


# ---- the count in the window --------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class CountCoverage:
    """What the count in the window shows, whose background is predicted from the sidebands."""

    z: MeanAndWidth
    """significances without X"""
    misses: Fraction
    """limits that are below the true cross-section, of all X"""
    misses_of_strong: Fraction
    """the same of X of at least `strong_pb`, where CLs has no reserve left"""
    strong_pb: float


# ---- all universes -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class VerdictCounts:
    """How often each verdict was given where something is true."""

    truth: str
    """what is true, in words"""
    limit: int
    evidence: int
    discovery: int
    right: int
    """right verdicts"""
    n: int
    """number of universes"""


@dataclass(frozen=True, slots=True)
class VerdictTable:
    """The verdicts in the universes that stand for the course."""

    right: int
    """right verdicts"""
    n: int
    """number of universes"""
    table: tuple[VerdictCounts, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosureHistograms:
    """Distributions: pulls where X has to be found, the rest of universes without X."""

    mass_pull: UniverseHistogram
    cross_section_pull: UniverseHistogram
    fixed_z: UniverseHistogram
    """signed local significances at masses that were not searched for"""
    global_p: UniverseHistogram
    """global p-values by the formula"""
    local_z: UniverseHistogram
    """largest local significances"""
    upcrossings: float
    """mean number of upcrossings"""


@dataclass(frozen=True, slots=True, kw_only=True)
class BorderlineCases:
    """Universes for which toys of the whole procedure were generated."""

    universes: int
    toys_each: int
    """toys for each of them"""
    with_some_exceeding: int
    """those with a toy whose largest excess is at least the observed one"""


@dataclass(frozen=True, slots=True)
class EnvelopePrice:
    """What it costs that a claim has to hold for all families, too."""

    claimed_by_function: int
    """universes in which the function in use claims a resonance"""
    refused: int
    """universes, of these, in which the envelope does not"""
    refused_with_x: int
    """universes with X among those that are refused"""
    mean_lower_z: float
    """mean of how much lower the envelope's local significance is"""


# ---- from events ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class UniverseVerdict:
    """A verdict of one universe."""

    decision: ClaimLevel | None
    local_z: float
    """largest local significance of the scan"""
    mass_GeV: float
    cross_section_pb: float


@dataclass(frozen=True, slots=True)
class UniverseComparison:
    """One universe by the whole chain, and by its spectrum alone."""

    universe: int
    """its number"""
    chain: UniverseVerdict
    spectrum: UniverseVerdict
    same_verdict: bool


@dataclass(frozen=True, slots=True)
class EventsComparison:
    """Universes that went through the whole chain, beside the analysis of their spectra."""

    same_verdicts: int
    n: int
    """number of universes"""
    each: tuple[UniverseComparison, ...]


# ---- the campaign --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Closure:
    """What a campaign showed."""

    FILE: ClassVar = "closure.json"

    universes: int
    """universes of the course"""
    empty: int
    """universes without X, beside them"""
    with_x: int
    """more universes with X"""
    seed: int
    channels: tuple[str, ...]
    masses_GeV: tuple[float, ...] | None
    """masses that all X have; None if they were drawn"""
    cross_sections_pb: tuple[float, ...] | None
    """cross-sections that all X have, pb; None if they were drawn"""
    false_positive: FalsePositives
    coverage: Coverages
    pull: PullMoments
    bias: Biases
    verdicts: VerdictTable
    by_cross_section: tuple[UniversesOfStrength, ...]
    by_mass: tuple[UniversesOfMass, ...]
    by_expected_z: tuple[UniversesInBin, ...]
    power: tuple[ClaimPower, ...]
    histograms: ClosureHistograms
    functions: dict[str, float]
    """fractions of universes that chose each function, the most frequent first"""
    second_looks: BorderlineCases
    envelope: EnvelopePrice
    checks: tuple[Check, ...]
    counting: Annotated[CountCoverage | None, ABSENT] = None
    """None if there is no universe to count in"""
    events: Annotated[EventsComparison | None, ABSENT] = None
    """None where spectra were drawn from the model"""
