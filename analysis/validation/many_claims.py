r"""What is claimed in many spectra at once: one resonance after the other, as in `claims.Claims`.

Nothing of the statistics is done anew here: each spectrum has its own selection of functions, its
own scan, envelope and measurement; what was claimed belongs to both hypotheses of the next scan.
Spectra for which the same functions were decided are fitted together, and so are those whose claims
lie at the same masses of the scan. That is where a batch differs from the program:

- a claimed resonance is `Given` at its mass of the scan, with the mean strength of those that are
  fitted together: there its fit starts, and the mass stays within one resolution of it; in the
  program the mass is the fitted one;
- the largest excess is looked for by `ToyGroup.largest`, as in the toys of a global significance;
- upcrossings are those of the test spectrum with the function, not of what each spectrum's own
  sidebands predict, and no toys are generated near a threshold.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from analysis.results.scan import Upcrossings
from analysis.settings.search import Decision
from analysis.statistics.background.entries import Decisions, Flags, Indices, nuisance
from analysis.statistics.background.model_selection import select_all
from analysis.statistics.background.poisson import model
from analysis.statistics.resonance.claims import MAX_RESONANCES, decide, weakest
from analysis.statistics.resonance.cross_checks import profiled
from analysis.statistics.resonance.look_elsewhere import combined, upcrossings
from analysis.statistics.resonance.peak import MassScan, Peak
from analysis.statistics.resonance.peak_curve import Given, near
from analysis.statistics.resonance.toys import ToyGroup
from analysis.statistics.spectra.bins import Bins
from analysis.statistics.spectra.streams import spectrum_seed
from analysis.validation.fits import AtTruth, BestFits, some
from analysis.validation.fixed_model import Setting
from tools.arrays import Columns, FloatArray

Givens = tuple[Given, ...]
_UPCROSSINGS = 300
"""toys of each function, which tell the local significance of a global one to 0.02"""


@dataclass(frozen=True, slots=True, eq=False)
class PassingFunction:
    """A function in the range of a group, the simplest of its family that passes for some."""

    peak: Peak
    passes: Flags
    """for which spectra it is that, shape (T,)"""
    spurious: FloatArray
    """one standard deviation of its spurious signal, events, shape (T, M, 1)"""

    def some(self, rows: Indices) -> "PassingFunction":
        """Return it for some of the spectra."""
        return replace(self, passes=self.passes[rows], spurious=self.spurious[rows])


@dataclass(frozen=True, slots=True, eq=False)
class LargestExcess:
    """The largest excess of each of T spectra, beside what is given; shape (T,) each."""

    mass_GeV: FloatArray
    """of the scan"""
    local_z: FloatArray
    claimed: Flags


@dataclass(frozen=True, slots=True, eq=False)
class ToyClaims(Columns):
    """What is claimed in T spectra, in the order it was found; NaN beyond, shape (T, most)."""

    scan_GeV: FloatArray
    """mass of the scan, that the claim is given at"""
    mass_GeV: FloatArray
    """fitted, beside what was claimed before"""
    events: FloatArray
    local_z: FloatArray

    @classmethod
    def none(cls, spectra: int) -> "ToyClaims":
        """Return no claims."""
        return cls(*np.full((4, spectra, MAX_RESONANCES), np.nan))

    def near(self, mass_GeV: FloatArray, width_GeV: float) -> Flags:
        """Return which claims lie within a distance of a mass of their own spectrum."""
        return np.asarray(np.abs(self.mass_GeV - mass_GeV[:, None]) <= width_GeV)


@dataclass(frozen=True, slots=True, eq=False)
class DecidedToys:
    """Spectra of one channel for which the same function was decided, and all that pass."""

    setting: Setting
    group: ToyGroup
    functions: tuple[PassingFunction, ...]

    @classmethod
    def each(cls, setting: Setting, counts: Sequence[FloatArray]) -> "Iterator[DecidedToys]":
        """Decide every spectrum, and yield those together with the same function."""
        decisions = select_all(setting.toys.model_selections, counts, all_entries=True)
        for group in setting.toys.decided(decisions, counts):
            yield cls(setting, group, tuple(_passing(setting, decisions[0], group)))

    def some(self, rows: Indices) -> "DecidedToys":
        """Return some of the spectra."""
        functions = tuple(each.some(rows) for each in self.functions)
        return replace(self, group=some(self.group, rows), functions=functions)

    def with_counts(self, counts: FloatArray) -> "DecidedToys":
        """Return other spectra with the same sidebands, shape (T, B)."""
        return replace(self, group=replace(self.group, counts=counts))

    def claims(self) -> ToyClaims:
        """Return what is claimed in each spectrum."""
        found = ToyClaims.none(len(self.group.toys))
        todo: list[tuple[Indices, Givens]] = [(np.arange(len(self.group.toys)), ())]
        while todo:
            rows, given = todo.pop()
            own = self.some(rows)
            best = own.largest(given)
            where = np.flatnonzero(best.claimed)
            if not len(where):
                continue
            fitted = BestFits.of(beside(some(own.group, where), given), best.mass_GeV[where])
            here, rows = best.mass_GeV[where], rows[where]
            found.scan_GeV[rows, len(given)] = here
            found.mass_GeV[rows, len(given)] = fitted.mass_GeV
            found.events[rows, len(given)] = fitted.events
            found.local_z[rows, len(given)] = best.local_z[where]
            for mass in np.unique(here) if len(given) + 1 < MAX_RESONANCES else ():
                events = float(fitted.events[here == mass].mean())
                todo.append((rows[here == mass], (*given, Given(float(mass), events))))
        return found

    def largest(self, given: Givens) -> LargestExcess:
        """Return the largest excess beside given resonances, and whether it is claimed."""
        group, masses = beside(self.group, given), self.group.masses_GeV
        free = ~near(masses, [known.mass_GeV for known in given], group.peak.signal)
        there = replace(group, masses_GeV=masses[free], spurious=group.spurious[:, free])
        z, index = there.largest()
        where = np.flatnonzero(free)[index]
        claimed, thresholds = np.zeros(len(z), dtype=bool), self.setting.search.decision
        # A global significance is below the local one.
        rows = np.flatnonzero(z >= thresholds.evidence_global_z)
        if len(rows):
            crossings = self.crossings(given)
            envelopes = self.envelope_z(rows, where[rows], given)
            for row, envelope in zip(rows, envelopes, strict=True):
                claimed[row] = _claimed((z[row], envelope), crossings, thresholds)
        return LargestExcess(masses[where], z, claimed)

    def crossings(self, given: Givens) -> Upcrossings:
        """Return the upcrossings of the test spectrum, with given resonances in it."""
        spectra = self.setting.fixed(self.group.options, self.group.spurious.mean(axis=0))
        expected = spectra.counts.copy()
        for known in given:
            expected += known.events * spectra.peak.templates(np.array([known.mass_GeV]))[0]
        there, seed = spectra.with_counts(expected).with_given(given), spectrum_seed(expected)
        return upcrossings(there, self.group.masses_GeV, seed=seed, toys=_UPCROSSINGS)

    def envelope_z(self, rows: Indices, where: Indices, given: Givens) -> FloatArray:
        """Return significances with the functions profiled, as `cross_checks.envelope` does.

        Parameters
        ----------
        rows, where : ndarray of int, shape (R,)
            Spectra, and an index of a mass for each.
        given : tuple of Given
        """
        # Without a function that passes nothing is asked: the significance is infinite.
        return profiled(len(rows), self._fits(rows, where, given))

    def _fits(
        self, rows: Indices, where: Indices, given: Givens
    ) -> Iterator[tuple[Indices, MassScan, int]]:
        masses = self.group.masses_GeV[where]
        for function in self.functions:
            of = np.flatnonzero(function.passes[rows])
            if not len(of):
                continue
            peak = replace(function.peak, given=given)
            own = self.group.counts[rows[of]]
            spurious = function.spurious[rows[of], where[of]]
            scan = peak.compare(own, peak.without_signal(own), masses[of], spurious)
            yield of, scan, peak.background.size

    def at_truth(
        self, claims: ToyClaims, counted: Flags, mass_GeV: FloatArray, events: FloatArray
    ) -> AtTruth:
        """Return what the spectra show at a mass and strength of their own, beside some claims.

        Parameters
        ----------
        claims : ToyClaims
        counted : ndarray of bool, shape (T, most)
            Which of them are given.
        mass_GeV, events : ndarray, shape (T,)
        """
        places = np.where(counted, claims.scan_GeV, 0.0)
        parts: list[AtTruth] = []
        order = []
        for place in np.unique(places, axis=0):
            rows = np.flatnonzero((places == place).all(axis=1))
            order.append(rows)
            given = tuple(
                Given(float(place[k]), float(claims.events[rows, k].mean()))
                for k in np.flatnonzero(place)
            )
            group = beside(some(self.group, rows), given)
            parts.append(AtTruth.of(group, mass_GeV[rows], events[rows]))
        return AtTruth.joined(parts).some(np.argsort(np.concatenate(order)))


def beside(group: ToyGroup, given: Givens) -> ToyGroup:
    """Return a group with some resonances in both hypotheses."""
    return replace(group, peak=replace(group.peak, given=given))


def _claimed(z: Sequence[float], crossings: Upcrossings, thresholds: Decision) -> bool:
    """Tell whether an excess is claimed by all of some significances."""
    levels = [decide(each, _global_z(crossings, each), thresholds) for each in z]
    return weakest(levels) != "limit"


def _global_z(crossings: Upcrossings, local_z: float) -> float:
    return combined(crossings, max(local_z, 0.0), None).z


def _passing(setting: Setting, decided: Decisions, group: ToyGroup) -> Iterator[PassingFunction]:
    """Yield, of each family and in the range in use, what is the simplest that passes for some."""
    (option,) = group.options
    mean = group.counts.mean(axis=0)
    bins = Bins(group.peak.low_GeV, group.peak.high_GeV, mean, mean)
    before: dict[str, Flags] = {}
    for entry in decided.entries:
        family = entry.option.function.family
        passes = np.isin(group.toys, entry.rows[entry.passes])
        passes = passes & ~before.get(family, np.zeros_like(passes))
        same = (entry.option.range, entry.option.low_GeV) == (option.range, option.low_GeV)
        if not same or not passes.any():
            continue
        before[family] = passes | before.get(family, passes)
        which = np.isin(entry.rows, group.toys[passes])
        sizes, _ = nuisance(entry, which, setting.model_selection.neighbours)
        spurious = np.zeros((len(passes), len(group.masses_GeV), 1))
        masses = decided.masses_GeV
        spurious[passes, :, 0] = [np.interp(group.masses_GeV, masses, own) for own in sizes]
        peak = Peak.of(
            model([entry.option.function], [bins]), [bins], group.peak.signal,
            setting.search.systematics,
        )  # fmt: skip
        yield PassingFunction(peak, passes, spurious)
