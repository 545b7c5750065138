"""The statistics of a search as documents: spectra in, the contents of the result files out.

``background.json``, ``counting.json``, ``verdict.json`` and pyhf workspaces; how they come about
is told in `inference.py`, what stands in them in `documents.py`. No file is read or written here.
"""

from dataclasses import dataclass
from typing import Any

from analysis.search import Search
from analysis.statistics.documents import background_document, counting_document, verdict_document
from analysis.statistics.inference import Inference, draw_inference
from analysis.statistics.inputs import InferenceInputs


@dataclass(frozen=True, slots=True, eq=False)
class Documents:
    """The contents of the result files, and the results that they were made from."""

    results: Inference
    background: dict[str, Any]
    """of ``background.json``"""
    counting: dict[str, Any]
    """of ``counting.json``"""
    verdict: dict[str, Any]
    """of ``verdict.json``"""
    workspaces: dict[str, dict[str, Any]]
    """of ``workspaces/<name>.json``"""


def infer(inputs: InferenceInputs, search: Search) -> Documents:
    """Do the statistics of a search and return its documents.

    Parameters
    ----------
    inputs : InferenceInputs
        Spectra after the selection, luminosities, properties of the samples.
    search : Search
        The decisions.

    Raises
    ------
    InputError
        If the spectra cannot be fitted, or signals lack what turns events into cross-sections.
    XyyError
        If no background can be fitted or no limit is found.
    """
    results = draw_inference(inputs, search)
    return Documents(
        results=results,
        background=background_document(results),
        counting=counting_document(results),
        verdict=verdict_document(results),
        workspaces={"counting": results.window_limit.workspace},
    )
