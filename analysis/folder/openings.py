"""Data that were opened once are known to have been, whatever folder opens them next.

Beside the chunks of the data stands ``openings.json``: of which data, by the digests of their files
(or of what generated them), for which decisions, and why. A folder that opens the same data for
other decisions than those of the first opening says so on every figure and result. Looked at are
all the chunks that lie side by side, as other columns make other chunks of the same files.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

from analysis.folder.folder import Folder
from analysis.folder.origin import origin_of
from analysis.results.codec import from_json, to_json
from analysis.results.freeze import OpenedWhen, Opening, Openings
from tools.errors import InputError, XyyError
from tools.json_file import read_sealed, write_sealed
from tools.locks import one_writer
from tools.provenance import provenance


def first_opening(folder: Folder) -> Opening | None:
    """Return the first opening of the data of a folder, by whatever folder; None if there is none.

    Of several records of the same data the one that was written first counts.
    """
    place, data = _observed(folder)
    if place is None:
        return None
    # A damaged record names no data, and counts as an opening of any: else whoever damages it could
    # open data twice. It has no time, and so comes first.
    found = [
        (when, opening)
        for path in sorted({place / Openings.FILE, *place.parent.glob(f"*/{Openings.FILE}")})
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
        return "the chunks of the data are not there, and cannot keep that they were unblinded"
    try:
        record(place, Opening(tuple(sorted(data)), dict(hashes), reason), folder.path)
    except XyyError as error:
        return f"{place} cannot keep that the data were unblinded ({error})"
    return None


def record(place: Path, opening: Opening, by: Path) -> None:
    """Add an opening to the record in the folder `place`, among the chunks of data.

    Parameters
    ----------
    place : Path
    opening : Opening
    by : Path
        The folder that opened the data; of `xyy inspect`, which has none, `place`.

    Raises
    ------
    XyyError
        If it cannot be written.
    """
    path = place / Openings.FILE
    # In silence: whoever holds chunks that are there is soon done.
    with one_writer(place, waiting=lambda _whom: None):
        # Read again under the lock: another folder may have opened the data meanwhile.
        now = datetime.now(UTC).isoformat(timespec="seconds")
        times, openings = zip(*_read(path), (now, opening), strict=True)
        when = OpenedWhen(opened=times, by=str(by.resolve()))
        content = to_json(Openings(openings=openings, provenance=when))
        write_sealed(path, {**content, "provenance": provenance(**to_json(when))})


def _read(path: Path) -> Iterator[tuple[str, Opening]]:
    """Yield the openings on record, each with its time.

    A record that cannot be read is one of an opening, of nobody knows which data.
    """
    if not path.exists():
        return
    try:
        record = from_json(Openings, read_sealed(path, made_by="xyy unblind"), path)
        yield from zip(record.provenance.opened, record.openings, strict=True)
    except (InputError, ValueError):
        yield "", Opening((), {}, f"{path} is damaged")


def _observed(folder: Folder) -> tuple[Path | None, set[str]]:
    """Return where the chunks of a folder's data lie, and the digests of the data.

    These are of the data's files, or of what generated them.
    """
    origin = origin_of(folder)
    for place, data in () if origin is None else origin.observed():
        files = {source.digest for chunks in data.values() for source in chunks.sources}
        return place, files | {c.content for c in data.values() if not c.sources}
    return None, set()
