r"""Toys of open spectra: what `xyy infer --spectrum` says of spectra whose truth is known.

A cell is a truth (`open_truths`) with a number of events and a strength of the signal; its toys
have the signal at each of `MASSES_GeV` in turn. Every toy is decided and fitted as a spectrum on
its own; those that choose the same function are fitted together (`toys.Experiment`), which is what
makes hundreds of them a matter of seconds. So are found

=============  ==================================================================================
all toys       the function and its parameters; the largest local significance; the pulls of mass
               and strength of the best fit, which intervals of 68 % cover where they are within 1
verdicts       what `spectrum_search.infer` says of the spectrum as if it came from a file, with
               all that speaks against a claim; and the limit at the mass of the signal
=============  ==================================================================================

A verdict takes a second. Without a signal only those are asked for that may be a claim: whose local
significance reaches that of evidence, below which no global one does. With a signal those of some
toys are, by the formula of the global significance alone. (The toys of the whole procedure, which
may overrule it near a threshold, take 15 seconds and more: they are generated where they may be
right, for smooth truths without a signal.)
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from analysis.results.calibration import SpectraNumbers
from analysis.settings.search import Decision, Search, Signal
from analysis.statistics.background.entries import Flags, Indices
from analysis.statistics.resonance.claims import decide
from analysis.statistics.resonance.toys import Experiment, ToyGroup
from analysis.statistics.resonance.work import Work
from analysis.statistics.spectra.bins import Bins
from analysis.statistics.spectra.signal_model import bin_fractions
from analysis.statistics.spectra.streams import toy_stream
from analysis.statistics.spectrum_search import (
    CHANNEL,
    BinnedSpectrum,
    SpectrumInference,
    infer,
    model_selection_of,
)
from analysis.validation.fits import BestFits, scanned, some
from analysis.validation.found import CLAIMS
from analysis.validation.open_truths import TRUTHS
from analysis.validation.tasks import Ensemble, done
from analysis.workflow.infer_spectrum import binned_spectrum, of_any_detector
from tools.arrays import Columns, FloatArray
from tools.digests import digest_text
from tools.executors.kept import Workshop
from tools.samples import Catalogue

EVENTS = (5e3, 5e4, 1e6)
"""in the spectrum"""
SIGMAS = (0.0, 3.0, 5.0, 8.0)
"""strengths, as `open_truths` has them"""
MASSES_GeV = (600.0, 750.0, 900.0)
SPECTRUM_GeV, BINS, COARSE_BINS = (400.0, 1100.0), 70, 40
COARSE, COARSE_EVENTS = "exponential", (5e3, 5e4)
"""the truth of two parameters that is looked at in `COARSE_BINS`"""
_RESOLUTION, _SCANNED = "30", "500:1000:10"
"""options of `xyy infer --spectrum`"""
SIZE = SpectraNumbers(empty=200, measured=250, others=100, decided=40, coarse=100)
_TOGETHER = 50
"""number of toys in a task"""


@dataclass(frozen=True, slots=True, eq=False)
class OpenToys(Columns):
    """What T toys showed; shape (T,) each."""

    number: Indices
    mass_GeV: FloatArray
    """of the signal, or where it would be"""
    events: FloatArray
    """of the signal"""
    function: npt.NDArray[np.str_]
    parameters: Indices
    """of the function, with its normalisation"""
    local_z: FloatArray
    """largest of the scan"""
    mass_pull: FloatArray
    """as `fits.pull_of` has it; NaN without a signal, or an excess"""
    strength_pull: FloatArray
    decided: Flags
    """whether the verdict is known; all that follows is that of a limit else"""
    decision: npt.NDArray[np.str_]
    global_z: FloatArray
    """NaN where no verdict was asked for"""
    systematic_z: FloatArray
    """what is left of the significance after an allowance for a change of slope; NaN: there is no
    such allowance, or no verdict was asked for"""
    poor_fit: Flags
    """whether the function does not fit the bins that decide"""
    limit: FloatArray
    """at the mass of the signal, events; NaN where none is set"""

    @classmethod
    def nothing(cls, size: int) -> "OpenToys":
        """Return room for `size` toys."""
        made: dict[str, Any] = {field.name: np.full(size, np.nan) for field in fields(cls)}
        made |= {name: np.zeros(size, np.int64) for name in ("number", "parameters")}
        made |= {name: np.zeros(size, bool) for name in ("decided", "poor_fit")}
        made |= {
            "function": np.full(size, "", "U40"),
            "decision": np.full(size, "limit", f"U{max(map(len, CLAIMS))}"),
        }
        return cls(**made)

    @property
    def verdicts(self) -> "OpenToys":
        """Those whose verdict is known."""
        return self.some(self.decided)

    @property
    def claimed(self) -> Flags:
        """Whether there is evidence, or a discovery."""
        return np.isin(self.decision, CLAIMS)

    def by_z_alone(self, thresholds: Decision) -> npt.NDArray[np.str_]:
        """Return what the significances alone claim where the function fits."""
        every = zip(self.local_z, self.global_z, self.poor_fit, strict=True)
        return np.array(
            [
                "limit" if poor or np.isnan(z) else decide(local, z, thresholds)
                for local, z, poor in every
            ]
        )

    def keep(self, row: int, found: SpectrumInference, gof_pvalue: float) -> None:
        """Fill in the verdict on a toy."""
        verdict, fit = found.verdict, found.background.channels[CHANNEL].chosen
        self.local_z[row], self.global_z[row] = verdict.local_z, verdict.global_z
        self.systematic_z[row] = np.nan if verdict.systematic_z is None else verdict.systematic_z
        self.decision[row] = verdict.decision
        self.poor_fit[row] = fit.gof_pvalue is not None and fit.gof_pvalue < gof_pvalue
        self.limit[row] = np.nan if found.limits.observed is None else found.limits.observed[0]


@dataclass(frozen=True, slots=True, eq=False)
class OpenCell:
    """A truth with so many events, and a signal of some strength at each of `MASSES_GeV`."""

    name: str
    """with the seed all that its toys follow from"""
    spectrum: BinnedSpectrum
    """how toys are searched; its bins hold the expected background"""
    sigma: float
    toys_near_threshold: bool
    """whether toys of the whole procedure may have a say in a verdict"""
    events: FloatArray
    """of the signal at each mass"""
    expected: FloatArray
    """background and signal with it at each mass, shape (masses, B)"""

    @classmethod
    def of(
        cls, search: Search, truth: str, events: float, sigma: float, *, bins: int = BINS
    ) -> "OpenCell":
        """Return a cell of a truth."""
        edges = np.linspace(*SPECTRUM_GeV, bins + 1)
        low, high = edges[:-1], edges[1:]
        own = TRUTHS[truth]
        background = own.expected(low, high)
        background *= events / background.sum()
        spectrum = searched(Bins(low, high, background, background), search)
        mass = np.array(MASSES_GeV)
        peaks = bin_fractions(low, high, mass, spectrum.signal.width_GeV(mass))
        strengths = [own.events_of(low, high, background, peak, sigma) for peak in peaks]
        expected = background + np.array(strengths)[:, None] * peaks
        name = f"{truth}, {events:,.0f} events, {bins} bins, {sigma:g} sigma"
        may_be_right = own.smooth and sigma == 0
        return cls(name, spectrum, sigma, may_be_right, np.array(strengths), expected)

    def draw(self, numbers: range, *, seed: int) -> FloatArray:
        """Return the spectra of some toys, shape (T, B)."""
        # A seed for each cell: their toys are put together, and must not fluctuate alike.
        own = int(digest_text(self.name, str(seed))[:12], 16)
        drawn = [toy_stream(own, n).poisson(self.expected[n % len(MASSES_GeV)]) for n in numbers]
        return np.array(drawn, dtype=float)

    def toys(self, numbers: range, *, seed: int, decided: int) -> OpenToys:
        """Return what some toys show; the first `decided` of the cell get a verdict."""
        counts, which = self.draw(numbers, seed=seed), np.array(numbers) % len(MASSES_GeV)
        found = OpenToys.nothing(len(numbers))
        found.number[:], found.events[:] = numbers, self.events[which]
        found.mass_GeV[:] = np.array(MASSES_GeV)[which]
        rules = model_selection_of(self.spectrum)
        # Nothing is drawn from it: its truth only says how many channels there are.
        experiment = Experiment((rules,), (self.expected[0],), self.spectrum.search)
        for group in experiment.groups((counts,)):
            _measure(group, found, measured=self.sigma > 0)
        asked = found.number < decided
        if self.sigma == 0:
            # Elsewhere the verdict is known without asking: a limit.
            found.decided[asked] = True
            asked &= found.local_z >= self.spectrum.search.decision.evidence_global_z
        for row in map(int, np.flatnonzero(asked)):
            found.decided[row] = True
            verdict = self.infer(counts[row], float(found.mass_GeV[row]))
            found.keep(row, verdict, self.spectrum.search.fit.gof_pvalue)
        return found

    def infer(self, counts: FloatArray, mass_GeV: float) -> SpectrumInference:
        """Return what the analysis says of one spectrum, with a limit at one mass."""
        own, bins = self.spectrum, replace(self.spectrum.bins, counts=counts, variances=counts)
        at_truth = replace(own.search.limits, masses=Signal(mass_GeV, mass_GeV, 1.0))
        search = replace(own.search, limits=at_truth)
        work = Work(toys=None if self.toys_near_threshold else 0)
        return infer(replace(own, bins=bins, search=search), work)


def searched(bins: Bins, search: Search) -> BinnedSpectrum:
    """Return a spectrum as `xyy infer --spectrum` would search it, of no detector we know of."""
    return binned_spectrum(bins, of_any_detector(search), resolution=_RESOLUTION, masses=_SCANNED)


def _measure(group: ToyGroup, found: OpenToys, *, measured: bool) -> None:
    """Fill in what toys show that chose the same function."""
    (option,), toys = group.options, group.toys
    found.function[toys] = option.function.name
    found.parameters[toys] = len(option.function.parameters)
    z = scanned(group)
    found.local_z[toys] = np.maximum(z.max(axis=1), 0.0)
    rows = np.flatnonzero(found.local_z[toys] > 0)
    if not measured or not len(rows):
        return
    best = BestFits.of(some(group, rows), group.masses_GeV[np.argmax(z[rows], axis=1)])
    toys = toys[rows]
    found.mass_pull[toys], _ = best.mass_pull(found.mass_GeV[toys])
    found.strength_pull[toys], _ = best.strength_pull(found.events[toys])


# ---- campaign ------------------------------------------------------------------------------------

Named = tuple[str, float, float]
"""truth, events and strength of a cell"""


@dataclass(frozen=True, slots=True, eq=False)
class SpectraCampaign:
    """All cells."""

    search: Search
    size: SpectraNumbers
    seed: int
    cells: Mapping[Named, OpenCell]
    coarse: Mapping[Named, OpenCell]
    """in `COARSE_BINS`"""

    def ensembles(self) -> dict[tuple[str, Named], Ensemble[OpenToys]]:
        """Return all toys."""
        size, found = self.size, {}
        for named, cell in self.cells.items():
            truth, _, sigma = named
            smooth = size.measured if sigma else size.empty
            number = smooth if TRUTHS[truth].smooth else size.others
            decided = size.decided if sigma else number
            found["cell", named] = self._ensemble(cell, number, decided)
        for named, cell in self.coarse.items():
            found["coarse", named] = self._ensemble(cell, size.coarse, 0)
        return found

    def _ensemble(self, cell: OpenCell, number: int, decided: int) -> Ensemble[OpenToys]:
        toys = partial(cell.toys, seed=self.seed, decided=decided)
        return Ensemble(OpenToys, toys, number, _TOGETHER)


@dataclass(frozen=True, slots=True, eq=False)
class SpectraResults:
    """What the toys of all cells showed."""

    campaign: SpectraCampaign
    cells: Mapping[Named, OpenToys]
    coarse: Mapping[Named, OpenToys]

    def smooth(self, sigma: float, *events: float) -> OpenToys:
        """Return the toys of all smooth truths of a strength, with some numbers of events."""
        parts = [
            toys
            for (truth, own, strength), toys in self.cells.items()
            if TRUTHS[truth].smooth and strength == sigma and own in (events or EVENTS)
        ]
        return OpenToys.joined(parts)


def open_spectra(
    _catalogue: Catalogue, search: Search, size: SpectraNumbers, seed: int
) -> SpectraCampaign:
    """Return the campaign of open spectra; no sample is needed."""
    cells = {
        (truth, events, sigma): OpenCell.of(search, truth, events, sigma)
        for truth in TRUTHS
        for events in EVENTS
        for sigma in SIGMAS
    }
    coarse = {
        (COARSE, events, 0.0): OpenCell.of(search, COARSE, events, 0.0, bins=COARSE_BINS)
        for events in COARSE_EVENTS
    }
    return SpectraCampaign(search, size, seed, cells, coarse)


def run_spectra(campaign: SpectraCampaign, shop: Workshop) -> SpectraResults:
    """Generate all toys."""
    found = done(shop, campaign.ensembles(), "spectra")

    def of(kind: str) -> dict[Named, OpenToys]:
        return {named: toys for (own, named), toys in found.items() if own == kind}

    return SpectraResults(campaign, of("cell"), of("coarse"))


def in_proportion(size: SpectraNumbers, toys: int) -> SpectraNumbers:
    """Return as many toys of all kinds in proportion to those that are measured.

    >>> in_proportion(SIZE, 25)
    SpectraNumbers(empty=20, measured=25, others=10, decided=4, coarse=10)
    """
    part = toys / size.measured
    every = {field.name: getattr(size, field.name) for field in fields(size)}
    return SpectraNumbers(**{name: max(1, round(part * n)) for name, n in every.items()})
