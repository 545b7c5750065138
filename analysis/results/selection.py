"""``selection.json``: the cuts in use, what every kind of selection is worth, and its guards."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

from analysis.results.codec import ABSENT
from processors.selection import Interval

Merits = dict[str, dict[str, float | None]]
"""figure of merit by signal sample and by kind of selection; None where there is none"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanPoint:
    """What one upper cut on the number of jets is worth."""

    cut: float
    s: float
    """figure of merit"""
    error: float
    """uncertainty of the figure of merit from the simulated statistics"""


@dataclass(frozen=True, slots=True, kw_only=True)
class CutsOptimism:
    """What cuts chosen on one half of the simulation are worth on the other."""

    cuts: dict[str, float]
    """upper cuts that were chosen on the one half"""
    chosen_on_half: float | None
    """figure of merit on the half that chose"""
    checked_on_other_half: float | None
    """figure of merit on the other half"""
    error: float | None
    """uncertainty of the figure of merit on the other half"""


@dataclass(frozen=True, slots=True)
class Sculpting:
    """What a selection does to the background's spectrum."""

    size_events: float
    """expected data events in the window beyond those of an undistorted spectrum"""
    error_events: float
    """statistical uncertainty of the simulation, events"""
    shape_pvalue: float
    """p-value that what is kept and the rest have one spectrum"""
    pvalue: float
    """p-value of window and shape together"""
    flagged: bool
    """whether the spectrum is distorted"""


@dataclass(frozen=True, slots=True)
class Compared:
    """A figure of merit where it was chosen or trained, and where it was not."""

    there: float
    """figure of merit on the half that trained or chose"""
    elsewhere: float
    """figure of merit on the other half; both are means over the two ways round"""
    error: float
    """uncertainty of the figure of merit on the other half"""
    flagged: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreCategory:
    """A category of a score."""

    edge: float | None
    """lower edge; None if it is open"""
    signal_events: float
    """events of the reference signal in the window"""
    background_events: float
    """background events in the window"""
    sideband_data_events: float
    """data events expected in the sidebands"""
    simulated_background_events: float
    """simulated background events that the expectation is made of"""
    s: float
    """figure of merit"""
    sculpting: Sculpting


@dataclass(frozen=True, slots=True, kw_only=True)
class TreesAdvantage:
    """How much trees are worth beyond the likelihood ratio, as a fraction."""

    value: float
    error: float
    """uncertainty of the fraction"""


@dataclass(frozen=True, slots=True, kw_only=True)
class CandidateMerit:
    """What the categories of one kind of score are worth together."""

    s: float
    """figure of merit"""
    error: float
    """uncertainty of the figure of merit"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreRecord:
    """A score, its categories and its guards."""

    kind: str
    cut: float | None
    """cut of the method ``score``; None if it keeps everything"""
    categories: tuple[ScoreCategory, ...]
    bound_factors: dict[str, float]
    """what each column multiplies the bound on the figure of merit by"""
    trees_advantage: TreesAdvantage
    candidates: dict[str, CandidateMerit]
    """kinds of score that were tried"""
    overtraining: Compared
    optimism: Compared
    independence_pvalue: float
    """p-value that the background's score has one law in window and sidebands"""
    flags: tuple[str, ...]
    """what the guards object to"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChosenSelection:
    """The selection that `xyy optimise` chose."""

    FILE: ClassVar = "selection.json"

    cuts: dict[str, Interval]
    """cuts in use, by column; a person may change them"""
    reference_signal: str
    """signal that the selection was chosen for"""
    figure_of_merit: str
    """``s`` or ``asimov``"""
    significance: dict[str, float | None]
    """figure of merit for the reference signal, by kind of selection"""
    errors: dict[str, float | None]
    """uncertainty of the figure of merit for the reference signal, by kind of selection"""
    n_jets_scan: tuple[ScanPoint, ...]
    by_signal: Merits
    by_signal_errors: Merits
    """uncertainties of the figures of merit"""
    optimism: CutsOptimism
    independence_pvalues: dict[str, float]
    """p-value that the background has one shape in window and sidebands, by column"""
    background_fractions_from: str
    """``whole sample`` or ``window only``"""
    method: str
    """``cuts``, ``score`` or ``categories``"""
    best_cuts: dict[str, Interval]
    """the best rectangular cuts, in use or not"""
    score_digest: str | None
    """digest of the score in use; None without one"""
    flags: dict[str, tuple[str, ...]]
    """what the guards object to, by method"""
    sculpting: dict[str, Sculpting]
    """what each of the best cuts does to the spectrum"""
    score: ScoreRecord | None
    """None if none could be trained"""
    expected_fit_z: Annotated[dict[str, dict[str, float]] | None, ABSENT] = None
    """expected significance of the fit with free backgrounds, by method and signal"""
    complete: Annotated[bool | None, ABSENT] = None
    """whether no simulated event was lost on the way"""
