"""What the figures of the shape search are of: the results of a folder, or of a binned spectrum."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

from analysis.folder.folder import Folder
from analysis.report.plots import measurement
from analysis.report.plots.measurement import OneParameter
from analysis.report.plots.names import category_title, known
from analysis.report.plots.style import Header, plain
from analysis.results.background import (
    BackgroundFits,
    PeakBackground,
    SpectrumBackground,
    SpectrumChannel,
)
from analysis.results.limits import MassLimits
from analysis.results.scan import Scan
from analysis.results.verdict import ResonanceFit, Verdict
from analysis.settings.search import Search
from analysis.statistics.spectrum_search import BareSpectrum


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class ShownResults(ABC):
    """Results of a search; those that are not there are None."""

    search: Search
    background: BackgroundFits | SpectrumBackground | None
    scan: Scan | None
    limits: MassLimits | None
    verdict: Verdict | None

    @property
    @abstractmethod
    def header(self) -> Header:
        """What stands on the figures of fits."""

    @property
    def peaks(self) -> dict[str, PeakBackground]:
        """The function under a peak, by category."""
        channels = {} if self.background is None else self.background.channels
        return {name: channel.peak for name, channel in channels.items()}

    @property
    def fit(self) -> ResonanceFit | None:
        """The fit of a resonance."""
        return None if self.verdict is None else self.verdict.fit

    @property
    def max_errors(self) -> float:
        """Spurious signal that a function may have, in uncertainties of the signal."""
        return self.search.peak.spurious_signal

    @property
    def benchmark(self) -> float | None:
        """The strength that figures mark."""
        return None if self.scan is None else self.scan.benchmark


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class SpectrumResults(ShownResults):
    """The results on a binned spectrum."""

    background: SpectrumBackground
    verdict: Verdict
    title: str
    """what the spectrum is called on figures"""
    sqrt_s_GeV: float | None
    """collision energy, where the user gave one"""
    blind: bool
    """whether a range of masses was not read"""

    @property
    def header(self) -> Header:
        """What stands on the figures: no experiment is known."""
        return Header(self.sqrt_s_GeV, None, status=plain(self.title), experiment="")

    @property
    def channel(self) -> SpectrumChannel:
        """The only channel."""
        (channel,) = self.background.channels.values()
        return channel


def read_spectrum_results(
    folder: Folder, spectrum: BareSpectrum, title: str, sqrt_s_GeV: float | None
) -> SpectrumResults:
    """Read the result files of a binned spectrum.

    Parameters
    ----------
    folder : Folder
    spectrum : BareSpectrum
    title : str
        What the spectrum is called on figures.
    sqrt_s_GeV : float, optional
        Collision energy, where the user gave one.
    """
    return SpectrumResults(
        search=spectrum.search,
        background=folder.load(SpectrumBackground, made_by="infer"),
        scan=folder.load(Scan, made_by="infer"),
        limits=folder.load(MassLimits, made_by="infer"),
        verdict=folder.load(Verdict, made_by="infer"),
        title=title,
        sqrt_s_GeV=sqrt_s_GeV,
        blind=spectrum.blind is not None,
    )


# ---- what figures show ---------------------------------------------------------------------------


def spurious(results: ShownResults) -> dict[str, PeakBackground]:
    """Return the functions under a peak whose spurious signal is known, by category."""
    peaks = results.peaks.items()
    return {name: peak for name, peak in peaks if known(peak.spurious.events) is not None}


def candidates(results: ShownResults) -> dict[str, tuple[PeakBackground, str]]:
    """Return the functions that were chosen among candidates, with the titles of categories."""
    several = len(results.peaks) > 1
    return {
        name * several: (peak, category_title(name) * several)
        for name, peak in results.peaks.items()
        if peak.candidates
    }


def scan(results: ShownResults) -> Scan | None:
    """Return the scan over mass, if a significance is known at any."""
    found = results.scan
    # While blind there is what is expected, without a benchmark signal not even that.
    if found is None or known(found.local_z) is known(found.expected_local_z) is None:
        return None
    return found


def mass_limits(results: ShownResults) -> MassLimits | None:
    """Return the limits against mass, if any is known."""
    found = results.limits
    return None if found is None or known(found.expected["0"]) is None else found


def fit_with_contour(results: ShownResults) -> ResonanceFit | None:
    """Return the fit of a resonance, if mass and strength were varied together."""
    if results.fit is None or results.fit.contour is None:
        return None
    deviance = results.fit.contour.delta_deviance
    # Contour lines need two masses and two strengths at least.
    return results.fit if min(deviance.shape) > 1 and known(deviance) is not None else None


def profiles(results: ShownResults) -> dict[str, OneParameter]:
    """Return the profile deviances of the fit of a resonance, by parameter."""
    fit = results.fit
    return {} if fit is None else measurement.profiles(fit, benchmark=results.benchmark)
