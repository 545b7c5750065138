r"""Toys with a resonance beside another one: what is claimed, and the limit on the second.

The background is an exponential of 120 GeV, with as many events in the window as the course's data
have behind the cuts. *k sigma* are those of the function that is true: the Asimov significance in
the whole range of the fit with its two parameters free, nothing else unknown. The second resonance
is so many times the median limit that is expected without any (`sensitivity.median_limit`, of what
is selected on the test spectrum itself).

Every toy goes the way of the program: its functions, its claims one after the other
(`many_claims`), and then the limit at the true mass of the second: whether it is published there
(within two resolutions of a claim none is) and CLs of the true strength, the claims in both
hypotheses. Beside it stand CLs without them, and with their masses fixed where they are fitted.

All points of a campaign share a toy's sidebands; their windows are independent. As in the universes
resonances are wider than simulated by U(0.9, 1.1), both of a toy alike: it is the resolution.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from analysis.settings.search import Search, Systematics
from analysis.statistics.background.entries import Flags, Option
from analysis.statistics.background.families import Function
from analysis.statistics.resonance.peak_curve import APART, Given
from analysis.statistics.resonance.toys import ToyGroup
from analysis.statistics.spectra.streams import pair_toy_stream
from analysis.validation.fixed_model import Setting
from analysis.validation.many_claims import DecidedToys
from analysis.validation.plan import IN_FAMILY, KNOWN, OPTIMUM_EVENTS, CourseSettings
from analysis.validation.rates import LEVEL
from analysis.validation.sensitivity import median_limit
from analysis.validation.tasks import Ensemble
from analysis.validation.toys import one_event
from tools.arrays import Columns, FloatArray
from tools.samples import Catalogue

POINT_TOYS = 400
"""at each point"""
FIRST_GeV, FIRST_SIGMA = 600.0, (5.0, 8.0, 20.0)
SECOND_GeV, SECOND_LIMITS = (500.0, 725.0, 800.0, 1000.0), (0.5, 1.0, 1.25, 2.0)
ALONE_SIGMA, ALONE_WINDOWS = 8.0, 5
"""of the first, where there is no second; windows to the sidebands of each toy"""
PAIR_GeV, PAIR_SIGMA = 850.0, 8.0
"""of a second that is as significant as the first"""
ALONE, PAIR = "one alone", "two alike"
_TOGETHER = 100
"""number of toys in a task, each with all points"""
_STEPS = 20
"""of the search for a strength: the significance is nearly proportional to it"""


@dataclass(frozen=True, slots=True)
class InjectedPair:
    """What is injected at a point."""

    sigma: float
    """significance of the first"""
    first: Given
    second: Given | None = None
    limits: float = 0.0
    """strength of the second in expected limits; 0 if it is not meant in these"""

    @property
    def title(self) -> str:
        """What it is called in a table."""
        mass = np.nan if self.second is None else self.second.mass_GeV
        return f"first of {self.sigma:g} sigma, second at {mass:g} GeV, {self.limits:g} x"

    @property
    def all(self) -> tuple[Given, ...]:
        """What is there."""
        return (self.first,) if self.second is None else (self.first, self.second)


@dataclass(frozen=True, slots=True, eq=False)
class PairToys(Columns):
    """What T toys showed at each of some points, shape (T, points)."""

    first: Flags
    """whether the first is claimed: a claim within `APART` resolutions is nearest to it"""
    second: Flags
    false: FloatArray
    """number of claims near none"""
    first_z: FloatArray
    """local significance that the first was claimed with; NaN if it was not"""
    hidden: Flags
    """whether no limit is published at the mass of the second"""
    cls: FloatArray
    """of the true strength of the second, what is claimed elsewhere in both hypotheses; NaN
    without a second"""
    cls_alone: FloatArray
    """with nothing but the background in the null hypothesis"""
    pull: FloatArray
    """of the true strength"""
    converged: Flags

    @property
    def covered(self) -> Flags:
        """Whether the true strength is not excluded: by the limit, or because there is none."""
        return np.asarray(self.hidden | (self.cls >= LEVEL))


@dataclass(frozen=True, slots=True)
class PairCampaign:
    """Points that share the sidebands of each toy."""

    setting: Setting
    points: tuple[InjectedPair, ...]

    def toys(self, numbers: range, *, seed: int) -> PairToys:
        """Return what some toys show."""
        parts = []
        for decided in DecidedToys.each(self.setting, self.setting.toys.draw(seed, numbers)):
            toys = [numbers[int(toy)] for toy in decided.group.toys]
            counts = self.drawn(decided.group, seed, toys)
            rows = np.tile(np.arange(len(toys)), len(self.points))
            stacked = decided.some(rows).with_counts(counts.reshape(len(rows), -1))
            shown = self._shown(stacked).arrays()
            apart = {n: each.reshape(len(self.points), -1).T for n, each in shown.items()}
            parts.append(PairToys(**apart))
        return PairToys.joined(parts)

    def drawn(self, group: ToyGroup, seed: int, numbers: Sequence[int]) -> FloatArray:
        """Return the spectra of some toys at each point, shape (points, T, B)."""
        inside, expected = self.setting.window(group)
        counts = np.repeat(group.counts[None], len(self.points), axis=0)
        for row, number in enumerate(numbers):
            rng = pair_toy_stream(seed, number)
            for index, point in enumerate(self.points):
                wider = float(rng.uniform(0.9, 1.1))
                each = [x.events * one_event(group.peak, x.mass_GeV, wider) for x in point.all]
                counts[index, row, inside] = rng.poisson(expected + np.sum(each, axis=0)[inside])
        return counts

    def _shown(self, toys: DecidedToys) -> PairToys:
        """Return what spectra show, those of the first point first; shape (points T,) each."""
        size = len(toys.group.toys)
        points = [point for point in self.points for _ in range(size // len(self.points))]
        claims = toys.claims()
        there = np.isfinite(claims.mass_GeV)
        apart = np.full((2, *there.shape), np.inf)
        for row, point in enumerate(points):
            for which, true in enumerate(point.all):
                apart[which, row] = np.abs(claims.mass_GeV[row] - true.mass_GeV)
        width = APART * float(toys.group.peak.signal.width_GeV(np.array([FIRST_GeV]))[0])
        close = there & (apart <= width) & (apart == apart.min(axis=0))
        first_z = np.max(np.where(close[0], claims.local_z, -np.inf), axis=1)
        shown = PairToys(
            first=close[0].any(axis=1), second=close[1].any(axis=1),
            false=(there & ~close.any(axis=0)).sum(axis=1).astype(float),
            first_z=np.where(np.isfinite(first_z), first_z, np.nan),
            hidden=np.zeros(size, dtype=bool), converged=np.ones(size, dtype=bool),
            **{name: np.full(size, np.nan) for name in ("cls", "cls_alone", "pull")},
        )  # fmt: skip
        if points[0].second is None:
            return shown
        mass, events = np.array(
            [(p.second.mass_GeV, p.second.events) for p in points if p.second]
        ).T
        beside = there & ~claims.near(mass, width)
        free = toys.at_truth(claims, beside, mass, events)
        alone = toys.at_truth(claims, np.zeros_like(there), mass, events)
        hidden = np.asarray(claims.near(mass, width).any(axis=1))
        return replace(
            shown, hidden=hidden, cls=free.cls,
            cls_alone=alone.cls, pull=free.pull, converged=free.converged,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class PairPlan:
    """All campaigns."""

    toys: int
    """at each point"""
    seed: int
    campaigns: Mapping[str, PairCampaign]

    @classmethod
    def of(cls, catalogue: Catalogue, search: Search, toys: int, seed: int) -> "PairPlan":
        """Return all campaigns with so many toys a point."""
        settings, (events, _) = CourseSettings(catalogue, search), OPTIMUM_EVENTS["after"]
        setting = settings.of(KNOWN[IN_FAMILY], events)
        limits = median_limit(setting.fixed(*setting.chosen()), np.array(SECOND_GeV))

        def first(sigma: float) -> Given:
            return Given(FIRST_GeV, events_of(setting, FIRST_GeV, sigma))

        points = {
            f"{sigma:g} sigma": tuple(
                InjectedPair(sigma, first(sigma), Given(mass, factor * float(limit)), factor)
                for mass, limit in zip(SECOND_GeV, limits, strict=True)
                for factor in SECOND_LIMITS
            )
            for sigma in FIRST_SIGMA
        }
        points[ALONE] = (InjectedPair(ALONE_SIGMA, first(ALONE_SIGMA)),) * ALONE_WINDOWS
        second = Given(PAIR_GeV, events_of(setting, PAIR_GeV, PAIR_SIGMA))
        points[PAIR] = (InjectedPair(PAIR_SIGMA, first(PAIR_SIGMA), second),)
        return cls(toys, seed, {n: PairCampaign(setting, own) for n, own in points.items()})

    def ensembles(self) -> dict[str, Ensemble[PairToys]]:
        """Return all toys."""
        return {
            name: Ensemble(
                PairToys,
                partial(campaign.toys, seed=self.seed),
                self.toys,
                _TOGETHER,
            )
            for name, campaign in self.campaigns.items()
        }


def events_of(setting: Setting, mass_GeV: float, sigma: float) -> float:
    """Return the events of so many sigma, the true background function's own parameters free."""
    fit = setting.search.fit
    known = replace(setting.search, systematics=Systematics(0.0, 0.0, 0.0, 0.0))
    option = Option("full", fit.low_GeV, fit.high_GeV, Function("exp", 1))
    spectra, mass = replace(setting, search=known).fixed((option,)), np.array([mass_GeV])
    events = sigma * spectra.scan(mass).signal_error_events
    for _ in range(_STEPS):
        events = events * sigma / spectra.asimov_z(mass, events)
    return float(events[0])
