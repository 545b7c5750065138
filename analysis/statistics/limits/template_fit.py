r"""Fits of the likelihood of `workspaces.py`, with its derivatives, many spectra at once.

pyhf's numpy backend has no derivatives: its minimisers call the likelihood some hundred times a
parameter. Here the same expectation (HistFactory's interpolations included) is differentiated by
hand and minimised as all our likelihoods are (`scoring.py`), in a few milliseconds for forty
parameters. Only the place of the minimum is taken from here: the value there is pyhf's own, and
`asymptotic.py` compares the two.
Toys, of which there are thousands, are fitted here alone.

Parameters, in this order: the strength; the modes of each category, in standard deviations of the
fit they come from; its spurious signal; the nuisances of the signal by name.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from analysis.statistics.limits.workspaces import (
    CONSTRAINED_BOUND,
    MODE_BOUND,
    MODE_CENTRE,
    MODE_WIDTH,
    ChannelTemplates,
)
from analysis.statistics.minimiser.scoring import Minima, Part, Rows, Settings, minimise
from tools.arrays import FloatArray

_TOLERANCE = 1e-9
"""of a deviance: a limit that pyhf finds again to 1e-6 (with 1e-7 it is off by as much, as Fisher
scoring comes nearer by the same factor in each step, and tells less than is left)"""
_LOG_RANGE = 300.0
"""of the modes' factor: a step that far out is refused by its deviance anyway"""
_TWO_SIGMA = 2.0
_NO_EVENTS = 3.0
"""signal events that 95 % CLs excludes where nothing is expected and nothing seen"""


