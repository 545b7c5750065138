r"""Smooth test spectra: what a background function is tested on, outside its own family.

A function that fits the sidebands well may still miss the window, and no likelihood ratio on the
sidebands says so: an exponential of a parabola fits the course's sidebands and over-predicts the
window by more than twice its error. What says so is a spectrum whose window is known. Two kinds of
it, both a steep core with a hard tail, are fitted to the very sidebands under study:

- two-exponentials:      A exp(-m/tau) + B exp(-m/(r tau)), r from 1.5 to 10
- exponential-and-power: A exp(-m/tau) + B m^-p, p from 2 to 14

A test spectrum that itself does not fit the sidebands is not used. The background function is then
fitted to the sidebands of the test spectrum *without fluctuations*: its prediction minus the test
spectrum's own content of the window is its closure bias. No event of the window enters.

The hardness h of the tail (r or p) is fitted as x with h = low + (high - low)/(1 + exp(-x)), so
that it stays in its range; tau is fitted as its logarithm.
"""

from dataclasses import dataclass

import numpy as np

from analysis.settings.search import Window
from analysis.statistics.background.entries import Flags
from analysis.statistics.minimiser.scoring import Part, Rows, Settings, minimise
from analysis.statistics.spectra.bins import Bins
from tools.arrays import FloatArray

_MIN_CONTENT = 1e-12
"""events per bin; a test spectrum is never quite zero"""
_MIN_EVENTS = 1e-3
"""events in the window: below it a prediction is none, and there is nothing to count against"""
_TAIL_FRACTION = 0.003
"""fraction of the events in the tail where fits start"""
_HARDNESS = {"two-exponentials": (1.5, 10.0), "exponential-and-power": (2.0, 14.0)}
KINDS = tuple(_HARDNESS)
PARAMETERS = 4
"""number of parameters of each kind"""
_START = -1.7
"""x of the hardness: r or p near 3"""
_BOUNDS = np.array([12.0, 1.4, 12.0, 8.0])
"""how far each parameter may go from where it starts; the tail never beyond the core"""


def prediction_falls(
    inside: FloatArray, beneath: FloatArray, low_GeV: float, window: Window
) -> Flags:
    """Tell which predictions are, per GeV, below the sideband beneath the window, and not nothing.

    With next to no events to hold it, a function may blow up where there is no sideband.

    Parameters
    ----------
    inside : ndarray
        Events predicted for the window.
    beneath : ndarray
        Events of the sideband, which begins at `low_GeV`.
    """
    density = beneath / (window.low_GeV - low_GeV)
    highest = density * (window.high_GeV - window.low_GeV)
    return np.asarray((inside >= _MIN_EVENTS) & (inside <= highest))


def smooth_curve(
    name: str, counts: FloatArray, side: Bins, low_GeV: FloatArray, high_GeV: FloatArray
) -> FloatArray:
    """Return the events, in other bins, of one kind of test spectrum fitted to each spectrum.

    Parameters
    ----------
    name : str
        One of `KINDS`.
    counts : ndarray, shape (T, B)
        Effective counts of each spectrum.
    side : Bins
        The sidebands: edges, and entries per event.
    low_GeV, high_GeV : ndarray
        Edges of the bins in which the events are asked for.
    """
    origin, events = float(side.low_GeV[0]), counts / side.scale
    total = np.maximum(events.sum(axis=1), 1.0)
    centres = (side.low_GeV + side.high_GeV) / 2
    tau = np.maximum(events @ centres / total - origin, 1.0)
    core = np.log(total)
    tail = core + np.log(_TAIL_FRACTION)
    start = np.stack([core, np.log(tau), tail, np.full_like(core, _START)], axis=1)
    # One set of ends for all spectra of a batch; they stop a fit that runs away.
    high = start.max(axis=0) + _BOUNDS
    high[2] = core.max()
    settings = Settings.all_free(start.min(axis=0) - _BOUNDS, high)
    curve = _SmoothSpectrum(name, origin, side)
    return curve.events(minimise(curve, counts, start, settings).values, low_GeV, high_GeV)


@dataclass(frozen=True, slots=True, eq=False)
class _SmoothSpectrum:
    """Entries per bin of one kind of test spectrum (a `scoring.Curve`)."""

    name: str
    origin_GeV: float
    bins: Bins

    def events(self, values: FloatArray, low: FloatArray, high: FloatArray) -> FloatArray:
        """Return the integrals over bins, shape (T, B), of parameters of shape (T, 4)."""
        # Differences of events above a mass: exact integrals over bins of any width, no quadrature.
        core_low, tail_low = self._above(values, low)
        core_high, tail_high = self._above(values, high)
        return np.asarray(core_low - core_high + tail_low - tail_high + _MIN_CONTENT)

    def expected(self, values: FloatArray, _rows: Rows) -> FloatArray:
        events = self.events(values, self.bins.low_GeV, self.bins.high_GeV)
        return np.asarray(events * self.bins.scale)

    def parts(self, values: FloatArray, _rows: Rows, free: Rows) -> tuple[Part]:
        bins = self.bins
        low, high = (self._slopes(values, edges) for edges in (bins.low_GeV, bins.high_GeV))
        slopes = (low - high)[..., free] * bins.scale[:, None]
        return (Part(slice(0, len(bins.scale)), np.arange(len(free)), slopes),)

    def damping(self, _gradient: FloatArray) -> None:
        return None

    def _above(self, values: FloatArray, mass: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the events of core and tail above each mass."""
        core, tau, tail = np.exp(values[:, :3, None]).swapaxes(0, 1)
        hardness, origin = self._hardness(values)[0], self.origin_GeV
        falling = np.exp(np.log(core) + (origin - mass) / tau)
        if self.name == "two-exponentials":
            return falling, np.asarray(tail * np.exp((origin - mass) / (hardness * tau)))
        return falling, np.asarray(tail * (mass / origin) ** (1 - hardness))

    def _hardness(self, values: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return r or p, and its derivative by x."""
        low, high = _HARDNESS[self.name]
        fraction = 1 / (1 + np.exp(-values[:, 3, None]))
        return low + (high - low) * fraction, (high - low) * fraction * (1 - fraction)

    def _slopes(self, values: FloatArray, mass: FloatArray) -> FloatArray:
        """Return the derivatives of the events above each mass, shape (T, B, 4)."""
        core, tail = self._above(values, mass)
        # The derivatives of `_above`, term by term, by the logarithms and by x.
        hardness, by_x = self._hardness(values)
        far = (mass - self.origin_GeV) / np.exp(values[:, 1, None])
        if self.name == "two-exponentials":
            by_tau, by_hardness = far / hardness, far / hardness**2
        else:
            by_tau, by_hardness = np.zeros_like(far), -np.log(mass / self.origin_GeV)
        slopes = [core, core * far + tail * by_tau, tail, tail * by_hardness * by_x]
        return np.stack(slopes, axis=-1)
