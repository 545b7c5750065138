"""The shape search on a bare spectrum of any experiment: `xyy infer --spectrum`.

Nothing is known but the bins, the resolution and the collision energy: no simulation, no
efficiency, no luminosity. The strength of a signal is therefore its number of events in the whole
spectrum, and there is no count in a window. Everything else is the machinery of the main search:
tournament, scan, measurement, global significance, limits.

What decides about the background:

- with a *blind* interval, the bins outside it (`tournament.py`). Those inside are not read at all:
  the results are the expected ones, of what the bins outside predict;
- *open*, the bins outside a mask over the largest excess (`OpenTournament`).

The expected limits are those of the function in use fitted to these same bins, so that neither an
excess nor a blind event bends them. Bins may have any width and gaps between them: a function is
integrated over each.
"""

from dataclasses import dataclass, replace

import numpy as np

from analysis.settings.search import Search, Window
from analysis.statistics.background.entries import Flags
from analysis.statistics.background.families import BELOW_SQRT_S, FittedFunction, Function
from analysis.statistics.background.goodness import goodness_of_fit
from analysis.statistics.background.poisson import (
    fitted_functions,
    model,
    scoring_fit,
)
from analysis.statistics.background.tournament import MASK, Decisions, OpenTournament, Tournament
from analysis.statistics.limits.band import MassLimit, MassPoint
from analysis.statistics.limits.doubts import of_limits
from analysis.statistics.limits.mass_limits import mass_points
from analysis.statistics.resonance.scan import ChannelModel, Spectra
from analysis.statistics.resonance.shape import Observed, ShapeSearch, observe
from analysis.statistics.resonance.toys import Experiment
from analysis.statistics.spectra.bins import Bins, below, between, outside
from analysis.statistics.spectra.signal_model import SignalModel
from analysis.statistics.work import Work
from tools.arrays import FloatArray
from tools.errors import InputError
from tools.names import listed

CHANNEL = "all"
_ALL = Work()
_LEAST_EVENTS = 50
"""outside what is masked or blind"""
_LEAST_PARAMETERS = 2
_MOST_GRID = 60
"""masses at which spurious signals are computed: they change slowly"""
_GRID_STEP = 0.67
"""resolutions between two of them, if that is not too many"""
_WIDEST = 6
"""resolutions that the spectrum must at least be long"""
_LEAST_WINDOW_BINS = 20
"""of a blind interval, for functions to be tried in it alone"""


@dataclass(frozen=True, slots=True, eq=False)
class BareSpectrum:
    """A spectrum and what is to be searched in it."""

    bins: Bins
    """those that the fits may use; what is blind is not read"""
    signal: SignalModel
    search: Search
    """decisions; its masses, families and range are those of this search"""
    sqrt_s_GeV: float
    blind: Window | None = None

    @property
    def closed(self) -> str | None:
        """Why observed quantities are missing, or None."""
        if self.blind is None:
            return None
        return "the spectrum is blind (--blind): expected results only"

    @property
    def outside(self) -> Flags:
        """Which bins lie outside the blind interval."""
        if self.blind is None:
            return np.ones(len(self.bins.low_GeV), dtype=bool)
        return outside(self.bins.low_GeV, self.bins.high_GeV, self.blind)

    def between(self, low_GeV: float, high_GeV: float) -> Flags:
        """Tell which bins lie between two masses."""
        return between(self.bins.low_GeV, self.bins.high_GeV, low_GeV, high_GeV)

    def bins_at(self, rows: Flags, contents: FloatArray) -> Bins:
        """Return some of its bins with other contents."""
        return Bins(self.bins.low_GeV[rows], self.bins.high_GeV[rows], contents, contents)


@dataclass(frozen=True, slots=True, eq=False)
class _Open:
    """The spectrum as the fits of open data read it (a `shape.OpenSpectrum`)."""

    spectrum: BareSpectrum

    @property
    def name(self) -> str:
        return CHANNEL

    def bins(self, low_GeV: float, high_GeV: float, _width_GeV: float) -> Bins:
        """Return the bins between two masses, as wide as they are."""
        rows = self.spectrum.between(low_GeV, high_GeV)
        return self.spectrum.bins_at(rows, self.spectrum.bins.counts[rows])


