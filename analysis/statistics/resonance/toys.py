r"""Toys of the whole procedure: generated spectra, each with its own model selection and fits.

Toy i of a seed is a pure function of (seed, i): any worker generates the same one, batches can be
done anywhere and be put together. Its sidebands choose function and range as those of the data do
(`model_selection.py`); toys with the same choice are fitted together.

The largest significance over the masses is found in two steps: the strengths of all masses to
first order (`projection.py`) tell the three highest maxima; only there, and at the masses beside
them, the likelihood is fitted. (The first order alone overstates the tails where few events are
expected.)
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import numpy.typing as npt

from analysis.settings.search import Search
from analysis.statistics.background.entries import Decisions, Indices, Option
from analysis.statistics.background.model_selection import ModelSelection, select_all
from analysis.statistics.background.poisson import model
from analysis.statistics.minimiser.projection import project
from analysis.statistics.resonance.peak import Peak
from analysis.statistics.resonance.peak_curve import Given, near
from analysis.statistics.spectra.bins import Bins
from analysis.statistics.spectra.signal_model import bin_fractions
from analysis.statistics.spectra.streams import toy_stream
from tools.arrays import FloatArray
from tools.pool import completed

_MAXIMA = 3
"""highest maxima of the first order at which the likelihood is fitted"""
_CELLS = 2_000_000
"""bins of toys that are projected at once"""
ENOUGH = 30
"""toys that exceed: more of them would tell the p-value to better than a fifth"""
_ROUND = 1000
"""toys generated before they are counted"""
BATCH = 125
"""toys decided and fitted together: of fewer, each takes longer"""


@dataclass(frozen=True, slots=True, eq=False)
class Experiment:
    """What toys are generated from, and how they are analysed."""

    model_selections: tuple[ModelSelection, ...]
    """model selections of all channels"""
    truths: tuple[FloatArray, ...]
    """expected events of each channel in the bins of its model selection"""
    search: Search
    given: tuple[Given, ...] = ()
    """resonances that are in the truths, and in both hypotheses of each analysis"""

    def with_given(self, given: Sequence[Given]) -> "Experiment":
        """Return the experiment with these resonances."""
        mass = np.array([known.mass_GeV for known in given])
        events = np.array([known.events for known in given])
        truths = []
        for channel, (rules, truth) in enumerate(
            zip(self.model_selections, self.truths, strict=True)
        ):
            place = mass + rules.signal.offset_GeV(mass), rules.signal.width_GeV(mass)
            peaks = bin_fractions(rules.low_GeV, rules.high_GeV, *place)
            truths.append(truth + (events * rules.signal.shares(mass)[:, channel]) @ peaks)
        return replace(self, truths=tuple(truths), given=tuple(given))

    def draw(self, seed: int, numbers: Sequence[int]) -> tuple[FloatArray, ...]:
        """Return the spectra of some toys, for each channel of shape (T, B)."""
        # A stream for each toy: it does not matter who generates it, nor in which batch.
        streams = (toy_stream(seed, number) for number in numbers)
        toys = [[rng.poisson(truth) for truth in self.truths] for rng in streams]
        return tuple(np.array(spectra, dtype=np.float64) for spectra in zip(*toys, strict=True))

    def groups(self, counts: Sequence[FloatArray]) -> "Iterator[ToyGroup]":
        """Decide every toy, and yield those together that are fitted with the same functions."""
        yield from self.decided(select_all(self.model_selections, counts), counts)

    def decided(
        self, decisions: Sequence[Decisions], counts: Sequence[FloatArray]
    ) -> "Iterator[ToyGroup]":
        """Yield those toys together for which the same functions were decided."""
        choices = np.stack([d.choice for d in decisions], axis=1)
        # One fit of many rows for each choice: a fit for each toy would take many times longer.
        for choice in np.unique(choices, axis=0):
            toys = np.flatnonzero(np.all(choices == choice, axis=1))
            yield self._group(toys, choice, decisions, counts)

    def _group(
        self,
        toys: Indices,
        choice: Indices,
        decisions: Sequence[Decisions],
        counts: Sequence[FloatArray],
    ) -> "ToyGroup":
        options = [decided.options[c] for decided, c in zip(decisions, choice, strict=True)]
        bins, parts, spurious = [], [], []
        masses = self.search.signal.masses_GeV
        for channel, option in enumerate(options):
            rules, decided = self.model_selections[channel], decisions[channel]
            inside = rules.inside(option.low_GeV, option.high_GeV)
            own = counts[channel][np.ix_(toys, inside)]
            mean = own.mean(axis=0)
            bins.append(Bins(rules.low_GeV[inside], rules.high_GeV[inside], mean, mean))
            parts.append(own)
            sizes = [np.interp(masses, decided.masses_GeV, decided.spurious[t]) for t in toys]
            spurious.append(sizes)
        signal = self.model_selections[0].signal
        functions = [option.function for option in options]
        peak = Peak.of(model(functions, bins), bins, signal, self.search.systematics)
        peak = replace(peak, given=self.given)
        every = np.concatenate(parts, axis=1)
        passes = np.all([d.passes[toys] for d in decisions], axis=0)
        faked = np.stack(spurious, axis=-1)
        return ToyGroup(toys, peak, every, masses, faked, passes, tuple(options))


@dataclass(frozen=True, slots=True, eq=False)
class ToyGroup:
    """Toys that are fitted with the same functions in the same ranges."""

    toys: Indices
    """indices of the toys in their batch"""
    peak: Peak
    counts: FloatArray
    """shape (T, B), of all channels"""
    masses_GeV: FloatArray
    spurious: FloatArray
    """shape (T, M, C)"""
    passes: FloatArray
    """whether the model selection found functions that are good enough"""
    options: tuple[Option, ...] = ()
    """what the model selection chose for each channel; none of a model that was fixed otherwise"""

    def fit(self, masses: Indices, toys: Indices) -> FloatArray:
        """Fit pairs of mass and toy; return z with the sign of S, shape (pairs,).

        Parameters
        ----------
        masses, toys : ndarray of int, shape (pairs,)
            Indices into the masses and into the group's toys.
        """
        start = self.peak.without_signal(self.counts)
        return self.peak.compare(
            self.counts[toys], start[toys], self.masses_GeV[masses], self.spurious[toys, masses]
        ).z

    @property
    def hidden(self) -> npt.NDArray[np.bool_]:
        """Which masses are too near to a given resonance, shape (M,)."""
        given = [known.mass_GeV for known in self.peak.given]
        return near(self.masses_GeV, given, self.peak.signal)

    def first_order(self) -> FloatArray:
        """Return the significance of every mass to first order, shape (T, M)."""
        toys, bins = self.counts.shape
        at_once = max(1, _CELLS // bins)
        firsts = range(0, toys, at_once)
        return np.concatenate([self._first_order(slice(n, n + at_once)) for n in firsts])

    def _first_order(self, rows: slice) -> FloatArray:
        peak, counts, spurious = self.peak, self.counts[rows], self.spurious[rows]
        expected, slopes = self._fitted(counts)
        templates = peak.templates(self.masses_GeV)
        fractions = peak.signal.shares(self.masses_GeV)
        score = information = np.zeros((len(counts), len(self.masses_GeV)))
        for channel, group in enumerate(peak.background.groups):
            own, fraction = group.bins, fractions[:, channel]
            # Each channel has the strength of a given resonance for itself: a little too free.
            used = np.r_[group.own, peak.background.size : slopes.shape[-1]]
            strength, error = project(
                counts[:, own], expected[:, own], slopes[:, own][..., used],
                templates[:, own] / fraction[:, None],
            )  # fmt: skip
            # Strengths here are of a channel's own events, its fraction f of S: parabolas in S add
            # up to a slope of sum(f S_c / sigma_c^2) and a curvature of sum(f^2 / sigma_c^2).
            # The spurious signal is a nuisance of each channel: its variance adds to the error's.
            known = 1 / (error**2 + spurious[..., channel] ** 2)
            score = score + fraction * strength * known
            information = information + fraction**2 * known
        return np.asarray(score / np.sqrt(information))

    def _fitted(self, counts: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the expectations without a signal, and their slopes by what is free then."""
        peak, values = self.peak, self.peak.without_signal(counts)
        curve, rows = peak.curve(values[:, peak.mass]), np.arange(len(counts))
        free = np.array(peak.indices(("background", "given")))
        return curve.expected(values, rows), curve.slopes(values, rows, free)

    def largest(self) -> tuple[FloatArray, Indices]:
        """Return the largest significance of every toy over the masses, and where it is."""
        # As in data, the next is looked for beyond what is given.
        hidden = self.hidden
        first = np.where(hidden, -np.inf, self.first_order())
        # Maxima of the first order, edges included; their order may differ in the likelihood, so
        # that several are fitted, each with its neighbours.
        padded = np.pad(first, ((0, 0), (1, 1)), constant_values=-np.inf)
        top = (first >= padded[:, :-2]) & (first >= padded[:, 2:])
        order = np.argsort(np.where(top, -first, np.inf), axis=1)[:, :_MAXIMA]
        around = (order[:, :, None] + np.array([-1, 0, 1])).reshape(len(first), -1)
        # At the ends of the range a mass is fitted twice, which changes no maximum.
        around = np.clip(around, 0, first.shape[1] - 1)
        toys = np.repeat(np.arange(len(first)), around.shape[1])
        z = self.fit(around.ravel(), toys).reshape(around.shape)
        z = np.where(hidden[around], -np.inf, z)
        best = np.argmax(z, axis=1)
        rows = np.arange(len(first))
        return np.maximum(z[rows, best], 0.0), around[rows, best]


