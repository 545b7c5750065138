"""What a file is, told by its first bytes and never by its name.

A Parquet file that is called ``.root`` is read as what it is. A login page that was saved as
``.root`` is told apart from a damaged file: the remedies differ.
"""

from dataclasses import dataclass
from pathlib import Path

from tools.errors import InputError

BOM = b"\xef\xbb\xbf"
"""before a text, as Windows writes it"""
_MIN_ZEROS = 16
"""bytes, all of them zero, of what is no beginning of anything"""


@dataclass(frozen=True, slots=True)
class ContentKind:
    """One kind of file."""

    name: str
    """for programs"""
    words: str
    """for people, as in "it is ..." """
    magic: bytes = b""
    """what it begins with; empty where that is not enough"""
    advice: str = ""
    """what to do with it, where it cannot be read; empty where it can, or is not known"""


ROOT = ContentKind("root", "a ROOT file", b"root")
PARQUET = ContentKind("parquet", "a Parquet file", b"PAR1")
CSV = ContentKind("csv", "a CSV file")
HTML = ContentKind("html", "a web page (HTML or XML)", advice="download the file itself")
JSON = ContentKind("json", "a JSON file", advice="write its events as CSV, ROOT or Parquet")
ZEROS = ContentKind(
    "zeros", "nothing but zero bytes", advice="it was never written whole: get it again"
)
EMPTY = ContentKind("empty", "empty (0 bytes)", advice="get the file again")
UNKNOWN = ContentKind("unknown", "of no known kind")
_BY_MAGIC = (
    ROOT,
    PARQUET,
    ContentKind("gzip", "a gzip file", b"\x1f\x8b", "unpack it first, with `gunzip`"),
    ContentKind("zip", "a zip or Excel file", b"PK\x03\x04", "unpack it, or save the sheet as CSV"),
    ContentKind("bzip2", "a bzip2 file", b"BZh", "unpack it first, with `bunzip2`"),
    ContentKind("xz", "an xz file", b"\xfd7zXZ", "unpack it first, with `unxz`"),
    ContentKind("zstd", "a zstd file", b"\x28\xb5\x2f\xfd", "unpack it first, with `unzstd`"),
    ContentKind("hdf5", "an HDF5 file", b"\x89HDF", "write it as CSV, ROOT or Parquet"),
    ContentKind("utf-16", "UTF-16 text", b"\xff\xfe", "save it as UTF-8"),
    ContentKind("utf-16", "UTF-16 text", b"\xfe\xff", "save it as UTF-8"),
)


def content_kind(head: bytes) -> ContentKind:
    r"""Return the kind of file that begins with some bytes.

    >>> content_kind(b"root\0\0").name, content_kind(b"\n<!DOCTYPE html>").name
    ('root', 'html')
    >>> content_kind(b'{"run": 1}').name
    'json'
    >>> content_kind(b"a,b\n1,2\n").name, content_kind(bytes(100)).name, content_kind(b"").name
    ('csv', 'zeros', 'empty')
    """
    if not head:
        return EMPTY
    for kind in _BY_MAGIC:
        if head.startswith(kind.magic):
            return kind
    begin = head.removeprefix(BOM).lstrip()[:1]
    if begin == b"<":
        return HTML
    if begin in (b"{", b"["):
        return JSON
    if len(head) >= _MIN_ZEROS and not head.strip(b"\0"):
        return ZEROS
    return CSV if b"\n" in head and b"\0" not in head else UNKNOWN


def refuse_misnamed(path: Path, kind: ContentKind) -> None:
    """Refuse a file whose name says ROOT or Parquet, and whose content is neither.

    Raises
    ------
    InputError
        With what it is, as far as that is known.
    """
    if kind in (ROOT, PARQUET) or path.suffix not in {".root", ".parquet"}:
        return
    if kind.advice:
        raise InputError(f"{path} is {kind.words}, not what its name says; {kind.advice}")
    raise InputError(
        f"{path} is damaged: it does not begin like a {path.suffix} file; get it again"
    )
