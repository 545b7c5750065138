"""The tasks of a campaign, of toys or of universes: what all have in common."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from importlib import metadata
from pathlib import Path

from analysis.settings.search import Label, Search
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
    versions = [metadata.version(name) for name in _LIBRARIES]
    code = code_digest(*behind(f"analysis.validation.{module}"), *_DRAWING)
    parts = (decided, samples, luminosities, catalogue.collision_energy_GeV, *more)
    return digest_text(*map(repr, parts), *versions, code)
