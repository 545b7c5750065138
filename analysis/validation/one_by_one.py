r"""Toys with two resonances, one at a time: the program's own search, and the limit that it sets.

A batch (`two_resonances`) starts a claimed resonance at its mass of the scan and takes limits from
CLs of the likelihood in which its mass is wholly free. The program has the fitted mass, and limits
of a workspace in which that is a nuisance parameter, constrained to three uncertainties of the fit
(`statistics.limits.workspaces`). Here some of the same toys go through both, and through the
workspace with the mass fixed: whether the claims are the same, and how far apart the limits are.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from analysis.statistics.background.entries import Flags
from analysis.statistics.background.model_selection import select_all
from analysis.statistics.limits.band import MassPoint, mass_limit, mass_points
from analysis.statistics.limits.workspaces import ChannelTemplates
from analysis.statistics.resonance.cross_checks import UnblindedData
from analysis.statistics.resonance.peak_curve import Given
from analysis.statistics.resonance.shape import Observed, ShapeSearch, observe
from analysis.statistics.resonance.toys import ToyGroup
from analysis.statistics.resonance.work import Work
from analysis.statistics.spectra.bins import Channel
from analysis.validation.fits import AtTruth, some
from analysis.validation.fixed_model import Setting
from analysis.validation.many_claims import DecidedToys, ToyClaims, beside
from analysis.validation.rates import LEVEL
from analysis.validation.tasks import Ensemble, done
from analysis.validation.two_resonances import PairCampaign, PairPlan, PairToys
from tools.arrays import Columns, FloatArray
from tools.executors.kept import Workshop

POINTS = ((5.0, 500.0, 1.25), (8.0, 725.0, 1.25), (8.0, 1000.0, 1.25), (20.0, 725.0, 1.0))
"""significance of the first, mass of the second and its strength in expected limits"""
FEWER = 64
"""toys of a batch for each of these: it takes a hundred times as long"""
_TOGETHER = 5
_AROUND = np.linspace(0.85, 1.15, 13)
"""strengths, in the limit that the program sets, at which CLs is computed"""


@dataclass(frozen=True, slots=True, eq=False)
class SingleToys(Columns):
    """What T toys showed, each alone and in a batch; limits in events, NaN where none is set."""

    same: Flags
    """whether the program claims as many resonances, at the same masses of the scan"""
    given: Flags
    """whether anything is claimed that the limit is beside"""
    published: FloatArray
    """limit of the program: the masses of what is claimed are constrained"""
    fixed: FloatArray
    """of its workspace with these masses fixed"""
    free: FloatArray
    """by CLs with these masses free"""
    true: FloatArray
    """what was injected"""


@dataclass(frozen=True, slots=True)
class SingleCampaign:
    """One point, whose toys are those of its batch."""

    campaign: PairCampaign
    place: int
    """index of the point"""
    second: Given

    def toys(self, numbers: range, *, seed: int) -> SingleToys:
        """Return what some toys show."""
        return SingleToys.joined([*self._each(numbers, seed)])

    def _each(self, numbers: range, seed: int) -> Iterator[SingleToys]:
        setting = self.campaign.setting
        rules, ends = setting.model_selection, setting.search.window
        spectra = setting.toys.draw(seed, numbers)
        for decided in DecidedToys.each(setting, spectra):
            toys = [numbers[int(toy)] for toy in decided.group.toys]
            drawn = decided.with_counts(self.campaign.drawn(decided.group, seed, toys)[self.place])
            claims = drawn.claims()
            for row, toy in enumerate(decided.group.toys):
                own, counts = drawn.some(np.array([row])), spectra[0][toy].copy()
                window, _ = setting.window(own.group)
                # The window is drawn anew, what is outside of it is the toy's.
                counts[rules.inside(ends.low_GeV, ends.high_GeV)] = own.group.counts[0, window]
                yield self._one(own.group, claims.some(np.array([row])), counts)

    def _one(self, group: ToyGroup, claims: ToyClaims, counts: FloatArray) -> SingleToys:
        found, observed = search_one(self.campaign.setting, counts)
        given, mass = observed.spectra.peak.given, self.second.mass_GeV
        (point,) = mass_points(found, np.array([mass]), np.ones(1), [{}])
        published, fixed = (_limit(each) for each in (point, _with_fixed_masses(point)))
        free = _limit_near(beside(group, given), mass, published)
        ours = np.sort(claims.scan_GeV[np.isfinite(claims.scan_GeV)])
        theirs = np.sort([resonance.excess.mass_GeV for resonance in observed.resonances])
        same = bool(np.array_equal(ours, theirs))
        numbers = ([value] for value in (published, fixed, free, self.second.events))
        return SingleToys(np.array([same]), np.array([len(given) > 0]), *map(np.array, numbers))


def search_one(setting: Setting, counts: FloatArray) -> tuple[ShapeSearch, Observed]:
    """Return the program's own search in one spectrum, shape (B,), and what it observed."""
    rules = setting.model_selection
    edges = np.append(rules.low_GeV, rules.high_GeV[-1])
    decisions = select_all([rules], [counts[None]], all_entries=True)
    (decided,) = decisions
    spurious = np.interp(setting.masses_GeV, decided.masses_GeV, decided.spurious[0])
    expected = setting.fixed((decided.chosen,), spurious[:, None])
    readers = {"all": Channel("all", edges, counts).bins}
    data = UnblindedData(readers, rules, decisions, setting.search, any_width=False)
    observed = observe(data, expected, setting.toys, Work(toys=0))
    return ShapeSearch(rules, decisions, expected, observed=observed), observed


