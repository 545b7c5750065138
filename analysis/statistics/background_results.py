"""Background functions as ``background.json`` holds them: their fits, and how they were chosen."""

import numpy as np

from analysis.results.background import (
    ChannelBackground,
    FittedBins,
    FittedCurve,
    FunctionParameter,
    LargestSpuriousSignal,
    PeakBackground,
    PeakCandidate,
    PredictionErrors,
    SidebandFit,
    SpuriousSignals,
    TestSpectrum,
)
from analysis.statistics.background.entries import Entry
from analysis.statistics.background.families import FittedFunction
from analysis.statistics.background.sidebands import Background, Candidate
from analysis.statistics.background.tournament import Decisions
from analysis.statistics.spectra.bins import bin_edges
from tools.arrays import FloatArray

_CURVE_STEP_GEV = 5.0


def channel_background(
    background: Background, decided: Decisions, observed: FloatArray
) -> ChannelBackground:
    """Return the background of one channel.

    Parameters
    ----------
    background : Background
        Fit of its sidebands.
    decided : Decisions
        The function under a peak.
    observed : ndarray
        Events in the bins of the fit; NaN where none are told.
    """
    masses = bin_edges(background.low_GeV, background.high_GeV, _CURVE_STEP_GEV)
    density, error = background.chosen.fitted.density(masses)
    return ChannelBackground(
        fit_range_GeV=(background.low_GeV, background.high_GeV),
        chosen=_sideband_fit(background.chosen),
        candidates=tuple(map(_sideband_fit, background.candidates)),
        predicted_events=background.predicted_events,
        predicted_error_events=background.predicted_error_events,
        predicted_errors_events=PredictionErrors(
            fit=background.fit_error_events,
            spread=background.spread_events,
            closure=background.closure_events,
        ),
        smooth_truths=tuple(
            TestSpectrum(name=truth.name, gof_pvalue=truth.gof_pvalue)
            for truth in background.truths
        ),
        peak=peak_result(decided),
        spurious_signal_events=_spurious(decided),
        bins=FittedBins(
            edges_GeV=background.edges_GeV,
            observed_events=observed,
            expected_events=background.expected_per_bin(),
        ),
        curve=FittedCurve(mass_GeV=masses, events_per_GeV=density, error=error),
        warnings=tuple(background.warnings),
    )


def _spurious(decided: Decisions) -> dict[str, LargestSpuriousSignal]:
    """Return the largest spurious signal of the function in use, on every test spectrum."""
    entry = next(e for e in decided.entries if e.option == decided.chosen)
    figures = zip(decided.all_truths, entry.spurious[:, 0], entry.error[:, 0], strict=True)
    return {
        name: largest_spurious(decided.masses_GeV, events, errors)
        for name, events, errors in figures
        if np.isfinite(events).all()
    }


def parameters_of(fitted: FittedFunction) -> tuple[FunctionParameter, ...]:
    """Return the parameters of a fitted function."""
    triples = zip(fitted.function.parameters, fitted.values, fitted.errors, strict=True)
    return tuple(FunctionParameter(name=n, value=value, error=error) for n, value, error in triples)


def _sideband_fit(candidate: Candidate) -> SidebandFit:
    return SidebandFit(
        family=candidate.function.family,
        order=candidate.function.order,
        parameters=parameters_of(candidate.fitted),
        gof_pvalue=candidate.gof_pvalue,
        nll=candidate.deviance / 2,
        degrees_of_freedom=candidate.degrees_of_freedom,
        predicted_events=candidate.predicted_events,
        fit_error_events=candidate.fit_error_events,
        closure_bias_events=candidate.closure_bias_events,
        accepted=candidate.rejected is None,
        reason=candidate.rejected,
    )


def peak_result(decided: Decisions) -> PeakBackground:
    """Return how one channel's function under a peak was decided."""
    option = decided.chosen
    return PeakBackground(
        range=option.range,
        fit_range_GeV=(option.low_GeV, option.high_GeV),
        family=option.function.family,
        order=option.function.order,
        passes=bool(decided.passes[0]),
        truths=tuple(decided.truths),
        spurious=SpuriousSignals(
            mass_GeV=decided.masses_GeV,
            events=decided.spurious[0],
            error_events=decided.error[0],
        ),
        candidates=tuple(_entry(entry, decided) for entry in decided.entries),
    )


def largest_spurious(
    masses_GeV: FloatArray, events: FloatArray, errors: FloatArray
) -> LargestSpuriousSignal:
    """Return the largest spurious signal at some masses, by uncertainties of a signal."""
    worst = int(np.argmax(np.abs(events / errors)))
    return LargestSpuriousSignal(
        events=events[worst], error_events=errors[worst], mass_GeV=masses_GeV[worst]
    )


def _entry(entry: Entry, decided: Decisions) -> PeakCandidate:
    option, names = entry.option, decided.all_truths
    relative = np.abs(entry.spurious[:, 0] / entry.error[:, 0])
    # A test spectrum that does not count, or a fit that failed, is NaN; of some candidates all are.
    there = np.isfinite(relative).any()
    truth, mass = np.unravel_index(np.nanargmax(relative), relative.shape) if there else (0, 0)
    return PeakCandidate(
        range=option.range,
        fit_range_GeV=(option.low_GeV, option.high_GeV),
        family=option.function.family,
        order=option.function.order,
        parameters=len(option.function.parameters),
        gof_pvalue=entry.gof_pvalue[0],
        worst_errors=relative[truth, mass],
        worst_truth=names[int(truth)] if there else None,
        worst_mass_GeV=decided.masses_GeV[mass] if there else None,
        passes=bool(entry.passes[0]),
        chosen=option == decided.chosen,
    )
