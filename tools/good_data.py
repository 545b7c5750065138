"""Good data: runs and luminosity blocks in which a detector worked, as experiments publish them.

Two formats are known, told by their content:

======================  ====================================================================
CMS golden JSON         ``{"273158": [[1, 1279]], ...}``: ranges of each run, both ends in
ATLAS good-run list     XML, ``Run`` and ``LBRange Start= End=`` in ``LumiBlockCollection``
======================  ====================================================================
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
import numpy.typing as npt

from tools.errors import InputError
from tools.reading import read_text
from tools.shown import shown

_MOST_BYTES = 1 << 24
"""of a list; those of a whole run of the LHC have some 100 kB"""
_LARGEST = 2**32 - 1
Range = tuple[int, int, int]
"""Run, first and last luminosity block."""


@dataclass(frozen=True, slots=True)
class GoodData:
    """Which luminosity blocks are good."""

    ranges: tuple[Range, ...]
    """sorted, without overlap"""

    @property
    def runs(self) -> int:
        """How many runs there are."""
        return len({run for run, _, _ in self.ranges})

    def mask(self, run: npt.NDArray[Any], lumi: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
        """Return which events are good.

        Parameters
        ----------
        run, lumi : ndarray of int, shape (n,)

        Examples
        --------
        >>> good = GoodData(((7, 1, 3), (9, 5, 5)))
        >>> good.mask(np.array([7, 7, 8, 9]), np.array([3, 4, 1, 5]))
        array([ True, False, False,  True])
        """
        first, last = (
            np.array([_key(run, block) for run, *blocks in self.ranges for block in [blocks[end]]])
            for end in (0, 1)
        )
        # Others would come round as the number of another run or block.
        able = (run >= 0) & (run <= _LARGEST) & (lumi >= 0) & (lumi <= _LARGEST)
        wanted = (run.astype(np.uint64) << np.uint64(32)) | lumi.astype(np.uint64)
        place = np.searchsorted(first, wanted, side="right") - 1
        found: npt.NDArray[np.bool_] = able & (place >= 0) & (wanted <= last[np.maximum(place, 0)])
        return found


def _key(run: int, block: int) -> np.uint64:
    return np.uint64((run << 32) | block)


def read_good_data(path: Path) -> GoodData:
    """Read a list.

    Raises
    ------
    InputError
        If it is neither, or an entry makes no sense; the message has the file and the entry.
    """
    try:
        text = read_text(path, _MOST_BYTES).removeprefix("\ufeff")
    except UnicodeDecodeError:
        raise _unknown(path) from None
    if text.lstrip().startswith("<"):
        ranges = _from_xml(path, text)
    elif text.lstrip().startswith("{"):
        ranges = _from_json(path, text)
    else:
        raise _unknown(path)
    if not (found := _without_overlap(ranges)):
        raise InputError(f"{path} lists no luminosity block; get it again")
    return GoodData(found)


def _unknown(path: Path) -> InputError:
    return InputError(
        f"{path} is no list of good data; name a JSON file of CMS or an XML file of ATLAS"
    )


def _from_json(path: Path, text: str) -> Iterator[Range]:
    try:
        # Pairs, as a dict keeps the last one only of a run that stands there twice.
        runs = json.loads(text, object_pairs_hook=tuple)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is no JSON ({str(error)[:80]}); get it again") from None
    for run, pairs in runs:
        if not isinstance(pairs, list):
            raise InputError(f"{path}, run {shown(run)}: a list of ranges belongs there")
        for pair in pairs:
            if not isinstance(pair, list) or len(pair) != len(("first", "last")):
                raise InputError(
                    f"{path}, run {shown(run)}: {shown(pair)} is no range; write [first, last]"
                )
            yield _range(path, run, *pair)


def _from_xml(path: Path, text: str) -> Iterator[Range]:
    """Yield the ranges of a good-run list.

    Nothing is fetched for a DOCTYPE, which real lists have. Entities are refused: some lines of
    them can stand for gigabytes.
    """
    if "<!ENTITY" in text:
        raise InputError(f"{path} defines entities, which no good-run list does; get it again")
    try:
        root = ET.fromstring(text)  # noqa: S314 - without entities
    except ET.ParseError as error:
        raise InputError(f"{path} is no XML ({error}); get it again") from None
    for collection in root.iter("LumiBlockCollection"):
        run = collection.findtext("Run", "").strip()
        for block in collection.iter("LBRange"):
            yield _range(path, run, block.get("Start"), block.get("End"))


def _range(path: Path, run: object, first: object, last: object) -> Range:
    numbers = [_whole(each) for each in (run, first, last)]
    a, b, c = (-1 if each is None else each for each in numbers)
    if None in numbers or not 0 <= b <= c:
        raise InputError(
            f"{path}, run {shown(run)}: luminosity blocks from {shown(first)} to {shown(last)} "
            "make no range of whole numbers; correct it"
        )
    return a, b, c


def _whole(value: object) -> int | None:
    text = str(value)
    good = isinstance(value, int | str) and text.isascii() and text.isdigit()
    # Python refuses to make a number of thousands of digits.
    short = len(text) <= len(str(_LARGEST))
    return int(text) if good and short and int(text) <= _LARGEST else None


def _without_overlap(ranges: Iterable[Range]) -> tuple[Range, ...]:
    """Return the same blocks, sorted, each once.

    >>> _without_overlap([(7, 4, 9), (7, 1, 4), (5, 1, 2)])
    ((5, 1, 2), (7, 1, 9))
    """
    found: list[Range] = []
    for run, first, last in sorted(ranges):
        if found and found[-1][0] == run and first <= found[-1][2] + 1:
            found[-1] = (run, found[-1][1], max(last, found[-1][2]))
        else:
            found.append((run, first, last))
    return tuple(found)
