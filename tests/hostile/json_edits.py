"""Random edits of JSON files, from a seed: what a hand, an editor, a program or a disk may do."""

import json
import random
from typing import Any

VALUES: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 7, 100, 5000, 2**31, 2**63, 10**400, -0.0, 0.5, 1e-300, 1e308,
    "", "0", "5", "data", "signal", "\0", "../../x", "/etc/passwd", "x" * 100_000, "\ud800",
    [], [[]], [1], ["a"], {}, {"a": 1}, [None], {"": {}},
)  # fmt: skip
TEXTS = ("NaN", "Infinity", "1e999", "0x10", "'a'", "[" * 50_000, '{"a":' * 50_000, "nul", "")


def edited(text: str, rng: random.Random) -> bytes:
    """Return a file that differs from `text`: in a value, a key, a piece of text or a byte."""
    kind = rng.random()
    if kind < 0.7:
        return _changed(json.loads(text), rng)
    if kind < 0.8:
        value = rng.choice(list(_leaves(json.loads(text))))
        return text.replace(json.dumps(value), rng.choice(TEXTS), 1).encode()
    content = bytearray(text.encode())
    at = rng.randrange(len(content))
    if kind < 0.9:
        content[at] ^= 1 << rng.randrange(8)
    elif kind < 0.95:
        del content[at : at + rng.choice((1, 1, 100, len(content)))]
    else:
        content[at:at] = rng.randbytes(rng.choice((1, 100))) * rng.choice((1, 1, 1000))
    return bytes(content)


def _changed(document: Any, rng: random.Random) -> bytes:
    """Change one place of a document, whatever its depth."""
    places = list(_places(document))
    inside, key = rng.choice(places)
    kind = rng.random()
    if kind < 0.5:
        inside[key] = _other(inside[key], rng)
    elif kind < 0.65:
        del inside[key]
    elif kind < 0.8:
        other, there = rng.choice(places)
        inside[key] = other[there]
        if len(repr(document)) > 10_000_000:  # it holds itself
            return b"{}"
    elif isinstance(inside, list):
        inside.insert(0, inside[key])
    else:
        inside[f"{key}x"] = inside.pop(key)
    return _dumped(document)


def _dumped(document: Any) -> bytes:
    try:
        return json.dumps(document, indent=1).encode()
    except (ValueError, RecursionError):  # it holds itself
        return b"{}"


def _other(value: Any, rng: random.Random) -> Any:
    if isinstance(value, int | float) and not isinstance(value, bool) and rng.random() < 0.5:
        return rng.choice((value + 1, value - 1, -value, value * 2, value / 3, str(value)))
    return rng.choice(VALUES)


def _places(document: Any) -> list[tuple[Any, Any]]:
    """Return every place of a document: what holds it, and the key there."""
    keys = document if isinstance(document, dict) else range(len(document))
    inside = [(document, key) for key in keys]
    for value in document.values() if isinstance(document, dict) else document:
        if isinstance(value, dict | list):
            inside += _places(value)
    return inside


def _leaves(document: Any) -> list[Any]:
    values = (holder[key] for holder, key in _places(document))
    return [value for value in values if not isinstance(value, dict | list)]
