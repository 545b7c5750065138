"""What toys with a resonance beside another showed: ``resonances.json``."""

from collections.abc import Iterator

import numpy as np

from analysis.results.calibration import ResonancesCalibration
from analysis.results.checks import Check
from analysis.statistics.background.entries import Flags
from analysis.validation.documents import origin, rounded_check
from analysis.validation.one_by_one import ResonanceResults, SingleToys
from analysis.validation.rates import EXACT, LEVEL, Place, moments_of, unjudged
from analysis.validation.two_resonances import ALONE, PAIR, InjectedPair, PairPlan, PairToys

_POINT, _POOLED = 0.92, 0.94
"""coverage that is wanted at least at a point, and of all points together"""
_FALSE, _BOTH = 0.005, 0.95
"""toys with a false second claim at most, and with both of two strong resonances at least"""
_SOME = 10
"""toys, of fewer of which a coverage tells nothing"""
_MIDDLE = (0.16, 0.5, 0.84)


def resonances_document(results: ResonanceResults, *, workers: int) -> ResonancesCalibration:
    """Return what ``resonances.json`` holds."""
    plan = results.plan
    return ResonancesCalibration(
        toys=plan.toys,
        alone=results.pairs[ALONE].first.size,
        seed=plan.seed,
        workers=workers,
        injected_events=dict(_injected(plan)),
        checks=tuple(rounded_check(check) for check in resonances_checks(results)),
        provenance=origin(),
    )


def _injected(plan: PairPlan) -> Iterator[tuple[str, float]]:
    """Yield every strength, once."""
    for campaign in plan.campaigns.values():
        for point in campaign.points:
            yield f"{point.sigma:g} sigma at {point.first.mass_GeV:g} GeV", point.first.events
            if point.second is not None:
                strength = f"{point.limits:g} x the expected limit"
                what = strength if point.limits else f"{point.sigma:g} sigma"
                yield f"{what} at {point.second.mass_GeV:g} GeV", point.second.events


def resonances_checks(results: ResonanceResults) -> Iterator[Check]:
    """Yield everything."""
    pooled: list[PairToys] = []
    for name, campaign in results.plan.campaigns.items():
        toys = results.pairs[name]
        if name in (ALONE, PAIR):
            yield from _claims(name, campaign.points[0], toys)
            continue
        pooled.append(toys)
        for index, point in enumerate(campaign.points):
            own = {what: each[:, [index]] for what, each in toys.arrays().items()}
            yield from _covered(point.title, PairToys(**own), _POINT)
        together = f"first of {name}: all points together"
        yield from map(unjudged, _covered(together, toys, _POOLED))
        yield from _pulls(together, toys)
    # Toys of one number have the same sidebands in all campaigns: they stand side by side.
    every = PairToys(
        **{n: np.concatenate([p.arrays()[n] for p in pooled], axis=1) for n in pooled[0].arrays()}
    )
    yield from _covered("all points together", every, _POOLED)
    yield from _pulls("all points together", every)
    for title, alone in results.singly.items():
        yield from _single(title, alone)


def _covered(setting: str, toys: PairToys, wanted: float) -> Iterator[Check]:
    """Yield the coverages of a point, or of several."""
    here, there = Place("coverage", setting, digits=EXACT), toys.first
    yield clustered(here, "limit covers", toys.covered, there, low=wanted)
    yield clustered(here, "where published", toys.covered, there & ~toys.hidden)
    yield clustered(here, "background alone", toys.cls_alone >= LEVEL, there)
    every = np.ones_like(there)
    yield clustered(here, "first claimed", toys.first, every)
    yield clustered(here, "second claimed", toys.second, every)
    yield clustered(here, "false claims", toys.false > 0, every)
    yield clustered(here, "fits converged", toys.converged, every)
    if (~there).sum() >= _SOME:
        other = Place("unclaimed", setting, digits=EXACT)
        yield clustered(other, "limit covers", toys.covered, ~there)
        yield clustered(other, "of all toys", ~there, every)


def _pulls(setting: str, toys: PairToys) -> Iterator[Check]:
    """Yield mean and width of the pulls of the second's strength."""
    pull, here = moments_of(toys.pull[toys.first], digits=EXACT), Place("pulls", setting)
    yield here.number("mean pull", pull.mean, pull.mean_error, n=pull.n)
    yield here.number("width of pulls", pull.width, pull.width_error, n=pull.n)


def _claims(name: str, point: InjectedPair, toys: PairToys) -> Iterator[Check]:
    """Yield what is claimed where no limit is looked at."""
    what = " and ".join(f"{x.mass_GeV:g} GeV" for x in point.all)
    here = Place("claims", f"{name}: {what}, {point.sigma:g} sigma", digits=EXACT)
    every, false = np.ones_like(toys.first), toys.false > 0
    yield clustered(here, "first claimed", toys.first, every)
    yield here.number("median local Z of it", float(np.nanmedian(toys.first_z)))
    yield clustered(here, "false claims", false, every, high=_FALSE if name == ALONE else None)
    if name == PAIR:
        yield clustered(here, "second claimed", toys.second, every)
        yield clustered(here, "both", toys.first & toys.second, every, low=_BOTH)


def _single(setting: str, toys: SingleToys) -> Iterator[Check]:
    """Yield what toys showed one by one, beside their batch."""
    here = Place("mass", setting, digits=EXACT)
    there = toys.some(toys.given & np.isfinite(toys.published))
    yield here.rate("claims as in a batch", toys.same)
    for what, limits in (
        ("published / free - 1", there.published),
        ("fixed / free - 1", there.fixed),
    ):
        ratio = limits / there.free - 1
        low, middle, high = np.quantile(ratio, _MIDDLE) if len(ratio) else [np.nan] * 3
        yield here.number(what, middle, (high - low) / 2, n=len(limits))
    for what, limits in (("published covers", there.published), ("free covers", there.free)):
        yield here.rate(what, limits >= there.true)


def clustered(
    here: Place, what: str, where: Flags, counted: Flags,
    low: float | None = None, high: float | None = None,
) -> Check:  # fmt: skip
    """Return how often something is true of what is counted, arrays of shape (T, points).

    The uncertainty is that of the spread between toys, whose points share their sidebands, unless
    the binomial one is larger.
    """
    n = int(counted.sum())
    if not n:
        return here.number(what, np.nan, None, low, high, n=0)
    value = float((where & counted).sum() / n)
    clipped = min(max(value, 1 / n), 1 - 1 / n) if n > 1 else 0.5
    away = ((where & counted) - value * counted).sum(axis=1)
    error = max(np.sqrt(clipped * (1 - clipped) / n), float(np.sqrt(np.sum(away**2))) / n)
    return here.number(what, value, float(error), low, high, n=n)
