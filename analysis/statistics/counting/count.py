r"""Counting in the window: n events where b +- sigma_b are predicted (task 5.1).

The likelihood is the on-off one,

.. math:: L(S, b') = \mathrm{Pois}(n \mid S + b')\;\mathrm{Pois}(\tau b \mid \tau b'),
          \qquad \tau = b / \sigma_b^2

with an auxiliary count that measures b' as well as the sidebands do. Its profile likelihood ratio
gives z in closed form (Li and Ma, ApJ 272 (1983) 317; in b and sigma_b: Cowan et al.,
arXiv:1007.1727), negative for a deficit. The limits (`counting_limit.py`) have the same auxiliary
count.

The course's own Z = (n - b)/sigma_b is given beside it. It leaves out the counting error sqrt(n).

Weighted simulation is counted in entries: n, b and sigma_b over the weight of an event.
"""

import math
from dataclasses import dataclass

from tools.errors import InputError

_NO_VARIANCE = 1e-12
"""sigma_b^2 / b below which the sidebands' term is its limit"""


def counting_z(observed: float, predicted: float, error: float) -> float:
    """Return the significance of an observed count, negative for a deficit.

    Parameters
    ----------
    observed : float
        n, in units of Poisson counts.
    predicted, error : float
        b > 0 and sigma_b >= 0, in the same units.

    Examples
    --------
    Without an error it is the Poisson likelihood ratio, sqrt(2 (n ln(n/b) - n + b)):

    >>> round(counting_z(150, 100, 0), 6)
    4.651831
    >>> round(counting_z(150, 100, 10), 6), round(counting_z(60, 100, 10), 6)
    (3.172973, -3.179129)

    Nothing observed and nothing but the count uncertain: sqrt(2 b).

    >>> round(counting_z(0, 8, 0), 6)
    -4.0

    Raises
    ------
    InputError
        If a number is not finite or has the wrong sign.
    """
    numbers = (observed, predicted, error)
    if not all(map(math.isfinite, numbers)) or observed < 0 or predicted <= 0 or error < 0:
        raise InputError(
            f"no significance for n = {observed:g}, b = {predicted:g} +- {error:g}: "
            "counts must be finite, the prediction positive"
        )
    variance = error**2
    excess = observed - predicted
    poisson = 0.0
    if observed > 0:
        ratio = observed * (predicted + variance) / (predicted**2 + observed * variance)
        poisson = observed * math.log(ratio)
    # b^2/v ln(1 + v (n - b)/(b (b + v))) is (n - b) for v -> 0, of which digits would be lost.
    if variance < _NO_VARIANCE * predicted:
        sideband = excess
    else:
        sideband = predicted**2 / variance * math.log1p(
            variance * excess / (predicted * (predicted + variance))
        )  # fmt: skip
    return math.copysign(math.sqrt(max(2 * (poisson - sideband), 0.0)), excess)


@dataclass(frozen=True, slots=True)
class Count:
    """What is counted in the window against what is predicted there."""

    observed_events: float
    """a sum of weights for simulation"""
    predicted_events: float
    predicted_error_events: float
    weight: float = 1.0
    """events per entry: variance over sum of weights. Both counts are divided by it for z"""

    @property
    def z(self) -> float:
        """Significance of the observed count."""
        return counting_z(
            self.observed_events / self.weight,
            self.predicted_events / self.weight,
            self.predicted_error_events / self.weight,
        )

    @property
    def z_course(self) -> float | None:
        """The course's (n - b)/sigma_b, without the counting error; None if sigma_b is 0."""
        if self.predicted_error_events == 0:
            return None
        return (self.observed_events - self.predicted_events) / self.predicted_error_events
