"""The process of the command `xyy`: made fit for the work, whoever started it, and ended in order.

Until the commands are imported a signal ends it at once, see `tools.editable`.
"""

import os
import sys
from typing import NoReturn

from tools import ending, streams


def main() -> NoReturn:
    """Run the command line in this process and end it."""
    _leave_modes()
    # So that no process we start imports a user's file with a library's name (`random.py`), and
    # none that cleans up behind us, if we are killed, complains.
    os.environ["PYTHONSAFEPATH"] = "1"
    own = os.environ.get("PYTHONWARNINGS")
    ours = "ignore:resource_tracker:UserWarning"
    os.environ["PYTHONWARNINGS"] = f"{own},{ours}" if own else ours
    printed = streams.prepare()
    from analysis import cli

    code: str | int | None = 0
    ending.in_order()
    try:
        cli.main()
    except SystemExit as end:
        code = end.code
    ending.no_more()
    if (lost := printed.lost()) is not None and not code:
        sys.stderr.write(f"xyy: {lost}\n")
        code = 1
    sys.exit(code)


def _leave_modes() -> None:
    """Start anew without modes of Python that the libraries cannot bear.

    With ``-OO`` there are no docstrings, of which the help is made (and matplotlib's); in the
    developers' mode awkward 2 stops at a misspelt name.
    """
    modes = (sys.flags.optimize > 1, sys.flags.dev_mode)
    if any(modes) and os.path.isfile(sys.argv[0]):  # noqa: PTH113 - pathlib takes its time
        for name in ("PYTHONOPTIMIZE", "PYTHONDEVMODE"):
            os.environ.pop(name, None)
        os.execv(sys.executable, [sys.executable, *sys.argv])  # noqa: S606 - it is this program
