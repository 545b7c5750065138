r"""What a resonance of any mass looks like: mean, width, efficiency between the simulated masses.

Of every simulated signal the selected spectrum gives the mean and the standard deviation of its
peak (of the bins within five standard deviations, the bin width's own h^2/12 taken off), and each
channel's fraction of its generated events. Between the simulated masses all three are interpolated
linearly, beyond them the nearest is taken. The samples are independent: the error of a value
between two is that of their weighted sum.

The course's signals are Gaussians of 30 GeV at every mass, without tails; a sample of one's own
with tails shows as a width that does not describe its core, which `kurtosis` tells.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from tools.arrays import FloatArray
from tools.errors import InputError

_CORE = 5.0
"""standard deviations on either side that the moments are of"""
_MAX_ROUNDS = 20
"""rounds of taking moments and leaving out what is far from them, should they not settle"""
_ROUNDING = 1e-9
"""relative excess of events that are divided among categories"""
_GAUSSIAN_KURTOSIS = 0.5
"""excess kurtosis beyond which a peak is not a Gaussian"""


@dataclass(frozen=True, slots=True, eq=False)
class SimulatedPeak:
    """The peak of one simulated signal."""

    mass_GeV: float
    mean_GeV: float
    mean_error_GeV: float
    width_GeV: float
    width_error_GeV: float
    kurtosis: float
    """excess kurtosis, 0 of a Gaussian"""
    selected: FloatArray
    """selected events in each channel"""
    generated: int
    """events before any selection"""

    @classmethod
    def of(
        cls, mass_GeV: float, edges_GeV: FloatArray, counts: Sequence[FloatArray], generated: int
    ) -> Self:
        """Return the peak of one simulated signal.

        Parameters
        ----------
        mass_GeV : float
        edges_GeV : ndarray, shape (B + 1,)
            Of the fine bins.
        counts : sequence of ndarray, shape (B,)
            Selected events in each channel.
        generated : int
            Events before any selection.
        """
        total = np.sum(counts, axis=0).astype(float)
        centres, bin_GeV = (edges_GeV[1:] + edges_GeV[:-1]) / 2, float(np.diff(edges_GeV).mean())
        near = np.ones(len(total), dtype=bool)
        mean = width = float("nan")
        if total.sum() > 0:
            for _ in range(_MAX_ROUNDS):
                mean, width = _moments(centres[near], total[near])
                # A peak in one bin has no width of its own; its neighbours count all the same.
                closer = np.abs(centres - mean) < _CORE * max(width, bin_GeV)
                if np.array_equal(closer, near):
                    break
                near = closer
        events = float(total[near].sum())
        kurtosis = 0.0
        if events > 0 and width > 0:
            kurtosis = float(total[near] @ ((centres[near] - mean) / width) ** 4 / events) - 3
        # All events of a bin stand at its centre, which widens the peak by the bin's own variance.
        intrinsic = float(np.sqrt(max(width**2 - bin_GeV**2 / 12, 0.0)))
        # Errors of mean and width are those of a Gaussian: sd/sqrt(N) and sd/sqrt(2 N).
        return cls(
            mass_GeV,
            mean,
            width / np.sqrt(max(events, 1.0)),
            intrinsic,
            width / np.sqrt(2 * max(events, 1.0)),
            kurtosis,
            np.array([float(np.sum(c)) for c in counts]),
            generated,
        )


@dataclass(frozen=True, slots=True, eq=False)
class Interpolated:
    """A value with its error, as a function of the resonance's mass."""

    masses_GeV: FloatArray
    values: FloatArray
    """at the simulated masses, shape (K,)"""
    errors: FloatArray
    """statistical uncertainties of the values, shape (K,)"""

    def at(self, mass_GeV: FloatArray | float) -> FloatArray:
        """Return the value at some masses."""
        return np.asarray(np.interp(mass_GeV, self.masses_GeV, self.values))

    def error(self, mass_GeV: FloatArray | float) -> FloatArray:
        """Return the value's statistical error at some masses.

        >>> two = Interpolated(np.array([500.0, 1000.0]), np.zeros(2), np.array([3.0, 4.0]))
        >>> two.error(np.array([400.0, 500.0, 750.0])).tolist()
        [3.0, 3.0, 2.5]
        """
        weights = [np.interp(mass_GeV, self.masses_GeV, row) for row in np.eye(len(self.values))]
        parts = [w * error for w, error in zip(weights, self.errors, strict=True)]
        return np.asarray(np.linalg.norm(parts, axis=0))


