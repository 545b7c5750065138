r"""What the analysis says of many universes: its own procedure, many spectra at a time.

Nothing of the statistics is done anew here. Each universe has its own tournament on its own
sidebands (`toys.Experiment`), its own scan of all masses, its own sideband prediction
(`prediction.predict`) whose frozen model gives the upcrossings for its global significance
(`look_elsewhere.upcrossings`), its own measurement, and the verdict of `verdict.decide`. Universes
with the same choice are fitted together, which is what makes a thousand of them a matter of
minutes.

Where the formula of the global significance says more than 2.5, the analysis throws toys of the
whole procedure; so does `second_look`, up to `SURE_Z`. Beyond it two of a thousand toys, as many as
it would take to lose a claim, are there once in 200 universes or less.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt

from analysis.statistics.background.entries import Flags
from analysis.statistics.background.prediction import Prediction, predict
from analysis.statistics.resonance.look_elsewhere import CountedToys, combined, upcrossings
from analysis.statistics.resonance.scan import Spectra
from analysis.statistics.resonance.shape import WORTH_TOYS_Z, toys_of_prediction
from analysis.statistics.resonance.toys import ToyGroup, experiment, largest_significances
from analysis.statistics.spectra.bins import Channel
from analysis.validation.columns import Columns
from analysis.validation.fits import AtTruth, BestFits, asimov_z, some
from analysis.validation.fixed_model import FixedModel
from analysis.validation.rates import FIXED_GeV
from analysis.validation.universes import Analysis, ExpectedSpectra, stacked
from tools.arrays import FloatArray

SURE_Z = 3.7
"""global significance by the formula from which on toys would not change the verdict"""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Found(Columns):
    """What was true and what was found in T universes; NaN where something is not there.

    All numbers are arrays of shape (T,) unless it is said otherwise.
    """

    number: npt.NDArray[np.int64]
    true_mass_GeV: FloatArray
    """NaN: there is no X"""
    true_cross_section_pb: FloatArray
    """0: there is no X"""
    expected_z: FloatArray
    """local significance at the true mass, of the universe without fluctuations"""
    function: npt.NDArray[np.str_]
    """what the tournament chose"""
    passes: Flags
    """whether its spurious signal is as small as is wanted"""
    fixed_z: FloatArray
    """signed, at `FIXED_GeV`, shape (T, 3)"""
    local_z: FloatArray
    """largest of the scan; 0 if there is no excess"""
    upcrossings: FloatArray
    """mean of the frozen model"""
    formula_z: FloatArray
    """global significance by the formula of Gross and Vitells"""
    formula_p: FloatArray
    mass_GeV: FloatArray
    """fitted; NaN if there is no excess"""
    cross_section_pb: FloatArray
    mass_pull: FloatArray
    """sign(M - M0) sqrt(D(M0) - D(M)), D with all else fitted again"""
    cross_section_pull: FloatArray
    """the same of the cross-section: the true one is in the 68 % interval where it is below 1"""
    cls: FloatArray
    """of the true cross-section at the true mass"""
    converged: Flags
    """whether all fits at a known truth did"""

    @property
    def exists(self) -> Flags:
        """Whether there is an X."""
        return np.asarray(self.true_cross_section_pb > 0)

    @classmethod
    def nothing(cls, size: int) -> "Found":
        """Return room for `size` universes."""
        made: dict[str, npt.NDArray[Any]] = {
            field.name: np.full(size, np.nan) for field in fields(cls)
        }
        made |= {
            "number": np.zeros(size, np.int64),
            "function": np.full(size, "", "U400"),
            "passes": np.zeros(size, bool),
            "converged": np.ones(size, bool),
            "fixed_z": np.full((size, len(FIXED_GeV)), np.nan),
        }
        return cls(**made)


def analyse(
    analysis: Analysis,
    universes: Sequence[ExpectedSpectra],
    spectra: Sequence[tuple[FloatArray, ...]],
    numbers: Sequence[int],
    seeds: Sequence[int],
    *,
    toys: int,
) -> Found:
    """Return what the analysis says of some universes.

    Parameters
    ----------
    analysis : Analysis
    universes : sequence of ExpectedSpectra
        What is true.
    spectra : sequence of tuple of ndarray
        What was observed: for each universe, the events in the bins of each channel.
    numbers : sequence of int
        Of the universes.
    seeds : sequence of int
        Of each universe's upcrossings.
    toys : int
        Toys of the frozen model, for the upcrossings.
    """
    found = Found.nothing(len(universes))
    found.number[:] = numbers
    for row, universe in enumerate(universes):
        truth = universe.truth
        found.true_mass_GeV[row] = np.nan if truth.mass_GeV is None else truth.mass_GeV
        found.true_cross_section_pb[row] = truth.cross_section_pb
    counts, expected = stacked(spectra), stacked(universe.channels for universe in universes)
    whole = experiment(
        analysis.search, analysis.signal, [channel[0] for channel in counts], analysis.sqrt_s_GeV
    )
    for group in whole.groups(counts):
        # The same name for all channels, but once.
        found.function[group.toys] = "; ".join(dict.fromkeys(FixedModel.by(group).names))
        found.passes[group.toys] = group.passes
        best = _scan(group, found)
        for row, toy in enumerate(group.toys):
            observed = tuple(channel[toy] for channel in counts)
            spectrum = _frozen(analysis, group, row, predicted(analysis, observed))
            crossings = upcrossings(
                spectrum, spectrum.counts, group.masses_GeV, seed=int(seeds[toy]), toys=toys
            )
            formula = combined(crossings, float(found.local_z[toy]), None)
            found.upcrossings[toy] = crossings.mean
            found.formula_z[toy], found.formula_p[toy] = formula.z, formula.p
        _measure(analysis, group, best, found)
        _at_truth(analysis, group, expected, found)
    return found


def _scan(group: ToyGroup, found: Found) -> FloatArray:
    """Fill in the significances; return the most significant masses."""
    own, masses = len(group.toys), len(group.masses_GeV)
    z = group.fit(np.tile(np.arange(masses), own), np.repeat(np.arange(own), masses))
    z = z.reshape(own, masses)
    where = [int(np.argmin(np.abs(group.masses_GeV - mass))) for mass in FIXED_GeV]
    found.fixed_z[group.toys] = z[:, where]
    found.local_z[group.toys] = np.maximum(z.max(axis=1), 0.0)
    return np.asarray(group.masses_GeV[np.argmax(z, axis=1)])


def predicted(analysis: Analysis, observed: tuple[FloatArray, ...]) -> Prediction:
    """Return the background that a universe's sidebands predict."""
    tournament = analysis.tournament
    edges = np.append(tournament.low_GeV, tournament.high_GeV[-1])
    channels = [
        Channel(name, edges, counts)
        for name, counts in zip(analysis.channel_names, observed, strict=True)
    ]
    return predict(channels, analysis.search, sqrt_s_GeV=analysis.sqrt_s_GeV)


