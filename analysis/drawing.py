"""A figure that has not been drawn yet, with the words that the page puts around it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from matplotlib.figure import Figure


@dataclass(frozen=True, slots=True)
class Drawing:
    """A figure to be drawn."""

    name: str
    """of its files, without suffix"""
    section: str
    """of the page"""
    caption: str
    draw: Callable[[], Figure]
