"""Limits and significances by pyhf's likelihood, against others: published numbers, exact profiles.

`ExactProfile` shares nothing with the code under test: it is the likelihood of exp(polynomial) plus
a Gaussian with integrals by quadrature, minimised by scipy.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pyhf
import pytest
from scipy.optimize import brentq, minimize
from scipy.stats import norm

from analysis.statistics.limits.asymptotic import (
    DataProfile,
    NoLimitError,
    asimov,
    check_same,
    cls_values,
    expected_limits,
    log_cls,
    model_of,
    nominal_asimov,
    numpy_backend,
    observed_limit,
    pyhf_fitter,
    template_fitter,
)
from analysis.statistics.limits.band import MassPoint, mass_limit
from analysis.statistics.limits.template_fit import TemplateFit
from analysis.statistics.limits.workspaces import ChannelTemplates, eigenmodes, workspace

SIGNAL = {50_500: 1192, 11_220: 953}
"""signal events at 5.4 pb, by background events in [400, 1100] GeV: before and after selection"""
EXPECTED_pb = {
    50_500: {
        1: [1.58, 0.94, 0.51, 0.26, 0.17],
        2: [1.67, 1.08, 0.51, 0.28, 0.20],
        3: [2.06, 1.09, 0.57, 0.28, 0.22],
    },
    11_220: {
        1: [0.94, 0.56, 0.30, 0.16, 0.10],
        2: [0.99, 0.64, 0.30, 0.17, 0.12],
        3: [1.21, 0.64, 0.34, 0.17, 0.13],
    },
}
"""median expected limits at `MASSES`, by background and order, from an exact profile likelihood"""
MASSES = [500, 600, 750, 900, 1000]


def models(signal: list[float], samples: list[dict[str, Any]], **more: Any) -> pyhf.Model:
    """Return pyhf's model of one channel."""
    mu = {"name": "mu", "type": "normfactor", "data": None}
    first = {"name": "signal", "data": signal, "modifiers": [mu]}
    channel = {"name": "singlechannel", "samples": [first, *samples]}
    return pyhf.Model({"channels": [channel]}, poi_name="mu", **more)


def background(events: list[float], kind: str, data: Any) -> dict[str, Any]:
    modifier = {"name": "uncertainty", "type": kind, "data": data}
    return {"name": "background", "data": events, "modifiers": [modifier]}


