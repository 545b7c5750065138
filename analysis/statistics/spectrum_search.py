"""The shape search on a binned spectrum of any experiment: `xyy infer --spectrum`.

Nothing is known but the bins, the resolution and the collision energy: no simulation, no
efficiency, no luminosity. The strength of a signal is therefore its number of events in the whole
spectrum, and there is no count in a window. Everything else is the machinery of the main search:
model selection, scan, measurement, global significance, limits.

What decides about the background:

- with a *blind* interval, the bins outside it (`model_selection.py`). Those inside are not read at
  all: the results are the expected ones, of what the bins outside predict;
- *open*, the bins outside masks over the largest excesses (`open_selection.py`).

The expected limits are those of the function in use fitted to these same bins, so that neither an
excess nor a blind event distorts them. Bins may have any width and gaps between them: a function is
integrated over each.
"""

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
from analysis.settings.search import Search, Window
from analysis.statistics.background.entries import Decisions, Flags, largest_spurious
from analysis.statistics.background.families import BELOW_SQRT_S, FittedFunction, Function
from analysis.statistics.background.goodness import goodness_of_fit
from analysis.statistics.background.model_selection import ModelSelection
from analysis.statistics.background.open_selection import MASK, UnblindedModelSelection
from analysis.statistics.background.poisson import fitted_functions, model, scoring_fit
from analysis.statistics.limits.band import MassPoint, mass_points
from analysis.statistics.limits_results import mass_limits
from analysis.statistics.resonance.cross_checks import UnblindedData
from analysis.statistics.resonance.scan import ChannelModel, Spectra
from analysis.statistics.resonance.shape import Observed, ShapeSearch, observe
from analysis.statistics.resonance.slope_change import CHANGE, systematic_z
from analysis.statistics.resonance.toys import Experiment
from analysis.statistics.resonance.work import Work
from analysis.statistics.spectra.bins import Bins, below, between, outside
from analysis.statistics.spectra.signal_model import SignalModel
from analysis.statistics.verdict import Terms, given_of, scan_result, verdict_of
from tools.arrays import FloatArray
from tools.errors import InputError
from tools.names import listed

CHANNEL = "all"
_BLIND = "the spectrum is blind (--blind): expected results only"
_MIN_EVENTS = 50
"""outside what is blind"""
_MIN_PARAMETERS = 2
_MAX_GRID = 60
"""masses at which spurious signals are computed: they change slowly"""
_GRID_STEP = 0.67
"""resolutions between two of them, if that is not too many"""
_MIN_LENGTH = 6
"""resolutions that the spectrum must at least be long"""
_MIN_WINDOW_BINS = 20
"""of a blind interval, for functions to be tried in it alone"""


@dataclass(frozen=True, slots=True, eq=False)
class BinnedSpectrum:
    """A spectrum and what is to be searched in it."""

    bins: Bins
    """those that the fits may use; what is blind is not read"""
    signal: SignalModel
    search: Search
    """decisions; its masses, families and range are those of this search"""
    sqrt_s_GeV: float
    blind: Window | None = None
    named: Function | None = None
    """the background function, where it is not to be chosen"""

    @property
    def outside(self) -> Flags:
        """Which bins lie outside the blind interval."""
        if self.blind is None:
            return np.ones(len(self.bins.low_GeV), dtype=bool)
        return outside(self.bins.low_GeV, self.bins.high_GeV, self.blind)

    def bins_between(self, low_GeV: float, high_GeV: float, _width_GeV: float = 0.0) -> Bins:
        """Return the bins between two masses, as wide as they are."""
        return self.bins.some(between(self.bins.low_GeV, self.bins.high_GeV, low_GeV, high_GeV))


def model_selection_of(spectrum: BinnedSpectrum) -> ModelSelection:
    """Return the model selection of a spectrum.

    Raises
    ------
    InputError
        If there are too few bins or events, or a family does not reach the highest mass.
    """
    search, bins, masses = spectrum.search, spectrum.bins, spectrum.search.signal.masses_GeV
    _refuse_too_little(spectrum)
    maximum = _max_parameters(spectrum)
    highest = float(bins.high_GeV[-1])
    beyond = [family for family in search.peak.families if family in BELOW_SQRT_S]
    if beyond and highest >= spectrum.sqrt_s_GeV:
        raise InputError(
            f"the spectrum ends at {highest:g} GeV, above sqrt(s) = {spectrum.sqrt_s_GeV:g} GeV, "
            f"where {listed(beyond)} end; give --sqrt-s, --range or --families"
        )
    width = spectrum.signal.width_GeV(masses)
    steps = (masses[-1] - masses[0]) / (_GRID_STEP * float(width.min()))
    grid = np.linspace(masses[0], masses[-1], min(int(np.ceil(steps)), _MAX_GRID) + 1)
    low = float(bins.low_GeV[0])
    window = spectrum.blind or Window(low, low)
    ranges: tuple[str, ...] = ("full",)
    holds = window.low_GeV <= masses[0] and masses[-1] <= window.high_GeV
    if holds and int(np.sum(~spectrum.outside)) >= _MIN_WINDOW_BINS:
        ranges = ("full", "window")
    # A blind interval has to be bridged: there the fewest parameters tried are more.
    minimum = _MIN_PARAMETERS if spectrum.blind is None else min(search.fit.min_parameters, maximum)
    kind = UnblindedModelSelection if spectrum.blind is None else ModelSelection
    return kind(
        low_GeV=bins.low_GeV,
        high_GeV=bins.high_GeV,
        window=window,
        lows_GeV=(low,),
        settings=replace(search.peak, max_parameters=maximum),
        gof_pvalue=search.fit.gof_pvalue,
        min_parameters=minimum,
        sqrt_s_GeV=spectrum.sqrt_s_GeV,
        signal=spectrum.signal,
        masses_GeV=np.unique(grid),
        ranges=ranges,
        named=spectrum.named,
    )


