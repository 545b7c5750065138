"""Significance and limit of a count, against independent computations of the same likelihood."""

import json
import math

import numpy as np
import pyhf
import pytest
from scipy.optimize import brentq, minimize_scalar
from scipy.stats import norm

from analysis.results.counting import ClsCurve, CountingLimit
from analysis.statistics.counting.count import Count, counting_z
from analysis.statistics.limits.asymptotic import numpy_backend
from analysis.statistics.limits.counting_limit import WindowModel
from tools.errors import InputError

CASES = [(3200, 3175, 160), (2900, 3175, 160), (40, 50, 10), (75, 50, 10), (3, 5, 2), (0, 5, 2)]


class OneBin:
    """The on-off likelihood with its nuisance maximised in closed form, and CLs by the formulae.

    b' is the positive root of (1+tau) b'^2 + ((1+tau) S - n - tau b) b' - tau b S = 0; q~ and its
    asymptotic distributions are those of arXiv:1007.1727, sections 3.6 and 3.7.
    """

    def __init__(self, observed: float, predicted: float, error: float) -> None:
        self.n, self.b, self.tau = observed, predicted, predicted / error**2

    def nll(self, signal: float, background: float | None = None) -> float:
        linear = (1 + self.tau) * signal - self.n - self.tau * self.b
        root = math.sqrt(linear**2 + 4 * (1 + self.tau) * self.tau * self.b * signal)
        best = (root - linear) / (2 * (1 + self.tau)) if background is None else background
        value = signal + best + self.tau * best - self.tau * self.b * math.log(best)
        return value - (self.n * math.log(signal + best) if self.n else 0)

    def q(self, signal: float) -> float:
        best = self.n - self.b
        if best >= signal:
            return 0.0
        free = self.nll(0.0) if best < 0 else self.nll(best, self.b)
        return max(2 * (self.nll(signal) - free), 0.0)

    def cls(self, signal: float) -> float:
        linear = -self.n - self.tau * self.b
        conditional = -linear / (1 + self.tau)
        asimov = OneBin(conditional, conditional, math.sqrt(conditional / self.tau))
        root, root_a = math.sqrt(self.q(signal)), math.sqrt(asimov.q(signal))
        if root <= root_a:
            upper, lower = norm.sf(root), norm.sf(root - root_a)
        else:
            upper = norm.sf((root**2 + root_a**2) / (2 * root_a))
            lower = norm.sf((root**2 - root_a**2) / (2 * root_a))
        return float(upper / lower)

    def limit(self, level: float = 0.05) -> float:
        spread = math.sqrt(self.b + self.b / self.tau)
        top = max(self.n - self.b, 0) + 20 * spread + 20
        return float(brentq(lambda signal: self.cls(signal) - level, 0.02 * spread, top))


@pytest.mark.parametrize(("observed", "predicted", "error"), CASES)
def test_z_is_the_profile_likelihood_ratio(observed: int, predicted: int, error: int) -> None:
    one = OneBin(observed, predicted, error)
    best = minimize_scalar(
        lambda background: one.nll(0.0, background),
        bounds=(predicted - 8 * error if predicted > 8 * error else 1e-3, predicted + 8 * error),
        method="bounded",
        options={"xatol": 1e-9},
    )
    free = one.nll(observed - predicted, predicted) if observed else None
    if free is None:
        # At n = 0 the count wants S = -b: L of the sideband alone.
        free = one.tau * predicted - one.tau * predicted * math.log(predicted)
    numeric = math.copysign(math.sqrt(2 * (best.fun - free)), observed - predicted)
    assert counting_z(observed, predicted, error) == pytest.approx(numeric, abs=1e-6)


def test_z_is_continuous_where_the_error_vanishes() -> None:
    assert counting_z(150, 100, 1e-4) == pytest.approx(counting_z(150, 100, 0), rel=1e-6)
    assert counting_z(150, 100, 0) == pytest.approx(math.sqrt(2 * (150 * math.log(1.5) - 50)))
    assert counting_z(100, 100, 10) == 0


@pytest.mark.parametrize(
    "numbers", [(-1, 5, 1), (5, 0, 1), (5, 5, -1), (math.nan, 5, 1), (5, math.inf, 1)]
)
def test_senseless_counts_are_refused(numbers: tuple[float, float, float]) -> None:
    with pytest.raises(InputError, match=r"no significance for n = .* must be finite"):
        counting_z(*numbers)


def test_weighted_counts_have_the_significance_of_their_entries() -> None:
    entries, weight = Count(250, 220, 30), 13.5
    weighted = Count(250 * weight, 220 * weight, 30 * weight, weight)
    assert weighted.z == pytest.approx(entries.z)
    assert weighted.z_course == pytest.approx(entries.z_course) == pytest.approx(1.0)
    assert Count(5, 5, 0).z_course is None


@pytest.mark.parametrize(("observed", "predicted", "error"), CASES[1:5])
def test_pyhfs_limit_is_the_profile_likelihoods(observed: int, predicted: int, error: int) -> None:
    found = WindowModel(predicted, error, observed, events_per_pb=10).limit()
    exact = OneBin(observed, predicted, error).limit()
    assert found.observed_pb is not None
    assert found.observed_pb * 10 == pytest.approx(exact, rel=0.002)
    blind = OneBin(predicted, predicted, error)
    band = [limit for limit in found.expected_pb.values() if limit is not None]
    assert len(band) == 5
    assert band[2] * 10 == pytest.approx(blind.limit(), rel=0.002)
    assert sorted(band) == band


