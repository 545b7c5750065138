"""Files that are whole or not there, and folders with one writer.

Every product is written to a temporary name in its own folder, flushed to the disk and renamed: a
reader, or the next run after a crash, sees the old file or the new one and never a half. A folder
has one writer at a time, by an advisory lock that the kernel frees when the process dies. Files
that this program did not write are not replaced: with ``--out .`` they could be anybody's.

JSON products hold no NaN (a reader in another language could not parse it) and keep everything
that may differ between two equal runs - times, paths, hosts, digests - under the one key
``provenance``.
"""

import contextlib
import fcntl
import json
import os
import platform
import re
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import IO, Any

import xxhash

from tools.errors import InputError, XyyError

LOCK_NAME = ".xyy.lock"
ZIP_MARK = b"xyy"
"""comment of an archive, which are its last bytes"""
_TEMPORARY = re.compile(r"\..+\.(\d+|[0-9a-f]{32})\.tmp")
_LIBRARIES = (
    "awkward",
    "boost-histogram",
    "coffea",
    "hist",
    "iminuit",
    "numpy",
    "pyhf",
    "scipy",
    "uproot",
)


@contextlib.contextmanager
def atomic(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; rename it to `path` if the block succeeds.

    Parameters
    ----------
    path : Path
        The file to be written. Its folder is made if need be.

    Yields
    ------
    Path
        Where to write. On any exception it is removed, and `path` stays as it was.

    Raises
    ------
    XyyError
        If the disk is full or the folder cannot be written.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        with temporary.open("rb") as written:
            os.fsync(written.fileno())
        temporary.replace(path)
    except OSError as error:
        raise XyyError(
            f"cannot write {path}: {error.strerror or error}; free space or choose another folder"
        ) from error
    finally:
        temporary.unlink(missing_ok=True)


def write_bytes(path: Path, content: bytes) -> None:
    """Write `content` to `path`, whole or not at all."""
    with atomic(path) as temporary:
        temporary.write_bytes(content)


def write_json(path: Path, document: Mapping[str, Any]) -> None:
    """Write a JSON product, whole or not at all.

    Raises
    ------
    ValueError
        If the document holds a NaN or an infinity: a result says null, with a reason.
    """
    text = json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False)
    write_bytes(path, (text + "\n").encode())


def read_json(path: Path, *, made_by: str) -> dict[str, Any]:
    """Read a JSON product.

    Parameters
    ----------
    path : Path
        The file.
    made_by : str
        The command that makes it, for the message when it is missing.

    Raises
    ------
    InputError
        If the file is missing, is not JSON, or is not an object.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"{path} is not there; make it with `{made_by}`") from None
    except (OSError, ValueError) as error:
        raise InputError(
            f"{path} cannot be read as JSON ({error}); make it again with `{made_by}`"
        ) from None
    if not isinstance(document, dict):
        raise InputError(f"{path} holds no JSON object; make it again with `{made_by}`")
    return document


def digest_file(path: Path) -> str:
    """Return the XXH3-128 digest of a file's bytes (an identity check, not a signature)."""
    hasher = xxhash.xxh3_128()
    with path.open("rb") as stream:
        for block in _blocks(stream):
            hasher.update(block)
    return hasher.hexdigest()


def _blocks(stream: IO[bytes], size: int = 1 << 22) -> Iterator[bytes]:
    while block := stream.read(size):
        yield block


def digest_text(*parts: str) -> str:
    """Return the XXH3-128 digest of some texts, each told apart from its neighbours."""
    hasher = xxhash.xxh3_128()
    for part in parts:
        data = part.encode()
        hasher.update(f"{len(data)}:".encode() + data)
    return hasher.hexdigest()


def digest_document(document: Mapping[str, Any]) -> str:
    """Return the digest of a JSON document's content, its ``provenance`` left out.

    >>> digest_document({"a": 1, "provenance": {"t": 0}}) == digest_document({"a": 1})
    True
    """
    content = {key: value for key, value in document.items() if key != "provenance"}
    return digest_text(json.dumps(content, sort_keys=True, allow_nan=False))


