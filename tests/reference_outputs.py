"""What the program writes, before and after it was rebuilt: two sets of outputs, compared.

Before: ``python tests/reference_outputs.py make before``; afterwards the same with ``after`` (each
takes some minutes), and ``python tests/reference_outputs.py compare before after``. A file that is
not the same is told, with the first place where it differs, and the exit code is 1. Without
options they are the same to the byte: times, paths and the digests of the program apart.

``--relative 1e-6``: numbers of JSON files may differ so much, images are not looked at.
``--words``: texts may differ as well, names of files and keys may not.
"""

import argparse
import difflib
import json
import math
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tools.digests import digest_text

_SPECTRUM = "infer --resolution 30 --masses 500:1000:10 --spectrum"
COMMANDS = (
    "run --universe 0 --out blind",
    "run --universe 2 --unblind compared --out open_2",
    "run --universe 5 --unblind compared --out open_5",
    f"{_SPECTRUM} falling.csv --blind 600:800 --out blind_spectrum",
    f"{_SPECTRUM} falling.csv --out open_spectrum",
    f"{_SPECTRUM} bump.csv --out bump_spectrum",
    "closure --quick --out closure",
)
NOT_RESULTS = {"batches", "checkpoints", "chunks"}
OF_THE_PROGRAM = {"provenance", "program"}
"""keys of what may differ between two equal results"""
IMAGES = {".png", ".pdf"}
_TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d)?")
_PROGRAM = re.compile(r"program: \w+</th><td>[0-9a-f]{32}")
_IMAGE = re.compile(r"data:image/[^\"]*")


def make(folder: Path) -> None:
    """Run the program of this checkout."""
    folder.mkdir(parents=True)
    edges = np.arange(230, 1700, 20)
    rng = np.random.default_rng(1)
    falling = 20_000 * (edges[:-1] / 230) ** -4.5
    bump = 300 * np.exp(-0.5 * ((edges[:-1] + 10 - 750) / 30) ** 2)
    for name, expected in (("falling", falling), ("bump", falling + bump)):
        rows = np.column_stack([edges[:-1], edges[1:], rng.poisson(expected)])
        header = "low,high,events"
        path = folder / f"{name}.csv"
        np.savetxt(path, rows, fmt="%d", delimiter=",", header=header, comments="")
    program = Path(sys.executable).with_name("xyy")
    for command in COMMANDS:
        sys.stdout.write(f"xyy {command}\n")
        subprocess.run(
            [program, *command.split()], cwd=folder, check=True, stderr=subprocess.DEVNULL
        )


@dataclass(frozen=True)
class Comparison:
    """How much two sets may differ."""

    relative: float
    words: bool

    def differences(self, before: Path, after: Path) -> Iterator[str]:
        """Yield what is not the same."""
        ours, theirs = set(_files(before)), set(_files(after))
        yield from (f"{name}: only in one of the two" for name in sorted(ours ^ theirs))
        for name in sorted(ours & theirs):
            yield from (f"{name}{what}" for what in self._in_file(before / name, after / name))

    def _in_file(self, before: Path, after: Path) -> Iterator[str]:
        if before.suffix == ".json":
            one, other = (json.loads(path.read_bytes()) for path in (before, after))
            yield from self._in_value("", one, other)
        elif before.suffix == ".html" and not self.relative:
            one, other = (_lines(path) for path in (before, after))
            yield from (f": {line}" for line in difflib.unified_diff(one, other, n=0))
        elif self.relative and before.suffix in IMAGES:
            return
        elif before.read_bytes() != after.read_bytes():
            yield ": other bytes"

    def _in_value(self, where: str, before: Any, after: Any) -> Iterator[str]:
        if isinstance(before, dict) and isinstance(after, dict):
            one, other = (_without_origin(mapping) for mapping in (before, after))
            if list(one) != list(other):
                yield f"{where}: keys {list(one)} and {list(other)}"
            for key in one.keys() & other.keys():
                yield from self._in_value(f"{where}.{key}", one[key], other[key])
        elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
            for index, pair in enumerate(zip(before, after, strict=True)):
                yield from self._in_value(f"{where}[{index}]", *pair)
        elif isinstance(before, str) and isinstance(after, str) and self.words:
            return
        elif not self._same(before, after):
            yield f"{where}: {before!r:.100} and {after!r:.100}"

    def _same(self, before: Any, after: Any) -> bool:
        if isinstance(before, float) and isinstance(after, float) and self.relative:
            return math.isclose(before, after, rel_tol=self.relative)
        return repr(before) == repr(after)


def _lines(page: Path) -> list[str]:
    """Return the lines of a page, of which no time, and figures by their digests."""
    text = _PROGRAM.sub("", _TIME.sub("", page.read_text(encoding="utf-8")))
    return _IMAGE.sub(lambda found: digest_text(found[0]), text).splitlines()


def _without_origin(mapping: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in mapping.items() if key not in OF_THE_PROGRAM}


def _files(folder: Path) -> Iterator[str]:
    for path in folder.rglob("*"):
        name = path.relative_to(folder)
        if path.is_file() and not NOT_RESULTS & set(name.parts):
            yield name.as_posix()


def main() -> int:
    """Make a set, or compare two."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("make", "compare"))
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--relative", type=float, default=0.0)
    parser.add_argument("--words", action="store_true")
    options = parser.parse_args()
    if options.what == "make":
        make(*options.folders)
        return 0
    found = list(Comparison(options.relative, options.words).differences(*options.folders))
    sys.stdout.write(("\n".join(found) or "the same") + "\n")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
