"""The build backend: setuptools, and an editable install whose packages come first.

Python looks into the current folder (``python -m``, ``python -c``, a notebook) or a script's own
before it looks at what is installed, and setuptools' editable install is asked last of all. There,
a user's own ``analysis/`` or ``tools/`` would be imported instead of ours. So the wheel of an
editable install gets a finder of ours beside setuptools' own; it is asked before any folder is.

It gets a file that Python runs before all others, too: what they and `xyy` import on the way to its
first line takes a tenth of a second, in which Ctrl-C would end in a traceback.
"""

from base64 import urlsafe_b64encode
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any
from zipfile import ZipFile

from setuptools import build_meta
from setuptools.build_meta import (
    build_sdist,
    build_wheel,
    get_requires_for_build_editable,
    get_requires_for_build_sdist,
    get_requires_for_build_wheel,
    prepare_metadata_for_build_editable,
    prepare_metadata_for_build_wheel,
)

__all__ = [
    "build_editable",
    "build_sdist",
    "build_wheel",
    "get_requires_for_build_editable",
    "get_requires_for_build_sdist",
    "get_requires_for_build_wheel",
    "prepare_metadata_for_build_editable",
    "prepare_metadata_for_build_wheel",
]

_CHECKOUT = Path(__file__).parent.parent
_FINDER = f'''\
"""Finds the packages of xyy in its checkout, whatever the current folder holds."""

import sys
from importlib.machinery import PathFinder


class Finder:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name in ("analysis", "processors", "tools"):
            return PathFinder.find_spec(name, [{str(_CHECKOUT)!r}])
        return None


sys.meta_path.insert(0, Finder)
'''

_FIRST = '''\
"""Ends `xyy` with one line if a signal comes before it has begun."""

import _signal  # `signal` would import more
import os
import sys


def leave(number, _frame):
    word = "interrupted" if number == _signal.SIGINT else "terminated"
    os.write(2, f"xyy: {word}; run it again\\n".encode())
    os._exit(128 + number)


if os.path.basename((*sys.orig_argv, "")[1]) == "xyy":
    for number in (_signal.SIGINT, _signal.SIGTERM, _signal.SIGHUP):
        if _signal.getsignal(number) != _signal.SIG_IGN:
            _signal.signal(number, leave)
'''


def build_editable(
    wheel_directory: str,
    config_settings: Mapping[str, Any] | None = None,
    metadata_directory: str | None = None,
) -> str:
    """Make the wheel of an editable install and return its name (PEP 660)."""
    name: str = build_meta.build_editable(wheel_directory, config_settings, metadata_directory)
    files = {
        "_xyy_finder.py": _FINDER,
        "_xyy_finder.pth": "import _xyy_finder\n",
        "_xyy_first.py": _FIRST,
        "0_xyy_first.pth": "import _xyy_first\n",  # they are read in the order of their names
    }
    _add(Path(wheel_directory) / name, files)
    return name


def _add(wheel: Path, files: Mapping[str, str]) -> None:
    """Write a wheel anew with more files, which its list of files names too."""
    with ZipFile(wheel) as old:
        contents = {name: old.read(name) for name in old.namelist()}
    (record,) = (name for name in contents if name.endswith(".dist-info/RECORD"))
    for name, text in files.items():
        content = text.encode()
        digest = urlsafe_b64encode(sha256(content).digest()).rstrip(b"=").decode()
        contents[name] = content
        contents[record] = f"{name},sha256={digest},{len(content)}\n".encode() + contents[record]
    with ZipFile(wheel, "w") as new:
        for name, content in contents.items():
            new.writestr(name, content)
