"""The tasks of a campaign, of toys or of universes: what all have in common.

A task gives arrays whose rows are its toys or universes (`Columns`). It is done on any executor,
and kept when it is finished.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from importlib import metadata
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from analysis.settings.search import Label, Search
from analysis.statistics.background.entries import Flags, Indices
from processors.selection import Selection
from tools.code import behind, code_digest
from tools.digests import digest_text
from tools.executors import Execution, Session
from tools.executors.kept import Arrays, Kept, Task, Workshop
from tools.samples import Catalogue

PACKAGES = (
    "boost-histogram", "cattrs", "cloudpickle", "hist", "iminuit", "numpy", "scipy",
    "threadpoolctl",
)  # fmt: skip
"""what a worker needs"""
_LIBRARIES = ("numpy", "scipy", "iminuit")
_DRAWING = ("tools.universe", "tools.recipe", "tools.generate")
"""what universes are drawn with"""

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, eq=False)
class Columns:
    """What was found: arrays whose first axis is that of toys or universes."""

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return all arrays by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def some(self, rows: Flags | Indices) -> Self:
        """Return some of the rows."""
        return type(self)(**{name: array[rows] for name, array in self.arrays().items()})

    @classmethod
    def joined(cls, parts: Sequence[Self]) -> Self:
        """Return the rows of all parts, one after the other."""
        each = [part.arrays() for part in parts]
        return cls(**{name: np.concatenate([one[name] for one in each]) for name in each[0]})


def ranges(number: int, together: int) -> Iterator[tuple[int, int]]:
    """Yield the first and one more than the last of as many as are done together."""
    for first in range(0, number, together):
        yield first, min(first + together, number)


def one_thread() -> None:
    """Let a worker's libraries have one thread.

    Small matrices: more threads would wait for each other, and round otherwise. It stays so in this
    process: beside another thread of a dask worker nobody knows when to restore it.
    """
    from threadpoolctl import threadpool_limits

    threadpool_limits(1)


@contextmanager
def workshop(folder: Path, digest: str, execution: Execution, say: Say) -> Iterator[Workshop]:
    """Yield where the tasks of this digest are done: finished ones are kept in the folder."""
    with Session(execution, say, packages=PACKAGES) as session:
        yield Workshop(Kept(folder, digest), session, say)


def done(
    shop: Workshop, work: Callable[[Task], Arrays], tasks: Sequence[Task], what: str
) -> dict[Task, Arrays]:
    """Return what each task gave; the code of ours travels with the work."""
    return shop.done(work, tasks, what=what, classes=(type(work), Selection))


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
