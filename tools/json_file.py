"""JSON products, whole or not there.

They hold no NaN (a reader in another language could not parse it) and keep everything that may
differ between two equal runs - times, paths, hosts, digests - under the one key ``provenance``.
"""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

from tools.atomic import write_bytes
from tools.errors import InputError


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
        text = path.read_text(encoding="utf-8")
        document = json.loads(text, parse_constant=_no_number, parse_float=_finite)
    except FileNotFoundError:
        raise InputError(f"{path} is not there; make it with `{made_by}`") from None
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(
            f"{path} cannot be read as JSON ({error}); make it again with `{made_by}`"
        ) from None
    if not isinstance(document, dict):
        raise InputError(f"{path} holds no JSON object; make it again with `{made_by}`")
    return document


def _finite(text: str) -> float:
    """Return a number, which Python would take for an infinity where it is too large for one."""
    number = float(text)
    return number if math.isfinite(number) else _no_number(text)


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"no number of JSON: {text}")