@dataclass(frozen=True, slots=True, eq=False)
class TemplateFit:
    """The likelihood of some categories at one mass, ready to be fitted."""

    background: FloatArray
    """expected events of all categories, one after the other, shape (B,)"""
    log_modes: FloatArray
    """shape (M, B), each mode 0 outside its category"""
    spurious: FloatArray
    """changes of the background (down, up), shape (2, N, B), both for one unit upwards"""
    signal: FloatArray
    """events for strength 1, shape (B,)"""
    factors: FloatArray
    """logarithms of the signal's factors (down, up), shape (2, J, B)"""
    polynomials: FloatArray
    """HistFactory's interpolation of the factors within one unit, shape (6, J, B)"""
    widths: FloatArray
    """widths of the constraints, shape (P - 1,)"""
    lowest: FloatArray
    """lower bounds, shape (P,)"""
    highest: FloatArray
    """upper bounds, shape (P,)"""
    names: tuple[str, ...]
    """names of all parameters in the workspace"""
    bin_names: tuple[str, ...]
    """names of all bins in the workspace"""
    places: tuple[tuple[slice, Rows, Rows], ...]
    """places of each category: its bins, its modes and its spurious signal among the parameters"""
    centres: FloatArray
    """centres in the workspace: theirs = centre + ours / width for modes; shape (P,)"""

    @classmethod
    def of(cls, channels: Sequence[ChannelTemplates], *, scale: float = 1.0) -> "TemplateFit":
        """Return the likelihood whose strength 1 is a cross-section of `scale`."""
        ends = np.cumsum([len(channel.background) for channel in channels])
        bins, modes = int(ends[-1]), sum(len(channel.modes) for channel in channels)
        nuisances = sorted({name for channel in channels for name in channel.signal_factors})
        factors = np.zeros((2, len(nuisances), bins))
        log_modes = np.zeros((modes, bins))
        spurious: list[FloatArray] = []
        places: list[tuple[slice, Rows, Rows]] = []
        names: list[str] = []
        spurious_names = []
        for channel, end in zip(channels, ends, strict=True):
            place, first = slice(int(end) - len(channel.background), int(end)), len(names)
            count = len(channel.log_modes)
            log_modes[first : first + count, place] = channel.log_modes
            names += channel.mode_names
            for name, (down, up) in channel.signal_factors.items():
                factors[:, nuisances.index(name), place] = np.log(down), np.log(up)
            own = np.arange(0)
            if channel.spurious_pair is not None:
                down, up = channel.spurious_pair
                changes = np.zeros((2, bins))
                changes[:, place] = channel.background - down, up - channel.background
                own = np.array([1 + modes + len(spurious)])
                spurious.append(changes)
                spurious_names.append(channel.spurious_name)
            places.append((place, 1 + first + np.arange(count), own))
        unit = len(spurious) + len(nuisances)
        bounds = np.repeat([MODE_BOUND, CONSTRAINED_BOUND], [modes, unit])
        return cls(
            background=np.concatenate([channel.background for channel in channels]),
            log_modes=log_modes,
            spurious=np.stack(spurious, axis=1) if spurious else np.zeros((2, 0, bins)),
            signal=np.concatenate([channel.signal for channel in channels]) * scale,
            factors=factors,
            polynomials=_polynomials(factors),
            widths=np.repeat([MODE_WIDTH, 1.0], [modes, unit]),
            lowest=np.array([0.0, *-bounds]),
            highest=np.array([np.inf, *bounds]),
            names=("mu", *names, *spurious_names, *nuisances),
            places=tuple(places),
            bin_names=tuple(name for channel in channels for name in channel.bin_names),
            centres=np.repeat([0.0, MODE_CENTRE, 0.0], [1, modes, unit]),
        )

    @property
    def size(self) -> int:
        """Number of parameters."""
        return len(self.names)

    def expected(self, values: FloatArray, _rows: Rows | None = None) -> FloatArray:
        """Return events per bin, shape (T, B), for parameters of shape (T, P)."""
        background, growth, peak = self._terms(values)
        return background * growth + values[:, :1] * peak

    def parts(self, values: FloatArray, _rows: Rows, free: Rows) -> Iterator[Part]:
        """Yield the derivatives of each category by the parameters that it knows."""
        plain, growth, peak = self._terms(values)
        background, signal = plain * growth, values[:, :1] * peak
        _, beta, alpha = self._split(values)
        by_beta, by_alpha = self._spurious(beta)[1], self._factors(alpha)[1]
        nuisances = np.arange(self.size - by_alpha.shape[1], self.size)
        fixed = self.size - len(free)  # the strength, or nothing
        for bins, modes, spurious in self.places:
            # A category knows its own modes and spurious signal, and all that varies the signal.
            own = growth[:, None, bins]
            columns = np.concatenate([[0], modes, spurious, nuisances])
            slopes = np.concatenate(
                [
                    peak[:, None, bins],
                    background[:, None, bins] * self.log_modes[modes - 1, bins],
                    by_beta[:, spurious - 1 - len(self.log_modes), bins] * own,
                    signal[:, None, bins] * by_alpha[:, :, bins],
                ],
                axis=1,
            )
            yield Part(bins, columns[fixed:] - fixed, slopes[:, fixed:].swapaxes(1, 2))

    def damping(self, _gradient: FloatArray) -> None:
        """Nothing: no factor runs away within the bounds."""

    def _split(self, values: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return the parameters of modes, spurious signals and the signal's nuisances."""
        modes = 1 + len(self.log_modes)
        spurious = modes + self.spurious.shape[1]
        return values[:, 1:modes], values[:, modes:spurious], values[:, spurious:]

    def _terms(self, values: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return background, the modes' factor on it, and signal for strength 1."""
        theta, beta, alpha = self._split(values)
        growth = np.exp(np.clip(theta @ self.log_modes, -_LOG_RANGE, _LOG_RANGE))
        background = self.background + self._spurious(beta)[0].sum(axis=1)
        return background, growth, self.signal * self._factors(alpha)[0].prod(axis=1)

    def _spurious(self, beta: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return pyhf's `code4p` and its derivative, shapes (T, N, B)."""
        x, (down, up) = beta[:, :, None], self.spurious
        # Straight lines beyond one unit; within it the polynomial of sixth degree that has their
        # values, slopes and no curvature at both ends.
        middle, curvature = (up + down) / 2, (up - down) / 16
        inside = x * middle + curvature * x**2 * (15 + x**2 * (3 * x**2 - 10))
        slope = middle + curvature * x * (30 + x**2 * (18 * x**2 - 40))
        changes = np.where(x > 1, x * up, np.where(x < -1, x * down, inside))
        return changes, np.where(x > 1, up, np.where(x < -1, down, slope))

    def _factors(self, alpha: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return pyhf's `code4` and the derivative of its logarithm, shapes (T, J, B)."""
        x, (down, up) = alpha[:, :, None], self.factors
        # Exponentials beyond one unit, a polynomial of sixth degree within it (`_polynomials`).
        powers = np.stack([alpha**n for n in range(7)])
        inside = 1 + np.einsum("njb,ntj->tjb", self.polynomials, powers[1:])
        rising = np.einsum("n,njb,ntj->tjb", np.arange(1.0, 7), self.polynomials, powers[:-1])
        factors = np.where(x >= 1, np.exp(x * up), np.where(x <= -1, np.exp(-x * down), inside))
        return factors, np.where(x >= 1, up, np.where(x <= -1, -down, rising / inside))

    def fit(
        self,
        counts: FloatArray,
        centres: FloatArray | None = None,
        *,
        strength: float | None = None,
        start: FloatArray | None = None,
        covariance: bool = False,
    ) -> Minima:
        """Fit spectra.

        Parameters
        ----------
        counts : ndarray, shape (T, B)
            Events; not necessarily integers.
        centres : ndarray, shape (T, P - 1), optional
            Of the constraints (0).
        strength : float, optional
            Fixes the strength; else it is fitted, not below 0.
        start : ndarray, shape (P,), optional
            Where to begin (at the nominal background).
        covariance : bool
            Whether it is wanted.
        """
        values = np.tile(np.zeros(self.size) if start is None else start, (len(counts), 1))
        if strength is not None:
            values[:, 0] = strength
        settings = Settings(
            free=np.arange(strength is not None, self.size),
            constrained=np.arange(self.size) > 0,
            low=self.lowest,
            high=self.highest,
            centres=0.0 if centres is None else np.pad(centres, ((0, 0), (1, 0))),
            widths=np.append(1.0, self.widths),
            tolerance=_TOLERANCE,
        )
        return minimise(self, counts, values, settings, covariance=covariance)

    def sigma(self) -> float:
        """Return the error of the strength on the background alone, from the information."""
        # The signal's nuisances have no information there, but their constraints.
        return float(self.fit(self.background[None], covariance=True).error(0)[0])


def strength_scale(channels: Sequence[ChannelTemplates]) -> float:
    """Return a power of ten: the cross-section of strength 1, for limits of 0.1 to 1.

    The limit is the expected one, or that behind the excess in the data. pyhf's own minimisers are
    at their best with strengths of that size.
    """
    fit = TemplateFit.of(channels)
    counts = [channel.observed for channel in channels if channel.observed is not None]
    seen = 0.0
    if len(counts) == len(channels):
        seen = float(fit.fit(np.concatenate(counts)[None]).values[0, 0])
    limit = max(_TWO_SIGMA * fit.sigma(), _NO_EVENTS / float(fit.signal.sum()))
    return float(10.0 ** math.ceil(math.log10(seen + limit)))


def _polynomials(factors: FloatArray) -> FloatArray:
    """Return the coefficients of code4: value and two derivatives agree at both ends."""
    # Rows: value at +1 and -1, first derivative there, second derivative.
    n = np.arange(1, 7)
    signs = (-1.0) ** n
    matrix = np.stack([n**0.0, signs, n, -n * signs, n * (n - 1.0), n * (n - 1) * signs])
    down, up = factors
    ends = [np.exp(up) - 1, np.exp(down) - 1, up * np.exp(up), -down * np.exp(down)]
    ends += [up**2 * np.exp(up), down**2 * np.exp(down)]
    return np.asarray(np.einsum("nm,mjb->njb", np.linalg.inv(matrix), np.stack(ends)))