def code_digest(room: str, *names: str) -> str:
    """Return the digest of source files of a room (``processors``, ``analysis``, ``tools``).

    Results that another version of the code made are never taken for today's.

    Parameters
    ----------
    room : str
    *names : str
        Which files; all of them unless given.
    """
    folder = Path(__file__).parent.parent / room
    sources = [path for path in sorted(folder.rglob("*")) if path.suffix in {".py", ".html"}]
    chosen = [path for path in sources if not names or path.name in names]
    return digest_text(*(text for p in chosen for text in (p.name, p.read_text(encoding="utf-8"))))


def refuse_foreign(folder: Path, names: Iterable[str]) -> None:
    """Refuse to write where files of these names are there that this program did not write.

    JSON has to have our provenance, even beside other files of ours: a person may have written it.
    Anything else is ours if it lies beside one that has, or bears the mark of an archive.

    Parameters
    ----------
    folder : Path
    names : iterable of str
        Of the files and folders in it that are to be written.

    Raises
    ------
    InputError
        Naming the first.
    """
    marks = {folder / name: _is_ours(folder / name) for name in names}
    ours = any(marks.values())
    for path, mark in marks.items():
        there = path.exists() or path.is_symlink()
        if there and not (ours if mark is None else mark):
            raise InputError(
                f"{path} is there, was not written by xyy, and would be replaced; move it away, or "
                "choose another folder"
            )


def _is_ours(path: Path) -> bool | None:
    """Return whether a file says that this program wrote it; None if it can say nothing."""
    try:
        if path.suffix == ".zip":
            with path.open("rb") as stream:
                stream.seek(-len(ZIP_MARK), os.SEEK_END)
                return stream.read() == ZIP_MARK or None
        document = json.loads(path.read_text(encoding="utf-8"))
        return "xyy" in document["provenance"]["versions"]
    except (OSError, ValueError):
        return None
    except (KeyError, TypeError, IndexError):
        return False


@contextlib.contextmanager
def one_writer(folder: Path, *, writes: Iterable[str] = ()) -> Iterator[None]:
    """Hold `folder` for this process alone while the block runs.

    The folder is made if need be; what was made is removed again if the block leaves it empty.

    Parameters
    ----------
    folder : Path
    writes : iterable of str
        Names of what the block writes there, see `refuse_foreign`.

    Raises
    ------
    InputError
        If another process holds it (the message names that process), or it holds files of these
        names that are not ours.
    """
    made = [place for place in (folder, *folder.parents) if not place.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / LOCK_NAME
    with _locked(path) as lock:
        lock.write(f"xyy (process {os.getpid()} on {platform.node()})")
        lock.flush()
        try:
            refuse_foreign(folder, writes)
            for leftover in _leftovers(folder):
                leftover.unlink(missing_ok=True)
            yield
        finally:
            path.unlink(missing_ok=True)
            with contextlib.suppress(OSError):  # it holds something
                for place in made:
                    place.rmdir()


def _leftovers(folder: Path) -> Iterator[Path]:
    """Yield temporary files of a killed run; not those of one that works in a subfolder."""
    for path in folder.rglob(".*.tmp"):
        between = path.parents[: len(path.relative_to(folder).parents) - 1]
        if _TEMPORARY.fullmatch(path.name) and not any((p / LOCK_NAME).exists() for p in between):
            yield path


def _locked(path: Path) -> IO[str]:
    """Return the open, locked lock file at `path`."""
    while True:
        lock = path.open("a+", encoding="utf-8")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            holder = lock.read().strip() or "another process"
            lock.close()
            raise InputError(
                f"{path.parent} is in use by {holder}; wait for it, or choose another folder"
            ) from None
        # The holder before us may have removed the file between our opening and our locking it.
        with contextlib.suppress(FileNotFoundError):
            if path.stat().st_ino == os.fstat(lock.fileno()).st_ino:
                lock.truncate(0)
                return lock
        lock.close()


def provenance(**extra: Any) -> dict[str, Any]:
    """Return what made a product: time, host, versions, commit, and whatever the caller adds."""
    return {
        "written": datetime.now(UTC).isoformat(timespec="seconds"),
        "host": platform.node(),
        "python": platform.python_version(),
        "versions": {name: metadata.version(name) for name in ("xyy", *_LIBRARIES)},
        "git_commit": _git_commit(),
        **extra,
    }


def _git_commit() -> str | None:
    """Return the commit of the checkout that this code runs from, or None outside one."""
    try:
        answer = subprocess.run(
            ["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"],  # noqa: S607 - git from the PATH
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
            check=True,
            timeout=10,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return answer.stdout.strip()
