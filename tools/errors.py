"""The errors that a user sees, each with the exit code that scripts rely on.

=====  =========================================================================
code   meaning
=====  =========================================================================
1      failure at run time: disk full, a worker lost for good, lost chunks
2      wrong use or bad input: the message says what, where, and what to do
4      refused on principle: incomplete or blinded data, changed decisions
130    interrupted
=====  =========================================================================

Rooms raise these; only the command line turns them into an exit.
"""

from typing import ClassVar


class XyyError(Exception):
    """A failure at run time, told in one message without a traceback."""

    exit_code: ClassVar[int] = 1


class InputError(XyyError):
    """Wrong use or bad input; the message names the file and place and the remedy."""

    exit_code: ClassVar[int] = 2


class RefusedError(XyyError):
    """Something the program could do and, on principle, does not."""

    exit_code: ClassVar[int] = 4
