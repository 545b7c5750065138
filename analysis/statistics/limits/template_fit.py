r"""Fits of the likelihood of `workspaces.py`, with its derivatives, many spectra at once.

pyhf's numpy backend has no derivatives: its minimisers call the likelihood some hundred times a
parameter. Here the same expectation (HistFactory's interpolations included) is differentiated by
hand and minimised by Fisher scoring, in a few milliseconds for forty parameters. Only the place of
the minimum is taken from here: the value there is pyhf's own, and `asymptotic.py` compares the two.
Toys, of which there are thousands, are fitted here alone.

Parameters, in this order: the strength; the modes of each category, in standard deviations of the
fit they come from; its spurious signal; the nuisances of the signal by name.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from analysis.statistics.limits.workspaces import (
    CONSTRAINED_REACH,
    ChannelTemplates,
    bin_name,
    mode_centre,
    mode_name,
    spurious_name,
)
from analysis.statistics.spectra.bins import FloatArray

_MAX_ITERATIONS = 200
_CONVERGED = 1e-9
"""estimated distance of the deviance from its minimum"""
_MOST_NUMBERS = 4_000_000
"""of one array of derivatives: spectra are fitted in portions"""
_LOG_RANGE = 300.0
"""of the modes' factor: a step that far out is refused by its deviance anyway"""
_TWO_SIGMA = 2.0
_NO_EVENTS = 3.0
"""signal events that 95 % CLs excludes where nothing is expected and nothing seen"""


