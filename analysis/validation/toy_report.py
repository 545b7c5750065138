"""What toys showed, with its uncertainty, and what was wanted: ``statistics.json``.

The wanted ranges are the acceptance of this project, set before the program was written. A row
whose `low` and `high` are both None is shown, not judged.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from analysis.results.calibration import CategoryParts, SearchCalibration
from analysis.results.checks import Check
from analysis.validation.documents import origin, rounded_check
from analysis.validation.fixed_model import Setting, title_of
from analysis.validation.plan import ToyResults
from analysis.validation.rates import EXACT, LEVEL, FIXED_GeV, Place, moments_of, unjudged
from analysis.validation.sensitivity import ORDERS, MASSES_GeV, Sensitivity, gains, ideal
from analysis.validation.toys import MEASURED_SIGMA, BackgroundToys, InjectionPoint, SignalToys
from tools.arrays import FloatArray

_SINGLE = 3.0
_OPTIMAL = (0.97, 1.03)
"""least significance and largest limit, over those of the ideal fit"""
_MAX_PULL = 10.0
"""where a deficit in few events ends at an expectation of zero there is no uncertainty to divide
by: then (S - S0)/error is beyond it"""
_IQR = 0.7413
"""standard deviation of a normal distribution over the width of its middle half"""
_DIGITS = 5
"""of what is written"""


def document(results: ToyResults, *, workers: int) -> SearchCalibration:
    """Return what ``statistics.json`` holds."""
    campaigns = results.campaigns
    return SearchCalibration(
        size=campaigns.size,
        seed=campaigns.seed,
        workers=workers,
        windows=campaigns.windows,
        window_events={name: round(s.window_events, 1) for name, s in campaigns.background.items()},
        parts=_parts(next(iter(campaigns.background.values()))) if campaigns.several else None,
        choices={
            place: parts
            for name, toys in {**results.background, **results.outside}.items()
            for place, parts in _choices(name, toys)
        },
        injected_events={
            name: {f"{p.mass_GeV:g} GeV, {p.sigma:g} sigma": round(p.events, 3) for p in own.points}
            for name, own in campaigns.injection.items()
        },
        checks=tuple(rounded_check(check) for check in checks(results)),
        provenance=origin(),
    )


def _parts(setting: Setting) -> CategoryParts:
    """Return the category fractions of the selected background, and of all signal events."""
    events = np.array([expected.sum() for expected in setting.expected])
    signal = np.array([each.values[0] for each in setting.signal.efficiency])
    return CategoryParts(
        background=np.round(events / events.sum(), _DIGITS), signal=np.round(signal, _DIGITS)
    )


def _choices(name: str, toys: BackgroundToys) -> Iterator[tuple[str, dict[str, float]]]:
    """Yield each channel with the fractions of toys that chose functions, most frequent first."""
    # By number: of functions that as many toys chose, the first to be chosen stands first.
    in_order = toys.functions[np.argsort(toys.number, kind="stable")]
    channels = in_order.shape[1]
    for channel, chosen in enumerate(in_order.T):
        place = name if channels == 1 else f"{name}: category {channel + 1}"
        counted = Counter(map(str, chosen)).most_common()
        yield place, {function: round(k / len(chosen), 4) for function, k in counted}


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
        yield Place("speed", what).number("seconds", seconds, high=most.get(what))


def _passing(here: Place, toys: BackgroundToys) -> Check:
    return replace(here.rate("functions that pass", toys.passes), toys=None)


def _local(name: str, toys: BackgroundToys, together: int) -> Iterator[Check]:
    for mass, z in zip(FIXED_GeV, toys.fixed_z.T, strict=True):
        here = Place("local", f"{name}, {mass:g} GeV", together, EXACT)
        for level, low, high in ((2, 0.010, 0.033), (3, None, 0.003)):
            yield here.rate(f"P(Z > {level})", z > level, low, high)
        yield here.number("mean Z", z.mean())
        yield here.number("width of Z", z.std())


def global_p(name: str, toys: BackgroundToys, results: ToyResults) -> FloatArray:
    """Return the p-values of the toys that were scanned."""
    found = np.full(len(toys.number), np.nan)
    for functions, rows in toys.choices().items():
        crossings = results.expectation(name, functions).crossings
        for row in np.flatnonzero(rows & np.isfinite(toys.largest_z)):
            found[row] = crossings.p(toys.largest_z[row])
    return found[np.isfinite(toys.largest_z)]


def _global(name: str, toys: BackgroundToys, results: ToyResults) -> Iterator[Check]:
    here = Place("global", name, results.campaigns.windows, EXACT)
    p = global_p(name, toys, results)
    for level, low, high in ((0.05, 0.03, 0.07), (0.01, None, 0.02)):
        yield here.rate(f"P(global p < {level:g})", p < level, low, high)
    largest = toys.largest_z[np.isfinite(toys.largest_z)]
    yield here.rate("P(local Z > 3 anywhere)", largest > _SINGLE)
    yield _passing(here, toys)


def _formula(results: ToyResults) -> Iterator[Check]:
    for name, toys in results.fixed.items():
        model, _ = results.campaigns.chosen[name]
        here = Place("formula", f"{name} ({title_of(model)})", digits=EXACT)
        crossings = results.expected[name, ()].crossings
        for z in (2.5, 3.0, 3.5):
            what = f"p by formula / toys, Z = {z:g}"
            above = here.rate(what, toys.largest_z > z)
            # No toy as high: the ratio is not known, and is left out.
            some = above.observed > 0
            ratio = crossings.p(z) / above.observed if some else np.nan
            relative = above.error / above.observed if some and above.error else np.nan
            ends = (0.8, 1.2) if z == _SINGLE else (None, None)
            yield here.number(what, ratio, ratio * relative, *ends, n=above.toys)
        yield here.number("upcrossings of 1", crossings.mean, crossings.error)
        if results.campaigns.several:
            own = [
                expected.crossings.mean
                for (campaign, functions), expected in results.expected.items()
                if campaign == name and functions
            ]
            yield here.number("of the toys' own", float(np.mean(own)))
            yield here.number("spread of these", float(np.std(own)))


def _injections(name: str, found: SignalToys, results: ToyResults) -> Iterator[Check]:
    """Yield what each point shows; if few, all masses at a strength, and all strengths at a mass.

    What is judged are those together then, and no point where the width is the simulated one.
    """
    injection, together = results.campaigns.injection[name], results.campaigns.several
    points = injection.points

    def shown(place: str, own: Sequence[InjectionPoint]) -> Iterator[Check]:
        toys = found.at([points.index(point) for point in own])
        return _injected(Place("injection", f"{name}: {place}", digits=EXACT), own, toys)

    for point in points:
        each = shown(f"{point.mass_GeV:g} GeV, {point.sigma:g} sigma", [point])
        yield from each if injection.drawn_width and not together else map(unjudged, each)
    if not together:
        return
    for sigma in dict.fromkeys(point.sigma for point in points):
        own = [point for point in points if point.sigma == sigma]
        yield from shown(f"all masses, {sigma:g} sigma", own)
    for mass in dict.fromkeys(point.mass_GeV for point in points):
        own = [point for point in points if point.mass_GeV == mass]
        yield from shown(f"{mass:g} GeV, all strengths", own)


def _injected(here: Place, of: Sequence[InjectionPoint], toys: SignalToys) -> Iterator[Check]:
    """Yield what toys show that have one of some points each; of the mass, if they measure it."""
    size = len(toys.pull)
    pull, root = moments_of(toys.pull, ddof=0, digits=EXACT), float(np.sqrt(size))
    yield here.number("mean pull", pull.mean, pull.mean_error, -0.1, 0.1, n=size)
    yield here.number("width of pulls", pull.width, pull.width_error, 0.9, 1.1, n=size)
    yield here.rate("68 % coverage", np.abs(toys.pull) <= 1, 0.64, 0.72)
    arrived = toys.plain_pull[toys.converged & (np.abs(toys.plain_pull) < _MAX_PULL)]
    error = float(arrived.std()) / root
    yield here.number("mean (S - S0)/error", arrived.mean(), error, n=size)
    # A limit may cover too often, but not less than three standard deviations of so many toys.
    covered = 1 - LEVEL - _SINGLE * float(np.sqrt(LEVEL * (1 - LEVEL) / size))
    yield here.rate("limit covers", toys.cls >= LEVEL, covered)
    yield here.rate("fits converged", toys.converged)
    weakest = min(point.sigma for point in of)
    if weakest < MEASURED_SIGMA:
        return
    # At three expected errors a fluctuation elsewhere may be the largest: it covers less often.
    high = weakest > MEASURED_SIGMA
    low, most = (0.64, 0.72) if high else (0.58, None)
    yield here.rate("mass covered", np.abs(toys.mass_pull) <= 1, low, most)
    # A few toys run away: the middle half gives their spread.
    quarter, middle, three = np.quantile(toys.found_pull, [0.25, 0.5, 0.75])
    # The median of normal numbers has sqrt(pi/2) of the uncertainty that their mean has.
    error = float(np.sqrt(np.pi / 2)) * _IQR * float(three - quarter) / root
    ends = (-0.2, 0.2) if high else (None, None)
    yield here.number("median pull at the fitted mass", middle, error, *ends, n=size)


def _outside(name: str, toys: BackgroundToys, results: ToyResults) -> Iterator[Check]:
    needed, log_errors = [], []
    for functions, rows in toys.choices().items():
        expected, own = results.expectation(name, functions), int(rows.sum())
        needed.append(np.where(rows, expected.crossings.local_z(_SINGLE), 0.0))
        # Mean logarithms: a factor is worth as much at high masses, where errors are small.
        log_errors += [float(np.log(expected.errors).mean())] * own
    here = Place("outside", name, results.campaigns.windows, EXACT)
    yield here.rate("P(global Z > 3)", toys.largest_z >= np.sum(needed, axis=0), None, 0.01)
    yield here.rate("P(local Z > 3 anywhere)", toys.largest_z > _SINGLE, None, 0.05)
    yield _passing(here, toys)
    setting = results.campaigns.outside[name]
    for order in ORDERS:
        errors = ideal(setting, order).scan(setting.masses_GeV).signal_error_events
        price = np.exp(np.mean(log_errors) - np.log(errors).mean())
        yield here.number(f"error of S / window exp {order}", price)


def _optimum(results: ToyResults) -> Iterator[Check]:
    for name, (setting, events) in results.campaigns.optima.items():
        ideals = [Sensitivity.of(ideal(setting, order), events) for order in ORDERS]
        window, free = setting.chosen(("window",)), setting.chosen()
        # One of the parameters is the normalisation: `exp k` has k + 1.
        parameters = len(window[0][0].function.parameters)
        judged = min(max(parameters - 1, ORDERS[0]), ORDERS[-1])
        for chosen in (window, free) if free[0] != window[0] else (window,):
            ours, title = Sensitivity.of(setting.fixed(*chosen), events), title_of(chosen[0])
            for index, mass in enumerate(MASSES_GeV):
                here = Place("optimum", f"{name} ({title}), {mass:g} GeV")
                for order, best in zip(ORDERS, ideals, strict=True):
                    low, high = _OPTIMAL if chosen is window and order == judged else (None, None)
                    z, limit = ours.z[index] / best.z[index], ours.limit[index] / best.limit[index]
                    yield here.number(f"Z / order {order}", z, low=low)
                    yield here.number(f"limit / order {order}", limit, high=high)


def _gained(results: ToyResults) -> Iterator[Check]:
    pairs = results.campaigns.pairs.items()
    for name, gain in ((name, gain) for name, pair in pairs for gain in gains(pair)):
        for index, mass in enumerate(MASSES_GeV):
            here = Place("gain", f"{name} ({gain.functions}), {mass:g} GeV")
            wanted = gain.wanted(mass)
            yield here.number("limit, cuts / categories", gain.limits[index], low=wanted)
            yield here.number("Z of 5.4 pb, categories", gain.z[index])
            yield here.number("Z, cuts", gain.z_of_cuts[index])
