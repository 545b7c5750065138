"""Histograms as bytes: which bins hold something, and what.

A chunk's histograms have more than a million bins, of which its events fill one in seven. For each
histogram, in the order of its bins in memory (the first axis runs fastest, flow bins included):

1. one bit for every bin: whether it holds anything (padded to whole bytes, first bin highest);
2. the contents of those that do, as unsigned integers of 1, 2, 4 or 8 bytes, little-endian.

Axes are not written. They are known to whoever has the program that filled the histograms, and
whoever has not should not add anything to them.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

Named = Mapping[str, Any]
"""Histograms of integers (`hist.Hist`) by name."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Where a histogram stands among the bytes, and how."""

    name: str
    bins: int
    """flow bins included"""
    filled: int
    """bins that hold something"""
    type: str
    """of the contents, as NumPy writes it"""


def encode(histograms: Named) -> tuple[list[Layout], bytes]:
    """Return the histograms one after the other, and where each stands.

    Raises
    ------
    TypeError
        If one of them holds something else than integers.
    ValueError
        If a content is negative.
    """
    layouts, pieces = [], []
    for name, histogram in histograms.items():
        contents = histogram.view(flow=True).ravel(order="F")
        if contents.dtype != np.int64:
            raise TypeError(f"{name} holds {contents.dtype}, not integers")
        occupied = contents != 0
        filled = contents[np.flatnonzero(occupied)]  # twice as fast as by the mask itself
        if (filled < 0).any():
            raise ValueError(f"{name} has bins below zero")
        kind = np.min_scalar_type(filled.max(initial=0)).newbyteorder("<")
        layouts.append(Layout(name, len(contents), len(filled), kind.str))
        pieces += [np.packbits(occupied).tobytes(), filled.astype(kind).tobytes()]
    return layouts, b"".join(pieces)


def decode(layouts: Iterable[Layout], content: bytes, into: Named) -> None:
    """Fill the histograms of `into`, which are empty, with what was encoded.

    Parameters
    ----------
    layouts : iterable of Layout
    content : bytes
    into : mapping of str to Hist

    Raises
    ------
    ValueError
        If names, numbers of bins or bytes differ from those of `into`: nothing of it may be used.
    """
    expected = {name: histogram.view(flow=True) for name, histogram in into.items()}
    layouts = list(layouts)
    if {layout.name: layout.bins for layout in layouts} != {n: v.size for n, v in expected.items()}:
        raise ValueError("these are other histograms")
    place = 0
    for layout in layouts:
        mask = np.frombuffer(content, np.uint8, (layout.bins + 7) // 8, place)
        filled = np.frombuffer(content, layout.type, layout.filled, place + mask.nbytes)
        place += mask.nbytes + filled.nbytes
        contents = np.zeros(layout.bins, np.int64)
        contents[np.unpackbits(mask, count=layout.bins).view(np.bool_)] = filled
        view = expected[layout.name]
        view[...] = contents.reshape(view.shape, order="F")
    if place != len(content):
        raise ValueError(f"{len(content) - place} bytes belong to no histogram")
