"""``run.json``: which analysis a folder holds, and what it was made from."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar


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
