"""How much an inference computes."""

from collections.abc import Callable
from dataclasses import dataclass

from analysis.results.limits import MassLimits


@dataclass(frozen=True, slots=True)
class Work:
    """How much is computed, by how many processes, and who is told of it."""

    workers: int = 1
    toys: int | None = None
    """toys for the global significance; None: as the search file says, near a threshold"""
    seed: int = 1
    """of the toys of limits"""
    limit_toys: int = 0
    """toys of a limit where counts are low; 0: asymptotic everywhere"""
    limits: bool = True
    """whether limits against mass are set at all; they take the longest"""
    log: Callable[[str], None] = lambda _text: None
    """told what is being done"""
    on_limit: Callable[[MassLimits], None] = lambda _limits: None
    """given the limits that are done, after each mass: whoever interrupts the others has these"""
