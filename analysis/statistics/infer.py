"""The statistics of a search as documents: spectra in, the contents of the result files out.

``background.json``, ``counting.json``, ``scan.json``, ``limits.json``, ``verdict.json`` and pyhf
workspaces; how they come about is told in `inference.py`, what stands in them in `documents.py`. No
file is read or written here.
"""

from dataclasses import dataclass
from typing import Any

from analysis.search import Search
from analysis.statistics.documents import (
    background_document,
    counting_document,
    mass_limits_document,
    mass_scan_document,
    verdict_document,
)
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
    scan: dict[str, Any]
    """of ``scan.json``"""
    limits: dict[str, Any]
    """of ``limits.json``"""
    verdict: dict[str, Any]
    """of ``verdict.json``"""
    workspaces: dict[str, dict[str, Any]]
    """of ``workspaces/<name>.json``"""

    @property
    def known_before(self) -> dict[str, Any]:
        """What was known before the data were opened: decisions on the sidebands, expectations."""
        channels = self.background["channels"].items()
        decided = ("range", "fit_range_GeV", "family", "order")
        return {
            "of": self.background["of"],
            "peak": {name: {key: c["peak"][key] for key in decided} for name, c in channels},
            "sideband_gof_pvalue": {name: c["chosen"]["gof_pvalue"] for name, c in channels},
            "predicted_events": self.counting["predicted_events"],
            "predicted_error_events": self.counting["predicted_error_events"],
            "expected": {
                "counting_limit_pb": self.counting["limit"]["expected_pb"],
                "signals": self.verdict["expected"]["signals"],
                "scan": {key: self.scan[key] for key in ("mass_GeV", "expected_local_z")},
                "limits": {key: self.limits[key] for key in ("mass_GeV", "expected_pb")},
            },
        }


def infer(inputs: InferenceInputs, search: Search, **how: Any) -> Documents:
    """Do the statistics of a search and return its documents.

    The parameters are those of `inference.draw_inference`.
    """
    results = draw_inference(inputs, search, **how)
    return Documents(
        results=results,
        background=background_document(results),
        counting=counting_document(results),
        scan=mass_scan_document(results),
        limits=mass_limits_document(results),
        verdict=verdict_document(results),
        workspaces={"counting": results.window_limit.workspace, **results.mass_workspaces},
    )
