"""``openings.json``: of which data, for which decisions, and why chunks were opened."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar


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
    """folder that opened the data last"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Openings:
    """All openings of the data that lie beside the record."""

    FILE: ClassVar = "openings.json"
    FORMAT: ClassVar = "xyy-openings-1"
    format: str = FORMAT
    openings: tuple[Opening, ...]
    provenance: OpenedWhen
