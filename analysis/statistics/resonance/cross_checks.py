r"""Cross-checks of the resonance in unblinded spectra: with other functions, ranges and bins.

The envelope of families, of each the simplest function that passes, is that of P. D. Dauncey et al.
(JINST 10 (2015) P04015): D + number of parameters, minimised over functions with and without the
signal. (Functions of several categories are taken rank by rank: all first ones, all second ones.)

Whether all categories see the same resonance: at the fitted mass each is fitted alone. Its strength
is that of the whole signal, its events divided by the fraction of the signal expected there. That
all have one strength costs

.. math:: \chi^2 = \sum_c [D_c(\hat S) - D_c(\hat S_c)],

with the combined best :math:`\hat S`; its number of degrees of freedom is that of the categories
less one (S. S. Wilks, Ann. Math. Stat. 9 (1938) 60).
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from analysis.results.values import Estimate
from analysis.results.verdict import ChannelCompatibility, ChannelStrength, StabilityCheck
from analysis.settings.search import Search, Systematics
from analysis.statistics.background.entries import Decisions, Entry, Indices
from analysis.statistics.background.model_selection import ModelSelection
from analysis.statistics.resonance.measurement import STEPS, Measurement, Profile
from analysis.statistics.resonance.peak import NUISANCES, MassScan
from analysis.statistics.resonance.peak_curve import Given
from analysis.statistics.resonance.scan import ChannelModel, Spectra
from analysis.statistics.spectra.bins import Bins
from tools.arrays import Columns, FloatArray

_ROUNDING = 1e-9
"""of a number of steps"""
_BIN_FACTORS = (0.5, 2.0)
"""widths of bins tried, in those of the fit"""
_LATER = (1, 2)
"""which of the functions that pass after the one in use are tried"""
Reader = Callable[[float, float, float], Bins]
"""(low, high, width) -> bins of a spectrum there, as wide as that if it has a choice"""
Allowance = Callable[[Spectra, float], float]
Entries = Sequence[Entry | None]
"""another choice for each channel; None: the one in use"""


@dataclass(frozen=True, slots=True, eq=False)
class UnblindedData:
    """Unblinded spectra, to be fitted with the functions in use or with others."""

    readers: Mapping[str, Reader]
    """what reads the spectrum of each channel, by name"""
    model_selection: ModelSelection
    decisions: Sequence[Decisions]
    search: Search
    any_width: bool
    """whether the spectra have bins of any width"""
    allowance: Allowance | None = None
    """(spectra, mass) -> significance there after an allowance for what a background may do"""

    def spectra(self, entries: Entries | None = None, bin_GeV: float | None = None) -> Spectra:
        """Return the spectra with the functions in use, or with those of other entries."""
        models, width_GeV = [], bin_GeV or self.search.fit.bin_GeV
        chosen = zip(self.decisions, entries or [None] * len(self.decisions), strict=True)
        for (name, bins), (decided, entry) in zip(self.readers.items(), chosen, strict=True):
            option, spurious = decided.chosen, decided.spurious[0]
            if entry is not None:
                option, spurious = entry.option, self.model_selection.spurious_of(entry)
            there = bins(option.low_GeV, option.high_GeV, width_GeV)
            models.append(ChannelModel(there, option.function, decided.masses_GeV, spurious, name))
        return Spectra.of(models, self.model_selection.signal, self.search.systematics)

    @property
    def masses_GeV(self) -> FloatArray:
        """Masses of the scan."""
        return self.search.signal.masses_GeV


def _passing_in_range(decided: Decisions) -> list[Entry]:
    """Return the entries that pass in the range in use, those with the fewest parameters first."""
    option = decided.chosen
    return [
        entry
        for entry in decided.entries
        if entry.passes[0]
        and (entry.option.range, entry.option.low_GeV) == (option.range, option.low_GeV)
    ]


def _simplest_of_families(decided: Decisions) -> list[Entry]:
    """Return of each family the function with the fewest parameters that passes.

    What the search would use if it had this family alone: of a nested function with more freedom
    than the tests want, a lower significance tells nothing but that freedom.
    """
    found: dict[str, Entry] = {}
    for entry in _passing_in_range(decided):
        found.setdefault(entry.option.function.family, entry)
    return list(found.values())


@dataclass(frozen=True, slots=True, eq=False)
class FunctionsZ(Columns):
    """Significances with all families, signed; shape (M,) each."""

    envelope: FloatArray
    """with the functions profiled, too"""
    lowest: FloatArray
    highest: FloatArray


def envelope(data: UnblindedData, used: MassScan, given: Sequence[Given] = ()) -> FunctionsZ:
    """Return the significances at the masses of a scan, with all families.

    Parameters
    ----------
    data : UnblindedData
    used : MassScan
        With the functions in use.
    given : sequence of Given
        Resonances in both hypotheses.
    """
    masses = used.mass_GeV
    passing = [_simplest_of_families(decided) for decided in data.decisions]
    everywhere, fits = np.arange(len(masses)), []
    for rank in range(max(1, *(len(entries) for entries in passing))):
        spectra = data.spectra([e[min(rank, len(e) - 1)] if e else None for e in passing])
        scan = spectra.with_given(given).scan(masses)
        fits.append((everywhere, scan, spectra.peak.background.size))
    every = [used.z, *(scan.z for _, scan, _ in fits)]
    return FunctionsZ(profiled(len(masses), fits), np.min(every, axis=0), np.max(every, axis=0))


def profiled(size: int, fits: Iterable[tuple[Indices, MassScan, int]]) -> FloatArray:
    """Return significances with the functions profiled, signed; infinite where none is fitted.

    Parameters
    ----------
    size : int
        Number of significances.
    fits : iterable of (ndarray of int, MassScan, int)
        For each function: which of them it is fitted for, the fits, its number of parameters.
    """
    events, found = np.zeros(size), np.full(size, np.inf)
    best, null = np.full((2, size), np.inf)
    for rows, scan, parameters in fits:
        # A deviance falls by one for each parameter that is not needed: that is taken off.
        deviance = scan.deviance + parameters
        events[rows] = np.where(deviance < best[rows], scan.signal_events, events[rows])
        best[rows] = np.minimum(best[rows], deviance)
        null[rows] = np.minimum(null[rows], scan.null_deviance + parameters)
        rise = np.maximum(null[rows] - best[rows], 0.0)
        found[rows] = np.sign(events[rows]) * np.sqrt(rise)
    return found


def stability(
    data: UnblindedData, scan: MassScan, given: Sequence[Given] = ()
) -> tuple[StabilityCheck, ...]:
    """Return the result of a scan, in events, with another range, order or binning.

    Its largest excess is that beside `given` resonances.
    """
    results = [_check(data.decisions[0].chosen.name, scan, scan.best, used=True)]
    results += [
        _check(what, data.spectra(entries).with_given(given).scan(scan.mass_GeV), scan.best)
        for what, entries in _others(data.decisions)
    ]
    for factor in _BIN_FACTORS if data.any_width else ():
        width = data.search.fit.bin_GeV * factor
        if _fits(width, data):
            found = data.spectra(bin_GeV=width).with_given(given).scan(scan.mass_GeV)
            results.append(_check(f"bins of {width:g} GeV", found, scan.best))
    return tuple(results)


def _check(what: str, scan: MassScan, best: int, *, used: bool = False) -> StabilityCheck:
    """Return a scan's largest significance, and its strength at the mass of the result itself."""
    events, error = scan.signal_events[best], scan.signal_error_events[best]
    return StabilityCheck(
        what=what,
        local_z=scan.local_z,
        strength=Estimate(float(events), float(events - error), float(events + error)),
        used=used,
    )


