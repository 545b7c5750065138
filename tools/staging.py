"""Replacing samples in a folder of chunks, all of them or none.

New chunks are written under ``.xyy.new`` and moved to their places when all of them are there.  At
no moment does the manifest name a chunk that is missing or another one than it describes:

1. a manifest without the samples that are about to be replaced is written (if there are any);
2. their old chunks are moved to ``.xyy.old``, the new ones into their places;
3. the manifest with the new samples is written;
4. the old chunks are removed.

An error or Ctrl-C during 1 to 3 is undone; nothing that is undone is named by the manifest at that
moment.  A process that is killed there leaves a manifest that does not know the samples, which are
then converted again.
"""

import re
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from tools.atomic import is_temporary, sweep
from tools.errors import InputError
from tools.manifest import MANIFEST_NAME, Manifest, Part, SampleChunks, read_manifest
from tools.system_errors import writing
from tools.tables import is_chunk

_NEW, _OLD = ".xyy.new", ".xyy.old"
_CHUNK_FILE = re.compile(r"part-\d+\.root")


@contextmanager
def staging_folder(out: Path) -> Iterator[Path]:
    """Yield an empty folder inside `out` for new chunks; it is gone afterwards.

    Whatever an earlier process left behind when it was killed is removed first. `out` is removed
    as well if it was made here and the block fails.

    Raises
    ------
    XyyError
        If the folder cannot be made.
    """
    made, done = not out.exists(), False
    try:
        with writing(out):
            _clear(out)
            (out / _NEW).mkdir(parents=True)
            yield out / _NEW
        done = True
    finally:
        _clear(out)
        if made and not done:
            with suppress(OSError):  # it holds something, or was never made
                out.rmdir()


def refuse_other_files(out: Path, samples: Iterable[str]) -> None:
    """Refuse to replace folders that hold more than chunks.

    A chunk is known by the manifest, and where that does not name it, by its mark: a process that
    was killed may have left some behind.

    Raises
    ------
    InputError
        If a sample's folder in `out` holds something else: with ``--out .`` and a sample called
        ``data``, that could be somebody's folder of data.
    """
    known = _known(out)
    for name in samples:
        place = out / name
        if place.exists() and not place.is_dir():
            raise InputError(
                f"{place} is a file where the chunks of {name} would go; choose another --out"
            )
        if not place.exists():
            continue
        for path in sorted(place.iterdir()):
            ours = is_temporary(path) or (
                _CHUNK_FILE.fullmatch(path.name)
                and (f"{name}/{path.name}" in known or is_chunk(path))
            )
            if not ours:
                raise InputError(
                    f"{place} holds {path.name}, which is no chunk of xyy, and would go for the "
                    f"chunks of {name}; move it away or choose another --out"
                )


def _known(out: Path) -> set[str]:
    """Return the paths of the chunks in the manifest of `out`."""
    if not (out / MANIFEST_NAME).is_file():
        return set()
    samples = read_manifest(out).samples.values()
    return {part.path for chunks in samples for part in chunks.parts}


def commit(manifest: Manifest, staged: Mapping[str, SampleChunks]) -> Manifest:
    """Put staged samples into their places and return the manifest that was written.

    Parameters
    ----------
    manifest : Manifest
        Of the folder as it is.
    staged : mapping of str to SampleChunks
        The new samples; their chunks lie in the folder that `staging_folder` gave.
    """
    kept = {name: chunks for name, chunks in manifest.samples.items() if name not in staged}
    updated = replace(manifest, samples={**manifest.samples, **staged})
    try:
        if len(kept) < len(manifest.samples):
            replace(manifest, samples=kept).write()
        for name in staged:
            _put(manifest.folder, name)
        updated.write()
    except BaseException:
        if not _written(updated):  # an interrupt may come just after it was
            for name in staged:
                _put_back(manifest.folder, name)
            if len(kept) < len(manifest.samples):
                manifest.write()
        raise
    return updated


def move_chunks(sources: Iterable[Path], parts: Iterable[Part], folder: Path) -> None:
    """Move chunks of single files to the chunks of their sample.

    Parameters
    ----------
    sources : iterable of Path
        Where they are.
    parts : iterable of Part
        Their entries in the manifest, in the same order.
    folder : Path
        That of `staging_folder`.
    """
    for source, part in zip(sources, parts, strict=True):
        (folder / part.path).parent.mkdir(exist_ok=True)
        source.replace(folder / part.path)


def _written(manifest: Manifest) -> bool:
    path = manifest.folder / MANIFEST_NAME
    return path.exists() and read_manifest(path).samples == manifest.samples


def _put(out: Path, name: str) -> None:
    if (out / name).exists():
        if not (out / _OLD).is_dir() or (out / _OLD).is_symlink():
            (out / _OLD).mkdir()
        (out / name).replace(out / _OLD / name)
    (out / _NEW / name).replace(out / name)


def _put_back(out: Path, name: str) -> None:
    """Undo `_put`, however far it came."""
    if not (out / _NEW / name).exists():
        (out / name).replace(out / _NEW / name)
    if (out / _OLD / name).exists():
        (out / _OLD / name).replace(out / name)


def _clear(out: Path) -> None:
    for folder in (out / _NEW, out / _OLD):
        if folder.is_symlink():  # of somebody who wants our chunks elsewhere
            folder.unlink()
        shutil.rmtree(folder, ignore_errors=True)
    sweep(out)
