"""What was observed, with its error, and what was wanted.

The wanted ranges are the acceptance of this project, set before the program was written. A row
whose `low` and `high` are both None is told, not judged.
"""

from collections.abc import Iterator, Sequence
from functools import reduce
from operator import add

import numpy as np

from analysis.results.checks import Check
from analysis.statistics.background.entries import Flags
from analysis.statistics.spectra.bins import FloatArray
from analysis.validation.background_toys import Empty, FIXED_GeV
from analysis.validation.fixed_model import Held
from analysis.validation.gain import LEAST, Gain, JUDGED_GeV
from analysis.validation.sensitivity import ORDERS, MASSES_GeV, Reach
from analysis.validation.signal_toys import MEASURED_SIGMA, Injected, Point
from analysis.validation.toy_campaigns import Results

_LEVEL = 0.05
_SINGLE = 3.0
_NO_ERROR = 10.0
"""(S - S0)/error beyond it has none"""


def checks(results: Results) -> Iterator[Check]:
    """Yield everything."""
    for kind, name, toys in results.empties():
        if kind == "empty":
            yield from _local(name, toys, results.campaigns.windows)
            yield from _whole(name, toys, results)
    yield from _formula(results)
    for name, (_, wanted, width) in results.campaigns.injection.items():
        found, together = results.toys["injection", name], results.campaigns.together
        for point, toys in zip(wanted, found, strict=True):
            place = f"{name}: {point.mass_GeV:g} GeV, {point.sigma:g} sigma"
            yield from _injected(place, [point], toys, judged=width.drawn and not together)
        if together:
            yield from _together(name, wanted, found)
    for kind, name, toys in results.empties():
        if kind == "outside":
            yield from _outside(name, toys, results)
    yield from _optimum(results)
    for name, found in results.gains.items():
        for gain in found:
            yield from _gained(name, gain)
    yield from _speed(results)


def _part(where: Flags, together: int = 1) -> tuple[float, float, int]:
    """Return a fraction of toys, its error and the toys; an error of one toy if there is none.

    Of toys that share their sidebands with `together` - 1 others the error is that of the spread
    between those that do not, unless the plain one is larger.
    """
    toys = len(where)
    part = float(np.mean(where))
    least = np.clip(part, 1 / toys, 1 - 1 / toys) if toys > 1 else 0.5
    error = float(np.sqrt(least * (1 - least) / toys))
    apart = where.reshape(-1, together).mean(axis=1)
    return part, max(error, float(apart.std() / np.sqrt(len(apart)))), toys


def _local(name: str, toys: Empty, together: int) -> Iterator[Check]:
    for mass, z in zip(FIXED_GeV, toys.fixed_z.T, strict=True):
        for level, low, high in ((2, 0.010, 0.033), (3, None, 0.003)):
            part, error, size = _part(z > level, together)
            yield Check(
                "local", f"{name}, {mass:g} GeV", f"P(Z > {level})", part, error, low, high, size
            )
        spread = float(z.std())
        yield Check("local", f"{name}, {mass:g} GeV", "mean Z", float(z.mean()), None)
        yield Check("local", f"{name}, {mass:g} GeV", "width of Z", spread, None)


def global_p(name: str, toys: Empty, results: Results) -> FloatArray:
    """Return the p-values of the toys that were scanned."""
    scanned = np.flatnonzero(np.isfinite(toys.largest_z))
    crossings = [results.expectation(name, held).crossings for held in toys.held]
    return np.array([crossings[int(toys.choice[t])].p(toys.largest_z[t]) for t in scanned])


def _whole(name: str, toys: Empty, results: Results) -> Iterator[Check]:
    p, together = global_p(name, toys, results), results.campaigns.windows
    for level, low, high in ((0.05, 0.03, 0.07), (0.01, None, 0.02)):
        part, error, size = _part(p < level, together)
        yield Check("global", name, f"P(global p < {level:g})", part, error, low, high, size)
    part, error, size = _part(toys.largest_z[np.isfinite(toys.largest_z)] > _SINGLE, together)
    yield Check("global", name, "P(local Z > 3 anywhere)", part, error, None, None, size)
    yield Check("global", name, "functions that pass", *_part(toys.passes, together)[:2])


def _formula(results: Results) -> Iterator[Check]:
    for name, (_, held, _) in results.campaigns.frozen.items():
        crossings = results.expected[results.on_truth[name]].crossings
        largest = results.toys["frozen", name]
        for z in (2.5, 3.0, 3.5):
            part, error, size = _part(largest > z)
            formula = crossings.p(z)
            ratio = formula / part if part > 0 else float("nan")
            low, high = (0.8, 1.2) if z == _SINGLE else (None, None)
            setting = f"{name} ({held.name})"
            relative = error / part if part > 0 else float("nan")
            yield Check(
                "formula", setting, f"p by formula / toys, Z = {z:g}", ratio, ratio * relative,
                low, high, size,
            )  # fmt: skip
        yield Check("formula", setting, "upcrossings of 1", crossings.mean, crossings.error)
        if len(held.channels) > 1:
            own = [e.crossings.mean for c, e in results.expected.items() if c.name == name]
            spread = float(np.std(own))
            yield Check("formula", setting, "of the toys' own", float(np.mean(own)), None)
            yield Check("formula", setting, "spread of these", spread, None)


