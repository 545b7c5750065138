"""The results of `xyy infer --spectrum`, read once for the figures."""

from dataclasses import dataclass

from analysis.folder.folder import Folder
from analysis.report.plots.style import Header, plain
from analysis.report.shown_results import ShownResults
from analysis.results.background import SpectrumBackground, SpectrumChannel
from analysis.results.limits import MassLimits
from analysis.results.scan import Scan
from analysis.results.verdict import Verdict
from analysis.statistics.spectrum_search import BareSpectrum


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
