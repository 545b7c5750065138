"""What was decided and known before the data were unblinded, why they were, and what changed since.

``freeze.json`` and ``unblinding.json`` are those of a folder; ``openings.json`` lies beside the
chunks of the data, and tells of all folders that opened them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

from analysis.results.codec import ABSENT, Numbers
from analysis.results.values import ExpectedSignal, FunctionInRange

# ---- before --------------------------------------------------------------------------------------


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
    peak: dict[str, FunctionInRange]
    """function under a peak that the sidebands decided on, by channel"""
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


# ---- unblinded -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A change after unblinding."""

    reason: str
    changed: tuple[str, ...]
    """names of what was changed"""
    digest: str
    """digest of all decisions since then"""
    peak: Annotated[dict[str, FunctionInRange] | None, ABSENT] = None
    """function under a peak since then, by channel; None before the inference has run"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unblinding:
    """An unblinding, with the changes after it."""

    FILE: ClassVar = "unblinding.json"

    reason: str
    freeze_digest: str
    """digest of the decisions that the data were unblinded for"""
    sidebands_digest: str | None
    """digest of what was known of the sidebands; None if nothing was"""
    changes: tuple[Change, ...]
    programs: tuple[Program, ...]
    """other programs that made results since then"""
    offered: Annotated[str | None, ABSENT] = None
    """reason for a change of which nothing was seen yet"""


@dataclass(frozen=True, slots=True, kw_only=True)
class UnblindedWhen:
    """When data were unblinded, and when something was changed, under ``provenance``."""

    unblinded: str
    changed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeLabel:
    """What every result says once something was changed after unblinding."""

    after_unblinding: str
    """the reasons"""
    changed_after_unblinding: tuple[str, ...]
    """names of what was changed"""


@dataclass(frozen=True, slots=True)
class Opening:
    """One opening of some data."""

    data: tuple[str, ...]
    """digests of what was opened; none where the record of it is damaged"""
    hashes: dict[str, str]
    """digest of each decision that they were opened for"""
    reason: str

    def differs(self, hashes: Mapping[str, str]) -> list[str]:
        """Return the names of the decisions that are not those of this opening."""
        names = sorted({*self.hashes, *hashes})
        return [name for name in names if self.hashes.get(name) != hashes.get(name)]


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedWhen:
    """What the provenance of a record of openings says beside that of any result."""

    OPEN: ClassVar = True
    opened: tuple[str, ...]
    """when, for each opening; empty for a damaged record"""
    by: str
    """folder that opened the data last, or that of the record if `xyy inspect` did"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Openings:
    """All openings of the data that lie beside the record."""

    FILE: ClassVar = "openings.json"
    format: str = "xyy-openings-1"
    openings: tuple[Opening, ...]
    provenance: OpenedWhen
