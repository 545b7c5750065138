"""``scan.json``: the significance of a resonance at each mass, and anywhere in the range."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np

from analysis.results.codec import ABSENT, Key, Numbers, Unit
from analysis.results.values import GivenMass


@dataclass(frozen=True, slots=True, kw_only=True)
class Maximum:
    """The largest excess of a scan."""

    mass_GeV: float
    local_z: float


@dataclass(frozen=True, slots=True)
class Upcrossings:
    """How often scans of spectra without a resonance rise through a level."""

    level_z: float
    mean: float
    """mean number of upcrossings in a spectrum"""
    error: float
    """statistical uncertainty of the mean number"""
    toys: int
    """toys that they were counted in"""

    def p(self, local_z: float) -> float:
        """Return the global p-value of a local significance.

        >>> round(Upcrossings(0.0, 2.1, 0.1, 1000).p(3.0), 4)
        0.0244
        """
        from scipy.special import ndtr

        # Gross and Vitells, arXiv:1005.1891: upcrossings fall as exp(-z^2 / 2) from a level where
        # toys count many. Their sum may exceed 1 for a small z; taken as the mean of a Poisson
        # number of excesses it does not, and for a large z the result is the same.
        tail = np.exp((self.level_z**2 - local_z**2) / 2)
        return float(-np.expm1(-(ndtr(-local_z) + self.mean * tail)))

    def local_z(self, global_z: float) -> float:
        """Return the local significance that has a global one.

        >>> crossings = Upcrossings(0.0, 2.1, 0.1, 1000)
        >>> round(crossings.p(crossings.local_z(2.0)), 5)  # one-sided, of 2 sigma
        0.02275
        """
        from scipy.optimize import brentq
        from scipy.special import ndtr

        # Logarithms, as p falls over 200 decades; at 30 sigma it is still a number (1e-198).
        wanted = float(ndtr(-global_z))
        return float(brentq(lambda z: np.log(self.p(z) / wanted), 0.0, 30.0))


@dataclass(frozen=True, slots=True, kw_only=True)
class GlobalToys:
    """The global p-value by toys of the whole procedure."""

    n: int
    """number of toys"""
    exceeding: int
    """toys whose largest excess is at least the observed one"""
    p: float
    """fraction of toys that exceed, as p-value"""
    p_low: float
    """lower end of the 68 % interval of the p-value"""
    p_high: float
    """upper end of the 68 % interval of the p-value"""


@dataclass(frozen=True, slots=True, kw_only=True)
class GlobalSignificance:
    """What the largest excess is worth anywhere in the range of masses."""

    p: float
    """global p-value"""
    z: float
    """global significance"""
    method: str
    """how the global p-value came about"""
    upcrossings: Upcrossings
    gross_vitells_p: float
    """global p-value by the upcrossings (Gross and Vitells, arXiv:1005.1891)"""
    toys: GlobalToys | None
    """None if no toys of the whole procedure were made"""
    local_z_of_global: dict[str, float]
    """local significance that is worth ``1``, ``2`` and ``3`` sigma anywhere in the range"""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Scan:
    """A scan over mass; what is observed is None while blind."""

    FILE: ClassVar = "scan.json"
    mass_GeV: Numbers
    local_z: Numbers | None
    """local significance at each mass, not below zero"""
    signed_z: Numbers | None
    """local significance at each mass, below zero for deficits"""
    local_p: Numbers | None
    """local p-value at each mass"""
    cross_section_pb: Annotated[Numbers | None, Key(only="pb")] = None
    """best-fit cross-section before the filter at each mass, pb"""
    cross_section_error_pb: Annotated[Numbers | None, Key(only="pb")] = None
    """uncertainty of the cross-section at each mass, pb"""
    signal_events: Numbers | None
    """best-fit number of signal events at each mass"""
    signal_error_events: Numbers | None
    """uncertainty of the number of signal events at each mass"""
    envelope_z: Numbers | None
    """local significance with the functions of all families profiled, at each mass"""
    local_z_min: Numbers | None = None
    """smallest local significance with all families, at each mass"""
    local_z_max: Numbers | None = None
    """largest local significance with all families, at each mass"""
    given: tuple[GivenMass, ...] | None = None
    """resonances in both hypotheses, but within two resolutions of themselves; None while blind"""
    converged: tuple[bool, ...] | None = None
    """whether the fits at each mass reached their minima"""
    expected_local_z: Numbers | None
    """expected local significance of the benchmark strength at each mass"""
    benchmark: Annotated[float | None, Key("benchmark_{unit}")]
    """strength that all simulated signals stand for, pb or events; None if they differ"""
    maximum: Maximum | None
    """None while blind, or where there is no excess"""
    global_: Annotated[GlobalSignificance | None, Key("global")]
    """None while blind"""
    reason: str | None
    """why nothing is observed; None if it is"""
    expected_signal_error_events: Annotated[Numbers | None, ABSENT] = None
    """expected uncertainty of the number of signal events at each mass; of binned spectra only"""
    complete: bool
    """whether no event was lost on the way"""
    unit: Unit
    """unit of the strengths"""

    @property
    def strength(self) -> Numbers | None:
        """Best-fit strength at each mass, pb or events."""
        return self.cross_section_pb if self.unit == "pb" else self.signal_events

    @property
    def strength_error(self) -> Numbers | None:
        """Uncertainty of the strength at each mass, pb or events."""
        return self.cross_section_error_pb if self.unit == "pb" else self.signal_error_events


@dataclass(frozen=True, slots=True, kw_only=True)
class SpentToys:
    """Toys of an inference."""

    toys: int | None
    """toys for the global significance; None: as many as the search file says, if worth it"""
    limit_toys: int
    """toys for each limit; 0: asymptotic limits"""
    seed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class InferredWith:
    """How the results of an inference were made, under ``provenance``."""

    effort: SpentToys
