"""Limits against mass: processes, low counts and toys, and masses without a limit."""

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.stats import norm, poisson

from analysis.results.codec import to_json
from analysis.results.limits import MassLimits
from analysis.statistics.limits import band as band_module
from analysis.statistics.limits.asymptotic import NoLimitError
from analysis.statistics.limits.band import MassLimit, MassPoint, mass_limit
from analysis.statistics.limits.template_fit import TemplateFit
from analysis.statistics.limits.toy_limits import crossing, toy_limits
from analysis.statistics.limits.workspaces import ChannelTemplates, eigenmodes
from analysis.statistics.limits_results import mass_limits
from analysis.statistics.resonance.work import Work
from analysis.statistics.verdict import Terms

EDGES = np.arange(400.0, 1101, 20)


def category(
    mass: float, events: float, *, name: str = "all", tau: float = 120, seed: int | None = None
) -> ChannelTemplates:
    background = np.exp(-EDGES[:-1] / tau) - np.exp(-EDGES[1:] / tau)
    background *= events / background.sum()
    slopes = background[:, None] * ((EDGES[1:] + EDGES[:-1]) / 2 / 350)[:, None] ** np.arange(2)
    covariance = np.linalg.inv(slopes.T @ (slopes / background[:, None]))
    observed = None
    if seed is not None:
        observed = np.random.default_rng(seed).poisson(background).astype(float)
    modes = eigenmodes(background, slopes, covariance)
    signal = 50 * np.diff(norm.cdf(EDGES, mass, 30))
    return ChannelTemplates(name, background, modes, signal, observed=observed)


def one_bin(background: float, observed: float | None = None) -> MassPoint:
    events = None if observed is None else np.array([observed])
    modes = np.zeros((0, 1))
    channel = ChannelTemplates("one", np.array([background]), modes, np.ones(1), observed=events)
    return MassPoint(750.0, (channel,))


def exact_limit(observed: int, background: float) -> float:
    """CLs of one Poisson count with a known background."""

    def away(signal: float) -> float:
        tails = poisson.cdf(observed, background + signal) / poisson.cdf(observed, background)
        return float(tails) - 0.05

    return float(brentq(away, 0.1, 50))


def points(seed: int | None) -> list[MassPoint]:
    return [
        MassPoint(mass, (category(mass, 3000, seed=seed), category(mass, 200, name="b", seed=seed)))
        for mass in (500.0, 750.0, 1000.0)
    ]


def band(points: Sequence[MassPoint], *, reason: str | None = None, **work: Any) -> MassLimits:
    """Return the limits at some masses, a mass at a time if need be."""
    terms = Terms("events", per_event=np.ones_like, reason=reason)
    return mass_limits(points, 0.95, terms, Work(**work))


def test_the_band_is_the_same_in_any_number_of_processes() -> None:
    told: list[list[float]] = []
    alone = band(points(3), on_limit=lambda limits: told.append(limits.mass_GeV.tolist()))
    shared = band(points(3), workers=2)
    assert told == [[500], [500, 750], [500, 750, 1000]]
    assert alone.mass_GeV.tolist() == [500, 750, 1000]
    assert to_json(shared) == to_json(alone)


def test_expected_limits_do_not_know_the_data() -> None:
    blind, opened = band(points(None), reason="blind"), band(points(3))
    assert blind.observed is None
    assert opened.observed is not None
    assert np.all(opened.observed > 0)
    assert [*map(list, blind.expected.values())] == [*map(list, opened.expected.values())]


def test_limits_without_excess_lie_in_the_band() -> None:
    """Each is above or below the whole band of +-2 sigma in 5 % of data; the seed is fixed."""
    limits = band(points(3))
    expected = np.array([*limits.expected.values()])
    assert limits.observed is not None
    assert np.all(np.diff(expected, axis=0) > 0)
    assert np.all((expected[0] < limits.observed) & (limits.observed < expected[4]))


def test_categories_together_are_better_than_the_best() -> None:
    for point in points(None):
        both = mass_limit(point).expected[2]
        each = [mass_limit(MassPoint(point.mass_GeV, (own,))).expected[2] for own in point.channels]
        assert both is not None
        assert None not in each
        assert both < min(limit for limit in each if limit is not None)


def test_low_counts_are_marked() -> None:
    limits = band([MassPoint(mass, (category(mass, 3000),)) for mass in (500.0, 1000.0)])
    assert limits.low_counts == (False, True)
    first, second = limits.background_events_under_peak
    assert first > 20 > second


def test_no_masses_no_limits() -> None:
    assert len(band([], workers=2).mass_GeV) == 0