def _fits(width: float, data: UnblindedData) -> bool:
    """Tell whether bins of a width begin and end where the range does, and fine bins do."""
    fine = data.search.spectrum
    lengths = [width / fine.bin_GeV]
    for decided in data.decisions:
        option = decided.chosen
        lengths += [
            (option.high_GeV - option.low_GeV) / width,
            (option.low_GeV - fine.low_GeV) / fine.bin_GeV,
        ]
    # Else the bins would be of another width, or begin where the fine ones have no edge.
    return all(abs(length - round(length)) < _ROUNDING for length in lengths)


def _others(decisions: Sequence[Decisions]) -> Iterator[tuple[str, Entries]]:
    """Yield the best of the other range, and the next functions that pass in this one."""
    for what in ("full", "window"):
        entries = [_best_of(decided, what) for decided in decisions]
        other = any(decided.chosen.range != what for decided in decisions)
        if other and entries[0] is not None and None not in entries:
            yield f"{what} range, {entries[0].option.function.name}", entries
    for step in _LATER:
        entries = [_after(decided, step) for decided in decisions]
        if entries[0] is not None:
            yield entries[0].option.function.name, entries


def _best_of(decided: Decisions, range_name: str) -> Entry | None:
    """Return the simplest entry of a range that passes, or else the one that fakes the least."""
    there = (entry for entry in decided.entries if entry.option.range == range_name)
    usable = [entry for entry in there if np.isfinite(entry.worst[0])]
    least = min(usable, key=lambda entry: float(entry.worst[0]), default=None)
    return next((entry for entry in usable if entry.passes[0]), least)


