"""Event files of any accepted kind - CSV, flat ROOT, Parquet - seen as columns and batches.

The kind is told by the file's first bytes, not by its name.  ROOT and Parquet files are read twice,
once for their digest and once for their events.  The checksums that they may carry inside are
compared, but not every file has them: a bit that flipped before the conversion may be noticed only
if it makes a value that `tools.values` refuses.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import xxhash

from tools.content import PARQUET, ROOT, content_kind, refuse_misnamed
from tools.csvfile import CsvHeader, read_head, read_header
from tools.errors import InputError, XyyError
from tools.marks import CONVERTED, GENERATED
from tools.names import listed
from tools.samples import Column
from tools.values import Batch, Batches, Values, checked

if TYPE_CHECKING:
    from tools.trees import RootFile

_BATCH_EVENTS = 100_000


class Table(Protocol):
    """An event file, opened as far as needed to know its columns."""

    @property
    def path(self) -> Path:
        """Where it is."""

    @property
    def fields(self) -> tuple[str, ...]:
        """The names of its columns, in its own order."""

    @property
    def generated(self) -> bool:
        """Whether it says that its events were made up (`tools.marks`)."""

    def batches(self, columns: tuple[Column, ...], hasher: xxhash.xxh3_128) -> Batches:
        """Yield its events in order, checked and in the declared types.

        `hasher` is given every byte of the file. An InputError names the first bad value.
        """


def open_table(path: Path) -> Table:
    """Return the event file at `path`.

    Raises
    ------
    InputError
        If it is none of the accepted kinds, damaged, or its columns cannot be told.
    """
    kind = content_kind(read_head(path))
    if kind == ROOT:
        return _open_root(path)
    if kind == PARQUET:
        return _open_parquet(path)
    refuse_misnamed(path, kind)
    return CsvTable(path, read_header(path))


def is_generated(path: Path) -> bool:
    """Return whether there are generated events in the file at `path`."""
    try:
        return open_table(path).generated
    except InputError:
        return False


def is_chunk(path: Path) -> bool:
    """Return whether the file at `path` is a chunk that this program wrote."""
    try:
        table = open_table(path)
    except InputError:
        return False
    return isinstance(table, RootTable) and table.title in {GENERATED, CONVERTED}


@dataclass(frozen=True, slots=True)
class CsvTable:
    """A CSV file with a header."""

    path: Path
    header: CsvHeader

    @property
    def fields(self) -> tuple[str, ...]:
        """The names in the header; the index column of pandas has an empty one."""
        return self.header.fields

    @property
    def generated(self) -> bool:
        """See `Table.generated`."""
        return GENERATED in self.fields

    def batches(self, columns: tuple[Column, ...], hasher: xxhash.xxh3_128) -> Batches:
        """Yield its events; see `Table.batches`."""
        from tools.csvblocks import read_csv  # imports pyarrow

        return read_csv(self.path, self.header, columns, hasher)


@dataclass(frozen=True, slots=True)
class RootTable:
    """A TTree or RNTuple with one number per event and column."""

    path: Path
    fields: tuple[str, ...]
    title: str
    """of the tree"""

    @property
    def generated(self) -> bool:
        """See `Table.generated`."""
        return GENERATED in (self.title, *self.fields)

    def batches(self, columns: tuple[Column, ...], hasher: xxhash.xxh3_128) -> Batches:
        """Yield its events; see `Table.batches`."""
        _hash_file(self.path, hasher)
        names = [column.name for column in columns]
        start = 0
        with reading(self.path, "ROOT"), _root_file(self.path) as file:
            for arrays in file.events().arrays(names, _BATCH_EVENTS):
                yield _batch(self.path, columns, arrays, start)
                start += len(arrays[names[0]])


@dataclass(frozen=True, slots=True)
class ParquetTable:
    """A Parquet file with one number per row and column."""

    path: Path
    fields: tuple[str, ...]

    @property
    def generated(self) -> bool:
        """See `Table.generated`."""
        return GENERATED in self.fields

    def batches(self, columns: tuple[Column, ...], hasher: xxhash.xxh3_128) -> Batches:
        """Yield its events; see `Table.batches`."""
        _hash_file(self.path, hasher)
        names = [column.name for column in columns]
        start = 0
        with reading(self.path, "Parquet"), parquet_file(self.path) as file:
            _check_types(self.path, file.schema_arrow, names)
            for rows in file.iter_batches(batch_size=_BATCH_EVENTS, columns=names):
                arrays = {name: _numbers(self.path, rows, name, start) for name in names}
                yield _batch(self.path, columns, arrays, start)
                start += rows.num_rows
            # Not by the metadata of columns: pyarrow 26 ends the process where they are damaged.
            if start != file.metadata.num_rows:
                raise ValueError(f"it holds {start:,} rows for {file.metadata.num_rows:,}")


@contextmanager
def reading(path: Path, kind: str) -> Iterator[None]:
    """Turn whatever a library raises on a damaged file into an InputError."""
    try:
        yield
    except XyyError:
        raise
    except MemoryError as error:
        raise InputError(
            f"{path} cannot be read as {kind} (what it says it holds does not fit into memory): it "
            "is damaged, or written in pieces that are too large; get it again"
        ) from error
    except Exception as error:  # uproot and its decompressors raise many kinds
        cause = listed([str(error).strip().partition("\n")[0] or type(error).__name__])
        raise InputError(
            f"{path} cannot be read as {kind} ({cause}): it is damaged; get it again"
        ) from error


def _hash_file(path: Path, hasher: xxhash.xxh3_128) -> None:
    with path.open("rb") as stream:
        while data := stream.read(1 << 22):
            hasher.update(data)


def _root_file(path: Path) -> "RootFile":
    from tools.trees import RootFile  # imports uproot

    return RootFile(path)


def _open_root(path: Path) -> RootTable:
    with reading(path, "ROOT"), _root_file(path) as file:
        tree = file.events()
        return RootTable(path, tree.fields, tree.title)


def parquet_file(path: Path) -> Any:
    """Open a Parquet file."""
    import pyarrow.parquet as pq

    # Buffered, so that memory does not grow with the row groups.
    return pq.ParquetFile(
        path, buffer_size=1 << 20, pre_buffer=False, page_checksum_verification=True
    )


def _open_parquet(path: Path) -> ParquetTable:
    with reading(path, "Parquet"), parquet_file(path) as file:
        return ParquetTable(path, tuple(file.schema_arrow.names))


def _check_types(path: Path, schema: Any, names: list[str]) -> None:
    """Refuse columns of a Parquet file that hold no plain numbers."""
    from pyarrow import types

    for name in names:
        kind = schema.field(name).type
        if not (types.is_integer(kind) or types.is_floating(kind)):
            raise InputError(
                f"{path}, column {name} holds no plain numbers ({listed([kind])}); "
                "store one integer or float per event"
            )


def _numbers(path: Path, rows: Any, name: str, start: int) -> Values:
    """Return one column of a Parquet batch; a missing value is refused."""
    column = rows.column(name)
    if column.null_count:
        index = column.is_null().index(True).as_py()
        raise InputError(
            f"{path}, entry {start + index} (from 0), column {name}: the value is missing (null); "
            "every event needs one: give it one, or remove the event"
        )
    values: Values = column.to_numpy(zero_copy_only=False)
    return values


def _batch(path: Path, columns: tuple[Column, ...], arrays: dict[str, Values], start: int) -> Batch:
    """Check and cast the events from entry `start` on."""
    if len({len(values) for values in arrays.values()}) > 1:
        raise ValueError("its columns are not of one length")
    return {
        column.name: checked(column, arrays[column.name], str(path), start) for column in columns
    }