@pytest.mark.parametrize(("background", "count"), [(1.0, 0), (1.0, 1), (5.0, 5), (3.0, 9)])
def test_toys_reproduce_the_exact_cls_of_one_count(background: float, count: int) -> None:
    """4,000 toys: 2 % at one standard deviation where the tail is not a single count."""
    limit = mass_limit(one_bin(background, count), toys=4000, seed=1)
    assert limit.method == "toys"
    assert limit.observed == pytest.approx(exact_limit(count, background), rel=0.06)


def test_toys_reproduce_the_exact_band_of_one_count() -> None:
    """At b = 1 the asymptotic median is 17 % too low; no limit is below -ln(0.05) events."""
    asymptotic = mass_limit(one_bin(1.0)).expected
    toys = mass_limit(one_bin(1.0), toys=4000, seed=1).expected
    assert asymptotic[2] == pytest.approx(3.40, abs=0.01)
    exact = [exact_limit(int(poisson.ppf(norm.cdf(n), 1.0)), 1.0) for n in (-2, -1, 0, 1, 2)]
    assert exact[0] == pytest.approx(-math.log(0.05))
    np.testing.assert_allclose(np.array(toys, dtype=float), exact, rtol=0.06)


def test_toys_with_a_fitted_background() -> None:
    """They agree with the formulae where counts are high."""
    channel = category(750, 3000, seed=5)
    templates = TemplateFit.of([channel])
    asymptotic = [limit or 0.0 for limit in mass_limit(MassPoint(750, (channel,))).expected]
    found = toy_limits(
        templates,
        None,
        around=asymptotic,
        confidence_level=0.95,
        toys=1000,
        rng=np.random.default_rng(2),
    )
    # 118 events under the peak; the toys' errors are 1 to 5 %.
    np.testing.assert_allclose(np.array(found, dtype=float), asymptotic, rtol=0.15)
    assert found[2] == pytest.approx(asymptotic[2], rel=0.08)


def test_toys_are_seeded_and_used_only_for_low_counts() -> None:
    few = [
        MassPoint(mass, (category(mass, events, tau=80, seed=1),))
        for mass, events in ((700.0, 20_000.0), (1000.0, 300.0))
    ]
    first, again = (band(few, limit_toys=100, seed=4, workers=workers) for workers in (1, 2))
    assert first.methods == ("asymptotic", "toys")
    assert to_json(again) == to_json(first)
    other = mass_limit(few[1], toys=100, seed=5)
    assert other.expected != tuple(each[1] for each in first.expected.values())
    assert first.observed is not None
    assert np.isfinite(first.observed[1])


def test_toys_that_do_not_tell_say_so() -> None:
    limit = mass_limit(one_bin(5.0, 5.0), toys=3, seed=1)
    assert limit.observed is None
    assert None in limit.expected
    assert [warning.split(" at ")[0] for warning in limit.warnings] == [
        "no expected limit", "no observed limit",
    ]  # fmt: skip
    assert all(warning.endswith("more toys may do") for warning in limit.warnings)
    assert crossing(np.array([1.0, 2, 3]), np.array([0.04, 0.03, 0.02]), 0.05) is None
    assert crossing(np.array([1.0, 2, 3]), np.array([1.0, 0.9, 0.0]), 0.05) is None


def test_a_mass_without_a_limit_does_not_stop_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the fit by hand fails pyhf's minimisers are asked; where all fail, it is said."""

    def fails(*_args: object) -> object:
        def fit(*_more: object) -> object:
            raise NoLimitError("the fit of the templates does not converge")

        return fit

    point = MassPoint(750.0, (category(750, 3000, seed=3),))
    by_hand = mass_limit(point)
    monkeypatch.setattr(band_module, "template_fitter", fails)
    by_pyhf = mass_limit(point)
    np.testing.assert_allclose(
        np.array([by_pyhf.observed, *by_pyhf.expected], dtype=float),
        np.array([by_hand.observed, *by_hand.expected], dtype=float),
        rtol=2e-3,
    )
    monkeypatch.setattr(band_module, "pyhf_fitter", fails)
    nothing = mass_limit(point)
    assert (nothing.observed, nothing.expected) == (None, (None,) * 5)
    assert nothing.warnings == (
        "no expected limit at 750 GeV: the fit of the templates does not converge",
        "no observed limit at 750 GeV: the fit of the templates does not converge",
    )


@pytest.mark.parametrize(
    "counts",
    [np.zeros(35), np.full(35, 1e3), np.eye(35)[20] * 400],
    ids=["empty", "another shape", "one bin"],
)
def test_strange_data_have_a_limit(counts: np.ndarray) -> None:
    channel = dataclasses.replace(category(750, 3000), observed=counts)
    limit = mass_limit(MassPoint(750.0, (channel,)))
    assert isinstance(limit, MassLimit)
    assert limit.observed is not None
    assert 0 < limit.observed < 1e3
    assert limit.warnings == ()
