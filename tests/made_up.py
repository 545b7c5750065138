"""Results that are made up: a test says what it is about, all else is not there."""

from dataclasses import replace
from typing import Any

import numpy as np

from analysis.results.background import (
    ChannelBackground,
    FittedBins,
    FittedCurve,
    PeakBackground,
    PeakCandidate,
    PredictionErrors,
    SidebandFit,
    SpuriousSignals,
)
from analysis.results.counting import CountingLimit
from analysis.results.ledger import CutflowRow, Ledger
from analysis.results.limits import ExcludedRanges, MassLimits
from analysis.results.scan import GlobalSignificance, Scan, Upcrossings
from analysis.results.selection import ChosenSelection, CutsOptimism
from analysis.results.values import Estimate
from analysis.results.verdict import ResonanceFit, Verdict
from tools.executors import SampleLedger

BANDS = ("-2", "-1", "0", "1", "2")
NO_FIT = ResonanceFit(stability=(), deficit=None, unit="pb")


def around(value: float, down: float, up: float | None = None) -> Estimate:
    """Return a value with its errors."""
    return Estimate(value, value - down, value + (down if up is None else up))


def a_scan(mass_GeV: np.ndarray, **known: Any) -> Scan:
    """Return a scan, a blind one if nothing else is known."""
    nothing = Scan(
        mass_GeV=mass_GeV, local_z=None, signed_z=None, local_p=None, signal_events=None,
        signal_error_events=None, envelope_z=None, expected_local_z=None, benchmark=None,
        maximum=None, global_=None, reason=None, complete=True, unit="pb",
    )  # fmt: skip
    return replace(nothing, **known)


def a_global(z: float, local_z_of_global: dict[str, float]) -> GlobalSignificance:
    """Return what the largest excess is worth."""
    return GlobalSignificance(
        p=0.003, z=z, method="gross-vitells", upcrossings=Upcrossings(0.5, 3.1, 0.1, 400),
        gross_vitells_p=0.003, toys=None, local_z_of_global=local_z_of_global,
    )  # fmt: skip


def some_limits(mass_GeV: np.ndarray, expected: np.ndarray, **known: Any) -> MassLimits:
    """Return limits against mass; those expected have a row for each of -2 to 2 sigma."""
    nothing = MassLimits(
        confidence_level=0.95, mass_GeV=mass_GeV, observed=None, reasons=(None,) * len(mass_GeV),
        expected=dict(zip(BANDS, expected, strict=True)), low_counts=(False,) * len(mass_GeV),
        background_events_under_peak=np.full(len(mass_GeV), 50.0),
        methods=("asymptotic",) * len(mass_GeV), method="asymptotic", benchmark=None,
        excluded_GeV=ExcludedRanges(observed=None, expected=None), warnings=(), reason=None,
        partial=False, complete=True, unit="pb",
    )  # fmt: skip
    return replace(nothing, **known)


def a_counting_limit(expected_pb: float, observed_pb: float | None = None) -> CountingLimit:
    """Return an upper limit of the count."""
    factors = zip(BANDS, (0.55, 0.75, 1.0, 1.4, 1.9), strict=True)
    return CountingLimit(
        confidence_level=0.95, observed_pb=observed_pb, reason=None,
        expected_pb={band: factor * expected_pb for band, factor in factors},
        efficiency_of="signal_500", window_events_per_pb=400.0, workspace_scale_pb=1.0,
    )  # fmt: skip


def a_candidate(family: str, order: int, **known: Any) -> PeakCandidate:
    """Return a function that was tried under a peak."""
    some = PeakCandidate(
        range="window", fit_range_GeV=(400.0, 1100.0), family=family, order=order,
        parameters=order + 1, gof_pvalue=0.3, worst_errors=0.1, worst_truth="two slopes",
        worst_mass_GeV=560.0, passes=True, chosen=False,
    )  # fmt: skip
    return replace(some, **known)


