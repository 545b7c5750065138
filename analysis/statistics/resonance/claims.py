r"""What is claimed: one resonance after the other.

A spectrum is scanned over mass; the largest excess is a *claim* if it passes the thresholds of the
search file with the function in use, with the envelope of families, and with what an
allowance for the background leaves of it. A resonance that is claimed belongs to both hypotheses
from then on (`Peak.given`: strength and mass free), and the spectrum is scanned again for the next:
a background that is fitted without it bends under its peak, which raises limits there and lowers
them, and makes false excesses, everywhere else.

Two peaks closer than `APART` resolutions are not told apart: the next is looked for beyond.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from analysis.results.scan import GlobalSignificance
from analysis.results.verdict import ClaimLevel
from analysis.settings.search import Decision
from analysis.statistics.resonance.cross_checks import FunctionsZ, UnblindedData, envelope
from analysis.statistics.resonance.look_elsewhere import (
    combined,
    counted_toys,
    near_threshold,
    upcrossings,
)
from analysis.statistics.resonance.measurement import Measurement, measure
from analysis.statistics.resonance.peak import MassScan
from analysis.statistics.resonance.peak_curve import Given, near
from analysis.statistics.resonance.scan import Spectra
from analysis.statistics.resonance.toys import Experiment, count_exceeding
from analysis.statistics.resonance.work import Work
from analysis.statistics.spectra.signal_model import SignalModel
from analysis.statistics.spectra.streams import spectrum_seed

MAX_RESONANCES = 5
"""that are claimed at most"""
_LEVELS: tuple[ClaimLevel, ...] = ("limit", "evidence", "discovery")


def decide(local_z: float, global_z: float, thresholds: Decision) -> ClaimLevel:
    """Return the decision for a local and a global significance.

    >>> thresholds = Decision(5.0, 3.0, 3.0, 3.0, 0.1)
    >>> [decide(*z, thresholds) for z in ((3.8, 2.9), (3.9, 3.0), (4.9, 4.2), (5.0, 4.3))]
    ['limit', 'evidence', 'evidence', 'discovery']
    """
    if local_z >= thresholds.discovery_local_z and global_z >= thresholds.discovery_global_z:
        return "discovery"
    return "evidence" if global_z >= thresholds.evidence_global_z else "limit"


def weakest(levels: Sequence[ClaimLevel]) -> ClaimLevel:
    """Return the level that all of some decisions allow."""
    return min(levels, key=_LEVELS.index)


@dataclass(frozen=True, slots=True)
class Excess:
    """The largest excess of a scan, and what it is worth."""

    mass_GeV: float
    """of the scan"""
    local_z: float
    """with the function in use; 0 if there is no excess"""
    envelope_z: float
    """with the functions profiled"""
    z_range: tuple[float, float]
    """smallest and largest with all families"""
    systematic_z: float | None
    """after an allowance for the background; None without one"""
    global_significance: GlobalSignificance
    level: ClaimLevel
    """the claim that it allows"""

    @property
    def strength(self) -> tuple[int, float]:
        """What is compared: the claim, then the local significance."""
        return _LEVELS.index(self.level), self.local_z


@dataclass(frozen=True, slots=True, eq=False)
class ScanStage:
    """A scan beside the resonances that were claimed before."""

    given: tuple[Given, ...]
    scan: MassScan
    functions: FunctionsZ
    excess: Excess


@dataclass(frozen=True, slots=True, eq=False)
class Resonance:
    """A resonance that is claimed."""

    excess: Excess
    """as it was found: beside those that were found before"""
    measurement: Measurement
    """beside all others"""


@dataclass(frozen=True, slots=True, eq=False)
class Claims:
    """How a search for resonances goes on until nothing more is claimed."""

    unblinded: UnblindedData
    expected: Spectra
    """what the sidebands predict"""
    experiment: Experiment
    """the toys of that"""
    work: Work

    def stages(self, *, most: int = MAX_RESONANCES) -> tuple[ScanStage, ...]:
        """Return one scan more than there are claims, of which there are `most` at most."""
        stages = [self._stage(())]
        while len(stages) <= most and stages[-1].excess.level != "limit":
            given = self._given(stages[-1])
            self.work.log(f"another resonance, beside that at {given[-1].mass_GeV:.1f} GeV")
            stages.append(self._stage(given))
        return tuple(stages)

    def resonances(self, stages: Sequence[ScanStage]) -> tuple[Resonance, ...]:
        """Return what is claimed, measured beside all others; the strongest first."""
        given, found = stages[-1].given, []
        for index, stage in enumerate(stages[:-1]):
            others = given[:index] + given[index + 1 :]
            found.append(Resonance(stage.excess, self.measure(stage.excess, others)))
        # A discovery before evidence, whatever the function in use alone says.
        return tuple(sorted(found, key=lambda each: each.excess.strength, reverse=True))

    def measure(self, excess: Excess, given: tuple[Given, ...]) -> Measurement:
        """Measure an excess beside some resonances."""
        signal = self.unblinded.search.signal
        spectra = self.unblinded.spectra().with_given(given)
        ends = (signal.low_GeV, signal.high_GeV)
        return measure(spectra, excess.mass_GeV, bounds_GeV=ends)

    def _given(self, stage: ScanStage) -> tuple[Given, ...]:
        """Return what is given next: what was, as it is fitted now, and the excess."""
        measured = self.measure(stage.excess, stage.given)
        peak, values = measured.spectra.peak, measured.best.values[0]
        before = values[peak.first_given :].reshape(-1, 2)
        return (*(Given(float(mass), float(events)) for events, mass in before), measured.given)

    def _stage(self, given: tuple[Given, ...]) -> ScanStage:
        unblinded, masses = self.unblinded, self.unblinded.masses_GeV
        spectra = unblinded.spectra().with_given(given)
        scan = spectra.scan(masses)
        functions = envelope(unblinded, scan, given)
        return ScanStage(given, scan, functions, self._excess(spectra, scan, functions))

    def _excess(self, spectra: Spectra, scan: MassScan, functions: FunctionsZ) -> Excess:
        peak, thresholds = spectra.peak, self.unblinded.search.decision
        free = ~near(scan.mass_GeV, [known.mass_GeV for known in peak.given], peak.signal)
        best = int(np.argmax(np.where(free, scan.z, -np.inf)))
        mass = float(scan.mass_GeV[best])
        local_z = max(float(scan.z[best]), 0.0) if free.any() else 0.0
        significance = self._global(spectra, local_z)
        profiled, allowance = float(functions.envelope[best]), self.unblinded.allowance
        systematic = None if allowance is None or not local_z else allowance(spectra, mass)
        crossings = significance.upcrossings
        others = [z for z in (profiled, systematic) if z is not None]
        levels = [decide(local_z, significance.z, thresholds)]
        levels += [decide(z, combined(crossings, max(z, 0.0), None).z, thresholds) for z in others]
        ends = float(functions.lowest[best]), float(functions.highest[best])
        return Excess(mass, local_z, profiled, ends, systematic, significance, weakest(levels))

    def _global(self, spectra: Spectra, local_z: float) -> GlobalSignificance:
        """Return the global significance; with toys near a threshold, or where asked for."""
        experiment, work = self.experiment, self.work
        given, search = spectra.peak.given, experiment.search
        seed = spectrum_seed(spectra.counts)
        # Of the expectation: one scan of data tells their number to 70 %, and an excess bends it.
        crossings = upcrossings(self._expected(given), self.unblinded.masses_GeV, seed=seed)
        by_formula = combined(crossings, local_z, None)
        most = search.peak.global_toys if work.toys is None else work.toys
        if not most or (work.toys is None and not near_threshold(by_formula.z, search.decision)):
            return by_formula
        work.log(f"up to {most:,} toys of the whole procedure, for the global significance")
        experiment = experiment.with_given(given)
        counted = count_exceeding(experiment, local_z, seed=seed, most=most, workers=work.workers)
        return combined(crossings, local_z, counted_toys(*counted))

    def _expected(self, given: tuple[Given, ...]) -> Spectra:
        """Return the expectation with some resonances in it, and in both hypotheses."""
        expected = self.expected
        events = np.array([known.events for known in given])
        masses = np.array([known.mass_GeV for known in given])
        peaks = events @ expected.peak.templates(masses) if given else 0.0
        return expected.with_counts(expected.counts + peaks).with_given(given)


def published(stages: Sequence[ScanStage], signal: SignalModel) -> tuple[MassScan, FunctionsZ]:
    """Return the scan of a whole search.

    Within `APART` resolutions of a claimed resonance it is the scan that it was found in, beside
    those that were claimed before; at all other masses the last, beside all.
    """
    scan, functions = stages[-1].scan, stages[-1].functions
    size = len(scan.mass_GeV)
    for stage in reversed(stages[:-1]):
        here = near(scan.mass_GeV, [stage.excess.mass_GeV], signal)
        rows = np.where(here, size + np.arange(size), np.arange(size))
        scan = MassScan.joined([scan, stage.scan]).some(rows)
        functions = FunctionsZ.joined([functions, stage.functions]).some(rows)
    return scan, functions
