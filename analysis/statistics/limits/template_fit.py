r"""Fits of the likelihood of `workspaces.py`, with its derivatives, many spectra at once.

pyhf's numpy backend has no derivatives: its minimisers call the likelihood some hundred times a
parameter. Here the same expectation (HistFactory's interpolations included) is differentiated by
hand and minimised as all our likelihoods are (`scoring.py`), in a few milliseconds for forty
parameters. Only the place of the minimum is taken from here: the value there is pyhf's own, and
`asymptotic.py` compares the two.
Toys, of which there are thousands, are fitted here alone.

Parameters, in this order: the strength; the modes of each category, in standard deviations of the
fit they come from; its spurious signal; the nuisances of the signal by name; the strengths of given
resonances.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from analysis.statistics.limits.workspaces import (
    CONSTRAINED_BOUND,
    MAX_GIVEN_STRENGTH,
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
class TemplatePeak:
    """A resonance in the bins of all categories, for a strength of 1."""

    events: FloatArray
    """shape (B,)"""
    factors: FloatArray
    """logarithms of its factors (down, up), shape (2, J, B)"""
    polynomials: FloatArray
    """HistFactory's interpolation of the factors within one unit, shape (6, J, B)"""

    @classmethod
    def of(
        cls,
        channels: Sequence[tuple[FloatArray, Mapping[str, tuple[FloatArray, FloatArray]]]],
        nuisances: Sequence[str],
    ) -> "TemplatePeak":
        """Return a resonance of its events and factors in each category."""
        events = np.concatenate([events for events, _ in channels])
        factors = np.zeros((2, len(nuisances), len(events)))
        ends = np.cumsum([len(events) for events, _ in channels])
        for (own, named), end in zip(channels, ends, strict=True):
            for name, (down, up) in named.items():
                place = slice(int(end) - len(own), int(end))
                factors[:, nuisances.index(name), place] = np.log(down), np.log(up)
        return cls(events, factors, _polynomials(factors))

    def varied(self, alpha: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return events, shape (T, B), and the derivatives of their logarithm, shape (T, J, B)."""
        # pyhf's `code4`: exponentials beyond one unit, a polynomial of sixth degree within it.
        x, (down, up) = alpha[:, :, None], self.factors
        powers = np.stack([alpha**n for n in range(7)])
        inside = 1 + np.einsum("njb,ntj->tjb", self.polynomials, powers[1:])
        rising = np.einsum("n,njb,ntj->tjb", np.arange(1.0, 7), self.polynomials, powers[:-1])
        factors = np.where(x >= 1, np.exp(x * up), np.where(x <= -1, np.exp(-x * down), inside))
        slopes = np.where(x >= 1, up, np.where(x <= -1, -down, rising / inside))
        return self.events * factors.prod(axis=1), slopes


@dataclass(frozen=True, slots=True, eq=False)
class TemplateFit:
    """The likelihood of some categories at one mass, ready to be fitted."""

    background: FloatArray
    """expected events of all categories, one after the other, shape (B,)"""
    log_modes: FloatArray
    """shape (M, B), each mode 0 outside its category"""
    spurious: FloatArray
    """changes of the background (down, up), shape (2, N, B), both for one unit upwards"""
    peaks: tuple[TemplatePeak, ...]
    """the signal, and the K given resonances"""
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
        each = [channel.signal_factors for channel in channels]
        each += [known.factors for channel in channels for known in channel.given]
        nuisances = sorted({name for factors in each for name in factors})
        given = tuple(known.name for known in channels[0].given)
        own = [[(channel.signal * scale, channel.signal_factors) for channel in channels]]
        own += [
            [(channel.given[k].events, channel.given[k].factors) for channel in channels]
            for k in range(len(given))
        ]
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
            faked = np.arange(0)
            if channel.spurious_pair is not None:
                down, up = channel.spurious_pair
                changes = np.zeros((2, bins))
                changes[:, place] = channel.background - down, up - channel.background
                faked = np.array([1 + modes + len(spurious)])
                spurious.append(changes)
                spurious_names.append(channel.spurious_name)
            places.append((place, 1 + first + np.arange(count), faked))
        unit, none = len(spurious) + len(nuisances), np.zeros(len(given))
        bounds = np.repeat([MODE_BOUND, CONSTRAINED_BOUND], [modes, unit])
        return cls(
            background=np.concatenate([channel.background for channel in channels]),
            log_modes=log_modes,
            spurious=np.stack(spurious, axis=1) if spurious else np.zeros((2, 0, bins)),
            peaks=tuple(TemplatePeak.of(channels, nuisances) for channels in own),
            widths=np.repeat([MODE_WIDTH, 1.0], [modes, unit + len(given)]),
            lowest=np.array([0.0, *-bounds, *none]),
            highest=np.array([np.inf, *bounds, *(none + MAX_GIVEN_STRENGTH)]),
            names=("mu", *names, *spurious_names, *nuisances, *given),
            places=tuple(places),
            bin_names=tuple(name for channel in channels for name in channel.bin_names),
            centres=np.repeat([0.0, MODE_CENTRE, 0.0], [1, modes, unit + len(given)]),
        )

    @property
    def signal(self) -> FloatArray:
        """Events of the signal for strength 1, shape (B,)."""
        return self.peaks[0].events

    @property
    def constrained(self) -> npt.NDArray[np.bool_]:
        """Whether each parameter has a constraint: all but the strengths, shape (P,)."""
        index = np.arange(self.size)
        return (index > 0) & (index <= self.size - len(self.peaks))

    @property
    def nominal(self) -> FloatArray:
        """Parameters without a signal, given resonances as they were fitted, shape (P,)."""
        return np.where(np.arange(self.size) > self.size - len(self.peaks), 1.0, 0.0)

    @property
    def size(self) -> int:
        """Number of parameters."""
        return len(self.names)

    def expected(self, values: FloatArray, _rows: Rows | None = None) -> FloatArray:
        """Return events per bin, shape (T, B), for parameters of shape (T, P)."""
        background, growth, peaks = self._terms(values)
        strengths = values[:, self._strengths]
        expected = background * growth
        for k, (events, _) in enumerate(peaks):
            expected += strengths[:, k, None] * events
        return expected

    def parts(self, values: FloatArray, _rows: Rows, free: Rows) -> Iterator[Part]:
        """Yield the derivatives of each category by the parameters that it knows."""
        plain, growth, peaks = self._terms(values)
        background, strengths = plain * growth, values[:, self._strengths]
        by_beta = self._spurious(self._split(values)[1])[1]
        by_alpha = np.sum(
            [
                (strengths[:, k, None] * events)[:, None] * slopes
                for k, (events, slopes) in enumerate(peaks)
            ],
            axis=0,
        )
        shared = np.arange(1 + len(self.log_modes) + self.spurious.shape[1], self.size)
        given = np.stack([events for events, _ in peaks], axis=1)[:, 1:]
        fixed = self.size - len(free)  # the strength, or nothing
        for bins, modes, spurious in self.places:
            # A category knows its own modes and spurious signal, and all that varies resonances.
            own = growth[:, None, bins]
            columns = np.concatenate([[0], modes, spurious, shared])
            slopes = np.concatenate(
                [
                    peaks[0][0][:, None, bins],
                    background[:, None, bins] * self.log_modes[modes - 1, bins],
                    by_beta[:, spurious - 1 - len(self.log_modes), bins] * own,
                    by_alpha[:, :, bins],
                    given[:, :, bins],
                ],
                axis=1,
            )
            yield Part(bins, columns[fixed:] - fixed, slopes[:, fixed:].swapaxes(1, 2))

    def damping(self, _gradient: FloatArray) -> None:
        """Nothing: no factor runs away within the bounds."""

    def _split(self, values: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return the parameters of modes, spurious signals and the signal's nuisances."""
        modes = 1 + len(self.log_modes)
        spurious, last = modes + self.spurious.shape[1], self.size + 1 - len(self.peaks)
        return values[:, 1:modes], values[:, modes:spurious], values[:, spurious:last]

    @property
    def _strengths(self) -> Rows:
        """Where the strengths of signal and given resonances are."""
        return np.append(0, np.arange(self.size + 1 - len(self.peaks), self.size))

    def _terms(
        self, values: FloatArray
    ) -> tuple[FloatArray, FloatArray, list[tuple[FloatArray, FloatArray]]]:
        """Return background, the modes' factor on it, and what `TemplatePeak.varied` has."""
        theta, beta, alpha = self._split(values)
        growth = np.exp(np.clip(theta @ self.log_modes, -_LOG_RANGE, _LOG_RANGE))
        background = self.background + self._spurious(beta)[0].sum(axis=1)
        return background, growth, [peak.varied(alpha) for peak in self.peaks]

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
        values = np.tile(self.nominal if start is None else start, (len(counts), 1))
        if strength is not None:
            values[:, 0] = strength
        settings = Settings(
            free=np.arange(strength is not None, self.size),
            constrained=self.constrained,
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
        counts = self.expected(self.nominal[None])
        return float(self.fit(counts, covariance=True).error(0)[0])


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
