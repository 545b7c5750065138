"""Standard output and standard error that do not stop the work, whatever they are connected to.

A terminal of another encoding, a full disk, a closed descriptor, a reader that has seen enough: the
work goes on. Characters that cannot be shown are escaped. What standard output could not take is
told at the end; what standard error could not take is nobody's to be told.
"""

import errno
import io
import os
import sys
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer


class Patient(io.FileIO):
    """A file whose first error in writing is kept; from then on it swallows everything."""

    error: OSError | None = None

    def write(self, content: "ReadableBuffer") -> int:
        """Write all of it, if there was no error yet."""
        left = memoryview(content)
        while left and self.error is None:
            try:
                left = left[super().write(left) or 0 :]
            except OSError as error:
                self.error = error
        return memoryview(content).nbytes

    def lost(self) -> str | None:
        """Return a message if something was lost; a reader that has seen enough loses nothing."""
        if self.error is None or self.error.errno == errno.EPIPE:
            return None
        return f"standard output: {self.error.strerror}; send it elsewhere"


def prepare() -> Patient:
    """Replace the standard streams of this process, and return the file of standard output."""
    _fill_gaps()
    out, error = Patient(1, "wb", closefd=False), Patient(2, "wb", closefd=False)
    sys.stdout = _text(out, sys.stdout)
    sys.stderr = _text(error, sys.stderr)
    return out


def _fill_gaps() -> None:
    """Open closed descriptors: else the first files of the work would get their numbers.

    Standard output for reading only, so that what is printed there is an error.
    """
    for number, way in enumerate((os.O_RDONLY, os.O_RDONLY, os.O_WRONLY)):
        try:
            os.fstat(number)
        except OSError:
            # It gets the lowest number that is free: this one. Our processes inherit it.
            os.set_inheritable(os.open(os.devnull, way), True)


def _text(file: Patient, like: TextIO | None) -> TextIO:
    # Without a buffer, which would be written again if Ctrl-C came at the end of `write`.
    return io.TextIOWrapper(
        file,
        encoding="utf-8" if like is None else like.encoding,
        errors="backslashreplace",
        line_buffering=True,
    )
