"""ROOT files: their TTrees and RNTuples, and the one that holds flat events.

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
from tools.reading import open_regular
from tools.shown import brief
from tools.values import Values

_TREES = ("TTree", "TNtuple", "TNtupleD", "ROOT::RNTuple")
_CHECKSUM_BYTES = 8
_HEADER_BYTES = 20
_LARGE_FILE = 1_000_000
"""added to the version of a file whose places have 64 bits"""
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

_UNSPLIT = "ROOT::Math::LorentzVector<"


class RootFile:
    """An open ROOT file; a context manager.

    Parameters
    ----------
    path : Path

    Raises
    ------
    InputError
        If it is cut off.
    Exception
        Of any kind that uproot raises: the file is damaged.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._refuse_cut_off()
        # As a dict: a colon in the path is no separator.
        self._file = uproot.open({str(path): None})

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def _refuse_cut_off(self) -> None:
        size, written = self.path.stat().st_size, _end(self.path)
        if size < written:
            raise InputError(
                f"{self.path} is cut off ({size:,} of {written:,} bytes); get it again"
            )

    def names(self) -> list[str]:
        """Return the names of its trees, with their folders.

        Raises
        ------
        InputError
            If there is none.
        """
        classes = self._file.classnames(recursive=True, cycle=False)
        trees = [name for name, kind in classes.items() if kind in _TREES]
        if not trees:
            found = listed(f"{name} ({kind})" for name, kind in classes.items()) or "nothing"
            raise InputError(
                f"{self.path} holds no TTree or RNTuple but {found}; name a file with flat events"
            )
        return trees

    def cycles(self, name: str) -> list[str]:
        """Return the states of a tree with their cycles, the newest first.

        Older ones that ROOT's AutoSave left, which hold a beginning of the same events, are none.
        """
        keys = self._file.keys(recursive=True, filter_name=lambda key: key == name)
        newest, *older = sorted(keys, key=lambda key: -int(key.rpartition(";")[2]))
        other = [key for key in older if not _is_backup(self._file[key], self._file[newest])]
        return [str(key) for key in (newest, *other)]

    def tree(self, name: str) -> "RootTree":
        """Return a tree, by its name with or without a cycle."""
        return RootTree(self.path, self._file[name])

    def events(self) -> "RootTree":
        """Return the tree of flat events: the only one, or that which is called ``Events``.

        Raises
        ------
        InputError
            If there is no such tree, or it cannot be told which.
        """
        trees = self.names()
        chosen = [name for name in trees if name.rpartition("/")[2] == "Events"]
        if len(trees) > 1 and len(chosen) != 1:
            raise InputError(
                f"{self.path} holds several trees ({listed(chosen or trees)}); call the one to "
                "convert `Events`, and no other"
            )
        newest, *older = self.cycles((chosen or trees)[0])
        for key in older:
            raise InputError(
                f"{self.path} holds two trees of one name, {newest} and {key}, with different "
                "events; write the one to convert to a file of its own"
            )
        return self.tree(newest)


def _end(path: Path) -> int:
    """Return where a ROOT file ends, as its header says (see ROOT's TFile)."""
    with open_regular(path) as stream:
        head = stream.read(_HEADER_BYTES)
    large = int.from_bytes(head[4:8]) >= _LARGE_FILE
    return int.from_bytes(head[12:20] if large else head[12:16])


