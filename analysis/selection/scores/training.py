"""What a score is trained on: the cells of the joint histograms, with their counts.

The columns are binned, so all that can be learnt of a sample is in its joint histogram (half,
region, columns), which every executor brings back merged. A score knows nothing else, and needs no
event.

Background densities come from the whole background sample, not from its few thousand events in the
window, as long as the columns do not depend on the mass (`analysis.selection.optimise.independence`
tests it; `Sample.independent` says so). Otherwise only window events count, of signal and
background.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from processors.histograms import Binning, Counts
from processors.score import cell_count, shape_of
from tools.arrays import FloatArray
from tools.errors import InputError

HALVES = (0, 1)
SEED = 1
"""seed of the trees and the bootstrap"""


@dataclass(frozen=True, slots=True)
class Simulated:
    """Simulation in its joint histograms."""

    joints: Mapping[str, Counts]
    """joint histograms of the background and of every signal"""
    weights: Mapping[str, float]
    """expected events per simulated one, of each sample"""
    background: str
    """which of them is the background"""

    @property
    def signals(self) -> list[str]:
        """The other samples."""
        return [name for name in self.joints if name != self.background]


@dataclass(frozen=True, slots=True)
class Sample:
    """Simulation, binned in the columns of a score."""

    axes: tuple[Binning, ...]
    signals: Mapping[str, FloatArray]
    """events of each signal, shape (half, region, cells); regions: window, sideband"""
    background: FloatArray
    """events of the background, likewise"""
    weights: Mapping[str, float]
    """expected events per simulated one, of each signal"""
    background_weight: float
    independent: bool
    """whether background fractions may be taken from events at any mass"""

    @property
    def shape(self) -> tuple[int, ...]:
        """Bins along each axis, with the flow bins."""
        return shape_of(self.axes)

    def signal_to_learn(self, half: int) -> FloatArray:
        """Return all signals of a half together, shape (cells,): the window's, each as much.

        Their sum is that of the simulated events that it is worth.
        """
        each = [counts[half, 0] for counts in self.signals.values()]
        events = np.array([counts.sum() for counts in each])
        if not events.all():
            missing = list(self.signals)[int(np.argmin(events))]
            raise InputError(f"no simulated event of {missing} is in the window: nothing to learn")
        # The harmonic mean: so many events have the relative error of the mean of all signals.
        worth = len(each) / np.sum(1.0 / events)
        scaled = [counts * worth / n for counts, n in zip(each, events, strict=True)]
        return np.asarray(np.sum(scaled, axis=0))

    def background_to_learn(self, half: int) -> FloatArray:
        """Return the background of a half, shape (cells,)."""
        counts = self.passing[half]
        if not counts.any():
            raise InputError("no simulated background event: nothing to learn")
        return np.asarray(counts)

    @property
    def passing(self) -> FloatArray:
        """Background events that fractions are taken from, shape (half, cells)."""
        events = self.background
        return np.asarray(events.sum(axis=1) if self.independent else events[:, 0])

    def marginal(self, counts: FloatArray, column: int) -> FloatArray:
        """Return `counts` of shape (cells,) summed over all columns but one."""
        others = tuple(i for i in range(len(self.axes)) if i != column)
        return np.asarray(counts.reshape(self.shape).sum(axis=others))


def sample_of(simulated: Simulated, *, independent: bool = True) -> Sample:
    """Return what a score is trained on; `independent`: see `Sample`.

    Raises
    ------
    InputError
        If the histograms have no columns or too many cells.
    """
    axes = tuple(
        Binning(axis.name, axis.size, float(axis.edges[0]), float(axis.edges[-1]))
        for axis in list(simulated.joints[simulated.background].axes)[2:]
    )
    try:
        cells = cell_count(axes)
    except ValueError as error:
        raise InputError(f"[optimise.axes]: {error}") from None
    counted = {
        name: np.asarray(joint.view(flow=True), np.float64).reshape(2, 2, cells)
        for name, joint in simulated.joints.items()
    }
    return Sample(
        axes=axes,
        signals={name: counted[name] for name in simulated.signals},
        background=counted[simulated.background],
        weights={name: simulated.weights[name] for name in simulated.signals},
        background_weight=simulated.weights[simulated.background],
        independent=independent,
    )
