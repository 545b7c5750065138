"""Which program made the numbers: its version, and digests of the code that makes them.

What is frozen includes the program: the code that fills histograms, chooses a selection and does
the statistics. Figures, pages, commands and executors make no numbers, and may be improved at any
time without a word on the results.
"""

from importlib import metadata

from analysis.results.freeze import Program
from tools.code import behind, code_digest

PARTS = ("processors", "selection", "statistics")
"""of the program, each with a digest of its code"""


def program_version() -> Program:
    """Return the version of the program, and the digest of each of `PARTS`."""
    # A change in a page or a command is none of these: it makes no number.
    return Program(
        version=metadata.version("xyy"),
        processors=code_digest("processors"),
        selection=code_digest(*behind("analysis.selection.methods")),
        statistics=code_digest(*behind("analysis.statistics.inference")),
    )


def program_changes(before: Program, now: Program) -> list[str]:
    """Return the parts of the program that differ."""
    return [part for part in PARTS if getattr(before, part) != getattr(now, part)]
