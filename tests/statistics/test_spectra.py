"""Bins of a spectrum: sums, weights, and a window that is not read."""

import numpy as np
import pytest

from analysis.settings.search import Window
from analysis.statistics.spectra.bins import Bins, Channel
from tools.errors import InputError

EDGES = np.arange(0.0, 2001.0)
WINDOW = Window(400, 1100)


def channel(counts: np.ndarray | None = None, **more: np.ndarray) -> Channel:
    values = np.arange(2000.0) if counts is None else counts
    return Channel("all", EDGES, values, **more)


def test_bins_are_sums_of_fine_bins() -> None:
    bins = channel().bins(100, 400, 50)
    assert bins.counts.tolist() == [sum(range(low, low + 50)) for low in range(100, 400, 50)]
    assert bins.low_GeV.tolist() == [100, 150, 200, 250, 300, 350]
    assert bins.high_GeV[-1] == 400


def test_sidebands_leave_the_window_out() -> None:
    bins = channel().sidebands(WINDOW, 100, 2000, 100)
    inside = (bins.high_GeV > 400) & (bins.low_GeV < 1100)
    assert not inside.any()
    assert bins.counts.sum() == sum(range(100, 400)) + sum(range(1100, 2000))


def test_nothing_inside_the_window_is_read() -> None:
    """Whatever blind bins hold, even what would be refused elsewhere, changes nothing."""
    counts = np.arange(2000.0)
    poisoned = counts.copy()
    poisoned[400:1100] = np.nan
    one = channel(counts).sidebands(WINDOW, 100, 2000, 10)
    two = channel(poisoned).sidebands(WINDOW, 100, 2000, 10)
    assert np.array_equal(one.counts, two.counts)
    with pytest.raises(InputError, match="contents must be finite and not negative"):
        channel(poisoned).inside(WINDOW)


def test_the_window_is_summed_with_its_variance() -> None:
    counts = np.full(2000, 2.0)
    assert channel(counts).inside(WINDOW) == (1400, 1400)
    assert channel(counts, variances=3 * counts).inside(WINDOW) == (1400, 4200)


def test_a_weighted_bin_has_the_error_of_its_entries() -> None:
    entries = np.array([100.0, 4.0, 0.0])
    weighted = Bins(np.arange(3.0), np.arange(1.0, 4.0), 13.5 * entries, 13.5**2 * entries)
    assert weighted.effective_counts == pytest.approx(entries)
    # An empty bin has the weight of the sample, not 1.
    assert weighted.scale == pytest.approx(1 / 13.5)
    events = Bins(np.arange(3.0), np.arange(1.0, 4.0), entries, entries)
    assert events.scale.tolist() == [1, 1, 1]
    empty = Bins(np.arange(3.0), np.arange(1.0, 4.0), np.zeros(3), np.zeros(3))
    assert empty.scale.tolist() == [1, 1, 1]


def test_groups_of_bins_join() -> None:
    both = Bins.joined([channel().bins(100, 200, 50), channel().bins(300, 400, 50)])
    assert both.low_GeV.tolist() == [100, 150, 300, 350]
    assert len(both.counts) == len(both.variances) == 4


@pytest.mark.parametrize("ends", [(100.5, 200.5, 10), (1000, 3000, 10), (0, 1, 0.5)])
def test_edges_must_be_there(ends: tuple[float, float, float]) -> None:
    with pytest.raises(InputError, match="its bins have no edges at"):
        channel().bins(*ends)


def test_a_spectrum_needs_one_more_edge_than_bins() -> None:
    with pytest.raises(InputError, match="2001 edges for 1999 bins"):
        Channel("all", EDGES, np.zeros(1999))
    with pytest.raises(InputError, match="give rising edges"):
        Channel("all", EDGES[::-1], np.zeros(2000))


def test_negative_contents_are_refused() -> None:
    with pytest.raises(InputError, match="spectrum all: contents must be finite"):
        channel(np.full(2000, -1.0)).bins(100, 400, 10)