@dataclass(frozen=True, slots=True, eq=False)
class Fits:
    """Fits of T spectra."""

    values: FloatArray
    """parameters, shape (T, P); the strength first"""
    deviance: FloatArray
    """-2 ln L plus a constant of the spectrum alone, shape (T,)"""
    converged: FloatArray
    """boolean, shape (T,)"""


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
    """of the constraints, shape (P - 1,)"""
    lowest: FloatArray
    """lower bounds, shape (P,)"""
    highest: FloatArray
    """upper bounds, shape (P,)"""
    names: tuple[str, ...]
    """of all parameters, in the workspace"""
    bin_names: tuple[str, ...]
    """of all bins, in the workspace"""
    centres: FloatArray
    """of the workspace's parameters: theirs = centre + ours / width for modes; shape (P,)"""

    @classmethod
    def of(cls, channels: Sequence[ChannelTemplates], *, scale: float = 1.0) -> "TemplateFit":
        """Return the likelihood whose strength 1 is a cross-section of `scale`."""
        ends = np.cumsum([len(channel.background) for channel in channels])
        places = [slice(e - len(c.background), e) for c, e in zip(channels, ends, strict=True)]
        bins = int(ends[-1])
        nuisances = sorted({name for channel in channels for name in channel.signal_factors})
        factors = np.zeros((2, len(nuisances), bins))
        modes, spurious, names, widths, reach, centres = [], [], [], [], [], []
        for channel, place in zip(channels, places, strict=True):
            for index, change in enumerate(channel.log_modes):
                modes.append(_placed(change, place, bins))
                names.append(mode_name(channel, index))
            count = len(channel.log_modes)
            widths += [channel.mode_width] * count
            reach += [channel.mode_reach] * count
            centres += [mode_centre(channel)] * count
            for name, (down, up) in channel.signal_factors.items():
                factors[:, nuisances.index(name), place] = np.log(down), np.log(up)
        for channel, place in zip(channels, places, strict=True):
            if channel.spurious_pair is not None:
                down, up = channel.spurious_pair
                changes = np.stack([channel.background - down, up - channel.background])
                spurious.append(_placed(changes, place, bins))
                names.append(spurious_name(channel))
        unit = len(spurious) + len(nuisances)
        reaches = np.array([*reach, *[CONSTRAINED_REACH] * unit])
        return cls(
            background=np.concatenate([channel.background for channel in channels]),
            log_modes=np.array(modes).reshape(-1, bins),
            spurious=np.stack(spurious, axis=1) if spurious else np.zeros((2, 0, bins)),
            signal=np.concatenate([channel.signal for channel in channels]) * scale,
            factors=factors,
            polynomials=_polynomials(factors),
            widths=np.array([*widths, *[1.0] * unit]),
            lowest=np.array([0.0, *-reaches]),
            highest=np.array([np.inf, *reaches]),
            names=("mu", *names, *nuisances),
            bin_names=tuple(bin_name(c, i) for c in channels for i in range(len(c.background))),
            centres=np.array([0.0, *centres, *[0.0] * unit]),
        )

    @property
    def size(self) -> int:
        """Number of parameters."""
        return len(self.names)

    def expected(self, values: FloatArray) -> FloatArray:
        """Return events per bin, shape (T, B), for parameters of shape (T, P)."""
        background, growth, peak = self._terms(values)
        return background * growth + values[:, :1] * peak

    def parts(self, values: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return events per bin and their derivatives, shapes (T, B) and (T, B, P)."""
        plain, growth, peak = self._terms(values)
        background, signal = plain * growth, values[:, :1] * peak
        _, beta, alpha = self._split(values)
        derivatives = np.concatenate(
            [
                peak[:, None],
                background[:, None] * self.log_modes,
                self._spurious(beta)[1] * growth[:, None],
                signal[:, None] * self._factors(alpha)[1],
            ],
            axis=1,
        )
        return signal + background, derivatives.swapaxes(1, 2)

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
        middle, bend = (up + down) / 2, (up - down) / 16
        inside = x * middle + bend * x**2 * (15 + x**2 * (3 * x**2 - 10))
        slope = middle + bend * x * (30 + x**2 * (18 * x**2 - 40))
        changes = np.where(x > 1, x * up, np.where(x < -1, x * down, inside))
        return changes, np.where(x > 1, up, np.where(x < -1, down, slope))

    def _factors(self, alpha: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return pyhf's `code4` and the derivative of its logarithm, shapes (T, J, B)."""
        x, (down, up) = alpha[:, :, None], self.factors
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
    ) -> Fits:
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
        """
        portion = max(1, _MOST_NUMBERS // (len(self.background) * self.size))
        if len(counts) > portion:
            parts = [
                self.fit(
                    counts[i : i + portion],
                    None if centres is None else centres[i : i + portion],
                    strength=strength,
                    start=start,
                )
                for i in range(0, len(counts), portion)
            ]
            return Fits(
                np.concatenate([part.values for part in parts]),
                np.concatenate([part.deviance for part in parts]),
                np.concatenate([part.converged for part in parts]),
            )
        values = np.tile(np.zeros(self.size) if start is None else start, (len(counts), 1))
        if strength is not None:
            values[:, 0] = strength
        aux = np.zeros((len(counts), self.size - 1)) if centres is None else centres
        return self._minimised(counts, aux, values, fixed=strength is not None)

    def _minimised(
        self, counts: FloatArray, aux: FloatArray, values: FloatArray, *, fixed: bool
    ) -> Fits:
        values, done = values.copy(), np.zeros(len(counts), dtype=bool)
        deviance = self.deviance(counts, aux, values)
        for _ in range(_MAX_ITERATIONS):
            left = np.flatnonzero(~done)
            if not left.size:
                break
            step, gain = self._step(counts[left], aux[left], values[left], fixed=fixed)
            done[left] = gain < _CONVERGED
            go = left[gain >= _CONVERGED]
            values[go], deviance[go] = self._descend(
                counts[go], aux[go], values[go], step[gain >= _CONVERGED], deviance[go]
            )
        return Fits(values, deviance, done)

    def _step(
        self, counts: FloatArray, aux: FloatArray, values: FloatArray, *, fixed: bool
    ) -> tuple[FloatArray, FloatArray]:
        """Return the step of Fisher scoring, and by what the deviance should fall."""
        expected, slopes = self.parts(values)
        pull = np.zeros_like(values)
        pull[:, 1:] = (values[:, 1:] - aux) / self.widths**2
        gradient = np.einsum("tb,tbp->tp", 1 - counts / expected, slopes) + pull
        held = (values <= self.lowest) & (gradient > 0)
        held |= (values >= self.highest) & (gradient < 0)
        held[:, 0] |= fixed
        information = self._information(expected, slopes)
        keep = ~held
        information *= keep[:, :, None] & keep[:, None, :]
        information += held[:, :, None] * np.eye(self.size)
        gradient = np.where(held, 0.0, gradient)
        step = np.asarray(-np.linalg.solve(information, gradient[:, :, None])[:, :, 0], np.float64)
        return step, -np.einsum("tp,tp->t", gradient, step)

    def _information(self, expected: FloatArray, slopes: FloatArray) -> FloatArray:
        relative = slopes / np.sqrt(expected)[:, :, None]
        information = relative.swapaxes(1, 2) @ relative
        index = np.arange(1, self.size)
        information[:, index, index] += 1 / self.widths**2
        return np.asarray(information)

    def _descend(
        self,
        counts: FloatArray,
        aux: FloatArray,
        values: FloatArray,
        step: FloatArray,
        deviance: FloatArray,
    ) -> tuple[FloatArray, FloatArray]:
        """Take each step, within the bounds, halved until the deviance does not rise."""
        step = step.copy()
        rounding = 1e-10 * (1 + np.abs(deviance)) + 1e-15 * counts.sum(axis=1)
        for _ in range(40):
            trial: FloatArray = np.clip(values + step, self.lowest, self.highest)
            new = self.deviance(counts, aux, trial)
            worse = ~(new <= deviance + rounding)
            if not worse.any():
                break
            step[worse] /= 2
        kept: FloatArray = np.where(worse[:, None], values, trial)
        return kept, np.where(worse, deviance, new)

    def deviance(self, counts: FloatArray, aux: FloatArray, values: FloatArray) -> FloatArray:
        """Return -2 ln L plus a constant that depends on the counts alone, shape (T,)."""
        from scipy.special import kl_div

        expected = self.expected(values)
        penalty = np.sum(((values[:, 1:] - aux) / self.widths) ** 2, axis=1)
        return np.asarray(2 * np.sum(kl_div(counts, expected), axis=1) + penalty)

    def sigma(self) -> float:
        """Return the error of the strength on the background alone, from the information."""
        expected, slopes = self.parts(np.zeros((1, self.size)))
        # The signal's nuisances have no information there, but their constraints.
        return float(math.sqrt(np.linalg.inv(self._information(expected, slopes)[0])[0, 0]))


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
    reach = max(_TWO_SIGMA * fit.sigma(), _NO_EVENTS / float(fit.signal.sum()))
    return float(10.0 ** math.ceil(math.log10(seen + reach)))


def _placed(values: FloatArray, place: slice, bins: int) -> FloatArray:
    whole = np.zeros((*values.shape[:-1], bins))
    whole[..., place] = values
    return whole


def _polynomials(factors: FloatArray) -> FloatArray:
    """Return the coefficients of code4: value and two derivatives agree at both ends."""
    n = np.arange(1, 7)
    signs = (-1.0) ** n
    matrix = np.stack([n**0.0, signs, n, -n * signs, n * (n - 1.0), n * (n - 1) * signs])
    down, up = factors
    ends = [np.exp(up) - 1, np.exp(down) - 1, up * np.exp(up), -down * np.exp(down)]
    ends += [up**2 * np.exp(up), down**2 * np.exp(down)]
    return np.asarray(np.einsum("nm,mjb->njb", np.linalg.inv(matrix), np.stack(ends)))
