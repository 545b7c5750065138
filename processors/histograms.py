"""What a sample leaves behind: a fixed set of integer histograms, declared before the first event.

=====================  ==========================================================================
name                   axes
=====================  ==========================================================================
``before/<column>``    the column, before the selection (``before/m_yy`` finely)
``after/<column>``     the column, after it
``n_minus_1/<column>`` a cut's column, after all the other cuts
``spectrum``           category, m_yy finely: after the selection, what is fitted
``joint``              half, region (its index in `REGIONS`), the cut variables: before the
                       selection
``cutflow``            step, region (`REGIONS` or `UNDIVIDED`)
=====================  ==========================================================================

Weights are constant within a sample, so events are counted, not weighted: integer sums are exact,
whatever the order of the chunks, and the weight is applied once, when it is known how many events
were processed. Axes do not grow: histograms of any two chunks add.

From ``joint`` the yield of *every* rectangular selection follows without another pass over events
(selection.py cuts at bin edges). Its ``half`` axis holds even and odd events apart, by their index
in the sample, so that a selection chosen on one half can be checked on the other.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import boost_histogram as bh
import hist
import numpy.typing as npt

Counts: TypeAlias = hist.Hist[hist.storage.Int64]
REGIONS = ("window", "sideband")
UNDIVIDED = ("window or sideband",)
"""The one region of a cutflow that does not tell them apart."""
CATEGORIES = ("all",)


@dataclass(frozen=True, slots=True)
class Binning:
    """Regular bins of a quantity; what lies outside is counted in under- and overflow."""

    name: str
    bins: int
    low: float
    high: float
    unit: str = "1"

    def axis(self) -> hist.axis.Regular:
        """Return the histogram axis, labelled with the unit."""
        label = self.name if self.unit == "1" else f"{self.name} [{self.unit}]"
        return hist.axis.Regular(self.bins, self.low, self.high, name=self.name, label=label)


KINEMATICS = (
    Binning("pT_yy", 100, 0.0, 1500.0, "GeV"),
    Binning("delta_eta", 100, -10.0, 10.0),
    Binning("delta_phi", 64, -3.2, 3.2, "rad"),
    Binning("delta_R", 100, 0.0, 10.0),
    Binning("cos_theta_star", 50, 0.0, 1.0),
)
"""What a diphoton analyst looks at beside the columns and the mass."""


def counts(*axes: hist.axis.AxisProtocol) -> Counts:
    """Return an empty histogram of exact integers."""
    return hist.Hist(*axes, storage=hist.storage.Int64())


def fill(histogram: Counts, *values: npt.ArrayLike) -> None:
    """Fill by position.

    The fill of `hist` also goes by names and first looks up its storage, 25 microseconds each
    time: a tenth of a full job, which fills blocks of 65,536 events. This is that of its base.
    """
    bh.Histogram.fill(histogram, *values)


def integer(name: str, values: int) -> hist.axis.Integer:
    """Return an axis of the numbers from 0 to ``values - 1``, which holds nothing else."""
    return hist.axis.Integer(0, values, name=name, underflow=False, overflow=False)


def spectrum(mass: Binning, categories: Sequence[str] = CATEGORIES) -> Counts:
    """Return the empty m_yy spectrum in the selection's categories."""
    return counts(hist.axis.StrCategory(categories, name="category"), mass.axis())


def joint(cut_variables: Sequence[Binning]) -> Counts:
    """Return the empty joint histogram of the cut variables; numbers fill faster than names."""
    half, region = integer("half", 2), integer("region", len(REGIONS))
    return counts(half, region, *(binning.axis() for binning in cut_variables))


def cutflow(steps: Sequence[str], regions: Sequence[str] = REGIONS) -> Counts:
    """Return the empty cutflow."""
    return counts(
        hist.axis.StrCategory(steps, name="step"), hist.axis.StrCategory(regions, name="region")
    )
