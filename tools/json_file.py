"""JSON products, whole or not there.

They hold no NaN (a reader in another language could not parse it) and keep everything that may
differ between two equal runs - times, paths, hosts, digests - under the one key ``provenance``.

A result holds the digest of all of itself there: one whose bytes rotted, or that was edited, would
otherwise be read on with another number. (It is a check, no signature: who wants to can make it.)
"""

import json
import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

from tools.atomic import write_bytes
from tools.digests import digest_text
from tools.errors import InputError
from tools.reading import TEXT_BYTES, read_text
from tools.shown import brief

DIGEST = "digest"
"""of a result: entry of its provenance"""


def json_bytes(
    document: Mapping[str, object] | Sequence[Mapping[str, object]],
    *,
    compact: bool = False,
    sort_keys: bool = False,
) -> bytes:
    """Return a JSON document as ASCII text, whatever is to be done with it.

    Parameters
    ----------
    document : mapping
    compact : bool
        Whether all of it stands in one line, without spaces.
    sort_keys : bool

    Raises
    ------
    ValueError
        If the document holds a NaN or an infinity.

    Examples
    --------
    >>> json_bytes({"b": 1.5, "a": "x"}, compact=True, sort_keys=True)
    b'{"a":"x","b":1.5}'
    """
    indent, separators = (None, (",", ":")) if compact else (1, None)
    text = json.dumps(
        document, indent=indent, separators=separators, sort_keys=sort_keys, allow_nan=False
    )
    return text.encode("ascii")


def write_json(path: Path, document: Mapping[str, Any]) -> None:
    """Write a JSON product, whole or not at all.

    Raises
    ------
    ValueError
        If the document holds a NaN or an infinity: a result says null, with a reason.
    """
    text = json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False)
    # Bytes of a path that are not UTF-8 are spelt as JSON spells them.
    write_bytes(path, (text + "\n").encode(errors="backslashreplace"))


def write_sealed(path: Path, document: Mapping[str, Any], *, free: Sequence[str] = ()) -> None:
    """Write a result that says what it was when it was written.

    Parameters
    ----------
    path : Path
    document : mapping
        With a mapping ``provenance``, to which the digest is added.
    free : sequence of str
        Keys of what a person may change in it.
    """
    origin = {**document["provenance"], DIGEST: _digest(document, free)}
    write_json(path, {**document, "provenance": origin})


def read_sealed(path: Path, *, made_by: str, free: Sequence[str] = ()) -> dict[str, Any]:
    """Read a result that `write_sealed` wrote.

    Parameters
    ----------
    path : Path
    made_by : str
        As for `read_json`.
    free : sequence of str
        As for `write_sealed`; a person may also have written these alone.

    Raises
    ------
    InputError
        As `read_json`, and if it is not as it was written.
    """
    document = read_json(path, made_by=made_by)
    if free and document.keys() <= set(free):
        return document
    origin = document.get("provenance")
    if not isinstance(origin, dict) or origin.get(DIGEST) != _digest(document, free):
        raise InputError(
            f"{path} is not as xyy wrote it: damaged, or edited; make it again with `{made_by}`"
        )
    return document


def _digest(document: Mapping[str, Any], free: Sequence[str]) -> str:
    """Return the digest of a document, its provenance included, but for the digest itself."""
    origin = {key: value for key, value in document["provenance"].items() if key != DIGEST}
    kept = {key: value for key, value in document.items() if key not in free}
    text = json.dumps({**kept, "provenance": origin}, sort_keys=True, allow_nan=False)
    return digest_text(text)


def read_json(path: Path, *, made_by: str, most: int = TEXT_BYTES) -> dict[str, Any]:
    """Read a JSON product.

    Parameters
    ----------
    path : Path
        The file.
    made_by : str
        The command that makes it, for the message when it is missing.
    most : int
        Bytes; a larger file is refused unread.

    Raises
    ------
    InputError
        If the file is missing, too large, is not JSON, holds a key twice, or is no object.
    """
    if not os.path.lexists(path):
        raise InputError(f"{path} is not there; make it with `{made_by}`")
    try:
        text = read_text(path, most)
        document = json.loads(
            text, parse_constant=_no_number, parse_float=_finite, object_pairs_hook=_object
        )
    except (RecursionError, ValueError) as error:
        raise InputError(
            f"{path} cannot be read as JSON ({error}); make it again with `{made_by}`"
        ) from None
    if not isinstance(document, dict):
        raise InputError(f"{path} holds no JSON object; make it again with `{made_by}`")
    return document


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object; of a key that stands twice nobody knows which value is meant."""
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise ValueError(f"{brief(name, 50)} stands twice")
        found[name] = value
    return found


def _finite(text: str) -> float:
    """Return a number, which Python would take for an infinity where it is too large for one."""
    number = float(text)
    return number if math.isfinite(number) else _no_number(text)


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"no number of JSON: {text}")