def _after(decided: Decisions, step: int) -> Entry | None:
    """Return the entry that passes `step` after the chosen one."""
    passing = _passing_in_range(decided)
    later = [n + step for n, each in enumerate(passing) if each.option == decided.chosen]
    return passing[later[0]] if later and later[0] < len(passing) else None


def compatibility(
    measured: Measurement | None, systematics: Systematics
) -> tuple[dict[str, ChannelStrength], ChannelCompatibility | None]:
    """Compare the strengths of the categories at the fitted mass, if there are several and a peak.

    Returns
    -------
    dict of str to ChannelStrength
        What each sees on its own, in events of the whole signal.
    ChannelCompatibility or None
        Whether they see the same.
    """
    from scipy.stats import chi2

    if measured is None or len(measured.spectra.channels) == 1:
        return {}, None
    spectra = measured.spectra
    signal, mass = spectra.peak.signal, np.array([measured.mass.interval.value])
    combined = measured.signal.interval.value
    given = spectra.peak.given
    shares = signal.shares(np.array([*mass, *(known.mass_GeV for known in given)]))
    found, total = {}, 0.0
    for channel, efficiency, (fraction, *others) in zip(
        spectra.channels, signal.efficiency, shares.T, strict=True
    ):
        alone = Spectra.of((channel,), replace(signal, efficiency=(efficiency,)), systematics)
        alone = alone.with_given(
            [replace(g, events=g.events * own) for g, own in zip(given, others, strict=True)]
        )
        found[channel.name], rise = _alone(alone, mass, float(fraction), combined)
        total += rise
    degrees = len(found) - 1
    # The combined strength is fitted to the same data: it takes one degree of freedom.
    pvalue = float(chi2.sf(total, degrees))
    return found, ChannelCompatibility(chi2=total, degrees_of_freedom=degrees, pvalue=pvalue)


def _alone(
    spectra: Spectra, mass: FloatArray, fraction: float, combined: float
) -> tuple[ChannelStrength, float]:
    """Return what one category sees, and what the combined strength costs there."""
    peak, spurious = spectra.peak, spectra.spurious(mass)
    null = peak.without_signal(spectra.counts[None])
    scan = peak.compare(spectra.counts[None], null, mass, spurious)
    best, error = float(scan.signal_events[0]), float(scan.signal_error_events[0])
    # The last point is not of the profile: it is what the combined strength costs this category.
    points = np.append(best + STEPS * error, combined * fraction)
    rows = len(points)
    start = np.repeat(null, rows, axis=0)
    start[:, peak.mass], start[:, peak.strength] = mass, points
    counts = np.repeat(spectra.counts[None], rows, axis=0)
    fixed = peak.fit(counts, start, spurious=np.repeat(spurious, rows, axis=0), free=NUISANCES)
    rises = np.maximum(fixed.deviance - float(scan.deviance[0]), 0.0)
    interval = Profile.of(points[:-1], rises[:-1], best, error).interval
    strength = ChannelStrength(local_z=float(scan.z[0]), strength=interval.scaled(1 / fraction))
    return strength, float(rises[-1])
