r"""The shape search: background decided, mass scanned, resonance measured, and what was expected.

Pure functions of spectra. What is decided is decided on the sidebands (`model_selection.py`); what
is expected is that of the sideband prediction, whose Asimov set is fitted as the data will be. The
window of blind data is not read.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from analysis.results.limits import MassLimits
from analysis.results.scan import GlobalSignificance, Upcrossings
from analysis.results.verdict import ChannelCompatibility, ChannelStrength, StabilityCheck
from analysis.settings.search import Search
from analysis.statistics.background.entries import Decisions
from analysis.statistics.background.goodness import bins_far_below
from analysis.statistics.background.model_selection import ModelSelection, select_all
from analysis.statistics.background.poisson import scoring_fit
from analysis.statistics.background.prediction import Prediction
from analysis.statistics.background.sidebands import Background
from analysis.statistics.resonance.cross_checks import (
    UnblindedData,
    compatibility,
    envelope,
    stability,
)
from analysis.statistics.resonance.look_elsewhere import (
    combined,
    counted_toys,
    near_threshold,
    upcrossings,
)
from analysis.statistics.resonance.measurement import Measurement, measure
from analysis.statistics.resonance.peak import MassScan
from analysis.statistics.resonance.scan import ChannelModel, Spectra
from analysis.statistics.resonance.toys import Experiment, count_exceeding
from analysis.statistics.spectra.bins import Bins, Channel, bin_edges
from analysis.statistics.spectra.signal_model import SignalModel
from analysis.statistics.spectra.streams import spectrum_seed
from tools.arrays import FloatArray

_LIMITED = 0.5
"""spurious signal in errors of the signal from which on it is what limits the search"""


@dataclass(frozen=True, slots=True, eq=False)
class Observed:
    """What the unblinded data show."""

    spectra: Spectra
    """with the functions in use"""
    scan: MassScan
    envelope_z: FloatArray
    """significance with the functions profiled too, signed, shape (M,)"""
    measurement: Measurement | None
    """None without an excess"""
    by_channel: dict[str, ChannelStrength]
    """what each category sees, in events; empty without an excess or with one category"""
    compatibility: ChannelCompatibility | None
    """compatibility of the categories; None without an excess or with one category"""
    global_significance: GlobalSignificance
    stability: tuple[StabilityCheck, ...]
    """results with other choices, in events"""
    warnings: tuple[str, ...] = ()
    """what speaks against the spectrum"""


@dataclass(frozen=True, slots=True, eq=False)
class ShapeSearch:
    """All results."""

    model_selection: ModelSelection
    decisions: tuple[Decisions, ...]
    """decisions about each channel"""
    expected: Spectra
    """spectra that the sidebands predict"""
    expected_z: FloatArray | None = None
    """expected significance of the benchmark signal at each mass of the scan, if there is one"""
    observed: Observed | None = None
    """None while blind and without data"""

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a reader should know."""
        notes = list(self.model_selection.signal.warnings)
        for decided in self.decisions:
            if not decided.compatible[0]:
                notes.append("no test spectrum fits the sidebands: spurious signals are uncertain")
            if not decided.passes[0]:
                notes.append(_not_passing(decided, self.model_selection.settings.spurious_signal))
        notes += () if self.observed is None else self.observed.warnings
        return tuple(dict.fromkeys(notes))


def _not_passing(decided: Decisions, limit: float) -> str:
    worst = float(np.max(decided.spurious[0] / decided.error[0]))
    limited = "; the search is systematics limited" if worst > _LIMITED else ""
    return (
        f"no background function passes the test of spurious signals ({limit:g} uncertainties); "
        f"the best, {decided.chosen.name}, has {worst:.2f}, which is in the fit as a nuisance "
        f"parameter{limited}"
    )


@dataclass(frozen=True, slots=True)
class Work:
    """How much is computed, by how many processes, and who is told of it."""

    workers: int = 1
    toys: int | None = None
    """toys for the global significance; None: as the search file says, near a threshold"""
    seed: int = 1
    """of the toys of limits"""
    limit_toys: int = 0
    """toys of a limit where counts are low; 0: asymptotic everywhere"""
    limits: bool = True
    """whether limits against mass are set at all; they take the longest"""
    log: Callable[[str], None] = lambda _text: None
    """told what is being done"""
    on_limit: Callable[[MassLimits], None] = lambda _limits: None
    """given the limits that are done, after each mass: whoever interrupts the others has these"""