@dataclass(frozen=True, slots=True, eq=False)
class SpectrumInference:
    """All results."""

    spectrum: BareSpectrum
    shape: ShapeSearch
    expected_error_events: FloatArray
    """of a signal, at each mass of the scan, on the expected background"""
    fitted: FittedFunction
    """the function in use, in the bins that decided"""
    deviance: float
    gof_pvalue: float | None
    limits: tuple[MassLimit, ...]
    """in events, rising in mass"""
    points: tuple[MassPoint, ...]
    """what the limits are made of"""

    @property
    def observed(self) -> Observed | None:
        """What the open spectrum shows; None while blind."""
        return self.shape.observed

    @property
    def misfit(self) -> str | None:
        """Why the spectrum, or the background in it, is not to be believed, or None."""
        if self.observed is not None and self.observed.warnings:
            return "; ".join(self.observed.warnings)
        if self.gof_pvalue is None or self.gof_pvalue >= self.spectrum.search.fit.gof_pvalue:
            return None
        return (
            f"{self.fitted.function.name}, the best function, does not fit the bins that decide "
            f"(p = {self.gof_pvalue:.2g}): no significance is to be trusted; give another --range "
            "or --families"
        )

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a reader should know."""
        notes = list(self.shape.warnings)
        if self.misfit is not None:
            notes.append(self.misfit)
        few = [limit.mass_GeV for limit in self.limits if limit.low_counts]
        if few and all(limit.method != "toys" for limit in self.limits):
            notes.append(
                f"fewer than 20 background events under the peak at {len(few)} masses from "
                f"{min(few):g} GeV on: asymptotic limits are too strong there; give --limit-toys"
            )
        notes += [f"{x.mass_GeV:g} GeV: {note}" for x in self.limits for note in x.warnings]
        return tuple(dict.fromkeys([*notes, *of_limits(self.limits)]))


def draw_spectrum_inference(spectrum: BareSpectrum, work: Work = _ALL) -> SpectrumInference:
    """Do the statistics of a bare spectrum.

    Raises
    ------
    InputError
        If there are too few bins or events to fit any background.
    """
    tournament = tournament_of(spectrum)
    work.say(f"background functions in {len(spectrum.bins.counts):,} bins")
    seen = np.where(spectrum.outside, spectrum.bins.counts, 0.0)
    decided = tournament.decide(seen[None], all_entries=True)
    deciding, curve = _expectation(tournament, seen, decided)
    shape, error = _shape(spectrum, deciding, decided, curve)
    if spectrum.blind is None:
        shape = replace(shape, observed=_observed(spectrum, tournament, shape, curve, work))
    points = _points(spectrum, shape)
    limits = work.mass_limits(points, spectrum.search)
    fitted, deviance, gof = _fit(spectrum, deciding, decided.chosen.function)
    return SpectrumInference(spectrum, shape, error, fitted, deviance, gof, limits, tuple(points))


def _shape(
    spectrum: BareSpectrum, deciding: Tournament, decided: Decisions, curve: FloatArray
) -> tuple[ShapeSearch, FloatArray]:
    """Return the search on the expected background, and a signal's error at each mass there."""
    option, search = decided.chosen, spectrum.search
    bins = spectrum.bins_at(spectrum.between(option.low_GeV, option.high_GeV), curve)
    models = [ChannelModel(bins, option.function, decided.masses_GeV, decided.spurious[0], CHANNEL)]
    expected = Spectra.of(models, spectrum.signal, search.systematics)
    masses = search.signal.masses_GeV
    error, unknown = expected.scan(masses).signal_error_events[0], np.full(len(masses), np.nan)
    return ShapeSearch(spectrum.signal, deciding, (decided,), expected, unknown, None), error


def _observed(
    spectrum: BareSpectrum,
    tournament: Tournament,
    shape: ShapeSearch,
    curve: FloatArray,
    work: Work,
) -> Observed:
    search = spectrum.search
    masses = search.signal.masses_GeV
    work.say(f"fits of a signal at {len(masses)} masses")
    # The range in use is the whole spectrum's, so that toys are drawn from the curve as it is.
    toys = Experiment((tournament,), (curve,), spectrum.signal, search.systematics, masses)
    return observe(shape, [_Open(spectrum)], search, toys, work.effort, work.say)


def tournament_of(spectrum: BareSpectrum) -> Tournament:
    """Return the tournament of a spectrum.

    Raises
    ------
    InputError
        If there are too few bins or events, or a family does not reach the highest mass.
    """
    search, bins, masses = spectrum.search, spectrum.bins, spectrum.search.signal.masses_GeV
    _refuse_too_little(spectrum)
    highest = float(bins.high_GeV[-1])
    beyond = [family for family in search.peak.families if family in BELOW_SQRT_S]
    if beyond and highest >= spectrum.sqrt_s_GeV:
        raise InputError(
            f"the spectrum ends at {highest:g} GeV, above sqrt(s) = {spectrum.sqrt_s_GeV:g} GeV, "
            f"where {listed(beyond)} end; give --sqrt-s, --range or --families"
        )
    width = spectrum.signal.width_GeV(masses)
    steps = (masses[-1] - masses[0]) / (_GRID_STEP * float(width.min()))
    grid = np.linspace(masses[0], masses[-1], min(int(np.ceil(steps)), _MOST_GRID) + 1)
    low = float(bins.low_GeV[0])
    window = spectrum.blind or Window(low, low)
    ranges: tuple[str, ...] = ("full",)
    holds = window.low_GeV <= masses[0] and masses[-1] <= window.high_GeV
    if holds and int(np.sum(~spectrum.outside)) >= _LEAST_WINDOW_BINS:
        ranges = ("full", "window")
    kind = OpenTournament if spectrum.blind is None else Tournament
    return kind(
        low_GeV=bins.low_GeV,
        high_GeV=bins.high_GeV,
        window=window,
        lows_GeV=(low,),
        settings=replace(search.peak, max_parameters=_most_parameters(spectrum)),
        gof_pvalue=search.fit.gof_pvalue,
        least_parameters=_least_parameters(spectrum),
        sqrt_s_GeV=spectrum.sqrt_s_GeV,
        signal=spectrum.signal,
        masses_GeV=np.unique(grid),
        ranges=ranges,
    )


