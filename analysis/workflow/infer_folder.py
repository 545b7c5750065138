"""From a results folder to the inference, and back: histograms in, result files out."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from analysis.folder import blinding, history
from analysis.folder.folder import CLAIM, PARTS, VERDICT, Folder, Project, labelled
from analysis.folder.histogram_file import read_histograms
from analysis.folder.origin import origin_of
from analysis.results.codec import to_json
from analysis.results.freeze import ChangeLabel
from analysis.results.game import Claim, ClaimedLimits, ClaimOrigin
from analysis.results.ledger import Ledger
from analysis.results.limits import MassLimits
from analysis.results.scan import InferredWith, SpentToys
from analysis.results.verdict import Verdict
from analysis.statistics.inference import infer
from analysis.statistics.limits_results import beside_others, warnings_of
from analysis.statistics.resonance.work import Work
from analysis.statistics.spectra.inputs import InferenceInputs, SimulatedSpectrum, Spectrum
from tools.json_file import write_json
from tools.manifest import Source


def infer_folder(project: Project, work: Work, *, inputs: str, only: Sequence[str] = PARTS) -> None:
    """Infer from the histograms of the folder; write the result files.

    Limits are saved as they come. The verdict is of all parts: it is written if, afterwards, all
    of them are there and made from the same inputs.

    Parameters
    ----------
    project : Project
    work : Work
        How much is computed, and where it is logged.
    inputs : str
        Digest of what the results are made from, for ``provenance.inputs``.
    only : sequence of str
        The parts to write; the other files are left alone.

    Raises
    ------
    InputError
        If the histograms are missing or damaged.
    RefusedError
        If the sidebands of unblinded data decide on another function than before.
    """
    folder, _, search = project
    start, limits = inference_inputs(project), "limits" in only
    if "scan" not in only:
        work = _work_of_scan(folder, inputs, work)
    # Whoever interrupts the limits keeps those that are done, with the label as it is by then.
    saving = partial(folder.save, label=history.label(folder))
    found = infer(start, search, replace(work, limits=limits, on_limit=saving))
    # The freeze keeps the expected limits too: while blind only an inference that has them is kept.
    if limits or blinding.is_unblinded(folder):
        blinding.keep_sidebands(folder, found.known_before)
    label = history.label(folder)  # with another background, if the sidebands decided on one
    _write_workspaces(folder, found.workspaces, others_too=limits)
    spent = to_json(SpentToys(toys=work.toys, limit_toys=work.limit_toys, seed=work.seed))
    for part in only:
        folder.save(getattr(found, part), label=label, inputs=inputs, effort=spent)
    # The verdict comes last: with it, everything before it is there.
    if all(folder.made_from(f"{part}.json") == inputs for part in PARTS):
        of_limits = folder.load(MassLimits, made_by="infer")
        verdict = found.verdict
        if not limits:  # those of an earlier call have warnings, which this inference has not
            told = (*warnings_of(of_limits), *beside_others(of_limits, verdict.given or ()))
            verdict = replace(verdict, warnings=(*verdict.warnings, *told))
        _write_claim(folder, verdict, of_limits, label=label, inputs=inputs)
        document, beside = labelled(verdict, label), _beside_verdict(folder)
        folder.record(VERDICT, document, beside, inputs=inputs, effort=spent)


def _write_claim(
    folder: Folder, verdict: Verdict, limits: MassLimits, *, label: ChangeLabel | None, inputs: str
) -> None:
    """Write what a group says of its universe, and hands in; while the data are blind, nothing.

    Of which data it is stands with its provenance: name, size and digest of every file that was
    converted, so that a claim on other data is recognised whatever the folder is called.
    """
    if verdict.decision is None or limits.observed is None:
        # One of an earlier opening would be handed in as if it were of this verdict.
        (folder.path / Claim.FILE).unlink(missing_ok=True)
        return
    claim = Claim(
        decision=verdict.decision, local_z=verdict.local_z, global_z=verdict.global_z,
        mass_GeV=verdict.mass_GeV, cross_section_pb=verdict.cross_section_pb,
        complete=verdict.complete,
        after_unblinding=None if label is None else label.after_unblinding,
        changed_after_unblinding=None if label is None else label.changed_after_unblinding,
        limits=ClaimedLimits(
            confidence_level=limits.confidence_level, mass_GeV=limits.mass_GeV,
            observed_pb=limits.observed,
        ),
        provenance=ClaimOrigin(data=_data_files(folder)),
    )  # fmt: skip
    folder.save(claim, inputs=inputs, **to_json(claim.provenance))


def _data_files(folder: Folder) -> tuple[Source, ...]:
    """Return the files that the observed events were converted from.

    There are none where a universe's data were generated in the run, or where the chunks are gone.
    """
    origin = origin_of(folder)
    if origin is None:
        return ()
    for _, data in origin.observed():
        for name, chunks in data.items():
            if chunks.content == origin.made.content.get(name):
                return chunks.sources
    return ()


def _write_workspaces(
    folder: Folder, workspaces: Mapping[str, Mapping[str, Any]], *, others_too: bool
) -> None:
    """Write the workspaces; remove, if asked, those of masses that are no longer among them."""
    for name, workspace in workspaces.items():
        write_json(folder.workspaces / f"{name}.json", workspace)
    # Of masses that have no limit any more: they would be exported beside limits of other masses.
    for path in folder.workspaces.glob("mass_*.json") if others_too else ():
        if path.stem not in workspaces:
            path.unlink()


def _beside_verdict(folder: Folder) -> list[str]:
    """Return the other products of a complete inference."""
    named = [f"{part}.json" for part in PARTS]
    if (folder.path / CLAIM).is_file():
        named.append(CLAIM)
    return [*named, *(f"workspaces/{path.name}" for path in folder.workspaces.glob("*.json"))]


def _work_of_scan(folder: Folder, inputs: str, work: Work) -> Work:
    """Return the work that an up-to-date scan was made with; a verdict must agree with it.

    Without one it is what was asked for: toys decide what is claimed, and limits are beside that.
    """
    made = folder.made_with("scan.json", InferredWith)
    if made is None or folder.made_from("scan.json") != inputs:
        return work
    return replace(work, toys=made.effort.toys, seed=made.effort.seed)


def inference_inputs(project: Project) -> InferenceInputs:
    """Return what the inference starts from.

    Raises
    ------
    InputError
        If the histograms are missing or damaged.
    """
    folder, catalogue, _ = project
    ledger = folder.load(Ledger, made_by="process")
    histograms = read_histograms(folder.histograms)
    blinded = not blinding.is_unblinded(folder)
    data, simulation = None, {}
    for name, named in histograms.items():
        sample, events = catalogue.sample(name), ledger.samples[name].processed_events
        spectrum, before = named["spectrum"], named.get("before/m_yy")
        edges = np.asarray(spectrum.axes["m_yy"].edges)
        counts = dict(zip(spectrum.axes["category"], np.asarray(spectrum.view()), strict=True))
        # The light job does not fill the spectrum before the selection.
        unselected = None if before is None else np.asarray(before.view())
        if sample.kind == "data":
            data = Spectrum(edges, counts, blinded, unselected)
            continue
        simulation[name] = SimulatedSpectrum(
            edges, counts, weight=catalogue.weight(sample, events), generated_events=events,
            mass_GeV=sample.mass_GeV, cross_section_pb=sample.cross_section_pb,
            filter_efficiency=sample.filter_efficiency,
            unselected_counts=None if sample.kind == "signal" else unselected,
        )  # fmt: skip
    return InferenceInputs(
        simulation=simulation, luminosity_invpb=catalogue.luminosity_invpb,
        data_luminosity_invpb=catalogue.data_luminosity_invpb,
        collision_energy_GeV=catalogue.collision_energy_GeV,
        data=data, complete=ledger.complete, after_unblinding=history.after_unblinding(folder),
    )  # fmt: skip
