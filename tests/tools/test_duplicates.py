"""Events that are there twice, found in slices of memory."""

import numpy as np
import pytest

from tools.duplicates import has_equal


@pytest.mark.parametrize("most", [10**9, 1000, 7])
def test_equal_events_are_found_whatever_is_in_memory(most: int) -> None:
    rng = np.random.default_rng(1)
    files = np.split(rng.integers(1, 2**63, 5000, dtype=np.uint64), [1200, 1200, 4000])
    assert not has_equal(files, most)
    for value in (files[0][17], files[3][-1]):
        assert has_equal([*files, np.array([5, value], np.uint64)], most)
    assert not has_equal([*files, np.zeros(9, np.uint64)], most)
