r"""The shape search: background decided, mass scanned, resonance measured, and what was expected.

Pure functions of spectra. What is decided is decided on the sidebands (`model_selection.py`); what
is expected is that of the sideband prediction, whose Asimov set is fitted as the data will be. The
window of blind data is not read.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from analysis.results.verdict import ChannelCompatibility, ChannelStrength, StabilityCheck
from analysis.settings.search import Search
from analysis.statistics.background.entries import Decisions
from analysis.statistics.background.goodness import bins_far_below
from analysis.statistics.background.model_selection import ModelSelection, select_all
from analysis.statistics.background.poisson import scoring_fit
from analysis.statistics.background.prediction import Prediction
from analysis.statistics.background.sidebands import Background
from analysis.statistics.resonance.claims import (
    MAX_RESONANCES,
    Claims,
    Excess,
    Resonance,
    published,
)
from analysis.statistics.resonance.cross_checks import (
    FunctionsZ,
    UnblindedData,
    compatibility,
    stability,
)
from analysis.statistics.resonance.measurement import Measurement
from analysis.statistics.resonance.peak import MassScan
from analysis.statistics.resonance.peak_curve import APART, near
from analysis.statistics.resonance.scan import ChannelModel, Spectra
from analysis.statistics.resonance.toys import Experiment
from analysis.statistics.resonance.work import Work
from analysis.statistics.spectra.bins import Bins, Channel, bin_edges
from analysis.statistics.spectra.signal_model import SignalModel
from tools.arrays import FloatArray

_LIMITED = 0.5
"""spurious signal in errors of the signal from which on it is what limits the search"""


@dataclass(frozen=True, slots=True, eq=False)
class Observed:
    """What the unblinded data show."""

    spectra: Spectra
    """with the functions in use, and all that is claimed in both hypotheses"""
    scan: MassScan
    """near a claimed resonance the scan that it was found in, elsewhere that beside all of them"""
    functions: FunctionsZ
    """with all families, at each mass"""
    excess: Excess
    """the strongest that is claimed, or else the largest"""
    resonances: tuple[Resonance, ...]
    """what is claimed, the strongest first"""
    unclaimed: Excess
    """the largest that is not claimed"""
    measurement: Measurement | None
    """of the excess; None without one"""
    by_channel: dict[str, ChannelStrength]
    """what each category sees, in events; empty without an excess or with one category"""
    compatibility: ChannelCompatibility | None
    """compatibility of the categories; None without an excess or with one category"""
    stability: tuple[StabilityCheck, ...]
    """results with other choices, in events"""
    warnings: tuple[str, ...] = ()
    """what speaks against the spectrum"""

    def hidden(self, mass_GeV: FloatArray) -> list[str | None]:
        """Return why there is no limit at some masses: a resonance is claimed there."""
        found: list[str | None] = [None] * len(mass_GeV)
        for resonance in self.resonances:
            mass = resonance.measurement.mass.interval.value
            text = f"within {APART:g} resolutions of the resonance at {mass:.1f} GeV"
            for index in np.flatnonzero(near(mass_GeV, [mass], self.spectra.peak.signal)):
                found[index] = text
        return found


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
    unblinded: UnblindedData, expected: Spectra, experiment: Experiment, work: Work,
    *, claims: bool = True,
) -> Observed:  # fmt: skip
    """Return what unblinded spectra show; toys of the global significance are `experiment`'s.

    Nothing is claimed if it is said so (`claims`).
    """
    search = Claims(unblinded, expected, experiment, work)
    stages = search.stages(most=MAX_RESONANCES if claims else 0)
    resonances, last = search.resonances(stages), stages[-1]
    scan, functions = published(stages, expected.peak.signal)
    excess, measurement = stages[0].excess, None
    if resonances:
        excess, measurement = resonances[0].excess, resonances[0].measurement
    elif not claims:
        excess = replace(excess, level="limit")
    if measurement is None and excess.local_z > 0:
        measurement = search.measure(excess, ())
    by_channel, compatible = compatibility(measurement, unblinded.search.systematics)
    others = () if measurement is None else measurement.spectra.peak.given
    spectra = unblinded.spectra().with_given(last.given)
    # With other functions the excess is fitted beside all others; so it has to be with its own.
    beside = unblinded.spectra().with_given(others).scan(scan.mass_GeV) if others else scan
    return Observed(
        spectra=spectra,
        scan=scan,
        functions=functions,
        excess=excess,
        resonances=resonances,
        unclaimed=last.excess,
        measurement=measurement,
        by_channel=by_channel,
        compatibility=compatible,
        stability=stability(unblinded, beside, others),
        warnings=_bins_far_below_fit(spectra, measurement),
    )


def _bins_far_below_fit(spectra: Spectra, measurement: Measurement | None) -> tuple[str, ...]:
    """Return what the best fit tells against the spectra."""
    if measurement is None:
        expected = scoring_fit(spectra.counts[None], spectra.peak.background).expected[0]
    else:
        expected = np.add(*measurement.per_bin)
    return bins_far_below(spectra.peak.low_GeV, spectra.peak.high_GeV, spectra.counts, expected)