def largest_significances(
    toys: Experiment, *, seed: int, number: int, workers: int, first: int = 0
) -> FloatArray:
    """Return the largest local significance of each of `number` toys, in their order."""
    last = first + number
    batches = [range(start, min(start + BATCH, last)) for start in range(first, last, BATCH)]
    found = np.empty(number)
    work = partial(_largest, toys, seed)
    for batch, values in completed(work, batches, workers, what="toys"):
        found[batch.start - first : batch.stop - first] = values
    return found


def count_exceeding(
    toys: Experiment, local_z: float, *, seed: int, most: int, workers: int
) -> tuple[int, int]:
    """Generate toys until `ENOUGH` show as large a significance, or there are `most`.

    Returns
    -------
    int, int
        How many there are, in whole rounds, and how many of them show it.
    """
    number = exceeding = 0
    while number < most and exceeding < ENOUGH:
        more = min(_ROUND, most - number)
        largest = largest_significances(toys, seed=seed, number=more, workers=workers, first=number)
        number, exceeding = number + more, exceeding + int(np.sum(largest >= local_z))
    return number, exceeding


def _largest(toys: Experiment, seed: int, batch: range) -> FloatArray:
    """Return the largest significance of each toy of a batch."""
    found = np.empty(len(batch))
    for group in toys.groups(toys.draw(seed, batch)):
        found[group.toys] = group.largest()[0]
    return found
