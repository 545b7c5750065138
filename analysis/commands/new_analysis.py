"""The command that starts a search of one's own."""

from pathlib import Path
from typing import Annotated

import typer

from analysis.commands.options import QuietOption


def new_analysis(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="Where your files will lie.")],
    *,
    quiet: QuietOption = False,
) -> None:
    """Write the two settings files to start a search of your own, and say what to do next.

    `samples.toml` says what your data are, `search.toml` what you decide: those of the course, to
    be changed. Files that are there are not overwritten.

    Example: `xyy new-analysis mine`
    """
    from analysis.settings.new_analysis import new_analysis as write

    lines = write(directory)
    if not quiet:
        typer.echo("\n".join(lines))