def a_peak(
    family: str, order: int, spurious: SpuriousSignals, *candidates: PeakCandidate
) -> PeakBackground:
    """Return the function under a peak."""
    return PeakBackground(
        range="window", fit_range_GeV=(400.0, 1100.0), family=family, order=order, passes=True,
        truths=("two slopes",), spurious=spurious, candidates=candidates,
    )  # fmt: skip


def a_sideband_fit(family: str, order: int, **known: Any) -> SidebandFit:
    """Return a function that was fitted to the sidebands."""
    some = SidebandFit(
        family=family, order=order, parameters=(), gof_pvalue=0.4, nll=1.0, degrees_of_freedom=110,
        uncorrected_events=3170.0, fit_error_events=90.0, closure_bias_events=None,
        correction_events=0.0, closure_error_events=0.0, accepted=True, reason=None,
    )  # fmt: skip
    return replace(some, **known)


def a_channel(
    edges_GeV: np.ndarray,
    observed: np.ndarray,
    expected: np.ndarray,
    peak: PeakBackground,
    **known: Any,
) -> ChannelBackground:
    """Return the background of a channel."""
    bins = FittedBins(edges_GeV=edges_GeV, observed_events=observed, expected_events=expected)
    density = expected / np.diff(edges_GeV)
    curve = FittedCurve(
        mass_GeV=(edges_GeV[1:] + edges_GeV[:-1]) / 2, events_per_GeV=density, error=0.03 * density
    )
    chosen = a_sideband_fit("exp", 4)
    some = ChannelBackground(
        fit_range_GeV=(float(edges_GeV[0]), float(edges_GeV[-1])), chosen=chosen,
        candidates=(chosen,), predicted_events=3170.0, correction_events=0.0,
        predicted_error_events=95.0,
        predicted_errors_events=PredictionErrors(fit=90.0, spread=0.0, closure=30.0),
        smooth_truths=(), peak=peak, spurious_signal_events={}, bins=bins, curve=curve, warnings=(),
    )  # fmt: skip
    return replace(some, **known)


def a_verdict(**known: Any) -> Verdict:
    """Return a verdict, that of blind data if nothing else is known."""
    nothing = Verdict(
        decision=None, complete=True, blinded=False, after_unblinding=None, local_z=None,
        global_z=None, global_p=None, global_z_reason=None, mass_GeV=None, reason=None,
        counting=None, fit=None, warnings=(), unit="pb",
    )  # fmt: skip
    return replace(nothing, **known)


def a_selection(**known: Any) -> ChosenSelection:
    """Return a selection of the course's signal without cuts, of which nothing is known."""
    rows = dict.fromkeys(
        ("none", "n_jets<5", "best_n_jets", "course_cuts", "best_cuts", "score_cut", "categories",
         "bound", "final")
    )  # fmt: skip
    nothing = ChosenSelection(
        cuts={}, reference_signal="signal_500", figure_of_merit="s", significance=rows,
        errors=rows, n_jets_scan=(), by_signal={"signal_500": rows},
        by_signal_errors={"signal_500": rows},
        optimism=CutsOptimism(
            cuts={}, chosen_on_half=None, checked_on_other_half=None, error=None
        ),
        independence_pvalues={}, background_fractions_from="whole sample", method="cuts",
        best_cuts={}, score_digest=None, flags={"cuts": (), "score": (), "categories": ()},
        sculpting={}, score=None,
    )  # fmt: skip
    return replace(nothing, **known)


def a_ledger(**events: int) -> Ledger:
    """Return a ledger of samples of which all events were processed."""
    samples = {name: SampleLedger(number, number, ()) for name, number in events.items()}
    return Ledger(complete=True, samples=samples, generated_samples=())


def a_row(cut: str, events: int) -> CutflowRow:
    """Return a row of the cutflow of a sample of weight 1."""
    return CutflowRow(cut=cut, events=events, sumw=events, sumw2=events, window_events=None)
