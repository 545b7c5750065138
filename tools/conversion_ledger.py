"""What was read and what was refused, of the files of each sample: ``conversion.json``."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tools.errors import InputError
from tools.file_conversion import Converted, NotConverted, Result
from tools.json_file import read_json, write_json
from tools.provenance import provenance

CONVERSION = "conversion.json"
_BLOCK_BITS = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class FileConversion:
    """A file: what became of it, or why it was refused."""

    file: str
    layout: str | None = None
    tree: str | None = None
    entries: int | None = None
    """events that were read"""
    events: int | None = None
    """of them, those that were written"""
    generated_sum_of_weights: float | None = None
    """of all events that were generated for it, in the file or not, where the file tells it"""
    notes: tuple[str, ...] = ()
    refused: str | None = None
    """why"""


@dataclass(frozen=True, slots=True)
class SampleConversion:
    """The files of a sample."""

    events: int
    runs: int | None
    """None where the files do not tell"""
    luminosity_blocks: int | None
    files: tuple[FileConversion, ...]

    @classmethod
    def of(cls, files: Sequence[tuple[str, Result]]) -> "SampleConversion":
        """Return what became of some files, given by their names."""
        told = tuple(_file(name, result) for name, result in files)
        good = (result for _, result in files if isinstance(result, Converted))
        found = {block for result in good for block in result.blocks}
        runs = {block >> _BLOCK_BITS for block in found}
        blocks = len(found) if any(block % (1 << _BLOCK_BITS) for block in found) else None
        events = sum(each.events or 0 for each in told)
        return cls(events, len(runs) or None, blocks, told)


def _file(name: str, result: Result) -> FileConversion:
    if isinstance(result, NotConverted):
        return FileConversion(file=name, refused=result.reason)
    return FileConversion(
        file=name, layout=result.layout, tree=result.tree or None, entries=result.entries,
        events=result.events, generated_sum_of_weights=result.sum_of_weights, notes=result.notes,
    )  # fmt: skip


def write_ledger(folder: Path, samples: Mapping[str, SampleConversion]) -> None:
    """Write the ledger of a folder of chunks; samples that it has already are replaced or kept."""
    kept: dict[str, Any] = {}
    with suppress(InputError):  # there is none, or it is damaged: the manifest is what counts
        kept = read_json(folder / CONVERSION, made_by="xyy convert").get("samples", {})
    every = kept | {name: asdict(each) for name, each in samples.items()}
    complete = not any(file["refused"] for each in every.values() for file in each["files"])
    write_json(
        folder / CONVERSION,
        {"complete": complete, "samples": every, "provenance": provenance()},
    )
