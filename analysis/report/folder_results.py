"""Everything that a results folder holds, or that of a binned spectrum, read once for all figures.

Whatever is optional may be missing: a folder that was processed only, or whose inference has not
run, has figures and a page all the same, with what is there.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from analysis.folder import blinding
from analysis.folder.folder import CUTFLOW, SELECTION, Folder, generated_samples
from analysis.folder.histogram_file import Histograms, read_histograms
from analysis.folder.history import label, label_text
from analysis.report.plots.columns import Process
from analysis.report.plots.style import Header, plain
from analysis.results.background import BackgroundFits, PeakBackground, SpectrumBackground
from analysis.results.codec import from_json
from analysis.results.counting import Counting
from analysis.results.freeze import Freeze, Unblinding
from analysis.results.ledger import Cutflows, Identity, Ledger
from analysis.results.limits import MassLimits
from analysis.results.scan import Scan
from analysis.results.selection import ChosenSelection
from analysis.results.verdict import ResonanceFit, Verdict
from analysis.selection.scores.performance import Scored
from analysis.selection.scores.score_file import read_score_of
from analysis.selection.scores.sculpting import SculptedSpectrum, mass_by_category
from analysis.selection.scores.training import Simulated, sample_of
from analysis.settings.search import Search
from analysis.statistics.spectrum_search import BinnedSpectrum
from processors.score import ScoreTable
from processors.selection import Interval
from tools.samples import Catalogue, Sample


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
    def benchmark(self) -> float | None:
        """The strength that figures mark."""
        return None if self.scan is None else self.scan.benchmark


@dataclass(frozen=True, eq=False, kw_only=True)
class FolderResults(ShownResults):
    """A results folder with the settings that it was made with."""

    catalogue: Catalogue
    histograms: Histograms
    ledger: Ledger
    cutflow: Cutflows
    unblinded: bool
    after_unblinding: str | None
    """why something was changed after unblinding, and what, if it was"""
    run: Identity | None
    cuts: Mapping[str, Interval]
    """cuts in use"""
    selection: ChosenSelection | None
    """None too where a person wrote the cuts"""
    background: BackgroundFits | None
    counting: Counting | None
    freeze: Freeze | None
    unblinding: Unblinding | None
    score: ScoreTable | None = None
    """the score in use; none if the selection is of cuts"""

    @property
    def data(self) -> Sample | None:
        """The observed sample, if it was processed."""
        names = [n for n in self.ledger.samples if self.catalogue.sample(n).kind == "data"]
        return self.catalogue.sample(names[0]) if names else None

    @property
    def blind(self) -> bool:
        """Whether there are data whose window is blinded."""
        return self.data is not None and not self.unblinded

    @property
    def simulation(self) -> tuple[Sample, ...]:
        """The simulated samples that were processed: background first, signals by mass."""
        there = [s for s in self.catalogue.simulation if s.name in self.ledger.samples]
        return tuple(sorted(there, key=lambda s: (s.kind == "signal", s.mass_GeV or 0.0)))

    @property
    def window(self) -> Interval:
        """The signal window."""
        return Interval(self.search.window.low_GeV, self.search.window.high_GeV)

    @property
    def luminosity_invpb(self) -> float:
        """That spectra are normalised to: the data's, where there are data."""
        catalogue = self.catalogue
        return catalogue.luminosity_invpb if self.data is None else catalogue.data_luminosity_invpb

    @property
    def generated(self) -> tuple[str, ...]:
        """Names of the simulated samples that this program generated."""
        return generated_samples(self.run, self.ledger)

    @property
    def header(self) -> Header:
        """What stands on the figures of fits: they are of the data, or of as much simulation."""
        return self._header(self.catalogue.data_luminosity_invpb)

    @property
    def simulation_header(self) -> Header:
        """What stands on the figures of simulation alone."""
        return self._header(self.catalogue.luminosity_invpb)

    @property
    def shown_header(self) -> Header:
        """What stands on distributions."""
        return self._header(self.luminosity_invpb)

    def _header(self, luminosity_invpb: float) -> Header:
        return Header(
            self.catalogue.collision_energy_GeV,
            luminosity_invpb,
            caveats=self.caveats,
            status=plain(self.search.label.status),
            experiment=plain(self.search.label.experiment),
            from_data=self.data is not None,
        )

    @property
    def caveats(self) -> tuple[str, ...]:
        """Caveats about everything in the folder; the one of any length comes last."""
        caveats = []
        # Lost events may have been processed since; results are of what there was at their time.
        made = (
            self.selection, self.background, self.counting, self.scan, self.limits, self.verdict,
        )  # fmt: skip
        if self.generated:
            every = {s.name for s in self.simulation} <= set(self.generated)
            caveats.append("Generated samples" if every else "Partly generated samples")
        if self.ledger.unweighted_samples:
            caveats.append("Event weights not used")
        if not self.ledger.complete:
            lost, files = self.ledger.lost_events, len(self.ledger.failed)
            what = f"{lost:,} events are missing" if lost else f"{files} files were left out"
            caveats.append(f"Incomplete: {what}")
        elif any(each is not None and each.complete is False for each in made):
            caveats.append("Incomplete: results were made while events were missing")
        if self.after_unblinding:
            caveats.append(f"Changed after unblinding: {self.after_unblinding}")
        return tuple(caveats)

    def processes(self, luminosity_invpb: float) -> tuple[Process, ...]:
        """Return the simulated samples as figures show them, weighted to a luminosity."""
        return tuple(self._process(sample, luminosity_invpb) for sample in self.simulation)

    @property
    def simulated(self) -> tuple[Process, ...]:
        """The simulated samples as the figures of simulation alone show them."""
        return self.processes(self.catalogue.luminosity_invpb)

    @property
    def samples(self) -> tuple[Process, ...]:
        """The same, and the data."""
        if self.data is None:
            return self.simulated
        title = "Data (sidebands)" if self.blind else "Data"
        return (*self.simulated, Process(self.data.name, "data", title))

    @property
    def shown_processes(self) -> tuple[Process, ...]:
        """The simulated samples as distributions show them."""
        return self.processes(self.luminosity_invpb)

    @cached_property
    def scored(self) -> Scored | None:
        """The samples in the cells of the score, or None if there is no score to show."""
        joints = {
            name: named["joint"] for name, named in self.histograms.items() if "joint" in named
        }
        simulated = [process for process in self.simulated if process.name in joints]
        weights = {process.name: process.weight for process in simulated}
        backgrounds = [process.name for process in simulated if process.kind == "background"]
        # A score tells one background from signals; between several it knows no difference.
        separable = len(backgrounds) == 1 and len(weights) > 1
        if self.score is None or self.selection is None or not separable:
            return None
        sample = sample_of(
            Simulated({name: joints[name] for name in weights}, weights, backgrounds[0]),
            independent=self.selection.background_fractions_from == "whole sample",
        )
        data = None if self.data is None or self.data.name not in joints else self.data.name
        demands = self.search.score
        return Scored(self.score, self.selection, sample, joints, backgrounds[0], data, demands)

    @property
    def sculpted(self) -> dict[str, SculptedSpectrum]:
        """The simulated background's mass in every category."""
        processes = self.processes(self.catalogue.data_luminosity_invpb)
        match [process for process in processes if process.kind == "background"]:
            case [background]:
                named = self.histograms.get(background.name, {})
                return mass_by_category(named, self.search, weight=background.weight)
        return {}

    def _process(self, sample: Sample, luminosity_invpb: float) -> Process:
        events = self.ledger.samples[sample.name].processed_events
        scale = luminosity_invpb / self.catalogue.luminosity_invpb
        weight = self.catalogue.weight(sample, events) * scale
        # Two signals of one mass, or two backgrounds, would bear one title.
        kinds = [(other.kind, other.mass_GeV) for other in self.simulation]
        if kinds.count((sample.kind, sample.mass_GeV)) > 1:
            title = plain(sample.name)
        elif sample.kind == "signal":
            title = f"Signal {sample.mass_GeV:g} GeV"
        else:
            title = "Background"
        assumed = f"{sample.cross_section_pb:g} pb" if sample.kind == "signal" else ""
        return Process(sample.name, sample.kind, title, weight, assumed)