def _refuse_too_little(spectrum: BinnedSpectrum) -> None:
    bins = spectrum.bins
    length = float(bins.high_GeV[-1] - bins.low_GeV[0])
    masses = spectrum.search.signal.masses_GeV
    widest = float(spectrum.signal.width_GeV(masses).max())
    if length < _MIN_LENGTH * widest:
        raise InputError(
            f"the spectrum is {length:g} GeV long, the resolution up to {widest:g} GeV: a peak is "
            f"not told from a background that is not {_MIN_LENGTH} resolutions long or more"
        )
    events = float(bins.counts[spectrum.outside].sum())
    if events < _MIN_EVENTS:
        where = "" if spectrum.blind is None else " outside --blind"
        raise InputError(
            f"{events:g} events in the spectrum{where} are too few to fit a background "
            f"({_MIN_EVENTS} are needed); widen --range or add data"
        )
    if spectrum.blind is not None and not np.any(below(bins.high_GeV, spectrum.blind.low_GeV)):
        raise InputError(
            "--blind: no bin lies below the blind interval, so that nothing predicts it; "
            "begin it higher, or widen --range"
        )


def _max_parameters(spectrum: BinnedSpectrum) -> int:
    """Return how many parameters the bins that decide can tell at most."""
    bins = spectrum.bins
    left = int(spectrum.outside.sum())
    if spectrum.blind is None:
        masses = spectrum.search.signal.masses_GeV
        # Wherever a mask will lie, so many bins are left to decide about the background.
        half = MASK * spectrum.signal.width_GeV(masses)
        masked = (bins.high_GeV[:, None] > masses - half) & (bins.low_GeV[:, None] < masses + half)
        left -= int(masked.sum(axis=0).max())
    wanted = _MIN_PARAMETERS if spectrum.named is None else len(spectrum.named.parameters)
    if wanted > max(_MIN_PARAMETERS, left - 1):
        raise InputError(
            f"--order: {left} bins decide about the background, too few for the {wanted} "
            "parameters of the function; give finer bins, a wider --range or fewer parameters"
        )
    maximum = min(spectrum.search.peak.max_parameters, left - 1)
    if maximum < _MIN_PARAMETERS:
        what = "the peak's surroundings" if spectrum.blind is None else "--blind"
        raise InputError(
            f"{left} bins outside {what} are too few to fit a background "
            f"({_MIN_PARAMETERS + 1} are needed); give finer bins or a wider --range"
        )
    return maximum


@dataclass(frozen=True, slots=True, eq=False)
class SpectrumInference:
    """The results of the files, and what the limits are made of."""

    background: SpectrumBackground
    scan: Scan
    limits: MassLimits
    verdict: Verdict
    points: tuple[MassPoint, ...]


