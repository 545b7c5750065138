"""``verdict.json``: discovery, evidence or a limit, with the fit and the count beside it.

What is observed is None while the data are blind, or where there are none.
"""

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from analysis.results.codec import ABSENT, Key, Numbers, Unit
from analysis.results.counting import CountingLimit
from analysis.results.values import Estimate, ExpectedSignals, GivenMass

ClaimLevel = Literal["discovery", "evidence", "limit"]


@dataclass(frozen=True, slots=True, kw_only=True)
class StabilityCheck:
    """The result with another range, order or binning."""

    what: str
    """the choice, in words"""
    local_z: float
    strength: Annotated[Estimate, Key("{strength}")]
    """fitted strength, pb or events"""
    used: bool
    """whether this is the choice of the result"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deficit:
    """The largest deficit of the scan."""

    mass_GeV: float
    signed_z: float
    """local significance, below zero"""


@dataclass(frozen=True, slots=True, kw_only=True)
class DevianceOfFit:
    """How far a fit is from all bins of the whole range, empty ones included."""

    deviance: float
    degrees_of_freedom: int


@dataclass(frozen=True, slots=True, kw_only=True)
class GoodnessOfFit:
    """p-values of the fits over the whole range, of bins that are merged until none is sparse."""

    background_only: float | None
    with_signal: float | None
    background_only_deviance: Annotated[DevianceOfFit | None, ABSENT] = None
    with_signal_deviance: Annotated[DevianceOfFit | None, ABSENT] = None


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class StrengthProfile:
    """How much the deviance rises with the strength, all else fitted again."""

    strength: Annotated[Numbers, Key("{strength}")]
    """strengths, pb or events"""
    delta_deviance: Numbers


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class MassProfile:
    """How much the deviance rises with the mass, all else fitted again."""

    mass_GeV: Numbers
    delta_deviance: Numbers


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class MassStrengthContour:
    """How much the deviance rises with mass and strength, all else fitted again."""

    mass_GeV: Numbers
    strength: Annotated[Numbers, Key("{strength}")]
    """strengths, pb or events"""
    delta_deviance: Numbers
    """rise of the deviance; a row for each mass, a column for each strength"""


@dataclass(frozen=True, slots=True, kw_only=True)
class NuisanceParameter:
    """What the fit did with a nuisance parameter, and what it does to the strength."""

    name: str
    pull: float
    """how far it was moved, in prior uncertainties"""
    pull_error: float
    """uncertainty after the fit, in prior uncertainties"""
    impact_up: Annotated[float, Key("impact_up_{unit}")]
    """change of the strength with the parameter up by its uncertainty, pb or events"""
    impact_down: Annotated[float, Key("impact_down_{unit}")]
    """change of the strength with the parameter down by its uncertainty, pb or events"""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class ResonanceBins:
    """Contents of the bins of a channel, with the fitted background and resonance.

    Neighbours share edges in an analysis of events; a binned spectrum may have gaps.
    """

    edges_GeV: Annotated[Numbers | None, ABSENT] = None
    """edges of adjacent bins; None for a binned spectrum"""
    low_GeV: Annotated[Numbers | None, ABSENT] = None
    """lower edges of a binned spectrum"""
    high_GeV: Annotated[Numbers | None, ABSENT] = None
    """upper edges of a binned spectrum"""
    observed_events: Numbers
    signal_events: Numbers
    background_events: Numbers


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelStrength:
    """The strength that one channel sees on its own, at the fitted mass."""

    local_z: float
    strength: Annotated[Estimate, Key("{strength}")]
    """fitted strength, pb or events"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelCompatibility:
    """Whether all channels see one strength."""

    chi2: float
    degrees_of_freedom: int
    pvalue: float


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class ResonanceFit:
    """The best fit of a resonance, below the threshold of a claim too: not for quoting.

    Without an excess there is no measurement, and all but the first two attributes are None.
    """

    stability: tuple[StabilityCheck, ...]
    deficit: Deficit | None
    """the largest deficit of the scan; None if there is none"""
    mass_GeV: Annotated[Estimate | None, ABSENT] = None
    signal_events: Annotated[Estimate | None, ABSENT] = None
    cross_section_pb: Annotated[Estimate | None, Key(only="pb", absent=True)] = None
    """cross-section before the filter, pb"""
    width_GeV: Annotated[float | None, ABSENT] = None
    """resolution at the fitted mass (sigma), GeV"""
    local_z_at_mass: Annotated[float | None, ABSENT] = None
    """local significance at the fitted mass"""
    goodness_of_fit: Annotated[GoodnessOfFit | None, ABSENT] = None
    profile: Annotated[StrengthProfile | None, ABSENT] = None
    """None where the verdict quotes no measurement"""
    mass_profile: Annotated[MassProfile | None, ABSENT] = None
    """None where the verdict quotes no measurement"""
    contour: Annotated[MassStrengthContour | None, ABSENT] = None
    """None where the verdict quotes no measurement"""
    nuisances: Annotated[tuple[NuisanceParameter, ...] | None, ABSENT] = None
    channels: Annotated[dict[str, ResonanceBins] | None, ABSENT] = None
    by_channel: Annotated[dict[str, ChannelStrength] | None, ABSENT] = None
    """strength of each channel alone; None if there is one channel"""
    compatibility: Annotated[ChannelCompatibility | None, ABSENT] = None
    warnings: Annotated[tuple[str, ...] | None, ABSENT] = None
    unit: Unit
    """unit of the strengths"""

    @property
    def strength(self) -> Estimate | None:
        """Fitted strength, pb or events."""
        return self.cross_section_pb if self.unit == "pb" else self.signal_events


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowCount:
    """The count in the window, in short (``counting.json`` has all of it)."""

    observed_events: float | None
    predicted_events: float
    predicted_error_events: float
    """uncertainty of the prediction"""
    z: float | None
    """significance of the count"""
    z_course: float | None
    """significance as the course computes it"""
    limit: CountingLimit


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimedResonance:
    """A resonance that is claimed."""

    decision: ClaimLevel
    mass_GeV: Estimate
    """fitted mass, beside all other resonances that are claimed"""
    cross_section_pb: Annotated[Estimate | None, Key(only="pb", absent=True)] = None
    """fitted cross-section before the filter, pb"""
    signal_events: Estimate
    """fitted signal events"""
    local_z: float
    """local significance, beside the resonances that were claimed before"""
    local_z_range: tuple[float, float]
    """smallest and largest local significance with all families"""
    envelope_z: float
    """local significance with the functions profiled"""
    systematic_z: float | None
    """local significance after an allowance for the background; None without one"""
    global_z: float


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Verdict:
    """What the data say."""

    FILE: ClassVar = "verdict.json"
    decision: ClaimLevel | None
    complete: bool
    """whether no event was lost on the way"""
    blinded: bool
    after_unblinding: str | None
    """why decisions were changed after unblinding, if they were"""
    local_z: float | None
    """local significance of the strongest claim, or else of the largest excess"""
    local_z_range: tuple[float, float] | None = None
    """smallest and largest local significance with all families; None while blind"""
    envelope_z: float | None = None
    """local significance with the functions profiled; a claim has to hold for it, too"""
    systematic_z: float | None = None
    """local significance after an allowance for the background; None without one"""
    global_z: float | None
    """global significance of the largest excess"""
    global_p: float | None
    """global p-value of the largest excess"""
    global_z_reason: str | None
    """why there is no global significance; None if there is one"""
    mass_GeV: Estimate | None
    """fitted mass; None below the significance from which it is quoted"""
    signal_events: Annotated[Estimate | None, Key(only="events")] = None
    """fitted signal events; of binned spectra only"""
    cross_section_pb: Annotated[Estimate | None, Key(only="pb")] = None
    """fitted cross-section before the filter, pb; None below the significance to quote it"""
    resonances: tuple[ClaimedResonance, ...] | None = None
    """what is claimed, the strongest first; None while blind"""
    given: tuple[GivenMass, ...] | None = None
    """resonances in both hypotheses of scan and limits; None while blind"""
    reason: str | None
    """why there is no decision, or no mass; None if there are both"""
    counting: WindowCount | None
    """None for a binned spectrum"""
    expected: Annotated[ExpectedSignals | None, Key(only="pb")] = None
    """None for a binned spectrum"""
    fit: ResonanceFit | None
    """None while blind"""
    warnings: tuple[str, ...]
    changed_after_unblinding: Annotated[tuple[str, ...] | None, ABSENT] = None
    """names of what was changed after unblinding"""
    unit: Unit
    """unit of the strengths"""