def _frozen(analysis: Analysis, group: ToyGroup, row: int, prediction: Prediction) -> Spectra:
    """Return the prediction as it will be fitted: with a universe's functions and nuisances."""
    low, high = analysis.tournament.low_GeV, analysis.tournament.high_GeV
    models = []
    for ranged, background, spurious in zip(
        FixedModel.by(group).channels, prediction.backgrounds, group.spurious[row].T, strict=True
    ):
        inside = ranged.inside(low, high)
        edges = low[inside], high[inside]
        counts = background.chosen.fitted.events(*edges)
        models.append(ranged.model(edges, counts, group.masses_GeV, spurious, background.channel))
    return Spectra.of(models, analysis.signal, analysis.search.systematics)


def _measure(analysis: Analysis, group: ToyGroup, start: FloatArray, found: Found) -> None:
    """Fill in mass and cross-section where there is an excess; and their pulls where there is X."""
    rows = np.flatnonzero(found.local_z[group.toys] > 0)
    if not len(rows):
        return
    searched = analysis.search.signal
    best = BestFits.of(some(group, rows), start[rows], (searched.low_GeV, searched.high_GeV))
    toys, per_pb = group.toys[rows], analysis.events_per_pb(best.mass_GeV)
    found.mass_GeV[toys] = best.mass_GeV
    found.cross_section_pb[toys] = best.events / per_pb
    there = found.exists[toys]
    if not there.any():
        return
    best, toys, per_pb = best.some(there), toys[there], per_pb[there]
    mass, true_events = found.true_mass_GeV[toys], found.true_cross_section_pb[toys] * per_pb
    rise, converged = best.rise_at_mass(mass)
    found.mass_pull[toys] = np.sign(best.mass_GeV - mass) * np.sqrt(rise)
    found.converged[toys] &= converged
    rise, converged = best.rise_at_strength(true_events)
    found.cross_section_pull[toys] = np.sign(best.events - true_events) * np.sqrt(rise)
    found.converged[toys] &= converged


def _at_truth(
    analysis: Analysis, group: ToyGroup, expected: Sequence[FloatArray], found: Found
) -> None:
    """Fill in what the true mass tells: expected significance, and CLs of the true strength."""
    own = some(group, np.flatnonzero(found.exists[group.toys]))
    toys, bins = own.toys, analysis.tournament
    if not len(toys):
        return
    mass = found.true_mass_GeV[toys]
    channels = zip(FixedModel.by(group).channels, expected, strict=True)
    fitted = [
        all_[toys][:, ranged.inside(bins.low_GeV, bins.high_GeV)] for ranged, all_ in channels
    ]
    found.expected_z[toys] = asimov_z(own, np.concatenate(fitted, axis=1), mass)
    events = found.true_cross_section_pb[toys] * analysis.events_per_pb(mass)
    at_truth = AtTruth.of(own, mass, events)
    found.cls[toys] = at_truth.cls
    found.converged[toys] &= at_truth.converged


def borderline(found: Found) -> Iterator[int]:
    """Yield the rows whose verdict toys of the whole procedure may change."""
    between = (found.formula_z > WORTH_TOYS_Z) & (found.formula_z < SURE_Z)
    yield from map(int, np.flatnonzero(between))


def second_look(
    analysis: Analysis,
    observed: tuple[FloatArray, ...],
    local_z: float,
    *,
    seed: int,
    toys: int,
    first: int = 0,
) -> CountedToys:
    """Throw toys of the whole procedure, from what a universe's own sidebands predict."""
    prediction = predicted(analysis, observed)
    whole = toys_of_prediction(analysis.tournament, prediction.backgrounds, analysis.search)
    largest = largest_significances(whole, seed=seed, number=toys, first=first, workers=1)
    return CountedToys(toys, int(np.sum(largest >= local_z)))
