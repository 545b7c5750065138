"""A connection to dask, opened when it is first needed and kept for several runs.

Nothing here waits for ever, and whatever goes wrong is told in one message: a scheduler that does
not answer, workers that do not come, workers that could not run the code. dask's own logs are
silent meanwhile; its settings and environment variables are put back at the end.
"""

import asyncio
import contextlib
import gc
import logging
import os
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.util import get_temp_dir
from typing import TYPE_CHECKING, Any, Self

from tools import temporary
from tools.ending import held
from tools.errors import XyyError
from tools.executors import clusters, versions
from tools.executors.execution import Execution

if TYPE_CHECKING:
    from distributed import Client

Log = Callable[[str], None]
"""Takes a line for the user."""
CONNECT_SECONDS = 15.0
ANSWER_SECONDS = 40.0
"""How long the scheduler may take to answer: one that is stopped never would."""
_CLOSE_SECONDS = 15.0
_POLL_SECONDS = 0.1
_UNANSWERED = (OSError, RuntimeError, TypeError, ValueError)
"""What dask raises if there is no scheduler, or no dask."""
_LOOK_SECONDS = 2.0
"""How often the workers are counted while they work."""


class GoneError(XyyError):
    """The scheduler, or all of the workers, went away in mid-run."""


class Session:
    """Dask's workers for the runs in a ``with`` block.

    Parameters
    ----------
    execution : Execution
    log : callable
        See `Log`.
    packages : sequence of str
        What the work imports on a worker.

    Raises
    ------
    InputError
        On entering: if the scheduler's address is none or is open to others, or if the batch
        system is not here or not described.
    """

    def __init__(
        self,
        execution: Execution,
        log: Log = lambda _line: None,
        *,
        packages: Sequence[str] = versions.PACKAGES,
    ) -> None:
        self.execution, self.log, self.packages = execution, log, packages
        self._client: Client | None = None
        self._open = contextlib.ExitStack()
        self._problems: list[str] = []
        self._expected = self._threads = 0
        self._looked = self._seen = 0.0

    def __enter__(self) -> Self:
        if self.execution.scheduler is not None:
            clusters.scheduler_address(self.execution)
        elif self.execution.engine == "dask":
            self._expected = clusters.slots(self.execution)
        return self

    def __exit__(self, *_exception: object) -> None:
        self._client = None
        self._open.close()

    def client(self) -> "Client":
        """Return the connection, with at least one worker that can do the work.

        Raises
        ------
        XyyError
            If there is none.
        """
        if self._client is None:
            try:
                self._client = self._connected()
            except BaseException:
                self._open.close()
                raise
        return self._client

    @property
    def result_seconds(self) -> float:
        """How long a result of some megabytes may take from its worker to here."""
        here = self.execution.scheduler is None and self.execution.cluster is None
        return 10.0 if here else 60.0

    @property
    def slots(self) -> int:
        """How many tasks can be done at once, when all the workers are there."""
        return max(self._expected, self._threads, 1)

    def look(self) -> None:
        """Count the workers, now and then.

        Raises
        ------
        GoneError
            If the scheduler is gone, or there was no worker for as long as we would have waited
            for the first one.
        """
        now = time.monotonic()
        if now - self._looked < _LOOK_SECONDS:
            return
        self._looked, self._threads = now, self._count(self.client())
        if self._threads:
            self._seen = now
        elif now - self._seen > self.execution.patience:
            raise GoneError(f"all dask workers are gone for {self.execution.patience:.0f} s")

    def _count(self, client: "Client") -> int:
        """Return how many threads the workers have."""
        try:
            threads = client.sync(client.scheduler.ncores, callback_timeout=ANSWER_SECONDS)
        except TimeoutError as error:
            message = f"the dask scheduler does not answer for {ANSWER_SECONDS:.0f} s"
            raise GoneError(message) from error
        except (OSError, RuntimeError, ValueError) as error:
            raise GoneError(f"the dask scheduler is gone ({error})") from error
        return sum(threads.values())

    def _connected(self) -> "Client":
        import dask
        import distributed  # noqa: F401 - its settings come with it, and would go with ours

        self._open.enter_context(_silence())
        self._open.enter_context(_environment_kept())
        self._open.enter_context(temporary.guarded(get_temp_dir()))  # for the server of forks
        place = self._open.enter_context(temporary.folder("xyy-dask-"))
        self._open.enter_context(dask.config.set(clusters.settings(self.execution, place)))
        if self.execution.scheduler is None:
            with held():  # or nobody closes what was being opened
                cluster = clusters.start(self.execution, place, self._problems, self._open)
                self._open.callback(_close, cluster)
            client = self._attached(cluster, str(self.execution.cluster or "this machine"))
        else:
            address = clusters.scheduler_address(self.execution)
            _knock(address, self._connect_seconds)
            client = self._attached(address, address)
        self._wait(client)
        versions.check(client, self.packages)
        self._tell()
        return client

    def _attached(self, to: Any, name: str) -> "Client":
        from distributed import Client

        try:
            limit = self._connect_seconds
            client = Client(to, timeout=limit, set_as_default=False, name="xyy")
        except _UNANSWERED as error:
            raise _nobody_at(name, error) from error
        self._open.callback(_close, client)
        return client

    @property
    def _connect_seconds(self) -> float:
        return min(CONNECT_SECONDS, self.execution.patience)

    def _wait(self, client: "Client") -> None:
        """Wait for the first worker."""
        start, told, patience = time.monotonic(), False, self.execution.patience
        while not (threads := self._count(client)):
            waited = time.monotonic() - start
            if self._problems:
                raise XyyError(f"--cluster {self.execution.cluster}: {self._problems[0]}")
            if waited > patience:
                raise XyyError(
                    f"no dask worker came within {patience:g} s: {self._lacking()}, or wait longer "
                    "with --wait SECONDS"
                )
            if waited > _LOOK_SECONDS and not told:
                self.log(f"waiting for a dask worker, up to {patience:g} s")
                told = True
            time.sleep(_POLL_SECONDS)
        self._threads, self._seen = threads, time.monotonic()

    def _lacking(self) -> str:
        if self.execution.scheduler is not None:
            return f"{self.execution.scheduler} has none; start some"
        if self.execution.cluster is not None:
            return f"look at what {self.execution.cluster} says of the jobs submitted"
        return "look at what else this machine is doing"

    def _tell(self) -> None:
        self.log(f"dask: {self._threads} of {self.slots} tasks at once")


