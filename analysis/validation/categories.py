"""Six categories of a score: which fractions of the background and of a signal each of them has.

Events of the generator's law are made, the likelihood ratio is trained on as many as the course
has, its categories are chosen as the analysis chooses them, and the fractions are counted on an
independent simulation of ten times the size. The best rectangular cuts are found and counted on the
same events. Behind either the mass has the same shape as before: the columns do not depend on it.
(A signal's columns nearly do not: its fractions are those of 500, 750 and 1000 GeV together.)
"""

from dataclasses import dataclass, replace

import numpy as np

from analysis.selection.optimise import best, merit, yields
from analysis.selection.scores.choose import candidate
from analysis.selection.scores.likelihood_ratio import additive_score, table_of
from analysis.selection.scores.training import HALVES, Simulated, sample_of
from analysis.settings.search import Search
from analysis.statistics.spectra.streams import simulated_stream
from processors.diphoton import photon_pair
from processors.histograms import Binning, Counts, fill, joint
from tools.arrays import FloatArray
from tools.recipe import Recipe, Resonance, background_recipe, make_events, signal_recipe
from tools.samples import Catalogue

CATEGORIES = 6
SIMULATED = (100_000, 10_000)
"""events of the background, and of each signal, that the course has"""
_MASSES_GeV = (500.0, 750.0, 1000.0)
_LARGER = 10
_AT_ONCE = 100_000
_BACKGROUND = "background"


@dataclass(frozen=True, slots=True, eq=False)
class CategoryFractions:
    """What is selected, in each of some categories, shape (C,) each."""

    background: FloatArray
    """fraction of the background events in each category"""
    signal: FloatArray
    """fraction of the signal events in each category"""


EVERYTHING = CategoryFractions(np.ones(1), np.ones(1))
"""no selection"""


@dataclass(frozen=True, slots=True, eq=False)
class CourseSelections:
    """Both selections."""

    categories: CategoryFractions
    cuts: CategoryFractions
    """the best rectangular ones: of one category"""


def selections(catalogue: Catalogue, search: Search, *, seed: int) -> CourseSelections:
    """Make events, choose categories and cuts, and count what is in them."""
    few, many = (_joints(search, larger, seed, which) for which, larger in enumerate((1, _LARGER)))
    weights = dict.fromkeys(few, 1.0)
    sample = catalogue.sample(_BACKGROUND)
    weights[_BACKGROUND] = sample.expected_events(catalogue.luminosity_invpb) / SIMULATED[0]
    small, large = (sample_of(Simulated(each, weights, _BACKGROUND)) for each in (few, many))
    # Trained on one half, applied to the other, as the analysis does.
    folds = np.stack([table_of(additive_score(small, half)) for half in HALVES])
    demands = replace(search.score, most_categories=CATEGORIES)
    chosen = candidate("likelihood_ratio", folds, small, demands).yields(large)
    signals = [chosen.signals[name] / counts[:, 0].sum() for name, counts in large.signals.items()]
    background = chosen.passing / large.passing.sum()
    categories = CategoryFractions(background, np.mean(signals, axis=0))
    reference = search.optimise.reference_signal
    of = {name: yields(few[name], weights[name]) for name in (reference, _BACKGROUND)}
    index = best(merit(of[reference], of[_BACKGROUND], search.optimise))
    passing = {name: yields(counts, 1.0).anywhere for name, counts in many.items()}
    # Summed-area tables: the last cell holds all events.
    fractions = {name: np.array([each[index] / each.flat[-1]]) for name, each in passing.items()}
    background = fractions.pop(_BACKGROUND)
    cuts = CategoryFractions(background, np.mean(list(fractions.values()), axis=0))
    return CourseSelections(categories, cuts)


def _joints(search: Search, larger: int, seed: int, which: int) -> dict[str, Counts]:
    """Return the joint histograms of background and three signals, of so many times the events."""
    recipes = {_BACKGROUND: background_recipe()} | {
        f"signal_{mass:g}": signal_recipe(Resonance(mass)) for mass in _MASSES_GeV
    }
    found = {}
    for number, (name, recipe) in enumerate(recipes.items()):
        events, rng = SIMULATED[name != _BACKGROUND], simulated_stream(seed, which, number)
        found[name] = _filled(recipe, search, larger * events, rng)
    return found


def _filled(recipe: Recipe, search: Search, events: int, rng: np.random.Generator) -> Counts:
    axes, window = search.optimise.axes, search.window
    found = joint([Binning(name, axis.bins, axis.low, axis.high) for name, axis in axes.items()])
    for first in range(0, events, _AT_ONCE):
        columns = make_events(recipe, rng, min(_AT_ONCE, events - first))
        mass = photon_pair(columns).mass
        outside = (mass < window.low_GeV) | (mass >= window.high_GeV)
        # Halves by the parity of the entry, as the processor makes them; `_AT_ONCE` is even.
        fill(found, np.arange(len(mass)) % 2, outside, *(columns[name] for name in axes))
    return found
