"""Universes from events: `xyy closure --events`.

Each goes through the whole chain: `xyy run` makes its events, selects, freezes, unblinds and
infers; its histograms hold the selected spectrum. That spectrum is then analysed as all those are
that are drawn from the model (`analyse`), with the same signal model and more toys of a borderline
case: verdicts must agree.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from analysis.folder.folder import SELECTION, Folder, Project
from analysis.results.closure import Closure, EventsComparison, UniverseComparison, UniverseVerdict
from analysis.results.verdict import ClaimLevel, Verdict
from analysis.selection.scores.score_file import read_score_of
from analysis.validation.analyse import TOYS, UniverseResults, analyse, toys_of
from analysis.validation.efficiencies import Channels
from analysis.validation.found import Found
from analysis.validation.rates import rounded
from analysis.validation.tasks import Log
from analysis.validation.universe_report import result
from analysis.validation.universes import KINDS, Analysis, Size, Universes
from analysis.workflow import pipeline
from analysis.workflow.infer_folder import inference_inputs
from analysis.workflow.process import RunLog
from tools.arrays import FloatArray
from tools.errors import XyyError
from tools.executors import Session
from tools.sources import Observed

_REASON = "closure: the truth of this universe is known"


def measure(
    work: Universes, universes: int, request: pipeline.Request, console: RunLog, log: Log
) -> Closure:
    """Do universes 0, 1, ... through the whole chain, and return what they and it show."""
    return result(*compare(observe(work, universes, request, console, log), log))


@dataclass(frozen=True, slots=True, eq=False)
class Observation:
    """What the chain said of one universe, and what its analysis looked at."""

    verdict: Verdict
    work: Universes
    """the universes behind the selection that was chosen, and the analysis of its spectrum"""
    spectrum: tuple[FloatArray, ...]
    """selected events in the bins of the analysis, for each channel"""

    @classmethod
    def of(cls, folder: Folder, work: Universes) -> "Observation":
        """Read a finished folder."""
        search = work.analysis.search
        score = read_score_of(folder.path / SELECTION, search)
        inputs, fit = inference_inputs(Project(folder, work.catalogue, search)), search.fit
        if inputs.data is None or inputs.data.blinded:
            raise XyyError("the chain left a universe blind; this is a defect of xyy")
        bins = [c.bins(fit.low_GeV, fit.high_GeV, fit.bin_GeV) for c in inputs.data.channels()]
        analysis = Analysis(
            search=search,
            signal=inputs.signal_model(),
            channel_names=inputs.channel_names,
            sqrt_s_GeV=inputs.collision_energy_GeV,
            luminosity_invpb=inputs.data_luminosity_invpb,
            filter_efficiency=inputs.filter_efficiency(),
        )
        channels, spectrum = Channels.of(folder.selection(), score), tuple(b.counts for b in bins)
        own = replace(work, channels=channels, analysis=analysis)
        return cls(folder.load(Verdict, made_by="run"), own, spectrum)


def observe(
    work: Universes, universes: int, request: pipeline.Request, console: RunLog, log: Log
) -> list[Observation]:
    """Do everything for universes 0, 1, ..., as `xyy run --universe K --unblind ...`, but the page.

    Parameters
    ----------
    work : Universes
    universes : int
        How many.
    request : Request
        What all share; the folder is where theirs lie.
    console : RunLog
        Told what each run does.
    log : callable
        Told how far it is.
    """
    found = []
    with Session(request.execution, log) as session:
        for number in range(universes):
            log(f"universe {number} of {universes}, from events")
            own = replace(
                request, out=request.out / f"universe_{number}",
                observed=Observed(universe=number), unblind=_REASON, until="infer",
            )  # fmt: skip
            found.append(Observation.of(pipeline.run(own, console, session=session), work))
    return found


def compare(
    observations: Sequence[Observation], log: Log
) -> tuple[UniverseResults, EventsComparison]:
    """Analyse the spectra of universes 0, 1, ... and lay the two verdicts beside each other."""
    parts, kind = [], KINDS[0]
    for number, each in enumerate(observations):
        analysis = each.work.analysis
        expected = each.work.expected(kind, number)
        universe = replace(expected, counts=each.spectrum)
        found = analyse(analysis, [universe], toys=TOYS[kind])
        toys = range(analysis.search.peak.global_toys)
        for row in found.borderline(analysis.search.decision) if toys else ():
            log(f"universe {number}: toys of the whole procedure")
            largest = toys_of(analysis, each.spectrum, toys, seed=int(found.seed[row]))
            found.count(row, largest, analysis.search.decision)
        parts.append(found)
    # The last stands for all: no number depends on which; the channels named are the last one's.
    results = UniverseResults(observations[-1].work, Size(len(parts)), Found.joined(parts))
    return results, _compared([each.verdict for each in observations], results.found)


def _compared(chain: Sequence[Verdict], ours: Found) -> EventsComparison:
    each = []
    for row, theirs in enumerate(chain):
        estimates = theirs.mass_GeV, theirs.cross_section_pb
        measured = [None if own is None else own.value for own in estimates]
        one = _verdict(theirs.decision, theirs.local_z, *measured)
        columns = ours.local_z, ours.mass_GeV, ours.cross_section_pb
        other = _verdict(ours.decision[row].item(), *(column[row] for column in columns))
        each.append(UniverseComparison(row, one, other, one.decision == other.decision))
    return EventsComparison(sum(one.same_verdict for one in each), len(each), tuple(each))


def _verdict(decision: ClaimLevel | None, *numbers: float | None) -> UniverseVerdict:
    """Return a verdict with six digits of its local Z, mass and cross-section; NaN for none."""
    z, mass, strength = (np.nan if x is None else rounded(x, 6) for x in numbers)
    return UniverseVerdict(decision, z, mass, strength)
