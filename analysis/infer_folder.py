"""From a results folder to the inference, and back: histograms in, result files out."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from analysis import decisions
from analysis.folder import Folder
from analysis.histogram_file import Histograms, read_histograms
from analysis.process import weight_of
from analysis.search import Search
from analysis.statistics.infer import infer
from analysis.statistics.inputs import InferenceInputs, SimulatedSpectrum, Spectrum
from processors.histograms import Counts
from tools.errors import InputError
from tools.samples import Catalogue, Sample
from tools.storage import write_json


def infer_folder(
    folder: Folder, catalogue: Catalogue, search: Search, *, inputs: str
) -> Mapping[str, Any]:
    """Infer from the histograms of `folder`; write all result files; return the verdict.

    Parameters
    ----------
    folder : Folder
    catalogue : Catalogue
    search : Search
    inputs : str
        Digest of what the results are made from, for ``provenance.inputs``.

    Raises
    ------
    InputError
        If the histograms are missing or were made with another selection.
    """
    documents = infer(inference_inputs(folder, catalogue), search)
    for name, workspace in documents.workspaces.items():
        write_json(folder.workspaces / f"{name}.json", workspace)
    folder.write("background.json", documents.background, inputs=inputs)
    folder.write("counting.json", documents.counting, inputs=inputs)
    # The verdict comes last: with it, everything before it is there.
    folder.write("verdict.json", documents.verdict, inputs=inputs)
    return documents.verdict


def inference_inputs(folder: Folder, catalogue: Catalogue) -> InferenceInputs:
    """Return what the inference starts from.

    Raises
    ------
    InputError
        If the histograms are missing or were made with another selection.
    """
    ledger = folder.read("ledger.json", made_by="process")
    histograms = read_histograms(folder.histograms)
    _refuse_other_selection(folder, histograms)
    unblinded = decisions.is_unblinded(folder)
    data, simulation = None, {}
    for name, named in histograms.items():
        sample, entry = catalogue.sample(name), ledger["samples"][name]
        if sample.kind == "data":
            data = Spectrum(_edges(named), _counts(named), not unblinded, _unselected(named))
        else:
            weight = weight_of(catalogue, name, entry["processed_events"])
            simulation[name] = _simulated(sample, named, weight, entry["processed_events"])
    return InferenceInputs(
        simulation=simulation,
        luminosity_invpb=catalogue.luminosity_invpb,
        data_luminosity_invpb=catalogue.data_luminosity_invpb,
        collision_energy_GeV=catalogue.collision_energy_GeV,
        data=data,
        complete=ledger["complete"],
        after_unblinding=decisions.after_unblinding(folder),
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


def _refuse_other_selection(folder: Folder, histograms: Histograms) -> None:
    wanted = ["all events", *folder.selection().steps()]
    for name, named in histograms.items():
        steps = list(named["cutflow"].axes["step"])
        if steps != wanted:
            raise InputError(
                f"the histograms of {name} in {folder.path} were made with other cuts "
                f"({', '.join(steps[1:]) or 'none'}) than its selection.json; "
                "process again with --selection"
            )
