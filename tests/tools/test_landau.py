"""The Landau law: ROOT's convention, the cut in the tail, the table."""

import numpy as np
from scipy import stats

from tools.landau import HIGHEST, LOWEST, truncated_landau
from tools.recipe import Floats


def test_mode_and_median_are_those_of_roots_convention() -> None:
    # ROOT: lambda = -0.22278 at the mode and 1.35578 at the median, hence u = 1.57856 there.
    u = truncated_landau(np.random.default_rng(1), 1_000_000, mpv=0.0, eta=1.0)

    counts, edges = np.histogram(u, bins=np.arange(-1.25, 1.3, 0.5))
    assert edges[counts.argmax()] < 0 < edges[counts.argmax() + 1]
    # What lies beyond the cut, 1.9489 % (ROOT::Math::landau_cdf_c(54.777)), is left out.
    # 4.5 standard deviations: false alarm 7e-6.
    assert abs((u < 1.57856).mean() - 0.5 / 0.98051) < 4.5 * 0.5 / 1000


def test_follows_the_truncated_law() -> None:
    u = (truncated_landau(np.random.default_rng(2), 1_000_000, mpv=250.0, eta=20.0) - 250) / 20

    def law(x: Floats | float) -> Floats:
        return np.asarray(stats.landau.cdf((x - 0.22278 - np.log(np.pi / 2)) / (np.pi / 2)))

    top = law(HIGHEST)
    assert stats.kstest(u, lambda x: law(x) / top).pvalue > 1e-4  # false alarm 1e-4


def test_stays_inside_its_range() -> None:
    x = truncated_landau(np.random.default_rng(3), 1_000_000, mpv=200.0, eta=20.0)
    assert x.min() >= 200 + LOWEST * 20
    assert x.max() <= 200 + HIGHEST * 20
    assert x.max() > 200 + 54 * 20  # and uses it: 360 events expected


def test_equal_rng_equal_numbers_one_uniform_each() -> None:
    one, two = np.random.default_rng(4), np.random.default_rng(4)
    np.testing.assert_array_equal(
        truncated_landau(one, 1000, mpv=0.3, eta=0.5), truncated_landau(two, 1000, mpv=0.3, eta=0.5)
    )
    reference = np.random.default_rng(4)
    reference.random(1000)
    assert one.random() == reference.random()


def test_none_is_an_empty_array() -> None:
    assert truncated_landau(np.random.default_rng(5), 0, mpv=1.0, eta=1.0).shape == (0,)