def curve_of(limit: CountingLimit) -> ClsCurve:
    assert limit.curve is not None
    return limit.curve


def test_the_expected_band_does_not_see_the_count() -> None:
    """A fit to an observed excess would bend it."""
    quiet = WindowModel(3175, 160, None, events_per_pb=93).limit(reason="blind")
    loud = WindowModel(3175, 160, 4200, events_per_pb=93).limit()
    assert quiet.observed_pb is None
    assert curve_of(quiet).observed_cls is None
    assert (quiet.reason, loud.reason) == ("blind", None)
    assert loud.expected_pb == pytest.approx(quiet.expected_pb, rel=1e-4)
    highest = loud.expected_pb["2"]
    assert loud.observed_pb is not None
    assert highest is not None
    assert loud.observed_pb > highest


def test_the_curve_crosses_the_level_at_the_limit() -> None:
    model = WindowModel(50, 10, 55, events_per_pb=10)
    found = model.limit()
    curve, highest = curve_of(found), found.expected_pb["2"]
    assert curve.observed_cls is not None
    assert found.observed_pb is not None
    assert highest is not None
    above = curve.cross_section_pb > found.observed_pb
    assert np.array_equal(curve.observed_cls < 0.05, above)
    assert np.all(np.diff([*curve.expected_cls.values()], axis=0) > 0)
    assert curve.cross_section_pb[-1] > highest
    assert model.warnings(found) == ()


def test_the_curve_is_smooth_behind_an_excess() -> None:
    """CLs falls from 0.5 to nothing: no step of the curve is a large part of it."""
    curve = curve_of(WindowModel(200, 5, 260, events_per_pb=15).limit())
    assert curve.observed_cls is not None
    assert np.all(np.diff(curve.cross_section_pb) > 0)
    assert np.all(np.diff(curve.observed_cls) < 0)
    assert np.max(-np.diff(curve.observed_cls)) < 0.2  # between steps of 1.25 alone: 0.31


def test_few_events_come_with_a_warning() -> None:
    model = WindowModel(5, 2, None, events_per_pb=3)
    assert model.warnings(model.limit()) == (
        "with 5 expected events asymptotic limits are several percent too strong",
    )


def test_a_limit_from_fifty_million_events() -> None:
    """Where scipy's optimiser does not move and says that it succeeded."""
    found = WindowModel(5e7, 2e5, 5e7, events_per_pb=9e4).limit()
    assert found.observed_pb is not None
    assert found.observed_pb * 9e4 == pytest.approx(OneBin(5e7, 5e7, 2e5).limit(), rel=0.01)


def test_a_limit_that_is_not_there_is_none_and_said_to_be() -> None:
    """A background known to a part in 1e20 defeats every optimiser."""
    model = WindowModel(1e-20, 1e-10, 3, events_per_pb=10)
    found = model.limit()
    assert found.observed_pb is None
    assert found.reason == "pyhf finds no limit from this count"
    assert [*found.expected_pb.values()] == [None] * 5
    assert model.warnings(found)[-1].startswith("pyhf finds no limit from this count: ")


def test_a_huge_excess_has_a_limit_too() -> None:
    found = WindowModel(2900, 124, 6_000, events_per_pb=93).limit()
    assert found.observed_pb is not None
    assert found.observed_pb * 93 == pytest.approx(OneBin(6_000, 2900, 124).limit(), rel=0.002)


@pytest.mark.parametrize("numbers", [(0, 1, 1), (50, 0, 1), (50, 10, 0)])
def test_a_limit_needs_background_error_and_signal(numbers: tuple[float, float, float]) -> None:
    with pytest.raises(InputError, match="all three must be positive"):
        WindowModel(numbers[0], numbers[1], 5, events_per_pb=numbers[2])


@pytest.mark.filterwarnings("ignore:jsonschema.RefResolver is deprecated")
def test_the_workspace_reproduces_the_limit() -> None:
    """As another program would do it: from JSON, by pyhf alone."""
    count = WindowModel(3175, 160, 3400, events_per_pb=93)
    workspace = pyhf.Workspace(json.loads(json.dumps(count.workspace())))
    model = workspace.model()
    with numpy_backend():
        mu = pyhf.infer.intervals.upper_limits.upper_limit(workspace.data(model), model)[0]
    assert float(mu) * count.scale_pb == pytest.approx(count.limit().observed_pb, rel=1e-3)


def test_pyhfs_backend_is_restored_also_after_an_error() -> None:
    optimiser = pyhf.optimize.scipy_optimizer(maxiter=77)
    pyhf.set_backend("numpy", optimiser)
    try:
        with pytest.raises(ZeroDivisionError), numpy_backend():
            assert pyhf.get_backend()[1] is not optimiser
            _ = 1 / 0
        assert pyhf.get_backend()[1] is optimiser
    finally:
        pyhf.set_backend("numpy", pyhf.optimize.scipy_optimizer())
