"""The events of a CSV file, block by block in constant memory, as fast as pyarrow parses text.

The file is read once.  Its bytes go through the source digest and are cut at line ends into blocks
of 1 MiB, which a few threads parse (pyarrow releases the interpreter lock) and check, while the
caller writes the events of earlier blocks.  Two blocks per thread are waiting at most.

This path only finds out *that* a block holds something bad. What and where is worked out afterwards
by `tools.csvdiagnosis`, which is exact and slow and reads only the first bad block.
"""

from collections import deque
from collections.abc import Generator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.csv as pa_csv
import xxhash

from tools.csvdiagnosis import diagnose
from tools.csvfile import LONGEST_LINE, CsvHeader, lines_before
from tools.errors import InputError
from tools.samples import Column
from tools.values import Batch, Batches, stored

BLOCK_BYTES = LONGEST_LINE
_MAX_THREADS = 8  # a bound on memory, about what the one thread that writes keeps up with
_LINE_END = ord("\n")


@dataclass(frozen=True, slots=True)
class Block:
    """Some whole lines of a file."""

    offset: int
    """of its first byte in the file"""
    data: bytes


def read_csv(
    path: Path, header: CsvHeader, columns: tuple[Column, ...], hasher: xxhash.xxh3_128
) -> Batches:
    """Yield the events of a CSV file in order.

    Parameters
    ----------
    path : Path
        The file.
    header : CsvHeader
        Of this file, with a field for each of `columns`.
    columns : tuple of Column
        What to read.
    hasher : xxhash.xxh3_128
        Is given every byte of the file.

    Raises
    ------
    InputError
        At the first line or cell that is refused; the message has line and column.
    """
    threads = min(pa.cpu_count(), _MAX_THREADS)
    waiting: deque[tuple[Block, Future[Batch]]] = deque()
    with ThreadPoolExecutor(threads) as pool, closing(_blocks(path, header, hasher)) as blocks:
        for block in blocks:
            waiting.append((block, pool.submit(_parse, block, header.fields, columns)))
            if len(waiting) > 2 * threads:
                yield _result(path, header, columns, *waiting.popleft())
        while waiting:
            yield _result(path, header, columns, *waiting.popleft())


def _blocks(path: Path, header: CsvHeader, hasher: xxhash.xxh3_128) -> Generator[Block, None, None]:
    """Cut a file at line ends, into blocks of about `BLOCK_BYTES`."""
    with path.open("rb") as stream:
        hasher.update(stream.read(header.offset))
        offset, rest = header.offset, b""
        while data := stream.read(BLOCK_BYTES):
            hasher.update(data)
            end = data.rfind(b"\n") + 1
            if not end:
                raise InputError(
                    f"{path} has no line end in {len(data):,} bytes from byte {offset:,} on: it is "
                    "no CSV file, or changed while it was read; get it again"
                )
            yield Block(offset, rest + data[:end])
            offset += len(rest) + end
            rest = data[end:]
        if rest:
            # The last byte was a line end when the header was read.
            raise InputError(f"{path} changed while it was read; wait until it is written")


def _parse(block: Block, fields: tuple[str, ...], columns: tuple[Column, ...]) -> Batch:
    """Parse and check a block; a ValueError (ArrowInvalid is one) says that it is bad."""
    if b"\0" in block.data:  # as of a disk that lost a page: in a field that is not used, unnoticed
        raise ValueError("there are zero bytes in it")
    table = pa_csv.read_csv(
        pa.py_buffer(block.data),
        read_options=pa_csv.ReadOptions(
            use_threads=False, block_size=len(block.data) + 1, column_names=list(fields)
        ),
        convert_options=pa_csv.ConvertOptions(
            include_columns=[column.name for column in columns],
            column_types={column.name: pa.float64() for column in columns},
            null_values=[],
        ),
    )
    if not _whole_lines(block.data, table.num_rows):
        raise ValueError("a quoted field goes over a line end; write one line for each event")
    return {column.name: stored(column, _values(table[column.name])) for column in columns}


def _whole_lines(data: bytes, rows: int) -> bool:
    """Return whether every line of a block that is not empty made a row."""
    # Five times faster than bytes.count, which also holds the interpreter lock.
    if int(np.count_nonzero(np.frombuffer(data, np.uint8) == _LINE_END)) == rows:
        return True
    return sum(bool(line.strip(b"\r")) for line in data.split(b"\n")) == rows


def _result(
    path: Path,
    header: CsvHeader,
    columns: tuple[Column, ...],
    block: Block,
    parsed: Future[Batch],
) -> Batch:
    try:
        return parsed.result()
    except ValueError as error:
        first_line = 1 + lines_before(path, block.offset)
        raise diagnose(path, header.fields, columns, block.data, first_line, str(error)) from None


def _values(numbers: pa.ChunkedArray) -> npt.NDArray[np.float64]:
    # Not ``to_numpy()``: it imports pandas, which takes 0.4 s and 40 MiB.
    return np.from_dlpack(numbers.combine_chunks()).astype(np.float64, copy=False)
