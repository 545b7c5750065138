"""Which analysis a folder holds, which events were processed, and what every cut leaves.

In this order: ``run.json``, ``ledger.json``, ``cutflow.json``.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar

from analysis.results.codec import ABSENT
from tools.executors.ledger import Failure, SampleLedger


@dataclass(frozen=True, slots=True)
class Identity:
    """Which analysis this is."""

    FILE: ClassVar = "run.json"

    samples: str
    """name of the samples file, without suffix"""
    data: str | None
    """what is observed; None if nothing is"""
    generated_samples: tuple[str, ...]
    """simulated samples that this program generated"""

    def __str__(self) -> str:
        generated = ", ".join(self.generated_samples) or "none"
        return f"samples {self.samples}, data {self.data}, generated: {generated}"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFrom:
    """What a folder is made from, under ``provenance``: paths, as they were."""

    samples_file: Path
    search_file: Path
    method: str | None
    """method of the selection, where it is not the search file's"""
    manifests: tuple[Path, ...]
    """folders of the chunks"""
    content: dict[str, str]
    """digest of the events of each sample"""
    command: tuple[str, ...] | None
    """words of the `xyy run` that made it, without --out; None if it was made in another way"""
    directory: Path | None
    """where that was run; None: it was made step by step"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """What was planned and what was processed, for every sample."""

    FILE: ClassVar = "ledger.json"

    complete: bool
    """whether no event was lost"""
    samples: dict[str, SampleLedger]
    generated_samples: tuple[str, ...]
    """simulated samples that this program generated"""
    unweighted_samples: Annotated[tuple[str, ...] | None, ABSENT] = None
    """simulated samples whose events have weights of their own, which are not used; None: none"""

    @property
    def failed(self) -> tuple[Failure, ...]:
        """Ranges of events that were lost, of all samples."""
        return tuple(lost for sample in self.samples.values() for lost in sample.failed)

    @property
    def lost_events(self) -> int:
        """Number of events that were planned and not processed."""
        return sum(sample.lost_events for sample in self.samples.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessedFrom:
    """What the histograms beside a ledger were made from, under ``provenance``."""

    keys: dict[str, str]
    """digest of all that the histograms of a sample depend on, by complete sample"""
    joint_keys: dict[str, str]
    """the same of the joint histograms, which know no selection"""
    selected_by: str
    """digest of selection, window and mass axis"""
    jointly_by: str
    """digest of the axes of the joint histograms, window and mass axis"""
    unblinded: bool
    """whether the window of the data was filled"""
    content: dict[str, str]
    """digest of the events of each sample"""
    weights: dict[str, float]
    """weight of an event of each sample"""


@dataclass(frozen=True, slots=True, kw_only=True)
class CutflowRow:
    """The events of a sample after a cut; of blinded data those outside the window."""

    cut: str
    events: int
    sumw: float
    """sum of weights"""
    sumw2: float
    """sum of squared weights"""
    window_events: int | None
    """events in the window; None where it was not filled"""
    blinded: Annotated[str | None, ABSENT] = None
    """``sidebands only`` for blinded data"""
    complete: Annotated[bool | None, ABSENT] = None
    """False for a sample that lost events"""
    note: Annotated[str | None, ABSENT] = None
    """``removes nothing`` or ``leaves nothing``, of a requirement that is of no use"""


Cutflows = dict[str, tuple[CutflowRow, ...]]
"""content of ``cutflow.json``, by sample"""