def _refuse_too_little(spectrum: BareSpectrum) -> None:
    bins = spectrum.bins
    length = float(bins.high_GeV[-1] - bins.low_GeV[0])
    masses = spectrum.search.signal.masses_GeV
    widest = float(spectrum.signal.width_GeV(masses).max())
    if length < _WIDEST * widest:
        raise InputError(
            f"the spectrum is {length:g} GeV long, the resolution up to {widest:g} GeV: a peak is "
            f"not told from a background that is not {_WIDEST} resolutions long or more"
        )
    events = float(bins.counts[spectrum.outside].sum())
    if events < _LEAST_EVENTS:
        where = "" if spectrum.blind is None else " outside --blind"
        raise InputError(
            f"{events:g} events in the spectrum{where} are too few to fit a background "
            f"({_LEAST_EVENTS} are needed); widen --range or add data"
        )
    if spectrum.blind is not None and not np.any(below(bins.high_GeV, spectrum.blind.low_GeV)):
        raise InputError(
            "--blind: no bin lies below the blind interval, so that nothing predicts it; "
            "begin it higher, or widen --range"
        )
    _most_parameters(spectrum)


def _most_parameters(spectrum: BareSpectrum) -> int:
    """Return how many parameters the bins that decide can tell at most."""
    bins = spectrum.bins
    left = int(spectrum.outside.sum())
    if spectrum.blind is None:
        masses = spectrum.search.signal.masses_GeV
        half = MASK * spectrum.signal.width_GeV(masses)
        masked = (bins.high_GeV[:, None] > masses - half) & (bins.low_GeV[:, None] < masses + half)
        left -= int(masked.sum(axis=0).max())
    most = min(spectrum.search.peak.max_parameters, left - 1)
    if most < _LEAST_PARAMETERS:
        what = "the peak's surroundings" if spectrum.blind is None else "--blind"
        raise InputError(
            f"{left} bins outside {what} are too few to fit a background "
            f"({_LEAST_PARAMETERS + 1} are needed); give finer bins or a wider --range"
        )
    return most


def _least_parameters(spectrum: BareSpectrum) -> int:
    """Return the fewest parameters tried: more where a blind interval has to be bridged."""
    most, least = _most_parameters(spectrum), spectrum.search.fit.min_parameters
    return _LEAST_PARAMETERS if spectrum.blind is None else min(least, most)


def _expectation(
    tournament: Tournament, seen: FloatArray, decided: Decisions
) -> tuple[Tournament, FloatArray]:
    """Return the tournament with the mask that was used, and the background expected."""
    if isinstance(tournament, OpenTournament):
        tournament = tournament.masked(int(tournament.places(seen[None])[0]))
    return tournament, tournament.expectation(seen, decided.chosen)


def _fit(
    spectrum: BareSpectrum, deciding: Tournament, function: Function
) -> tuple[FittedFunction, float, float | None]:
    """Fit the function in use to the bins that decided; return also deviance and p-value."""
    bins, window = spectrum.bins, deciding.window
    used = outside(bins.low_GeV, bins.high_GeV, window)
    low, high = float(bins.low_GeV[0]), float(bins.high_GeV[-1])
    counts = bins.counts[used]
    background = model((function.within(low, high),), (spectrum.bins_at(used, counts),))
    fit = scoring_fit(counts[None], background)
    (fitted,) = fitted_functions(background, fit)
    gof = goodness_of_fit(counts, fit.expected[0], background.size)
    return fitted, float(fit.deviance[0]), gof


def _points(spectrum: BareSpectrum, shape: ShapeSearch) -> list[MassPoint]:
    masses = spectrum.search.limits.masses.masses_GeV
    observed = None if shape.observed is None else shape.observed.spectra
    return mass_points(shape.expected, masses, np.ones(len(masses)), [{}] * len(masses), observed)
