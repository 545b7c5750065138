"""The one command, `xyy`: from words to an exit code.

Commands stand in `analysis.commands`, grouped as in the help. Heavy libraries are imported inside
them, so that ``xyy --help`` and a refused file answer in under a second.
"""

import contextlib
import inspect
import os
import signal
import sys
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from analysis.commands import check, classroom, pipeline
from analysis.commands.infer import infer
from tools import ending
from tools.errors import InputError, XyyError
from tools.pool import ONE_THREAD
from tools.reading import refuse_odd_name
from tools.system_errors import exit_code, told_by_any

INTERRUPTED = ending.exit_code(signal.SIGINT)
COMMANDS = {
    "Pipeline": (
        pipeline.new_analysis,
        pipeline.convert,
        pipeline.process,
        pipeline.optimise,
        pipeline.freeze,
        pipeline.unblind,
        infer,
        pipeline.report,
        pipeline.run,
        pipeline.export,
    ),
    "Check": (check.inspect, check.status, check.plan, check.bench, check.closure),
    "Classroom": (classroom.generate,),
}

app = typer.Typer(
    name="xyy",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)
for _panel, _commands in COMMANDS.items():
    for _command in _commands:
        app.command(rich_help_panel=_panel)(_command)
app.add_typer(classroom.universes, rich_help_panel="Classroom")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit with the code of the contract."""
    for name, value in ONE_THREAD.items():
        os.environ.setdefault(name, value)  # before NumPy is imported, which reads it then
    words = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in words
    try:
        _refuse_other_installs()
        # Names that are not UTF-8 could be held by neither JSON nor a page nor a figure.
        with contextlib.suppress(FileNotFoundError):  # of a current folder that is gone
            refuse_odd_name(Path.cwd())
        for word in words:
            refuse_odd_name(word)
        app([word for word in words if word != "--debug"], prog_name="xyy")
    except (KeyboardInterrupt, SystemExit) as end:
        if getattr(end, "code", INTERRUPTED) == INTERRUPTED:
            _fail(ending.message(signal.SIGINT), INTERRUPTED)
        raise
    except XyyError as error:
        if debug:
            raise
        _fail(str(error), error.exit_code)
    except Exception as error:
        if debug:
            raise
        defect = f"{type(error).__name__}: {error}; a defect of xyy: --debug shows where"
        _fail(told_by_any(error) or defect, exit_code(error))


def _fail(message: str, code: int) -> NoReturn:
    if (number := ending.received()) is not None:  # whatever failed, it failed of that
        message, code = ending.message(number, resumes=_resumes()), ending.exit_code(number)
    typer.echo(f"xyy: {message}", err=True)
    sys.exit(code)


def _resumes() -> bool:
    """Return whether the command that runs takes ``--resume``."""
    commands = {command.__name__: command for group in COMMANDS.values() for command in group}
    command = commands.get((*sys.argv, "")[1])
    return command is not None and "resume" in inspect.signature(command).parameters


def _refuse_other_installs() -> None:
    """Refuse to run where the settings files are not: only an editable install has them."""
    from tools.checkout import checkout

    if not (checkout() / "datasets" / "course.toml").is_file():
        raise InputError(f"{checkout()} is not a checkout of xyy; install with `pip install -e .`")


def _version(wanted: bool) -> None:  # noqa: FBT001 - typer calls it
    if wanted:
        typer.echo(f"xyy {metadata.version('xyy')}")
        raise typer.Exit


@app.callback()
def _options(
    *,
    _version_wanted: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
    _debug: Annotated[bool, typer.Option("--debug", help="Show a traceback on errors.")] = False,
) -> None:
    """Search for a new particle that decays to two photons: from event files to a verdict."""
