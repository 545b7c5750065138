r"""What the analysis says of many universes: its own procedure, many spectra at a time.

Nothing of the statistics is done anew here. Each universe has its own selection of background
functions on its own sidebands (`toys.Experiment`), its own scan of all masses, its own sideband
prediction (`prediction.predict`) whose fixed background model gives the upcrossings for its global
significance (`look_elsewhere.upcrossings`), its own measurement, and the verdict of
`verdict.decide`. Universes with the same choice are fitted together, which is what makes a thousand
of them a matter of minutes.

A verdict is *right* by the rule of the course's game (`analysis.game.scoring`): it claims an X that
is there, within three uncertainties of its mass; or it sets a limit, and there is no X or the limit
covers it.

Where the formula of the global significance says more than 2.5, the analysis generates toys of the
whole procedure; so does `evaluated_again`, up to `SURE_Z`. Beyond it two of a thousand toys, as
many as it would take to lose a claim, are there once in 200 universes or less.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt

from analysis.game.scoring import MASS_ERRORS
from analysis.results.closure import Fraction
from analysis.results.scan import GlobalToys
from analysis.settings.search import Decision
from analysis.statistics.background.entries import Flags
from analysis.statistics.background.prediction import Prediction, predict
from analysis.statistics.resonance.look_elsewhere import (
    combined,
    counted_toys,
    significance,
    upcrossings,
)
from analysis.statistics.resonance.shape import WORTH_TOYS_Z, toys_of_prediction
from analysis.statistics.resonance.toys import ToyGroup, largest_significances
from analysis.statistics.spectra.bins import Channel
from analysis.statistics.verdict import decide
from analysis.validation.fits import AtTruth, BestFits, asimov_z, nearest, some
from analysis.validation.fixed_model import names_of
from analysis.validation.rates import LEVEL, FIXED_GeV, fraction_of
from analysis.validation.tasks import Columns
from analysis.validation.universes import Analysis, ObservedUniverse
from tools.arrays import FloatArray

SURE_Z = 3.7
"""global significance by the formula from which on toys would not change the verdict"""
SURE_LOCAL_Z = 6.0
"""expected local significance from which on X has to be found"""
CLAIMS = ("evidence", "discovery")


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
    """functions that were selected"""
    passes: Flags
    """whether its spurious signal is as small as is wanted"""
    fixed_z: FloatArray
    """signed, at `FIXED_GeV`, shape (T, 3)"""
    local_z: FloatArray
    """largest of the scan; 0 if there is no excess"""
    upcrossings: FloatArray
    """mean number of the fixed background model"""
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


def analyse(analysis: Analysis, universes: Sequence[ObservedUniverse], *, toys: int) -> Found:
    """Return what the analysis says of some universes.

    Parameters
    ----------
    analysis : Analysis
    universes : sequence of ObservedUniverse
    toys : int
        Toys of the fixed background model, for the upcrossings.
    """
    found = Found.nothing(len(universes))
    for row, universe in enumerate(universes):
        truth = universe.expected.truth
        found.number[row] = universe.number
        found.true_mass_GeV[row] = np.nan if truth.mass_GeV is None else truth.mass_GeV
        found.true_cross_section_pb[row] = truth.cross_section_pb
    counts = _stacked([universe.counts for universe in universes])
    expected = _stacked([universe.expected.channels for universe in universes])
    low, high = analysis.tournament.low_GeV, analysis.tournament.high_GeV
    # Nothing is drawn from it: its truths are only there to say how many channels there are.
    experiment = analysis.experiment([channel[0] for channel in counts])
    for group in experiment.groups(counts):
        # The same name for all channels, but once.
        found.function[group.toys] = "; ".join(dict.fromkeys(names_of(group.options)))
        found.passes[group.toys] = group.passes
        best = _scan(group, found)
        for row, toy in enumerate(group.toys):
            backgrounds = predicted(analysis, universes[toy].counts).backgrounds
            predictions = [each.chosen.fitted.events(low, high) for each in backgrounds]
            spectrum = analysis.spectra(group.options, predictions, group.spurious[row])
            crossings = upcrossings(spectrum, group.masses_GeV, seed=universes[toy].seed, toys=toys)
            formula = combined(crossings, float(found.local_z[toy]), None)
            found.upcrossings[toy] = crossings.mean
            found.formula_z[toy], found.formula_p[toy] = formula.z, formula.p
        _measure(analysis, group, best, found)
        _at_truth(analysis, group, expected, found)
    return found


def _stacked(spectra: Sequence[tuple[FloatArray, ...]]) -> tuple[FloatArray, ...]:
    """Return the spectra of some universes for each channel, shape (T, B)."""
    return tuple(np.array(channel) for channel in zip(*spectra, strict=True))


def _scan(group: ToyGroup, found: Found) -> FloatArray:
    """Fill in the significances; return the most significant masses."""
    own, masses = len(group.toys), len(group.masses_GeV)
    # Every mass is fitted, as for data: the two steps of toys only have to find the largest.
    z = group.fit(np.tile(np.arange(masses), own), np.repeat(np.arange(own), masses))
    z = z.reshape(own, masses)
    found.fixed_z[group.toys] = z[:, nearest(group.masses_GeV, FIXED_GeV)]
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


def _measure(analysis: Analysis, group: ToyGroup, start: FloatArray, found: Found) -> None:
    """Fill in mass and cross-section where there is an excess; and their pulls where there is X."""
    rows = np.flatnonzero(found.local_z[group.toys] > 0)
    if not len(rows):
        return
    best = BestFits.of(some(group, rows), start[rows])
    toys, per_pb = group.toys[rows], analysis.events_per_pb(best.mass_GeV)
    found.mass_GeV[toys] = best.mass_GeV
    found.cross_section_pb[toys] = best.events / per_pb
    there = found.exists[toys]
    # Pulls need a truth: without X there is none to compare with.
    if not there.any():
        return
    best, toys, per_pb = best.some(there), toys[there], per_pb[there]
    found.mass_pull[toys], fitted = best.mass_pull(found.true_mass_GeV[toys])
    true_events = found.true_cross_section_pb[toys] * per_pb
    found.cross_section_pull[toys], again = best.strength_pull(true_events)
    found.converged[toys] &= fitted & again


def _at_truth(
    analysis: Analysis, group: ToyGroup, expected: Sequence[FloatArray], found: Found
) -> None:
    """Fill in what the true mass tells: expected significance, and CLs of the true strength."""
    own = some(group, np.flatnonzero(found.exists[group.toys]))
    toys = own.toys
    if not len(toys):
        return
    mass = found.true_mass_GeV[toys]
    counts = analysis.counts(group.options, [channel[toys] for channel in expected])
    found.expected_z[toys] = asimov_z(own, counts, mass)
    events = found.true_cross_section_pb[toys] * analysis.events_per_pb(mass)
    at_truth = AtTruth.of(own, mass, events)
    found.cls[toys] = at_truth.cls
    found.converged[toys] &= at_truth.converged


def borderline(found: Found) -> Iterator[int]:
    """Yield the rows of borderline cases: toys of the whole procedure may change their verdict."""
    between = (found.formula_z > WORTH_TOYS_Z) & (found.formula_z < SURE_Z)
    yield from map(int, np.flatnonzero(between))


def evaluated_again(
    analysis: Analysis,
    observed: tuple[FloatArray, ...],
    local_z: float,
    *,
    seed: int,
    toys: int,
    first: int = 0,
) -> GlobalToys:
    """Generate toys of the whole procedure, from what a universe's own sidebands predict."""
    prediction = predicted(analysis, observed)
    experiment = toys_of_prediction(analysis.tournament, prediction.backgrounds, analysis.search)
    largest = largest_significances(experiment, seed=seed, number=toys, first=first, workers=1)
    return counted_toys(toys, int(np.sum(largest >= local_z)))


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Judged(Found):
    """What was true, found and decided in T universes."""

    global_p: FloatArray
    """by toys where some exceed, else by the formula"""
    decision: npt.NDArray[Any]
    """the verdict in one word"""

    @classmethod
    def of(cls, found: Found, counted: Mapping[int, GlobalToys], thresholds: Decision) -> "Judged":
        """Judge universes, of some of which toys of the whole procedure were counted."""
        p, z = found.formula_p.copy(), found.formula_z.copy()
        for row, number in enumerate(found.number):
            toys = counted.get(int(number))
            # As in `look_elsewhere.combined`: if no toy exceeds, only a bound is known, and the
            # formula stands.
            if toys is not None and toys.exceeding > 0:
                p[row], z[row] = toys.p, significance(toys.p)
        decisions = [
            decide(float(a), float(b), thresholds) for a, b in zip(found.local_z, z, strict=True)
        ]
        return cls(**found.arrays(), global_p=p, decision=np.array(decisions, dtype=object))

    @property
    def claimed(self) -> Flags:
        """Whether there is evidence, or a discovery."""
        return np.isin(self.decision.astype(str), CLAIMS)

    @property
    def sure(self) -> "Judged":
        """Those whose X has to be found."""
        return self.some(self.expected_z > SURE_LOCAL_Z)

    @property
    def right(self) -> Flags:
        """Whether the verdict is right."""
        # Who claims without a fitted mass (no excess) is not near it.
        near = np.nan_to_num(np.abs(self.mass_pull), nan=np.inf) <= MASS_ERRORS
        return np.where(self.claimed, self.exists & near, ~self.exists | self.covered)

    @property
    def covered(self) -> Flags:
        """Whether the limit at the true mass is above the true cross-section."""
        return np.asarray(self.cls >= LEVEL)

    def coverage(self, name: str) -> Fraction:
        """Return how often the 68 % interval of "mass" or "cross_section" holds the truth."""
        return fraction_of(np.abs(self.pulls(name)) <= 1)

    def pulls(self, name: str) -> FloatArray:
        """Return the pulls of "mass" or "cross_section" where there is one."""
        pulls: FloatArray = getattr(self, f"{name}_pull")
        return pulls[np.isfinite(pulls)]
