"""Commands of the classroom: samples to practise on, and the course's game.

The game: sealed universes, scored claims, the truth at dinner.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from analysis.commands import options
from analysis.commands.console import Console, Printer
from analysis.commands.options import flag, number, spread
from tools.errors import InputError
from tools.locks import one_writer
from tools.names import listed

universes = typer.Typer(
    name="universe",
    help="The course's game: sealed universes for groups, their claims, the truth at dinner.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
)
GameArgument = Annotated[Path, typer.Argument(metavar="DIR", help="The game's folder.")]


@spread
def generate(
    names: Annotated[list[str] | None, typer.Argument(metavar="[NAME]...")] = None,
    *,
    out: options.OutOption,
    universe: options.UniverseOption = None,
    seed: options.SeedOption = None,
    events: Annotated[int | None, number(1, 10**12, "Events of each sample.")] = None,
    file_format: Annotated[
        Literal["csv", "root"] | None,
        typer.Option("--format", help="CSV like the course's, by default, or ROOT chunks."),
    ] = None,
    workers: Annotated[
        int | None,
        number(
            1,
            options.MAX_PROCESSES,
            "Processes for large samples in ROOT chunks; all cores by default.",
        ),
    ] = None,
    layout: Annotated[
        Literal["nanoaod", "atlas-open-data-2025"] | None,
        typer.Option(help="Photon ntuples in this layout, in place of the course's samples."),
    ] = None,
    force: Annotated[
        bool, flag("--force", "Replace what was generated before, and only that.")
    ] = False,
    samples: options.SamplesOption = options.SAMPLES_FILE,
    console: Console,
) -> None:
    """Generate course samples, the observed data of a universe, or photon ntuples.

    NAME is `background` or `signal_<mass>`, at any mass in GeV; without a name, all samples.

    With --layout it is `ggH125` (H -> yy at 125 GeV), `yy` (without a resonance) or `data` (both
    together): one ROOT file each, with weights of both signs, none to three photons in an event, in
    no order, and event numbers above 2^63. The events are the same in each layout.

    The events depend on the seed alone, not on the workers. The files say that they were
    generated, wherever they are copied, and no other file is replaced by them.

    Example: `xyy generate signal_600 background --out mine`

    Example: `xyy generate --layout nanoaod --out ntuples`, then `xyy inspect ntuples/yy.root`
    """
    from tools.event_files import refuse_to_replace
    from tools.generate import DEFAULT_SEED, generate_sample
    from tools.universe import generate_universe

    chosen = DEFAULT_SEED if seed is None else seed
    if layout is not None:
        others = {"--universe": universe, "--format": file_format, "--workers": workers,
                  "--samples": None if samples == options.SAMPLES_FILE else samples}  # fmt: skip
        _refuse_beside_layout([name for name, given in others.items() if given is not None])
        _generate_ntuples(names or [], layout, out, chosen, events, console, force=force)
        return
    catalogue, file_format = options.catalogue_of(samples), file_format or "csv"
    how: dict[str, Any] = {"seed": chosen, "file_format": file_format, "workers": workers}
    if universe is not None and (names or events is not None):
        raise InputError("--universe K takes no sample names and no --events: it has its own")
    with one_writer(out):
        if universe is not None:
            data = f"universe_{universe}" if file_format == "csv" else catalogue.observed().name
            refuse_to_replace(out, [data], file_format, force=force)
            with console.progress(f"universe {universe}") as report:
                path = generate_universe(catalogue, universe, out, progress=report, **how)
            console.log(str(path))
            return
        names = names or [sample.name for sample in catalogue.simulation]
        refuse_to_replace(out, names, file_format, force=force)
        for name in names:
            with console.progress(name, events) as report:
                path = generate_sample(catalogue, name, out, events=events, progress=report, **how)
            console.log(str(path))


def _refuse_beside_layout(given: Sequence[str]) -> None:
    if given:
        raise InputError(
            "--layout: photon ntuples are ROOT files of their own, written in one process; leave "
            f"{listed(given)} out"
        )


def _generate_ntuples(
    names: Sequence[str],
    layout: str,
    out: Path,
    seed: int,
    events: int | None,
    console: Console,
    *,
    force: bool,
) -> None:
    from tools.event_files import refuse_files
    from tools.ntuple_generator import normalisation, ntuples_named, write_ntuple

    wanted = {out / f"{sample.name}.root": sample for sample in ntuples_named(names)}
    with one_writer(out):
        refuse_files(wanted, force=force)
        for path, sample in wanted.items():
            size = events or sample.events
            with console.progress(sample.name, size) as report:
                write_ntuple(path, sample, layout, seed=seed, events=size, progress=report)
            console.log(f"{path}: {normalisation(sample, size)}")


@universes.command()
@spread
def make(
    *,
    groups: Annotated[int, number(1, 10_000, "How many universes.", metavar="N")],
    out: options.OutOption,
    seed: Annotated[
        int | None,
        number(0, options.MAX_SEED, "Who knows it knows the truth; 128 random bits unless given."),
    ] = None,
    file_format: Annotated[Literal["csv", "root"], typer.Option("--format")] = "csv",
    samples: options.SamplesOption = options.SAMPLES_FILE,
    console: Console,
) -> None:
    """Make the data of each group, and seal the truth.

    Hand out the data and `sealed.json`. The truth is in `TEACHER_ONLY_secret.json`, for you alone.

    Example: `xyy universe make --groups 10 --out game`
    """
    catalogue = options.catalogue_of(samples)
    from analysis.game import making, sealing

    if seed is not None and seed < making.SHORT_SEED:
        console.log(
            "warning: a short seed can be found by trying, and with it the truth; leave --seed out "
            "for a game that counts"
        )
    with one_writer(out):
        game = making.make(
            catalogue, groups, out, seed=seed, file_format=file_format, progress=console.progress
        )
    console.log(f"hand out: {sealing.SEALED}, and to each group its data (group_...)")
    console.log(f"keep to yourself: {out / sealing.SECRET}")
    typer.echo(f"seal {game.truth.seal}")


@universes.command()
@spread
def score(
    directory: GameArgument,
    claims: Annotated[
        list[str], typer.Argument(metavar="[GROUP=]CLAIM...", help="Claim files, or folders.")
    ],
    *,
    printer: Printer,
) -> None:
    """Compare claims with the truth: the table for the dinner, and `scores.json`.

    A claim is the `claim.json` that `xyy run --data FILE --unblind TEXT` writes. Whose it is is
    known by the data that it was made from.

    Example: `xyy universe score game results/*/claim.json`
    """
    from analysis.game import scoreboard
    from analysis.game.sealing import read_game, write_private

    game = read_game(directory)
    found = scoreboard.assign(game, [options.named_file(word) for word in claims])
    scored = scoreboard.scores(game, found)
    with one_writer(directory, writes=[scoreboard.SCORES]):
        write_private(directory / scoreboard.SCORES, scored)
    printer.result(directory / scoreboard.SCORES, lambda: scoreboard.table(scored))


@universes.command()
@spread
def reveal(directory: GameArgument, *, console: Console) -> None:
    """Prove that the sealed truth was not changed, and publish it in `revealed.json`.

    Where the secret is not at hand, what was revealed is checked in the same way: by anybody.

    Example: `xyy universe reveal game`
    """
    from analysis.game import scoreboard, sealing

    game = sealing.read_game(directory)
    files = sealing.refuse_other_data(game)
    if (directory / sealing.SECRET).is_file():
        with one_writer(directory, writes=[sealing.REVEALED]):
            sealing.write_revealed(game)
    console.log(f"seal {game.truth.seal}")
    console.log(
        f"unchanged since it was sealed: the truth of {len(game.sealed.groups)} groups, the seed, "
        f"{files} data files that are here"
    )
    typer.echo(scoreboard.truths(game))
