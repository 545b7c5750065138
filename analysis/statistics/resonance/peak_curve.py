r"""The likelihood of a resonance on the backgrounds of some channels, for many rows at once.

The expected content of bin i, in channel c, is

.. math::

   \mu_i = b_i(\theta_c) + \big(S f_c + s_c \eta_c\big)
           \big[\Phi((h_i - \bar m)/w) - \Phi((l_i - \bar m)/w)\big],
   \qquad \bar m = (M + \delta)(1 + \epsilon_s \kappa_s),\quad w = w_0 (1 + \epsilon_w \kappa_w)

=================  ========  ===================================================================
parameter          number    meaning
=================  ========  ===================================================================
theta              P         the background functions of all channels (`poisson.Model`)
S                  1         signal events of all channels; may be negative
M                  1         the resonance's mass in GeV
kappa_w, kappa_s   2         nuisance parameters of resolution and energy scale, constrained to 0+-1
eta                C         spurious signal of each channel in units of its size s, 0+-1
S_k, M_k           2 K       events and mass of each resonance that is *given*: known already, it
                             belongs to the fits with and without the one that is searched
=================  ========  ===================================================================

A given resonance adds S_k f_c times the same integral about its own mass; resolution and scale are
common to all. Its mass stays within one resolution of where it was found.

Each row (a spectrum, or a mass hypothesis on it) has its own fractions f of the channels, spurious
signals s, offset delta and width w_0: they are those of a reference mass, as they change slowly.
The spurious signal stands in the fit without a resonance too: what the background function may fake
is no evidence.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from analysis.settings.search import Systematics
from analysis.statistics.background.poisson import Model
from analysis.statistics.minimiser.scoring import Part, Rows
from analysis.statistics.spectra.bins import Bins
from analysis.statistics.spectra.signal_model import SignalModel, bin_fractions, in_widths
from tools.arrays import FloatArray

_EXACT = Systematics(luminosity=0.0, efficiency=0.0, energy_scale=0.0, resolution=0.0)
_SPURIOUS = 4
"""position of the first spurious signal among the parameters of the peak, S being the first"""
APART = 2.0
"""resolutions within which two peaks are one"""


@dataclass(frozen=True, slots=True)
class Given:
    """A resonance that is known already."""

    mass_GeV: float
    events: float
    """in all channels"""


def near(
    mass_GeV: FloatArray, given_GeV: Sequence[float], signal: SignalModel
) -> npt.NDArray[np.bool_]:
    """Return which masses lie within `APART` resolutions of some others."""
    found = np.zeros(len(mass_GeV), dtype=bool)
    for mass in given_GeV:
        width = float(signal.width_GeV(np.array([mass]))[0])
        found |= np.abs(mass_GeV - mass) <= APART * width
    return found


@dataclass(frozen=True, slots=True, eq=False)
class PeakParameters:
    """Backgrounds and a resonance in the bins of some channels, and where each parameter is."""

    background: Model
    """the functions of all channels, one after the other"""
    low_GeV: FloatArray
    """shape (B,)"""
    high_GeV: FloatArray
    channel: npt.NDArray[np.intp]
    """channel of each bin, shape (B,)"""
    signal: SignalModel
    width_error: float = 0.0
    """relative uncertainty of the resolution"""
    scale_error: float = 0.0
    """relative uncertainty of the energy scale"""
    channel_names: tuple[str, ...] = ()
    given: tuple[Given, ...] = ()
    """resonances in both hypotheses"""

    @classmethod
    def of(
        cls,
        background: Model,
        groups: Sequence[Bins],
        signal: SignalModel,
        systematics: Systematics = _EXACT,
        names: Sequence[str] = (),
    ) -> Self:
        """Return the likelihood in the bins of some channels."""
        channel = np.repeat(np.arange(len(groups)), [len(bins.low_GeV) for bins in groups])
        every = Bins.joined(groups)
        return cls(
            background, every.low_GeV, every.high_GeV, channel, signal,
            systematics.resolution, systematics.energy_scale, tuple(names),
        )  # fmt: skip

    @property
    def strength(self) -> int:
        """Index of S among the parameters."""
        return self.background.size

    @property
    def mass(self) -> int:
        """Index of M among the parameters."""
        return self.background.size + 1

    @property
    def channels(self) -> int:
        """Number of channels."""
        return len(self.background.functions)

    @property
    def size(self) -> int:
        """Number of parameters."""
        return self.first_given + 2 * len(self.given)

    @property
    def first_given(self) -> int:
        """Index of the events of the first given resonance; its mass follows."""
        return self.background.size + _SPURIOUS + self.channels

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the parameters beyond the background's."""
        several = self.channel_names if self.channels > 1 else ()
        spurious = [f"spurious signal, {name}" for name in several] or ["spurious signal"]
        return ("signal", "mass", "resolution", "energy scale", *spurious)

    def at(
        self, theta: FloatArray, mass_GeV: FloatArray, events: FloatArray | float = 0.0
    ) -> FloatArray:
        """Return parameters, nuisance parameters at 0; theta may be one for all masses."""
        values = np.zeros((len(mass_GeV), self.size))
        values[:, : self.background.size] = theta
        values[:, self.strength], values[:, self.mass] = events, mass_GeV
        for index, known in zip(range(self.first_given, self.size, 2), self.given, strict=True):
            values[:, index : index + 2] = known.events, known.mass_GeV
        return values

    def indices(self, free: Sequence[str | int]) -> list[int]:
        """Return the indices of parameters, given as for `fit`."""
        size, first = self.background.size, self.mass + 1
        errors = (self.width_error, self.scale_error)
        parts: dict[str, Sequence[int]] = {
            "background": range(size),
            "signal": [self.strength],
            "mass": [self.mass],
            "shape": [first + i for i, error in enumerate(errors) if error > 0],
            "spurious": range(first + 2, self.first_given),
            "given": range(self.first_given, self.size),
        }
        chosen = (parts[each] if isinstance(each, str) else [each] for each in free)
        return sorted(index for indices in chosen for index in indices)