@dataclass(frozen=True, slots=True, eq=False)
class SignalModel:
    """A Gaussian peak at any mass."""

    offset: Interpolated
    """mean minus mass, GeV"""
    width: Interpolated
    """standard deviation, GeV"""
    efficiency: tuple[Interpolated, ...]
    """selected over generated events, of each channel"""
    formula: Callable[[FloatArray], FloatArray] | None = None
    """the width in GeV as a function of the mass, instead of `width`"""
    warnings: tuple[str, ...] = ()

    @classmethod
    def of(cls, peaks: Sequence[SimulatedPeak]) -> Self:
        """Return the model of a resonance, from simulated ones.

        Raises
        ------
        InputError
            If there is none, two have the same mass, or one lost all its events to the selection.
        """
        ordered = sorted(peaks, key=lambda peak: peak.mass_GeV)
        masses = np.array([peak.mass_GeV for peak in ordered])
        if not ordered or len(set(masses)) < len(masses):
            raise InputError(
                f"signal samples: one for each mass is needed, not {tuple(map(float, masses))}"
            )
        for peak in ordered:
            # Fractions of categories that keep every event may add up to a rounding more than 1.
            if not 0 < peak.selected.sum() <= peak.generated * (1 + _ROUNDING):
                raise InputError(
                    f"signal of {peak.mass_GeV:g} GeV: {peak.selected.sum():g} of {peak.generated} "
                    "events selected; loosen the selection or simulate more"
                )
        selected = np.array([peak.selected for peak in ordered])
        generated = np.array([peak.generated for peak in ordered])[:, None]
        efficiency = np.minimum(selected / generated, 1.0)
        # Binomial, channel by channel. Channels of one sample are anticorrelated: their errors,
        # added in quadrature (`total_efficiency`), are rather too large than too small.
        errors = np.sqrt(efficiency * (1 - efficiency) / generated)
        moments = [(p.mean_GeV, p.mean_error_GeV, p.width_GeV, p.width_error_GeV) for p in ordered]
        mean, mean_error, width, width_error = np.array(moments).T
        return cls(
            offset=Interpolated(masses, mean - masses, mean_error),
            width=Interpolated(masses, width, width_error),
            efficiency=tuple(
                Interpolated(masses, *each) for each in zip(efficiency.T, errors.T, strict=True)
            ),
            warnings=tuple(_tails(p) for p in ordered if abs(p.kurtosis) > _GAUSSIAN_KURTOSIS),
        )

    def extrapolated(self, masses_GeV: FloatArray) -> tuple[str, ...]:
        """Return a warning of masses beyond those of the simulated signals, if there are any."""
        simulated = self.efficiency[0].masses_GeV
        beyond = masses_GeV[(masses_GeV < simulated[0]) | (masses_GeV > simulated[-1])]
        if not len(beyond):
            return ()
        note = (
            f"signals are simulated from {simulated[0]:g} to {simulated[-1]:g} GeV: at "
            f"{len(beyond)} masses searched beyond, {beyond[0]:g} to {beyond[-1]:g} GeV, "
            "efficiency and width are those of the nearest; simulate signals there"
        )
        return (note,)

    def offset_GeV(self, mass_GeV: FloatArray) -> FloatArray:
        """Return the distance of the peak's mean from the mass."""
        return self.offset.at(mass_GeV)

    def width_GeV(self, mass_GeV: FloatArray) -> FloatArray:
        """Return the peak's standard deviation."""
        return self.width.at(mass_GeV) if self.formula is None else self.formula(mass_GeV)

    def shares(self, mass_GeV: FloatArray) -> FloatArray:
        """Return the fraction of the selected events that each channel has, shape (T, C)."""
        each = np.stack([channel.at(mass_GeV) for channel in self.efficiency], axis=-1)
        return np.asarray(each / each.sum(axis=-1, keepdims=True))

    def total_efficiency(self, mass_GeV: FloatArray | float) -> tuple[FloatArray, FloatArray]:
        """Return the efficiency of all channels together, and its error."""
        value = np.sum([channel.at(mass_GeV) for channel in self.efficiency], axis=0)
        error = np.linalg.norm([channel.error(mass_GeV) for channel in self.efficiency], axis=0)
        return value, error


def bin_fractions(
    low_GeV: FloatArray, high_GeV: FloatArray, mean_GeV: FloatArray, width_GeV: FloatArray
) -> FloatArray:
    """Return the fraction of a Gaussian peak that lies in each bin.

    Parameters
    ----------
    low_GeV, high_GeV : ndarray, shape (B,)
    mean_GeV, width_GeV : ndarray, shape (M,)

    Returns
    -------
    ndarray, shape (M, B)

    Examples
    --------
    >>> edges = np.array([-1.0, 0.0, 1.0])
    >>> bin_fractions(edges[:-1], edges[1:], np.array([0.0]), np.array([1.0])).round(4)
    array([[0.3413, 0.3413]])
    """
    from scipy.special import ndtr

    low, high = in_widths(low_GeV, mean_GeV, width_GeV), in_widths(high_GeV, mean_GeV, width_GeV)
    return np.asarray(ndtr(high) - ndtr(low))


def in_widths(edges_GeV: FloatArray, mean_GeV: FloatArray, width_GeV: FloatArray) -> FloatArray:
    """Return how far edges are from the means of peaks, in their widths, shape (M, B)."""
    return (edges_GeV - mean_GeV[:, None]) / width_GeV[:, None]


def plain_signal(
    width: Callable[[FloatArray], FloatArray] | float, efficiencies: Iterable[float] = (1.0,)
) -> SignalModel:
    """Return the model of a peak that is where its mass is, with a given width in GeV.

    The efficiencies are those of the channels, at any mass.
    """
    anywhere, none = np.array([0.0]), np.zeros(1)
    constant, formula = (1.0, width) if callable(width) else (width, None)
    return SignalModel(
        offset=Interpolated(anywhere, none, none),
        width=Interpolated(anywhere, np.array([constant]), none),
        efficiency=tuple(Interpolated(anywhere, np.array([each]), none) for each in efficiencies),
        formula=formula,
    )


def _moments(centres: FloatArray, counts: FloatArray) -> tuple[float, float]:
    mean = float(counts @ centres / counts.sum())
    return mean, float(np.sqrt(counts @ (centres - mean) ** 2 / counts.sum()))


def _tails(peak: SimulatedPeak) -> str:
    return (
        f"the signal of {peak.mass_GeV:g} GeV is no Gaussian (excess kurtosis "
        f"{peak.kurtosis:.2g}): the fits describe it by one of {peak.width_GeV:.3g} GeV"
    )
