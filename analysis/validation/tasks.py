"""The tasks of a campaign, of toys or of universes: what all have in common.

An ensemble says how toys or universes are generated and analysed, and how many there are. A task
gives arrays whose rows are some of them (`Columns`). It is done on any executor, and kept when it
is finished.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib import metadata
from pathlib import Path
from typing import Generic, TypeVar

from analysis.settings.search import Label, Search
from processors.selection import Selection
from tools.arrays import Columns
from tools.code import behind, code_digest
from tools.digests import digest_text
from tools.executors import Execution, Session
from tools.executors.kept import Arrays, Kept, Workshop
from tools.samples import Catalogue

PACKAGES = (
    "boost-histogram", "cattrs", "cloudpickle", "hist", "iminuit", "numpy", "scipy",
    "threadpoolctl",
)  # fmt: skip
"""what a worker needs"""
_LIBRARIES = ("numpy", "scipy", "iminuit")
_DRAWING = ("tools.universe", "tools.recipe", "tools.generate", "tools.arrays")
"""what universes are drawn with, and their results put together"""

Log = Callable[[str], None]
Some = TypeVar("Some", bound=Columns)
Key = TypeVar("Key")


@dataclass(frozen=True, slots=True, eq=False)
class Task:
    """Some toys or universes, which one worker does."""

    name: str
    """of its file"""
    work: Callable[[range], Columns]
    numbers: range


def arrays_of(task: Task) -> Arrays:
    """Do a task, on one core."""
    from threadpoolctl import threadpool_limits

    # Small matrices: more threads would wait for each other, and round otherwise. It stays so in
    # this process: beside another thread of a dask worker nobody knows when to restore it.
    threadpool_limits(1)
    return task.work(task.numbers).arrays()


@dataclass(frozen=True, slots=True, eq=False)
class Ensemble(Generic[Some]):
    """Toys or universes of one kind: how they are generated and analysed, and how many."""

    made: type[Some]
    work: Callable[[range], Some]
    """generates and analyses some of them; what is ours goes with it to the workers"""
    number: int
    together: int
    """number that are done in one task"""

    def tasks(self, name: str) -> list[Task]:
        """Return the tasks, in order."""
        every, firsts = range(self.number), range(0, self.number, self.together)
        each = [every[first : first + self.together] for first in firsts]
        return [Task(f"{name}-{own.start}-{own.stop}", self.work, own) for own in each]


def done(shop: Workshop, ensembles: Mapping[Key, Ensemble[Some]], what: str) -> dict[Key, Some]:
    """Return what each ensemble gave; nothing of an empty one.

    A key is all that tells its toys from others of the same digest.
    """
    tasks = {
        key: ensemble.tasks(f"{what.replace(' ', '_')}-{digest_text(repr(key))}")
        for key, ensemble in ensembles.items()
        if ensemble.number
    }
    every = [task for own in tasks.values() for task in own]
    found = shop.done(arrays_of, every, what=what, classes=(Task, Selection))
    joined = {}
    for key, own in tasks.items():
        made = ensembles[key].made
        joined[key] = made.joined([made(**found[task]) for task in own])
    return joined


@contextmanager
def workshop(folder: Path, digest: str, execution: Execution, log: Log) -> Iterator[Workshop]:
    """Yield where the tasks of this digest are done: finished ones are kept in the folder."""
    with Session(execution, log, packages=PACKAGES) as session:
        yield Workshop(Kept(folder, digest), session, log)


def digest_of(module: str, catalogue: Catalogue, search: Search, *more: object) -> str:
    """Return the digest of all that the tasks of a module depend on, but which one it is."""
    decided = replace(search, path=Path(), label=Label())  # neither changes a number
    samples = [
        (s.name, s.kind, s.mass_GeV, s.cross_section_pb, s.filter_efficiency)
        for s in catalogue.simulation
    ]
    luminosities = catalogue.luminosity_invpb, catalogue.data_luminosity_invpb
    # Another version of these may round otherwise: its numbers are not mixed with kept ones.
    versions = [metadata.version(name) for name in _LIBRARIES]
    code = code_digest(*behind(f"analysis.validation.{module}"), *_DRAWING)
    parts = (decided, samples, luminosities, catalogue.collision_energy_GeV, *more)
    return digest_text(*map(repr, parts), *versions, code)
