"""``freeze.json``: what was decided, known and expected before the data were unblinded."""

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

from analysis.results.background import FunctionInRange
from analysis.results.codec import ABSENT, Numbers
from analysis.results.expected import ExpectedSignal


@dataclass(frozen=True, slots=True, kw_only=True)
class PeakDecision(FunctionInRange):
    """The function under a peak that the sidebands decided on."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class ExpectedScan:
    """Expected significances."""

    mass_GeV: Numbers
    expected_local_z: Numbers | None
    """local significance of the benchmark strength at each mass"""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class ExpectedLimits:
    """Expected limits against mass."""

    mass_GeV: Numbers
    expected_pb: dict[str, Numbers]
    """expected upper limits at each mass, pb, for each of ``-2`` to ``2`` sigma"""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class ExpectedResults:
    """What the sidebands let expect."""

    counting_limit_pb: dict[str, float | None]
    """expected upper limits of the count, pb, for each of ``-2`` to ``2`` sigma"""
    signals: dict[str, ExpectedSignal]
    scan: ExpectedScan
    limits: ExpectedLimits


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class KnownBefore:
    """What was decided on the sidebands, and what they let expect."""

    of: str
    """what the background was fitted to: ``data`` or ``simulation``"""
    peak: dict[str, PeakDecision]
    """function under a peak, by channel"""
    sideband_gof_pvalue: dict[str, float | None]
    """p-value of the goodness of fit in the sidebands, by channel"""
    predicted_events: float
    """background events predicted in the window"""
    predicted_error_events: float
    """uncertainty of the prediction"""
    expected: ExpectedResults


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """The program that makes the numbers: digests of the code of each part."""

    version: str
    processors: str
    selection: str
    statistics: str


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Freeze:
    """Everything that was decided, with the program, and what was known then."""

    FILE: ClassVar = "freeze.json"

    digest: str
    """digest of all decisions"""
    hashes: dict[str, str]
    """digest of each decision"""
    program: Program
    # Not typed: it is compared and digested as a whole, and a changed entry is told by its name,
    # whatever settings there are.
    decisions: dict[str, Any]
    """what the settings, the selection and the score were"""
    sidebands: Annotated[KnownBefore | None, ABSENT] = None
    """None before the blind inference has run"""

    @property
    def energy_and_luminosity(self) -> tuple[float, float]:
        """Collision energy, GeV, and luminosity of the data, /pb."""
        samples = self.decisions["samples"]
        return samples["collision_energy_GeV"], samples["data_luminosity_invpb"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FrozenWhen:
    """When decisions were frozen, under ``provenance``."""

    frozen: str