def _together(name: str, wanted: Sequence[Point], found: Sequence[Injected]) -> Iterator[Check]:
    """Yield what all masses show at each strength, and all strengths at each mass."""
    for what, places in (
        ("sigma", {f"all masses, {p.sigma:g} sigma": p.sigma for p in wanted}),
        ("mass_GeV", {f"{p.mass_GeV:g} GeV, all strengths": p.mass_GeV for p in wanted}),
    ):
        for place, value in places.items():
            own = [i for i, point in enumerate(wanted) if getattr(point, what) == value]
            toys = reduce(add, [found[i] for i in own])
            yield from _injected(f"{name}: {place}", [wanted[i] for i in own], toys, judged=True)


def _injected(
    setting: str, of: Sequence[Point], toys: Injected, *, judged: bool
) -> Iterator[Check]:
    """Yield what toys show that have one of some points each; of the mass, if they measure it."""
    size = len(toys.root)
    root = float(np.sqrt(size))

    def made(what: str, value: float, error: float, low: float | None, high: float | None) -> Check:
        ends = (low, high) if judged else (None, None)
        return Check("injection", setting, what, value, error, *ends, size)

    spread = float(toys.root.std())
    yield made("mean pull", float(toys.root.mean()), spread / root, -0.1, 0.1)
    yield made("width of pulls", spread, spread / root / np.sqrt(2), 0.9, 1.1)
    part, error, _ = _part(np.abs(toys.root) <= 1)
    yield made("68 % coverage", part, error, 0.64, 0.72)
    # Where a deficit in few events ends at an expectation of zero there is no error to divide by.
    arrived = toys.pull[toys.converged & (np.abs(toys.pull) < _NO_ERROR)]
    yield made(
        "mean (S - S0)/error", float(arrived.mean()), float(arrived.std()) / root, None, None
    )
    covered = 1 - _LEVEL - _SINGLE * float(np.sqrt(_LEVEL * (1 - _LEVEL) / size))
    yield made("limit covers", *_part(toys.cls >= _LEVEL)[:2], covered, None)
    yield made("fits converged", *_part(toys.converged)[:2], None, None)
    if min(point.sigma for point in of) < MEASURED_SIGMA:
        return
    high = min(point.sigma for point in of) > MEASURED_SIGMA
    ends = (0.64, 0.72) if high else (0.58, None)
    yield made("mass covered", *_part(toys.mass_rise <= 1)[:2], *ends)
    middle = float(np.median(toys.found_pull))
    # A few toys run away: their spread is told by that of the middle half (0.7413 x its width).
    quarter, three = np.quantile(toys.found_pull, [0.25, 0.75])
    median_error = float(np.sqrt(np.pi / 2)) * 0.7413 * float(three - quarter) / root
    yield made(
        "median pull at the fitted mass", middle, median_error,
        *((-0.2, 0.2) if high else (None, None)),
    )  # fmt: skip


def _outside(name: str, toys: Empty, results: Results) -> Iterator[Check]:
    local, together = toys.largest_z, results.campaigns.windows
    levels = [results.expectation(name, held).crossings.local_z(_SINGLE) for held in toys.held]
    needed = np.array(levels)[toys.choice]
    part, error, size = _part(local >= needed, together)
    yield Check("outside", name, "P(global Z > 3)", part, error, None, 0.01, size)
    part, error, size = _part(local > _SINGLE, together)
    yield Check("outside", name, "P(local Z > 3 anywhere)", part, error, None, 0.05, size)
    yield Check("outside", name, "functions that pass", *_part(toys.passes, together)[:2])
    errors = np.array([results.expectation(name, held).errors for held in toys.held])
    ours = np.log(errors).mean(axis=1)[toys.choice].mean()
    for order, ideal in zip(ORDERS, results.ideal_errors[name], strict=True):
        price = float(np.exp(ours - np.log(ideal).mean()))
        yield Check("outside", name, f"error of S / window exp {order}", price, None)


def _optimum(results: Results) -> Iterator[Check]:
    for name, found in results.optima.items():
        parameters = found.held.channels[0].function.parameters
        order = min(max(len(parameters) - 1, ORDERS[0]), ORDERS[-1])
        yield from _reached(name, found.held, found.ours, found.ideal, order)
        if found.free_held != found.held:
            yield from _reached(name, found.free_held, found.free, found.ideal, None)


def _reached(
    name: str, held: Held, ours: Reach, ideals: Sequence[Reach], judged: int | None
) -> Iterator[Check]:
    for index, mass in enumerate(MASSES_GeV):
        setting = f"{name} ({held.name}), {mass:g} GeV"
        for order, ideal in zip(ORDERS, ideals, strict=True):
            low, high = (0.97, 1.03) if order == judged else (None, None)
            z = float(ours.z[index] / ideal.z[index])
            limit = float(ours.limit[index] / ideal.limit[index])
            yield Check("optimum", setting, f"Z / order {order}", z, None, low)
            yield Check("optimum", setting, f"limit / order {order}", limit, None, None, high)


def _gained(name: str, gain: Gain) -> Iterator[Check]:
    for index, mass in enumerate(MASSES_GeV):
        setting = f"{name} ({gain.functions}), {mass:g} GeV"
        least = LEAST if gain.judged and mass in JUDGED_GeV else None
        yield Check(
            "gain", setting, "limit, cuts / categories", float(gain.limits[index]), None, least
        )
        yield Check("gain", setting, "Z of 5.4 pb, categories", float(gain.z[index]), None)
        yield Check("gain", setting, "Z, cuts", float(gain.z_of_cuts[index]), None)


def _speed(results: Results) -> Iterator[Check]:
    most = {"scan of 101 masses": 10.0, f"{results.campaigns.size.timed:,} global toys": 120.0}
    for what, seconds in results.seconds.items():
        yield Check("speed", what, "seconds", seconds, None, None, most.get(what))