class RootTree:
    """A TTree or RNTuple of an open file.

    Parameters
    ----------
    path : Path
        Of the file, for messages.
    tree : uproot.TTree or uproot RNTuple
    """

    def __init__(self, path: Path, tree: Any) -> None:
        self.path, self._tree = path, tree
        self.is_ntuple = not hasattr(tree, "branches")
        top: Sequence[Any] = tree.fields if self.is_ntuple else tree.branches
        self.fields = tuple(str(column.name) for column in top)
        """names of its columns, without those inside of others"""
        self._columns = {column.name: column for column in top}

    @property
    def title(self) -> str:
        """Of the tree; an RNTuple has none."""
        return str(getattr(self._tree, "title", ""))

    @property
    def entries(self) -> int:
        """How many events it holds."""
        return int(self._tree.num_entries)

    def types(self) -> dict[str, str]:
        """Return the types of all columns, as the file calls them.

        With those inside of others; what is nothing but a group of them is left out.
        """
        if self.is_ntuple:
            return _field_types(self._tree.ntuple.field_records)
        for column in self._tree.itervalues(recursive=True):
            self._columns.setdefault(column.name, column)
        return {
            str(name): str(column.typename)
            for name, column in self._columns.items()
            if not isinstance(column.interpretation, uproot.interpretation.grouped.AsGrouped)
        }

    def arrays(self, names: Sequence[str], events: int) -> Iterator[dict[str, Values]]:
        """Yield the numbers of some columns in order, some events at a time.

        Raises
        ------
        InputError
            If a column holds anything else than one number per event.
        ValueError
            If the file contradicts itself.
        """
        for name in names:
            self._check_type(self._columns[name])
        yield from self._iterate(names, events, "np")

    def lists(self, names: Sequence[str], events: int) -> Iterator[dict[str, Any]]:
        """Yield columns of any type as awkward arrays, in order, some events at a time.

        Raises
        ------
        InputError
            If a column holds something that uproot does not read.
        ValueError
            If the file contradicts itself; lists that end behind their content would let awkward
            end the process.
        """
        import awkward as ak

        tops = {name: self._top(name) for name in names}
        self._refuse_unsplit(set(tops.values()))
        for arrays in self._iterate(list(dict.fromkeys(tops.values())), events, "ak"):
            for name, array in arrays.items():
                if wrong := ak.validity_error(array):
                    raise ValueError(f"{name}: {wrong}")
            yield {name: inside(arrays[top], name, top) for name, top in tops.items()}

    def _refuse_unsplit(self, names: set[str]) -> None:
        """Refuse whole vectors of ROOT::Math in a TTree, of which uproot misses some bytes."""
        for name in names:
            kind = str(self._columns[name].typename)
            if _UNSPLIT in kind and not self.is_ntuple:
                raise InputError(
                    f"{self.path}, column {name} holds {brief(kind)}, not split into its "
                    "components, which uproot cannot read; write it split, or pt, eta and phi"
                )

    def _top(self, name: str) -> str:
        """Return the column that is read for another inside of it."""
        if name not in self._columns:
            self.types()
        return name if name in self._columns else name.partition(".")[0]

    def _iterate(self, names: Sequence[str], events: int, library: str) -> Iterator[dict[str, Any]]:
        wanted = [self._columns[name] for name in names]
        if self.is_ntuple:
            _check_pages(self._tree, wanted)
        else:
            _check_entries(self._tree, wanted)
        chosen = {id(column) for column in wanted}
        kind = "filter_field" if self.is_ntuple else "filter_branch"
        only = {kind: lambda column: id(column) in chosen}
        for arrays in self._tree.iterate(step_size=events, library=library, **only):
            yield {name: arrays[name] for name in names}

    def _check_type(self, column: Any) -> None:
        """Refuse what is no plain number."""
        if self.is_ntuple:
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


def _field_types(records: Sequence[Any]) -> dict[str, str]:
    """Return names and types of the fields of an RNTuple, as its own list takes seconds."""
    paths: list[str] = []
    for number, record in enumerate(records):  # a field stands behind its parent
        before = "" if record.parent_field_id == number else f"{paths[record.parent_field_id]}."
        # The items of a collection have no name of their own: `_0`.
        paths.append(before[:-1] if record.field_name == "_0" else before + record.field_name)
    found: dict[str, str] = {}
    for path, record in zip(paths, records, strict=True):
        found.setdefault(path, str(record.type_name))
    return found


def inside(array: Any, name: str, top: str) -> Any:
    """Return what a name with dots means in the array of the column `top`, which holds records."""
    for field in name.removeprefix(top).split(".")[1:]:
        array = array[field]
    return array


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
    columns = _columns_of(inner, {field.field_id for field in fields})
    for cluster in inner.page_link_list:
        for page in (p for c in columns if c < len(cluster) for p in cluster[c].pages):
            if page.has_checksum:
                start, size = page.locator.offset, page.locator.num_bytes + _CHECKSUM_BYTES
                chunk = inner.file.source.chunk(start, start + size)
                _check_sum(bytes(chunk.raw_data), "a page")


def _columns_of(inner: Any, fields: set[int]) -> list[int]:
    """Return the columns of some fields, with those of the fields inside of them."""
    for number, record in enumerate(inner.field_records):  # a field stands behind its parent
        if record.parent_field_id in fields:
            fields.add(number)
    borrowed = {c.physical_id for c in inner.alias_column_records if c.field_id in fields}
    return [c.idx for c in inner.column_records if c.field_id in fields or c.idx in borrowed]


def _check_sum(data: bytes, what: str) -> None:
    content, told = data[:-_CHECKSUM_BYTES], data[-_CHECKSUM_BYTES:]
    if xxhash.xxh3_64_intdigest(content) != int.from_bytes(told, "little"):
        raise ValueError(f"{what} has another checksum than the file says")
