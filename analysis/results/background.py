"""``background.json``: the background functions, how they were chosen, and what they predict."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

from analysis.results.codec import ABSENT, Numbers
from analysis.results.values import FunctionInRange, Range_GeV


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionParameter:
    """A parameter of a fitted function."""

    name: str
    value: float
    error: float
    """uncertainty of the parameter"""


@dataclass(frozen=True, slots=True, kw_only=True)
class SpectrumFit:
    """A background function fitted to a binned spectrum."""

    family: str
    order: int
    parameters: tuple[FunctionParameter, ...]
    gof_pvalue: float | None
    """p-value of the goodness of fit"""
    nll: float
    """negative logarithm of the likelihood at the best fit"""


@dataclass(frozen=True, slots=True, kw_only=True)
class SidebandFit(SpectrumFit):
    """A background function fitted to the sidebands, and its prediction of the window."""

    degrees_of_freedom: int
    uncorrected_events: float
    """background events in the window, by the function as it was fitted"""
    fit_error_events: float
    """uncertainty of the prediction from the fit"""
    closure_bias_events: float | None
    """prediction minus truth, on the test spectrum where it is largest, events"""
    correction_events: float
    """what has to be added to them for the prediction to be right on average"""
    closure_error_events: float
    """uncertainty of the correction: spread of the closure biases"""
    accepted: bool
    reason: str | None
    """why it was not accepted; None if it was"""

    @property
    def predicted_events(self) -> float:
        """Background events in the window, corrected."""
        return self.uncorrected_events + self.correction_events


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictionErrors:
    """Uncertainties of the predicted events, by source."""

    fit: float
    """uncertainty of the fitted parameters, events"""
    spread: float
    """spread of the accepted functions, events"""
    closure: float
    """spread of the biases on test spectra, events"""


@dataclass(frozen=True, slots=True, kw_only=True)
class TestSpectrum:
    """A generating model that candidates are tried on."""

    name: str
    gof_pvalue: float | None
    """p-value with which it describes the sidebands"""


@dataclass(frozen=True, slots=True, kw_only=True)
class LargestSpuriousSignal:
    """The largest spurious signal on one test spectrum, by uncertainties of the signal."""

    events: float
    error_events: float
    """uncertainty of a signal at that mass"""
    mass_GeV: float


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class SpuriousSignals:
    """What the chosen function takes for a signal at each mass, at most."""

    mass_GeV: Numbers
    events: Numbers
    error_events: Numbers
    """uncertainty of a signal at each mass"""


@dataclass(frozen=True, slots=True, kw_only=True)
class PeakCandidate(FunctionInRange):
    """A function that was tried under a peak."""

    parameters: int
    """number of free parameters"""
    gof_pvalue: float
    """p-value of the goodness of fit in the sidebands"""
    worst_errors: float
    """largest spurious signal on any test spectrum, in uncertainties of the signal"""
    worst_truth: str | None
    """test spectrum with the largest spurious signal"""
    worst_mass_GeV: float | None
    """mass of the largest spurious signal"""
    passes: bool
    chosen: bool
    f_test_pvalue: Annotated[float | None, ABSENT] = None
    """p-value of the F test for one more parameter of the family: below 5 % it is needed"""
    reason: Annotated[str | None, ABSENT] = None
    """why it does not pass; None if it does"""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class PeakBackground(FunctionInRange):
    """The function under a peak, and how it was decided."""

    passes: bool
    """whether its spurious signal is small enough"""
    truths: tuple[str, ...]
    """test spectra that it was tried on"""
    spurious: SpuriousSignals
    candidates: tuple[PeakCandidate, ...]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class FittedBins:
    """Contents of bins and what the chosen function expects; blind bins are NaN."""

    edges_GeV: Numbers
    observed_events: Numbers
    expected_events: Numbers


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class FittedCurve:
    """The chosen function with its band."""

    mass_GeV: Numbers
    events_per_GeV: Numbers
    error: Numbers
    """uncertainty of the function, events per GeV"""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class ChannelBackground:
    """The background of one channel of an analysis of events."""

    fit_range_GeV: Range_GeV
    chosen: SidebandFit
    candidates: tuple[SidebandFit, ...]
    predicted_events: float
    """background events in the window, corrected"""
    correction_events: float
    """correction that is in them"""
    predicted_error_events: float
    """uncertainty of the background events in the window"""
    predicted_errors_events: PredictionErrors
    smooth_truths: tuple[TestSpectrum, ...]
    """test spectra of the prediction"""
    peak: PeakBackground
    spurious_signal_events: dict[str, LargestSpuriousSignal]
    """largest spurious signal of the function under a peak, by test spectrum"""
    bins: FittedBins
    curve: FittedCurve
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class BackgroundFits:
    """The background of every channel."""

    FILE: ClassVar = "background.json"
    channels: dict[str, ChannelBackground]
    of: str
    """what it was fitted to: ``data`` or ``simulation``"""
    complete: bool
    """whether no event was lost on the way"""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class SpectrumBins:
    """Contents of the bins of a spectrum and what the function expects; blind bins are NaN."""

    low_GeV: Numbers
    high_GeV: Numbers
    observed_events: Numbers
    expected_events: Numbers


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class SpectrumChannel:
    """The background of a binned spectrum."""

    fit_range_GeV: Range_GeV
    not_read_GeV: tuple[Range_GeV, ...]
    """masses that do not decide about the function: the blind interval, or masked excesses"""
    chosen: SpectrumFit
    candidates: tuple[PeakCandidate, ...]
    peak: PeakBackground
    spurious_signal_events: LargestSpuriousSignal
    bins: SpectrumBins
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class SpectrumBackground:
    """The background of a binned spectrum, which is one channel."""

    FILE: ClassVar = "background.json"
    channels: dict[str, SpectrumChannel]
    of: str
    """``data``"""
    complete: bool
    """always true"""
