"""Flat ROOT files: one TTree or RNTuple of plain numbers, or several of which one is ``Events``.

uproot reads what a file says.  Where two places in a file say the same, they are compared here, and
a file that contradicts itself is refused: the entries of a tree, of its branches and of their
baskets; the type in a branch's title and in its leaf; the checksums of an RNTuple.  What a TTree
says once cannot be checked, nor can its numbers, unless its compression has a checksum (LZ4, zlib
and LZMA have one; zstd and none have not).
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Self

import uproot
import xxhash

from tools.errors import InputError
from tools.names import listed
from tools.values import Values

_TREES = ("TTree", "TNtuple", "TNtupleD", "ROOT::RNTuple")
_CHECKSUM_BYTES = 8
_LEAF_TYPES = {
    "B": "int8", "b": "uint8", "S": "int16", "s": "uint16", "I": "int32", "i": "uint32",
    "L": "int64", "l": "uint64", "G": "int64", "g": "uint64", "F": "float32", "D": "float64",
    "O": "bool",
}  # fmt: skip
"""see ROOT's TBranch"""
_PLAIN = {"float", "double"} | {
    f"std::{u}int{bits}_t" for u in ("", "u") for bits in (8, 16, 32, 64)
}
"""numbers in an RNTuple"""


class RootFile:
    """An open ROOT file and the tree of events in it; a context manager.

    Parameters
    ----------
    path : Path

    Raises
    ------
    InputError
        If it is cut off, or there is no such tree, or it cannot be told which.
    Exception
        Of any kind that uproot raises: the file is damaged.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        # As a dict: a colon in the path is no separator.
        self._file = uproot.open({str(path): None})
        try:
            self._refuse_cut_off()
            self._tree = self._file[self._newest(self._name())]
            self._columns = {column.name: column for column in self._listed_columns()}
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    @property
    def fields(self) -> tuple[str, ...]:
        """The names of the tree's columns."""
        return tuple(column.name for column in self._listed_columns())

    @property
    def title(self) -> str:
        """Of the tree; an RNTuple has none."""
        return str(getattr(self._tree, "title", ""))

    def arrays(self, names: Sequence[str], events: int) -> Iterator[dict[str, Values]]:
        """Yield the numbers of some columns in order, some events at a time.

        Raises
        ------
        InputError
            If a column holds anything else than one number per event.
        ValueError
            If the file contradicts itself.
        """
        wanted = [self._columns[name] for name in names]
        if self._is_ntuple():
            _check_pages(self._tree, wanted)
        else:
            _check_entries(self._tree, wanted)
        for column in wanted:
            self._check_type(column)
        chosen = {id(column) for column in wanted}
        kind = "filter_field" if self._is_ntuple() else "filter_branch"
        only = {kind: lambda column: id(column) in chosen}
        yield from self._tree.iterate(step_size=events, library="np", **only)

    def _refuse_cut_off(self) -> None:
        size, written = self.path.stat().st_size, self._file.file.fEND
        if size < written:
            raise InputError(
                f"{self.path} is cut off ({size:,} of {written:,} bytes); get it again"
            )

    def _listed_columns(self) -> Sequence[Any]:
        columns: Sequence[Any] = self._tree.fields if self._is_ntuple() else self._tree.branches
        return columns

    def _is_ntuple(self) -> bool:
        return not hasattr(self._tree, "branches")

    def _name(self) -> str:
        """Return the tree's name."""
        classes = self._file.classnames(recursive=True, cycle=False)
        trees = [name for name, kind in classes.items() if kind in _TREES]
        if not trees:
            found = listed(f"{name} ({kind})" for name, kind in classes.items()) or "nothing"
            raise InputError(
                f"{self.path} holds no TTree or RNTuple but {found}; name a file with flat events"
            )
        chosen = [name for name in trees if name.rpartition("/")[2] == "Events"]
        if len(trees) > 1 and len(chosen) != 1:
            raise InputError(
                f"{self.path} holds several trees ({listed(chosen or trees)}); call the one to "
                "convert `Events`, and no other"
            )
        name: str = (chosen or trees)[0]
        return name

    def _newest(self, name: str) -> str:
        """Return the name with the highest cycle; older ones must be ROOT's own backups of it."""
        keys = self._file.keys(recursive=True, filter_name=lambda key: key == name)
        newest, *older = sorted(keys, key=lambda key: -int(key.rpartition(";")[2]))
        for key in older:
            if not _is_backup(self._file[key], self._file[newest]):
                raise InputError(
                    f"{self.path} holds two trees of one name, {newest} and {key}, with different "
                    "events; write the one to convert to a file of its own"
                )
        return str(newest)

    def _check_type(self, column: Any) -> None:
        """Refuse what is no plain number."""
        if self._is_ntuple():
            kind = str(column.typename)
            plain = kind in _PLAIN
        else:
            kind, interpretation = str(column.typename), column.interpretation
            numbers = getattr(interpretation, "from_dtype", None)
            plain = numbers is None or (numbers.shape == () and numbers.kind in "iuf")
            plain = plain and isinstance(interpretation, uproot.interpretation.numerical.Numerical)
        if not plain:
            raise InputError(
                f"{self.path}, column {column.name} holds no plain numbers ({kind}); "
                "store one integer or float per event"
            )


