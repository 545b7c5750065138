"""What stands in several result files: values, functions in a range, signals as expected."""

from dataclasses import dataclass

import numpy as np

BANDS = (-2, -1, 0, 1, 2)
"""standard deviations of the expected limits"""
BAND_KEYS = tuple(map(str, BANDS))
"""keys of what is expected, in standard deviations"""
Range_GeV = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Estimate:
    """A best value with its 68 % interval; an end that was not found is NaN."""

    value: float
    low: float
    high: float

    def scaled(self, factor: float, *, relative_error: float = 0.0) -> "Estimate":
        """Return the estimate times a factor that has a relative uncertainty of its own."""
        # The factor is known independently of the fit: in quadrature, each side on its own.
        added = self.value * factor * relative_error
        down, up = factor * (self.value - self.low), factor * (self.high - self.value)
        value = self.value * factor
        return Estimate(
            value, value - float(np.hypot(down, added)), value + float(np.hypot(up, added))
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenMass:
    """A resonance that is claimed, and in both hypotheses of a search for others."""

    mass_GeV: float
    """fitted mass"""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class FunctionInRange:
    """A background function in a range of mass."""

    range: str
    """name of the range"""
    fit_range_GeV: Range_GeV
    family: str
    order: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectedSignal:
    """What one simulated signal would look like in the data."""

    mass_GeV: float
    cross_section_pb: float
    signal_events: float
    """signal events after the selection"""
    window_events: float
    """signal events in the window"""
    counting_z: float
    """expected significance of the count"""
    fit_local_z: float
    """expected local significance of the fit, at the true mass"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectedSignals:
    """What every simulated signal would look like in the data."""

    of: str
    """what the background is predicted from: ``simulation`` or ``data sidebands``"""
    signals: dict[str, ExpectedSignal]
