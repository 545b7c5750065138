"""Random edits of settings and tables, from a seed: what a hand, an editor or a disk may do.

Half of them change one value, where most of the checks are; the others change lines and bytes.
"""

import random
import re
from collections.abc import Callable

NUMBERS = (
    *(
        "0",
        "-0.0",
        "-1",
        "1",
        "2",
        "3",
        "0.5",
        "1e-300",
        "5e-324",
        "1e300",
        "1e308",
        "1e400",
        "1e18",
    ),
    *("nan", "-nan", "inf", "-inf", "9223372036854775808", "-9223372036854775809", "1e9", "1e-9"),
    *(
        "1" * 400,
        "1" * 5000,
        "0x" + "f" * 400,
        "0x" + "f" * 5000,
        "0o777",
        "1_000",
        "001",
        "+5",
        "1.",
    ),
)
UNITS = (
    "GeV",
    "TeV",
    "MeV",
    "pb",
    "fb",
    "/pb",
    "/ fb",
    "%",
    "gev",
    "",
    "GeV GeV",
    "\u00a0GeV",
    "\0",
)
OTHERS = (
    *(
        "true",
        "false",
        '""',
        "''",
        "[]",
        "{}",
        "[1, 2]",
        "{ a = 1 }",
        "[[]]",
        "[{}]",
        "[nan]",
        "[true]",
    ),
    *("1979-05-27", "07:32:00", "1979-05-27T07:32:00Z", "1979-05-27T07:32:00", "9999-99-99"),
    *('"n_jets"', '"exp"', '"signal_500"', '"data"', '["exp", "exp"]', '["../*"]', '["/etc/*"]'),
    *(
        '["**x"]',
        '[""]',
        '["a\\u0000b"]',
        '["\\ud800"]',
        '"""\na\n"""',
        '"\\u202e"',
        '"\u0665 GeV"',
    ),
    *('"a" * 3', "None", "{ bins = 1 }", "{ low = nan, high = 1, bins = 1 }", "["),
    *("[" * 3000 + "]" * 3000, "{ a = " * 3000 + "1" + " }" * 3000, "[" + "1, " * 30_000 + "]"),
    *('"' + "x" * 100_000 + '"', '["exp", ' + '"e", ' * 3000 + "]"),
)
CELLS = (
    *(
        "",
        " ",
        "nan",
        "inf",
        "-inf",
        "-1",
        "-0",
        "0",
        "1e308",
        "1e309",
        "1e-320",
        "0x10",
        "1_0",
        "1,5",
    ),
    *(
        "\u0665",
        '"',
        '"5"',
        "5 GeV",
        "1e15",
        "9" * 500,
        "#",
        "5;6",
        "\0",
        "\ufeff",
        "1e9",
        "999999999",
    ),
    *("x" * 100_000, "True", "None", "1e", ".", "+", "--1"),
)
_ENTRY = re.compile(r"^(\s*[^#\[=\s][^=]*?)\s*=\s*(.*)$")
_NUMBER = re.compile(r"(?<![\w.])[+-]?\d[\d_.]*(?:e[+-]?\d+)?")


def number(rng: random.Random) -> str:
    """Return a number: one of the ends of what computers hold, or one of any size."""
    if rng.random() < 0.6:
        return rng.choice(NUMBERS)
    sign, size = rng.choice(("", "", "", "-")), 10 ** rng.uniform(-12, 18)
    return f"{sign}{size:.3g}" if rng.random() < 0.5 else f"{sign}{int(size)}"


def value(rng: random.Random) -> str:
    """Return a value of TOML: of another type, with another unit, of any size."""
    kind = rng.random()
    if kind < 0.35:
        return number(rng)
    if kind < 0.7:
        return f'"{number(rng)} {rng.choice(UNITS)}"'
    return rng.choice(OTHERS)


def _values(lines: list[str], rng: random.Random) -> None:
    """Write another value in place of one."""
    places = [index for index, line in enumerate(lines) if _ENTRY.match(line)]
    index = rng.choice(places)
    found = _ENTRY.match(lines[index])
    assert found is not None
    key, old = found.groups()
    if rng.random() < 0.5 and (numbers := list(_NUMBER.finditer(old))):
        one = rng.choice(numbers)
        lines[index] = f"{key} = {old[: one.start()]}{number(rng)}{old[one.end() :]}"
    else:
        lines[index] = f"{key} = {value(rng)}"


