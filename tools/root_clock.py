"""Times in ROOT files: six bits for the year, from 1995 to 2058.

A machine without a battery begins in 1970. What is written there is as good as elsewhere, and no
result depends on the time in a file; it is the nearest one that ROOT has.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

_FIRST, _LAST = 1995, 1995 + 2**6 - 1


@contextmanager
def root_clock() -> Iterator[None]:
    """Let uproot write files while the block runs, whatever this machine's clock says."""
    year = datetime.now(UTC).year
    if _FIRST < year < _LAST:  # its own clock is a local one
        yield
        return
    import uproot

    # Private, and the only place: uproot asks the clock in a dozen others.
    code = uproot._util.datetime_to_code  # noqa: SLF001
    nearest = _FIRST if year <= _FIRST else _LAST
    uproot._util.datetime_to_code = lambda time: code(  # noqa: SLF001
        time.replace(year=nearest, month=1, day=1)
    )
    try:
        yield
    finally:
        uproot._util.datetime_to_code = code  # noqa: SLF001
