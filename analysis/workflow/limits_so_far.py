"""Limits are written as they come: whoever interrupts a long inference has those that are done."""

from collections.abc import Callable, Sequence
from typing import Any

from analysis.folder.folder import Folder
from analysis.results.limits import MassLimits
from analysis.statistics.limits.band import MassLimit
from analysis.statistics.work import Work


def saving_limits(
    folder: Folder,
    result: Callable[[Sequence[MassLimit]], MassLimits],
    masses: int,
    work: Work,
    **origin: Any,
) -> Callable[[MassLimit], None]:
    """Return a function that takes the limits as they come, saves all so far, and logs each.

    Parameters
    ----------
    folder : Folder
    result : callable
        Returns what the file holds of some limits.
    masses : int
        How many there will be.
    work : Work
        With the log.
    **origin
        For ``provenance``.
    """
    done: list[MassLimit] = []

    def save(limit: MassLimit) -> None:
        done.append(limit)
        # Each time the whole file: it is small, and always a valid result.
        folder.save(result(done), **origin)
        work.say(f"limit at {limit.mass_GeV:g} GeV ({len(done)} of {masses})")

    return save
