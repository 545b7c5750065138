"""The statistics of a search: spectra in, the results of its files out.

``background.json``, ``counting.json``, ``scan.json``, ``limits.json``, ``verdict.json`` and pyhf
workspaces; how they come about is told in `inference.py`, what stands in them in
`search_results.py`. No file is read or written here.
"""

from dataclasses import dataclass
from typing import Any

from analysis.results.background import BackgroundFits, PeakBackground
from analysis.results.counting import Counting
from analysis.results.freeze import (
    ExpectedLimits,
    ExpectedResults,
    ExpectedScan,
    KnownBefore,
    PeakDecision,
)
from analysis.results.limits import MassLimits
from analysis.results.scan import Scan
from analysis.results.verdict import Verdict
from analysis.settings.search import Search
from analysis.statistics import search_results
from analysis.statistics.inference import Inference, draw_inference
from analysis.statistics.spectra.inputs import InferenceInputs


@dataclass(frozen=True, slots=True, eq=False)
class SearchResults:
    """The results of the files, and the inference that they were made from."""

    inference: Inference
    background: BackgroundFits
    counting: Counting
    scan: Scan
    limits: MassLimits
    verdict: Verdict
    workspaces: dict[str, dict[str, Any]]
    """pyhf workspaces, by name of their file"""

    @property
    def known_before(self) -> KnownBefore:
        """What was known before the data were opened: decisions on the sidebands, expectations."""
        channels = self.background.channels
        return KnownBefore(
            of=self.background.of,
            peak={name: _decision(found.peak) for name, found in channels.items()},
            sideband_gof_pvalue={n: found.chosen.gof_pvalue for n, found in channels.items()},
            predicted_events=self.counting.predicted_events,
            predicted_error_events=self.counting.predicted_error_events,
            expected=ExpectedResults(
                counting_limit_pb=self.counting.limit.expected_pb,
                signals=self.counting.expected.signals,
                scan=ExpectedScan(
                    mass_GeV=self.scan.mass_GeV, expected_local_z=self.scan.expected_local_z
                ),
                limits=ExpectedLimits(
                    mass_GeV=self.limits.mass_GeV, expected_pb=self.limits.expected
                ),
            ),
        )


def _decision(peak: PeakBackground) -> PeakDecision:
    return PeakDecision(
        range=peak.range, fit_range_GeV=peak.fit_range_GeV, family=peak.family, order=peak.order
    )


def infer(inputs: InferenceInputs, search: Search, **how: Any) -> SearchResults:
    """Do the statistics of a search and return its results.

    The parameters are those of `inference.draw_inference`.
    """
    found = draw_inference(inputs, search, **how)
    return SearchResults(
        inference=found,
        background=search_results.background_fits(found),
        counting=search_results.counting(found),
        scan=search_results.mass_scan(found),
        limits=search_results.mass_limits(found),
        verdict=search_results.verdict(found),
        workspaces={"counting": found.window_limit.workspace, **found.mass_workspaces},
    )