def infer(spectrum: BinnedSpectrum, work: Work) -> SpectrumInference:
    """Do the statistics of a binned spectrum.

    Raises
    ------
    InputError
        If there are too few bins or events to fit any background.
    """
    search, model_selection = spectrum.search, model_selection_of(spectrum)
    work.log(f"background functions in {len(spectrum.bins.counts):,} bins")
    seen = np.where(spectrum.outside, spectrum.bins.counts, 0.0)
    decided = model_selection.decide(seen[None], all_entries=True)
    shape, curve = _expected(spectrum, model_selection, seen, decided)
    # In place of an expected significance, which takes a benchmark.
    scan_error = shape.expected.scan(search.signal.masses_GeV).signal_error_events
    if spectrum.blind is None:
        # The range in use is the whole spectrum's, so that toys are drawn from the curve as it is.
        toys = Experiment((model_selection,), (curve,), search)
        shape = _believed(spectrum, toys, shape, work)
    masses = search.limits.masses.masses_GeV
    points = mass_points(shape, masses, np.ones(len(masses)), [{}] * len(masses))
    reason = None if spectrum.blind is None else _BLIND
    given = given_of(shape.observed)
    terms = Terms("events", per_event=np.ones_like, reason=reason, given=given)
    limits = mass_limits(points, search.limits.confidence_level, terms, work)
    background = _background(spectrum, shape)
    poor_fit = _poor_fit(background.chosen, shape, search.fit.gof_pvalue)
    notes = [
        *shape.warnings,
        *([poor_fit] if poor_fit else []),
        *_low_counts(limits),
        *limits.warnings,
        *_allowance(shape),
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


def _expected(
    spectrum: BinnedSpectrum, model_selection: ModelSelection, seen: FloatArray, decided: Decisions
) -> tuple[ShapeSearch, FloatArray]:
    """Return the search on the expected background, with the masks in use; and the latter."""
    if isinstance(model_selection, UnblindedModelSelection):
        model_selection = model_selection.masked(model_selection.places(seen[None])[0])
    curve = model_selection.expectation(seen, decided.chosen)
    option, search = decided.chosen, spectrum.search
    bins = spectrum.bins_between(option.low_GeV, option.high_GeV)
    bins = replace(bins, counts=curve, variances=curve)
    models = [ChannelModel(bins, option.function, decided.masses_GeV, decided.spurious[0], CHANNEL)]
    expected = Spectra.of(models, spectrum.signal, search.systematics)
    return ShapeSearch(model_selection, (decided,), expected), curve


def _believed(
    spectrum: BinnedSpectrum, toys: Experiment, shape: ShapeSearch, work: Work
) -> ShapeSearch:
    """Return the search with what is observed; nothing is claimed on a background that is poor."""
    found = replace(shape, observed=_observed(spectrum, toys, shape, work))
    poor = _poor_fit(_fit(spectrum, shape)[0], found, spectrum.search.fit.gof_pvalue)
    if poor is None:
        return found
    return replace(shape, observed=_observed(spectrum, toys, shape, work, claims=False))


def _observed(
    spectrum: BinnedSpectrum, toys: Experiment, shape: ShapeSearch, work: Work,
    *, claims: bool = True,
) -> Observed:  # fmt: skip
    search = spectrum.search
    work.log(f"fits of a signal at {len(search.signal.masses_GeV)} masses")
    readers = {CHANNEL: spectrum.bins_between}
    unblinded = UnblindedData(
        readers, shape.model_selection, shape.decisions, search, any_width=False,
        allowance=systematic_z,
    )  # fmt: skip
    return observe(unblinded, shape.expected, toys, work, claims=claims)


def _background(spectrum: BinnedSpectrum, shape: ShapeSearch) -> SpectrumChannel:
    """Return the function in use, how it was decided, and the spectrum with its expectation."""
    (decided,), bins = shape.decisions, spectrum.bins
    chosen, fitted = _fit(spectrum, shape)
    peak = decided.peak()
    spurious = largest_spurious(decided.masses_GeV, decided.spurious[0], decided.error[0])
    return SpectrumChannel(
        fit_range_GeV=(float(bins.low_GeV[0]), float(bins.high_GeV[-1])),
        not_read_GeV=tuple((w.low_GeV, w.high_GeV) for w in shape.model_selection.unread),
        chosen=chosen,
        candidates=peak.candidates,
        peak=peak,
        spurious_signal_events=spurious,
        bins=SpectrumBins(
            low_GeV=bins.low_GeV,
            high_GeV=bins.high_GeV,
            observed_events=np.where(spectrum.outside, bins.counts, np.nan),
            expected_events=fitted.events(bins.low_GeV, bins.high_GeV),
        ),
        warnings=shape.warnings,
    )


def _fit(spectrum: BinnedSpectrum, shape: ShapeSearch) -> tuple[SpectrumFit, FittedFunction]:
    """Fit the function in use to the bins that decided."""
    function, bins = shape.decisions[0].chosen.function, spectrum.bins
    used = bins.some(shape.model_selection.reads(bins.low_GeV, bins.high_GeV))
    low, high = float(bins.low_GeV[0]), float(bins.high_GeV[-1])
    # A polynomial's range is the whole spectrum, not the bins that decided.
    background = model((function.within(low, high),), (used,))
    fit = scoring_fit(used.counts[None], background)
    (fitted,) = fitted_functions(background, fit)
    chosen = SpectrumFit(
        family=function.family,
        order=function.order,
        parameters=fitted.parameters,
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


def _allowance(shape: ShapeSearch) -> tuple[str, ...]:
    """Return what no open spectrum tells by itself, and what an allowance for it leaves."""
    if shape.observed is None:
        return ()
    note = "a feature of the background narrower than the mask cannot be told from a resonance"
    excess = shape.observed.excess
    if excess.systematic_z is not None:
        note += (
            f": if its slope may change by {CHANGE:.0%} anywhere, {excess.systematic_z:.2f} of the "
            f"local {excess.local_z:.2f} sigma are left"
        )
    return (note,)


def _low_counts(limits: MassLimits) -> tuple[str, ...]:
    few = limits.mass_GeV[np.array(limits.low_counts, dtype=bool)]
    if not len(few) or limits.method == "toys":
        return ()
    note = (
        f"fewer than 20 background events under the peak at {len(few)} masses from "
        f"{min(few):g} GeV on: asymptotic limits are too strong there; give --limit-toys"
    )
    return (note,)
