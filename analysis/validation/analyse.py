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

Where the formula of the global significance is near a threshold, the analysis generates toys of the
whole procedure; so is done here. What the function in use would claim has to hold for the envelope
of families, which is fitted for those universes only.

A batch is `BATCH` universes of one kind, the same ones whoever does them: fits that are done
together may differ in their last digits from fits that are done alone, and the result is to be the
same to the byte. (Universes `with_x` have fewer toys for their global significance and are not
evaluated again: they are for coverages and for the power curve.) `PART` toys of a borderline case
are a task.

Everything of ours is imported at the top: the work is sent to dask's workers with its code.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from analysis.results.scan import Upcrossings
from analysis.statistics.background.prediction import Prediction, predict
from analysis.statistics.resonance.claims import decide, weakest
from analysis.statistics.resonance.look_elsewhere import (
    combined,
    near_threshold,
    upcrossings,
)
from analysis.statistics.resonance.shape import toys_of_prediction
from analysis.statistics.resonance.toys import ToyGroup, largest_significances
from analysis.statistics.spectra.bins import Channel
from analysis.statistics.spectra.streams import spectrum_seed
from analysis.validation.counts import WindowCounts
from analysis.validation.envelopes import envelope_z
from analysis.validation.fits import AtTruth, BestFits, asimov_z, nearest, scanned, some
from analysis.validation.fixed_model import LargestZ, names_of
from analysis.validation.found import Found
from analysis.validation.rates import FIXED_GeV
from analysis.validation.tasks import Ensemble, Log, digest_of, done, workshop
from analysis.validation.universes import KINDS, Analysis, Kind, Size, Universe, Universes
from tools.arrays import FloatArray
from tools.digests import digest_text
from tools.executors import Execution

BATCH = 25
"""universes analysed together"""
PART = 250
"""number of toys of the whole procedure that are generated together"""
TOYS = {"universes": 1_000, "empty": 1_000, "with_x": 100}
"""toys of the fixed background model in each universe, for the upcrossings; `look_elsewhere` has
1,000"""


def analyse(analysis: Analysis, universes: Sequence[Universe], *, toys: int) -> Found:
    """Return what the analysis says of some universes.

    Parameters
    ----------
    analysis : Analysis
    universes : sequence of Universe
    toys : int
        Toys of the fixed background model, for the upcrossings.
    """
    found = Found.nothing(len(universes))
    for row, universe in enumerate(universes):
        truth = universe.truth
        found.kind[row], found.number[row] = universe.kind, universe.number
        found.true_mass_GeV[row] = np.nan if truth.mass_GeV is None else truth.mass_GeV
        found.true_cross_section_pb[row] = truth.cross_section_pb
    counts = _stacked([universe.counts for universe in universes])
    expected = _stacked([universe.expected for universe in universes])
    low, high = analysis.model_selection.low_GeV, analysis.model_selection.high_GeV
    # Nothing is drawn from it: its truths are only there to say how many channels there are.
    thresholds = analysis.search.decision
    toys_of_none = replace(analysis, expected=tuple(channel[0] for channel in counts)).toys
    predictions: dict[int, Prediction] = {}
    doubtful: dict[int, tuple[Upcrossings, float]] = {}
    for group in toys_of_none.groups(counts):
        # The same name for all channels, but once.
        found.function[group.toys] = "; ".join(dict.fromkeys(names_of(group.options)))
        best = _scan(group, found)
        for row, toy in enumerate(group.toys):
            predictions[int(toy)] = prediction = predicted(analysis, universes[toy].counts)
            fitted = tuple(each.fitted.events(low, high) for each in prediction.backgrounds)
            fixed = replace(analysis, expected=fitted)
            spectrum = fixed.fixed(group.options, group.spurious[row])
            found.seed[toy] = seed = spectrum_seed(group.counts[row])
            crossings = upcrossings(spectrum, group.masses_GeV, seed=seed, toys=toys)
            local_z = float(found.local_z[toy])
            formula = combined(crossings, local_z, None)
            found.upcrossings[toy] = crossings.mean
            found.formula_z[toy], found.formula_p[toy] = formula.z, formula.p
            found.global_p[toy] = formula.p
            found.alone[toy] = alone = decide(local_z, formula.z, thresholds)
            found.decision[toy] = alone
            if alone != "limit" or near_threshold(formula.z, thresholds):
                doubtful[int(toy)] = crossings, float(best[row])
        _measure(analysis, group, best, found)
        _at_truth(analysis, group, expected, found)
    if doubtful:
        _profile(analysis, counts, doubtful, found)
    _count(analysis, counts, [predictions[row] for row in range(len(universes))], found)
    return found


def _profile(
    analysis: Analysis,
    counts: Sequence[FloatArray],
    doubtful: Mapping[int, tuple[Upcrossings, float]],
    found: Found,
) -> None:
    """Fill in what the envelope says where something might be claimed: upcrossings, and a mass."""
    rows, thresholds = np.array([*doubtful], dtype=int), analysis.search.decision
    masses = np.array([mass for _, mass in doubtful.values()])
    profiled = envelope_z(analysis, [own[rows] for own in counts], masses)
    for row, z, (crossings, _) in zip(rows, profiled, doubtful.values(), strict=True):
        worth = combined(crossings, max(float(z), 0.0), None).z
        claim = decide(float(z), worth, thresholds)
        found.envelope_z[row], found.envelope_claim[row] = z, claim
        found.decision[row] = weakest([found.alone[row], claim])


