"""Digests: what is the same has the same one.

They are identity checks, not signatures (``analysis.game.sealing`` has those).
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any

import xxhash

from tools.reading import open_regular


def digest_file(path: Path) -> str:
    """Return the XXH3-128 digest of a file's bytes (an identity check, not a signature).

    Raises
    ------
    InputError
        See `tools.reading.open_regular`.
    """
    hasher = xxhash.xxh3_128()
    with open_regular(path) as stream:
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
