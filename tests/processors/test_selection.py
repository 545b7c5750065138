"""Cuts keep min <= x < max, the convention of histogram bins, so the two agree exactly."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from processors.histograms import Binning, counts
from processors.selection import Interval, Selection, all_but_one


def test_the_lower_bound_is_kept_and_the_upper_is_not() -> None:
    values = np.array([1.0, 2.0, 3.0])
    assert Interval(min=1, max=3).contains(values).tolist() == [True, True, False]
    assert Interval(min=2).contains(values).tolist() == [False, True, True]
    assert Interval(max=2).contains(values).tolist() == [True, False, False]


@pytest.mark.parametrize(
    ("bounds", "message"),
    [
        ({}, "needs a number"),
        ({"min": np.nan}, "needs a number"),
        ({"min": 2, "max": 1}, "from 2 to 1 keeps nothing"),
        ({"min": 1, "max": 1}, "keeps nothing"),
    ],
)
def test_an_interval_that_keeps_nothing_is_refused(bounds: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Interval(**bounds)


def test_cuts_read_as_a_person_would_write_them() -> None:
    selection = Selection(
        {"n_jets": Interval(max=6), "pt": Interval(min=25), "iso": Interval(0.1, 0.8)}
    )
    assert selection.steps() == ("n_jets < 6", "pt >= 25", "iso in [0.1, 0.8)")


@given(st.lists(st.floats(0, 2, width=32), min_size=1), st.integers(0, 40))
def test_a_cut_at_a_bin_edge_keeps_what_the_bins_below_hold(values: list[float], k: int) -> None:
    binning = Binning("isolation", 40, 0.6, 1.0)
    stored = np.array(values, np.float32)
    histogram = counts(binning.axis()).fill(stored)
    edge = round(float(histogram.axes[0].edges[k]), 9)
    below = histogram.view(flow=True)[: k + 1].sum()
    assert np.count_nonzero(Interval(max=edge).contains(stored)) == below


@pytest.mark.parametrize("bins", [10, 12, 20, 25])
def test_counts_fall_into_the_bin_of_their_own_number(bins: int) -> None:
    histogram = counts(Binning("n", bins, 0, bins).axis()).fill(np.arange(bins, dtype=np.int8))
    assert histogram.view().tolist() == [1] * bins


def test_all_but_one_leaves_each_cut_out_in_turn() -> None:
    a, b, c = np.array([True, False, True]), np.array([True, True, False]), np.array([True] * 3)
    others = all_but_one({"a": a, "b": b, "c": c})
    assert others["a"].tolist() == (b & c).tolist()
    assert others["b"].tolist() == (a & c).tolist()
    assert others["c"].tolist() == (a & b).tolist()
    assert all_but_one({}) == {}
