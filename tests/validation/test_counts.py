"""Counts of many windows at once are those of `xyy infer`: z, and pyhf's limit."""

import numpy as np
import pytest

from analysis.statistics.counting.count import counting_z
from analysis.statistics.limits.counting_limit import WindowModel
from analysis.validation.counts import WindowCounts

COUNTS = [(100, 100.0, 20.0), (2300, 2400.0, 120.0), (2600, 2400.0, 120.0), (0, 5.0, 2.0)]


def test_cls_at_the_limit_of_pyhf_is_five_percent() -> None:
    observed, predicted, error = np.array(COUNTS).T
    count = WindowCounts(observed, predicted, error)
    limits = [WindowModel(b, e, n, 1.0).limit().observed_pb for n, b, e in COUNTS]
    assert count.cls(np.array(limits)) == pytest.approx(0.05, abs=1e-5)
    assert count.z == pytest.approx([counting_z(*row) for row in COUNTS])


def test_no_signal_is_never_excluded() -> None:
    count = WindowCounts(np.array([50.0, 150.0]), np.full(2, 100.0), np.full(2, 10.0))
    assert count.cls(np.zeros(2)) == pytest.approx(1.0)