def search_shape(
    prediction: Prediction,
    data: Sequence[Channel] | None,
    search: Search,
    signal: SignalModel,
    benchmark_events: FloatArray,
    *,
    sqrt_s_GeV: float,
    work: Work,
) -> ShapeSearch:
    """Search for a resonance in the shape of some channels' spectra.

    Parameters
    ----------
    prediction : Prediction
        Sideband fits, with the spectra that they are of.
    data : sequence of Channel, optional
        The unblinded spectra; None while blind.
    search : Search
    signal : SignalModel
    benchmark_events : ndarray
        Signal events of the benchmark at each mass of the scan.
    sqrt_s_GeV : float
    work : Work
    """
    model_selection = ModelSelection.of(search, signal, sqrt_s_GeV)
    sidebands = [sideband_counts(c, model_selection, search)[None] for c in prediction.channels]
    decisions = select_all([model_selection] * len(sidebands), sidebands, all_entries=True)
    backgrounds = prediction.backgrounds
    models = [_expected(d, b) for d, b in zip(decisions, backgrounds, strict=True)]
    expected = Spectra.of(models, signal, search.systematics)
    expected_z = expected.asimov_z(search.signal.masses_GeV, benchmark_events)
    found = ShapeSearch(model_selection, decisions, expected, expected_z)
    if data is None:
        return found
    readers = {channel.name: channel.bins for channel in data}
    unblinded = UnblindedData(readers, model_selection, decisions, search, any_width=True)
    experiment = toys_of_prediction(model_selection, backgrounds, search)
    return replace(found, observed=observe(unblinded, expected, experiment, work))


def sideband_counts(
    channel: Channel, model_selection: ModelSelection, search: Search
) -> FloatArray:
    """Return a channel's events in the bins of a model selection; 0 in the unread window."""
    fit, low = search.fit, model_selection.low_GeV
    side = channel.sidebands(search.window, float(low[0]), fit.high_GeV, fit.bin_GeV)
    counts = np.zeros(len(low))
    # Half a bin up: an edge that is off by its rounding still finds its own bin.
    counts[np.searchsorted(low, side.low_GeV + fit.bin_GeV / 2) - 1] = side.effective_counts
    return counts


def _expected(decided: Decisions, background: Background) -> ChannelModel:
    """Return what a channel is fitted with, and its expectation in the range of the fit."""
    option = decided.chosen
    edges = bin_edges(option.low_GeV, option.high_GeV, background.bin_GeV)
    # The Asimov set (arXiv:1007.1727, section 3.2): what is expected, without fluctuations.
    counts = background.fitted.events(edges[:-1], edges[1:])
    bins = Bins(edges[:-1], edges[1:], counts, counts)
    name, spurious = background.channel, decided.spurious[0]
    return ChannelModel(bins, option.function, decided.masses_GeV, spurious, name)


def toys_of_prediction(
    model_selection: ModelSelection, backgrounds: Sequence[Background], search: Search
) -> Experiment:
    """Return the toys of the sideband prediction."""
    truths, model_selections = [], []
    for background in backgrounds:
        # No toy is generated below the sidebands' fit: there it says nothing (a turn-on, say).
        there = model_selection.inside(background.low_GeV, np.inf)
        low, high = model_selection.low_GeV[there], model_selection.high_GeV[there]
        lows = tuple(low for low in model_selection.lows_GeV if low >= background.low_GeV)
        truths.append(background.fitted.events(low, high))
        model_selections.append(replace(model_selection, low_GeV=low, high_GeV=high, lows_GeV=lows))
    return Experiment(tuple(model_selections), tuple(truths), search)


def observe(
    unblinded: UnblindedData, expected: Spectra, experiment: Experiment, work: Work
) -> Observed:
    """Return what unblinded spectra show; toys of the global significance are `experiment`'s."""
    search, masses = unblinded.search, unblinded.search.signal.masses_GeV
    spectra = unblinded.spectra()
    scan = spectra.scan(masses)
    measurement, compatible = None, None
    by_channel: dict[str, ChannelStrength] = {}
    if scan.local_z > 0:
        ends = (search.signal.low_GeV, search.signal.high_GeV)
        measurement = measure(spectra, float(masses[scan.best]), bounds_GeV=ends)
        by_channel, compatible = compatibility(measurement, search.systematics)
    # Of the expectation: one scan of data tells their number to 70 %, and an excess distorts it.
    seed = spectrum_seed(spectra.counts)
    crossings = upcrossings(expected, masses, seed=seed)
    return Observed(
        spectra=spectra,
        scan=scan,
        envelope_z=envelope(unblinded),
        measurement=measurement,
        by_channel=by_channel,
        compatibility=compatible,
        global_significance=_global(crossings, scan.local_z, experiment, work, seed=seed),
        stability=stability(unblinded, scan),
        warnings=_bins_far_below_fit(spectra, measurement),
    )


def _bins_far_below_fit(spectra: Spectra, measurement: Measurement | None) -> tuple[str, ...]:
    """Return what the best fit tells against the spectra."""
    if measurement is None:
        expected = scoring_fit(spectra.counts[None], spectra.peak.background).expected[0]
    else:
        expected = np.add(*measurement.per_bin)
    return bins_far_below(spectra.peak.low_GeV, spectra.peak.high_GeV, spectra.counts, expected)


def _global(
    crossings: Upcrossings, local_z: float, experiment: Experiment, work: Work, *, seed: int
) -> GlobalSignificance:
    """Return the global significance; with toys near a threshold, or where they are asked for."""
    by_formula, search = combined(crossings, local_z, None), experiment.search
    most = search.peak.global_toys if work.toys is None else work.toys
    if not most or (work.toys is None and not near_threshold(by_formula.z, search.decision)):
        return by_formula
    work.log(f"up to {most:,} toys of the whole procedure, for the global significance")
    counted = count_exceeding(experiment, local_z, seed=seed, most=most, workers=work.workers)
    return combined(crossings, local_z, counted_toys(*counted))
