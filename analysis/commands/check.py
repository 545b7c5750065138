"""Commands that check what is there."""

import typer

from analysis.commands.options import (
    DirectoryArgument,
)


def status(directory: DirectoryArgument) -> None:
    """Say of each stage of a folder whether it is up to date, or why not.

    Example: `xyy status results/mine`
    """
    from analysis import decisions
    from analysis.folder import Folder
    from analysis.status import status as stages_of

    folder = Folder(directory)
    for stage, state in stages_of(folder):
        typer.echo(f"{stage:9s} {state}")
    ledger = folder.read_if_there("ledger.json") or {"complete": None}
    complete = {True: "yes", False: "no, events were lost: see ledger.json", None: "not processed"}
    typer.echo(f"blinded   {'no' if decisions.is_unblinded(folder) else 'yes'}")
    typer.echo(f"complete  {complete[ledger['complete']]}")
