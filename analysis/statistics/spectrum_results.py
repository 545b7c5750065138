"""The statistics of a binned spectrum: results of the main search, with events in place of pb."""

from dataclasses import dataclass, replace

import numpy as np

from analysis.results.background import (
    SpectrumBackground,
    SpectrumBins,
    SpectrumChannel,
    SpectrumFit,
)
from analysis.results.limits import MassLimits
from analysis.results.scan import Scan
from analysis.results.verdict import Verdict
from analysis.statistics.background.families import FittedFunction
from analysis.statistics.background.goodness import goodness_of_fit
from analysis.statistics.background.poisson import fitted_functions, model, scoring_fit
from analysis.statistics.background.tournament import Decisions, OpenTournament, Tournament
from analysis.statistics.background_results import largest_spurious, parameters_of, peak_result
from analysis.statistics.limits.band import MassPoint, mass_points
from analysis.statistics.limits_results import mass_limits
from analysis.statistics.resonance.cross_checks import UnblindedData
from analysis.statistics.resonance.scan import ChannelModel, Spectra
from analysis.statistics.resonance.shape import Observed, ShapeSearch, Work, observe
from analysis.statistics.resonance.toys import Experiment
from analysis.statistics.shape_results import Terms, scan_result
from analysis.statistics.spectra.bins import outside
from analysis.statistics.spectrum_search import CHANNEL, BareSpectrum, tournament_of
from analysis.statistics.verdict import verdict_of
from tools.arrays import FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class SpectrumInference:
    """The results of the files, and what the limits are made of."""

    background: SpectrumBackground
    scan: Scan
    limits: MassLimits
    verdict: Verdict
    points: tuple[MassPoint, ...]


def infer(spectrum: BareSpectrum, work: Work) -> SpectrumInference:
    """Do the statistics of a binned spectrum.

    Raises
    ------
    InputError
        If there are too few bins or events to fit any background.
    """
    search, tournament = spectrum.search, tournament_of(spectrum)
    work.say(f"background functions in {len(spectrum.bins.counts):,} bins")
    seen = np.where(spectrum.outside, spectrum.bins.counts, 0.0)
    decided = tournament.decide(seen[None], all_entries=True)
    deciding, curve = _expectation(tournament, seen, decided)
    shape = _shape(spectrum, deciding, decided, curve)
    # In place of an expected significance, which takes a benchmark.
    scan_error = shape.expected.scan(search.signal.masses_GeV).signal_error_events
    if spectrum.blind is None:
        shape = replace(shape, observed=_observed(spectrum, tournament, shape, curve, work))
    masses = search.limits.masses.masses_GeV
    points = mass_points(shape, masses, np.ones(len(masses)), [{}] * len(masses))
    terms = Terms("events", per_event=np.ones_like, reason=spectrum.blind_reason)
    limits = mass_limits(points, search.limits.confidence_level, terms, work)
    background = _background(spectrum, shape)
    poor_fit = _poor_fit(background.chosen, shape, search.fit.gof_pvalue)
    notes = [
        *shape.warnings,
        *([poor_fit] if poor_fit else []),
        *_low_counts(limits),
        *limits.warnings,
    ]
    scan = scan_result(shape, search.signal.masses_GeV, terms)
    return SpectrumInference(
        background=SpectrumBackground(channels={CHANNEL: background}, of="data", complete=True),
        scan=replace(scan, expected_signal_error_events=scan_error),
        limits=limits,
        verdict=verdict_of(
            shape,
            terms,
            search.decision,
            tuple(dict.fromkeys(notes)),
            poor_fit=poor_fit,
            blinded=spectrum.blind is not None,
        ),
        points=tuple(points),
    )


def _expectation(
    tournament: Tournament, seen: FloatArray, decided: Decisions
) -> tuple[Tournament, FloatArray]:
    """Return the tournament with the mask that was used, and the background expected."""
    if isinstance(tournament, OpenTournament):
        tournament = tournament.masked(int(tournament.places(seen[None])[0]))
    return tournament, tournament.expectation(seen, decided.chosen)


