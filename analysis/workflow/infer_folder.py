"""From a results folder to the inference, and back: histograms in, result files out."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from analysis.folder import blinding, stamps
from analysis.folder.folder import CLAIM, PARTS, SELECTION, VERDICT, Folder, stamped
from analysis.folder.histogram_file import Histograms, read_histograms
from analysis.folder.stamps import stamp as stamp_of
from analysis.results.ledger import Ledger
from analysis.results.limits import MassLimits
from analysis.results.verdict import Verdict
from analysis.selection.optimise import cut_variables
from analysis.selection.scores.score_file import read_score_of
from analysis.settings.search import Search
from analysis.statistics.inference import infer
from analysis.statistics.limits_results import warnings_of
from analysis.statistics.resonance.shape import Effort
from analysis.statistics.spectra.inputs import InferenceInputs, SimulatedSpectrum, Spectrum
from analysis.statistics.work import Work
from analysis.workflow.claim import write_claim
from analysis.workflow.process import weight_of
from processors.histograms import CATEGORIES, Counts
from processors.score import ScoreTable
from tools.errors import InputError
from tools.json_file import write_json
from tools.names import listed
from tools.samples import Catalogue, Sample


def infer_folder(
    folder: Folder,
    catalogue: Catalogue,
    search: Search,
    *,
    inputs: str,
    effort: Effort,
    limit_toys: int = 0,
    only: Sequence[str] = PARTS,
    say: Callable[[str], None] = lambda _text: None,
) -> None:
    """Infer from the histograms of `folder`; write the result files.

    Limits are saved as they come. The verdict is of all parts: it is written if, afterwards, all
    of them are there and made from the same inputs.

    Parameters
    ----------
    folder : Folder
    catalogue : Catalogue
    search : Search
    inputs : str
        Digest of what the results are made from, for ``provenance.inputs``.
    effort : Effort
    limit_toys : int
        Toys of a limit where counts are low; 0: asymptotic everywhere.
    only : sequence of str
        The parts to write; the other files are left alone.
    say : callable
        Told what is being done.

    Raises
    ------
    InputError
        If the histograms are missing or were made with another selection.
    RefusedError
        If the sidebands of open data decide on another function than they were opened for.
    """
    start, limits = inference_inputs(folder, catalogue, search), "limits" in only
    if "scan" not in only:
        effort = _effort_of_scan(folder, inputs, effort)
    found = infer(start, search, Work(effort, limit_toys, limits, say, folder.save))
    if limits or blinding.is_unblinded(folder):
        blinding.keep_sidebands(folder, found.known_before)
    _write_workspaces(folder, found.workspaces, others_too=limits)
    spent = {"toys": effort.toys, "limit_toys": limit_toys, "seed": effort.seed}
    stamp = stamp_of(folder)
    for part in only:
        folder.save(getattr(found, part), stamp=stamp, inputs=inputs, effort=spent)
    # The verdict comes last: with it, everything before it is there.
    if all(folder.made_from(f"{part}.json") == inputs for part in PARTS):
        of_limits = folder.load(MassLimits, made_by="infer")
        verdict = found.verdict if limits else _warned_of(found.verdict, of_limits)
        write_claim(folder, verdict, of_limits, stamp=stamp, inputs=inputs)
        document, beside = stamped(verdict, stamp), _beside_verdict(folder)
        folder.record(VERDICT, document, beside, inputs=inputs, effort=spent)


def _warned_of(verdict: Verdict, limits: MassLimits) -> Verdict:
    """Return a verdict with the warnings of limits that were made before."""
    return replace(verdict, warnings=(*verdict.warnings, *warnings_of(limits)))


def _write_workspaces(
    folder: Folder, workspaces: Mapping[str, Mapping[str, Any]], *, others_too: bool
) -> None:
    """Write the workspaces; remove, if asked, those of masses that are no longer among them."""
    for name, workspace in workspaces.items():
        write_json(folder.workspaces / f"{name}.json", workspace)
    for path in folder.workspaces.glob("mass_*.json") if others_too else ():
        if path.stem not in workspaces:
            path.unlink()


def _beside_verdict(folder: Folder) -> list[str]:
    """Return the other products of a whole inference."""
    named = [f"{part}.json" for part in PARTS]
    if (folder.path / CLAIM).is_file():
        named.append(CLAIM)
    return [*named, *(f"workspaces/{path.name}" for path in folder.workspaces.glob("*.json"))]


def _effort_of_scan(folder: Folder, inputs: str, effort: Effort) -> Effort:
    """Return the effort that an up-to-date scan was made with; a verdict must agree with it.

    Without one there will be no verdict, and no toys are needed.
    """
    if folder.made_from("scan.json") != inputs:
        return replace(effort, toys=0)
    spent = folder.read("scan.json", made_by="infer")["provenance"].get("effort", {})
    return replace(effort, toys=spent.get("toys"), seed=spent.get("seed", effort.seed))


def inference_inputs(folder: Folder, catalogue: Catalogue, search: Search) -> InferenceInputs:
    """Return what the inference starts from.

    Raises
    ------
    InputError
        If the histograms are missing or were made with another selection.
    """
    ledger = folder.load(Ledger, made_by="process")
    histograms = read_histograms(folder.histograms)
    _refuse_other_selection(
        folder, histograms, read_score_of(folder.path / SELECTION, cut_variables(search))
    )
    unblinded = blinding.is_unblinded(folder)
    data, simulation = None, {}
    for name, named in histograms.items():
        sample, entry = catalogue.sample(name), ledger.samples[name]
        if sample.kind == "data":
            data = Spectrum(_edges(named), _counts(named), not unblinded, _unselected(named))
        else:
            weight = weight_of(catalogue, name, entry.processed_events)
            simulation[name] = _simulated(sample, named, weight, entry.processed_events)
    return InferenceInputs(
        simulation=simulation,
        luminosity_invpb=catalogue.luminosity_invpb,
        data_luminosity_invpb=catalogue.data_luminosity_invpb,
        collision_energy_GeV=catalogue.collision_energy_GeV,
        data=data,
        complete=ledger.complete,
        after_unblinding=stamps.after_unblinding(folder),
    )


def _simulated(
    sample: Sample, named: Mapping[str, Counts], weight: float, events: int
) -> SimulatedSpectrum:
    return SimulatedSpectrum(
        edges_GeV=_edges(named),
        counts=_counts(named),
        weight=weight,
        generated_events=events,
        mass_GeV=sample.mass_GeV,
        cross_section_pb=sample.cross_section_pb,
        filter_efficiency=sample.filter_efficiency,
        unselected_counts=None if sample.kind == "signal" else _unselected(named),
    )


def _edges(named: Mapping[str, Counts]) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return np.asarray(named["spectrum"].axes["m_yy"].edges)


def _counts(named: Mapping[str, Counts]) -> dict[str, Any]:
    spectrum = named["spectrum"]
    return dict(zip(spectrum.axes["category"], np.asarray(spectrum.view()), strict=True))


def _unselected(named: Mapping[str, Counts]) -> npt.NDArray[Any] | None:
    """Return the spectrum before the selection, which the light job does not fill."""
    before = named.get("before/m_yy")
    return None if before is None else np.asarray(before.view())


def _refuse_other_selection(
    folder: Folder, histograms: Histograms, score: ScoreTable | None
) -> None:
    wanted = ["all events", *folder.selection().steps(), *(score.step if score else ())]
    channels = list(score.names if score else CATEGORIES)
    for name, named in histograms.items():
        steps = list(named["cutflow"].axes["step"])
        if steps != wanted or list(named["spectrum"].axes["category"]) != channels:
            raise InputError(
                f"the histograms of {name} in {folder.path} were made with other cuts "
                f"({listed(steps[1:]) or 'none'}) than its selection.json; "
                "process again with --selection"
            )
