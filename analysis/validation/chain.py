"""Universes through the whole chain, from events, beside the analysis of their spectra.

`xyy run` makes the events of a universe, selects, freezes, unblinds and infers; its histograms hold
the selected spectrum. That spectrum is then analysed as all those are that are drawn from the model
(`analyse`), with the same signal model and a second look where it is due: verdicts must agree.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from analysis.folder.folder import SELECTION, Folder, Project
from analysis.results.closure import EventsComparison, UniverseComparison, UniverseVerdict
from analysis.results.values import Estimate
from analysis.results.verdict import ClaimLevel, Verdict
from analysis.selection.optimise import cut_variables
from analysis.selection.scores.score_file import read_score_of
from analysis.settings.search import Search
from analysis.statistics.spectra.inputs import InferenceInputs
from analysis.validation.analyse import Found, analyse, borderline, second_look
from analysis.validation.efficiencies import Channels
from analysis.validation.rates import rounded
from analysis.validation.universe_campaign import Counted, Size, UniverseResults
from analysis.validation.universe_tasks import TOYS, Universes
from analysis.validation.universes import Analysis
from analysis.workflow.infer_folder import inference_inputs
from analysis.workflow.pipeline import Request, run
from analysis.workflow.process import RunLog
from tools.arrays import FloatArray
from tools.errors import XyyError
from tools.executors import Session
from tools.sources import Observed

_REASON = "closure: the truth of this universe is known"
_SEED = 1
"""of the toys that `xyy run` throws; the same numbers are thrown here"""


@dataclass(frozen=True, slots=True, eq=False)
class Observation:
    """What the chain said of one universe."""

    verdict: Verdict
    inputs: InferenceInputs
    channels: Channels

    @classmethod
    def of(cls, folder: Folder, work: Universes) -> "Observation":
        """Read a finished folder."""
        score = read_score_of(folder.path / SELECTION, cut_variables(work.analysis.search))
        channels = (
            Channels.of_cuts(folder.selection()) if score is None else Channels.of_score(score)
        )
        inputs = inference_inputs(Project(folder, work.catalogue, work.analysis.search))
        return cls(folder.load(Verdict, made_by="run"), inputs, channels)

    def spectrum(self, analysis: Analysis) -> tuple[FloatArray, ...]:
        """Return the selected events in the bins of the analysis, for each channel."""
        fit, data = analysis.search.fit, self.inputs.data
        if data is None or data.blinded:
            raise XyyError("the chain left a universe blind; this is a defect of xyy")
        bins = (c.bins(fit.low_GeV, fit.high_GeV, fit.bin_GeV) for c in data.channels())
        return tuple(one.counts for one in bins)

    def analysis(self, search: Search) -> Analysis:
        """Return what the analysis of this folder knows."""
        inputs = self.inputs
        return Analysis(
            search=search,
            signal=inputs.signal_model(),
            channel_names=inputs.channel_names,
            sqrt_s_GeV=inputs.collision_energy_GeV,
            luminosity_invpb=inputs.data_luminosity_invpb,
            filter_efficiency=inputs.filter_efficiency(),
        )


def observe(
    work: Universes, universes: int, request: Request, console: RunLog, say: Callable[[str], None]
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
    say : callable
        Told how far it is.
    """
    found = []
    with Session(request.execution, say) as session:
        for number in range(universes):
            say(f"universe {number} of {universes}, from events")
            own = replace(
                request, out=request.out / f"universe_{number}",
                observed=Observed(universe=number), unblind=_REASON, until="infer",
            )  # fmt: skip
            found.append(Observation.of(run(own, console, session=session), work))
    return found


def compare(
    work: Universes,
    observations: Sequence[Observation],
    *,
    say: Callable[[str], None] = lambda _text: None,
) -> tuple[UniverseResults, EventsComparison]:
    """Analyse the spectra of universes 0, 1, ... and lay the two verdicts beside each other."""
    parts, analysis = [], work.analysis
    counted: Counted = {}
    for number, observation in enumerate(observations):
        analysis = observation.analysis(work.analysis.search)
        own = replace(work, analysis=analysis, channels=observation.channels)
        found = analyse(
            analysis, [own.expected("universes", number)], [observation.spectrum(analysis)],
            [number], [_SEED], toys=TOYS["universes"],
        )  # fmt: skip
        for _ in borderline(found) if analysis.search.peak.global_toys else ():
            say(f"universe {number}: toys of the whole procedure")
            counted["universes", number] = second_look(
                analysis, observation.spectrum(analysis), float(found.local_z[0]), seed=_SEED,
                toys=analysis.search.peak.global_toys,
            )  # fmt: skip
        parts.append(found)
    found = Found.joined(parts)
    nothing = Found.nothing(0)
    results = UniverseResults(
        work.campaign, analysis, Size(len(parts)),
        {"universes": found, "empty": nothing, "with_x": nothing}, counted,
    )  # fmt: skip
    ours, each = results.judged("universes"), []
    for row, theirs in enumerate(observation.verdict for observation in observations):
        chain = _verdict(
            theirs.decision, theirs.local_z, _value(theirs.mass_GeV),
            _value(theirs.cross_section_pb),
        )  # fmt: skip
        spectrum = _verdict(
            ours.decision[row], ours.local_z[row], ours.mass_GeV[row], ours.cross_section_pb[row]
        )
        agreed = chain.decision == spectrum.decision
        each.append(
            UniverseComparison(universe=row, chain=chain, spectrum=spectrum, same_verdict=agreed)
        )
    same = sum(one.same_verdict for one in each)
    return results, EventsComparison(same_verdicts=same, n=len(each), each=tuple(each))


def _verdict(decision: ClaimLevel | None, *numbers: float | None) -> UniverseVerdict:
    """Return a verdict with six digits of its local Z, mass and cross-section; NaN for none."""
    z, mass, strength = (np.nan if x is None else rounded(x, 6) for x in numbers)
    return UniverseVerdict(decision=decision, local_z=z, mass_GeV=mass, cross_section_pb=strength)


def _value(estimate: Estimate | None) -> float | None:
    return None if estimate is None else estimate.value
