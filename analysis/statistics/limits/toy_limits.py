r"""CLs limits from toys, for masses with few events under the peak.

At each of some strengths q~ is computed for toys of two kinds: with the signal of that strength,
and without; so are the constraints. Both kinds count for both hypotheses, weighted by the
ratio of the hypothesis' density (which is known exactly) to that of the mixture (a mixture as
proposal: Veach and Guibas, SIGGRAPH 1995). The tail that CLs is made of is where toys without
signal are many and those with signal few: at -2 standard deviations one in 900. With the weights
4,000 toys give that limit to a few percent; counted plainly they do not give it at all.

CLs is the ratio of the upper tails of q~, at the observed value or at the quantiles of q~ without
signal. ln CLs against the strength is smoothed by a parabola through the strengths near the level.

Toys for the expected band are those of the nominal background; for the observed limit, of the
nuisances that fit the data best at each strength.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from analysis.results.values import BANDS
from analysis.statistics.limits.template_fit import TemplateFit
from tools.arrays import FloatArray

_STRENGTHS = 9
_BELOW, _ABOVE = 0.7, 1.8
"""of the asymptotic limits: where strengths begin and end"""
_MIN_EVENTS = 2.0
"""signal events that no limit goes below: 3 at 95 % even where none can come from background"""
_NEAR = math.log(8.0)
"""|ln(CLs / level)| of the strengths that the parabola goes through, or the nearest three"""
_POINTS = 3
"""that a parabola takes"""
_SAME = 1e-6
"""relative difference of two q~ that are equal but for rounding"""


def toy_limits(
    templates: TemplateFit,
    counts: FloatArray | None,
    *,
    around: Sequence[float],
    confidence_level: float,
    toys: int,
    rng: np.random.Generator,
) -> list[float | None]:
    """Return limits on the strength, or None where the toys do not tell.

    Parameters
    ----------
    templates : TemplateFit
    counts : ndarray, shape (B,), optional
        Observed events, for one limit; else those expected at `BANDS`.
    around : sequence of float
        Asymptotic limits, for the range of strengths.
    confidence_level : float
    toys : int
        Number for each hypothesis at each strength.
    rng : Generator
    """
    low = max(_BELOW * min(around), _MIN_EVENTS / float(templates.signal.sum()))
    strengths = np.geomspace(low, _ABOVE * max(low, *around), _STRENGTHS)
    generate = partial(_Toys.generated, templates, toys=toys, rng=rng)
    found = _expected_cls if counts is None else partial(_observed_cls, counts)
    cls = found(templates, strengths, generate)
    return [crossing(strengths, each, 1 - confidence_level) for each in cls.T]


def _expected_cls(
    templates: TemplateFit, strengths: FloatArray, generate: "Generate"
) -> FloatArray:
    """Return CLs at each strength and band, shape (strengths, 5)."""
    from scipy.stats import norm

    nominal = templates.nominal
    # Generated once for all strengths: half of the toys, and fluctuations that neighbours share.
    empty = generate(nominal)
    levels = norm.cdf(-np.array(BANDS))
    found = []
    for strength in strengths:
        truth = np.concatenate([[strength], nominal[1:]])
        mixture = _Mixture.of(empty, generate(truth), strength)
        without = mixture.statistics[: len(empty.counts)]
        # Few events make q~ discrete: between two of its values no toy has one.
        quantiles = np.quantile(without, levels, method="inverted_cdf")
        found.append([mixture.cls(value) for value in quantiles])
    return np.array(found)


def _observed_cls(
    counts: FloatArray, templates: TemplateFit, strengths: FloatArray, generate: "Generate"
) -> FloatArray:
    """Return CLs of the data at each strength, shape (strengths, 1)."""
    best = templates.fit(counts[None])
    empty = generate(templates.fit(counts[None], strength=0.0).values[0])
    found = []
    for strength in strengths:
        fitted = templates.fit(counts[None], strength=strength)
        value = _statistic(best.values[:, 0], best.deviance, fitted.deviance, strength)[0]
        found.append([_Mixture.of(empty, generate(fitted.values[0]), strength).cls(value)])
    return np.array(found)


@dataclass(frozen=True, slots=True, eq=False)
class _Toys:
    """Toys, with their fits of the strength."""

    templates: TemplateFit
    truth: FloatArray
    counts: FloatArray
    centres: FloatArray
    best: FloatArray
    minimum: FloatArray

    @classmethod
    def generated(
        cls, templates: TemplateFit, truth: FloatArray, toys: int, rng: np.random.Generator
    ) -> "_Toys":
        expected = templates.expected(truth[None])[0]
        counts = rng.poisson(expected, size=(toys, len(expected))).astype(np.float64)
        # Auxiliary measurements fluctuate as the counts do (ATL-PHYS-PUB-2011-11).
        centres = rng.normal(truth[1:], templates.widths, size=(toys, templates.size - 1))
        fits = templates.fit(counts, centres, start=truth)
        return cls(templates, truth, counts, centres, fits.values[:, 0], fits.deviance)

    def statistics(self, strength: float) -> FloatArray:
        """Return q~ of a strength."""
        fits = self.templates.fit(self.counts, self.centres, strength=strength, start=self.truth)
        return _statistic(self.best, self.minimum, fits.deviance, strength)

    def log_ratio(self, signal: FloatArray, empty: FloatArray) -> FloatArray:
        """Return the logarithm of the ratio of the toys' densities under two truths."""
        many, few = (self.templates.expected(truth[None])[0] for truth in (signal, empty))
        held = self.templates.constrained[1:] / self.templates.widths
        pulls = [(self.centres - truth[1:]) * held for truth in (empty, signal)]
        # Factorials and widths are the same under both truths.
        constraints = (pulls[0] ** 2 - pulls[1] ** 2).sum(axis=1) / 2
        return np.asarray(self.counts @ np.log(many / few) - (many - few).sum() + constraints)


