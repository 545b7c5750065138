r"""The mass-sculpting guard: whether a selection distorts the background's spectrum.

If it does, the function that fits the sidebands of what is kept has a bump or a dip to describe, at
the mass that the selection prefers. The test compares what is kept with *the rest*, not with the
whole: the two hold different events, so their errors are independent and the errors are right
(of a part and the whole they are not). Two questions, each at half the level:

- the window: are more events there than the sidebands of what is kept, and the shape of the rest,
  let expect? The difference is the **size**, in expected data events;
- the shape: chi-square of the two spectra, in bins that expect ten events or more.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from analysis.results.selection import Sculpting
from analysis.settings.search import Search
from analysis.statistics.spectra.bins import Bins, Channel
from processors.histograms import Counts
from tools.arrays import FloatArray

Mask = npt.NDArray[np.bool_]
LEVEL = 1e-3
"""p-value below which a selection is flagged, divided by the number of selections looked at"""
SHAPE_BINS = 20
MIN_EXPECTED = 10.0
"""events expected in a bin for chi-square to hold (W. Cochran, Biometrics 10 (1954) 417, asks 5)"""
_FIRST = np.array([True, False])
_WIDE = 10
"""bins of a fit in one bin of the spectra that are shown"""


@dataclass(frozen=True, slots=True, eq=False)
class SculptedSpectrum:
    """The simulated background's mass in a category and elsewhere."""

    edges_GeV: FloatArray
    """edges of the bins of mass, shape (bins + 1,)"""
    kept: FloatArray
    """simulated events in the category, shape (bins,)"""
    rest: FloatArray
    """all other simulated events, shape (bins,)"""
    found: Sculpting


def sculpting(
    kept: FloatArray, rest: FloatArray, window: Mask = _FIRST, *, weight: float, looked_at: int = 1
) -> Sculpting:
    """Return what a selection does to the background's spectrum.

    Parameters
    ----------
    kept, rest : ndarray, shape (bins,)
        Simulated events in bins of mass: what the selection keeps, and all others.
    window : ndarray of bool, shape (bins,)
        Which bins are the window; unless given there are two bins, the window and the sideband.
    weight : float
        Expected data events per simulated one.
    looked_at : int
        How many selections are looked at: any is flagged by chance with probability `LEVEL`.
    """
    from scipy.stats import norm

    inside, outside = kept[window].sum(), kept[~window].sum()
    other_in, other_out = rest[window].sum(), rest[~window].sum()
    if min(outside, other_in, other_out) < MIN_EXPECTED:
        # Nothing is selected, or nothing is left to compare with: no statement.
        return Sculpting(0.0, float(np.sqrt(inside)) * weight, 1.0, 1.0, flagged=False)
    expected = outside * other_in / other_out
    # Under the hypothesis the window's count fluctuates by its expectation.
    variance = expected + expected**2 * (1 / outside + 1 / other_in + 1 / other_out)
    size = inside - expected
    of_window = 2.0 * float(norm.sf(abs(size) / np.sqrt(variance)))
    shape = _shape_pvalue(kept, rest)
    pvalue = min(1.0, 2.0 * min(of_window, shape))
    return Sculpting(
        size_events=float(size * weight),
        error_events=float(np.sqrt(variance) * weight),
        shape_pvalue=shape,
        pvalue=pvalue,
        flagged=pvalue < LEVEL / looked_at,
    )


def _shape_pvalue(kept: FloatArray, rest: FloatArray) -> float:
    """Return the p-value of the chi-square test of one shape, in bins of equally many events."""
    smaller = min(kept.sum(), rest.sum())
    bins = int(min(SHAPE_BINS, smaller // MIN_EXPECTED))
    if bins < 2:  # noqa: PLR2004 - one bin has no shape
        return 1.0
    # Bins of equal content of both together, which tells nothing of how the two differ.
    both = kept + rest
    reached = np.cumsum(both) / both.sum()
    place = np.minimum((reached - both / both.sum() / 2) * bins, bins - 1).astype(int)
    return same_shape_pvalue(np.array([np.bincount(place, each, bins) for each in (kept, rest)]))


def same_shape_pvalue(table: FloatArray) -> float:
    """Return the p-value of the chi-square test that rows of counts have one shape."""
    from scipy.stats import chi2_contingency

    filled = table[:, table.sum(axis=0) > 0]
    return float(chi2_contingency(filled).pvalue) if filled.shape[1] > 1 else 1.0


def mass_by_category(
    background: Mapping[str, Counts], search: Search, *, weight: float
) -> dict[str, SculptedSpectrum]:
    """Return the simulated background's mass in every category, and that of all other events.

    The guard that chooses a method knows window and sidebands only (``selection.json``); here it
    is asked of the whole spectrum, which was filled after the selection.

    Parameters
    ----------
    background : mapping of str to Hist
        Histograms of the simulated background; none is returned if its spectra are not there.
    search : Search
    weight : float
        Expected data events per simulated one.
    """
    if not {"spectrum", "before/m_yy"} <= set(background):
        return {}
    everything = _fit_bins(background["before/m_yy"], search)
    edges = np.append(everything.low_GeV, everything.high_GeV[-1])
    centres = (edges[1:] + edges[:-1]) / 2
    window = (centres >= search.window.low_GeV) & (centres < search.window.high_GeV)
    wide, first = np.append(edges[:-1:_WIDE], edges[-1]), np.arange(0, len(centres), _WIDE)
    categories, found = list(background["spectrum"].axes["category"]), {}
    for name in categories:
        kept = _fit_bins(background["spectrum"][{"category": name}], search).counts
        rest = everything.counts - kept
        if kept.sum() and rest.sum():
            bent = sculpting(kept, rest, window, weight=weight, looked_at=len(categories))
            shown = [np.add.reduceat(events, first) for events in (kept, rest)]
            found[name] = SculptedSpectrum(wide, shown[0], shown[1], bent)
    return found


def _fit_bins(mass: Any, search: Search) -> Bins:
    """Return a fine spectrum in the bins of fits; what lies beyond them is left out."""
    (axis,) = mass.axes
    fine = Channel("m_yy", np.asarray(axis.edges), np.asarray(mass.values(), np.float64))
    return fine.bins(search.fit.low_GeV, search.fit.high_GeV, search.fit.bin_GeV)
