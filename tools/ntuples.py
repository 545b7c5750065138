"""Files with photons, of any format that can be used: their trees, and columns of any type.

`tools.tables` reads tables of one number per column and event, strictly, for chunks. Here a column
may hold lists, and what it must hold is for a layout to say. Both read a file by the same classes.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import awkward as ak
import xxhash

from tools.content import PARQUET, ROOT, content_kind, refuse_misnamed
from tools.csvblocks import read_csv
from tools.csvfile import CsvHeader, read_head, read_header
from tools.errors import InputError
from tools.marks import GENERATED
from tools.samples import Axis, Column
from tools.tables import parquet_file, reading
from tools.trees import RootFile, inside

STEP_EVENTS = 50_000
"""read at a time, so that memory does not grow with the file"""
Lists = dict[str, ak.Array]
"""Columns of some events, one entry per event."""


@dataclass(frozen=True, slots=True)
class Tree:
    """A tree of a file, or the one table that the file is."""

    name: str
    """with its folder and, where there are several, its cycle; empty for a table"""
    format: str
    """``"root-ttree"``, ``"root-rntuple"``, ``"parquet"`` or ``"csv"``"""
    entries: int | None
    """None where only reading tells"""
    columns: Mapping[str, str]
    """the type of each column, as the file calls it"""
    passed_over: tuple[str, ...] = ()
    """older states of the tree, with other events, that are not read"""
    title: str = ""
    """of a TTree"""

    @property
    def generated(self) -> bool:
        """Whether it says that its events were made up (`tools.marks`)."""
        return GENERATED in (self.title, *self.columns)


class Ntuple(Protocol):
    """An open file with photons."""

    @property
    def trees(self) -> Sequence[Tree]:
        """What it holds; the newest state of each tree."""

    def lists(self, tree: Tree, names: Sequence[str], events: int = STEP_EVENTS) -> Iterator[Lists]:
        """Yield some columns of all events in order, `events` or less at a time.

        Raises
        ------
        InputError
            If the file is damaged.
        """


@contextmanager
def open_ntuple(path: Path) -> Iterator[Ntuple]:
    """Open a file of any format that can be used.

    Raises
    ------
    InputError
        If it is none, or damaged.
    """
    kind = content_kind(read_head(path))
    refuse_misnamed(path, kind)
    with ExitStack() as stack:
        if kind == ROOT:
            with reading(path, "ROOT"):
                ntuple: Ntuple = RootNtuple(stack.enter_context(RootFile(path)))
        elif kind == PARQUET:
            with reading(path, "Parquet"):
                ntuple = ParquetNtuple(path, stack.enter_context(parquet_file(path)))
        else:
            ntuple = CsvNtuple(path, read_header(path))
        yield ntuple


@dataclass(frozen=True, slots=True)
class RootNtuple:
    """TTrees and RNTuples."""

    file: RootFile
    trees: Sequence[Tree] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "trees", [self._tree(name) for name in self.file.names()])

    def _tree(self, name: str) -> Tree:
        newest, *older = self.file.cycles(name)
        tree = self.file.tree(newest)
        kind = "root-rntuple" if tree.is_ntuple else "root-ttree"
        full = newest if older else name
        return Tree(full, kind, tree.entries, tree.types(), tuple(older), tree.title)

    def lists(self, tree: Tree, names: Sequence[str], events: int = STEP_EVENTS) -> Iterator[Lists]:
        """See `Ntuple.lists`."""
        with reading(self.file.path, "ROOT"):
            yield from self.file.tree(tree.name).lists(names, events)


@dataclass(frozen=True, slots=True)
class ParquetNtuple:
    """The rows of a Parquet file."""

    path: Path
    file: Any

    @property
    def trees(self) -> Sequence[Tree]:
        """The one table."""
        columns = {name: str(kind) for name, kind in _arrow_types(self.file.schema_arrow)}
        return [Tree("", "parquet", self.file.metadata.num_rows, columns)]

    def lists(self, tree: Tree, names: Sequence[str], events: int = STEP_EVENTS) -> Iterator[Lists]:
        """See `Ntuple.lists`."""
        self._check_types(names)
        tops = {name: self._top(name) for name in names}
        wanted = list(dict.fromkeys(tops.values()))
        done = 0
        with reading(self.path, "Parquet"):
            for rows in self.file.iter_batches(batch_size=events, columns=wanted):
                array = ak.from_arrow(rows)
                done += len(array)
                if wrong := ak.validity_error(array):
                    raise ValueError(wrong)
                yield {name: inside(array[top], name, top) for name, top in tops.items()}
            if done != tree.entries:
                raise ValueError(f"it holds {done:,} rows for {tree.entries:,}")

    def _check_types(self, names: Sequence[str]) -> None:
        """Refuse what awkward arrays do not hold, or no photon is made of."""
        from pyarrow import types

        kinds = dict(_arrow_types(self.file.schema_arrow))
        for name in names:
            kind = _inner_type(kinds[name])
            if not (
                types.is_integer(kind) or types.is_floating(kind)
                or types.is_boolean(kind) or types.is_struct(kind)
            ):  # fmt: skip
                raise InputError(
                    f"{self.path}, column {name} holds no numbers ({kinds[name]}); store integers "
                    "or floats"
                )

    def _top(self, name: str) -> str:
        return name if name in self.file.schema_arrow.names else name.partition(".")[0]


def _arrow_types(fields: Any, before: str = "") -> Iterator[tuple[str, Any]]:
    """Yield names and types of columns, and of those inside of lists of records."""
    from pyarrow import types

    for each in fields:
        name = f"{before}{each.name}"
        yield name, each.type
        if types.is_struct(inner := _inner_type(each.type)):
            yield from _arrow_types(list(inner), f"{name}.")


def _inner_type(kind: Any) -> Any:
    """Return the type of what lists hold."""
    import pyarrow as pa
    from pyarrow import types

    while True:
        if types.is_list(kind) or types.is_large_list(kind) or types.is_dictionary(kind):
            kind = kind.value_type
        elif isinstance(kind, pa.BaseExtensionType):
            kind = kind.storage_type
        else:
            return kind


@dataclass(frozen=True, slots=True)
class CsvNtuple:
    """The lines of a CSV file."""

    path: Path
    header: CsvHeader

    @property
    def trees(self) -> Sequence[Tree]:
        """The one table."""
        return [Tree("", "csv", None, dict.fromkeys(self.header.fields, "text"))]

    def lists(self, tree: Tree, names: Sequence[str], events: int = STEP_EVENTS) -> Iterator[Lists]:
        """See `Ntuple.lists`; lines come in the pieces in which they are parsed."""
        del tree, events
        columns = tuple(Column(name, "1", "float64", "", Axis(1, 0, 1)) for name in names)
        for batch in read_csv(self.path, self.header, columns, xxhash.xxh3_128()):
            yield {name: ak.from_numpy(values) for name, values in batch.items()}
