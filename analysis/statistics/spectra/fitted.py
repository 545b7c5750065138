r"""A spectrum in the bins of a fit, with what was fitted to it.

The pull of a bin is the signed root of its part of the deviance that the fit minimises,

.. math:: \pm\sqrt{2\,(n \ln(n/\mu) - n + \mu)}

which for many events is :math:`(n-\mu)/\sqrt\mu`, and stays meaningful in the tail, where a single
event on an expectation of 0.01 would be a pull of ten. Weighted bins enter as scaled counts.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from processors.selection import Interval
from tools.arrays import FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class FittedSpectrum:
    """A spectrum in the bins of a fit, with what was fitted to it."""

    edges_GeV: FloatArray
    """shape (n + 1,), the window included"""
    counts: FloatArray
    """events or sums of weights, shape (n,), NaN where they are not known; what lies in a blind
    window is not looked at"""
    variances: FloatArray
    """sums of squared weights, shape (n,); equal to `counts` for events"""
    background: FloatArray
    """expected by the background function, shape (n,)"""
    window: Interval | None
    """where a signal may be; None: nowhere in particular"""
    blinded: bool
    """whether the window's contents are to be left out"""
    function: str
    """name of the background function, for the legend; empty if it is told elsewhere"""
    background_errors: FloatArray | None = None
    """of the function, by its fit, shape (n,)"""
    signal: FloatArray | None = None
    """fitted resonance, shape (n,)"""
    notes: tuple[str, ...] = ()
    """results to write on the figure, as matplotlib writes them"""
    simulated: bool = False
    """whether simulation stands in for data"""
    mass: str = "m_yy"
    """name of the quantity"""
    weighted: bool = False
    """whether events have weights, and contents are their sums"""

    @property
    def shown(self) -> npt.NDArray[np.bool_]:
        """Which bins may be drawn, shape (n,)."""
        there = np.isfinite(self.counts)
        return there & ~self.inside if self.blinded else there

    @property
    def inside(self) -> npt.NDArray[np.bool_]:
        """Which bins are in the window, shape (n,)."""
        centres = (self.edges_GeV[1:] + self.edges_GeV[:-1]) / 2
        none = np.zeros(len(centres), dtype=bool)
        return none if self.window is None else self.window.contains(centres)

    @property
    def unit_GeV(self) -> float:
        """Width that contents are shown for: that of the bins, of the narrowest if they differ."""
        return float(np.diff(self.edges_GeV).min())

    @property
    def per_unit(self) -> FloatArray:
        """What contents are multiplied with to be shown, shape (n,)."""
        widths = np.diff(self.edges_GeV)
        same = np.allclose(widths, widths[0])
        return np.ones_like(widths) if same else self.unit_GeV / widths

    @property
    def expected(self) -> FloatArray:
        """Background and signal, shape (n,)."""
        return self.background if self.signal is None else self.background + self.signal

    @property
    def pulls(self) -> FloatArray:
        """The pull of every bin, shape (n,), NaN where it may not be shown or means nothing."""
        usable = self.shown & (self.expected > 0)
        counts, variances = (np.where(usable, x, 0.0) for x in (self.counts, self.variances))
        common = counts.sum() / variances.sum() if variances.sum() > 0 else 1.0
        scale = np.full_like(counts, common)
        np.divide(counts, variances, out=scale, where=variances > 0)
        n, mu = counts * scale, np.where(usable, self.expected, 1.0) * scale
        logs = np.where(n > 0, n * np.log(np.where(n > 0, n, 1.0) / mu), 0.0)
        deviance = 2 * np.maximum(logs - n + mu, 0.0)
        return np.where(usable, np.sign(n - mu) * np.sqrt(deviance), np.nan)