def _with_fixed_masses(point: MassPoint) -> MassPoint:
    """Return a point whose given resonances have no nuisance of their own."""

    def fixed(channel: ChannelTemplates) -> ChannelTemplates:
        common = set(channel.signal_variations)
        given = [
            replace(known, variations={n: v for n, v in known.variations.items() if n in common})
            for known in channel.given
        ]
        return replace(channel, given=tuple(given))

    return replace(point, channels=tuple(map(fixed, point.channels)))


def _limit(point: MassPoint) -> float:
    """Return the observed limit; NaN if there is none."""
    limit = mass_limit(point).observed
    return np.nan if limit is None else limit


def _limit_near(group: ToyGroup, mass_GeV: float, limit: float) -> float:
    """Return the limit by CLs with everything free, close to another one."""
    if not np.isfinite(limit):
        return np.nan
    strengths, rows = limit * _AROUND, np.zeros(len(_AROUND), dtype=np.intp)
    found = AtTruth.of(some(group, rows), np.full(len(rows), mass_GeV), strengths)
    return float(np.interp(-np.log(LEVEL), -np.log(found.cls), strengths))


@dataclass(frozen=True, slots=True, eq=False)
class ResonanceResults:
    """What all campaigns with several resonances gave, by name."""

    plan: PairPlan
    pairs: Mapping[str, PairToys]
    singly: Mapping[str, SingleToys]


def run_resonances(plan: PairPlan, shop: Workshop) -> ResonanceResults:
    """Generate all toys, and search in some of `POINTS` one by one."""
    number, some_toys = max(1, plan.toys // FEWER), {}
    for campaign in plan.campaigns.values():
        for place, point in enumerate(campaign.points):
            second = point.second
            if second and (point.sigma, second.mass_GeV, point.limits) in POINTS:
                toys = partial(SingleCampaign(campaign, place, second).toys, seed=plan.seed)
                some_toys[point.title] = Ensemble(SingleToys, toys, number, _TOGETHER)
    pairs = done(shop, plan.ensembles(), "resonances")
    return ResonanceResults(plan, pairs, done(shop, some_toys, "toys one by one"))