def read_results(folder: Folder, catalogue: Catalogue, search: Search) -> FolderResults:
    """Read a results folder.

    Raises
    ------
    InputError
        If nothing was processed there, it holds a sample that the catalogue does not declare, or
        its score is damaged, not the chosen one, or for other columns than the search file's.
    """
    ledger = folder.load(Ledger, made_by="process")
    for name in ledger.samples:
        catalogue.sample(name)
    selected = folder.read_if_there(SELECTION) is not None
    cutflow, changed = folder.read_if_there(CUTFLOW), label(folder)
    return FolderResults(
        catalogue=catalogue,
        search=search,
        histograms=read_histograms(folder.histograms),
        ledger=ledger,
        cutflow={} if cutflow is None else from_json(Cutflows, cutflow, folder.path / CUTFLOW),
        unblinded=blinding.is_unblinded(folder),
        after_unblinding=None if changed is None else label_text(changed),
        run=folder.load_if_there(Identity),
        cuts=folder.selection().cuts if selected else {},
        selection=folder.chosen_selection(),
        background=folder.load_if_there(BackgroundFits),
        counting=folder.load_if_there(Counting),
        scan=folder.load_if_there(Scan),
        limits=folder.load_if_there(MassLimits),
        verdict=folder.load_if_there(Verdict),
        freeze=folder.load_if_there(Freeze),
        unblinding=folder.load_if_there(Unblinding),
        score=read_score_of(folder.path / SELECTION, search) if selected else None,
    )


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


def read_spectrum_results(
    folder: Folder, spectrum: BinnedSpectrum, title: str, sqrt_s_GeV: float | None
) -> SpectrumResults:
    """Read the result files of a binned spectrum.

    Parameters
    ----------
    folder : Folder
    spectrum : BinnedSpectrum
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