PUBLISHED = {
    # README of pyhf: the two-bin "hello world", and the output of `pyhf cls` printed there.
    "readme": (
        models([12.0, 11.0], [background([50.0, 52.0], "shapesys", [3.0, 7.0])]),
        [51.0, 48.0],
        0.05251497423736956,
        [0.0026062609501074576, 0.01382005356161206, 0.06445320535890459, 0.23525643861460702,
         0.573036205919389],
    ),
    # tests/test_validation.py of pyhf, computed there with ROOT's HistFactory; its interpolations
    # are code0 and code1.
    "shapesys": (
        models([10.0], [background([50.0], "shapesys", [7.0])]),
        [55.0],
        0.4541865416107029,
        [0.06371799398864626, 0.15096503398048894, 0.3279606950533305, 0.6046087303039118,
         0.8662627605298466],
    ),
    "normsys": (
        models(
            [30.0, 95.0],
            [background([100.0, 150.0], "normsys", {"lo": 0.9, "hi": 1.1})],
            modifier_settings={"normsys": {"interpcode": "code1"}},
        ),
        [120.0, 180.0],
        0.0006735317023683173,
        [7.471684419037561e-10, 5.7411551509088054e-08, 3.6898088062731205e-06,
         0.00016965731538267896, 0.004392708998555453],
    ),
    "histosys": (
        models(
            [30.0, 95.0],
            [background([100.0, 150.0], "histosys", {"lo_data": [98, 100], "hi_data": [102, 190]})],
            modifier_settings={"histosys": {"interpcode": "code0"}},
        ),
        [120.0, 180.0],
        0.1001463460725534,
        [7.134513306138892e-06, 0.00012547100627138575, 0.001880010666437615, 0.02078964907605385,
         0.13692494523572218],
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", PUBLISHED)
@pytest.mark.parametrize("first", [0, 1])
def test_published_cls(case: str, first: int) -> None:
    """With scipy's minimiser and with Minuit."""
    model, counts, observed, expected = PUBLISHED[case]
    with numpy_backend() as optimisers:
        fitter = pyhf_fitter(model, optimisers[first:])
        profile = DataProfile.of(model, [*counts, *model.config.auxdata], fitter)
        found = cls_values(1.0, profile, profile.without_signal())
    assert found[0] == pytest.approx(observed, rel=2e-3)
    np.testing.assert_allclose(found[1:], expected, rtol=3e-3)


def test_limits_of_the_readme_example_are_where_cls_is_5_percent() -> None:
    model, counts, *_ = PUBLISHED["readme"]
    data = np.array([*counts, *model.config.auxdata])
    with numpy_backend() as optimisers:
        fitter = pyhf_fitter(model, optimisers)
        profile = DataProfile.of(model, data, fitter)
        behind = profile.without_signal()
        limit = observed_limit(profile, guess=0.5)
        band = expected_limits(behind, guess=0.5)
        assert log_cls(limit, profile, behind) == pytest.approx(math.log(0.05), rel=1e-4)
        for index, value in enumerate(band):
            assert cls_values(value, profile, behind)[1 + index] == pytest.approx(0.05, rel=2e-3)
        # pyhf's own search, from the same data.
        theirs = pyhf.infer.intervals.upper_limits.upper_limit(data, model, rtol=1e-5)
    assert limit == pytest.approx(float(theirs[0]), rel=1e-3)
    np.testing.assert_allclose(band, np.array(theirs[1], dtype=float), rtol=1e-3)


class ExactProfile:
    """exp(polynomial) of an order plus a Gaussian of 30 GeV, in bins of 5 or 10 GeV."""

    def __init__(self, counts: np.ndarray, mass: float, order: int, per_pb: float) -> None:
        edges = np.linspace(400, 1100, len(counts) + 1)
        nodes, weights = np.polynomial.legendre.leggauss(5)
        half = np.diff(edges)[:, None] / 2
        masses = (edges[1:] + edges[:-1])[:, None] / 2 + half * nodes
        self.counts, self.weights = counts, half * weights
        self.basis = np.polynomial.chebyshev.chebvander((masses - 750) / 350, order)
        self.signal = per_pb * np.diff(norm.cdf(edges, mass, 30))
        start = np.zeros(order + 1)
        start[:2] = math.log(counts.sum() / 700), -350 / 120
        self.start = self.fit(0.0, start)[1]
        self.best = minimize(
            lambda pb: self.fit(pb[0], self.start)[0],
            [5 / self.signal.sum()],
            bounds=[(0, None)],
            options={"ftol": 1e-15, "gtol": 1e-9},
        ).x[0]
        if self.counts.sum() > 0:
            self.best = self.polished(self.best)
        self.least = self.fit(self.best, self.start)[0]

    def polished(self, best: float) -> float:
        width = 10 / self.signal.sum() + 0.2 * best
        low, high = max(best - width, 0), best + width
        golden = minimize_bounded(lambda pb: self.fit(pb, self.start)[0], low, high)
        return golden if golden > 1e-7 else 0.0

    def background(self, theta: np.ndarray) -> np.ndarray:
        return np.asarray((np.exp(self.basis @ theta) * self.weights).sum(axis=1))

    def fit(self, pb: float, start: np.ndarray) -> tuple[float, np.ndarray]:
        def value(theta: np.ndarray) -> tuple[float, np.ndarray]:
            points = np.exp(self.basis @ theta) * self.weights
            expected = points.sum(axis=1) + pb * self.signal
            slopes = np.einsum("bq,bqp->bp", points, self.basis)
            nll = expected.sum() - self.counts @ np.log(expected)
            return nll, (1 - self.counts / expected) @ slopes

        scale = 1 / math.sqrt(self.counts.sum())
        found = minimize(
            lambda u: (value(start + scale * u)[0], scale * value(start + scale * u)[1]),
            np.zeros(len(start)),
            jac=True,
            method="BFGS",
            options={"gtol": 1e-6},
        )
        return 2 * found.fun, start + scale * found.x

    def q(self, pb: float) -> float:
        return max(self.fit(pb, self.start)[0] - self.least, 0.0) if pb >= self.best else 0.0

    def limit(self, mass: float, order: int, per_pb: float) -> float:
        asimov_set = ExactProfile(self.background(self.start), mass, order, per_pb)
        asimov_set.best, asimov_set.least = 0.0, asimov_set.fit(0.0, asimov_set.start)[0]

        def away(pb: float) -> float:
            root, width = math.sqrt(self.q(pb)), math.sqrt(asimov_set.q(pb))
            t = root - width if root <= width else (root**2 - width**2) / (2 * width)
            return float(norm.logsf(t + width) - norm.logsf(t) - math.log(0.05))

        low, high = self.best + 1 / self.signal.sum(), self.best + 4 / self.signal.sum()
        while away(high) > 0:
            low, high = high, 1.5 * high
        return float(brentq(away, low, high, rtol=1e-5))


def minimize_bounded(function: Callable[[float], float], low: float, high: float) -> float:
    from scipy.optimize import minimize_scalar

    return float(minimize_scalar(function, bounds=(low, high), options={"xatol": 1e-8}).x)


def templates(
    events: float, mass: float, order: int, *, width: float = 10, observed: np.ndarray | None = None
) -> ChannelTemplates:
    edges = np.arange(400, 1100 + width / 2, width)
    content = np.exp(-edges[:-1] / 120) - np.exp(-edges[1:] / 120)
    content *= events / content.sum()
    x = ((edges[1:] + edges[:-1]) / 2 - 750) / 350
    slopes = content[:, None] * x[:, None] ** np.arange(order + 1)
    covariance = np.linalg.inv(slopes.T @ (slopes / content[:, None]))
    signal = SIGNAL[round(events)] / 5.4 * np.diff(norm.cdf(edges, mass, 30))
    modes = eigenmodes(content, slopes, covariance)
    return ChannelTemplates("all", content, modes, signal, observed=observed)


POINTS = [
    (events, order, mass, excess, width)
    for events in SIGNAL
    for order, mass, excess, width in (
        (1, 500, 0, 10), (1, 750, 3, 5), (1, 1000, 10, 10), (1, 600, 10, 5), (2, 500, 3, 10),
        (2, 600, 10, 10), (2, 900, 5, 5), (3, 750, 10, 10), (3, 900, 1, 10), (3, 1000, 4, 5),
    )
]  # fmt: skip


@pytest.mark.parametrize(("events", "order", "mass", "excess", "width"), POINTS)
def test_limit_and_z_are_those_of_the_exact_profile(
    events: int, order: int, mass: int, excess: float, width: float
) -> None:
    """Within 1 %, at 20 points; six of them with a signal of 10 standard deviations."""
    rng = np.random.default_rng([events, order, mass])
    blind = templates(events, mass, order, width=width)
    strength = excess * TemplateFit.of([blind]).sigma()
    counts = rng.poisson(blind.background + strength * blind.signal).astype(float)
    channels = [templates(events, mass, order, width=width, observed=counts)]
    hand = TemplateFit.of(channels)
    with numpy_backend():
        model, data = model_of(workspace(channels, scale=1.0))
        fitter = template_fitter(model, hand)
        check_same(model, hand, data, fitter)
        profile = DataProfile.of(model, data, fitter)
        z, limit = math.sqrt(profile.statistic(0.0)), observed_limit(profile, guess=hand.sigma())
    exact = ExactProfile(counts, mass, order, SIGNAL[events] / 5.4)
    exact_z = math.sqrt(max(exact.fit(0.0, exact.start)[0] - exact.least, 0))
    assert limit == pytest.approx(exact.limit(mass, order, SIGNAL[events] / 5.4), rel=0.01)
    assert z == pytest.approx(exact_z, rel=0.01, abs=0.01)


@pytest.mark.parametrize("events", SIGNAL)
@pytest.mark.parametrize("order", [1, 2, 3])
def test_median_expected_limits_reach_the_optimum(events: int, order: int) -> None:
    for mass, optimum in zip(MASSES, EXPECTED_pb[events][order], strict=True):
        point = MassPoint(mass, (templates(events, mass, order, width=5),))
        limit = mass_limit(point).expected[2]
        # The table is rounded to a hundredth of a pb.
        assert limit == pytest.approx(optimum, rel=0.02, abs=0.005)


def test_a_signal_of_dozens_of_standard_deviations_has_a_limit() -> None:
    """The CLs of pyhf itself is NaN there."""
    blind = templates(11_220, 750, 2)
    seen = np.round(blind.background + 20 * blind.signal)
    limit = mass_limit(MassPoint(750, (templates(11_220, 750, 2, observed=seen),)))
    assert limit.observed == pytest.approx(20.6, rel=0.01)
    assert limit.expected == mass_limit(MassPoint(750, (blind,))).expected


@pytest.mark.parametrize("events", [1e8, 1e10])
def test_limits_scale_with_the_root_of_the_events(events: float) -> None:
    """Above 1e6 events a bin: no rounding, no minimiser that stops where it starts."""

    def limit(events: float) -> float:
        one = templates(11_220, 750, 2)
        scale = events / one.background.sum()
        more = [one.background * scale, one.modes * math.sqrt(scale), one.signal * scale]
        found = mass_limit(MassPoint(750, (ChannelTemplates("all", *more),)))
        assert found.expected[2] is not None
        return found.expected[2]

    assert limit(events) == pytest.approx(limit(1e6) * math.sqrt(1e6 / events), rel=0.005)


def test_pyhf_minimisers_agree_with_the_derivatives_by_hand() -> None:
    channels = [templates(11_220, 600, 2)]
    with numpy_backend() as optimisers:
        model, _ = model_of(workspace(channels, scale=1.0))
        hand = TemplateFit.of(channels)
        fitters = (template_fitter(model, hand), pyhf_fitter(model, optimisers))
        first, second = (
            expected_limits(nominal_asimov(model, fitter), guess=hand.sigma()) for fitter in fitters
        )
    np.testing.assert_allclose(first, second, rtol=1e-3)


def test_another_likelihood_is_not_believed() -> None:
    counts = np.round(templates(11_220, 600, 2).background * 1.1)
    channels = [templates(11_220, 600, 2, observed=counts)]
    other = TemplateFit.of([templates(11_220, 700, 2)])
    with numpy_backend():
        model, data = model_of(workspace(channels, scale=1.0))
        with pytest.raises(NoLimitError, match="likelihood is not that of pyhf's model"):
            check_same(model, other, data, template_fitter(model, TemplateFit.of(channels)))


def test_a_search_without_an_end_gives_up() -> None:
    """A signal that nothing tells from the background, and minimisers that all fail."""
    model = models([0.0], [background([50.0], "shapesys", [7.0])])
    with numpy_backend() as optimisers:
        flat = nominal_asimov(model, pyhf_fitter(model, optimisers))
        with pytest.raises(NoLimitError, match="standard deviations away from none"):
            expected_limits(flat, guess=0.1)
        profile = DataProfile(model, flat.data, flat.fitter, 0.0, flat.minimum)
        with pytest.raises(NoLimitError, match="CLs stays above the level"):
            observed_limit(profile, guess=0.1)
        with pytest.raises(NoLimitError, match="pyhf's minimisers all fail at strength 1"):
            pyhf_fitter(model, ())(flat.data, 1.0)
        nowhere = DataProfile(model, flat.data, flat.fitter, 0.0, math.nan)
        with pytest.raises(NoLimitError, match="not finite at strength 1"):
            nowhere.statistic(1.0)


def test_q_of_strengths_below_the_best_fit_is_zero() -> None:
    model, counts, *_ = PUBLISHED["shapesys"]
    with numpy_backend() as optimisers:
        fitter = pyhf_fitter(model, optimisers)
        profile = DataProfile.of(model, [*counts, *model.config.auxdata], fitter)
        assert profile.best == pytest.approx(0.5, rel=1e-3)
        assert profile.statistic(0.4) == 0
        assert asimov(model, fitter(profile.data, 0.0), fitter).best == 0