def _knock(address: str, seconds: float) -> None:
    """Make sure that a scheduler answers: for one that is stopped dask would wait for ever.

    Raises
    ------
    XyyError
        If it does not.
    """
    from distributed import Security
    from distributed.core import rpc

    async def ask() -> None:
        security = Security().get_connection_args("client")
        async with asyncio.timeout(seconds), rpc(address, connection_args=security) as scheduler:
            await scheduler.identity(n_workers=0)

    with ThreadPoolExecutor(1) as pool:  # a notebook has a loop of its own here
        try:
            pool.submit(asyncio.run, ask()).result()
        except _UNANSWERED as error:
            raise _nobody_at(address, error) from error


def _nobody_at(name: str, error: Exception) -> XyyError:
    cause = str(error) or type(error).__name__
    return XyyError(
        f"no dask scheduler answers at {name} ({cause}); is it running, and is the address right?"
    )


def _close(what: Any) -> None:
    """Close a client or a cluster; one that is broken is left to the end of the process."""
    with contextlib.suppress(Exception):
        what.close(timeout=_CLOSE_SECONDS)


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    """Keep dask's logs and warnings from the user: what matters, we say."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        gc.collect()  # what dask has left behind would complain later
        logging.disable(before)


@contextlib.contextmanager
def _environment_kept() -> Iterator[None]:
    """Undo what dask's nannies do to this process' own environment when they start a worker."""
    before = {name: os.environ.get(name) for name in clusters.ENVIRONMENT}
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value