Generate = Callable[[FloatArray], _Toys]
"""truth -> toys of it"""


@dataclass(frozen=True, slots=True, eq=False)
class _Mixture:
    """Toys without and with signal, each with its weights under both hypotheses."""

    statistics: FloatArray
    """q~ of one strength; those generated without signal first"""
    signal: FloatArray
    """weights of the hypothesis with signal"""
    empty: FloatArray
    """weights of the hypothesis without signal"""

    @classmethod
    def of(cls, empty: _Toys, signal: _Toys, strength: float) -> "_Mixture":
        from scipy.special import expit

        both = (empty, signal)
        ratio = np.concatenate([toys.log_ratio(signal.truth, empty.truth) for toys in both])
        statistics = np.concatenate([toys.statistics(strength) for toys in both])
        # Over the density of the equal mixture (f_s + f_b)/2: f_s/(f_s + f_b) and the rest.
        return cls(statistics, expit(ratio), expit(-ratio))

    def cls(self, value: float) -> float:
        """Return CLs of a value of q~."""
        # Rounding must not tell apart toys with the same few events.
        tail = self.statistics >= value * (1 - _SAME) - _SAME
        signal, empty = self.signal[tail].sum(), self.empty[tail].sum()
        return float(signal / empty) if empty > 0 else 0.0


def _statistic(
    best: FloatArray, minimum: FloatArray, deviance: FloatArray, strength: float
) -> FloatArray:
    return np.where(best > strength, 0.0, np.maximum(deviance - minimum, 0.0))


def crossing(strengths: FloatArray, cls: FloatArray, level: float) -> float | None:
    """Return where a parabola through ln CLs falls to a level, or None.

    >>> x = np.geomspace(0.3, 5, 9)
    >>> round(crossing(x, np.exp(-x - x**2 / 4), 0.05), 2)
    2.0
    """
    from scipy.optimize import brentq

    there = cls > 0
    logs, strengths = np.log(cls[there] / level), strengths[there]
    if len(logs) < _POINTS:
        return None
    near = np.argsort(np.abs(logs))[: max(_POINTS, int(np.sum(np.abs(logs) < _NEAR)))]
    # ln CLs falls faster than linearly; a parabola also evens out the toys' fluctuations.
    curve = np.polynomial.Polynomial.fit(strengths[near], logs[near], 2)
    low, high = strengths[near].min(), strengths[near].max()
    if not curve(low) > 0 > curve(high):
        return None
    return float(brentq(curve, low, high))
