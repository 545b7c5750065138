"""What a user sees while the program works: a bar on a terminal, plain lines elsewhere.

Everything goes to stderr, so that stdout holds results alone (``--json``).
"""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import typer

from analysis.commands.options import JsonOption, QuietOption

PLAIN_SECONDS = 10.0
"""How often a line is printed where there is no terminal."""


@dataclass(frozen=True, slots=True)
class Console:
    """Prints what is being done, or nothing with `quiet`; an option of a command (`spread`)."""

    quiet: QuietOption = False

    def log(self, message: str) -> None:
        """Print one line."""
        if not self.quiet:
            typer.echo(message, err=True)

    @contextmanager
    def progress(self, what: str, events: int | None = None) -> Iterator[Callable[[int], None]]:
        """Yield a function that takes the number of events done so far.

        Parameters
        ----------
        what : str
            What is being done.
        events : int, optional
            How many events there are to do, if that is known.
        """
        start, done = time.monotonic(), 0

        def report(so_far: int) -> None:
            nonlocal done
            done = so_far
            show(so_far)

        shown = _bar(what, events) if sys.stderr.isatty() else self._lines(what, events)
        with nullcontext(lambda _done: None) if self.quiet else shown as show:
            yield report
        seconds = time.monotonic() - start
        # The clock may stand still for a few events.
        rate = done / max(seconds, 1e-9) / 1e6
        of_all = "" if events in (None, done) else f" of {events:,}"
        self.log(f"{what}: {done:,}{of_all} events in {seconds:.1f} s ({rate:.3g} million/s)")

    @contextmanager
    def _lines(self, what: str, events: int | None) -> Iterator[Callable[[int], None]]:
        last = time.monotonic()

        def show(done: int) -> None:
            nonlocal last
            if time.monotonic() - last > PLAIN_SECONDS:
                last = time.monotonic()
                of_all = "" if events is None else f" of {events:,}"
                self.log(f"{what}: {done:,}{of_all} events")

        yield show


@dataclass(frozen=True, slots=True)
class Printer(Console):
    """The same, and prints the result; two options of a command."""

    print_json: JsonOption = False

    def result(self, path: Path, words: Callable[[], str] | None = None) -> None:
        """Print a result file as it is, if that is asked for, or else what people read of it."""
        if self.print_json:
            typer.echo(path.read_text(encoding="utf-8"), nl=False)
        elif words is not None and not self.quiet:
            typer.echo(words())


@contextmanager
def _bar(what: str, events: int | None) -> Iterator[Callable[[int], None]]:
    from rich import progress as bars
    from rich.console import Console as Terminal
    from rich.text import Text

    class Rate(bars.ProgressColumn):
        def render(self, task: bars.Task) -> Text:
            return Text(f"{(task.speed or 0.0) / 1e6:.2f} million/s")

    done, left = bars.MofNCompleteColumn(), bars.TimeRemainingColumn()
    columns = bars.TextColumn("{task.description}"), bars.BarColumn(), done, Rate(), left
    with bars.Progress(*columns, console=Terminal(stderr=True), transient=True) as progress:
        task = progress.add_task(what, total=events)
        yield lambda done: progress.update(task, completed=done)
