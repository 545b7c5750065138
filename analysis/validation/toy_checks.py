"""What toys showed, with its error, and what was wanted.

The wanted ranges are the acceptance of this project, set before the program was written. A row
whose `low` and `high` are both None is told, not judged.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from analysis.results.checks import Check
from analysis.results.closure import Fraction
from analysis.statistics.background.entries import Flags
from analysis.validation.background_toys import BackgroundToys
from analysis.validation.fixed_model import FixedModel
from analysis.validation.rates import EXACT, LEVEL, FIXED_GeV, fraction_of, moments_of, rate
from analysis.validation.sensitivity import (
    MIN_GAIN,
    ORDERS,
    JUDGED_GeV,
    MASSES_GeV,
    Reach,
    gains,
    ideal,
    reach,
)
from analysis.validation.signal_toys import MEASURED_SIGMA, InjectionPoint, SignalToys
from analysis.validation.toy_campaigns import ToyResults
from tools.arrays import FloatArray

_SINGLE = 3.0
_MAX_PULL = 10.0
"""where a deficit in few events ends at an expectation of zero there is no error to divide by: then
(S - S0)/error is beyond it"""
_IQR = 0.7413
"""standard deviation of a normal distribution over the width of its middle half"""


def checks(results: ToyResults) -> Iterator[Check]:
    """Yield everything."""
    for name, toys in results.background.items():
        yield from _local(name, toys, results.campaigns.windows)
        yield from _global(name, toys, results)
    yield from _formula(results)
    for name, found in results.injection.items():
        yield from _injections(name, found, results)
    for name, toys in results.outside.items():
        yield from _outside(name, toys, results)
    yield from _optimum(results)
    yield from _gained(results)
    most = {"scan of 101 masses": 10.0, f"{results.campaigns.size.timed:,} global toys": 120.0}
    for what, seconds in results.seconds.items():
        yield Check("speed", what, "seconds", seconds, None, None, most.get(what))


def _exact(where: Flags, together: int = 1) -> Fraction:
    return fraction_of(where, together=together, digits=EXACT)


def _passing(section: str, name: str, toys: BackgroundToys, together: int) -> Check:
    passing = rate(section, name, "functions that pass", _exact(toys.passes, together))
    return replace(passing, toys=None)


def _local(name: str, toys: BackgroundToys, together: int) -> Iterator[Check]:
    for mass, z in zip(FIXED_GeV, toys.fixed_z.T, strict=True):
        setting = f"{name}, {mass:g} GeV"
        for level, low, high in ((2, 0.010, 0.033), (3, None, 0.003)):
            above = _exact(z > level, together)
            yield rate("local", setting, f"P(Z > {level})", above, low, high)
        yield Check("local", setting, "mean Z", float(z.mean()), None)
        yield Check("local", setting, "width of Z", float(z.std()), None)


def global_p(name: str, toys: BackgroundToys, results: ToyResults) -> FloatArray:
    """Return the p-values of the toys that were scanned."""
    found = np.full(len(toys.number), np.nan)
    for functions, rows in toys.choices().items():
        crossings = results.expectation(name, functions).crossings
        for row in np.flatnonzero(rows & np.isfinite(toys.largest_z)):
            found[row] = crossings.p(toys.largest_z[row])
    return found[np.isfinite(toys.largest_z)]


def _global(name: str, toys: BackgroundToys, results: ToyResults) -> Iterator[Check]:
    p, together = global_p(name, toys, results), results.campaigns.windows
    for level, low, high in ((0.05, 0.03, 0.07), (0.01, None, 0.02)):
        below = _exact(p < level, together)
        yield rate("global", name, f"P(global p < {level:g})", below, low, high)
    largest = toys.largest_z[np.isfinite(toys.largest_z)]
    yield rate("global", name, "P(local Z > 3 anywhere)", _exact(largest > _SINGLE, together))
    yield _passing("global", name, toys, together)


def _formula(results: ToyResults) -> Iterator[Check]:
    for name, toys in results.fixed.items():
        held, _ = results.campaigns.chosen[name]
        crossings, setting = results.on_truth(name).crossings, f"{name} ({held.name})"
        for z in (2.5, 3.0, 3.5):
            above = _exact(toys.largest_z > z)
            some = above.value > 0
            ratio = crossings.p(z) / above.value if some else np.nan
            relative = above.error / above.value if some else np.nan
            low, high = (0.8, 1.2) if z == _SINGLE else (None, None)
            found = Fraction(value=ratio, error=ratio * relative, n=above.n)
            yield rate("formula", setting, f"p by formula / toys, Z = {z:g}", found, low, high)
        yield Check("formula", setting, "upcrossings of 1", crossings.mean, crossings.error)
        if results.campaigns.several:
            own = [
                expected.crossings.mean
                for choice, expected in results.expected.items()
                if choice.campaign == name and not choice.on_truth
            ]
            yield Check("formula", setting, "of the toys' own", float(np.mean(own)), None)
            yield Check("formula", setting, "spread of these", float(np.std(own)), None)


def _injections(name: str, found: SignalToys, results: ToyResults) -> Iterator[Check]:
    """Yield what each point shows; if few, all masses at a strength, and all strengths at a mass.

    What is judged are those together then, and no point where the width is the simulated one.
    """
    injection, together = results.campaigns.injection[name], results.campaigns.together
    points = injection.points
    places = {f"{p.mass_GeV:g} GeV, {p.sigma:g} sigma": [i] for i, p in enumerate(points)}
    groups = [(places, injection.drawn_width and not together)]
    if together:
        of_sigma = {
            f"all masses, {sigma:g} sigma": [i for i, p in enumerate(points) if p.sigma == sigma]
            for sigma in dict.fromkeys(p.sigma for p in points)
        }
        of_mass = {
            f"{mass:g} GeV, all strengths": [i for i, p in enumerate(points) if p.mass_GeV == mass]
            for mass in dict.fromkeys(p.mass_GeV for p in points)
        }
        groups += [(of_sigma, True), (of_mass, True)]
    for group, judged in groups:
        for place, own in group.items():
            of, setting = [points[i] for i in own], f"{name}: {place}"
            for check in _injected(setting, of, found.at(own)):
                yield check if judged else replace(check, low=None, high=None, meets=None)


def _injected(setting: str, of: Sequence[InjectionPoint], toys: SignalToys) -> Iterator[Check]:
    """Yield what toys show that have one of some points each; of the mass, if they measure it."""
    size = len(toys.root)
    root = float(np.sqrt(size))

    def made(what: str, value: float, error: float, *ends: float | None) -> Check:
        return rate("injection", setting, what, Fraction(value=value, error=error, n=size), *ends)

    def part(what: str, where: Flags, *ends: float | None) -> Check:
        return rate("injection", setting, what, _exact(where), *ends)

    pull = moments_of(toys.root, ddof=0, digits=EXACT)
    yield made("mean pull", pull.mean, pull.mean_error, -0.1, 0.1)
    yield made("width of pulls", pull.width, pull.width_error, 0.9, 1.1)
    yield part("68 % coverage", np.abs(toys.root) <= 1, 0.64, 0.72)
    arrived = toys.pull[toys.converged & (np.abs(toys.pull) < _MAX_PULL)]
    yield made("mean (S - S0)/error", float(arrived.mean()), float(arrived.std()) / root)
    covered = 1 - LEVEL - _SINGLE * float(np.sqrt(LEVEL * (1 - LEVEL) / size))
    yield part("limit covers", toys.cls >= LEVEL, covered)
    yield part("fits converged", toys.converged)
    weakest = min(point.sigma for point in of)
    if weakest < MEASURED_SIGMA:
        return
    high = weakest > MEASURED_SIGMA
    yield part("mass covered", toys.mass_rise <= 1, *((0.64, 0.72) if high else (0.58, None)))
    # A few toys run away: their spread is told by that of the middle half.
    quarter, middle, three = np.quantile(toys.found_pull, [0.25, 0.5, 0.75])
    error = float(np.sqrt(np.pi / 2)) * _IQR * float(three - quarter) / root
    ends = (-0.2, 0.2) if high else (None, None)
    yield made("median pull at the fitted mass", float(middle), error, *ends)


def _outside(name: str, toys: BackgroundToys, results: ToyResults) -> Iterator[Check]:
    together, needed, log_errors = results.campaigns.windows, [], []
    for functions, rows in toys.choices().items():
        expected, own = results.expectation(name, functions), int(rows.sum())
        needed.append(np.where(rows, expected.crossings.local_z(_SINGLE), 0.0))
        log_errors += [float(np.log(expected.errors).mean())] * own
    claimed = _exact(toys.largest_z >= np.sum(needed, axis=0), together)
    yield rate("outside", name, "P(global Z > 3)", claimed, None, 0.01)
    anywhere = _exact(toys.largest_z > _SINGLE, together)
    yield rate("outside", name, "P(local Z > 3 anywhere)", anywhere, None, 0.05)
    yield _passing("outside", name, toys, together)
    setting = results.campaigns.outside[name]
    for order in ORDERS:
        errors = ideal(setting, order).scan(setting.masses_GeV).signal_error_events
        price = float(np.exp(np.mean(log_errors) - np.log(errors).mean()))
        yield Check("outside", name, f"error of S / window exp {order}", price, None)


def _optimum(results: ToyResults) -> Iterator[Check]:
    for name, (setting, events) in results.campaigns.optima.items():
        ideals = [reach(ideal(setting, order), events) for order in ORDERS]
        (held, spurious), (free, free_spurious) = setting.chosen(("window",)), setting.chosen()
        parameters = held.channels[0].function.parameters
        order = min(max(len(parameters) - 1, ORDERS[0]), ORDERS[-1])
        yield from _reached(
            name, held, reach(setting.spectra(held, spurious), events), ideals, order
        )
        if free != held:
            ours = reach(setting.spectra(free, free_spurious), events)
            yield from _reached(name, free, ours, ideals, None)


def _reached(
    name: str, held: FixedModel, ours: Reach, ideals: Sequence[Reach], judged: int | None
) -> Iterator[Check]:
    for index, mass in enumerate(MASSES_GeV):
        setting = f"{name} ({held.name}), {mass:g} GeV"
        for order, best in zip(ORDERS, ideals, strict=True):
            low, high = (0.97, 1.03) if order == judged else (None, None)
            z = float(ours.z[index] / best.z[index])
            limit = float(ours.limit[index] / best.limit[index])
            yield Check("optimum", setting, f"Z / order {order}", z, None, low)
            yield Check("optimum", setting, f"limit / order {order}", limit, None, None, high)


def _gained(results: ToyResults) -> Iterator[Check]:
    pairs = results.campaigns.pairs.items()
    for name, gain in ((name, gain) for name, pair in pairs for gain in gains(pair)):
        for index, mass in enumerate(MASSES_GeV):
            setting = f"{name} ({gain.functions}), {mass:g} GeV"
            low = MIN_GAIN if gain.judged and mass in JUDGED_GeV else None
            limit, z, cuts = (float(x[index]) for x in (gain.limits, gain.z, gain.z_of_cuts))
            yield Check("gain", setting, "limit, cuts / categories", limit, None, low)
            yield Check("gain", setting, "Z of 5.4 pb, categories", z, None)
            yield Check("gain", setting, "Z, cuts", cuts, None)
