"""How work is spread: it changes no result."""

from dataclasses import dataclass
from typing import Literal, get_args

from tools.errors import InputError

Engine = Literal["iterative", "futures", "dask"]
Queue = Literal["slurm", "htcondor"]
LOCAL_WAIT_SECONDS = 45.0
QUEUE_WAIT_SECONDS = 600.0
"""A batch system starts jobs when it has room for them."""
LONGEST_WAIT_SECONDS = 1_000_000


@dataclass(frozen=True, slots=True)
class Execution:
    """Which engine does the work, and with what.

    Raises
    ------
    InputError
        If the engine or the batch system is unknown, a number not positive, or options exclude each
        other.
    """

    engine: str = "iterative"
    workers: int = 1
    """processes of the engine, or jobs of the batch system; an existing scheduler has its own"""
    chunk_events: int | None = None
    """events in one piece of work, at most; a whole chunk file unless given"""
    scheduler: str | None = None
    """dask: address of an existing scheduler, or its scheduler file"""
    cluster: str | None = None
    """dask: the batch system that runs the workers; this machine unless given"""
    adaptive: bool = False
    """dask: start workers as they are needed, `workers` at most, and stop idle ones"""
    insecure: bool = False
    """dask: talk to other machines without TLS"""
    wait_seconds: float | None = None
    """dask: how long to wait for a worker, at most; the default is longer for a batch system"""
    resume: bool = False
    """use the checkpoints of earlier runs; else those of what is processed are removed"""
    checkpoints: bool = True
    """write them"""

    def __post_init__(self) -> None:
        """Refuse what cannot be."""
        if self.engine not in get_args(Engine):
            raise InputError(f"--executor {self.engine}: known are {', '.join(get_args(Engine))}")
        if self.cluster not in (None, *get_args(Queue)):
            raise InputError(f"--cluster {self.cluster}: known are {', '.join(get_args(Queue))}")
        if self.workers < 1:
            raise InputError(f"--workers must be 1 or more, not {self.workers}")
        if self.chunk_events is not None and self.chunk_events < 1:
            raise InputError(f"--chunk-events must be 1 or more, not {self.chunk_events}")
        if self.wait_seconds is not None and not 0 < self.wait_seconds <= LONGEST_WAIT_SECONDS:
            raise InputError(
                f"--wait: {self.wait_seconds:g} is not between 0 and {LONGEST_WAIT_SECONDS:,} "
                "seconds"
            )
        self._refuse_contradictions()

    def _refuse_contradictions(self) -> None:
        given = {
            "--scheduler": self.scheduler is not None,
            "--cluster": self.cluster is not None,
            "--adaptive": self.adaptive,
            "--insecure": self.insecure,
            "--wait": self.wait_seconds is not None,
        }
        for option in (option for option, is_given in given.items() if is_given):
            if self.engine != "dask":
                raise InputError(f"{option} needs --executor dask, not {self.engine}")
        if self.scheduler is not None and self.cluster is not None:
            raise InputError("--scheduler and --cluster exclude each other: which has the workers?")
        if self.scheduler is not None and self.adaptive:
            raise InputError("--adaptive: an existing scheduler has the workers that it has")
        if self.insecure and self.scheduler is None and self.cluster is None:
            raise InputError("--insecure: without --scheduler or --cluster all is on this machine")

    @property
    def patience(self) -> float:
        """How long to wait for a worker, in seconds."""
        if self.wait_seconds is not None:
            return self.wait_seconds
        return LOCAL_WAIT_SECONDS if self.cluster is None else QUEUE_WAIT_SECONDS
