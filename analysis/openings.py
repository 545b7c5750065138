"""Data that were opened once are known to have been, whatever folder opens them next.

Beside the chunks of the data stands ``openings.json``: of which data, by the digests of their files
(or of what generated them), for which decisions, and why. A folder that opens the same data for
other decisions than those of the first opening says so on every figure and result. Looked at are
all the chunks that lie side by side, as other columns make other chunks of the same files.
"""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from analysis.folder import Folder
from analysis.origin import origin_of
from tools.errors import InputError, XyyError
from tools.json_file import read_sealed, write_sealed
from tools.locks import one_writer
from tools.manifest import SampleChunks, read_manifest
from tools.provenance import provenance

OPENINGS, FORMAT = "openings.json", "xyy-openings-1"


@dataclass(frozen=True, slots=True)
class Opening:
    """One opening of some data."""

    data: tuple[str, ...]
    """digests of what was opened; none where the record of it is damaged"""
    hashes: Mapping[str, str]
    """of each decision that they were opened for"""
    reason: str

    def differs(self, hashes: Mapping[str, str]) -> list[str]:
        """Return the names of the decisions that are not those of this opening."""
        names = sorted({*self.hashes, *hashes})
        return [name for name in names if self.hashes.get(name) != hashes.get(name)]


def first_opening(folder: Folder) -> Opening | None:
    """Return the first opening of the data of a folder, by whatever folder; None if there is none.

    Of several records of the same data the one that was written first counts.
    """
    place, data = _observed(folder)
    if place is None:
        return None
    found = [
        (when, opening)
        for path in sorted({place / OPENINGS, *place.parent.glob(f"*/{OPENINGS}")})
        for when, opening in _read(path)
        if not opening.data or not data.isdisjoint(opening.data)
    ]
    return min(found, key=lambda pair: pair[0])[1] if found else None


def remember(folder: Folder, hashes: Mapping[str, str], reason: str) -> str | None:
    """Put the opening of the data of a folder on record beside their chunks.

    Returns
    -------
    str or None
        Why there is no record, if there is none.
    """
    place, data = _observed(folder)
    if place is None:
        return "the chunks of the data are not there, and cannot keep that they were opened"
    opening = Opening(tuple(sorted(data)), hashes, reason)
    try:
        with one_writer(place, waiting=_wait_in_silence):
            _add(place / OPENINGS, opening, folder)
    except XyyError as error:
        return f"{place} cannot keep that the data were opened ({error})"
    return None


def _wait_in_silence(_whom: str) -> None:
    """Tell nothing: whoever holds chunks that are there is soon done."""


def _add(path: Path, opening: Opening, folder: Folder) -> None:
    there = list(_read(path))
    openings = [*(asdict(earlier) for _, earlier in there), asdict(opening)]
    times = [*(when for when, _ in there), datetime.now(UTC).isoformat(timespec="seconds")]
    origin = provenance(opened=times, by=str(folder.path.resolve()))
    write_sealed(path, {"format": FORMAT, "openings": openings, "provenance": origin})


def _read(path: Path) -> Iterator[tuple[str, Opening]]:
    """Yield the openings on record, each with its time.

    A record that cannot be read is one of an opening, of nobody knows which data.
    """
    if not path.exists():
        return
    try:
        document = read_sealed(path, made_by="xyy unblind")
        times = document["provenance"]["opened"]
        for when, entry in zip(times, document["openings"], strict=True):
            yield str(when), _opening(entry)
    except (InputError, KeyError, TypeError, ValueError):
        yield "", Opening((), {}, f"{path} is damaged")


def _opening(entry: Mapping[str, Any]) -> Opening:
    return Opening(tuple(entry["data"]), dict(entry["hashes"]), str(entry["reason"]))


def _observed(folder: Folder) -> tuple[Path | None, set[str]]:
    """Return where the chunks of a folder's data lie, and the digests of the data."""
    origin = origin_of(folder)
    for place in () if origin is None else origin.manifests:
        try:
            samples = read_manifest(place).samples
        except InputError:
            continue
        data = [chunks for chunks in samples.values() if chunks.kind == "data"]
        if data:
            return place, {digest for chunks in data for digest in _digests(chunks)}
    return None, set()


def _digests(chunks: SampleChunks) -> tuple[str, ...]:
    """Return the digests of the files of a sample, or of what generated it."""
    return tuple(source.digest for source in chunks.sources) or (chunks.content,)