def _is_backup(old: Any, new: Any) -> bool:
    """Return whether a tree is an earlier state of another, as ROOT's AutoSave leaves it."""
    if not (hasattr(old, "branches") and hasattr(new, "branches")):
        return False
    if old.num_entries > new.num_entries or old.keys() != new.keys():
        return False
    return all(_first_basket(branch) in (0, _first_basket(new[key])) for key, branch in old.items())


def _first_basket(branch: Any) -> int:
    """Return where the first basket is in the file; 0 if it was never written."""
    places = branch.member("fBasketSeek")
    return int(places[0]) if len(places) else 0


def _check_entries(tree: Any, branches: Sequence[Any]) -> None:
    """Compare numbers of entries and types that a TTree says more than once."""
    for branch in branches:
        held = branch.entry_offsets[-1]
        if not tree.num_entries == branch.num_entries == held:
            raise ValueError(
                f"the tree says that it has {tree.num_entries:,} entries, and {branch.name} holds "
                f"{held:,}"
            )
        _compare_types(branch)
        _compare_baskets(branch)


def _compare_types(branch: Any) -> None:
    """Compare the type in the title of a branch with the one in its leaf, if both have one."""
    leaves = [leaf.member("fName") for leaf in branch.member("fLeaves")]
    name, _, letter = branch.title.rpartition("/")
    stored = getattr(branch.interpretation, "from_dtype", None)
    if [name] != leaves or letter not in _LEAF_TYPES or stored is None:
        return
    if stored.name != _LEAF_TYPES[letter]:
        raise ValueError(f"{name} says that it holds {_LEAF_TYPES[letter]} and {stored.name}")


def _compare_baskets(branch: Any) -> None:
    """Let every basket of a branch be compared with what the branch says of it, as it is read."""
    interpretation = branch.interpretation
    read = interpretation.basket_array

    def basket_array(data: Any, offsets: Any, basket: Any, *rest: Any) -> Any:
        array, number = read(data, offsets, basket, *rest), basket.basket_num
        start, stop = branch.entry_offsets[number : number + 2]
        if len(array) != stop - start:
            raise ValueError(
                f"basket {number} of {branch.name} has {len(array):,} entries for {stop - start:,}"
            )
        return array

    interpretation.basket_array = basket_array


def _check_pages(ntuple: Any, fields: Sequence[Any]) -> None:
    """Compare the checksums of an RNTuple's lists of pages, and of the pages themselves."""
    inner = ntuple.ntuple
    for record in inner.footer.cluster_group_records:
        link = record.page_list_link
        chunk, _ = inner.read_locator(link.locator, link.env_uncomp_size)
        _check_sum(bytes(chunk.raw_data), "a list of pages")
    wanted = {field.field_id for field in fields}
    columns = [c.idx for c in inner.column_records if c.field_id in wanted]
    for cluster in inner.page_link_list:
        for page in (p for c in columns if c < len(cluster) for p in cluster[c].pages):
            if page.has_checksum:
                start, size = page.locator.offset, page.locator.num_bytes + _CHECKSUM_BYTES
                chunk = inner.file.source.chunk(start, start + size)
                _check_sum(bytes(chunk.raw_data), "a page")


def _check_sum(data: bytes, what: str) -> None:
    content, told = data[:-_CHECKSUM_BYTES], data[-_CHECKSUM_BYTES:]
    if xxhash.xxh3_64_intdigest(content) != int.from_bytes(told, "little"):
        raise ValueError(f"{what} has another checksum than the file says")
