r"""A resonance in the spectra of some channels: the scan of its mass.

The likelihood is that of `peak.py`; functions, ranges and spurious signals are those that the
model selection settled on the sidebands (`model_selection.py`).

1. Scan: at each mass of the grid background, S (of either sign) and nuisance parameters are fitted,
   and the same without S. The grid is finer than the peak, so that a peak cannot be missed, as it
   can by a fit that is started at one fixed mass.
2. z = sqrt(q0), q0 = D(S = 0) - D(best fit), with the sign of S. Its maximum over the grid is the
   *local* significance.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from analysis.settings.search import Systematics
from analysis.statistics.background.families import Function
from analysis.statistics.background.poisson import model
from analysis.statistics.resonance.one_minimum import lowest
from analysis.statistics.resonance.peak import MassScan, Peak
from analysis.statistics.resonance.peak_curve import Given
from analysis.statistics.spectra.bins import Bins
from analysis.statistics.spectra.signal_model import SignalModel
from tools.arrays import FloatArray


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

    def with_given(self, given: Sequence[Given]) -> "Spectra":
        """Return the likelihood with these resonances in both hypotheses."""
        return replace(self, peak=replace(self.peak, given=tuple(given)))

    def with_counts(self, counts: FloatArray) -> "Spectra":
        """Return the likelihood of other contents."""
        return replace(self, counts=counts)

    def spurious(self, mass_GeV: FloatArray) -> FloatArray:
        """Return the channels' spurious signals at some masses, shape (M, C)."""
        return np.stack(
            [np.interp(mass_GeV, c.masses_GeV, c.spurious_events) for c in self.channels], axis=-1
        )

    def scan(self, mass_GeV: FloatArray) -> MassScan:
        """Fit a peak at every mass; masses in order."""
        peak, spurious = self.peak, self.spurious(mass_GeV)
        counts = np.repeat(self.counts[None], len(mass_GeV), axis=0)
        fits = peak.fit_both(counts, self._start, mass_GeV, spurious)
        return peak.compared(*lowest(peak, counts, spurious, *fits))

    def asimov_z(self, mass_GeV: FloatArray, events: FloatArray) -> FloatArray:
        """Return the local significance expected of `events` at each mass.

        It is that of the Asimov set: the spectrum as it stands, taken as background without
        fluctuations, and the expected signal on top.
        """
        counts = self.counts + np.asarray(events)[:, None] * self.peak.templates(mass_GeV)
        return self.peak.compare(counts, self._start, mass_GeV, self.spurious(mass_GeV)).z

    @property
    def _start(self) -> FloatArray:
        """Parameters that fit the spectrum itself without a signal, shape (1, N)."""
        return self.peak.without_signal(self.counts[None])