def _shape(
    spectrum: BareSpectrum, deciding: Tournament, decided: Decisions, curve: FloatArray
) -> ShapeSearch:
    """Return the search on the expected background."""
    option, search = decided.chosen, spectrum.search
    bins = spectrum.bins_between(option.low_GeV, option.high_GeV)
    bins = replace(bins, counts=curve, variances=curve)
    models = [ChannelModel(bins, option.function, decided.masses_GeV, decided.spurious[0], CHANNEL)]
    expected = Spectra.of(models, spectrum.signal, search.systematics)
    unknown = np.full(len(search.signal.masses_GeV), np.nan)
    return ShapeSearch(deciding, (decided,), expected, unknown, None)


def _observed(
    spectrum: BareSpectrum,
    tournament: Tournament,
    shape: ShapeSearch,
    curve: FloatArray,
    work: Work,
) -> Observed:
    search, masses = spectrum.search, spectrum.search.signal.masses_GeV
    work.say(f"fits of a signal at {len(masses)} masses")
    # The range in use is the whole spectrum's, so that toys are drawn from the curve as it is.
    toys = Experiment((tournament,), (curve,), search.systematics, masses)
    readers = {CHANNEL: spectrum.bins_between}
    unblinded = UnblindedData(readers, shape.tournament, shape.decisions, search, any_width=False)
    return observe(unblinded, shape.expected, toys, work)


def _background(spectrum: BareSpectrum, shape: ShapeSearch) -> SpectrumChannel:
    """Return the function in use, how it was decided, and the spectrum with its expectation."""
    (decided,), window, bins = shape.decisions, shape.tournament.window, spectrum.bins
    chosen, fitted = _fit(spectrum, shape)
    peak = peak_result(decided)
    return SpectrumChannel(
        fit_range_GeV=(float(bins.low_GeV[0]), float(bins.high_GeV[-1])),
        not_read_GeV=(
            (window.low_GeV, window.high_GeV) if window.low_GeV < window.high_GeV else None
        ),
        chosen=chosen,
        candidates=peak.candidates,
        peak=peak,
        spurious_signal_events=largest_spurious(
            decided.masses_GeV, decided.spurious[0], decided.error[0]
        ),
        bins=SpectrumBins(
            low_GeV=bins.low_GeV,
            high_GeV=bins.high_GeV,
            observed_events=np.where(spectrum.outside, bins.counts, np.nan),
            expected_events=fitted.events(bins.low_GeV, bins.high_GeV),
        ),
        warnings=shape.warnings,
    )


def _fit(spectrum: BareSpectrum, shape: ShapeSearch) -> tuple[SpectrumFit, FittedFunction]:
    """Fit the function in use to the bins that decided."""
    function, bins = shape.decisions[0].chosen.function, spectrum.bins
    used = bins.some(outside(bins.low_GeV, bins.high_GeV, shape.tournament.window))
    low, high = float(bins.low_GeV[0]), float(bins.high_GeV[-1])
    # A polynomial's range is the whole spectrum, not the bins that decided.
    background = model((function.within(low, high),), (used,))
    fit = scoring_fit(used.counts[None], background)
    (fitted,) = fitted_functions(background, fit)
    chosen = SpectrumFit(
        family=function.family,
        order=function.order,
        parameters=parameters_of(fitted),
        gof_pvalue=goodness_of_fit(used.counts, fit.expected[0], background.size),
        nll=float(fit.deviance[0]) / 2,
    )
    return chosen, fitted


def _poor_fit(chosen: SpectrumFit, shape: ShapeSearch, threshold: float) -> str | None:
    """Return why the spectrum, or the background in it, is not to be believed, or None."""
    if shape.observed is not None and shape.observed.warnings:
        return "; ".join(shape.observed.warnings)
    if chosen.gof_pvalue is None or chosen.gof_pvalue >= threshold:
        return None
    return (
        f"{shape.decisions[0].chosen.function.name}, the best function, does not fit the bins that "
        f"decide (p = {chosen.gof_pvalue:.2g}): no significance is to be trusted; give another "
        "--range or --families"
    )


def _low_counts(limits: MassLimits) -> tuple[str, ...]:
    few = limits.mass_GeV[np.array(limits.low_counts, dtype=bool)]
    if not len(few) or limits.method == "toys":
        return ()
    note = (
        f"fewer than 20 background events under the peak at {len(few)} masses from "
        f"{min(few):g} GeV on: asymptotic limits are too strong there; give --limit-toys"
    )
    return (note,)
