r"""A resonance in the spectra of some channels: the scan of its mass.

The likelihood is that of `peak.py`; functions, ranges and spurious signals are those that the
tournament settled on the sidebands (`tournament.py`).

1. Scan: at each mass of the grid background, S (of either sign) and nuisance parameters are fitted,
   and the same without S. The grid is finer than the peak, so that a peak cannot be missed, as it
   can by a fit that is started at one fixed mass.
2. z = sqrt(q0), q0 = D(S = 0) - D(best fit), with the sign of S. Its maximum over the grid is the
   *local* significance.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from analysis.settings.search import Systematics
from analysis.statistics.background.families import Function
from analysis.statistics.background.poisson import model, scoring_fit
from analysis.statistics.resonance.peak import NO_SIGNAL, Peak
from analysis.statistics.spectra.bins import Bins
from analysis.statistics.spectra.signal_model import SignalModel
from tools.arrays import FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class MassScan:
    """Fits at fixed masses; all arrays have shape (M,)."""

    mass_GeV: FloatArray
    signal_events: FloatArray
    """best S of either sign"""
    signal_error_events: FloatArray
    """uncertainty of S"""
    z: FloatArray
    """sqrt(q0) with the sign of S"""
    deviance: FloatArray
    """deviance of the best fit"""
    null_deviance: FloatArray
    """deviance without a signal"""
    converged: npt.NDArray[np.bool_]

    @property
    def best(self) -> int:
        """Index of the most significant mass."""
        return int(np.argmax(self.z))

    @property
    def local_z(self) -> float:
        """Largest local significance; 0 if there is no excess."""
        return max(float(self.z.max()), 0.0)


@dataclass(frozen=True, slots=True, eq=False)
class ChannelModel:
    """What one channel is fitted with."""

    bins: Bins
    """bins in the range of the fit"""
    function: Function
    masses_GeV: FloatArray
    spurious_events: FloatArray
    """one standard deviation of the spurious signal at those masses"""
    name: str = "all"


@dataclass(frozen=True, slots=True, eq=False)
class Spectra:
    """All channels together, ready to be fitted."""

    peak: Peak
    counts: FloatArray
    """shape (B,)"""
    channels: tuple[ChannelModel, ...]

    @classmethod
    def of(
        cls, channels: Sequence[ChannelModel], signal: SignalModel, systematics: Systematics
    ) -> "Spectra":
        """Return the likelihood of some channels."""
        groups = [channel.bins for channel in channels]
        background = model([channel.function for channel in channels], groups)
        names = [channel.name for channel in channels]
        peak = Peak.of(background, groups, signal, systematics, names)
        counts = np.concatenate([bins.effective_counts for bins in groups])
        return cls(peak, counts, tuple(channels))

    def spurious(self, mass_GeV: FloatArray) -> FloatArray:
        """Return the channels' spurious signals at some masses, shape (M, C)."""
        return np.stack(
            [np.interp(mass_GeV, c.masses_GeV, c.spurious_events) for c in self.channels], axis=-1
        )

    def scan(self, mass_GeV: FloatArray) -> MassScan:
        """Fit a peak at every mass."""
        return self._compare_all(np.repeat(self.counts[None], len(mass_GeV), axis=0), mass_GeV)

    def asimov_z(self, mass_GeV: FloatArray, events: FloatArray) -> FloatArray:
        """Return the local significance expected of `events` at each mass.

        It is that of the Asimov set: the spectrum as it stands, taken as background without
        fluctuations, and the expected signal on top.
        """
        signal = np.asarray(events)[:, None] * self.templates(mass_GeV)
        return self._compare_all(self.counts + signal, mass_GeV).z

    def _compare_all(self, counts: FloatArray, mass_GeV: FloatArray) -> MassScan:
        """Fit counts of shape (M, B), from the background that fits the spectrum itself."""
        theta = scoring_fit(self.counts[None], self.peak.background).theta
        start = np.repeat(theta, len(mass_GeV), axis=0)
        return self.compare(counts, start, mass_GeV, self.spurious(mass_GeV))

    def templates(
        self, mass_GeV: FloatArray, *, wider: float = 0.0, shifted: float = 0.0
    ) -> FloatArray:
        """Return the entries per bin of one signal event at each mass, shape (M, B).

        `wider` and `shifted` are pulls of resolution and energy scale.
        """
        curve = self.peak.curve(mass_GeV)
        values = np.zeros((len(mass_GeV), self.peak.size))
        values[:, self.peak.mass] = mass_GeV
        values[:, self.peak.mass + 1], values[:, self.peak.mass + 2] = wider, shifted
        # The expectation is linear in S: its derivative is one event, whatever the background.
        strength = np.array([self.peak.strength])
        return curve.slopes(values, np.arange(len(mass_GeV)), strength)[..., 0]

    def compare(
        self, counts: FloatArray, theta: FloatArray, mass_GeV: FloatArray, spurious: FloatArray
    ) -> MassScan:
        """Fit every row of counts with and without a signal at a mass of its own."""
        best = self.peak.fit(counts, theta, mass_GeV, spurious=spurious)
        null = self.peak.fit(counts, theta, mass_GeV, spurious=spurious, free=NO_SIGNAL)
        events = best.values[:, self.peak.strength]
        # Both fits end a tolerance above their minima: the freer one may end the higher.
        z = np.sign(events) * np.sqrt(np.maximum(null.deviance - best.deviance, 0.0))
        error = best.error(self.peak.strength)
        converged = best.converged & null.converged
        return MassScan(mass_GeV, events, error, z, best.deviance, null.deviance, converged)

    def split(self, per_bin: FloatArray) -> tuple[FloatArray, ...]:
        """Return numbers per bin, channel by channel."""
        sizes = [len(channel.bins.low_GeV) for channel in self.channels]
        return tuple(np.split(per_bin, np.cumsum(sizes)[:-1]))
