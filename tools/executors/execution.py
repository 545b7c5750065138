"""How events are processed: it changes no result."""

from dataclasses import dataclass
from typing import Literal, get_args

from tools.errors import InputError

Engine = Literal["iterative", "futures"]


@dataclass(frozen=True, slots=True)
class Execution:
    """Which engine runs the processor, and with what.

    Raises
    ------
    InputError
        If the engine is unknown, or a number not positive.
    """

    engine: str = "iterative"
    workers: int = 1
    """processes of the engine"""
    chunk_events: int | None = None
    """events in one piece of work, at most; a whole chunk file unless given"""

    def __post_init__(self) -> None:
        """Refuse what cannot be."""
        if self.engine not in get_args(Engine):
            raise InputError(f"--executor {self.engine}: known are {', '.join(get_args(Engine))}")
        if self.workers < 1:
            raise InputError(f"--workers must be 1 or more, not {self.workers}")
        if self.chunk_events is not None and self.chunk_events < 1:
            raise InputError(f"--chunk-events must be 1 or more, not {self.chunk_events}")
