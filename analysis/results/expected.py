"""What simulated signals would look like in the data, as several result files tell it."""

from dataclasses import dataclass


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