def _stacked(spectra: Sequence[tuple[FloatArray, ...]]) -> tuple[FloatArray, ...]:
    """Return the spectra of some universes for each channel, shape (T, B)."""
    return tuple(np.array(channel) for channel in zip(*spectra, strict=True))


def _scan(group: ToyGroup, found: Found) -> FloatArray:
    """Fill in the significances; return the most significant masses."""
    z = scanned(group)
    found.fixed_z[group.toys] = z[:, nearest(group.masses_GeV, FIXED_GeV)]
    found.local_z[group.toys] = np.maximum(z.max(axis=1), 0.0)
    return np.asarray(group.masses_GeV[np.argmax(z, axis=1)])


def predicted(analysis: Analysis, observed: tuple[FloatArray, ...]) -> Prediction:
    """Return the background that a universe's sidebands predict."""
    model_selection = analysis.model_selection
    edges = np.append(model_selection.low_GeV, model_selection.high_GeV[-1])
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


def _count(
    analysis: Analysis, counts: Sequence[FloatArray], predictions: list[Prediction], found: Found
) -> None:
    """Fill in what the count in the window tells; of all channels together."""
    window, x = analysis.search.window, np.flatnonzero(found.exists)
    inside = analysis.model_selection.inside(window.low_GeV, window.high_GeV)
    count = WindowCounts.of([channel[:, inside] for channel in counts], predictions)
    found.count_z[:] = count.z
    events = found.true_cross_section_pb[x] * analysis.events_per_pb(found.true_mass_GeV[x])
    found.count_cls[x] = count.some(x).cls(events)


def toys_of(
    analysis: Analysis, observed: tuple[FloatArray, ...], numbers: range, *, seed: int
) -> LargestZ:
    """Generate toys of the whole procedure, from what a universe's own sidebands predict."""
    prediction = predicted(analysis, observed)
    experiment = toys_of_prediction(
        analysis.model_selection, prediction.backgrounds, analysis.search
    )
    first, number = numbers.start, len(numbers)
    largest = largest_significances(experiment, seed=seed, number=number, first=first, workers=1)
    return LargestZ(largest)


# ---- campaigns -----------------------------------------------------------------------------------


def settings_digest(work: Universes) -> str:
    """Return the digest of all that a universe's numbers depend on, but which one it is."""
    channels = work.channels
    cells = digest_text(channels.channel.astype(np.int64).tobytes().hex())
    edges = [edges.tolist() for edges in channels.edges]
    return digest_of(
        "analyse", work.catalogue, work.analysis.search, work.campaign, channels.names,
        channels.columns, edges, cells, TOYS, BATCH, PART,
    )  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class UniverseResults:
    """Everything that a campaign found."""

    work: Universes
    size: Size
    found: Found

    def of(self, *kinds: Kind) -> Found:
        """Return the universes of some kinds."""
        return self.found.some(np.isin(self.found.kind, kinds))

    @property
    def without_x(self) -> Found:
        """The universes without X: the empty ones, or else those that happen to be."""
        found = self.of("empty" if self.size.empty else "universes")
        return found.some(~found.exists)

    @property
    def with_x(self) -> Found:
        """All universes with an X."""
        found = self.of("universes", "with_x")
        return found.some(found.exists)


def batch_of(work: Universes, kind: Kind, numbers: range) -> Found:
    """Return what the analysis says of some universes of a kind."""
    universes = [work.observed(kind, number) for number in numbers]
    return analyse(work.analysis, universes, toys=TOYS[kind])


def run(
    work: Universes, size: Size, out: Path, execution: Execution, log: Log = lambda _text: None
) -> UniverseResults:
    """Analyse all universes of a campaign, and borderline cases with toys of the whole procedure.

    Parameters
    ----------
    work : Universes
    size : Size
    out : Path
        The folder: finished tasks are kept in it.
    execution : Execution
        The executor, and its workers: they change no result.
    log : callable
        Told how far it is.
    """
    search = work.analysis.search
    batches = {
        kind: Ensemble(Found, partial(batch_of, work, kind), getattr(size, kind), BATCH)
        for kind in KINDS
    }
    # Kind by kind, and in order: as the rows of what is found.
    universes = [(kind, number) for kind in KINDS for number in range(getattr(size, kind))]
    with workshop(out / "batches", settings_digest(work), execution, log) as shop:
        found = Found.joined([*done(shop, batches, "universes").values()])
        rows = {universes[row]: row for row in found.borderline(search.decision)}
        toys, cases = search.peak.global_toys, {}
        for universe in rows:
            counts, seed = work.observed(*universe).counts, int(found.seed[rows[universe]])
            more = partial(toys_of, work.analysis, counts, seed=seed)
            cases[universe] = Ensemble(LargestZ, more, toys, PART)
        for universe, largest in done(shop, cases, "borderline cases").items():
            found.count(rows[universe], largest, search.decision)
    return UniverseResults(work, size, found)
