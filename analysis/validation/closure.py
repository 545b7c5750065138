"""`xyy closure`: universes of a campaign, from their spectra or their events, written down.

From events each universe goes through the whole chain: `xyy run` makes its events, selects,
freezes, unblinds and infers; its histograms hold the selected spectrum. That spectrum is then
analysed as all those are that are drawn from the model (`analyse`), with the same signal model and
more toys of a borderline case: verdicts must agree.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from analysis.folder.folder import SELECTION, Folder, Project
from analysis.report.plots.style import Header
from analysis.results.closure import Closure, EventsComparison, UniverseComparison, UniverseVerdict
from analysis.results.codec import from_json, to_json
from analysis.results.verdict import ClaimLevel, Verdict
from analysis.selection.optimise import cut_variables
from analysis.selection.scores.score_file import read_score_of
from analysis.validation.analyse import TOYS, Found, UniverseResults, analyse, run, toys_of
from analysis.validation.efficiencies import Channels
from analysis.validation.pages import write_page
from analysis.validation.rates import rounded
from analysis.validation.tasks import Log
from analysis.validation.universe_report import result
from analysis.validation.universes import KINDS, Analysis, Size, Universes
from analysis.workflow import pipeline
from analysis.workflow.infer_folder import inference_inputs
from analysis.workflow.process import RunLog
from tools.arrays import FloatArray
from tools.errors import InputError, XyyError
from tools.executors import Session
from tools.json_file import read_json, write_json
from tools.locks import one_writer
from tools.provenance import provenance
from tools.samples import Catalogue
from tools.sources import Observed

_REASON = "closure: the truth of this universe is known"
_SEED = 1
"""of the toys that `xyy run` generates; the same ones are generated here"""


def write_closure(
    work: Universes,
    size: Size,
    request: pipeline.Request,
    log: Log,
    *,
    chain_console: RunLog | None,
) -> Closure:
    """Do all universes, and write what they show.

    Parameters
    ----------
    work : Universes
    size : Size
    request : Request
        The folder, and on what to work; from events also what all of them share.
    log : callable
        Told how far it is.
    chain_console : RunLog, optional
        Where each run tells what it does if they go through the whole chain, event by event.
    """
    start, out, execution = time.monotonic(), request.out, request.execution
    path = out / Closure.FILE
    with one_writer(out, writes=(path.name, f"{path.stem}.md", path.stem)):
        if chain_console is None:
            found = result(run(work, size, out, execution, log=log))
        else:
            observations = observe(work, size.universes, request, chain_console, log)
            found = result(*compare(observations, log))
        about = provenance(
            executor=execution.engine,
            workers=None if execution.scheduler else execution.workers,  # a scheduler's come and go
            seconds=round(time.monotonic() - start, 1),
        )
        write_json(path, {**to_json(found), "provenance": about})
        write_page(found, path, _header(work.catalogue))
    return found


def write_page_again(path: Path, catalogue: Catalogue) -> None:
    """Write page and figures of a result file again.

    Raises
    ------
    InputError
        If it is missing, or its numbers cannot belong together.
    """
    advice = "make it again with `xyy closure`"
    found = from_json(Closure, read_json(path, made_by="xyy closure"), path, advice=advice)
    try:
        write_page(found, path, _header(catalogue))
    except (ArithmeticError, LookupError, ValueError) as error:
        raise InputError(
            f"{path} contradicts itself ({type(error).__name__}: {error}); {advice}"
        ) from error


def _header(catalogue: Catalogue) -> Header:
    return Header(catalogue.collision_energy_GeV, catalogue.data_luminosity_invpb)


# ---- from events ---------------------------------------------------------------------------------


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
        score = read_score_of(folder.path / SELECTION, cut_variables(search))
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
        universe = replace(expected, counts=each.spectrum, seed=_SEED)
        found = analyse(analysis, [universe], toys=TOYS[kind])
        toys = range(analysis.search.peak.global_toys)
        for row in found.borderline if toys else ():
            log(f"universe {number}: toys of the whole procedure")
            largest = toys_of(analysis, each.spectrum, toys, seed=_SEED)
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