def _units(lines: list[str], rng: random.Random) -> None:
    places = [index for index, line in enumerate(lines) if re.search(r"\b(GeV|TeV|pb)\b", line)]
    if places:
        index, unit = rng.choice(places), rng.choice(UNITS)
        lines[index] = re.sub(r"\b(GeV|TeV|pb)\b", lambda _old: unit, lines[index], count=1)


def _cells(lines: list[str], rng: random.Random) -> None:
    """Write another cell of a CSV file in place of one."""
    index = rng.randrange(len(lines))
    cells = lines[index].split(",")
    cells[rng.randrange(len(cells))] = rng.choice(CELLS) if rng.random() < 0.6 else number(rng)
    lines[index] = ",".join(cells)


def _keys(lines: list[str], rng: random.Random) -> None:
    """Change one character of a name."""
    places = [index for index, line in enumerate(lines) if re.match(r"\s*[\w\[]", line)]
    index = rng.choice(places)
    name = re.match(r"[^=#]*", lines[index])
    assert name is not None
    at = rng.randrange(max(1, name.end()))
    new = rng.choice(("", "x", ".", '"', "[", " ", "é", "\\", "a.b.", "\u202e", "x" * 5000))
    lines[index] = lines[index][:at] + new + lines[index][at + 1 :]


def _remove(lines: list[str], rng: random.Random) -> None:
    start = rng.randrange(len(lines))
    del lines[start : start + rng.choice((1, 1, 1, 2, 5, 30))]


def _repeat(lines: list[str], rng: random.Random) -> None:
    start = rng.randrange(len(lines))
    piece = lines[start : start + rng.choice((1, 1, 2, 8))]
    lines[rng.randrange(len(lines) + 1) : 0] = piece * rng.choice((1, 1, 1, 300))


def _swap(lines: list[str], rng: random.Random) -> None:
    one, other = rng.randrange(len(lines)), rng.randrange(len(lines))
    lines[one], lines[other] = lines[other], lines[one]


_Edit = Callable[[list[str], random.Random], None]
_SETTINGS_EDITS: tuple[_Edit, ...] = (
    *[_values] * 10,
    *[_keys] * 2,
    *[_units] * 2,
    _remove,
    _repeat,
    _swap,
)
_TABLE_EDITS: tuple[_Edit, ...] = (*[_cells] * 8, _keys, _remove, _repeat, _swap)


def _lines_edited(text: str, rng: random.Random, edits: tuple[_Edit, ...]) -> str:
    lines = text.split("\n")
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        edit = rng.choice(edits)
        if len(lines) > 1:
            edit(lines, rng)
    return "\n".join(lines)


def damaged(content: bytes, rng: random.Random) -> bytes:
    """Return `content` with bytes changed, put in, taken out, or all in another encoding."""
    data = bytearray(content)
    kind, at = rng.randrange(7), rng.randrange(len(data) + 1)
    if kind <= 1:
        for _ in range(rng.choice((1, 1, 3, 30))):
            data[rng.randrange(len(data))] = rng.randrange(256)
    elif kind == 2:
        data[at:at] = rng.choice(
            (b"\0", b"\xff\xfe", b"\xef\xbb\xbf", b"\r", b"\x1b[2J", b"\0" * 999)
        )
    elif kind == 3:
        del data[at:]
    elif kind == 4:
        del data[at : at + rng.choice((1, 1, 10, 200))]
    elif kind == 5:
        return rng.choice(
            (b"", b"\0" * 5000, bytes(rng.randbytes(3000)), b"\xef\xbb\xbf" + content)
        )
    else:
        encoding = rng.choice(("utf-16", "utf-32", "cp037", "utf-8-sig"))
        return content.decode().encode(encoding, errors="replace")
    return bytes(data)


def edited_settings(text: str, rng: random.Random) -> bytes:
    """Return a settings file after one of the edits."""
    new = _lines_edited(text, rng, _SETTINGS_EDITS)
    content = new.encode("utf-8", errors="surrogatepass")
    return damaged(text.encode(), rng) if rng.random() < 0.15 else content


def edited_table(text: str, rng: random.Random) -> bytes:
    """Return a CSV file after one of the edits."""
    new = _lines_edited(text, rng, _TABLE_EDITS)
    content = new.encode("utf-8", errors="surrogatepass")
    return damaged(text.encode(), rng) if rng.random() < 0.15 else content