@dataclass(frozen=True, slots=True, eq=False)
class PeakCurve:
    """Expected contents of rows with their reference masses (a `scoring.Curve`)."""

    peak: PeakParameters
    fractions: FloatArray
    """fractions of the signal's events that each channel has, shape (T, C)"""
    spurious: FloatArray
    """events of the spurious signals at one standard deviation, shape (T, C)"""
    offset_GeV: FloatArray
    """distance of the peak's mean from the mass, shape (T,)"""
    width_GeV: FloatArray
    """shape (T,)"""

    def expected(self, values: FloatArray, rows: Rows) -> FloatArray:
        """Return the expectations, shape (R, B)."""
        peak, model = self.peak, self.peak.background
        found = model.expected(values[:, : model.size])
        amplitudes = self._amplitudes(values, rows)
        # Half of all fits are without a signal: their rows need no normal distribution.
        there = np.any(amplitudes != 0, axis=1)
        if there.any():
            place = self._place(values[there], rows[there])
            shape = bin_fractions(peak.low_GeV, peak.high_GeV, *place)
            found[there] += amplitudes[there][:, peak.channel] * shape * model.scale
        for known in self._known(values):
            shape = bin_fractions(peak.low_GeV, peak.high_GeV, known.mean_GeV, known.width_GeV)
            found += known.amplitudes[:, peak.channel] * shape * model.scale
        return found

    def parts(self, values: FloatArray, rows: Rows, free: Rows) -> Iterator[Part]:
        """Yield the derivatives of each channel by the `free` parameters that it knows."""
        peak = self.peak
        for channel, group in enumerate(peak.background.groups):
            own, faked = group.own, peak.strength + _SPURIOUS + channel
            shared = (free >= peak.strength) & (free < peak.strength + _SPURIOUS)
            peaked = np.flatnonzero(shared | (free == faked) | (free >= peak.first_given))
            below = np.flatnonzero((free >= own.start) & (free < own.stop))
            parts = [group.slopes(values[:, own])] if len(below) else []
            if len(peaked):
                found = self._peaked(values, rows, free[peaked], channel)
                parts.append(found * group.scale[:, None])
            if parts:
                columns = np.concatenate([below, peaked])
                yield Part(group.bins, columns, np.concatenate(parts, axis=-1))

    def slopes(self, values: FloatArray, rows: Rows, free: Rows) -> FloatArray:
        """Return all derivatives by the `free` parameters, shape (R, B, F)."""
        found = np.zeros((len(values), len(self.peak.channel), len(free)))
        for part in self.parts(values, rows, free):
            found[:, part.bins, part.columns] = part.slopes
        return found

    def damping(self, gradient: FloatArray) -> FloatArray | None:
        """Return what the background functions want on the diagonal of the information."""
        size = self.peak.background.size
        found = self.peak.background.damping(gradient[:, :size])
        if found is None:
            return None
        # Of the peak's parameters none stands in an exponent: their information is enough.
        return np.hstack([found, np.zeros((len(gradient), gradient.shape[1] - size))])

    def _peaked(self, values: FloatArray, rows: Rows, parameters: Rows, channel: int) -> FloatArray:
        """Return derivatives of a channel by parameters of the peak, without the bins' scale."""
        peak, first, bins = self.peak, self.peak.strength, self.peak.background.groups[channel].bins
        ends, place = (peak.low_GeV[bins], peak.high_GeV[bins]), self._place(values, rows)
        shape = bin_fractions(*ends, *place)
        amplitude = self._amplitudes(values, rows)[:, channel, None]
        # Densities take as long as the bins' integrals: only where mass or shape is free.
        by_mean = by_width = shape
        if np.any((parameters > first) & (parameters < first + _SPURIOUS)):
            by_mean, by_width = (amplitude * each for each in _gaussian_slopes(*ends, *place))
        mean = values[:, peak.mass, None] + self.offset_GeV[rows, None]
        scale = 1 + peak.scale_error * values[:, peak.mass + 2, None]
        # By S, M, kappa_w, kappa_s and eta, by the chain rule from mean and width of the docstring.
        columns: dict[int, Callable[[], FloatArray]] = {
            0: lambda: self.fractions[rows, channel, None] * shape,
            1: lambda: by_mean * scale,
            2: lambda: by_width * self.width_GeV[rows, None] * peak.width_error,
            3: lambda: by_mean * mean * peak.scale_error,
            _SPURIOUS + channel: lambda: self.spurious[rows, channel, None] * shape,
        }
        found = [
            columns[int(index) - first]() if index < peak.first_given else np.zeros_like(shape)
            for index in parameters
        ]
        slopes = np.stack(found, axis=-1)
        for known in self._known(values):
            self._add_known(slopes, known, parameters, channel, scale)
        return slopes

    def _add_known(
        self, slopes: FloatArray, known: "_Known", parameters: Rows, channel: int, scale: FloatArray
    ) -> None:
        """Add a given resonance's derivatives, by its own parameters and by those of the shape."""
        peak, bins = self.peak, self.peak.background.groups[channel].bins
        place = peak.low_GeV[bins], peak.high_GeV[bins], known.mean_GeV, known.width_GeV
        amplitude = known.amplitudes[:, channel, None]
        by_mean, by_width = (amplitude * each for each in _gaussian_slopes(*place))
        added = {
            known.index: known.fractions[channel] * bin_fractions(*place),
            known.index + 1: by_mean * scale,
            peak.mass + 1: by_width * known.nominal_width_GeV * peak.width_error,
            peak.mass + 2: by_mean * (known.mean_GeV[:, None] / scale) * peak.scale_error,
        }
        for column, index in enumerate(parameters):
            if int(index) in added:
                slopes[..., column] += added[int(index)]

    def _known(self, values: FloatArray) -> Iterator["_Known"]:
        """Yield the given resonances as they are with these parameters."""
        peak = self.peak
        wider, shifted = values[:, peak.mass + 1], values[:, peak.mass + 2]
        for index, given in zip(range(peak.first_given, peak.size, 2), peak.given, strict=True):
            mass = np.array([given.mass_GeV])
            fractions, width = peak.signal.shares(mass)[0], float(peak.signal.width_GeV(mass)[0])
            mean = values[:, index + 1] + float(peak.signal.offset_GeV(mass)[0])
            yield _Known(
                index, fractions, values[:, index, None] * fractions,
                mean * (1 + peak.scale_error * shifted), width * (1 + peak.width_error * wider),
                width,
            )  # fmt: skip

    def _amplitudes(self, values: FloatArray, rows: Rows) -> FloatArray:
        """Return the events of the peak in every channel, shape (R, C)."""
        peak = self.peak
        strength = values[:, peak.strength, None]
        pulls = values[:, peak.mass + 3 : peak.first_given]
        return np.asarray(strength * self.fractions[rows] + pulls * self.spurious[rows])

    def _place(self, values: FloatArray, rows: Rows) -> tuple[FloatArray, FloatArray]:
        """Return mean and width of the peak, shape (R,) each."""
        peak = self.peak
        wider, shifted = values[:, peak.mass + 1], values[:, peak.mass + 2]
        mean = (values[:, peak.mass] + self.offset_GeV[rows]) * (1 + peak.scale_error * shifted)
        return mean, self.width_GeV[rows] * (1 + peak.width_error * wider)


@dataclass(frozen=True, slots=True, eq=False)
class _Known:
    """A given resonance with some parameters."""

    index: int
    """of its events among the parameters"""
    fractions: FloatArray
    """fractions of its events that each channel has, shape (C,)"""
    amplitudes: FloatArray
    """events in every channel, shape (R, C)"""
    mean_GeV: FloatArray
    """shape (R,)"""
    width_GeV: FloatArray
    """shape (R,)"""
    nominal_width_GeV: float


def _gaussian_slopes(
    low_GeV: FloatArray, high_GeV: FloatArray, mean_GeV: FloatArray, width_GeV: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return the derivatives of `bin_fractions` by mean and width."""
    low, high = (in_widths(edges, mean_GeV, width_GeV) for edges in (low_GeV, high_GeV))
    # Densities at the edges: the derivatives of Phi(z), of which dz/dmean = -1/w, dz/dw = -z/w.
    below, above = (np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi) for z in (low, high))
    by_mean = -(above - below) / width_GeV[:, None]
    return by_mean, -(high * above - low * below) / width_GeV[:, None]
