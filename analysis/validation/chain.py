"""Universes through the whole chain, from events, beside the analysis of their spectra.

`xyy run` makes the events of a universe, selects, freezes, unblinds and infers; its histograms hold
the selected spectrum. That spectrum is then analysed as all those are that are drawn from the model
(`analyse`), with the same signal model and a second look where it is due: verdicts must agree.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from analysis.folder.folder import Folder
from analysis.results.closure import EventsComparison, UniverseComparison, UniverseVerdict
from analysis.results.values import Estimate
from analysis.results.verdict import ClaimLevel, Verdict
from analysis.settings.search import Search
from analysis.statistics.resonance.look_elsewhere import CountedToys
from analysis.statistics.spectra.bins import FloatArray
from analysis.statistics.spectra.inputs import InferenceInputs
from analysis.validation.analyse import Found, analyse, borderline, second_look
from analysis.validation.efficiencies import Channels
from analysis.validation.universe_campaign import Size, UniverseResults
from analysis.validation.universe_tasks import TOYS, Universes
from analysis.validation.universes import Analysis, Kind
from analysis.workflow.infer_folder import inference_inputs
from analysis.workflow.pipeline import Console, Request, run
from analysis.workflow.process import cut_variables
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
        score = folder.score(cut_variables(work.analysis.search))
        channels = (
            Channels.of_cuts(folder.selection()) if score is None else Channels.of_score(score)
        )
        inputs = inference_inputs(folder, work.catalogue, work.analysis.search)
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
    work: Universes, universes: int, request: Request, console: Console, say: Callable[[str], None]
) -> list[Observation]:
    """Do everything for universes 0, 1, ..., as `xyy run --universe K --unblind ...`, but the page.

    Parameters
    ----------
    work : Universes
    universes : int
        How many.
    request : Request
        What all share; the folder is where theirs lie.
    console : Console
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
    counted: dict[tuple[Kind, int], CountedToys] = {}
    for number, observation in enumerate(observations):
        analysis = observation.analysis(work.analysis.search)
        own = replace(work, analysis=analysis, channels=observation.channels)
        found = analyse(
            analysis, [own.expected("universes", number)], [observation.spectrum(analysis)],
            [number], [_SEED], toys=TOYS["universes"],
        )  # fmt: skip
        for _ in borderline(found) if analysis.search.peak.global_toys else ():
            say(f"universe {number}: toys of the whole procedure")
            counted["universes", number] = _second_look(analysis, observation, found)
        parts.append(found)
    found = Found.joined(parts)
    nothing = Found.nothing(0)
    results = UniverseResults(
        work.campaign, analysis, Size(len(parts)),
        {"universes": found, "empty": nothing, "with_x": nothing}, counted,
    )  # fmt: skip
    decisions = results.judged("universes").decision.tolist()
    each = tuple(
        _beside(number, observation.verdict, found, decisions[number])
        for number, observation in enumerate(observations)
    )
    same = sum(one.same_verdict for one in each)
    return results, EventsComparison(same_verdicts=same, n=len(each), each=each)


def _second_look(analysis: Analysis, observation: Observation, found: Found) -> CountedToys:
    return second_look(
        analysis, observation.spectrum(analysis), float(found.local_z[0]), seed=_SEED,
        toys=analysis.search.peak.global_toys,
    )  # fmt: skip


def _beside(number: int, theirs: Verdict, found: Found, ours: ClaimLevel) -> UniverseComparison:
    """Return the chain's verdict and ours."""
    chain = UniverseVerdict(
        decision=theirs.decision,
        local_z=_number(theirs.local_z),
        mass_GeV=_value(theirs.mass_GeV),
        cross_section_pb=_value(theirs.cross_section_pb),
    )
    spectrum = UniverseVerdict(
        decision=ours,
        local_z=_number(found.local_z[number]),
        mass_GeV=_number(found.mass_GeV[number]),
        cross_section_pb=_number(found.cross_section_pb[number]),
    )
    same = theirs.decision == ours
    return UniverseComparison(universe=number, chain=chain, spectrum=spectrum, same_verdict=same)


def _value(estimate: Estimate | None) -> float:
    return _number(None if estimate is None else estimate.value)


def _number(value: float | None) -> float:
    """Return six digits of a number; NaN for none."""
    return np.nan if value is None else float(f"{value:.6g}")
